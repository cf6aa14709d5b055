"""The likelihoods against closed forms in float64."""

import math

import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.ndimage
import scipy.special
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

import zoo.likelihoods as likelihoods
from zoo.likelihoods import (
    Bernoulli,
    Beta,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    DiscretizedLogisticMixture,
    FilteredGaussian,
    Gaussian,
    Laplace,
)
from zoo.likelihoods._blur import GeneralBlur, SeparableBlur, blur_form
from zoo.likelihoods._location_scale import Deviation
from zoo.likelihoods.beta import log_gamma_excess
from zoo.likelihoods.continuous_bernoulli import log_density, mean_from_end

tfd = tfp.distributions
FLOOR = math.exp(-6)
SCALES = [0.1, "learned", "per_pixel", "optimal"]
CORNER = [[0.5, 0.25, 0.0], [0.25, 0.1, -0.2], [0.0, 0.0, 0.1]]  # no column times a row
ALL = [
    Bernoulli,
    ContinuousBernoulli,
    *(lambda s=s: Gaussian(scale=s) for s in SCALES),
    Laplace,
    Beta,
    Categorical,
    DiscretizedLogistic,
    lambda: DiscretizedLogisticMixture(components=3),
    FilteredGaussian,
    lambda: FilteredGaussian(scale="learned", kernel="gaussian"),
    lambda: FilteredGaussian(scale="optimal", kernel=CORNER, alpha=9.0),
]
NEAR = 1 / 255 / 15  # how well a discretized logistic's mean is known: a fifteenth of a level
DISCRETE = [Categorical, DiscretizedLogistic, DiscretizedLogisticMixture]


# --- closed forms, float64 -----------------------------------------------------------------


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid(x):
    return np.exp(-softplus(-x))


def log_partition(eta):
    """A(eta) = |eta| + log1p(-exp(-|eta|)) - ln|eta| + min(eta, 0), by its series near 0."""
    size = np.abs(eta)
    safe = np.where(size < 1e-2, 1.0, size)
    far = safe + np.log1p(-np.exp(-safe)) - np.log(safe)
    near = size / 2 + size**2 / 24 - size**4 / 2880
    return np.where(size < 1e-2, near, far) + np.minimum(eta, 0)


def continuous_mean(eta):
    safe = np.where(np.abs(eta) < 1e-2, 1.0, np.clip(eta, -500, None))
    far = 1 / (1 - np.exp(-safe)) - 1 / np.where(np.abs(eta) < 1e-2, 1.0, eta)
    return np.where(np.abs(eta) < 1e-2, 0.5 + eta / 12 - eta**3 / 720, far)


def continuous_variance(eta):
    safe = np.where(np.abs(eta) < 1e-2, 1.0, np.clip(np.abs(eta), None, 500))
    far = 1 / np.where(np.abs(eta) < 1e-2, 1.0, eta) ** 2 - np.exp(-safe) / np.expm1(-safe) ** 2
    return np.where(np.abs(eta) < 1e-2, 1 / 12 - eta**2 / 240, far)


def normal(x, mean, sigma):
    return -((x - mean) ** 2) / (2 * sigma**2) - np.log(sigma) - 0.5 * np.log(2 * np.pi)


# --- helpers -------------------------------------------------------------------------------


def wide_grid():
    """From -1e4 to 1e4, dense near 0 and where formulas change branch."""
    size = np.concatenate(
        [np.geomspace(1e-6, 1e4, 4000), np.linspace(0.05, 40, 4000), [1e-30, 80.0, 100.0]]
    )
    return np.concatenate([-size, [0.0], size]).astype(np.float32)


def pixels(values):
    """A vector as a batch of images of one pixel."""
    return tf.constant(np.reshape(values, (-1, 1, 1, 1)), tf.float32)


def flat(tensor):
    return tensor.numpy().astype(np.float64).ravel()


def value_and_gradient(function, outputs):
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        value = function(outputs)
    return value, tape.gradient(value, outputs)


def modes():
    return pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "tf.function"])


def images_and_outputs(seed=0, shape=(5, 4, 3, 2), outputs_per_value=1):
    generator = np.random.default_rng(seed)
    images = generator.random(shape)
    outputs = 2 * generator.normal(size=(*shape[:-1], shape[-1] * outputs_per_value))
    return images.astype(np.float32), outputs.astype(np.float32)


# --- what all share ------------------------------------------------------------------------


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_shapes_and_float32(make, dtype):
    likelihood = make()
    images, outputs = images_and_outputs(outputs_per_value=likelihood.outputs_per_value)
    p = likelihood(tf.cast(outputs, dtype))
    assert isinstance(p, tfd.Distribution)
    assert (p.batch_shape, p.event_shape) == ((5,), (4, 3, 2))
    log_prob, mean = p.log_prob(tf.cast(images, dtype)), p.mean()
    assert (log_prob.shape, log_prob.dtype) == ((5,), tf.float32)
    assert (mean.shape, mean.dtype) == (images.shape, tf.float32)
    assert 0 <= mean.numpy().min() < mean.numpy().max() <= 1
    if likelihood.get_config().get("scale") != "optimal":
        sample = p.sample(3, seed=0)
        assert (sample.shape, sample.dtype) == ((3, *images.shape), tf.float32)
        np.testing.assert_array_equal(sample, p.sample(3, seed=0))
        assert p.log_prob(sample).shape == (3, 5)


@pytest.mark.parametrize("make", ALL)
def test_bfloat16_outputs_are_only_rounded_inputs(make):
    likelihood = make()
    images, outputs = images_and_outputs(outputs_per_value=likelihood.outputs_per_value)
    rounded = tf.cast(outputs, tf.bfloat16)
    expected = likelihood(tf.cast(rounded, tf.float32)).log_prob(images)
    np.testing.assert_array_equal(likelihood(rounded).log_prob(images), expected)


@pytest.mark.parametrize("make", ALL)
def test_mixed_precision_policy_leaves_float32(make):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        likelihood = make()

        class Model(keras.Model):
            def __init__(self):
                super().__init__()
                self.likelihood = likelihood

            def call(self, outputs):
                return self.likelihood(outputs).mean()

        assert likelihood.compute_dtype == "float32"
        assert {v.dtype for v in likelihood.variables} <= {"float32"}
        _, outputs = images_and_outputs(outputs_per_value=likelihood.outputs_per_value)
        expected = likelihood(tf.cast(outputs, tf.bfloat16)).mean()
        np.testing.assert_array_equal(Model()(outputs), expected)
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("make", ALL)
def test_the_distribution_passes_out_of_a_function(make):
    likelihood = make()
    images, outputs = images_and_outputs(outputs_per_value=likelihood.outputs_per_value)
    p = tf.function(likelihood)(tf.constant(outputs))
    np.testing.assert_allclose(p.log_prob(images), likelihood(outputs).log_prob(images), rtol=1e-5)
    np.testing.assert_allclose(p.mean(), likelihood(outputs).mean(), rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("make", ALL)
def test_a_graph_knows_the_shape_of_the_mean(make, channels):
    """A SavedModel says it to whoever calls it."""
    likelihood = make()
    outputs = tf.TensorSpec((None, 8, 8, channels * likelihood.outputs_per_value))
    graph = tf.function(lambda o: likelihood(o).mean()).get_concrete_function(outputs)
    assert graph.output_shapes.as_list() == [None, 8, 8, channels]


@pytest.mark.parametrize("make", ALL)
def test_batch_size_unknown_and_xla(make):
    likelihood = make()
    images, outputs = images_and_outputs(outputs_per_value=likelihood.outputs_per_value)
    shape = (None, *outputs.shape[1:])

    def step(outputs):
        return value_and_gradient(lambda o: likelihood(o).log_prob(images), outputs)

    value, gradient = step(tf.constant(outputs))
    for jit in (False, True):
        compiled = tf.function(step, input_signature=[tf.TensorSpec(shape)], jit_compile=jit)
        jit_value, jit_gradient = compiled(outputs)
        np.testing.assert_allclose(jit_value, value, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(jit_gradient, gradient, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("make", ALL)
def test_further_leading_dimensions(make):
    likelihood = make()
    images, outputs = images_and_outputs(outputs_per_value=likelihood.outputs_per_value)
    p = likelihood(tf.stack([outputs, outputs]))
    assert p.batch_shape == (2, 5)
    np.testing.assert_allclose(
        p.log_prob(images)[1], likelihood(outputs).log_prob(images), rtol=1e-5
    )


@pytest.mark.parametrize("make", ALL)
def test_images_that_would_broadcast_or_are_integers_are_refused(make):
    likelihood = make()
    outputs = tf.zeros((2, 4, 4, 3 * likelihood.outputs_per_value))
    with pytest.raises(
        ValueError, match=r"shape \(\.\.\., 4, 4, 3\).*Received: shape=\(2, 4, 4, 1"
    ):
        likelihood(outputs).log_prob(tf.zeros((2, 4, 4, 1)))
    with pytest.raises(ValueError, match="Received: dtype=uint8"):
        likelihood(outputs).log_prob(tf.zeros((2, 4, 4, 3), tf.uint8))


@pytest.mark.parametrize("make", ALL)
def test_configuration_round_trip(make):
    likelihood = make()
    copy = type(likelihood).from_config(likelihood.get_config())
    assert copy.get_config() == likelihood.get_config()
    config = keras.saving.serialize_keras_object(likelihood)
    assert config["registered_name"] == f"zoo>{type(likelihood).__name__}"
    again = likelihoods.get(config)
    assert type(again) is type(likelihood)
    assert again.get_config() == likelihood.get_config()


@keras.saving.register_keras_serializable(package="test_likelihoods")
class Owner(keras.Model):
    def __init__(self, likelihood, **kwargs):
        super().__init__(**kwargs)
        self.likelihood = likelihoods.get(likelihood)
        self.dense = keras.layers.Dense(2 * self.likelihood.outputs_per_value)

    def call(self, inputs):
        return self.likelihood(self.dense(inputs)).mean()

    def get_config(self):
        likelihood = keras.saving.serialize_keras_object(self.likelihood)
        return {**super().get_config(), "likelihood": likelihood}


@pytest.mark.parametrize("make", ALL)
def test_saved_with_the_model_that_owns_it(make, tmp_path):
    model = Owner(make())
    inputs = np.random.default_rng(0).random((3, 4, 4, 5)).astype(np.float32)
    model(inputs)
    for variable in model.likelihood.trainable_variables:
        variable.assign(-1.25)
        assert any(variable is v for v in model.trainable_variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    images = np.zeros((3, 4, 4, 2), np.float32)
    np.testing.assert_array_equal(loaded(inputs), model(inputs))
    assert loaded.likelihood.get_config() == model.likelihood.get_config()
    np.testing.assert_array_equal(
        loaded.likelihood(loaded.dense(inputs)).log_prob(images),
        model.likelihood(model.dense(inputs)).log_prob(images),
    )


def test_get():
    assert isinstance(likelihoods.get("bernoulli"), Bernoulli)
    assert likelihoods.get('gaussian(scale="learned")').scale == "learned"
    likelihood = Gaussian(scale=0.5)
    assert likelihoods.get(likelihood) is likelihood
    with pytest.raises(ValueError, match='Did you mean "gaussian"'):
        likelihoods.get("gausian")
    for wrong in (Gaussian, 3, None, keras.layers.Dense(2)):
        with pytest.raises(TypeError, match="`likelihood` must be a name such as"):
            likelihoods.get(wrong)


def test_abstract_ones_say_so():
    with pytest.raises(NotImplementedError, match="must define `call"):
        likelihoods.Likelihood()(tf.zeros((1, 2, 2, 1)))


def test_a_functional_model_cannot_hold_a_distribution():
    with pytest.raises(ValueError, match="non-tensor"):
        Bernoulli()(keras.Input((4, 4, 1)))


# --- Bernoulli -----------------------------------------------------------------------------


@modes()
@pytest.mark.parametrize("x", [0.0, 0.3, 1.0])
def test_bernoulli_value_and_gradient(wrap, x):
    eta = wide_grid()
    value, gradient = value_and_gradient(
        wrap(lambda o: Bernoulli()(o).log_prob(tf.fill(o.shape, x))), pixels(eta)
    )
    eta, x = eta.astype(np.float64), np.float64(np.float32(x))
    np.testing.assert_allclose(flat(value), x * eta - softplus(eta), rtol=2e-7, atol=2e-6)
    np.testing.assert_allclose(flat(gradient), x - sigmoid(eta), rtol=1e-6, atol=1e-6)


def test_bernoulli_sums_to_one_and_mean():
    eta = np.linspace(-30, 30, 241)
    p = Bernoulli()(pixels(eta))
    log_black, log_white = (flat(p.log_prob(tf.fill((241, 1, 1, 1), x))) for x in (0.0, 1.0))
    np.testing.assert_allclose(np.exp(log_black) + np.exp(log_white), 1, rtol=1e-5)
    np.testing.assert_allclose(flat(p.mean()), sigmoid(eta), rtol=1e-5)


def test_bernoulli_samples():
    sample = Bernoulli()(tf.fill((1, 1, 1, 1), 1.0)).sample(20000, seed=1).numpy()
    assert set(np.unique(sample)) == {0.0, 1.0}
    assert sample.mean() == pytest.approx(1 / (1 + math.exp(-1)), abs=0.02)


@pytest.mark.parametrize("grey", [np.array([0.0, 0.25, 1.0]), np.array([0, 64, 255], np.uint8)])
def test_bernoulli_warns_once_of_grey(grey, recwarn):
    likelihood = Bernoulli()
    with pytest.warns(UserWarning, match="0.25|64.*ContinuousBernoulli"):
        likelihood.check(grey)
    likelihood.check(grey)
    assert not recwarn.list
    with pytest.warns(UserWarning, match="continuous_bernoulli"):
        Bernoulli().check(grey)


def test_no_warning_of_binary_images_or_from_densities():
    binary = np.array([0, 1, 0])
    for images in (binary.astype(np.float32), binary.astype(bool), (255 * binary).astype(np.uint8)):
        Bernoulli().check(images)
    for likelihood in (ContinuousBernoulli(), Gaussian()):
        likelihood.check(np.array([0.3]))


def test_which_are_densities():
    probabilities = (Bernoulli, Categorical, DiscretizedLogistic, DiscretizedLogisticMixture)
    for make in ALL:
        assert make().is_density is not isinstance(make(), probabilities)


def test_integer_seeds_leave_the_global_state_alone():
    p = Gaussian()(tf.zeros((1, 2, 2, 1)))
    tf.random.set_seed(1)
    first, drawn = p.sample(seed=5), tf.random.normal((3,))
    tf.random.set_seed(1)
    np.testing.assert_array_equal(drawn, tf.random.normal((3,)))
    np.testing.assert_array_equal(first, p.sample(seed=5))
    assert (first.numpy() != p.sample(seed=6).numpy()).all()


# --- ContinuousBernoulli -------------------------------------------------------------------


@modes()
@pytest.mark.parametrize("x", [0.0, 0.3, 1.0])
def test_continuous_bernoulli_value_and_gradient(wrap, x):
    eta = wide_grid()
    value, gradient = value_and_gradient(
        wrap(lambda o: ContinuousBernoulli()(o).log_prob(tf.fill(o.shape, x))), pixels(eta)
    )
    eta, x = eta.astype(np.float64), np.float64(np.float32(x))
    np.testing.assert_allclose(flat(value), x * eta - log_partition(eta), rtol=2e-7, atol=4e-6)
    np.testing.assert_allclose(flat(gradient), x - continuous_mean(eta), rtol=1e-6, atol=3e-7)


@modes()
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1000.0, 30_000.0])
def test_continuous_bernoulli_keeps_its_digits_for_large_and_small_logits(wrap, scale):
    random = np.random.default_rng(1)
    eta = (scale * random.normal(size=20_000)).astype(np.float32)
    x = random.uniform(size=eta.shape).astype(np.float32)
    value = wrap(lambda o: ContinuousBernoulli()(o).log_prob(pixels(x)))(pixels(eta))
    size, x = np.abs(eta.astype(np.float64)), x.astype(np.float64)
    end = np.where(eta > 0, 1 - x, x)
    far = np.maximum(size, 0.01)
    expected = np.where(
        size < 0.01,
        size * (0.5 - end) - size**2 / 24 + size**4 / 2880,
        np.log(far) - far * end - np.log1p(-np.exp(-far)),
    )
    np.testing.assert_allclose(flat(value), expected, rtol=2e-5)


def test_continuous_bernoulli_gradients_of_what_is_broadcast():
    eta = tf.constant(np.linspace(-3, 5, 12).reshape(4, 1, 3), tf.float32)
    x = tf.constant(np.linspace(0, 1, 6).reshape(2, 3), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([eta, x])
        value = log_density(eta, x)
    assert value.shape == (4, 2, 3)
    wide, seen = (array.numpy().astype(np.float64) for array in (eta, x))
    slopes = seen - continuous_mean(wide)
    by_eta, by_x = tape.gradient(value, [eta, x])
    np.testing.assert_allclose(by_eta, slopes.sum(axis=1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(by_x, np.broadcast_to(wide, slopes.shape).sum(axis=0), rtol=1e-6)


@modes()
def test_continuous_bernoulli_mean_and_its_gradient(wrap):
    eta = wide_grid()
    mean, gradient = value_and_gradient(
        wrap(lambda o: ContinuousBernoulli()(o).mean()), pixels(eta)
    )
    eta = eta.astype(np.float64)
    np.testing.assert_allclose(flat(mean), continuous_mean(eta), rtol=2e-6)
    np.testing.assert_allclose(flat(gradient), continuous_variance(eta), rtol=1e-5, atol=1e-30)


def test_continuous_bernoulli_second_derivative():
    eta = pixels(np.linspace(-20, 20, 401))
    with tf.GradientTape() as tape:
        tape.watch(eta)
        _, gradient = value_and_gradient(
            lambda o: ContinuousBernoulli()(o).log_prob(tf.zeros_like(o)), eta
        )
    variance = continuous_variance(flat(eta))
    np.testing.assert_allclose(-flat(tape.gradient(gradient, eta)), variance, rtol=1e-5)


def test_series_of_the_mean_meets_the_closed_form():
    size = np.concatenate([np.linspace(0.2, 3, 1001), [1 - 1e-9]])
    expected = 1 / size - 1 / np.expm1(size)
    np.testing.assert_allclose(mean_from_end(tf.constant(size)), expected, atol=3e-8)


@pytest.mark.parametrize("eta", [-60.0, -3.0, -0.1, 0.0, 1e-4, 0.7, 1.2, 20.0])
def test_continuous_bernoulli_integrates_to_one_and_mean(eta):
    nodes, weights = np.polynomial.legendre.leggauss(200)
    x, weights = (nodes + 1) / 2, weights / 2
    p = ContinuousBernoulli()(tf.fill((200, 1, 1, 1), eta))
    density = np.exp(flat(p.log_prob(pixels(x))))
    assert weights @ density == pytest.approx(1, rel=1e-5)
    assert weights @ (x * density) == pytest.approx(float(p.mean()[0, 0, 0, 0]), rel=1e-5)


def test_continuous_bernoulli_samples():
    eta = wide_grid()
    sample = ContinuousBernoulli()(pixels(eta)).sample(20, seed=1).numpy()
    assert sample.min() >= 0
    assert sample.max() <= 1
    for logit in (-5.0, 0.5, 5.0):
        p = ContinuousBernoulli()(tf.fill((1, 1, 1, 1), logit))
        mean = p.sample(20000, seed=1).numpy().mean()
        assert mean == pytest.approx(float(p.mean()[0, 0, 0, 0]), abs=0.01)


def test_continuous_bernoulli_agrees_with_tfp():
    images, outputs = images_and_outputs()
    ours = ContinuousBernoulli()(outputs)
    theirs = tfd.Independent(tfd.ContinuousBernoulli(logits=outputs), 3)
    np.testing.assert_allclose(ours.log_prob(images), theirs.log_prob(images), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(ours.mean(), theirs.mean(), rtol=1e-5)
    np.testing.assert_allclose(ours.stddev(), theirs.stddev(), rtol=1e-5)
    np.testing.assert_allclose(ours.entropy(), theirs.entropy(), rtol=1e-5)


# --- Gaussian, and the frame of location and scale ------------------------------------------


@modes()
@pytest.mark.parametrize("sigma", [0.003, 0.1, 1.0, 30.0])
def test_gaussian_value_and_gradient(wrap, sigma):
    images, outputs = images_and_outputs(1)
    likelihood = Gaussian(scale=sigma, activation="linear")
    value, gradient = value_and_gradient(
        wrap(lambda o: likelihood(o).log_prob(images)), tf.constant(outputs)
    )
    x, mean = images.astype(np.float64), outputs.astype(np.float64)
    np.testing.assert_allclose(value, normal(x, mean, sigma).sum(axis=(1, 2, 3)), rtol=2e-6)
    np.testing.assert_allclose(gradient, (x - mean) / sigma**2, rtol=2e-6)


def test_gaussian_sigmoid_is_the_default_mean():
    images, outputs = images_and_outputs(2)
    mean = sigmoid(outputs.astype(np.float64))
    p = Gaussian(scale=0.2)(outputs)
    np.testing.assert_allclose(p.mean(), mean, rtol=1e-6)
    np.testing.assert_allclose(
        p.log_prob(images), normal(images, mean, 0.2).sum(axis=(1, 2, 3)), rtol=1e-5
    )


@pytest.mark.parametrize("likelihood", [Gaussian, Laplace])
def test_density_integrates_to_one_over_the_line(likelihood):
    x = np.linspace(-4, 5, 9001)
    p = likelihood(scale=0.25)(tf.fill((9001, 1, 1, 1), 0.5))
    density = np.exp(flat(p.log_prob(pixels(x))))
    assert np.trapezoid(density, x) == pytest.approx(1, rel=1e-4)
    assert np.trapezoid(x * density, x) == pytest.approx(float(p.mean()[0, 0, 0, 0]), rel=1e-4)
    spread = np.sqrt(np.trapezoid((x - p.mean()[0, 0, 0, 0].numpy()) ** 2 * density, x))
    assert spread == pytest.approx(float(p.stddev()[0, 0, 0, 0]), rel=1e-4)


@pytest.mark.parametrize(("family", "power"), [(tfd.Normal, 2), (tfd.Laplace, 1)])
def test_the_formula_of_a_power_is_that_of_its_family(family, power):
    generator = np.random.default_rng(3)
    x, location = generator.normal(size=(2, 50)).astype(np.float32)
    log_scale = generator.normal(size=50).astype(np.float32)
    ours = Deviation(family, power, tf.constant(location), tf.constant(log_scale))
    theirs = family(location, np.exp(log_scale))
    np.testing.assert_allclose(ours.log_prob(x), theirs.log_prob(x), rtol=1e-4, atol=1e-5)
    for statistic in ("mean", "mode", "stddev", "variance", "entropy"):
        np.testing.assert_allclose(
            getattr(ours, statistic)(), getattr(theirs, statistic)(), rtol=1e-5
        )


@pytest.mark.parametrize("sigma", [0.05, 0.1, 2.0])
def test_squared_error_with_weight_on_kl_is_a_gaussian(sigma):
    """2 sigma^2 (-log p) = SSE + a constant: so SSE + w KL is sigma^2 = w / 2."""
    images, outputs = images_and_outputs(4)
    squared_error = ((images - sigmoid(outputs.astype(np.float64))) ** 2).sum(axis=(1, 2, 3))
    scaled = -2 * sigma**2 * Gaussian(scale=sigma)(outputs).log_prob(images).numpy()
    constant = sigma**2 * images[0].size * math.log(2 * math.pi * sigma**2)
    np.testing.assert_allclose(scaled, squared_error + constant, rtol=1e-4)


def test_learned_scale_starts_at_the_default_and_is_trained():
    likelihood = Gaussian(scale="learned")
    assert len(likelihood.trainable_variables) == 1
    np.testing.assert_allclose(likelihood(tf.zeros((1, 2, 2, 1))).stddev(), 0.1, rtol=1e-6)
    assert Gaussian(scale="learned", trainable=False).trainable_variables == []
    for scale in (0.1, "per_pixel", "optimal"):
        assert Gaussian(scale=scale).variables == []


def learned_gradient(sigma):
    """Of the mean log probability by the log scale, at a sigma; and the RMSE."""
    images, outputs = images_and_outputs(5)
    likelihood = Gaussian(scale="learned", activation="linear")
    rmse = np.sqrt(np.mean((images - outputs.astype(np.float64)) ** 2))
    likelihood.log_scale.assign(math.log((sigma or rmse) - FLOOR))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(likelihood(outputs).log_prob(images))
    return float(tape.gradient(loss, likelihood.log_scale.value)), rmse, loss


def test_learned_scale_rests_at_the_root_mean_squared_error():
    at_optimum, rmse, loss = learned_gradient(None)
    assert at_optimum == pytest.approx(0, abs=1e-4)
    assert learned_gradient(0.9 * rmse)[0] > 1
    assert learned_gradient(1.1 * rmse)[0] < -1
    assert float(loss) == pytest.approx(-12 * math.log(2 * math.pi * math.e * rmse**2), rel=1e-5)


def test_soft_clip():
    likelihood = Gaussian(scale="learned")
    for raw in (-1e4, -6.0, -3.0, 0.0, 5.0):
        likelihood.log_scale.assign(raw)
        sigma = float(likelihood(tf.zeros((1, 1, 1, 1))).stddev()[0, 0, 0, 0])
        assert sigma == pytest.approx(FLOOR + math.exp(raw), rel=1e-5)


def test_per_pixel_layout_is_locations_then_log_scales():
    images, mean = images_and_outputs(6)
    _, log_scale = images_and_outputs(7)
    outputs = np.concatenate([mean, log_scale], axis=-1)
    p = Gaussian(scale="per_pixel", activation="linear")(outputs)
    sigma = FLOOR + np.exp(log_scale.astype(np.float64))
    np.testing.assert_array_equal(p.mean(), mean)
    np.testing.assert_allclose(p.stddev(), sigma, rtol=1e-5)
    expected = normal(images, mean.astype(np.float64), sigma).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(p.log_prob(images), expected, rtol=1e-4)


def test_per_pixel_extremes():
    log_scale = wide_grid()
    outputs = tf.concat([tf.zeros((log_scale.size, 1, 1, 1)), pixels(log_scale)], axis=-1)
    likelihood = Gaussian(scale="per_pixel", activation="linear")
    value, gradient = value_and_gradient(
        lambda o: likelihood(o).log_prob(tf.fill((log_scale.size, 1, 1, 1), 0.75)), outputs
    )
    raw = log_scale.astype(np.float64)
    clipped = -6 + softplus(raw + 6)
    ratio = 0.75**2 * np.exp(-2 * clipped)
    expected = -ratio / 2 - clipped - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(flat(value), expected, rtol=1e-5, atol=1e-5)
    by_log_scale = (ratio - 1) * sigmoid(raw + 6)
    np.testing.assert_allclose(flat(gradient[..., 1]), by_log_scale, rtol=2e-5, atol=2e-5)
    assert np.isfinite(gradient).all()


def test_per_pixel_wants_two_outputs():
    with pytest.raises(ValueError, match="Expected 2 decoder outputs for each pixel"):
        Gaussian(scale="per_pixel")(tf.zeros((1, 4, 4, 3)))


@modes()
def test_optimal_scale_is_the_root_mean_squared_error_of_the_batch(wrap):
    images, outputs = images_and_outputs(8)
    mean = sigmoid(outputs.astype(np.float64))
    rmse = np.sqrt(np.mean((images - mean) ** 2))
    best = wrap(lambda o: Gaussian(scale="optimal")(o).log_prob(images))(outputs).numpy()
    np.testing.assert_allclose(best, normal(images, mean, rmse).sum(axis=(1, 2, 3)), rtol=1e-5)
    size = images[0].size
    assert best.mean() == pytest.approx(
        -size / 2 * math.log(2 * math.pi * math.e * rmse**2), rel=1e-5
    )
    for factor in (0.5, 0.9, 0.99, 1.01, 1.1, 2):
        assert best.mean() > Gaussian(scale=factor * rmse)(outputs).log_prob(images).numpy().mean()


def test_optimal_scale_of_laplace_is_the_mean_absolute_error():
    images, outputs = images_and_outputs(9)
    error = np.abs(images - sigmoid(outputs.astype(np.float64)))
    b = error.mean()
    expected = (-error / b - np.log(2 * b)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(
        Laplace(scale="optimal")(outputs).log_prob(images), expected, rtol=1e-5
    )


def test_optimal_gradient_is_that_of_the_closed_form():
    images, outputs = images_and_outputs(10)
    likelihood = Gaussian(scale="optimal", activation="linear")
    _, gradient = value_and_gradient(
        lambda o: tf.reduce_mean(likelihood(o).log_prob(images)), tf.constant(outputs)
    )
    error = images - outputs.astype(np.float64)
    expected = error / (len(images) * np.mean(error**2))
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


def test_optimal_gradient_of_one_image_includes_its_part_in_the_scale():
    images, outputs = images_and_outputs(11)
    likelihood = Gaussian(scale="optimal", activation="linear")
    _, gradient = value_and_gradient(
        lambda o: likelihood(o).log_prob(images)[0], tf.constant(outputs)
    )
    error = images - outputs.astype(np.float64)
    variance, size = np.mean(error**2), images[0].size
    by_variance = np.sum(error[0] ** 2) / (2 * variance**2) - size / (2 * variance)
    expected = -2 * error / error.size * by_variance
    expected[0] += error[0] / variance
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("likelihood", [Gaussian, Laplace])
@pytest.mark.parametrize("error", [0.0, 1e-20, 1e-3, 1e-2])
def test_optimal_scale_has_a_floor_and_no_jump_there(likelihood, error):
    like = likelihood(scale="optimal", activation="linear")
    value, gradient = value_and_gradient(
        lambda o: like(o).log_prob(tf.zeros_like(o)), tf.fill((2, 3, 3, 1), error)
    )
    scale = max(error, FLOOR)
    expected = likelihood(scale=scale, activation="linear")(tf.fill((2, 3, 3, 1), error))
    np.testing.assert_allclose(value, expected.log_prob(tf.zeros((2, 3, 3, 1))), rtol=1e-4)
    assert np.isfinite(gradient).all()


def test_optimal_scale_cannot_sample():
    p = Gaussian(scale="optimal")(tf.zeros((1, 2, 2, 1)))
    for ask in (p.sample, p.stddev, p.variance, p.entropy):
        with pytest.raises(NotImplementedError, match='Use `mean\\(\\)`, or scale="learned"'):
            ask()


@pytest.mark.parametrize("scale", SCALES)
def test_gaussian_saturated_outputs_are_finite(scale):
    likelihood = Gaussian(scale=scale)
    outputs = tf.constant([-1e4, -100.0, 0.0, 100.0, 1e4])[:, None, None, None]
    outputs = tf.concat([outputs] * likelihood.outputs_per_value, axis=-1)
    for x in (0.0, 1.0):
        value, gradient = value_and_gradient(
            lambda o, x=x: likelihood(o).log_prob(tf.fill((5, 1, 1, 1), x)), outputs
        )
        assert np.isfinite(value).all()
        assert np.isfinite(gradient).all()


def test_samples_have_the_location_and_the_scale():
    p = Gaussian(scale=0.3, activation="linear")(tf.fill((1, 1, 1, 1), 0.25))
    sample = p.sample(20000, seed=2).numpy()
    assert sample.mean() == pytest.approx(0.25, abs=0.01)
    assert sample.std() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    "scale", [-1.0, 0, math.inf, math.nan, "best", None, True, [0.1], np.ones(2)]
)
def test_wrong_scale(scale):
    with pytest.raises(ValueError, match=r"`scale` must be a positive number.*Received: scale="):
        Gaussian(scale=scale)


def test_wrong_scale_in_words():
    message = (
        '`scale` must be a positive number, "learned", "per_pixel" or "optimal". '
        "Received: scale=-1.0"
    )
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole text is compared
        Gaussian(scale=-1.0)
    assert str(error.value) == message


# --- Laplace -------------------------------------------------------------------------------


@modes()
@pytest.mark.parametrize("b", [0.003, 0.1, 30.0])
def test_laplace_value_and_gradient(wrap, b):
    images, outputs = images_and_outputs(1)
    likelihood = Laplace(scale=b, activation="linear")
    value, gradient = value_and_gradient(
        wrap(lambda o: likelihood(o).log_prob(images)), tf.constant(outputs)
    )
    error = images - outputs.astype(np.float64)
    expected = (-np.abs(error) / b - np.log(2 * b)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(value, expected, rtol=2e-6)
    np.testing.assert_allclose(gradient, np.sign(error) / b, rtol=2e-6)


def test_laplace_saturated_outputs_are_finite():
    for scale in SCALES:
        likelihood = Laplace(scale=scale)
        outputs = tf.constant([-1e4, -100.0, 0.0, 100.0, 1e4])[:, None, None, None]
        outputs = tf.concat([outputs] * likelihood.outputs_per_value, axis=-1)
        for x in (0.0, 0.5, 1.0):
            value, gradient = value_and_gradient(
                lambda o, x=x, f=likelihood: f(o).log_prob(tf.fill((5, 1, 1, 1), x)), outputs
            )
            assert np.isfinite(value).all()
            assert np.isfinite(gradient).all()


# --- Beta ----------------------------------------------------------------------------------


def beta_outputs(logit, raw):
    """Two outputs of one value for each pair, as a batch."""
    return tf.constant(np.stack([logit, raw], axis=-1).reshape(-1, 1, 1, 2), tf.float32)


def beta_parts(logit, raw):
    """Logs of mu, 1 - mu and nu, in float64."""
    return -softplus(-logit), -softplus(logit), -np.logaddexp(-raw, math.log(1e-4))


def beta(x, log_mean, log_rest, log_nu):
    """Its log density at a clipped x, from the formula, with log Gamma(a) for the smallest a."""
    a, b = np.exp(log_mean + log_nu), np.exp(log_rest + log_nu)
    x = np.clip(x, 1 / 512, 1 - 1 / 512)

    def log_gamma(size, log_size):
        return scipy.special.gammaln(1 + size) - log_size

    return (
        log_gamma(np.exp(log_nu), log_nu)
        - log_gamma(a, log_nu + log_mean)
        - log_gamma(b, log_nu + log_rest)
        + (a - 1) * np.log(x)
        + (b - 1) * np.log1p(-x)
    )


def beta_gradients(x, log_mean, log_rest, log_nu):
    """By the logit of the mean and by the log concentration, in float64."""
    x = np.clip(x, 1 / 512, 1 - 1 / 512)
    mean, rest, nu = np.exp(log_mean), np.exp(log_rest), np.exp(log_nu)
    digamma = scipy.special.digamma
    by_a = np.log(x) - digamma(1 + nu * mean)
    by_b = np.log1p(-x) - digamma(1 + nu * rest)
    by_logit = (rest - mean) + nu * mean * rest * (by_a - by_b)
    by_log_nu = 1 + nu * digamma(1 + nu) + nu * mean * by_a + nu * rest * by_b
    return by_logit, by_log_nu


def extremes():
    """Every pair of logits and log scales, moderate and extreme."""
    logit = np.concatenate([[-1e4, -90.0, 90.0, 1e4, 0.0], np.linspace(-12, 12, 49)])
    raw = np.concatenate([[-1e4, -90.0, 90.0, 1e4, 0.0], np.linspace(-12, 12, 49)])
    grid = np.stack(np.meshgrid(logit, raw), -1).reshape(-1, 2)
    return grid[:, 0].astype(np.float32), grid[:, 1].astype(np.float32)


@modes()
@pytest.mark.parametrize("x", [0.0, 1 / 255, 0.3, 1.0])
def test_beta_value_and_gradient(wrap, x):
    logit, raw = extremes()
    value, gradient = value_and_gradient(
        wrap(lambda o: Beta()(o).log_prob(tf.fill((len(logit), 1, 1, 1), x))),
        beta_outputs(logit, raw),
    )
    logit, raw = logit.astype(np.float64), raw.astype(np.float64)
    parts = beta_parts(logit, raw)
    by_logit, by_log_nu = beta_gradients(x, *parts)
    nu = np.exp(parts[2])
    expected = beta(x, *parts)
    np.testing.assert_array_less(np.abs(flat(value) - expected), error_of(expected, nu))
    by_raw = by_log_nu * sigmoid(math.log(1e4) - raw)
    expected = np.stack([by_logit, by_raw], axis=-1)
    np.testing.assert_array_less(
        np.abs(gradient.numpy().reshape(-1, 2) - expected), error_of(expected, nu[:, None])
    )


def error_of(value, concentration):
    """What float32 may lose: it knows log(x) and log(mu) to 1e-7, and nu multiplies them."""
    return 1e-5 + 1e-6 * np.abs(value) + 2e-6 * concentration


@pytest.mark.parametrize("logit", [-3.0, 0.0, 1.0])
@pytest.mark.parametrize("raw", [-2.0, 0.0, 1.0, 4.0, 8.0])
def test_beta_integrates_to_its_own_probability(logit, raw):
    """Between the edges, where nothing is clipped; beyond them the density is constant."""
    x = np.linspace(1 / 512, 1 - 1 / 512, 20001)
    outputs = beta_outputs(np.full(x.size, logit), np.full(x.size, raw))
    p = Beta()(outputs)
    density = np.exp(flat(p.log_prob(pixels(x))))
    nu = 1 / (math.exp(-raw) + 1e-4)
    mean = 1 / (1 + math.exp(-logit))
    exact = scipy.stats.beta(mean * nu, (1 - mean) * nu)
    inside = exact.cdf(x[-1]) - exact.cdf(x[0])
    assert scipy.integrate.simpson(density, x=x) == pytest.approx(inside, rel=2e-3)
    edges = p.log_prob(pixels(np.linspace(0, 1 / 512, x.size)))
    np.testing.assert_allclose(edges, flat(p.log_prob(pixels(x)))[0], rtol=1e-4, atol=1e-4)
    assert float(p.mean()[0, 0, 0, 0]) == pytest.approx(exact.mean(), rel=1e-6)
    assert float(p.stddev()[0, 0, 0, 0]) == pytest.approx(exact.std(), rel=1e-5)


def test_beta_integrates_to_one():
    nodes, weights = np.polynomial.legendre.leggauss(400)
    nodes, weights = (nodes + 1) / 2, weights / 2
    p = Beta()(beta_outputs(np.full(400, 0.3), np.full(400, 2.5)))
    density = np.exp(flat(p.log_prob(pixels(nodes))))
    assert weights @ density == pytest.approx(1, abs=2e-4)
    assert weights @ (nodes * density) == pytest.approx(float(p.mean()[0, 0, 0, 0]), abs=2e-4)


def test_log_gamma_excess():
    z = np.concatenate([[0.0], np.geomspace(1e-12, 1e4, 5000)]).astype(np.float32)
    value, gradient = value_and_gradient(log_gamma_excess, tf.constant(z))
    z = z.astype(np.float64)
    expected = scipy.special.gammaln(1 + z) - scipy.special.xlogy(z, z) + z
    np.testing.assert_allclose(value, expected, rtol=0, atol=2e-6)
    expected = scipy.special.digamma(1 + z[1:]) - np.log(z[1:])
    np.testing.assert_allclose(gradient[1:], expected, rtol=2e-5, atol=2e-6)
    assert np.isfinite(gradient).all()


def test_beta_samples():
    p = Beta()(beta_outputs(np.array([0.5]), np.array([1.0])))
    sample = p.sample(20000, seed=1).numpy()
    assert 0 <= sample.min() < sample.max() <= 1
    assert sample.mean() == pytest.approx(float(p.mean()[0, 0, 0, 0]), abs=0.01)
    assert sample.std() == pytest.approx(float(p.stddev()[0, 0, 0, 0]), abs=0.01)
    extreme = Beta()(beta_outputs(*extremes())).sample(3, seed=1).numpy()
    assert np.isfinite(extreme).all()
    assert extreme.min() >= 0
    assert extreme.max() <= 1


# --- levels of bytes -----------------------------------------------------------------------


def all_levels(likelihood, outputs):
    """Log probabilities of the 256 levels, one value at a time: `(values, 256)`."""
    p = likelihood(tf.reshape(outputs, (1, -1, 1, outputs.shape[-1])))
    levels = tf.reshape(tf.range(256.0) / 255, (256, 1, 1, 1, 1))
    shape = (256, *p.distribution.batch_shape)
    return p.distribution.log_prob(tf.broadcast_to(levels, shape)).numpy().reshape(256, -1).T


@pytest.mark.parametrize("make", DISCRETE)
@pytest.mark.parametrize("spread", [0.1, 3.0, 1000.0])
def test_probabilities_of_the_levels_sum_to_one(make, spread):
    likelihood = make()
    random = np.random.default_rng(0)
    outputs = spread * random.normal(size=(300, likelihood.outputs_per_value))
    log_p = all_levels(likelihood, tf.constant(outputs, tf.float32)).astype(np.float64)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1, rtol=2e-5)
    p = likelihood(tf.constant(outputs.reshape(300, 1, 1, -1), tf.float32))
    mean = np.exp(log_p) @ (np.arange(256) / 255)
    np.testing.assert_allclose(flat(p.mean()), mean, atol=2e-6 if make is Categorical else NEAR)


@pytest.mark.parametrize("make", DISCRETE)
def test_samples_are_levels_with_their_probabilities(make):
    likelihood = make()
    outputs = np.random.default_rng(1).normal(size=(1, 1, 1, likelihood.outputs_per_value))
    outputs = tf.constant(outputs - 1, tf.float32)
    sample = 255 * likelihood(outputs).sample(20000, seed=1).numpy().ravel()
    np.testing.assert_allclose(sample, np.rint(sample), atol=1e-4)
    p = np.exp(all_levels(likelihood, outputs)[0].astype(np.float64))
    for level in (0, 32, 128, 200, 255):
        below = p[: level + 1].sum()
        assert (np.rint(sample) <= level).mean() == pytest.approx(below, abs=0.015)


@pytest.mark.parametrize("make", DISCRETE)
def test_values_between_levels_are_rounded_and_warned_of(make, recwarn):
    likelihood = make()
    outputs = tf.constant(
        np.random.default_rng(2).normal(size=(2, 3, 3, likelihood.outputs_per_value)), tf.float32
    )
    levels = np.random.default_rng(3).integers(0, 256, size=(2, 3, 3, 1)).astype(np.float32)
    exact = likelihood(outputs).log_prob(levels / 255)
    between = np.clip(levels + 0.4, 0, 255) / 255
    np.testing.assert_array_equal(likelihood(outputs).log_prob(between), exact)
    for images in (levels / 255, (levels / 255).astype(np.float16), levels.astype(np.uint8)):
        likelihood.check(images)
    assert not recwarn.list
    with pytest.warns(UserWarning, match=f"for which {make.__name__} has.*rounded to the"):
        likelihood.check(between)
    likelihood.check(between)
    assert not recwarn.list


@pytest.mark.parametrize("make", DISCRETE)
def test_levels_are_not_confused_between_channels(make):
    """A channel's log probability depends on its own outputs alone."""
    likelihood = make()
    channels, each = 3, likelihood.outputs_per_value
    outputs = np.random.default_rng(4).normal(size=(1, 1, 1, channels * each))
    images = tf.constant([0.0, 128 / 255, 1.0], shape=(1, 1, 1, 3))
    _, jacobian = _jacobian(likelihood, tf.constant(outputs, tf.float32), images)
    used = jacobian != 0  # (channels, outputs)
    assert (used.sum(axis=0) == 1).all()
    assert (used.sum(axis=1) == each).all()


def _jacobian(likelihood, outputs, images):
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        values = tf.reshape(likelihood(outputs).distribution.log_prob(images), [-1])
    return values, tape.jacobian(values, outputs).numpy().reshape(len(values), -1)


# --- Categorical ---------------------------------------------------------------------------


@modes()
@pytest.mark.parametrize("spread", [1.0, 1e4])
def test_categorical_value_and_gradient(wrap, spread):
    random = np.random.default_rng(5)
    outputs = (spread * random.normal(size=(6, 2, 2, 512))).astype(np.float32)
    levels = random.integers(0, 256, size=(6, 2, 2, 2))
    value, gradient = value_and_gradient(
        wrap(lambda o: Categorical()(o).log_prob((levels / 255).astype(np.float32))),
        tf.constant(outputs),
    )
    logits = outputs.astype(np.float64).reshape(6, 2, 2, 2, 256)
    log_p = scipy.special.log_softmax(logits, axis=-1)
    chosen = np.take_along_axis(log_p, levels[..., None], axis=-1)
    np.testing.assert_allclose(value, chosen.sum(axis=(1, 2, 3, 4)), rtol=1e-6, atol=1e-5)
    expected = np.eye(256)[levels] - np.exp(log_p)
    np.testing.assert_allclose(gradient.numpy().reshape(expected.shape), expected, atol=1e-6)


def test_categorical_broadcasts_a_decoder_and_its_images():
    outputs = tf.random.stateless_normal((1, 2, 2, 256), (1, 2))
    images = tf.constant(np.arange(12).reshape(3, 2, 2, 1) / 255, tf.float32)
    one_by_one = [Categorical()(outputs).log_prob(images[i : i + 1])[0] for i in range(3)]
    np.testing.assert_allclose(Categorical()(outputs).log_prob(images), one_by_one, rtol=1e-6)


# --- DiscretizedLogistic, and the mixture --------------------------------------------------


def log_difference(high, low):
    """log(S(high) - S(low)) for high > low, in the tail where S is small."""
    flip = low > -high
    high, low = np.where(flip, -low, high), np.where(flip, -high, low)
    log_high, log_low = -softplus(-high), -softplus(-low)
    with np.errstate(divide="ignore"):
        return log_high + np.log(-np.expm1(log_low - log_high))


def logistic_level(level, location, log_scale):
    """Log probability of a level, from the difference of two sigmoids, in float64."""
    steep = np.exp(-log_scale)
    high = ((level + 0.5) / 255 - location) * steep
    low = ((level - 0.5) / 255 - location) * steep
    inner = log_difference(high, low)
    return np.where(level == 0, -softplus(-high), np.where(level == 255, -softplus(low), inner))


def floored(raw):
    return np.logaddexp(raw, -7)


@modes()
@pytest.mark.parametrize("level", [0, 1, 100, 254, 255])
def test_discretized_logistic_value(wrap, level):
    logit, raw = extremes()
    moderate = raw < 20  # Beyond, the difference of float64 sigmoids is 0.
    logit, raw = logit[moderate], raw[moderate]
    value = wrap(
        lambda o: DiscretizedLogistic()(o).log_prob(tf.fill((len(o), 1, 1, 1), level / 255))
    )(beta_outputs(logit, raw))
    logit, raw = logit.astype(np.float64), raw.astype(np.float64)
    expected = logistic_level(level, sigmoid(logit), floored(raw))
    np.testing.assert_allclose(flat(value), expected, rtol=3e-6, atol=3e-4)


@modes()
@pytest.mark.parametrize("level", [0, 1, 100, 254, 255])
def test_discretized_logistic_gradient(wrap, level):
    logit, raw = extremes()
    likelihood = DiscretizedLogistic()
    _, gradient = value_and_gradient(
        wrap(lambda o: likelihood(o).log_prob(tf.fill((len(o), 1, 1, 1), level / 255))),
        beta_outputs(logit, raw),
    )
    assert np.isfinite(gradient).all()
    # Of larger scales, finite differences know less than float32; they have a test of their own.
    moderate = (np.abs(logit) < 12) & (raw > -12) & (raw < 4)
    logit, raw = logit[moderate].astype(np.float64), raw[moderate].astype(np.float64)
    step = 1e-5

    def slope(by_logit, by_raw):
        ends = [
            logistic_level(level, sigmoid(logit + s * by_logit), floored(raw + s * by_raw))
            for s in (step, -step)
        ]
        return (ends[0] - ends[1]) / (2 * step)

    expected = np.stack([slope(1, 0), slope(0, 1)], axis=-1)
    actual = gradient.numpy().reshape(-1, 2)[moderate]
    np.testing.assert_allclose(actual, expected, rtol=2e-4, atol=2e-4)


def test_discretized_logistic_in_a_scale_beyond_all():
    """As s grows, inner levels tend to 1 / (4 * 255 s), and black and white to a half."""
    for raw in (90.0, 1e4):
        outputs = beta_outputs(np.zeros(3), np.full(3, raw))
        value, gradient = value_and_gradient(
            lambda o: DiscretizedLogistic()(o).log_prob(pixels([0.0, 100 / 255, 1.0])), outputs
        )
        expected = [-math.log(2), -raw - math.log(4 * 255), -math.log(2)]
        np.testing.assert_allclose(flat(value), expected, rtol=1e-6)
        np.testing.assert_allclose(gradient[:, 0, 0, 1], [0, -1, 0], atol=1e-6)


def test_discretized_logistic_agrees_with_the_published_formula():
    """ln[S+ - S-], with m - ln s - 2 softplus(m) - ln 255 where that is below 1e-5."""
    random = np.random.default_rng(6)
    mean, log_scale = random.random(1000), random.uniform(-6.5, 1, 1000)
    level = random.integers(1, 255, 1000)
    middle = (level / 255 - mean) * np.exp(-log_scale)
    half = np.exp(-log_scale) / 510
    difference = sigmoid(middle + half) - sigmoid(middle - half)
    approximate = middle - log_scale - 2 * softplus(middle) - math.log(255)
    with np.errstate(divide="ignore"):
        published = np.where(difference > 1e-5, np.log(difference), approximate)
    raw = np.log(np.exp(log_scale) - math.exp(-7))
    p = DiscretizedLogistic()(beta_outputs(np.log(mean / (1 - mean)), raw))
    more = flat(p.log_prob(pixels(level / 255))) - published
    near = difference > 1e-5
    assert 0.2 < near.mean() < 0.9
    np.testing.assert_allclose(more[near], 0, atol=2e-4)
    # What it approximates, by the density in the middle of the bin, is log(sinh(w/2) / (w/2)).
    assert (more[~near] > -2e-4).all()
    assert (more[~near] < (2 * half[~near]) ** 2 / 24 + 2e-4).all()


@pytest.mark.parametrize("raw", [-1e4, -7.0, -4.0, -1.0, 0.0, 0.5, 3.0, 40.0, 1e4])
def test_discretized_logistic_mean(raw):
    logit = np.linspace(-12, 12, 97)
    raw = np.full(logit.size, raw)
    mean, gradient = value_and_gradient(
        lambda o: DiscretizedLogistic()(o).mean(), beta_outputs(logit, raw)
    )
    thresholds = (np.arange(255) + 0.5) / 255
    log_scale = np.minimum(floored(raw), 600)
    above = sigmoid((sigmoid(logit)[:, None] - thresholds) * np.exp(-log_scale[0]))
    np.testing.assert_allclose(flat(mean), above.mean(axis=1), atol=NEAR)
    assert np.isfinite(gradient).all()


@modes()
def test_mixture_value_and_gradient(wrap):
    random = np.random.default_rng(7)
    outputs = (2 * random.normal(size=(6, 2, 3, 2 * 12))).astype(np.float32)
    levels = random.integers(0, 256, size=(6, 2, 3, 2))
    levels[0], levels[1] = 0, 255
    likelihood = DiscretizedLogisticMixture(components=4)
    value, gradient = value_and_gradient(
        wrap(lambda o: likelihood(o).log_prob((levels / 255).astype(np.float32))),
        tf.constant(outputs),
    )

    def by_hand(outputs):
        weights, logits, raw = (
            part.reshape(6, 2, 3, 2, 4) for part in np.split(outputs, 3, axis=-1)
        )
        parts = logistic_level(levels[..., None], sigmoid(logits), floored(raw))
        log_p = scipy.special.logsumexp(scipy.special.log_softmax(weights, -1) + parts, -1)
        return log_p.sum(axis=(1, 2, 3))

    outputs = outputs.astype(np.float64)
    np.testing.assert_allclose(value, by_hand(outputs), rtol=1e-5)
    direction = random.normal(size=outputs.shape)
    slope = (by_hand(outputs + 1e-6 * direction) - by_hand(outputs - 1e-6 * direction)) / 2e-6
    np.testing.assert_allclose(
        np.sum(gradient * direction, axis=(1, 2, 3)), slope, rtol=1e-4, atol=1e-3
    )


def test_one_component_is_no_mixture():
    images, outputs = images_and_outputs(8, outputs_per_value=2)
    weights = np.random.default_rng(0).normal(size=images.shape).astype(np.float32)
    one = DiscretizedLogisticMixture(components=1)(np.concatenate([weights, outputs], axis=-1))
    alone = DiscretizedLogistic()(outputs)
    np.testing.assert_allclose(one.log_prob(images), alone.log_prob(images), rtol=1e-6)
    np.testing.assert_allclose(one.mean(), alone.mean(), rtol=1e-6)


def test_mixture_has_two_peaks():
    """Black or white, with nothing in between, which no single logistic says."""
    weights, logits, raw = [0.0, 0.0], [-9.0, 9.0], [-5.0, -5.0]
    outputs = tf.constant([weights + logits + raw], shape=(1, 1, 1, 6))
    p = np.exp(all_levels(DiscretizedLogisticMixture(components=2), outputs)[0])
    assert p[:10].sum() == pytest.approx(0.5, abs=0.01)
    assert p[-10:].sum() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("spread", [100.0, 1e4])
def test_mixture_extremes_are_finite(spread):
    random = np.random.default_rng(9)
    outputs = tf.constant(spread * random.normal(size=(500, 1, 1, 15)), tf.float32)
    for x in (0.0, 0.5, 1.0):
        value, gradient = value_and_gradient(
            lambda o, x=x: DiscretizedLogisticMixture()(o).log_prob(tf.fill((500, 1, 1, 1), x)),
            outputs,
        )
        assert np.isfinite(value).all()
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("components", [0, -1, 2.5, True, "5"])
def test_wrong_components(components):
    with pytest.raises(ValueError, match=r"`components` must be an integer >= 1\. Received: comp"):
        DiscretizedLogisticMixture(components=components)


@pytest.mark.parametrize(
    "make", [Beta, Categorical, DiscretizedLogistic, DiscretizedLogisticMixture]
)
def test_outputs_that_are_no_multiple_are_refused(make):
    with pytest.raises(ValueError, match=r"decoder outputs for each pixel.*shape=\(1, 4, 4, 7\)"):
        make()(tf.zeros((1, 4, 4, 7)))


# --- FilteredGaussian ----------------------------------------------------------------------

KERNELS = {
    "box": np.full((63, 63), 1 / 3969),
    "gaussian": None,
    "line": np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25]),
    "tall": np.outer([0.2, 0.5, 0.3], [0.1, 0.1, 0.5, 0.2, 0.1]),
    "corner": np.array(CORNER),
}
ARGUMENTS = {
    "box": "box",
    "gaussian": "gaussian",
    "line": [0.25, 0.5, 0.25],
    "tall": KERNELS["tall"],
    "corner": CORNER,
}
_x = np.arange(-31, 32)
_density = np.exp(-(_x**2) / (2 * 7.75**2))
KERNELS["gaussian"] = np.outer(_density, _density) / _density.sum() ** 2
every_kernel = pytest.mark.parametrize("kernel", KERNELS)


def blurred(images, kernel):
    """Convolution with zeros around, by SciPy: `(batch, height, width, channels)`."""
    images = np.asarray(images, np.float64)
    return scipy.ndimage.convolve(images, kernel[None, :, :, None], mode="constant")


def precision_matrix(kernel, alpha, height, width):
    """I + alpha K'K, with the columns of K made by blurring one pixel at a time."""
    units = np.eye(height * width).reshape(-1, height, width, 1)
    matrix = blurred(units, kernel).reshape(height * width, -1).T
    return np.eye(height * width) + alpha * matrix.T @ matrix


@every_kernel
@pytest.mark.parametrize("shape", [(3, 5, 4, 2), (2, 1, 3, 1)])
def test_filtered_gaussian_is_a_multivariate_normal(kernel, shape):
    """So it integrates to one."""
    images, outputs = images_and_outputs(1, shape)
    sigma, alpha = 0.3, 25.0
    likelihood = FilteredGaussian(sigma, "linear", ARGUMENTS[kernel], alpha)
    precision = precision_matrix(KERNELS[kernel], alpha, *shape[1:3])
    covariance = sigma**2 * np.linalg.inv(precision)
    expected = np.zeros(shape[0])
    for i, c in np.ndindex(shape[0], shape[3]):
        mean = outputs[i, :, :, c].astype(np.float64).ravel()
        normal = scipy.stats.multivariate_normal(mean, covariance)
        expected[i] += normal.logpdf(images[i, :, :, c].astype(np.float64).ravel())
    np.testing.assert_allclose(likelihood(outputs).log_prob(images), expected, rtol=2e-6, atol=1e-5)
    np.testing.assert_array_equal(likelihood(outputs).mean(), outputs)


@modes()
@every_kernel
def test_filtered_gaussian_value_and_gradient(wrap, kernel):
    """The published loss, at its alpha, and its gradient."""
    images, outputs = images_and_outputs(2, (3, 16, 12, 2))
    sigma, alpha = 0.1, 3969.0
    likelihood = FilteredGaussian(sigma, "linear", ARGUMENTS[kernel])
    value, gradient = value_and_gradient(
        wrap(lambda o: likelihood(o).log_prob(images)), tf.constant(outputs)
    )
    error = images - outputs.astype(np.float64)
    blur = blurred(error, KERNELS[kernel])
    energy = (error**2 + alpha * blur**2).sum(axis=(1, 2, 3))
    _, log_det = np.linalg.slogdet(precision_matrix(KERNELS[kernel], alpha, 16, 12))
    size = error[0].size
    constant = -size * math.log(sigma) - size / 2 * math.log(2 * math.pi) + 2 * log_det / 2
    np.testing.assert_allclose(value, constant - energy / (2 * sigma**2), rtol=1e-5)
    back = blurred(blur, KERNELS[kernel][::-1, ::-1])
    expected = (error + alpha * back) / sigma**2
    scale = np.abs(expected).max()
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6 * scale)


def test_blur_is_zero_padded_not_reflected():
    """A uniform difference counts less at the border, as in the paper's code."""
    ones = np.ones((1, 64, 64, 1))
    box = KERNELS["box"]
    energy = blur_form(tuple(map(tuple, box)), 1.0, 64, 64).energies(tf.ones((1, 64, 64)))
    zeros = (blurred(ones, box) ** 2).sum()
    reflected = (scipy.ndimage.convolve(ones[0, :, :, 0], box, mode="mirror") ** 2).sum()
    assert float(tf.reduce_sum(energy)) - 64**2 == pytest.approx(zeros, rel=1e-4)
    assert zeros < 0.7 * reflected


def test_both_ways_agree():
    """Two small matrices, or Fourier transforms and Cholesky, for the same kernel."""
    column, row = np.array([0.2, 0.5, 0.3]), np.array([0.1, 0.1, 0.5, 0.2, 0.1])
    small = SeparableBlur(column, row, 50.0, 9, 7)
    general = GeneralBlur(np.outer(column, row), 50.0, 9, 7)
    assert small.log_determinant == pytest.approx(general.log_determinant, rel=1e-12)
    images = tf.random.stateless_normal((4, 9, 7), (1, 2))
    sums = [tf.reduce_sum(one.energies(images), axis=[1, 2]) for one in (small, general)]
    np.testing.assert_allclose(*sums, rtol=1e-5)
    for one in (small, general):  # R' A R = I
        energies = tf.reduce_sum(one.energies(one.inverse_root(images)), axis=[1, 2])
        np.testing.assert_allclose(energies, tf.reduce_sum(images**2, axis=[1, 2]), rtol=1e-4)


def test_the_faster_way_is_chosen():
    def kind(kernel):
        rows = FilteredGaussian(kernel=kernel)._kernel_rows
        return type(blur_form(rows, 3969.0, 8, 8))

    assert kind("box") is kind("gaussian") is kind([1.0]) is kind(KERNELS["tall"]) is SeparableBlur
    assert kind(CORNER) is GeneralBlur


def test_without_alpha_or_with_one_pixel_it_is_a_gaussian():
    images, outputs = images_and_outputs(3)
    expected = Gaussian(scale=0.2)(outputs).log_prob(images)
    for arguments in ({"alpha": 0}, {"kernel": [1.0], "alpha": 1e-12}):
        p = FilteredGaussian(scale=0.2, **arguments)(outputs)
        np.testing.assert_allclose(p.log_prob(images), expected, rtol=1e-5)
    # |e|^2 + 3 |e|^2 = (2 |e|)^2: half the standard deviation
    half = FilteredGaussian(scale=0.2, kernel=[1.0], alpha=3)(outputs).log_prob(images)
    np.testing.assert_allclose(half, Gaussian(scale=0.1)(outputs).log_prob(images), rtol=1e-5)


def test_blur_orders_positions_that_pixels_do_not():
    """Squares that do not overlap: equally far apart by pixels, further by distance when blurred."""
    squares = np.zeros((4, 64, 64, 1), np.float32)
    for i, x in enumerate((4, 16, 28, 48)):
        squares[i, 28:36, x : x + 8] = 1
    first = tf.constant(np.repeat(squares[:1], 3, axis=0))
    flat_loss = Gaussian(activation="linear")(first).log_prob(squares[1:]).numpy()
    np.testing.assert_allclose(flat_loss, flat_loss[0], rtol=1e-6)
    for kernel in ("box", "gaussian"):
        likelihood = FilteredGaussian(activation="linear", kernel=kernel)
        assert (np.diff(likelihood(first).log_prob(squares[1:])) < 0).all()


def test_filtered_optimal_scale_is_the_most_probable():
    images, outputs = images_and_outputs(4)
    arguments = {"kernel": [0.25, 0.5, 0.25], "alpha": 9.0}
    best = FilteredGaussian("optimal", **arguments)(outputs).log_prob(images).numpy().mean()
    error = images - sigmoid(outputs.astype(np.float64))
    energy = error**2 + 9 * blurred(error, KERNELS["line"]) ** 2
    sigma = math.sqrt(energy.mean())
    at = [
        FilteredGaussian(factor * sigma, **arguments)(outputs).log_prob(images).numpy().mean()
        for factor in (0.9, 0.99, 1, 1.01, 1.1)
    ]
    assert best == pytest.approx(at[2], rel=1e-6)
    assert max(at[:2] + at[3:]) < best
    with pytest.raises(NotImplementedError, match='Use `mean\\(\\)`, or scale="learned"'):
        FilteredGaussian("optimal", **arguments)(outputs).sample(seed=1)


def test_filtered_learned_scale_rests_where_the_optimal_is():
    images, outputs = images_and_outputs(5)
    likelihood = FilteredGaussian("learned", kernel=[0.5, 1.0, 0.5], alpha=4.0)
    error = images - sigmoid(outputs.astype(np.float64))
    energy = error**2 + 4 * blurred(error, np.outer([0.5, 1, 0.5], [0.5, 1, 0.5])) ** 2
    likelihood.log_scale.assign(math.log(math.sqrt(energy.mean()) - FLOOR))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(likelihood(outputs).log_prob(images))
    assert float(tape.gradient(loss, likelihood.log_scale.value)) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("kernel", ["line", "corner"])
def test_filtered_samples_have_the_covariance(kernel):
    alpha, sigma = 20.0, 0.3
    likelihood = FilteredGaussian(sigma, "linear", ARGUMENTS[kernel], alpha)
    sample = likelihood(tf.fill((1, 3, 4, 1), 0.25)).sample(100_000, seed=1).numpy()
    covariance = sigma**2 * np.linalg.inv(precision_matrix(KERNELS[kernel], alpha, 3, 4))
    np.testing.assert_allclose(sample.mean(axis=0), 0.25, atol=0.005)
    np.testing.assert_allclose(np.cov(sample.reshape(-1, 12).T), covariance, atol=0.003)


def test_filtered_saturated_outputs_are_finite():
    outputs = np.resize([-1e4, -100, 0, 100, 1e4], (5, 8, 8, 1)).astype(np.float32)
    for scale in (1e-3, "learned", "optimal"):
        likelihood = FilteredGaussian(scale)
        for x in (0.0, 1.0):
            value, gradient = value_and_gradient(
                lambda o, x=x, f=likelihood: f(o).log_prob(tf.fill(o.shape, x)),
                tf.constant(outputs),
            )
            assert np.isfinite(value).all()
            assert np.isfinite(gradient).all()


def test_filtered_per_pixel_is_refused_with_the_reason():
    with pytest.raises(ValueError, match='"learned" or "optimal", because a blurred error belongs'):
        FilteredGaussian(scale="per_pixel")
    with pytest.raises(ValueError, match=r'number, "learned" or "optimal"\. Received: scale=-1'):
        FilteredGaussian(scale=-1)


@pytest.mark.parametrize(
    "kernel",
    ["boxes", None, 3, [], [1.0, 1.0], [[1.0, 2.0]], [math.nan], [0.0], [["a"]], [[1.0], [1.0, 2]]],
)
def test_wrong_kernel(kernel):
    with pytest.raises(ValueError, match=r'`kernel` must be "box", "gaussian", or.*kernel='):
        FilteredGaussian(kernel=kernel)


@pytest.mark.parametrize("alpha", [-1, math.nan, math.inf, "3", True, None])
def test_wrong_alpha(alpha):
    with pytest.raises(ValueError, match=r"`alpha` must be a number >= 0\. Received: alpha="):
        FilteredGaussian(alpha=alpha)


def test_kernel_of_high_rank_on_large_images_is_refused():
    with pytest.raises(ValueError, match=r"more than 4096 pixels.*rank 3, images of 64x65"):
        FilteredGaussian(kernel=CORNER)(tf.zeros((1, 64, 65, 1)))


def test_filtered_gaussian_asks_for_the_size():
    likelihood = FilteredGaussian()
    step = tf.function(likelihood, input_signature=[tf.TensorSpec((None, None, None, 1))])
    with pytest.raises(ValueError, match="Expected decoder outputs of known height and width"):
        step(tf.zeros((1, 8, 8, 1)))


@pytest.mark.parametrize(
    "text",
    [
        "laplace(scale='learned')",
        "filtered_gaussian(0.2, kernel='gaussian', alpha=100)",
        "filtered_gaussian(kernel=[0.25, 0.5, 0.25])",
        "filtered_gaussian(kernel=[[0, 1, 0], [1, 2, 1], [0, 1, 0]])",
        "discretized_logistic_mixture(components=2)",
    ],
)
def test_calls_as_text(text):
    likelihood = likelihoods.get(text)
    again = likelihoods.get(keras.saving.serialize_keras_object(likelihood))
    assert again.get_config() == likelihood.get_config()
    images, outputs = images_and_outputs(outputs_per_value=likelihood.outputs_per_value)
    np.testing.assert_array_equal(
        again(outputs).log_prob(images), likelihood(outputs).log_prob(images)
    )


# --- arguments -----------------------------------------------------------------------------


def test_wrong_activation():
    with pytest.raises(ValueError, match="Received: activation='relu'"):
        Gaussian(activation="relu")


def test_scale_is_a_plain_number():
    assert type(Gaussian(scale=np.float32(0.5)).get_config()["scale"]) is float
    assert type(Gaussian(scale=1).get_config()["scale"]) is float
