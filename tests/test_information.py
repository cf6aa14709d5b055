"""Information: Gaussians of known covariance, mixtures by quadrature, and the sum of the parts."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.metrics import mutual_info_score

import zoo
from zoo import information, models
from zoo.information import aggregate_log_densities, gaussian_kl_parts, kl_parts

SHAPE = (8, 8, 1)


def gaussian_table(covariance, noise, count, seed=0):
    """Posteriors whose mixture is, but for its finite number of parts, N(0, covariance)."""
    covariance = np.asarray(covariance, float)
    root = np.linalg.cholesky(covariance - noise * np.eye(len(covariance)))
    points = stats.qmc.Sobol(len(covariance), seed=seed).random(count)
    means = stats.norm.ppf(np.clip(points, 1e-9, 1 - 1e-9)) @ root.T
    return means, np.full_like(means, math.log(noise))


def gaussian_tc(covariance):
    """1/2 (sum log diag - log det)."""
    return 0.5 * (np.log(np.diag(covariance)).sum() - np.linalg.slogdet(covariance)[1])


def gaussian_mi(covariance, noise):
    return 0.5 * (np.linalg.slogdet(covariance)[1] - len(covariance) * math.log(noise))


def gaussian_dimension_wise(covariance):
    variance = np.diag(covariance)
    return 0.5 * np.sum(variance - np.log(variance) - 1)


COVARIANCES = {
    "independent": [[1.0, 0.0], [0.0, 1.0]],
    "correlated": [[1.0, 0.8], [0.8, 1.0]],
    "scaled": [[2.0, -0.9], [-0.9, 0.7]],
    "three": [[1.0, 0.6, 0.3], [0.6, 1.0, 0.6], [0.3, 0.6, 1.0]],
}


@pytest.mark.parametrize("name", COVARIANCES)
def test_gaussians_of_known_covariance(name):
    covariance = np.array(COVARIANCES[name])
    noise = 0.15
    means, log_variances = gaussian_table(covariance, noise, 2**12)
    parts = gaussian_kl_parts(means, log_variances, draws=1000, seed=1)
    exact = {
        "total_correlation": gaussian_tc(covariance),
        "mutual_information": gaussian_mi(covariance, noise),
        "dimension_wise_kl": gaussian_dimension_wise(covariance),
    }
    for part, value in exact.items():
        estimate = getattr(parts, part)
        assert abs(estimate.value - value) < 3 * estimate.standard_error + 0.003, (part, estimate)
    assert 0 < parts.total_correlation.standard_error < 0.04


def test_standard_error_is_the_spread_over_seeds():
    """Errors over seeds are as large as their standard errors say, and centred on the exact value."""
    covariance = np.array(COVARIANCES["correlated"])
    means, log_variances = gaussian_table(covariance, 0.19, 2**11)
    parts = [gaussian_kl_parts(means, log_variances, draws=200, seed=seed) for seed in range(60)]
    for part, exact in (
        ("total_correlation", gaussian_tc(covariance)),
        ("mutual_information", gaussian_mi(covariance, 0.19)),
    ):
        estimates = [getattr(one, part) for one in parts]
        scores = [(e.value - exact) / e.standard_error for e in estimates]
        assert abs(np.mean(scores)) < 3 / math.sqrt(60), part
        assert 0.75 < np.std(scores) < 1.3, part


def quadrature(means, log_variances):
    """TC and I of a mixture of Gaussians over two latents, on a fine grid."""
    axis = np.linspace(-8, 8, 801)
    cell = axis[1] - axis[0]
    scale = np.exp(0.5 * log_variances)
    each = [stats.norm.pdf(axis[:, None], means[:, j], scale[:, j]) for j in (0, 1)]
    joint = np.einsum("xn,yn->xyn", *each)
    q = joint.mean(axis=-1)
    marginals = [one.mean(axis=-1) for one in each]
    product = np.outer(*marginals)
    tc = np.sum(q * np.log(q / product)) * cell**2
    entropy = -np.sum(q * np.log(q)) * cell**2
    conditional = np.mean(np.sum(0.5 * (1 + math.log(2 * math.pi) + log_variances), axis=1))
    return tc, entropy - conditional


def test_small_mixtures_agree_with_quadrature():
    generator = np.random.default_rng(3)
    for count in (1, 2, 5):
        means = generator.normal(size=(count, 2)) * 1.5
        log_variances = np.log(generator.uniform(0.1, 1, size=(count, 2)))
        # The same mixture with many copies of its parts, so that there are many draws.
        copies = (np.repeat(table, 1500 // count, axis=0) for table in (means, log_variances))
        parts = gaussian_kl_parts(*copies, draws=None, seed=count)
        tc, mi = quadrature(means, log_variances)
        for estimate, exact in ((parts.total_correlation, tc), (parts.mutual_information, mi)):
            assert abs(estimate.value - exact) < 3 * estimate.standard_error + 1e-5
    assert tc > 0.05


def test_densities_are_those_of_the_mixture():
    generator = np.random.default_rng(0)
    means, scale = generator.normal(size=(7, 3)) * 30, generator.uniform(0.001, 2, size=(7, 3))
    points = np.concatenate([means + scale, generator.normal(size=(4, 3))])
    joint, marginals = aggregate_log_densities(points, means, 2 * np.log(scale))
    each = stats.norm.logpdf(points[:, None], means, scale)
    expected = [
        np.logaddexp.reduce(each.sum(axis=-1), axis=1) - math.log(7),
        np.logaddexp.reduce(each, axis=1) - math.log(7),
    ]
    np.testing.assert_allclose(joint, expected[0], rtol=2e-6, atol=1e-4)
    np.testing.assert_allclose(marginals, expected[1], rtol=2e-6, atol=1e-4)


def test_blocks_change_nothing(monkeypatch):
    means, log_variances = gaussian_table(COVARIANCES["three"], 0.1, 2**8)
    whole = gaussian_kl_parts(means, log_variances)
    monkeypatch.setattr(information, "_BLOCK", 50)
    blocks = gaussian_kl_parts(means, log_variances)
    assert blocks.total_correlation.value == pytest.approx(whole.total_correlation.value, abs=1e-5)


def test_parts_sum_to_the_kl():
    means, log_variances = gaussian_table(COVARIANCES["scaled"], 0.2, 2**9)
    for draws in (50, None):
        parts = gaussian_kl_parts(means, log_variances, draws=draws)
        total = sum(
            part.value
            for part in (parts.mutual_information, parts.total_correlation, parts.dimension_wise_kl)
        )
        assert total == pytest.approx(parts.kl, abs=1e-10)
    assert parts.kl == pytest.approx(parts.latent_kl.sum())
    assert parts.dimension_wise_kl.value == pytest.approx(parts.latent_dimension_wise_kl.sum())


def test_one_latent_has_no_total_correlation():
    means, log_variances = gaussian_table([[2.0]], 0.2, 2**8)
    assert gaussian_kl_parts(means, log_variances).total_correlation.value == pytest.approx(
        0, abs=1e-6
    )


def test_collapsed_posteriors_carry_nothing():
    parts = gaussian_kl_parts(np.zeros((300, 4)), np.zeros((300, 4)))
    assert parts.kl == pytest.approx(0, abs=1e-12)
    for part in (parts.mutual_information, parts.total_correlation):
        assert part.value == pytest.approx(0, abs=1e-5)


def test_far_apart_posteriors_tell_all_of_the_image():
    """N posteriors that do not overlap: I(x; z) = log N."""
    means = 100.0 * np.arange(32)[:, None] * [[1.0, -1.0]]
    parts = gaussian_kl_parts(means, np.full_like(means, -2.0), draws=None)
    # Known up to the noise of log q(z|x), whose variance is 1/2 a latent.
    estimate = parts.mutual_information
    assert estimate.standard_error == pytest.approx(1 / math.sqrt(32), rel=0.5)
    assert abs(estimate.value - math.log(32)) < 3 * estimate.standard_error
    # One latent tells it as well as both: TC is log N, too.
    assert parts.total_correlation.value == pytest.approx(math.log(32), abs=1e-4)


def test_control_variate_leaves_little_noise_where_the_aggregate_is_the_prior():
    """log q(z) alone has a variance of 1/2 a latent."""
    means, log_variances = gaussian_table(np.eye(4), 0.1, 2**12)
    parts = gaussian_kl_parts(means, log_variances, draws=500)
    assert parts.mutual_information.standard_error < 0.5 * math.sqrt(2 / 500)
    assert parts.dimension_wise_kl.standard_error < 0.2 * math.sqrt(2 / 500)


def test_seed_decides():
    table = gaussian_table(COVARIANCES["three"], 0.1, 2**9)
    state = np.random.get_state()[1].copy()
    first, again, other = (gaussian_kl_parts(*table, draws=100, seed=seed) for seed in (1, 1, 2))
    assert first.total_correlation == again.total_correlation
    assert first.total_correlation != other.total_correlation
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize(
    ("means", "log_variances", "message"),
    [
        (np.zeros((3, 2)), np.zeros((3, 1)), r"one shape \(N, latents\).*\(3, 2\) and \(3, 1\)"),
        (np.zeros((1, 2)), np.zeros((1, 2)), "N >= 2"),
        (np.zeros(3), np.zeros(3), "one shape"),
        (np.full((3, 2), np.nan), np.zeros((3, 2)), "finite `means`.*nan in row 0, latent 0"),
        (np.zeros((3, 2)), np.full((3, 2), -np.inf), "finite `log_variances`"),
    ],
)
def test_bad_tables(means, log_variances, message):
    with pytest.raises(ValueError, match=message):
        gaussian_kl_parts(means, log_variances)


# Models


@pytest.fixture(scope="module")
def model():
    return models.BetaVAE(SHAPE, 3, likelihood="continuous_bernoulli", seed=0)


def test_a_models_parts_are_those_of_its_posteriors(model, digits):
    posterior = model.encode(digits).distribution
    table = posterior.loc.numpy(), 2 * np.log(posterior.scale.numpy())
    expected = gaussian_kl_parts(*table, seed=4)
    parts = kl_parts(model, digits, batch_size=10, seed=4)
    assert parts.images == 64
    assert parts.kl == pytest.approx(expected.kl, rel=1e-3, abs=1e-6)
    assert parts.total_correlation.value == pytest.approx(
        expected.total_correlation.value, abs=1e-4
    )
    kl = zoo.encode(model, digits).latent_kl.mean(axis=0)
    np.testing.assert_allclose(parts.latent_kl, kl, rtol=1e-3, atol=1e-6)


def test_another_normal_prior_is_heeded(digits):
    """KL, and so its parts, do not change when latents, q(z|x) and p(z), are stretched."""

    class Stretched(models.VAE):
        @property
        def prior(self):
            return tfp_independent(2.0, 3.0, self.latent_dim)

        def posterior(self, encoder_outputs):
            plain = super().posterior(encoder_outputs).distribution
            return tfp_independent(2.0 + 3.0 * plain.loc, 3.0 * plain.scale)

    plain = kl_parts(models.VAE(SHAPE, 3, seed=0), digits)
    stretched = kl_parts(Stretched(SHAPE, 3, seed=0), digits)
    assert stretched.kl == pytest.approx(plain.kl, rel=1e-3, abs=1e-6)
    assert stretched.total_correlation.value == pytest.approx(
        plain.total_correlation.value, abs=1e-4
    )


def tfp_independent(loc, scale, size=None):
    from tensorflow_probability import distributions as tfd

    loc = tf.fill([size], loc) if size else loc
    return tfd.Independent(tfd.Normal(loc, scale), 1)


def test_models_without_gaussian_latents_are_refused(digits):
    with pytest.raises(ValueError, match=r"evidence lower bound.*Received: Autoencoder, which"):
        kl_parts(models.Autoencoder(SHAPE, 3), digits)

    class Laplacian(models.VAE):
        def posterior(self, encoder_outputs):
            from tensorflow_probability import distributions as tfd

            mean, log_scale = tf.split(encoder_outputs, 2, axis=-1)
            return tfd.Independent(tfd.Laplace(mean, tf.exp(log_scale)), 1)

    with pytest.raises(ValueError, match=r"Received: Laplacian, whose q\(z\|x\) is Laplace"):
        kl_parts(Laplacian(SHAPE, 3), digits)

    class Categorical(models.VAE):
        categories = (3,)

    with pytest.raises(ValueError, match=r"all continuous. Received: Categorical with categories="):
        kl_parts(Categorical(SHAPE, 3), digits)


def test_bad_requests(model, digits):
    with pytest.raises(ValueError, match=r"images of shape \(8, 8, 1\)"):
        kl_parts(model, "shapes2d")
    with pytest.raises(ValueError, match="`draws` must be an integer >= 2"):
        kl_parts(model, digits, draws=1)
    with pytest.raises(ValueError, match="`samples` must be an integer >= 1"):
        kl_parts(model, digits, samples=0)
    with pytest.raises(ValueError, match="`batch_size` must be an integer >= 1"):
        kl_parts(model, digits, batch_size=0)


# Factors


def test_matrix_agrees_with_sklearn():
    generator = np.random.default_rng(0)
    codes, factors = generator.normal(size=(400, 3)), generator.integers(0, 5, size=(400, 2)) * 10
    codes[:, 1] += factors[:, 0]
    matrix = information.mutual_information_matrix(codes, factors, bins=7)
    assert matrix.shape == (2, 3)
    for k, j in np.ndindex(2, 3):
        cut = np.digitize(codes[:, j], np.histogram(codes[:, j], 7)[1][1:-1])
        assert matrix[k, j] == pytest.approx(mutual_info_score(factors[:, k], cut), abs=1e-12)


def test_matrix_of_a_permutation():
    factors = np.indices((4, 5, 6)).reshape(3, -1).T
    matrix = information.mutual_information_matrix(factors[:, [2, 0, 1]], factors)
    expected = np.zeros((3, 3))
    expected[[0, 1, 2], [1, 2, 0]] = np.log([4, 5, 6])
    np.testing.assert_allclose(matrix, expected, atol=1e-12)
