"""Mathematics of the adversarial models, against independent truth."""

import dataclasses
import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, special, stats
from weights import same, values_of

import zoo
from zoo import likelihoods, models
from zoo.models._adversarial import grouped
from zoo.models._gradients import adam
from zoo.runs import training

SHAPE = (8, 8, 1)
PIXEL = (1, 1, 1)
GANS = ("InfoGAN", "InfoWGANGP")
every_gan = pytest.mark.parametrize("name", GANS)


def gan(name="InfoWGANGP", **arguments):
    steps = {"discriminator_steps": 2} if name == "InfoWGANGP" else {}
    settings = {"image_shape": SHAPE, "latent_dim": 3, "noise_dim": 4, "seed": 0, **steps}
    return getattr(models, name)(**{**settings, **arguments})


def adversarial_autoencoder(**arguments):
    settings = {"latent_dim": 3, "discriminator_layers": 1, "seed": 0}
    return models.AdversarialAutoencoder(SHAPE, **{**settings, **arguments})


def function(shape, compute):
    """A network without weights."""
    inputs = keras.Input(shape)
    return keras.Model(inputs, compute(inputs))


def linear_critic(weights):
    """D(x) = sum(weights * x)."""
    inputs = keras.Input(weights.shape)
    flat = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(flat))
    model.set_weights([weights.reshape(-1, 1)])
    return model


def random_images(count, seed=0, shape=SHAPE):
    return np.random.default_rng(seed).random((count, *shape)).astype("float32")


# Two Gaussians, whose best discriminator and divergences are known.

Q, P = stats.norm(0.7, 0.6), stats.norm(0.0, 1.0)


def expectation(density, of):
    return integrate.quad(lambda z: density.pdf(z) * of(z), -12, 12, limit=200)[0]


def log_ratio(z):
    return Q.logpdf(z) - P.logpdf(z)


KL = expectation(Q, log_ratio)
JENSEN_SHANNON = math.log(2) + 0.5 * (
    expectation(Q, lambda z: -np.log1p(np.exp(-log_ratio(z))))
    + expectation(P, lambda z: -np.log1p(np.exp(log_ratio(z))))
)


def quantiles(density, count=20_000):
    """A sample without noise."""
    return density.ppf((np.arange(count) + 0.5) / count).astype("float32")


def log_odds_of_q(z):
    """log Q(z) / P(z), for tensors of a network."""
    mean, scale = float(Q.mean()), float(Q.std())
    return -(((z - mean) / scale) ** 2) / 2 + z**2 / 2 - math.log(scale)


def test_the_constants_are_those_of_closed_forms():
    assert pytest.approx((0.6**2 + 0.7**2 - 1) / 2 - math.log(0.6), rel=1e-6) == KL
    assert 0 < JENSEN_SHANNON < math.log(2)


# The adversarial autoencoder.


@pytest.fixture(scope="module")
def best():
    """A model with the best discriminator of Q, as q(z), from P, the prior."""
    model = models.AdversarialAutoencoder(SHAPE, latent_dim=1, discriminator_layers=1, seed=0)

    def logits(z):
        odds = log_odds_of_q(z)
        return keras.ops.concatenate([odds, keras.ops.zeros_like(odds)], axis=1)

    model.discriminator = function((1,), logits)
    return model


def test_the_best_discriminators_loss_is_the_jensen_shannon_divergence(best):
    loss = best.discriminator_loss(quantiles(Q)[:, None], quantiles(P)[:, None])
    assert float(loss) == pytest.approx(math.log(2) - JENSEN_SHANNON, abs=1e-4)


def test_the_log_ratio_gives_the_kl_divergence_of_the_aggregate(best):
    assert np.mean(best.log_density_ratio(quantiles(Q)[:, None])) == pytest.approx(KL, abs=1e-3)


def test_the_adversarial_term_is_minus_log_of_the_priors_share(best, binary_digits):
    latents = tf.constant([[-2.0], [0.0], [0.7], [3.0]])
    terms = best.terms_under(best.encode(binary_digits[:4]), binary_digits[:4], seed=(0, 1))
    values = best.objective(dataclasses.replace(terms, latents=latents))
    p, q = P.pdf(latents.numpy()[:, 0]), Q.pdf(latents.numpy()[:, 0])
    expected = terms.reconstruction.numpy() - np.log(p / (p + q))
    np.testing.assert_allclose(values["loss"], expected, rtol=1e-5)


def test_the_adversarial_term_pulls_the_codes_to_the_prior(best, binary_digits):
    """Towards a smaller mean and a larger spread, since Q lies above P and is narrower."""
    terms = best.elbo_terms(binary_digits[:1], seed=(0, 1))
    noise = quantiles(P)[:, None]
    mean, scale = tf.constant(float(Q.mean())), tf.constant(float(Q.std()))
    with tf.GradientTape() as tape:
        tape.watch([mean, scale])
        shifted = dataclasses.replace(terms, latents=mean + scale * noise)
        term = tf.reduce_mean(best.objective(shifted)["loss"] - terms.reconstruction)
    slope = tape.gradient(term, [mean, scale])
    assert float(slope[0]) > 0.05
    assert float(slope[1]) < -0.05


def test_an_undecided_discriminator_adds_gamma_ln_2(binary_digits):
    model = adversarial_autoencoder(gamma=3.0)
    model.discriminator = function((3,), lambda z: keras.ops.zeros_like(z)[:, :2])
    terms = model.elbo_terms(binary_digits, seed=(0, 1))
    values = model.objective(terms)
    np.testing.assert_allclose(
        values["loss"], terms.reconstruction + 3 * math.log(2), rtol=1e-6, atol=1e-4
    )
    np.testing.assert_allclose(values["kl"], terms.kl)


def test_the_discriminator_sees_new_draws_of_the_prior(binary_digits, monkeypatch):
    model = adversarial_autoencoder()
    model.compile(run_eagerly=True)
    seen = []
    train = model.train_discriminator
    monkeypatch.setattr(
        model, "train_discriminator", lambda z, r: seen.append((z, r.numpy())) or train(z, r)
    )
    model.fit(binary_digits, batch_size=16, epochs=5, verbose=0)
    others = np.concatenate([other for _, other in seen])
    assert len(np.unique(others)) == others.size
    assert stats.kstest(others.ravel(), "norm").pvalue > 1e-3


def test_the_autoencoders_discriminator_does_not_train_the_encoder(binary_digits):
    model = adversarial_autoencoder()
    with tf.GradientTape() as tape:
        latents = model.elbo_terms(binary_digits).latents
        loss = model.discriminator_loss(latents, tf.zeros((5, 3)))
    assert tape.gradient(loss, model.elbo_variables) == [None] * len(model.elbo_variables)


def test_the_aggregate_posterior_moves_to_the_prior():
    """Without anything to reconstruct, only the adversary is left."""
    model = adversarial_autoencoder(latent_dim=1, gamma=1.0, likelihood="gaussian(scale=100.0)")
    model.compile(adam(2e-3), adam(2e-3, 0.5, 0.9))
    images = random_images(256)
    bias = model.encoder.get_layer("outputs").bias
    bias.assign([2.0, math.log(0.25)])

    def moments():
        posterior = model.encode(images)
        means = posterior.mean().numpy()
        return means.mean(), math.sqrt(means.var() + posterior.variance().numpy().mean())

    before = moments()
    model.fit(images, batch_size=128, epochs=100, verbose=0)
    after = moments()
    assert abs(before[0]) > 1.5
    assert abs(after[0]) < 0.5
    assert abs(after[1] - 1) < 0.4


def test_free_bits_are_refused_where_no_kl_is_weighed():
    for make in (models.AdversarialAutoencoder, models.InfoGAN, models.InfoWGANGP):
        with pytest.raises(ValueError, match="`free_bits` must be 0"):
            make(SHAPE, 3, free_bits=0.5)


# Discriminators of images.


@pytest.fixture(scope="module")
def pixel_gan():
    """An InfoGAN of one pixel, with the best discriminator of Q, the real images, from P."""
    return models.InfoGAN(
        PIXEL,
        latent_dim=1,
        discriminator=function(PIXEL, lambda x: log_odds_of_q(keras.ops.reshape(x, (-1, 1)))),
        seed=0,
    )


def as_pixels(values):
    return tf.constant(values.reshape(-1, 1, 1, 1))


def test_infogan_at_the_best_discriminator(pixel_gan):
    values = pixel_gan.discriminator_values(
        as_pixels(quantiles(Q)), as_pixels(quantiles(P)), (0, 0)
    )
    assert values["discriminator_loss"].shape == (20_000,)
    assert np.mean(values["discriminator_loss"]) == pytest.approx(
        math.log(2) - JENSEN_SHANNON, abs=1e-4
    )


def test_infogans_generator_loss_does_not_saturate(pixel_gan):
    odds = tf.constant([-30.0, 0.0, 30.0])
    with tf.GradientTape() as tape:
        tape.watch(odds)
        losses = pixel_gan.generator_loss(odds)
    np.testing.assert_allclose(losses, [30.0, math.log(2), 0.0], atol=1e-6)
    # Where the discriminator is sure, log(1 - D) would have no slope left.
    np.testing.assert_allclose(tape.gradient(losses, odds), [-1.0, -0.5, 0.0], atol=1e-6)


def test_the_critic_of_two_points_measures_their_distance():
    """Between all-black and all-white images the steepest 1-Lipschitz function is the slope along the line."""
    model = gan(discriminator=linear_critic(np.full(SHAPE, 1 / 8, "float32")))
    white, black = np.ones((6, *SHAPE), "float32"), np.zeros((6, *SHAPE), "float32")
    values = model.discriminator_values(white, black, (0, 0))
    np.testing.assert_allclose(values["wasserstein"], 8.0, rtol=1e-6)
    np.testing.assert_allclose(values["gradient_penalty"], 0.0, atol=1e-10)
    np.testing.assert_allclose(values["discriminator_loss"], -8.0, rtol=1e-6)
    np.testing.assert_allclose(model.generator_loss(tf.constant([2.0])), [-2.0])
    swapped = model.discriminator_values(black, white, (0, 0))
    np.testing.assert_allclose(swapped["wasserstein"], -8.0, rtol=1e-6)


def test_a_trained_critic_finds_the_distance_of_two_points():
    model = gan()
    model.compile(discriminator_optimizer=adam(1e-3, 0.0, 0.9))
    one, other = random_images(2)
    images, fakes = (np.repeat(image[None], 16, axis=0) for image in (one, other))

    @tf.function
    def step(seed):
        return model.update_discriminator(lambda: model.discriminator_values(images, fakes, seed))

    for number in range(200):
        values = step(tf.constant([number, 0]))
    distance = np.linalg.norm(one - other)
    assert np.mean(values["wasserstein"]) == pytest.approx(distance, rel=0.1)


# The gradient penalty.


def test_penalty_of_a_linear_critic():
    weights = np.random.default_rng(0).normal(size=SHAPE).astype("float32")
    model = gan(discriminator=linear_critic(weights))
    [variable] = model.discriminator.trainable_variables
    with tf.GradientTape() as tape:
        penalty = tf.reduce_mean(
            model.gradient_penalty(random_images(5), random_images(5, 1), (0, 0))
        )
    norm = np.linalg.norm(weights)
    assert float(penalty) == pytest.approx((norm - 1) ** 2, rel=1e-5)
    expected = 2 * (norm - 1) * weights.reshape(-1, 1) / norm
    np.testing.assert_allclose(tape.gradient(penalty, variable.value), expected, rtol=1e-4)


@pytest.mark.parametrize("in_graph", [False, True])
def test_penalty_equals_finite_differences(in_graph):
    model = gan()
    images = random_images(3)
    size = math.prod(SHAPE)
    moves = np.eye(size, dtype="float32").reshape(size, *SHAPE) * 1e-3

    def score(x):
        return model.discriminator(x).numpy()[:, 0].astype("float64")

    slopes = [(score(image + moves) - score(image - moves)) / 2e-3 for image in images]
    expected = [(np.linalg.norm(slope) - 1) ** 2 for slope in slopes]
    penalty = tf.function(model.gradient_penalty) if in_graph else model.gradient_penalty
    np.testing.assert_allclose(penalty(images, images, (0, 0)), expected, rtol=1e-2, atol=1e-4)


def test_the_penaltys_own_gradient_equals_finite_differences():
    """The second derivative, of a smooth critic: where a ReLU bends, the penalty jumps."""
    model = gan(discriminator=_smooth_critic())
    images = random_images(8)
    variables = model.discriminator.trainable_variables
    values = [variable.value for variable in variables]

    @tf.function
    def penalty():
        return tf.reduce_mean(model.gradient_penalty(images, images, (0, 0)))

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            value = penalty()
        return tape.gradient(value, values, unconnected_gradients="zero")

    slopes = gradient()
    norm = float(tf.linalg.global_norm(slopes))
    assert norm > 1e-3
    found = []
    for sign in (1, -1):
        for variable, slope in zip(variables, slopes, strict=True):
            variable.assign_add(sign * 1e-3 / norm * slope)
        found.append(float(penalty()))
        for variable, slope in zip(variables, slopes, strict=True):
            variable.assign_sub(sign * 1e-3 / norm * slope)
    assert (found[0] - found[1]) / 2e-3 == pytest.approx(norm, rel=0.03)


def _smooth_critic():
    inputs = keras.Input(SHAPE)
    x = keras.layers.Conv2D(8, 4, 2, padding="same", activation="tanh")(inputs)
    x = keras.layers.Dense(8, activation="tanh")(keras.layers.Flatten()(x))
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def test_the_penalty_is_taken_between_the_images_at_a_place_of_its_own_for_each():
    """The slope of D(x) = |x|^2 / 2 is x, so that the penalty tells the place."""
    model = gan(discriminator=_half_square())
    images = np.ones((500, *SHAPE), "float32")
    penalty = model.gradient_penalty(images, np.zeros_like(images), (0, 1)).numpy()
    places = (1 + np.sqrt(penalty)) / 8
    below = (1 - np.sqrt(penalty)) / 8
    # |x'| = 8 u, and the square root has two signs below 1/8.
    assert ((places >= 0) & (places <= 1)).all()
    assert stats.kstest(places[places > 0.25], stats.uniform(0.25, 0.75).cdf).pvalue > 1e-3
    assert (places > 0.25).mean() == pytest.approx(0.75, abs=0.08)
    assert len(np.unique(places)) > 450
    assert (below <= 0.125).all()


def _half_square():
    inputs = keras.Input(SHAPE)
    squares = keras.ops.sum(keras.ops.square(inputs), axis=(1, 2, 3))[:, None] / 2
    return keras.Model(inputs, squares)


def test_a_critic_without_slope_has_a_finite_gradient():
    model = gan(discriminator=linear_critic(np.zeros(SHAPE, "float32")))
    [variable] = model.discriminator.trainable_variables
    with tf.GradientTape() as tape:
        penalty = tf.reduce_mean(
            model.gradient_penalty(random_images(2), random_images(2, 1), (0, 0))
        )
    assert float(penalty) == pytest.approx(1.0, abs=1e-5)
    assert np.isfinite(tape.gradient(penalty, variable.value)).all()


def test_penalty_in_mixed_precision():
    exact, mixed = gan(), gan(dtype="mixed_bfloat16")
    images, fakes = random_images(64), random_images(64, 1)
    expected = exact.gradient_penalty(images, fakes, (0, 0)).numpy()
    found = mixed.gradient_penalty(images, fakes, (0, 0))
    assert found.dtype == tf.float32
    assert np.mean(found) == pytest.approx(np.mean(expected), rel=0.05)


# Mutual information.


def identity_gan(latent_dim, categories=(), noise=0.0, noise_dim=0):
    """G(c, e) = c + noise * e, one code a pixel."""
    shape = (1, latent_dim, 1)

    def compute(z):
        codes, e = z[:, :latent_dim], z[:, latent_dim:]
        return keras.ops.reshape(codes + noise * e if noise else codes, (-1, *shape))

    return models.InfoGAN(
        shape,
        latent_dim,
        likelihood=likelihoods.Gaussian(scale=1.0, activation="linear"),
        categories=categories,
        noise_dim=noise_dim,
        decoder=function((latent_dim + noise_dim,), compute),
        seed=0,
    )


def with_encoder(model, compute):
    outputs = model.encoder_outputs
    model.encoder = function(
        model.image_shape, lambda x: compute(keras.ops.reshape(x, (-1, model.latent_dim)))
    )
    assert model.encoder.output_shape == (None, outputs)
    return model


def bound(model, n=20_000):
    images, latents = model.generate(n, (0, 1))
    return model.information(images, latents).numpy()


def test_information_of_a_perfect_categorical_encoder_is_the_entropy():
    model = with_encoder(identity_gan(7, categories=(3, 4)), lambda x: 100.0 * x)
    np.testing.assert_allclose(bound(model, 50), math.log(3) + math.log(4), rtol=1e-5)


def test_information_of_an_ignorant_categorical_encoder_is_zero():
    model = with_encoder(identity_gan(7, categories=(3, 4)), lambda x: 0.0 * x)
    np.testing.assert_allclose(bound(model, 50), 0.0, atol=1e-5)


@pytest.mark.parametrize("scale", [0.5, 0.01])
def test_information_of_a_perfect_encoder_of_uniform_codes(scale):
    """Two codes, each ln 2 - ln(scale sqrt(2 pi)): all constants are there."""
    model = with_encoder(
        identity_gan(2),
        lambda x: keras.ops.concatenate([x, 0.0 * x + 2 * math.log(scale)], axis=1),
    )
    expected = 2 * (math.log(2) - math.log(scale * math.sqrt(2 * math.pi)))
    np.testing.assert_allclose(bound(model, 50), expected, rtol=1e-5)


def test_information_is_a_lower_bound_and_misses_what_it_should():
    """x = c + sigma e: I(c; x) = h(x) - h(sigma e), and a Gaussian about x misses h(x) - h(c)."""
    sigma = 0.3
    model = with_encoder(
        identity_gan(1, noise=sigma, noise_dim=1),
        lambda x: keras.ops.concatenate([x, 0.0 * x + 2 * math.log(sigma)], axis=1),
    )
    grid = np.linspace(-4, 4, 40_001)
    density = (stats.norm.cdf((grid + 1) / sigma) - stats.norm.cdf((grid - 1) / sigma)) / 2
    entropy = -integrate.trapezoid(special.xlogy(density, density), grid)
    noise = 0.5 * math.log(2 * math.pi * math.e * sigma**2)
    estimate = bound(model).mean()
    assert estimate == pytest.approx(math.log(2) - noise, abs=0.02)
    assert estimate < entropy - noise


def test_codes_and_categories_together():
    model = with_encoder(
        identity_gan(4, categories=3),
        lambda x: keras.ops.concatenate([x[:, :1], 0.0 * x[:, :1], 100.0 * x[:, 1:]], axis=1),
    )
    expected = math.log(2) - 0.5 * math.log(2 * math.pi) + math.log(3)
    np.testing.assert_allclose(bound(model, 50), expected, rtol=1e-5)


def test_codes_are_uniform_and_one_hot():
    model = gan("InfoGAN", latent_dim=7, categories=(3, 2))
    latents = model.sample(3000, seed=0)[1].numpy()
    assert stats.kstest(latents[:, :2].ravel(), stats.uniform(-1, 2).cdf).pvalue > 1e-3
    for block in (latents[:, 2:5], latents[:, 5:]):
        assert set(np.unique(block)) == {0.0, 1.0}
        np.testing.assert_array_equal(block.sum(axis=1), 1)
        assert stats.chisquare(block.sum(axis=0)).pvalue > 1e-3
    assert abs(np.corrcoef(latents[:, 2], latents[:, 5])[0, 1]) < 0.08
    assert float(model.prior.entropy()) == pytest.approx(
        2 * math.log(2) + math.log(3) + math.log(2), rel=1e-6
    )


# Who trains what.


@every_gan
def test_the_discriminators_loss_reaches_neither_generator_nor_encoder(name):
    model = gan(name)
    with tf.GradientTape() as tape:
        fakes, _ = model.generate(4, (0, 1))
        values = model.discriminator_values(random_images(4), fakes, (0, 0))
    slopes = tape.gradient(values["discriminator_loss"], model.elbo_variables)
    assert slopes == [None] * len(model.elbo_variables)


@every_gan
def test_the_generators_loss_reaches_the_generator_and_information_both(name):
    model = gan(name)
    generator, encoder = model.decoder.trainable_variables, model.encoder.trainable_variables

    def reached(term, variables):
        with tf.GradientTape() as tape:
            value = model.generator_values(4, (0, 1))[term]
        return [slope is not None for slope in tape.gradient(value, variables)]

    assert all(reached("generator_loss", generator))
    assert not any(reached("generator_loss", encoder))
    assert all(reached("mutual_information", generator))
    assert all(reached("mutual_information", encoder))
    assert not any(reached("mutual_information", model.discriminator.trainable_variables))


@every_gan
@pytest.mark.parametrize("still", ["model", "discriminator"])
def test_each_optimizer_trains_its_own_variables(name, still, binary_digits):
    model = gan(name)
    rate = {"model": 1e-2, "discriminator": 1e-2, still: 0.0}
    model.compile(adam(rate["model"]), adam(rate["discriminator"]))
    parts = {
        "model": model.elbo_variables,
        "discriminator": model.discriminator.trainable_variables,
    }
    # The spectral norm is held by every update, be it of length 0.
    for variable in parts["discriminator"]:
        variable.assign(0.01 * variable)
    before = {part: values_of(variables) for part, variables in parts.items()}
    model.fit(binary_digits, batch_size=32, verbose=0)
    for part, variables in parts.items():
        assert same(before[part], values_of(variables)) == (part == still)


@pytest.mark.parametrize("make", [adversarial_autoencoder, gan, lambda: gan("InfoGAN")])
def test_optimizers_are_built_with_exactly_their_variables(make):
    model = make()
    model.compile()
    held = [
        {id(variable) for variable in optimizer._trainable_variables}
        for optimizer in model.optimizers
    ]
    assert held[0] == {id(variable) for variable in model.elbo_variables}
    assert held[1] == {id(variable) for variable in model.discriminator.trainable_variables}
    assert not held[0] & held[1]
    assert len(held[0]) + len(held[1]) == len(model.trainable_variables)
    assert all(optimizer.built for optimizer in model.optimizers)


def test_default_optimizers():
    def settings(model):
        model.compile()
        return [
            (pytest.approx(float(o.learning_rate)), o.beta_1, o.beta_2) for o in model.optimizers
        ]

    assert settings(gan("InfoWGANGP")) == [(1e-3, 0.0, 0.9), (2e-4, 0.0, 0.9)]
    assert settings(gan("InfoGAN")) == [(1e-3, 0.5, 0.999), (2e-4, 0.5, 0.999)]
    assert settings(adversarial_autoencoder()) == [(1e-4, 0.9, 0.999), (1e-4, 0.5, 0.9)]


# Steps.


def watched(model, images, monkeypatch, **arguments):
    """Real and generated images of each update of the discriminator."""
    model.compile(run_eagerly=True)
    seen = []
    values = model.discriminator_values

    def record(real, fakes, seed):
        seen.append((real.numpy(), fakes.numpy(), np.array(seed)))
        return values(real, fakes, seed)

    monkeypatch.setattr(model, "discriminator_values", record)
    model.fit(images, verbose=0, **arguments)
    return seen


def test_each_update_of_the_critic_sees_new_images(monkeypatch):
    images = random_images(40)
    model = gan(discriminator_steps=3, likelihood="continuous_bernoulli")
    seen = watched(model, images, monkeypatch, batch_size=16)
    assert [len(real) for real, _, _ in seen] == [16, 16, 8] * 3
    assert [len(fakes) for _, fakes, _ in seen] == [16, 16, 8] * 3
    assert (int(model.optimizer.iterations), int(model.discriminator_optimizer.iterations)) == (
        3,
        9,
    )
    every = {image.tobytes() for image in images}
    for step in range(3):
        rows = [image.tobytes() for real, _, _ in seen[3 * step : 3 * step + 3] for image in real]
        assert set(rows) == every
        assert len(rows) == 40
    # Shuffled anew in each pass; generated images and places of the penalty are new as well.
    for one, other in itertools.combinations(seen, 2):
        assert not np.array_equal(one[0], other[0])
        assert one[1].tobytes() != other[1].tobytes()
        assert one[2].tolist() != other[2].tolist()


def test_groups_of_batches():
    def groups(dataset, size):
        return [[b.numpy().tolist() for b in group] for (group,) in grouped(dataset, size)]

    five = tf.data.Dataset.range(5).batch(2)
    assert groups(five, 1) == [[[0, 1]], [[2, 3]], [[4]]]
    assert groups(five, 2) == [[[0, 1], [2, 3]], [[4], [0, 1]], [[2, 3], [4]]]
    assert int(grouped(five, 2).cardinality()) == 3
    endless = grouped(tf.data.Dataset.range(6).batch(2).repeat(), 2).take(4)
    assert [[b.numpy().tolist() for b in group] for (group,) in endless] == [
        [[0, 1], [2, 3]], [[4, 5], [0, 1]], [[2, 3], [4, 5]], [[0, 1], [2, 3]],
    ]  # fmt: skip
    unknown = grouped(tf.data.Dataset.range(6).filter(lambda x: x < 4).batch(2), 2)
    assert [len(group) for (group,) in unknown] == [2, 2]


def test_bytes_are_scaled_before_the_discriminator(monkeypatch):
    images = (255 * random_images(8)).astype("uint8")
    model = gan("InfoGAN", likelihood="continuous_bernoulli")
    for real, fakes, _ in watched(model, images, monkeypatch):
        assert 0.5 < real.max() <= 1
        assert 0 <= fakes.min() <= fakes.max() <= 1


def test_train_on_batch_wants_a_batch_for_each_update():
    model = gan(discriminator_steps=2)
    model.compile()
    with pytest.raises(ValueError, match=r"Expected 2 batches of images.*Received 1"):
        model.train_on_batch(random_images(4))
    logs = model.train_on_batch((random_images(4), random_images(4, 1)), return_dict=True)
    assert np.isfinite(list(logs.values())).all()


@every_gan
def test_reported_values(name, binary_digits):
    model = gan(name)
    model.compile()
    history = model.fit(binary_digits, validation_data=binary_digits, verbose=0).history
    assert set(model.tracked()) <= set(history)
    assert "val_reconstruction" in history
    expected = history["generator_loss"][0] - history["mutual_information"][0]
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)
    if name == "InfoWGANGP":
        expected = 10 * history["gradient_penalty"][0] - history["wasserstein"][0]
        assert history["discriminator_loss"][0] == pytest.approx(expected, rel=1e-4)


def test_gradient_norms_are_those_of_the_mean_losses(binary_digits):
    """A step down the gradient with rate 1 moves the weights by its norm."""
    for name in GANS:
        model = gan(
            name,
            discriminator_steps=1,
            dtype="float32",
            discriminator=linear_critic(np.ones(SHAPE, "float32")),
        )
        model.compile(keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0))
        parts = {
            "generator": model.elbo_variables,
            "discriminator": model.discriminator.trainable_variables,
        }
        before = {part: values_of(variables) for part, variables in parts.items()}
        logs = model.train_on_batch(binary_digits, return_dict=True)
        for part, variables in parts.items():
            moved = [a - b for a, b in zip(values_of(variables), before[part], strict=True)]
            norm = math.sqrt(sum((move.astype("float64") ** 2).sum() for move in moved))
            assert float(logs[f"{part}_gradient_norm"]) == pytest.approx(norm, rel=1e-3)


@every_gan
@pytest.mark.parametrize("categories", [(), (3, 2)])
def test_mixed_precision_and_categories(name, categories, binary_digits):
    model = gan(name, latent_dim=5, categories=categories, dtype="mixed_bfloat16")
    model.compile()
    history = model.fit(binary_digits, verbose=0).history
    assert np.isfinite(list(history.values())).all()
    assert model.discriminator.get_layer("dense").compute_dtype == "bfloat16"
    assert model.encode(binary_digits).mean().dtype == tf.float32


# Serving like a VAE.


def test_decode_holds_the_noise_at_its_mean():
    model = gan()
    codes = model.sample(3, seed=0)[1]
    plain = model.decode(codes).mean().numpy()
    np.testing.assert_array_equal(plain, model.decode(codes, noise=tf.zeros((3, 4))).mean())
    other = model.decode(codes, noise=tf.ones((3, 4))).mean().numpy()
    assert not np.allclose(plain, other)


def test_samples_draw_the_noise():
    model = gan()
    images, codes = model.sample(3, seed=0)
    assert not np.allclose(images, model.decode(codes).mean())
    np.testing.assert_array_equal(images, model.sample(3, seed=0)[0])
    assert not np.allclose(images, model.sample(3, seed=1)[0])


def test_each_image_is_generated_and_judged_by_itself():
    """Batch normalisation is the generator's, in training; the discriminator has none."""
    model = gan()
    codes = model.sample(5, seed=0)[1]
    images = model.decode(codes).mean().numpy()
    np.testing.assert_allclose(model.decode(codes[:1]).mean(), images[:1], rtol=1e-5, atol=1e-6)
    in_training = model.decode(codes, training=True).mean().numpy()
    assert not np.allclose(in_training, images, atol=1e-3)
    scores = model.discriminator(images, training=True)
    alone = model.discriminator(images[:1], training=True)
    np.testing.assert_allclose(alone, scores[:1], rtol=1e-5, atol=1e-6)


def test_without_noise_an_image_follows_from_its_code():
    model = gan(noise_dim=0)
    images, codes = model.sample(3, seed=0)
    np.testing.assert_allclose(images, model.decode(codes).mean(), atol=1e-6)


def test_traversals_stay_where_codes_are(digits):
    from zoo.measure import evaluation

    model = gan("InfoGAN", latent_dim=5, categories=(3,), likelihood="continuous_bernoulli")
    wide = evaluation.traverse(model, digits, columns=4, span=2.0)
    np.testing.assert_allclose(wide.values[[0, -1]], [-1, 1])
    narrow = evaluation.traverse(model, digits, columns=4, span=1.0)
    np.testing.assert_allclose(narrow.values[[0, -1]], [-(3**-0.5), 3**-0.5])
    assert wide.images.shape == (3, 4, *SHAPE)


@pytest.mark.parametrize("likelihood", ["gaussian(scale='learned')", "gaussian(scale='per_pixel')"])
def test_a_spread_that_nothing_trains_is_refused(likelihood):
    with pytest.raises(ValueError, match=r"of which a mean leaves other numbers open") as caught:
        gan("InfoGAN", likelihood=likelihood)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"noise_dim": -1}, "`noise_dim` must be an integer >= 0"),
        ({"latent_dim": 0}, "`latent_dim` must be an integer >= 1"),
        ({"categories": 4}, "`latent_dim` counts the 4 numbers"),
        ({"discriminator_steps": 0}, "`discriminator_steps` must be an integer >= 1"),
        ({"penalty_weight": -1}, "`penalty_weight` must be a number >= 0"),
        ({"information_weight": -1}, "`information_weight` must be a number >= 0"),
        ({"discriminator": "conv"}, "Expected `discriminator` to be a keras.Model"),
        ({"discriminator": function(SHAPE, keras.layers.Flatten())}, "whose output is (None, 64)"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        gan(**arguments)
    assert message in str(caught.value)


def test_a_critic_that_normalizes_over_the_batch_is_refused():
    def critic(shape):
        layers = [keras.layers.Flatten(), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
        return keras.Sequential([keras.Input(shape), *layers])

    inputs = keras.Input(SHAPE)
    for discriminator in (critic(SHAPE), keras.Model(inputs, critic(SHAPE)(inputs))):
        with pytest.raises(ValueError, match="treats each image by itself"):
            gan(discriminator=discriminator)
    assert gan("InfoGAN", discriminator=critic(SHAPE)).discriminator


@every_gan
def test_evaluation_scores_the_generator_that_is_served(name, binary_digits):
    model = gan(name, noise_dim=0)
    model.compile()
    model.fit(binary_digits, epochs=3, verbose=0)
    served = model.generator_values(8, (0, 1), training=False)
    images, codes = model.generate(8, (0, 1))
    expected = model.encode(images).log_prob(codes) + model.prior.entropy()
    np.testing.assert_allclose(served["mutual_information"], expected, rtol=1e-5)
    in_training = model.generator_values(8, (0, 1))
    assert not np.allclose(in_training["mutual_information"], expected, rtol=1e-3)


# Models without continuous latents.


@pytest.mark.parametrize("cls", [models.JointVAE, models.InfoGAN])
def test_models_of_categories_alone_leave_and_draw(cls, binary_digits, tmp_path):
    model = cls(SHAPE, 5, categories=(2, 3), seed=0)
    made = zoo.export.litert(model, tmp_path / "model.tflite", binary_digits[:8])
    assert max(made.errors.values()) <= 1e-4
    made = zoo.export.onnx(model, tmp_path / "onnx", binary_digits[:8])
    assert max(made.errors.values()) <= 1e-4
    model.export(tmp_path / "1")
    assert set(tf.saved_model.load(tmp_path / "1").signatures["encode"].structured_outputs) == {
        "mean",
        "mode",
    }
    data = zoo.datasets.load(binary_digits)
    traversal = zoo.evaluation.traverse(model, data)
    assert traversal.images.shape == (2, 3, *SHAPE)
    assert sorted(traversal.filled) == [2, 3]
    zoo.report.traversal_figure(traversal, model, "digits")


# Runs.


def test_a_run_resumes_at_the_batch_where_it_stopped(holds_once):
    """Each step uses up several batches of the stream."""
    data = zoo.datasets.load("digits")

    def train(model, start, steps):
        first = start * model.batches_per_step
        stream = model.stream(data, 16, seed=0, start_step=first)
        model.fit(stream, steps_per_epoch=steps, verbose=0)

    def resumes(folder) -> bool:
        settings = {"categories": (2,), "likelihood": "continuous_bernoulli"}
        straight, stopped = gan(**settings), gan(**settings)
        for model in (straight, stopped):
            model.compile()
        train(straight, 0, 5)
        train(stopped, 0, 2)
        stopped.save(folder / "model.keras")
        resumed = keras.models.load_model(folder / "model.keras")
        train(resumed, 2, 3)
        states = (
            values_of(v for part in (model, *model.optimizers) for v in part.variables)
            for model in (straight, resumed)
        )
        return same(*states)

    assert holds_once(resumes)


def test_a_run_of_a_gan(tmp_path):
    with pytest.warns(UserWarning, match="No code can be read"):
        run = train_on_digits(tmp_path / "run", steps=2)
    assert "No code can be read" in (run.folder / "card.md").read_text()
    rates = [float(optimizer.learning_rate) for optimizer in run.model.optimizers]
    assert rates == pytest.approx([1e-3, 2e-4])
    assert "kl" not in run.scores
    assert {"reconstruction", "active_units", "mig"} <= set(run.scores)
    assert (run.folder / "figures" / "traversals.png").exists()
    with pytest.raises(ValueError, match="started with steps=2"):
        train_on_digits(tmp_path / "run", steps=1, resume=True)


def train_on_digits(out, **changes):
    options = {
        "likelihood": "continuous_bernoulli",
        "latent_dim": 4,
        "batch_size": 16,
        "settings": {"discriminator_steps": 2, "noise_dim": 3, "categories": [2]},
        "show_progress": False,
    }
    return training.train("info_wgan_gp", "digits", out=out, **{**options, **changes})


def test_a_diverging_run_is_reported(tmp_path):
    with pytest.raises(training.Diverged, match=r"stopped at step \d+: .*learning rate"):
        train_on_digits(tmp_path / "run", steps=50, learning_rate=1e12)
    assert not (tmp_path / "run" / "model.keras").exists()


HEALTHY = {"discriminator_loss": 0.6, "mutual_information": 1.0, "gradient_penalty": 0.1}


@pytest.mark.parametrize(
    ("name", "changes", "parts"),
    [
        ("InfoGAN", {}, []),
        ("InfoWGANGP", {}, []),
        ("InfoGAN", {"discriminator_loss": 1e-3}, ["without error"]),
        ("InfoWGANGP", {"discriminator_loss": -20.0}, []),
        ("InfoGAN", {"mutual_information": -1.7}, ["No code can be read"]),
        (
            "InfoWGANGP",
            {"mutual_information": 0.0, "gradient_penalty": 2.0},
            ["No code", "far from 1"],
        ),
    ],
)
def test_symptoms(name, changes, parts):
    found = gan(name).symptoms({**HEALTHY, **changes})
    assert len(found) == len(parts)
    assert all(part in symptom for part, symptom in zip(parts, found, strict=True))
    assert adversarial_autoencoder().symptoms({}) == []
