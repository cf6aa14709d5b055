"""Losses that a user's layers bring along, against closed forms: L2 of weights, of activity, and `add_loss`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import models

SHAPE = (8, 8, 1)
L2 = keras.regularizers.L2(0.01)
RATE = 1e-3


class HalfMeanSquare(keras.layers.Layer):
    """Adds half the mean square of its input to the loss."""

    def call(self, inputs):
        self.add_loss(0.5 * tf.reduce_mean(tf.square(inputs)))
        return inputs


def dense_network(input_shape, outputs, *between, reshape=None, **first):
    """Flattened inputs, layers in between, a dense layer with the arguments `first`, and one with none."""
    layers = [keras.layers.Dense(6, name="first", **first), keras.layers.Dense(outputs)]
    if reshape:
        layers.append(keras.layers.Reshape(reshape))
    return keras.Sequential([keras.Input(input_shape), keras.layers.Flatten(), *between, *layers])


def encoder(*between, outputs=6, **first):
    return dense_network(SHAPE, outputs, *between, **first)


def decoder(inputs=3, **first):
    return dense_network((inputs,), 64, reshape=SHAPE, **first)


def square(values) -> float:
    return float(np.sum(np.square(np.asarray(values), dtype=np.float64)))


def l2_of(layer) -> float:
    return 0.01 * square(layer.kernel)


def compiled(model, graph=False):
    """With plain gradient descent, whose steps tell the gradient; not compiled where one step is all."""
    several = hasattr(model, "discriminator")
    model.compile(*[keras.optimizers.SGD(RATE) for _ in range(1 + several)], run_eagerly=not graph)
    return model


def step(model, images) -> dict[str, float]:
    inputs = {"FactorVAE": (images, images[::-1]), "AdaGVAE": (images, images[::-1])}
    return model.train_on_batch(*inputs.get(type(model).__name__, (images,)), return_dict=True)


def kernels(network):
    return [variable.numpy() for variable in network.trainable_variables]


# What is counted, in training and in `evaluate`.


def test_l2_of_an_encoders_weights_is_in_the_loss(binary_digits):
    model = compiled(models.VAE(SHAPE, 3, encoder=encoder(kernel_regularizer=L2), seed=0))
    expected = l2_of(model.encoder.get_layer("first"))
    logs = step(model, binary_digits)
    assert logs["regularization"] == pytest.approx(expected, rel=1e-5)
    parts = logs["reconstruction"] + logs["kl"] + logs["regularization"]
    assert logs["loss"] == pytest.approx(parts, rel=1e-5)


def test_activity_is_counted_by_image(binary_digits):
    network = encoder(activity_regularizer=L2)
    model = compiled(models.VAE(SHAPE, 3, encoder=network, seed=0))
    activity = network.layers[1](binary_digits.reshape(64, -1))
    logs = step(model, binary_digits)
    assert logs["regularization"] == pytest.approx(0.01 * square(activity) / 64, rel=1e-5)


def test_a_layer_that_adds_a_loss_is_heard(binary_digits):
    model = compiled(models.VAE(SHAPE, 3, encoder=encoder(HalfMeanSquare()), seed=0))
    logs = step(model, binary_digits)
    expected = 0.5 * square(binary_digits) / binary_digits.size
    assert logs["regularization"] == pytest.approx(expected, rel=1e-5)


def test_all_kinds_add_up_in_fit_and_in_evaluate(binary_digits):
    networks = {
        "encoder": encoder(HalfMeanSquare(), kernel_regularizer=L2),
        "decoder": decoder(bias_regularizer=L2, kernel_regularizer=keras.regularizers.L1(0.1)),
    }
    model = compiled(models.BetaVAE(SHAPE, 3, **networks, seed=0), graph=True)

    def expected():
        first = model.decoder.get_layer("first")
        of_decoder = 0.1 * np.abs(first.kernel.numpy()).sum() + 0.01 * square(first.bias)
        of_images = 0.5 * square(binary_digits) / binary_digits.size
        return of_images + l2_of(model.encoder.get_layer("first")) + of_decoder

    before = expected()
    history = model.fit(binary_digits, verbose=0, validation_data=binary_digits).history
    after = expected()
    assert history["regularization"][0] == pytest.approx(before, rel=1e-5)
    assert history["val_regularization"][0] == pytest.approx(after, rel=1e-5)
    found = model.evaluate(binary_digits, verbose=0, return_dict=True)
    assert found["regularization"] == pytest.approx(after, rel=1e-5)
    parts = found["reconstruction"] + 4 * found["kl"] + found["regularization"]
    assert found["loss"] == pytest.approx(parts, rel=1e-5)


def test_layers_of_nested_models_count_once(binary_digits):
    inner = keras.Sequential([keras.Input((64,)), keras.layers.Dense(5, kernel_regularizer=L2)])
    model = compiled(models.VAE(SHAPE, 3, encoder=encoder(inner), seed=0))
    expected = l2_of(inner.layers[0])
    assert step(model, binary_digits)["regularization"] == pytest.approx(expected, rel=1e-5)


def test_frozen_layers_have_no_loss_of_weights(binary_digits):
    network = encoder(kernel_regularizer=L2)
    network.get_layer("first").trainable = False
    model = compiled(models.VAE(SHAPE, 3, encoder=network, seed=0))
    assert "regularization" not in step(model, binary_digits)


def test_activity_in_half_precision_is_summed_in_float32(binary_digits):
    network = encoder(kernel_regularizer=L2, activity_regularizer=L2, dtype="mixed_bfloat16")
    network.add(keras.layers.Activation("linear", dtype="float32"))
    model = compiled(models.VAE(SHAPE, 3, encoder=network, seed=0))
    assert step(model, binary_digits)["regularization"] > l2_of(network.get_layer("first"))


@pytest.mark.parametrize("name", ["VAE", "IWAE", "AdaGVAE", "JointVAE", "InfoVAE", "DIPVAE"])
def test_every_objective_takes_them_once(name, binary_digits):
    outputs = 4 if name == "JointVAE" else 6
    settings = {"categories": (2,)} if name == "JointVAE" else {}
    network = encoder(outputs=outputs, kernel_regularizer=L2)
    model = compiled(getattr(models, name)(SHAPE, 3, encoder=network, seed=0, **settings))
    plain = compiled(
        getattr(models, name)(SHAPE, 3, encoder=encoder(outputs=outputs), seed=0, **settings)
    )
    plain.set_weights(model.get_weights())
    expected = l2_of(network.get_layer("first"))
    found, bare = step(model, binary_digits), step(plain, binary_digits)
    assert found["regularization"] == pytest.approx(expected, rel=1e-5)
    assert found["loss"] - bare["loss"] == pytest.approx(expected, rel=2e-3)


def test_without_such_layers_nothing_is_reported(binary_digits):
    model = models.VAE(SHAPE, 3, seed=0)
    model.compile(run_eagerly=True)
    assert list(model.fit(binary_digits, verbose=0).history) == ["kl", "loss", "reconstruction"]
    assert "regularization" not in model.evaluate(binary_digits, verbose=0, return_dict=True)
    assert [metric.name for metric in model.metrics] == model.tracked()


# Whose weights they move.


def moves(make, part, images):
    """Steps of the first kernel of a part, with and without L2, and the kernel before."""
    with_l2, without = make(L2), make(None)
    without.set_weights(with_l2.get_weights())
    before = kernels(getattr(with_l2, part))[0]
    for model in (with_l2, without):
        step(model, images)
    return [kernels(getattr(model, part))[0] - before for model in (with_l2, without)], before


def latent_critic(regularizer):
    return dense_network((3,), 2, kernel_regularizer=regularizer)


def image_critic(regularizer):
    return dense_network(SHAPE, 1, kernel_regularizer=regularizer)


def of_encoder(cls, **settings):
    return lambda regularizer: compiled(
        cls(SHAPE, 3, encoder=encoder(kernel_regularizer=regularizer), seed=0, **settings)
    )


def of_critic(cls, critic, **settings):
    return lambda regularizer: compiled(
        cls(SHAPE, 3, discriminator=critic(regularizer), encoder=encoder(), seed=0, **settings)
    )


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (of_encoder(models.VAE), "encoder"),
        (of_encoder(models.FactorVAE, discriminator_layers=1), "encoder"),
        (of_encoder(models.InfoGAN, noise_dim=2), "encoder"),
        (of_critic(models.FactorVAE, latent_critic), "discriminator"),
        (of_critic(models.AdversarialAutoencoder, latent_critic), "discriminator"),
        (of_critic(models.InfoGAN, image_critic, noise_dim=2), "discriminator"),
        (
            of_critic(models.InfoWGANGP, image_critic, noise_dim=2, discriminator_steps=1),
            "discriminator",
        ),
    ],
)
def test_l2_pulls_at_the_weights_once(make, part, binary_digits):
    """The gradient of 0.01 * sum(w^2) is 0.02 * w."""
    (with_l2, without), before = moves(make, part, binary_digits[:16])
    np.testing.assert_allclose(with_l2 - without, -RATE * 0.02 * before, atol=2e-7)


def test_a_layer_that_encoder_and_decoder_share_counts_and_moves_once(binary_digits):
    moved = {}
    for regularizer in (L2, None):
        keras.utils.set_random_seed(0)
        shared = keras.layers.Dense(3, kernel_regularizer=regularizer)
        tops = [keras.layers.Dense(3), shared, keras.layers.Dense(6)]
        encodes = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), *tops])
        ends = [keras.layers.Dense(64), keras.layers.Reshape(SHAPE)]
        decodes = keras.Sequential([keras.Input((3,)), shared, *ends])
        model = compiled(models.VAE(SHAPE, 3, encoder=encodes, decoder=decodes, seed=0))
        before, l2 = shared.kernel.numpy(), l2_of(shared)
        found = step(model, binary_digits[:16])
        assert found.get("regularization", 0) == pytest.approx(l2 if regularizer else 0)
        moved[regularizer] = shared.kernel.numpy() - before
    np.testing.assert_allclose(moved[L2] - moved[None], -RATE * 0.02 * before, atol=2e-7)


def test_a_discriminators_l2_leaves_encoder_and_loss_alone(binary_digits):
    make = of_critic(models.FactorVAE, latent_critic)
    with_l2, without = make(L2), make(None)
    without.set_weights(with_l2.get_weights())
    expected = l2_of(with_l2.discriminator.get_layer("first"))
    found, bare = (step(model, binary_digits[:16]) for model in (with_l2, without))
    for a, b in zip(kernels(with_l2.encoder), kernels(without.encoder), strict=True):
        np.testing.assert_array_equal(a, b)
    assert found["loss"] == bare["loss"]
    assert found["regularization"] == pytest.approx(expected, rel=1e-5)
    difference = found["discriminator_loss"] - bare["discriminator_loss"]
    assert difference == pytest.approx(expected, rel=1e-4)


def test_losses_of_both_networks_are_reported_as_their_sum(binary_digits):
    networks = {
        "encoder": encoder(kernel_regularizer=L2),
        "discriminator": latent_critic(L2),
    }
    model = compiled(models.FactorVAE(SHAPE, 3, seed=0, **networks), graph=True)
    expected = sum(l2_of(network.get_layer("first")) for network in networks.values())
    history = model.fit(binary_digits, verbose=0).history
    assert history["regularization"][0] == pytest.approx(expected, rel=1e-5)


def test_a_gradient_penalty_does_not_count_the_critics_activity_again(binary_digits):
    critic = dense_network(SHAPE, 1, activity_regularizer=L2)
    model = models.InfoWGANGP(SHAPE, 3, discriminator=critic, noise_dim=2, seed=0)
    images, fakes = binary_digits[:4], 1 - binary_digits[:4]
    values = model.discriminator_values(images, fakes, tf.constant([0, 1]))
    both = np.concatenate([images, fakes]).reshape(8, -1)
    expected = 0.01 * square(critic.layers[1](both)) / 8
    assert float(values["regularization"]) == pytest.approx(expected, rel=1e-5)
    penalty = 10 * values["gradient_penalty"] - values["wasserstein"]
    np.testing.assert_allclose(values["discriminator_loss"], penalty + expected, rtol=1e-4)


def test_several_updates_of_a_critic_report_the_mean(binary_digits):
    critic = image_critic(L2)
    settings = {"discriminator": critic, "noise_dim": 2, "discriminator_steps": 2, "seed": 0}
    model = compiled(models.InfoWGANGP(SHAPE, 3, **settings))
    expected = l2_of(critic.get_layer("first"))
    batches = (binary_digits[:16], binary_digits[16:32])
    logs = model.train_on_batch(batches, return_dict=True)
    assert logs["regularization"] == pytest.approx(expected, rel=1e-2)
