"""Information: Gaussians of known covariance, mixtures by quadrature, and the sum of the parts."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.metrics import mutual_info_score

import zoo
from zoo import models
from zoo.measure import _mixture, information
from zoo.measure.information import aggregate_log_densities, gaussian_kl_parts, kl_parts

SHAPE = (8, 8, 1)
FEW_IMAGES = pytest.mark.filterwarnings("ignore:.*cut off at log N:UserWarning")


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


@FEW_IMAGES
def test_blocks_change_nothing(monkeypatch):
    means, log_variances = gaussian_table(COVARIANCES["three"], 0.1, 2**8)
    whole = gaussian_kl_parts(means, log_variances)
    monkeypatch.setattr(_mixture, "_BLOCK", 50)
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
        assert total == pytest.approx(parts.kl.value, abs=1e-10)
    assert parts.kl.value == pytest.approx(parts.latent_kl.value.sum())
    summed = parts.latent_dimension_wise_kl.value.sum()
    assert parts.dimension_wise_kl.value == pytest.approx(summed)


def independent_table(noise, seed, count=10_000, latents=10):
    """Posteriors of independent latents, each of which tells -log(noise) / 2 nats; their total correlation is 0."""
    generator = np.random.default_rng(seed)
    means = math.sqrt(1 - noise) * generator.normal(size=(count, latents))
    return means, np.full_like(means, math.log(noise))


def test_mutual_information_near_its_bound_warns():
    """15 nats in ten latents, of which 10,000 images show 9.2: the rest looks like total correlation."""
    with pytest.warns(
        UserWarning, match=r"N = 10000 images is cut off at log N = 9.21 nats.*samples=None"
    ):
        parts = gaussian_kl_parts(*independent_table(0.05, seed=0), draws=500)
    exact = -5 * math.log(0.05)
    assert parts.total_correlation.value > 5
    missing = exact - parts.mutual_information.value
    assert parts.total_correlation.value == pytest.approx(missing, abs=0.3)
    assert parts.excess > missing


def test_mutual_information_two_nats_below_its_bound_warns():
    for latents in (1, 10):
        exact = math.log(2000) - 1.9
        table = independent_table(math.exp(-2 * exact / latents), 0, count=2000, latents=latents)
        with pytest.warns(UserWarning, match="cut off at log N = 7.6 nats"):
            gaussian_kl_parts(*table, draws=500)


@pytest.mark.parametrize("exact", [1.5, 3.0])
def test_mutual_information_far_below_its_bound_is_right(exact):
    """Without a warning, which would be an error here."""
    for seed in range(4):
        table = independent_table(math.exp(-2 * exact / 10), seed)
        parts = gaussian_kl_parts(*table, draws=500, seed=seed)
        total, mutual = parts.total_correlation, parts.mutual_information
        bias = parts.excess if exact == 3 else 0.0
        assert -3 * total.standard_error < total.value < 3 * total.standard_error + bias
        # The images themselves tell a little more or less than those that they are drawn from.
        assert abs(mutual.value - exact) < 4 * mutual.standard_error + 0.03 + bias
        assert 0 < parts.excess < information.SATURATED


def test_excess_is_what_leaving_out_the_own_posterior_changes():
    """The exact total correlation lies between the estimates with and without it."""
    noise = math.exp(-2 * 5 / 10)
    with pytest.warns(UserWarning, match="cut off"):
        parts = gaussian_kl_parts(*independent_table(noise, 1, count=1000), draws=None)
    total = parts.total_correlation.value
    assert total > 5 * parts.total_correlation.standard_error
    assert total - parts.excess < -5 * parts.total_correlation.standard_error
    two = np.array([[0.0], [3.0]]), np.zeros((2, 1))
    joint = aggregate_log_densities(np.array([[0.5]]), *two)[0]
    own = stats.norm.logpdf(0.5)
    found = information._excess(np.array([own]), joint, 2)
    other = stats.norm.logpdf(0.5, 3)
    assert found == pytest.approx(joint[0] - (other - math.log(2)), abs=1e-5)


def test_standard_errors_of_latents_are_their_spread():
    """Over tables for the KL, of which each is a random part of many images; over draws for q(z_j)."""
    generator = np.random.default_rng(0)
    means = generator.normal(size=(40_000, 3)) * [1.0, 0.5, 0.1]
    log_variances = -1 + 0.3 * generator.normal(size=means.shape)
    parts = []
    for seed in range(80):
        rows = generator.choice(len(means), 400, replace=False)
        parts.append(gaussian_kl_parts(means[rows], log_variances[rows], draws=50, seed=seed))
    everything = (0.5 * (means**2 + np.exp(log_variances) - log_variances - 1)).mean(axis=0)
    for name, exact in (("kl", everything.sum()), ("latent_kl", everything)):
        check_calibrated([getattr(one, name) for one in parts], exact)
    table = gaussian_table([[2.0, 0.5], [0.5, 0.7]], 0.2, 2**11)
    parts = [gaussian_kl_parts(*table, draws=100, seed=seed) for seed in range(80)]
    exact = [0.5 * (variance - math.log(variance) - 1) for variance in (2.0, 0.7)]
    check_calibrated([one.latent_dimension_wise_kl for one in parts], exact)


def check_calibrated(estimates, exact):
    values = np.array([one.value for one in estimates])
    errors = np.array([one.standard_error for one in estimates])
    spread = values.std(axis=0, ddof=1)
    assert (np.abs(spread / errors.mean(axis=0) - 1) < 0.3).all()
    assert (np.abs(values.mean(axis=0) - exact) < 4 * spread / math.sqrt(len(values))).all()


def test_estimates_can_be_read():
    parts = gaussian_kl_parts(*gaussian_table(np.eye(2), 0.5, 2**8))
    first, second = str(parts.latent_kl).split(", ")
    each = information.Estimate(parts.latent_kl.value[1], parts.latent_kl.standard_error[1])
    assert second == str(each)
    assert "±" in first


def test_one_latent_has_no_total_correlation():
    means, log_variances = gaussian_table([[2.0]], 0.2, 2**8)
    assert gaussian_kl_parts(means, log_variances).total_correlation.value == pytest.approx(
        0, abs=1e-6
    )


def test_collapsed_posteriors_carry_nothing():
    parts = gaussian_kl_parts(np.zeros((300, 4)), np.zeros((300, 4)))
    assert parts.kl.value == pytest.approx(0, abs=1e-12)
    for part in (parts.mutual_information, parts.total_correlation):
        assert part.value == pytest.approx(0, abs=1e-5)


def test_far_apart_posteriors_tell_all_of_the_image():
    """N posteriors that do not overlap: I(x; z) = log N."""
    means = 100.0 * np.arange(32)[:, None] * [[1.0, -1.0]]
    with pytest.warns(UserWarning, match="cut off at log N = 3.47"):
        parts = gaussian_kl_parts(means, np.full_like(means, -2.0), draws=None)
    # Known up to the noise of log q(z|x), whose variance is 1/2 a latent.
    estimate = parts.mutual_information
    assert estimate.standard_error == pytest.approx(1 / math.sqrt(32), rel=0.5)
    assert abs(estimate.value - math.log(32)) < 3 * estimate.standard_error
    # One latent tells it as well as both: TC is log N, too.
    assert parts.total_correlation.value == pytest.approx(math.log(32), abs=1e-4)


@FEW_IMAGES
def test_control_variate_leaves_little_noise_where_the_aggregate_is_the_prior():
    """log q(z) alone has a variance of 1/2 a latent."""
    means, log_variances = gaussian_table(np.eye(4), 0.1, 2**12)
    parts = gaussian_kl_parts(means, log_variances, draws=500)
    assert parts.mutual_information.standard_error < 0.5 * math.sqrt(2 / 500)
    assert parts.dimension_wise_kl.standard_error < 0.2 * math.sqrt(2 / 500)


@FEW_IMAGES
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


@pytest.mark.parametrize("blur", [0.0, 0.3, 1.0])
def test_blurred_gaussians_are_gaussians_of_known_covariance(blur):
    """Noise adds blur² of each latent's variance to the diagonal."""
    covariance = np.array(COVARIANCES["scaled"])
    means, log_variances = gaussian_table(covariance, 0.15, 2**12)
    blurred = information._blurred(means, log_variances, blur)
    parts = gaussian_kl_parts(means, blurred, draws=1000, seed=1)
    wide = covariance + blur**2 * np.diag(np.diag(covariance))
    noise = wide - covariance + 0.15 * np.eye(2)
    exact = {
        "total_correlation": gaussian_tc(wide),
        "mutual_information": 0.5 * (np.linalg.slogdet(wide)[1] - np.linalg.slogdet(noise)[1]),
        "dimension_wise_kl": gaussian_dimension_wise(wide),
    }
    for part, value in exact.items():
        estimate = getattr(parts, part)
        assert abs(estimate.value - value) < 3 * estimate.standard_error + 0.003, (part, estimate)


def test_blur_hides_what_is_fine_and_leaves_what_is_coarse():
    """Two latents that share their sign, log 2 nats, and beside it a fine step of 0.05: another log 2."""
    signs = np.array([[coarse, fine] for coarse in (-1.0, 1.0) for fine in (-0.05, 0.05)])
    means = np.repeat(signs.sum(axis=1, keepdims=True), 2, axis=1).repeat(500, axis=0)
    log_variances = np.full_like(means, 2 * math.log(0.005))
    for blur, nats in ((0.0, 2), (0.3, 1)):
        blurred = information._blurred(means, log_variances, blur)
        parts = gaussian_kl_parts(means, blurred, draws=None)
        assert parts.total_correlation.value == pytest.approx(nats * math.log(2), abs=0.01)
    blurred = information._blurred(means, log_variances, 4.0)
    assert gaussian_kl_parts(means, blurred, draws=None).total_correlation.value < 0.01


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
    assert parts.kl.value == pytest.approx(expected.kl.value, rel=1e-3, abs=1e-6)
    assert parts.total_correlation.value == pytest.approx(
        expected.total_correlation.value, abs=1e-4
    )
    kl = zoo.encode(model, digits).latent_kl.mean(axis=0)
    np.testing.assert_allclose(parts.latent_kl.value, kl, rtol=1e-3, atol=1e-6)


def test_a_models_codes_are_blurred(model, digits):
    found = information.blurred_kl_parts(model, digits, blurs=(0.5, 0, 0.1), batch_size=10, seed=4)
    assert list(found) == [0.5, 0, 0.1]
    plain = kl_parts(model, digits, batch_size=10, seed=4)
    assert found[0].total_correlation == plain.total_correlation
    posterior = model.encode(digits).distribution
    means, log_variances = posterior.loc.numpy(), 2 * np.log(posterior.scale.numpy())
    expected = gaussian_kl_parts(means, information._blurred(means, log_variances, 0.5), seed=4)
    assert found[0.5].kl.value == pytest.approx(expected.kl.value, rel=1e-3)
    mutual = [found[blur].mutual_information.value for blur in (0, 0.1, 0.5)]
    assert mutual == sorted(mutual, reverse=True)


@pytest.mark.parametrize("blurs", [(), (-0.1,), 0.1j, "0.1", (0.1, None), (True,), (math.inf,)])
def test_bad_blurs(model, digits, blurs):
    with pytest.raises(ValueError, match="Expected `blurs`: one number >= 0 or more"):
        information.blurred_kl_parts(model, digits, blurs=blurs)


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
    assert stretched.kl.value == pytest.approx(plain.kl.value, rel=1e-3, abs=1e-6)
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


def test_the_warning_tells_what_can_be_done():
    """Of all images of a dataset no more can be taken."""
    import keras

    encoder = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(4)])
    weights, bias = encoder.layers[-1].get_weights()
    weights[:, :2] *= 10
    weights[:, 2:] = 0
    bias[2:] = -12  # log variances
    encoder.layers[-1].set_weights([weights, bias])
    model = models.VAE(SHAPE, 2, likelihood="continuous_bernoulli", encoder=encoder, seed=0)
    with pytest.warns(UserWarning, match=r"N = 50 images.*Take more images, samples=None"):
        kl_parts(model, "digits", samples=50)
    some = np.random.default_rng(0).random((40, *SHAPE), "float32")
    with pytest.warns(UserWarning, match="all images of the dataset: the numbers hold"):
        kl_parts(model, some)


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
