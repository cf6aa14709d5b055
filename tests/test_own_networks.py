"""What users bring as encoder, decoder and discriminator: bounded last layers, and layers of any precision."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import zoo
from zoo.models import _reach
from zoo.models._adversarial import gradient_norm

SHAPE = (8, 8, 1)


def decoder(*last, outputs=1, units=3):
    """A dense decoder of images and then the layers given."""
    return keras.Sequential(
        [
            keras.Input((units,)),
            layers.Dense(64 * outputs),
            layers.Reshape((8, 8, outputs)),
            *last,
        ]
    )


def functional(last):
    """A functional decoder, which applies a function to its map."""
    latents = keras.Input((3,))
    return keras.Model(latents, last(layers.Reshape(SHAPE)(layers.Dense(64)(latents))))


class Written(keras.Model):
    """A decoder with a `call` of its own, in plain TensorFlow."""

    def __init__(self, last):
        super().__init__()
        self.dense, self.last = layers.Dense(64), last

    def call(self, latents):
        return self.last(tf.reshape(self.dense(latents), (-1, *SHAPE)))


def model(**networks):
    return zoo.models.VAE(SHAPE, 3, seed=0, **networks)


# A last layer that bounds the outputs.

BOUNDED = {
    "sigmoid": lambda: decoder(layers.Activation("sigmoid")),
    "tanh": lambda: decoder(layers.Activation("tanh")),
    "relu": lambda: decoder(layers.ReLU()),
    "softmax": lambda: decoder(layers.Softmax(axis=1)),
    "hard_sigmoid": lambda: decoder(layers.Activation("hard_sigmoid")),
    "softplus": lambda: decoder(layers.Activation("softplus")),
    "elu": lambda: decoder(layers.ELU()),
    "gelu": lambda: decoder(layers.Activation("gelu")),
    "silu": lambda: decoder(layers.Activation("silu")),
    "of a convolution": lambda: decoder(layers.Conv2D(1, 3, padding="same", activation="sigmoid")),
    "before a reshape": lambda: keras.Sequential(
        [keras.Input((3,)), layers.Dense(64, "sigmoid"), layers.Reshape(SHAPE)]
    ),
    "in a nested model": lambda: keras.Sequential(
        [keras.Input((3,)), decoder(), decoder_end("sigmoid")]
    ),
    "before dropout": lambda: decoder(layers.Activation("sigmoid"), layers.Dropout(0.5)),
    "tanh moved to [0, 1]": lambda: decoder(layers.Activation("tanh"), layers.Rescaling(0.5, 0.5)),
    "an operation": lambda: functional(ops.sigmoid),
    "clipped": lambda: functional(lambda x: ops.clip(x, 0, 1)),
    "enlarged and cropped": lambda: functional(
        lambda x: layers.Cropping2D(4)(layers.UpSampling2D(2)(ops.sigmoid(x)))
    ),
    "in TensorFlow": lambda: Written(tf.nn.sigmoid),
    "in a function of TensorFlow": lambda: Written(tf.function(tf.nn.sigmoid)),
    "in bfloat16": lambda: decoder(layers.Activation("sigmoid", dtype="mixed_bfloat16")),
}
FREE = {
    "linear": decoder,
    "leaky relu": lambda: decoder(layers.LeakyReLU()),
    "a sigmoid inside": lambda: decoder(layers.Activation("sigmoid"), layers.Conv2D(1, 1)),
    "relu, then normalised": lambda: decoder(layers.ReLU(), layers.BatchNormalization()),
    "a wide range": lambda: decoder(layers.Activation("sigmoid"), layers.Rescaling(20, -10)),
    "a residual": lambda: functional(lambda x: x + ops.sigmoid(x)),
    "gated": lambda: functional(lambda x: x * layers.Conv2D(1, 1, activation="sigmoid")(x)),
    "in TensorFlow": lambda: Written(tf.identity),
    "the zoo's": lambda: zoo.networks.convolutional_decoder(3, SHAPE),
}


def decoder_end(activation):
    return keras.Sequential([layers.Conv2D(1, 1), layers.Conv2D(1, 1, activation=activation)])


@pytest.mark.parametrize("last", BOUNDED)
def test_a_decoder_whose_last_layer_bounds_its_output_brings_a_warning(last):
    with pytest.warns(UserWarning, match="`decoder`.*takes them as logits") as caught:
        model(decoder=BOUNDED[last]())
    assert len(caught) == 1
    assert "Leave out the activation of its last layer" in str(caught[0].message)


@pytest.mark.parametrize("last", FREE)
def test_a_decoder_that_may_give_any_number_brings_none(last):
    model(decoder=FREE[last]())


@pytest.mark.parametrize(
    ("last", "bounds"),
    [
        ("sigmoid", (0, 1)),
        ("tanh", (-1, 1)),
        ("relu", (0, np.inf)),
        ("relu6", (0, 6)),
        ("elu", (-1, np.inf)),
        ("log_sigmoid", (-np.inf, 0)),
        ("linear", (-np.inf, np.inf)),
        ("leaky_relu", (-np.inf, np.inf)),
    ],
)
def test_bounds_are_those_of_the_activation(last, bounds):
    assert _reach.reach(decoder(layers.Activation(last)), (3,)) == pytest.approx(bounds)


@pytest.mark.parametrize("name", zoo.registry.names("likelihoods"))
def test_every_likelihood_says_what_it_takes_and_warns_of_a_sigmoid(name):
    likelihood = zoo.registry.build("likelihoods", name)
    bounded = decoder(layers.Activation("sigmoid"), outputs=likelihood.outputs_per_value)
    with pytest.warns(UserWarning, match=f"{type(likelihood).__name__} takes them as .*logits"):
        model(decoder=bounded, likelihood=likelihood)


LINEAR = "{}(activation='linear')"


@pytest.mark.parametrize("name", ["gaussian", "laplace", "filtered_gaussian"])
@pytest.mark.parametrize("last", ["sigmoid", "relu", "tanh", "linear"])
def test_locations_themselves_may_be_bounded(name, last):
    model(decoder=decoder(layers.Activation(last)), likelihood=LINEAR.format(name))


@pytest.mark.parametrize(
    ("likelihood", "last"),
    [
        (LINEAR.format("gaussian"), layers.Softmax(axis=1)),
        (LINEAR.format("gaussian"), layers.Rescaling(0.5)),  # of a sigmoid
        ("gaussian(scale='per_pixel', activation='linear')", layers.ReLU()),
    ],
)
def test_locations_that_cannot_be_white_and_scales_that_cannot_be_small_bring_a_warning(
    likelihood, last
):
    outputs = zoo.likelihoods.get(likelihood).outputs_per_value
    bounded = decoder(layers.Activation("sigmoid"), last, outputs=outputs)
    with pytest.warns(UserWarning, match="`decoder`.*takes them as locations"):
        model(decoder=bounded, likelihood=likelihood)


def test_an_encoder_that_ends_in_relu_brings_a_warning_but_a_code_may_be_bounded():
    bounded = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(6, "relu")])
    with pytest.warns(UserWarning, match=r"`encoder`.*logarithms of variances.*always >= 0\."):
        model(encoder=bounded)
    code = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(3, "sigmoid")])
    zoo.models.Autoencoder(SHAPE, 3, encoder=code)


@pytest.mark.parametrize("cls", [zoo.models.InfoGAN, zoo.models.InfoWGANGP])
def test_a_discriminator_that_ends_in_a_sigmoid_brings_a_warning(cls):
    bounded = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(1, "sigmoid")])
    with pytest.warns(UserWarning, match=r"`discriminator`.*always in \[0, 1\]"):
        cls(SHAPE, 3, noise_dim=2, discriminator=bounded)


def test_a_model_that_is_loaded_does_not_warn_again(tmp_path):
    with pytest.warns(UserWarning, match="`decoder`"):
        made = model(decoder=decoder(layers.Activation("sigmoid")))
    made.save(tmp_path / "model.keras")
    zoo.load(tmp_path / "model.keras")
    with pytest.warns(UserWarning, match="`decoder`"):  # A new one does.
        model(decoder=decoder(layers.Activation("sigmoid")))


# Precision.


@contextlib.contextmanager
def global_policy(policy):
    floatx = "float64" if policy == "float64" else "float32"
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def own_networks(cls, **arguments):
    """Plain networks as a user writes them, of the policy that holds."""
    shapes = cls(SHAPE, 3, **arguments)

    def encoder_of(outputs):
        return keras.Sequential(
            [
                keras.Input(SHAPE),
                layers.Flatten(),
                layers.Dense(16, "relu"),
                layers.Dense(outputs),
            ]
        )

    networks = {
        "encoder": encoder_of(shapes.encoder_outputs),
        "decoder": decoder(units=shapes.decoder_inputs),
    }
    if issubclass(cls, zoo.models.InfoGAN):
        networks["discriminator"] = encoder_of(1)
    return networks


MODELS = {
    zoo.models.VAE: {},
    zoo.models.JointVAE: {"categories": (2,)},
    zoo.models.FactorVAE: {"discriminator_layers": 1},
    zoo.models.InfoGAN: {"noise_dim": 2},
    zoo.models.InfoWGANGP: {"noise_dim": 2, "discriminator_steps": 1},
}


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
@pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.__name__)
def test_own_networks_train_under_any_global_policy(cls, policy, binary_digits):
    with global_policy(policy):
        made = cls(SHAPE, 3, seed=0, **MODELS[cls], **own_networks(cls, **MODELS[cls]))
        made.compile()
        before = [variable.numpy() for variable in made.encoder.trainable_variables]
        batches = tf.data.Dataset.from_tensor_slices(binary_digits[:32]).batch(16)
        history = made.fit(batches.repeat(), steps_per_epoch=10, verbose=0).history
        assert all(np.isfinite(values).all() for values in history.values())
        after = [variable.numpy() for variable in made.encoder.trainable_variables]
        assert all((a != b).any() for a, b in zip(before, after, strict=True))
        scaled = [
            isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
            for optimizer in made.optimizers
        ]
        assert scaled == [policy == "mixed_float16"] * len(scaled)
        codes = made.encode(binary_digits[:4])
        assert codes.mean().dtype == tf.float32
        assert made.decode(codes.mean()).log_prob(binary_digits[:4]).dtype == tf.float32


def test_networks_in_float16_have_their_loss_scaled_in_a_float32_model(binary_digits):
    """Below 6e-8 a gradient in float16 is 0: unscaled, such a loss would train nothing."""
    with global_policy("mixed_float16"):
        networks = own_networks(zoo.models.VAE)
    made = model(**networks)
    assert made.dtype_policy.name == "float32"
    made.compile(keras.optimizers.SGD(1.0))
    assert isinstance(made.optimizer, keras.optimizers.LossScaleOptimizer)
    made.compile(keras.optimizers.SGD(1.0), auto_scale_loss=False)
    assert isinstance(made.optimizer, keras.optimizers.SGD)


def test_loss_scaling_of_both_optimizers_is_saved_and_goes_on(binary_digits, tmp_path):
    with global_policy("mixed_float16"):
        made = zoo.models.FactorVAE(SHAPE, 3, seed=0, discriminator_layers=1)
        made.compile()
        made.fit(binary_digits[:32], batch_size=8, verbose=0)
        made.save(tmp_path / "model.keras")
        loaded = zoo.load(tmp_path / "model.keras")
        for ours, theirs in zip(made.optimizers, loaded.optimizers, strict=True):
            assert isinstance(theirs, keras.optimizers.LossScaleOptimizer)
            assert not isinstance(theirs.inner_optimizer, keras.optimizers.LossScaleOptimizer)
            for a, b in zip(ours.variables, theirs.variables, strict=True):
                np.testing.assert_array_equal(a, b)
        before = int(loaded.discriminator_optimizer.iterations)
        loaded.fit(binary_digits[:32], batch_size=8, verbose=0)
        assert int(loaded.discriminator_optimizer.iterations) > before


def test_an_update_that_float16_skips_has_the_gradient_norm_0():
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0))
    scaled.build([keras.Variable([1.0])])
    assert float(gradient_norm([tf.constant([np.inf])], scaled)) == 0
    assert float(gradient_norm([tf.constant([2.0**15 * 3])], scaled)) == 3
    assert np.isinf(gradient_norm([tf.constant([np.inf])], keras.optimizers.SGD(1.0)))


@pytest.mark.parametrize("likelihood", ["gaussian(scale='learned')", "categorical", "beta"])
def test_likelihoods_compute_in_float32_of_a_float16_decoder(likelihood, binary_digits):
    with global_policy("mixed_float16"):
        outputs = zoo.likelihoods.get(likelihood).outputs_per_value
        made = model(decoder=decoder(outputs=outputs), likelihood=likelihood)
        found = made.decode(np.ones((2, 3), "float32")).log_prob(binary_digits[:2])
        assert found.dtype == tf.float32
        raw = ops.cast(made.decoder(np.ones((2, 3), "float32")), "float32")
        np.testing.assert_array_equal(found, made.likelihood(raw).log_prob(binary_digits[:2]))
