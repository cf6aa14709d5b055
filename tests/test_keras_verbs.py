"""Keras' own verbs on a model: weights of images, averages of weights, export, quantization, and what they leave."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import ops

from zoo import models

SHAPE = (8, 8, 1)
SMALL = {
    "FactorVAE": {"discriminator_layers": 1},
    "AdversarialAutoencoder": {"discriminator_layers": 1},
    "InfoGAN": {"noise_dim": 2},
    "InfoWGANGP": {"noise_dim": 2, "discriminator_steps": 1},
}


def make(name, **arguments):
    settings = {"seed": 0, **SMALL.get(name, {}), **arguments}
    return getattr(models, name)(SHAPE, 3, **settings)


def weights_of(count):
    """From 0 to 2, so that their mean is 1 and the first image does not count."""
    return np.linspace(0, 2, count)


# Weights of images.


@pytest.mark.parametrize("name", ["Autoencoder", "VAE", "DIPVAE", "IWAE", "FactorVAE"])
def test_each_images_loss_is_multiplied_by_its_weight(name, binary_digits, monkeypatch):
    model = make(name)
    model.compile(run_eagerly=True)
    seen = []
    objective = model.objective

    def remembered(terms):
        seen.append(objective(terms))
        return seen[-1]

    monkeypatch.setattr(model, "objective", remembered)
    weights = weights_of(64)
    found = model.evaluate(
        binary_digits, verbose=0, return_dict=True, batch_size=64, sample_weight=weights
    )
    for term in ("loss", "reconstruction"):
        expected = np.mean(weights * seen[0][term].numpy())
        assert found[term] == pytest.approx(expected, rel=1e-5), term


def test_the_gradient_is_that_of_the_weighted_mean(binary_digits):
    """An image of weight 2 counts as two, one of weight 0 as none."""
    weighted, repeated = make("Autoencoder"), make("Autoencoder")
    for model in (weighted, repeated):
        model.compile(keras.optimizers.SGD(1e-2), run_eagerly=True)
    images, twice = binary_digits[:4], binary_digits[[1, 1, 2, 3]]
    found = weighted.train_on_batch(images, sample_weight=[0, 2, 1, 1], return_dict=True)
    expected = repeated.train_on_batch(twice, return_dict=True)
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    for a, b in zip(weighted.weights, repeated.weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_doubled_weights_double_the_loss_as_in_keras(binary_digits):
    model = make("Autoencoder")
    model.compile(run_eagerly=True)
    plain = model.test_on_batch(binary_digits, return_dict=True)
    doubled = model.test_on_batch(binary_digits, sample_weight=np.full(64, 2.0), return_dict=True)
    assert doubled["loss"] == pytest.approx(2 * plain["loss"], rel=1e-5)


def test_losses_of_layers_are_not_weighed(binary_digits):
    l2 = keras.regularizers.L2(0.01)
    encoder = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3, kernel_regularizer=l2)]
    )
    model = make("Autoencoder", encoder=encoder)
    model.compile(run_eagerly=True)
    found = model.test_on_batch(binary_digits, sample_weight=np.zeros(64), return_dict=True)
    expected = 0.01 * np.square(encoder.layers[-1].kernel.numpy()).sum()
    assert found["reconstruction"] == 0
    assert found["loss"] == pytest.approx(expected, rel=1e-5)


def test_weights_go_with_their_images_through_shuffling_and_batches(binary_digits):
    """Each image's weight tells how many of its pixels are on: their product over all is known."""
    weights = binary_digits.sum(axis=(1, 2, 3))
    model = make("Autoencoder")
    batches = model._batches(binary_digits, 10, shuffle=True, weights=weights[:, None])
    count = 0
    for images, found in batches:
        np.testing.assert_array_equal(found, tf.reduce_sum(images, axis=(1, 2, 3)))
        count += len(images)
    assert count == 64


def test_a_pipeline_gives_weights_in_the_third_place(binary_digits):
    model = make("Autoencoder")
    model.compile()
    weights = weights_of(64)
    expected = model.evaluate(binary_digits, sample_weight=weights, verbose=0)
    plain = model.evaluate(binary_digits, verbose=0)
    for given in (weights, weights[:, None].astype("float32")):
        parts = (binary_digits, np.arange(64), given)
        pipeline = tf.data.Dataset.from_tensor_slices(parts).batch(24)
        np.testing.assert_allclose(model.evaluate(pipeline, verbose=0), expected, rtol=1e-5)
    labelled = (binary_digits, np.arange(64), np.zeros((64, 4), bool))
    pipeline = tf.data.Dataset.from_tensor_slices(labelled).batch(24)
    np.testing.assert_allclose(model.evaluate(pipeline, verbose=0), plain, rtol=1e-5)


@pytest.mark.parametrize("name", ["VAE", "FactorVAE", "InfoGAN", "BetaTCVAE"])
def test_fit_takes_weights_for_training_and_validation(name, binary_digits):
    model = make(name)
    model.compile()
    none = np.zeros(20)
    history = model.fit(
        binary_digits,
        sample_weight=weights_of(64),
        batch_size=24,
        validation_data=(binary_digits[:20], None, none),
        verbose=0,
    ).history
    assert np.isfinite(history["loss"]).all()
    assert history["val_reconstruction"] == [0.0]


def test_a_validation_split_takes_its_weights_along(binary_digits):
    model = make("Autoencoder")
    model.compile()
    weights = np.r_[np.ones(48), np.zeros(16)]
    history = model.fit(
        binary_digits, sample_weight=weights, validation_split=0.25, verbose=0
    ).history
    assert history["val_loss"] == [0.0]
    assert history["loss"][0] > 1


def test_a_pairs_weight_counts_for_both_images(binary_digits):
    model = make("AdaGVAE")
    model.compile()
    first, second = binary_digits[:16], binary_digits[16:32]
    parts = (first, second, np.zeros(16, "float32"))
    pairs = tf.data.Dataset.from_tensor_slices(parts).batch(8)
    assert model.fit(pairs, verbose=0).history["loss"] == [0.0]
    assert model.evaluate(pairs, verbose=0, return_dict=True)["loss"] == 0
    logs = model.train_on_batch(first, second, np.zeros(16), return_dict=True)
    assert logs["loss"] == 0


def test_only_real_images_are_weighed_by_a_discriminator_of_images(binary_digits):
    images, fakes = binary_digits[:4], 1 - binary_digits[:4]
    for name in ("InfoGAN", "InfoWGANGP"):
        model = make(name)
        values = model.discriminator_values(images, fakes, (0, 1), weights=weights_of(4))
        real, fake = (model.discriminator(part).numpy()[:, 0] for part in (images, fakes))
        if name == "InfoGAN":
            expected = 0.5 * (weights_of(4) * np.log1p(np.exp(-real)) + np.log1p(np.exp(fake)))
        else:
            penalty = 10 * values["gradient_penalty"].numpy()
            expected = fake - weights_of(4) * real + penalty
        np.testing.assert_allclose(values["discriminator_loss"], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "part"),
    [
        (np.ones(3), r"of shape \(64,\). Received: shape \(3,\)"),
        (np.ones((64, 2)), r"Received: shape \(64, 2\)"),
        (np.full(64, np.nan), "finite numbers. Received: NaN"),
    ],
)
def test_bad_weights_are_named_before_training(weights, part, binary_digits):
    model = make("VAE")
    model.compile()
    for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match=part):
            call(binary_digits, sample_weight=weights)
    assert int(model.optimizer.iterations) == 0


def test_weights_beside_a_pipeline_are_refused(binary_digits):
    model = make("VAE")
    model.compile()
    pipeline = tf.data.Dataset.from_tensors(binary_digits)
    with pytest.raises(ValueError, match=r"`sample_weight` must not be given with a tf.data"):
        model.fit(pipeline, sample_weight=np.ones(64))


def test_weights_of_classes_are_refused_by_name(binary_digits):
    model = make("VAE")
    model.compile()
    for call in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match=r"`class_weight` must be None.*`sample_weight`"):
            call(binary_digits, class_weight={0: 1.0, 1: 2.0})


# Averages of weights.


def with_averages(name, binary_digits, freeze=False, **arguments):
    model = make(name, **arguments)
    several = hasattr(model, "discriminator")
    model.compile(
        *[keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.5) for _ in range(1 + several)]
    )
    if freeze:
        model.encoder.trainable = False
    model.fit(binary_digits, verbose=0, batch_size=32, epochs=2)
    return model


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("VAE", {"likelihood": 'gaussian(scale="learned")'}),
        ("VAE", {"freeze": True}),
        ("FactorVAE", {}),
        ("InfoGAN", {}),
    ],
)
def test_a_training_ends_with_the_averages_of_all_weights(name, arguments, binary_digits):
    model = with_averages(name, binary_digits, **arguments)
    for optimizer in model.optimizers:
        assert len(optimizer._trainable_variables) == len(optimizer._model_variables_moving_average)
        for weight, average in zip(
            optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True
        ):
            np.testing.assert_array_equal(weight, average)


def test_averages_are_those_of_the_weights_on_the_way(binary_digits):
    """average <- average / 2 + weight / 2 after each update, from the weight after the first."""
    passed = []

    class Remember(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            passed.append(self.model.discriminator.trainable_variables[0].numpy())

    model = make("FactorVAE")
    optimizers = [keras.optimizers.Adam(1e-2) for _ in range(2)]
    optimizers[1] = keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.5)
    model.compile(*optimizers)
    model.fit(binary_digits, verbose=0, batch_size=16, callbacks=[Remember()])
    average = passed[0]
    for weight in passed[1:]:
        average = 0.5 * average + 0.5 * weight
    found = model.discriminator.trainable_variables[0].numpy()
    np.testing.assert_allclose(found, average, atol=1e-6)
    assert np.abs(found - passed[-1]).max() > 1e-4


# Export and quantization.


def test_export_has_keras_own_signature(tmp_path, capsys):
    model = make("VAE")
    model.export(str(tmp_path / "1"), format="tf_saved_model")
    model.export(tmp_path / "2", "tf_saved_model", True)
    assert capsys.readouterr().out.count(str(tmp_path / "2")) == 1
    for folder in ("1", "2"):
        loaded = tf.saved_model.load(tmp_path / folder)
        assert "encode" in loaded.signatures
    with pytest.raises(FileExistsError):
        model.export(tmp_path / "1")
    model.export(tmp_path / "1", overwrite=True)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"format": "onnx"}, r'`format` must be "tf_saved_model".*Received: format=\'onnx\''),
        ({"format": "litert"}, "zoo.export"),
        ({"input_signature": [None]}, "`input_signature` must be None"),
    ],
)
def test_other_exports_are_named(arguments, part, tmp_path):
    with pytest.raises(ValueError, match=part):
        make("VAE").export(tmp_path / "1", **arguments)
    assert not (tmp_path / "1").exists()


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
@pytest.mark.parametrize("name", ["VAE", "FactorVAE", "InfoGAN"])
def test_a_quantized_model_is_saved_loaded_and_trained_on(name, binary_digits, tmp_path):
    model = make(name)
    model.compile(run_eagerly=True)
    model.fit(binary_digits, verbose=0)
    before = np.asarray(model.measure_codes(binary_digits))
    model.quantize("int8")
    codes = np.asarray(model.measure_codes(binary_digits))
    assert (codes != before).any()
    np.testing.assert_allclose(codes, before, atol=0.2)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(binary_digits), model(binary_digits))
    assert any("int8" in str(variable.dtype) for variable in loaded.encoder.variables)
    for variable, same in zip(model.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(variable, same)
    loaded.fit(binary_digits, verbose=0)


def test_a_latent_discriminator_may_be_ones_own(binary_digits, tmp_path):
    critic = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model = make("FactorVAE", discriminator=critic)
    assert model.discriminator is critic
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len(loaded.discriminator.layers) == 1
    with pytest.raises(ValueError, match=r"`discriminator` .*\(None, 3\) to \(None, 2\)"):
        make("FactorVAE", discriminator=keras.Sequential([keras.Input((3,))]))


# What stays in memory.


def custom_gradients() -> int:
    return sum(name.startswith("CustomGradient-") for name in ops.gradient_registry.list())


@pytest.mark.parametrize("name", ["VAE", "FactorVAE", "InfoWGANGP"])
def test_a_dropped_model_leaves_no_graph(name, binary_digits):
    def used():
        model = make(name)
        model.compile()
        model.fit(binary_digits, validation_data=binary_digits, verbose=0)
        model.predict(binary_digits, verbose=0)
        model.measure(binary_digits, tf.constant([0, 1]))
        assert custom_gradients() > before
        return weakref.ref(model.train_function)

    gc.collect()
    before = custom_gradients()
    trained = used()
    gc.collect()
    assert trained() is None
    assert custom_gradients() == before


def test_a_model_that_lives_keeps_its_gradients(binary_digits):
    """Others may differentiate what it was traced with, such as in a loop of their own."""
    model = make("VAE")
    model.compile()
    model.fit(binary_digits, verbose=0)
    with tf.GradientTape() as tape:
        _, reconstruction, _ = model.measure(binary_digits, tf.constant([0, 1]))
        loss = tf.reduce_mean(reconstruction)
    gradients = tape.gradient(loss, [variable.value for variable in model.elbo_variables])
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)
