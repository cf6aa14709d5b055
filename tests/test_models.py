"""Mathematics of the models, against independent truth."""

import gc
import math
import weakref
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal
from weights import same, values_of

from zoo import likelihoods, models, networks, schedules
from zoo.models._gradients import adam
from zoo.models.factor_vae import paired, permute_dims

SHAPE = (8, 8, 1)


def small_factor_vae(**arguments):
    return models.FactorVAE(
        SHAPE, **{"latent_dim": 3, "discriminator_layers": 1, "seed": 0, **arguments}
    )


# The evidence lower bound of a linear-Gaussian model, whose likelihood is known.


class LinearGaussian:
    """x = W z + b + sigma * noise, with orthogonal columns of W, so that the posterior is diagonal."""

    def __init__(self, pixels=6, latent_dim=2, sigma=0.3):
        random = np.random.default_rng(0)
        basis, _ = np.linalg.qr(random.normal(size=(pixels, latent_dim)))
        self.weights = basis * [1.0, 0.5]
        self.bias = random.normal(size=pixels)
        self.sigma = sigma
        z = random.normal(size=(40, latent_dim))
        noise = sigma * random.normal(size=(40, pixels))
        self.images = z @ self.weights.T + self.bias + noise

    def log_likelihood(self):
        covariance = self.weights @ self.weights.T + self.sigma**2 * np.eye(len(self.bias))
        return multivariate_normal(self.bias, covariance).logpdf(self.images)

    def posterior(self):
        """The map from images to posterior means, and the posterior's variances."""
        precision = self.weights.T @ self.weights / self.sigma**2 + np.eye(self.weights.shape[1])
        return np.linalg.inv(precision) @ self.weights.T / self.sigma**2, 1 / np.diag(precision)

    def model(self, extra_mean=0.0, extra_log_variance=0.0, cls=models.VAE, **arguments):
        """A VAE whose encoder is the exact posterior, or off by a known amount."""
        pixels, latent_dim = self.weights.shape
        shape = (pixels, 1, 1)
        gain, variance = self.posterior()
        flat = keras.Input(shape)
        encoder = keras.Model(
            flat, keras.layers.Dense(2 * latent_dim)(keras.layers.Flatten()(flat))
        )
        encoder.set_weights(
            [
                np.concatenate([gain.T, np.zeros((pixels, latent_dim))], axis=1),
                np.concatenate(
                    [-gain @ self.bias + extra_mean, np.log(variance) + extra_log_variance]
                ),
            ]
        )
        latents = keras.Input((latent_dim,))
        decoder = keras.Model(
            latents, keras.layers.Reshape(shape)(keras.layers.Dense(pixels)(latents))
        )
        decoder.set_weights([self.weights.T, self.bias])
        like = likelihoods.Gaussian(scale=self.sigma, activation="linear")
        parts = {"likelihood": like, "encoder": encoder, "decoder": decoder}
        return cls(shape, latent_dim, **parts, seed=0, **arguments)

    def elbo(self, model, samples=400):
        """Mean and standard error of the estimates of the whole data's ELBO."""
        images = self.images.reshape(-1, len(self.bias), 1, 1).astype("float32")
        step = tf.function(
            lambda: -tf.reduce_mean(model.objective(model.elbo_terms(images))["loss"])
        )
        estimates = [step().numpy() for _ in range(samples)]
        return np.mean(estimates), np.std(estimates) / math.sqrt(samples)


def test_elbo_of_the_exact_posterior_is_the_log_likelihood():
    truth = LinearGaussian()
    elbo, error = truth.elbo(truth.model())
    assert error < 0.05
    assert abs(elbo - truth.log_likelihood().mean()) < 4 * error + 1e-3


def test_elbo_of_a_wrong_posterior_is_lower_by_its_divergence():
    truth = LinearGaussian()
    shift, log_ratio = 0.2, 0.5
    _, variance = truth.posterior()
    # KL between two diagonal Gaussians.
    gap = 0.5 * np.sum(np.exp(log_ratio) + shift**2 / variance - 1 - log_ratio)
    elbo, error = truth.elbo(truth.model(shift, log_ratio))
    assert abs(elbo - (truth.log_likelihood().mean() - gap)) < 4 * error + 1e-3


def test_kl_equals_its_monte_carlo_estimate(binary_digits):
    model = models.VAE(SHAPE, latent_dim=3, seed=1)
    encoder_outputs = tf.random.stateless_normal((5, 6), (0, 1))
    posterior = model.posterior(encoder_outputs)
    samples = posterior.sample(100_000, seed=(1, 2))
    estimates = (posterior.log_prob(samples) - model.prior.log_prob(samples)).numpy()
    error = estimates.std(axis=0) / math.sqrt(len(estimates))
    exact = model.latent_kl(posterior).numpy().sum(axis=1)
    assert (abs(estimates.mean(axis=0) - exact) < 4 * error).all()
    mean, log_variance = np.split(encoder_outputs.numpy().astype(float), 2, axis=1)
    closed = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1)
    np.testing.assert_allclose(exact, closed, rtol=1e-5)


# Objectives.


def test_beta_weights_the_kl(binary_digits):
    model = models.BetaVAE(SHAPE, latent_dim=3, beta=7.0, seed=0)
    terms = model.elbo_terms(binary_digits)
    expected = terms.reconstruction.numpy() + 7 * terms.kl.numpy()
    np.testing.assert_allclose(model.objective(terms)["loss"].numpy(), expected, rtol=1e-6)


def test_normalized_beta_is_the_weight_of_means(binary_digits):
    model = models.BetaVAE(SHAPE, latent_dim=3, beta=0.01, normalized=True, seed=0)
    terms = model.elbo_terms(binary_digits)
    pixels = math.prod(SHAPE)
    loss = model.objective(terms)["loss"].numpy() / pixels
    mean_per_latent = terms.latent_kl.numpy().mean(axis=1)
    expected = terms.reconstruction.numpy() / pixels + 0.01 * mean_per_latent
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_normalized_beta_of_the_paper():
    model = models.BetaVAE((64, 64, 1), latent_dim=10, beta=0.009765625, normalized=True)
    assert model.weight() == 4.0


def test_capacity_pulls_from_both_sides(binary_digits):
    model = models.AnnealedVAE(SHAPE, latent_dim=3, gamma=10.0, capacity=5.0, seed=0)
    terms = model.elbo_terms(binary_digits)
    mean = terms.kl.numpy().mean()
    assert mean < 5
    np.testing.assert_allclose(model.regularizer(terms).numpy(), 10 * (5 - mean), rtol=1e-6)


def test_schedule_follows_the_updates_of_the_models_optimizer(binary_digits):
    model = models.BetaVAE(SHAPE, latent_dim=3, beta=schedules.Linear(8.0, steps=8), seed=0)
    model.compile()
    assert float(model.weight()) == 0
    model.fit(binary_digits, batch_size=16, verbose=0)
    assert float(model.weight()) == 4
    model.evaluate(binary_digits, verbose=0)
    assert float(model.weight()) == 4


def test_default_optimizers_are_the_papers():
    model = small_factor_vae()
    model.compile()
    vae, discriminator = model.optimizer, model.discriminator_optimizer
    assert (float(vae.learning_rate), vae.beta_1, vae.beta_2) == (pytest.approx(1e-4), 0.9, 0.999)
    assert (float(discriminator.learning_rate), discriminator.beta_1, discriminator.beta_2) == (
        pytest.approx(1e-4),
        0.5,
        0.9,
    )


# FactorVAE.


def test_permute_dims_keeps_columns_and_breaks_rows():
    latents = tf.random.stateless_normal((500, 4), (0, 0))
    permuted = permute_dims(latents, (1, 2)).numpy()
    np.testing.assert_array_equal(np.sort(permuted, axis=0), np.sort(latents.numpy(), axis=0))
    rows = {tuple(row) for row in latents.numpy()}
    assert sum(tuple(row) in rows for row in permuted) <= 2


def test_permute_dims_permutes_each_dimension_on_its_own_and_uniformly():
    latents = tf.tile(tf.range(3.0)[:, None], (1, 2))
    orders = [permute_dims(latents, (seed, 0)).numpy() for seed in range(1200)]
    columns = np.array([[tuple(order[:, 0]), tuple(order[:, 1])] for order in orders])
    _, counts = np.unique(columns.reshape(len(orders), -1), axis=0, return_counts=True)
    # 6 x 6 pairs of orders, 33.3 of each expected.
    assert len(counts) == 36
    assert (
        (counts - 1200 / 36) ** 2 / (1200 / 36)
    ).sum() < 66.6  # chi-squared, 35 degrees, p = 0.001


def test_discriminator_loss_does_not_reach_the_encoder(binary_digits):
    model = small_factor_vae()
    with tf.GradientTape() as tape:
        latents = model.elbo_terms(binary_digits).latents
        loss = model.discriminator_loss(latents, permute_dims(latents, (0, 1)))
    assert tape.gradient(loss, model.elbo_variables) == [None] * len(model.elbo_variables)


def test_factor_vae_adds_gamma_times_the_log_ratio_to_the_vaes_loss(binary_digits):
    model = small_factor_vae(gamma=7.0)
    terms = model.elbo_terms(binary_digits, seed=(0, 1))
    logits = model.discriminator(terms.latents).numpy()
    expected = terms.reconstruction + terms.kl + 7.0 * (logits[:, 0] - logits[:, 1])
    values = model.objective(terms)
    np.testing.assert_allclose(values["loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(values["total_correlation"], logits[:, 0] - logits[:, 1], rtol=1e-5)


def test_permuted_latents_are_those_of_the_second_batch_each_dimension_in_its_own_order(
    binary_digits, monkeypatch
):
    model = small_factor_vae()
    # Its posteriors are narrow: latents are the means, nearly.
    monkeypatch.setattr(
        model,
        "posterior",
        lambda outputs: models.VAE.posterior(model, outputs - [[0.0] * 3 + [30.0] * 3]),
    )
    seen = []
    monkeypatch.setattr(
        model,
        "discriminator_loss",
        lambda *latents: seen.extend(latents) or tf.reduce_sum(latents[0]),
    )
    monkeypatch.setattr(model, "update_discriminator", lambda values_of: values_of())
    model.compile(run_eagerly=True)
    first, second = binary_digits[:16], binary_digits[16:32]
    means = [model.encode(images).mean().numpy() for images in (first, second)]
    model.train_on_batch(first, second)
    latents, permuted = (part.numpy() for part in seen)
    np.testing.assert_allclose(latents, means[0], atol=1e-4)
    np.testing.assert_allclose(np.sort(permuted, axis=0), np.sort(means[1], axis=0), atol=1e-4)
    orders = [np.abs(means[1][:, j, None] - permuted[:, j]).argmin(axis=0) for j in range(3)]
    assert len({tuple(order) for order in orders}) == 3


@pytest.mark.parametrize("still", ["vae", "discriminator"])
def test_each_optimizer_trains_its_own_variables(binary_digits, still):
    rate = {"vae": 1e-2, "discriminator": 1e-2, still: 0.0}
    model = small_factor_vae()
    model.compile(adam(rate["vae"]), adam(rate["discriminator"]))
    parts = {"vae": model.elbo_variables, "discriminator": model.discriminator.trainable_variables}
    before = {name: values_of(variables) for name, variables in parts.items()}
    model.fit(binary_digits, batch_size=16, verbose=0)
    for name, variables in parts.items():
        assert same(before[name], values_of(variables)) == (name == still)


def test_optimizers_count_their_own_updates_and_share_no_variable(binary_digits):
    model = small_factor_vae()
    model.compile()
    model.fit(binary_digits, batch_size=16, epochs=2, verbose=0)
    assert int(model.optimizer.iterations) == int(model.discriminator_optimizer.iterations) == 8
    assert model.optimizer.iterations is not model.discriminator_optimizer.iterations
    elbo = {id(variable) for variable in model.elbo_variables}
    assert not elbo & {id(variable) for variable in model.discriminator.trainable_variables}
    assert len(model.elbo_variables) + len(model.discriminator.trainable_variables) == len(
        model.trainable_variables
    )


def test_without_gamma_the_vae_trains_as_a_vae(binary_digits):
    factor = small_factor_vae(gamma=0.0)
    plain = models.VAE(SHAPE, latent_dim=3, seed=0)
    for model in (factor, plain):
        model.compile()
        model.fit(binary_digits, batch_size=24, epochs=3, shuffle=False, verbose=0)
    for a, b in zip(factor.elbo_variables, plain.elbo_variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_density_ratio_recovers_the_total_correlation_of_a_gaussian():
    correlation = 0.8
    exact = -0.5 * math.log(1 - correlation**2)
    model = models.FactorVAE(SHAPE, latent_dim=2, seed=0)
    model.discriminator = networks.discriminator(2, hidden_layers=2, units=200, seed=0)
    model.compile(discriminator_optimizer=adam(1e-3, 0.5, 0.9))

    def draw(count, seed):
        z = tf.random.stateless_normal((count, 2), (seed, 0))
        second = correlation * z[:, :1] + math.sqrt(1 - correlation**2) * z[:, 1:]
        return tf.concat([z[:, :1], second], axis=1)

    @tf.function
    def step(seed):
        permuted = permute_dims(draw(512, 2 * seed), (seed, 1))
        return model.train_discriminator(draw(512, 2 * seed + 1), permuted)["discriminator_loss"]

    for seed in tf.range(300):
        loss = step(seed)
    assert loss < math.log(2)
    estimate = tf.reduce_mean(model.total_correlation(draw(50_000, -1))).numpy()
    assert abs(estimate - exact) < 0.15 * exact


def test_each_step_has_a_second_batch_and_the_vae_sees_every_image():
    images = tf.data.Dataset.range(10).batch(4)
    pairs = [(a.numpy().tolist(), b.numpy().tolist()) for a, b in paired(images)]
    assert pairs == [([0, 1, 2, 3], [4, 5, 6, 7]), ([4, 5, 6, 7], [8, 9]), ([8, 9], [0, 1, 2, 3])]
    assert int(paired(images).cardinality()) == 3
    endless = paired(images.repeat()).take(4)
    assert [a.numpy().tolist() for a, _ in endless][-1] == [0, 1, 2, 3]


def test_batch_size_is_what_the_vae_sees(binary_digits, monkeypatch):
    model = small_factor_vae()
    model.compile(run_eagerly=True)
    seen = []
    terms = model.elbo_terms
    monkeypatch.setattr(
        model, "elbo_terms", lambda x, *args, **kw: seen.append(x.numpy()) or terms(x, *args, **kw)
    )
    model.fit(binary_digits[:40], batch_size=16, verbose=0)
    assert [len(batch) for batch in seen] == [16, 16, 8]
    rows = {image.tobytes() for image in np.concatenate(seen)}
    assert rows == {image.tobytes() for image in binary_digits[:40]}


def test_train_on_batch_wants_two_batches(binary_digits):
    model = small_factor_vae()
    model.compile()
    with pytest.raises(ValueError, match="two independent batches"):
        model.train_on_batch(binary_digits)
    logs = model.train_on_batch(binary_digits[:32], binary_digits[32:], return_dict=True)
    assert np.isfinite(list(logs.values())).all()


def test_one_optimizer_for_both_parts_is_refused():
    optimizer = adam(1e-3)
    with pytest.raises(ValueError, match="must be another object than `optimizer`"):
        small_factor_vae().compile(optimizer, optimizer)


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (models.BetaVAE, {"beta": 4.0}),
        (models.FactorVAE, {"gamma": 40.0, "discriminator_layers": 6}),
        (models.BetaTCVAE, {"alpha": 1.0, "gamma": 1.0}),
        (models.InfoVAE, {"alpha": 0.0, "lambda_mmd": 1000.0}),
        (models.InfoWGANGP, {"discriminator_steps": 5, "penalty_weight": 10.0}),
        (models.AdversarialAutoencoder, {"discriminator_layers": 2}),
    ],
)
def test_defaults_are_the_papers(make, settings):
    model = make(SHAPE, seed=0)
    assert model.latent_dim == 10
    assert {name: getattr(model, name) for name in settings} == settings


def test_default_capacity_is_the_papers():
    model = models.AnnealedVAE(SHAPE, seed=0)
    assert model.gamma == 1000.0
    assert [float(model.capacity(step)) for step in (0, 50_000, 100_000, 200_000)] == [
        0,
        12.5,
        25,
        25,
    ]


# Training as Keras users know it.


@pytest.mark.parametrize("call", ["train_on_batch", "test_on_batch"])
def test_images_of_a_single_step_are_checked(binary_digits, call):
    model = models.VAE(SHAPE, latent_dim=3, seed=0)
    model.compile()
    for wrong, message in (
        (binary_digits * 255, "values from 0 to 255"),
        (binary_digits[:, :7], "Expected images of shape"),
        (binary_digits.astype(int), "Received: dtype int64"),
        ({"image": binary_digits}, "Received: dict"),
    ):
        with pytest.raises(ValueError, match=message):
            getattr(model, call)(wrong)
    factor = small_factor_vae()
    factor.compile()
    with pytest.raises(ValueError, match="values from 0 to 255"):
        factor.train_on_batch(binary_digits, binary_digits * 255)


def test_an_image_shape_may_be_a_tensors():
    images = tf.zeros((2, 8, 8, 1))
    assert models.VAE(images.shape[1:], latent_dim=3).image_shape == (8, 8, 1)
    assert models.VAE(np.array([8, 8, 1]), latent_dim=3).image_shape == (8, 8, 1)


def test_a_split_that_leaves_nothing_to_train_on_is_named(binary_digits):
    model = models.VAE(SHAPE, latent_dim=3, seed=0)
    model.compile()
    with pytest.raises(ValueError, match="must leave images to train on"):
        model.fit(binary_digits[:2], validation_split=0.9)


def test_reported_means_count_images_not_batches(binary_digits):
    model = models.VAE(SHAPE, latent_dim=3, seed=0)
    model.compile()
    model.fit(binary_digits, epochs=20, verbose=0)
    reported = model.evaluate(binary_digits[:50], batch_size=48, verbose=0, return_dict=True)
    exact = model.latent_kl(model.encode(binary_digits[:50])).numpy().sum(axis=1).mean()
    assert reported["kl"] == pytest.approx(exact, rel=1e-5)


def test_same_seed_same_training(binary_digits):
    def trained(seed):
        model = small_factor_vae(seed=seed)
        model.compile()
        model.fit(binary_digits, batch_size=16, epochs=2, verbose=0)
        return values_of(model.variables)

    assert same(trained(3), trained(3))
    assert not same(trained(3), trained(4))


@pytest.mark.parametrize("cls", [models.FactorVAE, models.InfoGAN, models.AdaGVAE])
def test_keras_random_seed_fixes_weights_and_samples_of_a_model_without_a_seed(cls):
    def made(seed):
        keras.utils.set_random_seed(seed)
        model = cls(SHAPE, latent_dim=3)
        return values_of(model.variables), model.encode(np.ones((4, *SHAPE))).sample(
            seed=model.next_seed()
        )

    (weights, sample), (others, other_sample) = made(42), made(43)
    assert not same(weights, others)
    assert not np.array_equal(sample, other_sample)
    again, same_sample = made(42)
    assert same(weights, again)
    np.testing.assert_array_equal(sample, same_sample)


def test_keras_random_seed_fixes_the_training_of_a_model_without_a_seed(binary_digits):
    def trained():
        keras.utils.set_random_seed(42)
        model = models.VAE(SHAPE, latent_dim=3)
        model.compile()
        model.fit(binary_digits, batch_size=16, verbose=0)  # in an order that is drawn as well
        return values_of(model.variables)

    for one, other in zip(trained(), trained(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_two_models_without_a_seed_differ():
    one, other = models.VAE(SHAPE), models.VAE(SHAPE)
    kernels = [
        (a, b) for a, b in zip(one.weights, other.weights, strict=True) if a.path.endswith("kernel")
    ]
    assert len(kernels) >= 6
    assert not any(np.array_equal(a, b) for a, b in kernels)


def test_uint8_is_scaled_in_the_graph(digits):
    model = models.VAE(SHAPE, latent_dim=3, likelihood="continuous_bernoulli", seed=0)
    as_bytes = np.round(digits * 255).astype("uint8")
    as_floats = as_bytes.astype("float32") / 255
    np.testing.assert_array_equal(model(as_bytes).numpy(), model(as_floats).numpy())
    model.compile()
    model.fit(as_bytes, verbose=0)
    model.fit(tf.data.Dataset.from_tensor_slices(as_bytes).batch(16), verbose=0)


def test_labels_in_a_pipeline_are_ignored(binary_digits):
    model = models.VAE(SHAPE, latent_dim=3, seed=0)
    model.compile()
    labels = np.zeros(64)
    pairs = tf.data.Dataset.from_tensor_slices((binary_digits, labels)).batch(16)
    named = tf.data.Dataset.from_tensor_slices({"image": binary_digits, "label": labels}).batch(16)
    for data in (pairs, named):
        model.fit(data, validation_data=data, verbose=0)
        assert model.predict(data, verbose=0).shape == (64, *SHAPE)


def test_validation_split_takes_the_end(binary_digits):
    model = models.VAE(SHAPE, latent_dim=3, seed=0)
    model.compile()
    history = model.fit(binary_digits, validation_split=0.25, epochs=2, verbose=0).history
    assert len(history["val_loss"]) == 2


def test_loss_falls(binary_digits):
    for model in (models.VAE(SHAPE, 3, seed=0), small_factor_vae(gamma=1.0)):
        model.compile(adam(1e-2))
        losses = model.fit(binary_digits, epochs=30, verbose=0).history["loss"]
        assert losses[-1] < 0.75 * losses[0]


def test_xla_only_where_there_is_a_gpu():
    model = models.VAE(SHAPE, 3)
    model.compile()
    assert model.jit_compile == bool(tf.config.list_physical_devices("GPU"))
    model.compile(jit_compile=True)
    assert model.jit_compile


def test_mixed_precision_keeps_the_loss_in_float32(binary_digits):
    model = small_factor_vae(dtype="mixed_bfloat16")
    terms = model.elbo_terms(binary_digits)
    assert terms.reconstruction.dtype == terms.latent_kl.dtype == tf.float32
    assert model.encoder.get_layer("dense").compute_dtype == "bfloat16"
    model.compile()
    assert np.isfinite(model.fit(binary_digits, verbose=0).history["loss"]).all()


def test_own_networks_are_trained_and_saved(binary_digits, tmp_path):
    from zoo import networks

    encoder = networks.dense_encoder(SHAPE, outputs=4, units=(16,))
    decoder = networks.dense_decoder(2, SHAPE, units=(16,))
    model = models.BetaVAE(SHAPE, 2, encoder=encoder, decoder=decoder, seed=0)
    model.compile()
    model.fit(binary_digits, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert [layer.name for layer in loaded.encoder.layers] == [
        layer.name for layer in encoder.layers
    ]
    np.testing.assert_array_equal(
        loaded.predict(binary_digits, verbose=0), model.predict(binary_digits, verbose=0)
    )


# Bad input.


def fit_error(images, **arguments):
    model = models.VAE(SHAPE, 3, seed=0)
    model.compile()
    before = values_of(model.variables)
    with pytest.raises(ValueError, match=r"Expected|must") as caught:
        model.fit(images, verbose=0, **arguments)
    assert same(before, values_of(model.variables))
    message = str(caught.value)
    assert "\n" not in message
    return message


IMAGES = np.zeros((6, *SHAPE), "float32")


def changed(value):
    images = IMAGES.copy()
    images[4, 0, 0, 0] = value
    return images


@pytest.mark.parametrize(
    ("images", "part"),
    [
        (IMAGES[..., 0], "channel axis is missing"),
        (IMAGES[0], "That is one image"),
        (np.zeros((6, 9, 8, 1)), "Received: shape (6, 9, 8, 1)"),
        (np.zeros((6, 8, 8, 3)), "Received: shape (6, 8, 8, 3)"),
        (IMAGES.astype("int64"), "dtype int64"),
        (IMAGES.astype("complex64"), "dtype complex64"),
        (IMAGES[:0], "length 0"),
        (changed(255), "values from 0 to 255"),
        (changed(-0.5), "values from -0.5 to 0"),
        (changed(np.nan), "1 NaN pixels, the first at index (4, 0, 0, 0)"),
        ([1, 2, 3], "Received: list"),
        ("images", "Received: str"),
    ],
)
def test_bad_arrays_are_refused_before_training(images, part):
    assert part in fit_error(images)


@pytest.mark.parametrize(
    ("images", "part"),
    [
        (IMAGES[..., 0], "channel axis is missing"),
        (np.zeros((6, 8, 8, 3), "float32"), "(None, 8, 8, 3)"),
        (IMAGES.astype("int32"), "dtype int32"),
        (changed(2.0), "values from 0 to 2"),
        (changed(np.nan), "values from nan to nan"),
    ],
)
def test_bad_pipelines_are_refused_before_training(images, part):
    assert part in fit_error(tf.data.Dataset.from_tensor_slices(images).batch(6))


ENDLESS = {
    "repeated": lambda images: images.batch(8).repeat(),
    "repeated, then batched": lambda images: images.repeat().shuffle(8).batch(8).prefetch(1),
    "filtered": lambda images: images.repeat().filter(lambda x: x[0, 0, 0] >= 0).batch(8),
    "drawn": lambda images: tf.data.Dataset.sample_from_datasets([images.repeat()] * 2).batch(8),
    "side by side": lambda images: tf.data.Dataset.zip(
        *[images.repeat().filter(lambda x: x[0, 0, 0] >= 0)] * 2
    ).batch(8),
    "by turns": lambda images: tf.data.Dataset.sample_from_datasets(
        [images.repeat().filter(lambda x: x[0, 0, 0] >= 0)] * 2
    ).batch(8),
    "at last": lambda images: images.concatenate(
        images.repeat().filter(lambda x: x[0, 0, 0] >= 0)
    ).batch(8),
    "counted": lambda images: tf.data.Dataset.counter().map(lambda k: tf.zeros((8, *SHAPE))),
    "with labels": lambda images: images.map(lambda x: (x, 0)).batch(8).repeat(),
}
CALLS = {
    "steps_per_epoch": lambda model, x: model.fit(x, verbose=0),
    "validation_steps": lambda model, x: model.fit(
        np.zeros((8, *SHAPE)), validation_data=x, verbose=0
    ),
    "steps": lambda model, x: model.evaluate(x, verbose=0),
    "steps ": lambda model, x: model.predict(x, verbose=0),
}


@pytest.mark.parametrize("argument", CALLS)
@pytest.mark.parametrize("kind", ENDLESS)
def test_an_endless_pipeline_without_steps_is_refused_at_once(kind, argument):
    model = models.VAE(SHAPE, latent_dim=2, seed=0)
    model.compile()
    endless = ENDLESS[kind](tf.data.Dataset.from_tensor_slices(np.zeros((16, *SHAPE))))
    with pytest.raises(ValueError, match=r"with a tf\.data\.Dataset that has no end") as caught:
        CALLS[argument](model, endless)
    assert f"Pass {argument.strip()}=1000, or " in str(caught.value)
    assert int(model.optimizer.iterations) == 0


@pytest.mark.parametrize("cls", [models.AdaGVAE, models.InfoGAN])
def test_endless_pipelines_of_any_model_need_steps(cls):
    model = cls(SHAPE, latent_dim=2, seed=0)
    model.compile()
    parts = {"batches": np.zeros((16, *SHAPE)), "pairs": (np.zeros((16, *SHAPE)),) * 2}
    endless = tf.data.Dataset.from_tensor_slices(parts[cls.trains_on]).batch(8).repeat()
    for call in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match="that has no end"):
            call(endless, verbose=0)
    assert model.predict(endless, steps=2, verbose=0).shape == (
        (16, *SHAPE) if cls is models.InfoGAN else (32, *SHAPE)
    )


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_pipelines_that_end_need_no_steps():
    model = models.VAE(SHAPE, latent_dim=2, seed=0)
    images = tf.data.Dataset.from_tensor_slices(np.zeros((16, *SHAPE)))
    some = images.repeat().filter(lambda x: x[0, 0, 0] >= 0)
    made = tf.data.Dataset.from_generator(
        lambda: iter([np.zeros((8, *SHAPE))] * 3),
        output_signature=tf.TensorSpec((None, *SHAPE), tf.float32),
    )
    counted = tf.data.Dataset.counter().take_while(lambda k: k < 3)
    paired = tf.data.Dataset.zip(some, images.repeat(2).take(24)).map(lambda first, second: first)
    for batches in (
        some.take(24).batch(8),
        made,
        counted.map(lambda k: tf.zeros((8, *SHAPE))),
        paired.batch(8),
    ):
        assert model.predict(batches, verbose=0).shape == (24, *SHAPE)


def test_an_unbatched_pipeline_is_named():
    assert ".batch(64)" in fit_error(tf.data.Dataset.from_tensor_slices(IMAGES))


def test_an_empty_pipeline_is_named():
    assert "empty" in fit_error(tf.data.Dataset.from_tensor_slices(IMAGES).take(0).batch(2))


def test_a_bad_batch_late_in_a_pipeline_is_a_value_error():
    model = models.VAE(SHAPE, 3, seed=0)
    model.compile()
    data = tf.data.Dataset.from_tensor_slices(np.concatenate([IMAGES, changed(3.0)])).batch(6)
    with pytest.raises(ValueError, match="values from 0 to 3"):
        model.fit(data, verbose=0)
    with pytest.raises(ValueError, match="values from 0 to 3"):
        model.evaluate(data, verbose=0)
    with pytest.raises(ValueError, match="values from 0 to 3"):
        model.predict(data, verbose=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.VAE((8, 8)), "`image_shape` must be (height, width, channels)"),
        (lambda: models.VAE(8), "`image_shape` must be (height, width, channels)"),
        (lambda: models.BetaVAE(SHAPE, beta=True), "Received: beta=True"),
        (lambda: models.BetaVAE(SHAPE, normalized="false"), "`normalized` must be True or False"),
        (lambda: models.VAE(SHAPE, 3).sample(-1, seed=0), "`n` must be an integer >= 1. Received: n=-1"),
        (lambda: models.VAE(SHAPE, 3).sample(2.5, seed=0), "Received: n=2.5"),
        (lambda: models.VAE(SHAPE, latent_dim=0), "`latent_dim` must be an integer >= 1"),
        (lambda: models.VAE(SHAPE, latent_dim=-1), "Received: latent_dim=-1"),
        (lambda: models.VAE(SHAPE, seed=-1), "`seed` must be an integer >= 0. Received: seed=-1"),
        (lambda: models.VAE(SHAPE, latent_dim=2.5), "Received: latent_dim=2.5"),
        (lambda: models.VAE(SHAPE, likelihood="bernouli"), 'Did you mean "bernoulli"?'),
        (lambda: models.BetaVAE(SHAPE, beta=-1.0), "`beta` must be a number >= 0 or a schedule. Received: beta=-1.0"),
        (lambda: models.BetaVAE(SHAPE, beta=math.nan), "Received: beta=nan"),
        (lambda: models.FactorVAE(SHAPE, gamma=-1), "Received: gamma=-1"),
        (lambda: models.VAE(SHAPE, free_bits=-0.1), "`free_bits` must be a number >= 0"),
        (lambda: models.FactorVAE(SHAPE, discriminator_layers=0), "`discriminator_layers`"),
        (lambda: models.AnnealedVAE(SHAPE, capacity="25"), "Received: capacity='25'"),
        (lambda: schedules.Linear(1.0, steps=0), "`steps` must be > 0"),
        (lambda: models.VAE(SHAPE, 3, encoder=small_network((8, 8, 1), 5)), "whose output is (None, 5)"),
        (lambda: models.VAE(SHAPE, 3, encoder=small_network((9, 9, 1), 6)), "does not take that input"),
        (lambda: models.VAE(SHAPE, 3, encoder="conv"), "Received: str"),
        (lambda: models.VAE(SHAPE, 3, decoder=small_network((3,), 5)), "`decoder`"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        make()
    assert message in str(caught.value)


def small_network(input_shape, outputs):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Dense(outputs)(keras.layers.Flatten()(inputs)))


def test_targets_and_losses_are_refused(binary_digits):
    model = models.VAE(SHAPE, 3)
    with pytest.raises(ValueError, match="`loss` must not be given"):
        model.compile(loss="mse")
    model.compile()
    with pytest.raises(ValueError, match="`y` must be None"):
        model.fit(binary_digits, binary_digits)


def test_grey_values_under_bernoulli_warn_once(digits):
    model = models.VAE(SHAPE, 3, seed=0)
    model.compile()
    with pytest.warns(UserWarning, match="ContinuousBernoulli"):
        model.fit(digits, verbose=0)
    model.fit(digits, verbose=0)


def test_latents_of_any_float_type_are_decoded():
    model = models.VAE(SHAPE, 3, seed=0)
    means = [
        model.decode(tf.zeros((2, 3), dtype)).mean().numpy() for dtype in ("float64", "float32")
    ]
    np.testing.assert_array_equal(*means)


def test_latents_of_the_wrong_size_are_named():
    with pytest.raises(ValueError, match=r"latents of shape \(None, 3\).*\(2, 4\)"):
        models.VAE(SHAPE, 3).decode(np.zeros((2, 4)))


# What the numbers of an array mean.


def binary_bytes():
    return np.random.default_rng(0).integers(2, size=(64, *SHAPE), dtype="uint8")


def fitted_on(images, **arguments):
    model = models.VAE(SHAPE, latent_dim=3, seed=0)
    model.compile()
    history = model.fit(images, epochs=2, verbose=0, **arguments).history
    measured = model.evaluate(images, verbose=0)
    step = model.train_on_batch(images[:8])
    return [history, measured, step], [model.predict(images, verbose=0), *values_of(model.weights)]


@pytest.mark.parametrize("split", [0.0, 0.25])
def test_bytes_of_0_and_1_are_black_and_white(split):
    """To the bit, and without a warning that they are grey."""
    numbers, arrays = fitted_on(binary_bytes(), validation_split=split)
    expected, others = fitted_on(binary_bytes().astype("float32"), validation_split=split)
    assert numbers == expected
    assert same(arrays, others)


@pytest.mark.parametrize("place", [0, 63])
def test_all_images_decide_whether_bytes_are_binary(place):
    """Not the part of them that is trained on; all but one image hold 0 and 1 alone."""
    images = binary_bytes()
    images[place, 0, 0, 0] = 200
    with pytest.warns(UserWarning, match="only 0 and 255.*Received also"):
        dark, _ = fitted_on(images, validation_split=0.25)
    with pytest.warns(UserWarning, match="only 0 and 1.*Received also 0"):
        expected, _ = fitted_on(images / np.float32(255), validation_split=0.25)
    np.testing.assert_allclose(dark[0]["loss"], expected[0]["loss"], rtol=1e-5)


def test_floats_a_hair_outside_are_clipped(binary_digits):
    hair = (binary_digits * (1 + 7e-7) - 2e-7).astype("float32")
    assert hair.min() < 0 < 1 < hair.max()
    numbers, arrays = fitted_on(hair)
    expected, others = fitted_on(hair.clip(0, 1))
    assert numbers == expected
    assert same(arrays, others)
    model = models.VAE(SHAPE, latent_dim=3, seed=0)
    model.compile()
    model.fit(tf.data.Dataset.from_tensor_slices(hair).batch(16), verbose=0)


@pytest.mark.parametrize("piped", [False, True])
def test_floats_further_outside_are_shown_with_all_their_digits(piped):
    images = changed(1.000004)
    text = fit_error(tf.data.Dataset.from_tensors(images) if piped else images)
    assert "values from 0 to 1.00000" in text
    assert "to 1." in text.replace("to 1. ", "")
    assert "values from -0.0000" in fit_error(changed(-2e-5)).replace("-2e-05", "-0.00002")


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        (np.uint16([0, 65535]), "values from 0 to 65535. Convert them: divide them, as floats"),
        (np.uint16([0, 255]), 'Convert them: images.astype("uint8") keeps their values'),
        (np.int64([0, 1]), 'Convert them: images.astype("uint8") keeps their values'),
        (np.int8([-128, 127]), "Convert them: map their least value to 0 and their largest to 1"),
        (np.bool_([0, 1]), 'Convert them: cast them to "float32"'),
    ],
)
def test_integers_are_refused_with_advice_that_does_not_wrap(values, advice):
    images = np.resize(values, (6, *SHAPE))
    assert advice in fit_error(images)
    text = fit_error(tf.data.Dataset.from_tensors(images))
    assert f"Received: dtype {images.dtype}. Convert them" in text
    assert "astype('uint8')" not in text


# Arrays stay where they are.


def anonymous():
    """Bytes of memory that this process has and that are no file's."""
    text = Path("/proc/self/smaps_rollup").read_text()
    return 1024 * int(text.partition("Anonymous:")[2].split()[0])


def test_fit_adds_no_copy_of_the_array():
    """Of 192 MiB; the callback looks when a pipeline has made its copies, if any."""
    images = np.full((3 * 2**20, *SHAPE), 255, "uint8")
    model = models.VAE(SHAPE, latent_dim=3, seed=0)
    model.compile()
    model.fit(images[:64], verbose=0)
    before, found = anonymous(), []
    look = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: found.append(anonymous()))
    model.fit(images, shuffle=False, steps_per_epoch=2, verbose=0, callbacks=[look])
    assert max(found) - before < 64 * 2**20


def test_an_array_is_let_go_after_fit(digits):
    """With the model still there."""
    images = digits.copy()
    model = models.VAE(SHAPE, latent_dim=3, likelihood="continuous_bernoulli", seed=0)
    model.compile()
    model.fit(images, verbose=0)
    gone = weakref.ref(images)
    del images
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("layout", ["strided", "fortran", "float64", "misaligned", "read-only"])
def test_predict_on_an_array_of_any_layout(digits, layout):
    model = models.VAE(SHAPE, latent_dim=3, seed=0)
    given = {
        "strided": np.repeat(digits, 2, axis=0)[::2],
        "fortran": np.asfortranarray(digits),
        "float64": digits.astype("float64"),
        "misaligned": np.concatenate([[np.float32(0)], digits.ravel()])[1:].reshape(digits.shape),
        "read-only": digits.view(),
    }[layout]
    given.flags.writeable = layout != "read-only"
    expected = np.concatenate([model(digits[:32]).numpy(), model(digits[32:]).numpy()])
    np.testing.assert_array_equal(model.predict(given, batch_size=32, verbose=0), expected)
