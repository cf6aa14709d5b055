"""Mathematics of the VAE family without an adversary, against closed forms, brute force and known answers."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp
from scipy.stats import kstest, norm
from test_models import LinearGaussian

import zoo
from zoo import datasets, models, runs, schedules
from zoo.measure import evaluation
from zoo.models import dip_vae
from zoo.models._terms import ElboTerms
from zoo.runs import report, training

SHAPE = (8, 8, 1)
FAMILY = ["autoencoder", "beta_tc_vae", "dip_vae", "info_vae", "iwae"]


class Posteriors:
    """The posteriors of a small dataset, chosen by hand, and latents drawn from them."""

    def __init__(self, means, log_variances, seed=0):
        self.means = np.asarray(means, "float32")
        self.log_variances = np.broadcast_to(log_variances, self.means.shape).astype("float32")
        noise = np.random.default_rng(seed).normal(size=self.means.shape)
        self.latents = (self.means + np.exp(self.log_variances / 2) * noise).astype("float32")

    @classmethod
    def random(cls, images=6, latents=2, seed=0):
        random = np.random.default_rng(seed)
        shape = (images, latents)
        return cls(random.normal(size=shape), random.normal(-1, 0.5, size=shape), seed + 1)

    def terms(self, model, rows=slice(None)):
        """What a model makes of some of the images."""
        outputs = np.concatenate([self.means, self.log_variances], axis=1)[rows]
        posterior = model.posterior(tf.constant(outputs))
        return ElboTerms(
            posterior=posterior,
            latents=tf.constant(self.latents[rows]),
            reconstruction=tf.zeros(len(outputs)),
            latent_kl=model.latent_kl(posterior),
        )

    # The truth, in float64.

    def log_pairs(self):
        """log q(z_ij|x_n) for each latent vector i, image n and latent j."""
        means, deviations = self.means.astype(float), np.exp(self.log_variances.astype(float) / 2)
        return norm.logpdf(self.latents[:, None].astype(float), means, deviations)

    def log_aggregate(self):
        """Exact log q(z) and log q(z_j) of each latent vector."""
        pairs = self.log_pairs()
        count = math.log(len(self.means))
        return logsumexp(pairs.sum(axis=2), axis=1) - count, logsumexp(pairs, axis=1) - count

    def log_ratio(self):
        """log q(z|x) - log p(z): the KL divergence, sampled."""
        own = np.einsum("iij->ij", self.log_pairs())
        return (own - norm.logpdf(self.latents.astype(float))).sum(axis=1)

    def kl(self):
        """KL(q(z_j|x) || p(z_j)) in closed form."""
        mean, log_variance = self.means.astype(float), self.log_variances.astype(float)
        return 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)


def tc_vae(images=6, latents=2, **arguments):
    return models.BetaTCVAE(
        SHAPE, latents, **{"dataset_size": images, "estimator": "mss", "seed": 0, **arguments}
    )


def parts_of(model, posteriors):
    return {k: v.numpy() for k, v in model.decomposed_kl(posteriors.terms(model)).items()}


# BetaTCVAE: the aggregate posterior.


def test_mss_over_the_whole_dataset_is_the_exact_aggregate_posterior():
    truth = Posteriors.random()
    joint, marginals = tc_vae().log_aggregate(truth.terms(tc_vae()))
    exact_joint, exact_marginals = truth.log_aggregate()
    np.testing.assert_allclose(joint, exact_joint, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(marginals, exact_marginals, rtol=1e-4, atol=1e-5)


def test_mws_over_the_whole_dataset_is_off_by_log_n():
    truth = Posteriors.random()
    model = tc_vae(estimator="mws")
    joint, marginals = model.log_aggregate(truth.terms(model))
    exact_joint, exact_marginals = truth.log_aggregate()
    np.testing.assert_allclose(joint, exact_joint - math.log(6), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(marginals, exact_marginals - math.log(6), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_mss_is_unbiased_wherever_an_image_stands_in_its_batch(place):
    """Image 0 with every two of the five others: the mean of the estimates of q(z_0) is q(z_0), to rounding."""
    truth, model = Posteriors.random(), tc_vae()
    estimates = []
    for others in itertools.combinations(range(1, 6), 2):
        rows = np.insert(others, place, 0)
        joint, marginals = model.log_aggregate(truth.terms(model, rows))
        estimates.append(np.exp([joint[place], *marginals[place]]))
    joint, marginals = truth.log_aggregate()
    assert np.std(estimates, axis=0).min() > 0.01 * np.mean(estimates, axis=0).max()
    np.testing.assert_allclose(
        np.mean(estimates, axis=0), np.exp([joint[0], *marginals[0]]), rtol=1e-5
    )


def test_each_weight_stands_for_its_share_of_the_dataset():
    weights = np.exp(tc_vae(images=100).log_weights(4))
    np.testing.assert_allclose(np.diag(weights), 1 / 100, rtol=1e-5)
    np.testing.assert_allclose(weights[~np.eye(4, dtype=bool)], 0.99 / 3, rtol=1e-5)
    weights = np.exp(tc_vae(images=100, estimator="mws").log_weights(4))
    np.testing.assert_allclose(weights, 1 / 400, rtol=1e-5)


@pytest.mark.parametrize("estimator", ["mws", "mss"])
def test_a_batch_of_one_image_has_finite_terms(estimator):
    truth = Posteriors.random()
    model = tc_vae(estimator=estimator)
    joint, marginals = model.log_aggregate(truth.terms(model, [3]))
    own = truth.log_pairs()[3, 3]
    np.testing.assert_allclose(joint, [own.sum() - math.log(6)], rtol=1e-4)
    np.testing.assert_allclose(marginals, [own - math.log(6)], rtol=1e-4)


def test_far_latents_do_not_underflow():
    truth = Posteriors([[0.0, 0.0], [30.0, -30.0]], log_variances=-4.0)
    # The latents of each image under the posterior of the other alone: far beyond the smallest float.
    truth.latents = 3 * truth.latents[::-1]
    model = tc_vae(images=3)
    joint, _ = model.log_aggregate(truth.terms(model))
    pairs = truth.log_pairs().sum(axis=2)
    assert np.diag(pairs).max() < -10_000
    # 1/3 for its own image, 2/3 for the only other one.
    expected = logsumexp(pairs, axis=1, b=[[1 / 3, 2 / 3], [2 / 3, 1 / 3]])
    np.testing.assert_allclose(joint, expected, rtol=1e-4)


# BetaTCVAE: the decomposition.


@pytest.mark.parametrize("estimator", ["mws", "mss"])
@pytest.mark.parametrize("rows", [slice(None), [4, 1, 2]])
def test_parts_add_up_to_the_sampled_kl(estimator, rows):
    truth = Posteriors.random()
    model = tc_vae(estimator=estimator)
    parts = model.decomposed_kl(truth.terms(model, rows))
    total = sum(part.numpy() for part in parts.values())
    np.testing.assert_allclose(total, truth.log_ratio()[rows], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("estimator", ["mws", "mss"])
def test_the_mean_of_the_parts_is_the_kl_in_closed_form(estimator):
    truth, model, totals = Posteriors.random(), tc_vae(estimator=estimator), []
    for seed in range(100):
        drawn = Posteriors(truth.means, truth.log_variances, seed)
        totals.append(sum(part.mean() for part in parts_of(model, drawn).values()))
    error = np.std(totals) / math.sqrt(len(totals))
    exact = truth.kl().sum(axis=1).mean()
    assert error < 0.1 * exact
    assert abs(np.mean(totals) - exact) < 4 * error


def test_each_part_equals_brute_force():
    truth = Posteriors.random()
    joint, marginals = truth.log_aggregate()
    own = np.einsum("iij->i", truth.log_pairs())
    exact = {
        "mutual_information": own - joint,
        "total_correlation": joint - marginals.sum(axis=1),
        "dimension_wise_kl": marginals.sum(axis=1) - norm.logpdf(truth.latents).sum(axis=1),
    }
    parts = parts_of(tc_vae(), truth)
    assert parts.keys() == exact.keys()
    for name, values in exact.items():
        np.testing.assert_allclose(parts[name], values, rtol=1e-3, atol=1e-4)
    # With "mws" each of log q(z) and log q(z_j) is lower by log 6.
    shifts = {"mutual_information": 1, "total_correlation": 2 - 1, "dimension_wise_kl": -2}
    parts = parts_of(tc_vae(estimator="mws"), truth)
    for name, count in shifts.items():
        np.testing.assert_allclose(
            parts[name], exact[name] + count * math.log(6), rtol=1e-3, atol=1e-4
        )


def test_codes_on_a_grid_are_independent_and_on_a_line_are_not():
    places = 20.0 * np.arange(4)
    grid = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)
    parts = parts_of(tc_vae(images=16), Posteriors(grid, 0.0))
    np.testing.assert_allclose(parts["mutual_information"], math.log(16), rtol=1e-4)
    np.testing.assert_allclose(parts["total_correlation"], 0, atol=1e-4)
    parts = parts_of(tc_vae(images=4), Posteriors(np.stack([places, -places], axis=1), 0.0))
    np.testing.assert_allclose(parts["mutual_information"], math.log(4), rtol=1e-4)
    np.testing.assert_allclose(parts["total_correlation"], math.log(4), rtol=1e-4)


def test_weights_of_the_parts_are_counted_once():
    truth = Posteriors.random()
    model = tc_vae(alpha=2.0, beta=5.0, gamma=0.5)
    parts = parts_of(model, truth)
    kl = truth.kl().sum(axis=1)
    expected = (
        kl
        + 1.0 * parts["mutual_information"]
        + 4.0 * parts["total_correlation"]
        - 0.5 * parts["dimension_wise_kl"]
    )
    loss = model.objective(truth.terms(model))["loss"]
    np.testing.assert_allclose(loss, expected, rtol=1e-4)
    plain = tc_vae(alpha=1, beta=1, gamma=1).objective(truth.terms(model))
    np.testing.assert_array_equal(plain["loss"], plain["kl"])


def gradient_of_means(model, truth):
    means = tf.Variable(truth.means)
    with tf.GradientTape() as tape:
        outputs = tf.concat([means, truth.log_variances], axis=1)
        posterior = model.posterior(outputs)
        terms = ElboTerms(posterior, means + 0.1, tf.zeros(6), model.latent_kl(posterior))
        loss = tf.reduce_mean(model.objective(terms)["loss"])
    return tape.gradient(loss, means).numpy()


def test_the_size_of_the_dataset_matters_to_mss_and_only_shifts_mws():
    truth = Posteriors.random()
    gradients = {
        (estimator, size): gradient_of_means(tc_vae(images=size, estimator=estimator), truth)
        for estimator in ("mws", "mss")
        for size in (6, 1000)
    }
    np.testing.assert_allclose(gradients["mws", 6], gradients["mws", 1000], rtol=1e-4, atol=1e-6)
    assert np.abs(gradients["mss", 6] - gradients["mss", 1000]).max() > 0.01


def test_beta_may_be_a_schedule(binary_digits):
    model = models.BetaTCVAE(SHAPE, 2, beta=schedules.Linear(9.0, steps=8, start=1.0), seed=0)
    model.compile()
    model.fit(binary_digits, batch_size=16, verbose=0)
    terms = model.elbo_terms(binary_digits)
    values = model.objective(terms)
    expected = terms.reconstruction + terms.kl + (5 - 1) * values["total_correlation"]
    np.testing.assert_allclose(values["loss"], expected, rtol=1e-5)


# BetaTCVAE: the size of the dataset.


def fitted(x, **arguments):
    model = models.BetaTCVAE(SHAPE, 2, seed=0)
    model.compile()
    model.fit(x, verbose=0, **arguments)
    return model


def test_the_size_is_counted_in_arrays_and_finite_pipelines(binary_digits):
    assert fitted(binary_digits, validation_split=0.25).dataset_size == 48
    images = tf.data.Dataset.from_tensor_slices(binary_digits[:50]).batch(16)
    labelled = images.map(lambda image: {"image": image, "label": 0})
    for x in (binary_digits[:50], images, labelled):
        model = models.BetaTCVAE(SHAPE, 2, seed=0)
        model.prepare(x)
        assert model.dataset_size == 50


def test_the_size_is_counted_anew_in_each_fit_unless_it_was_given(binary_digits):
    counted, given = (models.BetaTCVAE(SHAPE, 2, dataset_size=size) for size in (None, 7))
    for model in (counted, given):
        for images in (binary_digits[:20], binary_digits[:50]):
            model.prepare(images)
    assert (counted.dataset_size, given.dataset_size) == (50, 7)
    counted.prepare(tf.data.Dataset.from_tensors(binary_digits).repeat())
    assert counted.dataset_size == 50


@pytest.mark.parametrize("endless", [True, False])
def test_an_unknown_size_is_named_before_training(binary_digits, endless):
    images = tf.data.Dataset.from_tensor_slices(binary_digits).batch(16)
    # A filter hides how many batches there are.
    images = images.repeat() if endless else images.filter(lambda _: True)
    model = models.BetaTCVAE(SHAPE, 2, seed=0)
    model.compile()
    before = [variable.numpy() for variable in model.variables]
    with pytest.raises(ValueError, match=r"^`dataset_size` must be[^\n]*Pass BetaTCVAE\(\.\.\., "):
        model.fit(images, steps_per_epoch=2, verbose=0)
    with pytest.raises(ValueError, match="`dataset_size` must be"):
        model.evaluate(binary_digits, verbose=0)
    for a, b in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(a, b.numpy())
    model = models.BetaTCVAE(SHAPE, 2, dataset_size=64, seed=0)
    model.compile()
    model.fit(images, steps_per_epoch=2, verbose=0)


def test_the_size_is_saved(binary_digits, tmp_path):
    model = fitted(binary_digits)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.dataset_size == 64
    scores = [each.evaluate(binary_digits, verbose=0) for each in (model, loaded)]
    np.testing.assert_allclose(*scores)


def config_of(model, **settings):
    return runs.Config(
        model=model,
        data="digits",
        steps=1,
        batch_size=8,
        latent_dim=2,
        likelihood="bernoulli",
        settings=settings,
        seed=0,
        precision="float32",
        learning_rate=1e-3,
    )


def test_a_run_knows_the_size_of_its_dataset():
    data = datasets.load("digits")
    assert training.make_model(config_of("beta_tc_vae"), data).dataset_size == len(data) == 1797
    given = training.make_model(config_of("beta_tc_vae", dataset_size=7), data)
    assert given.dataset_size == 7


def test_a_run_resumes_with_the_size_of_its_dataset(tmp_path):
    options = {"batch_size": 8, "latent_dim": 2, "likelihood": "continuous_bernoulli"}
    for steps, resume in ((1, False), (2, True)):
        run = training.train(
            "beta_tc_vae", "digits", steps=steps, resume=resume, out=tmp_path / "run",
            show_progress=False, **options,
        )  # fmt: skip
    assert run.model.dataset_size == 1797
    assert int(run.model.optimizer.iterations) == 2


# DIP-VAE.


def dip(variant="ii", **arguments):
    return models.DIPVAE(SHAPE, 3, variant=variant, seed=0, **arguments)


def covariance_of(model, truth):
    return model.covariance(truth.terms(model)).numpy()


@pytest.mark.parametrize("variant", ["i", "ii"])
def test_penalty_equals_numpys_covariance(variant):
    truth = Posteriors.random(images=20, latents=3)
    covariance = np.cov(truth.means.astype(float), rowvar=False, bias=True)
    if variant == "ii":
        covariance += np.diag(np.exp(truth.log_variances.astype(float)).mean(axis=0))
    model = dip(variant, lambda_od=3.0, lambda_d=7.0)
    np.testing.assert_allclose(covariance_of(model, truth), covariance, rtol=1e-4, atol=1e-6)
    off = covariance - np.diag(np.diag(covariance))
    penalty = 3 * (off**2).sum() + 7 * ((np.diag(covariance) - 1) ** 2).sum()
    values = model.objective(truth.terms(model))
    np.testing.assert_allclose(values["covariance_penalty"], [penalty] * 20, rtol=1e-4)
    np.testing.assert_allclose(values["loss"], truth.kl().sum(axis=1) + penalty, rtol=1e-4)


def test_covariance_is_centred_over_the_batch():
    truth = Posteriors.random(images=20, latents=3)
    moved = Posteriors(truth.means + np.array([5.0, -3.0, 0.0]), truth.log_variances)
    for variant in ("i", "ii"):
        model = dip(variant)
        np.testing.assert_allclose(
            covariance_of(model, moved), covariance_of(model, truth), rtol=1e-4, atol=1e-4
        )


def test_covariance_does_not_grow_with_the_batch():
    truth = Posteriors.random(images=20, latents=3)
    twice = Posteriors(np.tile(truth.means, (2, 1)), np.tile(truth.log_variances, (2, 1)))
    for variant in ("i", "ii"):
        model = dip(variant)
        np.testing.assert_allclose(
            covariance_of(model, twice), covariance_of(model, truth), rtol=1e-4, atol=1e-6
        )


def test_variances_enter_once_and_on_the_diagonal_alone():
    log_variances = np.log([[0.5, 1.0, 4.0]])
    still = Posteriors(np.zeros((8, 3)), log_variances)
    np.testing.assert_allclose(
        covariance_of(dip("ii"), still), np.diag([0.5, 1, 4]), rtol=1e-5, atol=1e-7
    )
    np.testing.assert_array_equal(covariance_of(dip("i"), still), np.zeros((3, 3)))


def test_no_penalty_at_the_covariance_of_the_prior():
    means = np.sqrt(0.75) * np.array(list(itertools.product([-1.0, 1.0], repeat=3)))
    truth = Posteriors(means, math.log(0.25))
    model = dip("ii")
    np.testing.assert_allclose(
        model.covariance_penalty(model.covariance(truth.terms(model))), 0, atol=1e-10
    )


@pytest.mark.parametrize(("variant", "ratio"), [("i", 10), ("ii", 1)])
def test_weights_of_the_study(variant, ratio):
    assert dip(variant, lambda_od=5.0).weights_of_penalties() == (5.0, ratio * 5.0)
    assert dip(variant, lambda_od=5.0, lambda_d=2.0).weights_of_penalties() == (5.0, 2.0)
    model = dip(variant, lambda_od=schedules.Linear(4.0, steps=2, start=2.0))
    off_diagonal, diagonal = model.weights_of_penalties()
    assert (float(off_diagonal), float(diagonal)) == (2, 2 * ratio)
    assert dip_vae.DIAGONAL_RATIO[variant] == ratio


# InfoVAE.

KERNELS = {
    "rbf": lambda x, y, width: math.exp(-((x - y) ** 2).sum() / width),
    "inverse_multiquadratic": lambda x, y, width: width / (width + ((x - y) ** 2).sum()),
}


def info(latents=3, **arguments):
    return models.InfoVAE(SHAPE, latents, **{"seed": 0, **arguments})


def draws(count, latents=3, seed=0):
    return np.random.default_rng(seed).normal(size=(count, latents)).astype("float32")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("width", [None, 0.7])
def test_mmd_equals_brute_force(kernel, width):
    a, b = draws(7) + 1, draws(5, seed=1)

    def mean(pairs):
        return np.mean([KERNELS[kernel](x, y, width or 6.0) for x, y in pairs])

    expected = (
        mean(itertools.permutations(a, 2))
        + mean(itertools.permutations(b, 2))
        - 2 * mean(itertools.product(a, b))
    )
    model = info(kernel=kernel, kernel_width=width)
    assert model.mmd(a, b).numpy() == pytest.approx(expected, rel=1e-4)


def test_the_mmd_of_the_loss_is_of_latents_and_draws_from_the_prior(binary_digits, monkeypatch):
    model = info()
    terms = model.elbo_terms(binary_digits[:9], seed=(0, 1))
    prior = model.prior_like(terms.latents)
    monkeypatch.setattr(model, "prior_like", lambda latents: prior)
    expected = model.mmd(terms.latents, prior).numpy()
    assert prior.shape == terms.latents.shape
    values = model.objective(terms)
    np.testing.assert_allclose(values["mmd"], expected, rtol=1e-5)
    loss = terms.reconstruction + terms.kl + 999 * expected
    np.testing.assert_allclose(values["loss"], loss, rtol=1e-5)


def test_draws_for_the_mmd_are_from_the_prior_and_new_each_time():
    model = info()
    first, second = (model.prior_like(tf.zeros((3000, 3))).numpy() for _ in range(2))
    assert kstest(first.ravel(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


@pytest.mark.parametrize("kernel", KERNELS)
def test_mmd_of_equal_distributions_is_zero_in_expectation(kernel):
    model = info(kernel=kernel)
    count, repeats = 16, 600
    values = [
        model.mmd(draws(count, seed=2 * s), draws(count, seed=2 * s + 1)).numpy()
        for s in range(repeats)
    ]
    error = np.std(values) / math.sqrt(repeats)
    # What pairs of a draw with itself would add: the test can tell.
    bias = 2 / count * (1 - np.mean([model.kernels(draws(2), draws(2, seed=9))]))
    assert 4 * error < bias / 2
    assert abs(np.mean(values)) < 4 * error
    assert min(values) < 0


def test_mmd_of_shifted_gaussians_is_known():
    """With s = |z - u|^2 and z - u ~ N(m, 2 I):  E exp(-s / w) = (1 + 4 / w)^(-d / 2) exp(-|m|^2 / (w + 4))."""
    shift, width, latents = np.array([1.0, -0.5, 0.0], "float32"), 3.0, 3
    factor = (1 + 4 / width) ** (-latents / 2)
    exact = 2 * factor * (1 - math.exp(-(shift**2).sum() / (width + 4)))
    model = info(kernel_width=width)
    values = [
        model.mmd(draws(64, seed=2 * s) + shift, draws(64, seed=2 * s + 1)).numpy()
        for s in range(200)
    ]
    error = np.std(values) / math.sqrt(len(values))
    assert error < 0.05 * exact
    assert abs(np.mean(values) - exact) < 4 * error


@pytest.mark.parametrize("kernel", KERNELS)
def test_mmd_of_one_image_is_nothing(kernel):
    model, latents = info(kernel=kernel), tf.Variable(draws(1))
    with tf.GradientTape() as tape:
        mmd = model.mmd(latents, draws(1, seed=1))
    assert mmd == 0
    np.testing.assert_array_equal(tape.gradient(mmd, latents), np.zeros((1, 3)))


@pytest.mark.parametrize(("alpha", "weight"), [(0.0, 1.0), (1.0, 1.0), (0.25, 8.0), (-3.0, 4.0)])
def test_weights_of_infovae(alpha, weight):
    truth = Posteriors.random(latents=3)
    model = info(alpha=alpha, lambda_mmd=weight)
    values = model.objective(truth.terms(model))
    expected = (1 - alpha) * truth.kl().sum(axis=1) + (alpha + weight - 1) * values["mmd"].numpy()
    np.testing.assert_allclose(values["loss"], expected, rtol=1e-4, atol=1e-6)
    assert values["mmd"].numpy().any()


def test_prior_draws_are_fresh_and_seeded():
    first, other = info(), info()
    latents = tf.zeros((4, 3))
    one, two = first.prior_like(latents), first.prior_like(latents)
    assert not np.array_equal(one, two)
    np.testing.assert_array_equal(one, other.prior_like(latents))


# IWAE.


def test_one_sample_is_the_elbo_with_a_sampled_kl():
    truth = LinearGaussian()
    model = truth.model(0.2, 0.5, cls=models.IWAE, samples=1)
    images = truth.images.reshape(-1, 6, 1, 1).astype("float32")
    terms = model.elbo_terms(images)
    means = terms.posterior.mean().numpy().astype(float)
    deviations = terms.posterior.stddev().numpy().astype(float)
    latents = terms.latents.numpy().astype(float)
    log_ratio = norm.logpdf(latents, means, deviations) - norm.logpdf(latents)
    reconstruction = -norm.logpdf(
        truth.images, latents @ truth.weights.T + truth.bias, truth.sigma
    ).sum(axis=1)
    loss = model.objective(terms)["loss"]
    np.testing.assert_allclose(loss, reconstruction + log_ratio.sum(axis=1), rtol=1e-3, atol=1e-3)


def test_exact_posterior_gives_the_log_likelihood_with_any_sample():
    """All weights are p(x) then, whatever the samples."""
    truth = LinearGaussian()
    images = truth.images.reshape(-1, 6, 1, 1).astype("float32")
    for samples in (1, 7):
        model = truth.model(cls=models.IWAE, samples=samples)
        loss = model.objective(model.elbo_terms(images))["loss"]
        np.testing.assert_allclose(-loss, truth.log_likelihood(), rtol=1e-3, atol=1e-3)


def test_bound_rises_from_the_elbo_to_the_log_likelihood():
    truth = LinearGaussian()
    shift, log_ratio = 0.2, 0.5
    exact = truth.log_likelihood().mean()
    gap = 0.5 * np.sum(
        np.exp(log_ratio) + shift**2 / truth.posterior()[1] - 1 - log_ratio
    )  # KL between two diagonal Gaussians
    bounds = []
    for samples, repeats in ((1, 400), (5, 200), (50, 60)):
        model = truth.model(shift, log_ratio, cls=models.IWAE, samples=samples)
        bounds.append(truth.elbo(model, repeats))
    values, errors = np.array(bounds).T
    assert abs(values[0] - (exact - gap)) < 4 * errors[0] + 1e-3
    assert (np.diff(values) > 4 * np.hypot(errors[1:], errors[:-1])).all()
    assert (values < exact + 4 * errors).all()
    assert exact - values[-1] < 0.1 * gap


def test_weights_belong_to_their_image_and_sample(binary_digits):
    model = models.IWAE(SHAPE, 3, samples=4, seed=0)
    images, seed = binary_digits[:5], (1, 2)
    terms = model.elbo_terms(images, seed=seed)
    posterior = model.encode(images)
    latents = posterior.sample(4, seed=seed)
    weights = [
        model.decode(sample).log_prob(images)
        + model.prior.log_prob(sample)
        - posterior.log_prob(sample)
        for sample in latents
    ]
    np.testing.assert_allclose(terms.log_weights, weights, rtol=1e-4, atol=1e-3)
    reconstruction = -np.mean([model.decode(s).log_prob(images) for s in latents], axis=0)
    np.testing.assert_allclose(terms.reconstruction, reconstruction, rtol=1e-4)
    values = model.objective(terms)
    mean = logsumexp(np.array(weights, float), axis=0) - math.log(4)
    np.testing.assert_allclose(values["loss"], -mean, rtol=1e-4)
    np.testing.assert_allclose(values["kl"], np.sum(model.latent_kl(posterior), axis=1), rtol=1e-5)


def test_all_samples_are_decoded_at_once(binary_digits, monkeypatch):
    model = models.IWAE(SHAPE, 3, samples=4, seed=0)
    decode, seen = model.decode, []
    monkeypatch.setattr(model, "decode", lambda z, *a: seen.append(z.shape) or decode(z, *a))
    model.elbo_terms(binary_digits[:5])
    assert seen == [(20, 3)]


def test_gradient_is_the_weighted_mean_of_the_samples_gradients(binary_digits):
    """Equation 14: each sample's gradient of log w_k counts by its share of the weights."""
    model = models.IWAE(SHAPE, 2, samples=3, seed=0)
    variables = model.elbo_variables

    def gradient(losses):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(losses(model.elbo_terms(binary_digits[:4], seed=(3, 4))))
        return tape.gradient(loss, variables)

    def weighted(terms):
        shares = tf.stop_gradient(tf.nn.softmax(terms.log_weights, axis=0))
        return -shares * terms.log_weights

    ours = gradient(lambda terms: model.objective(terms)["loss"])
    for a, b in zip(ours, gradient(weighted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    mean_of_logs = gradient(lambda terms: -tf.reduce_mean(terms.log_weights, axis=0))
    assert any(np.abs(a - b).max() > 0.1 for a, b in zip(ours, mean_of_logs, strict=True))


# Autoencoder.


def test_the_code_is_deterministic_and_there_is_no_kl(binary_digits):
    model = models.Autoencoder(SHAPE, 3, seed=0)
    one, two = model.elbo_terms(binary_digits), model.elbo_terms(binary_digits)
    np.testing.assert_array_equal(one.latents, two.latents)
    np.testing.assert_array_equal(one.latents, model.encoder(binary_digits))
    assert one.latent_kl is None
    values = model.objective(one)
    assert set(values) == {"loss", "reconstruction"}
    np.testing.assert_array_equal(values["loss"], one.reconstruction)
    assert set(model.posterior_tensors(one.posterior)) == {"mean"}


def test_scores_and_traversals_without_a_kl(digits):
    model = models.Autoencoder(SHAPE, 3, "continuous_bernoulli", seed=0)
    scores = evaluation.evaluate(model, digits)
    assert set(scores) == {"reconstruction", "active_units"}
    traversal = zoo.traverse(model, digits)
    variance = model.encode(digits).mean().numpy().var(axis=0)
    assert traversal.kl is None
    np.testing.assert_array_equal(traversal.latents, np.argsort(-variance))
    np.testing.assert_allclose(traversal.variance, np.sort(variance)[::-1], rtol=1e-4)
    figure = report.traversal_figure(traversal, model, "digits")
    label = figure.axes[0].get_yticklabels()[0].get_text()
    assert label == f"z{variance.argmax()}  variance {variance.max():.2g}"


def test_a_run_of_an_autoencoder_is_whole(tmp_path):
    run = training.train(
        "autoencoder", "digits", steps=1, batch_size=8, latent_dim=2, out=tmp_path / "run",
        likelihood="continuous_bernoulli", show_progress=False,
    )  # fmt: skip
    assert {"reconstruction", "active_units", "mig"} <= set(run.scores)
    assert not {"kl", "elbo", "bits_per_dimension"} & set(run.scores)
    card = (run.folder / "card.md").read_text()
    assert "| reconstruction |" in card
    assert "| kl |" not in card


# Free bits.


@pytest.mark.parametrize(
    ("name", "arguments", "weighed"),
    [
        ("vae", {}, lambda kl: kl),
        ("beta_vae", {"beta": 4.0}, lambda kl: 4 * kl),
        ("annealed_vae", {"gamma": 10.0, "capacity": 25.0}, lambda kl: 10 * (25 - kl)),
        ("factor_vae", {"discriminator_layers": 1, "gamma": 0.0}, lambda kl: kl),
        ("beta_tc_vae", {"beta": 1.0, "dataset_size": 6}, lambda kl: kl),
        ("dip_vae", {"lambda_od": 0.0}, lambda kl: kl),
        ("info_vae", {"alpha": 0.5, "lambda_mmd": 0.5}, lambda kl: 0.5 * kl),
    ],
)
def test_each_latent_costs_at_least_its_free_bits(name, arguments, weighed):
    truth = Posteriors.random(latents=3)
    mean_kl = truth.kl().mean(axis=0)
    # Between the latents' means, and between the values of one latent: a max inside the mean would differ.
    least = np.sort(mean_kl)[1] * 1.01
    inside = np.maximum(truth.kl(), least).sum(axis=1).mean()
    expected = np.maximum(mean_kl, least).sum()
    assert inside > 1.05 * expected > 1.05 * mean_kl.sum()
    cls = zoo.registry.get("models", name)
    model = cls(SHAPE, 3, free_bits=least, seed=0, **arguments)
    values = model.objective(truth.terms(model))
    assert np.mean(values["loss"]) == pytest.approx(weighed(expected), rel=1e-5)
    np.testing.assert_allclose(values["kl"], truth.kl().sum(axis=1), rtol=1e-4)


def test_a_free_latent_has_no_gradient():
    model = models.VAE(SHAPE, 2, free_bits=schedules.Linear(1.0, steps=1, start=0.5), seed=0)
    outputs = tf.Variable([[0.1, 2.0, 0.0, 0.0], [0.3, -2.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        posterior = model.posterior(outputs)
        terms = ElboTerms(posterior, posterior.mean(), tf.zeros(2), model.latent_kl(posterior))
        cost = tf.reduce_sum(model.kl_cost(terms))
    np.testing.assert_allclose(cost, 2 * (0.5 + 2.0), rtol=1e-6)
    expected = [[0, 2, 0, 0], [0, -2, 0, 0]]
    np.testing.assert_allclose(tape.gradient(cost, outputs), expected, atol=1e-6)


def test_free_bits_hold_latents_open(binary_digits):
    """A large beta closes all latents; with free bits each carries what is free."""
    mean_kl = {}
    for least in (0.0, 0.3):
        model = models.BetaVAE(SHAPE, 2, beta=20.0, free_bits=least, seed=0)
        model.compile(keras.optimizers.Adam(1e-2))
        model.fit(binary_digits, epochs=60, verbose=0)
        mean_kl[least] = model.latent_kl(model.encode(binary_digits)).numpy().mean(axis=0)
    assert mean_kl[0.0].max() < 0.02
    assert mean_kl[0.3].min() > 0.2


# What all of them share.


@pytest.mark.parametrize("name", FAMILY)
def test_reconstruction_is_a_sum_over_pixels(name, binary_digits):
    """A decoder of zeros gives every binary image 2^-64."""
    model = zoo.registry.get("models", name)(SHAPE, 3, seed=0)
    model.decoder.set_weights([np.zeros_like(weight) for weight in model.decoder.get_weights()])
    terms = model.elbo_terms(binary_digits)
    np.testing.assert_allclose(terms.reconstruction, 64 * math.log(2), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "arguments", "parts"),
    [
        ("autoencoder", {}, {"reconstruction": 1}),
        (
            "beta_tc_vae",
            {"beta": 3.0, "dataset_size": 50},
            {"reconstruction": 1, "kl": 1, "total_correlation": 2},
        ),
        ("dip_vae", {}, {"reconstruction": 1, "kl": 1, "covariance_penalty": 1}),
        ("info_vae", {"lambda_mmd": 11.0}, {"reconstruction": 1, "kl": 1, "mmd": 10}),
    ],
)
def test_reported_terms_add_up_over_a_short_last_batch(name, arguments, parts, binary_digits):
    model = zoo.registry.get("models", name)(SHAPE, 3, seed=0, **arguments)
    model.compile()
    scores = model.evaluate(binary_digits[:50], batch_size=48, verbose=0, return_dict=True)
    total = sum(weight * scores[part] for part, weight in parts.items())
    assert scores["loss"] == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("name", FAMILY)
def test_a_last_batch_of_one_image_is_no_harm(name, binary_digits):
    model = zoo.registry.get("models", name)(SHAPE, 3, seed=0)
    model.compile()
    model.fit(binary_digits[:33], batch_size=16, epochs=2, verbose=0)
    assert all(np.isfinite(variable.numpy()).all() for variable in model.variables)


@pytest.mark.parametrize("name", FAMILY)
def test_the_loss_falls(name, binary_digits):
    model = zoo.registry.get("models", name)(SHAPE, 3, seed=0)
    model.compile(keras.optimizers.Adam(1e-2))
    losses = model.fit(binary_digits, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.Autoencoder(SHAPE, free_bits=0.5), "`free_bits` must be 0 for Autoencoder"),
        (lambda: models.IWAE(SHAPE, free_bits=0.5), "`free_bits` must be 0 for IWAE"),
        (lambda: models.IWAE(SHAPE, samples=0), "`samples` must be an integer >= 1"),
        (lambda: models.BetaTCVAE(SHAPE, beta=-1), "`beta` must be a number >= 0"),
        (lambda: models.BetaTCVAE(SHAPE, estimator="mwz"), 'Unknown estimator "mwz". Did you mean "mws"?'),
        (lambda: models.BetaTCVAE(SHAPE, dataset_size=0), "`dataset_size` must be an integer >= 1"),
        (lambda: models.DIPVAE(SHAPE, variant="iii"), 'Unknown variant "iii"'),
        (lambda: models.DIPVAE(SHAPE, lambda_d=-1), "`lambda_d` must be a number >= 0"),
        (lambda: models.InfoVAE(SHAPE, alpha=1.5), "`alpha` must be a number <= 1"),
        (lambda: models.InfoVAE(SHAPE, alpha=-2, lambda_mmd=1), "`alpha` + `lambda_mmd` must be >= 1"),
        (lambda: models.InfoVAE(SHAPE, kernel="rfb"), 'Unknown kernel "rfb". Did you mean "rbf"?'),
        (lambda: models.InfoVAE(SHAPE, kernel=["rbf"]), "Unknown kernel"),
        (lambda: models.InfoVAE(SHAPE, kernel_width=True), "`kernel_width` must be a number > 0"),
        (lambda: models.InfoVAE(SHAPE, alpha=True), "`alpha` must be a number <= 1"),
        (lambda: models.InfoVAE(SHAPE, kernel_width=0), "`kernel_width` must be a number > 0"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        make()
    assert message in str(caught.value)
