"""Log-likelihood: the exact one of linear-Gaussian models, bias, errors, and what is refused."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from zoo import models
from zoo.measure import log_likelihood
from zoo.measure.log_likelihood import annealed, importance_sampled

SHAPE = (4, 4, 1)
PIXELS, LATENTS, SCALE = 16, 2, 0.3


def linear_gaussian(posterior_scale=1.3, shift=0.1):
    """A model with p(x) = N(b, W W' + scale^2 I), whose q(z|x) is off by a shift and too wide or narrow."""
    generator = np.random.default_rng(0)
    weights = 0.4 * generator.normal(size=(LATENTS, PIXELS)).astype("float32")
    bias = np.full(PIXELS, 0.5, "float32")
    covariance = np.linalg.inv(np.eye(LATENTS) + weights @ weights.T / SCALE**2)
    to_mean = weights.T @ covariance / SCALE**2
    log_variance = 2 * np.log(posterior_scale * np.sqrt(np.diag(covariance)))
    encoder = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(2 * LATENTS)]
    )
    encoder.layers[-1].set_weights(
        [
            np.c_[to_mean, np.zeros_like(to_mean)],
            np.r_[shift - bias @ to_mean, log_variance],
        ]
    )
    decoder = keras.Sequential(
        [keras.Input((LATENTS,)), keras.layers.Dense(PIXELS), keras.layers.Reshape(SHAPE)]
    )
    decoder.layers[0].set_weights([weights, bias])
    model = models.VAE(
        SHAPE,
        LATENTS,
        likelihood=f'gaussian(scale={SCALE}, activation="linear")',
        encoder=encoder,
        decoder=decoder,
        seed=0,
    )
    return model, stats.multivariate_normal(bias, weights.T @ weights + SCALE**2 * np.eye(PIXELS))


def images(count=6, seed=0):
    return np.random.default_rng(seed).uniform(size=(count, *SHAPE)).astype("float32")


def exact(density, some):
    return np.atleast_1d(density.logpdf(some.reshape(len(some), -1)))


def test_importance_sampling_finds_the_exact_value():
    model, density = linear_gaussian()
    found = importance_sampled(model, images(20), draws=500)
    errors = (found.values - exact(density, images(20))) / found.standard_errors
    assert (found.standard_errors < 0.1).all()
    assert np.abs(errors).max() < 3.5
    assert 0.6 < np.sqrt(np.mean(errors**2)) < 1.5
    assert abs(found.mean - exact(density, images(20)).mean()) < 3 * found.standard_error


def test_exact_posterior_needs_two_draws():
    """Of one latent q(z|x) = p(z|x): all weights are p(x)."""
    model, density = linear_gaussian(posterior_scale=1.0, shift=0.0)
    weights = model.decoder.layers[0].get_weights()
    weights[0][1] = 0.0  # the second latent does nothing: q(z|x) is a product again
    model.decoder.layers[0].set_weights(weights)
    covariance = np.diag([1 / (1 + weights[0][0] @ weights[0][0] / SCALE**2), 1.0])
    to_mean = weights[0].T @ covariance / SCALE**2
    model.encoder.layers[-1].set_weights(
        [
            np.c_[to_mean, np.zeros_like(to_mean)].astype("float32"),
            np.r_[-weights[1] @ to_mean, np.log(np.diag(covariance))].astype("float32"),
        ]
    )
    density = stats.multivariate_normal(
        weights[1], weights[0].T @ weights[0] + SCALE**2 * np.eye(PIXELS)
    )
    found = importance_sampled(model, images(), draws=2)
    np.testing.assert_allclose(found.values, exact(density, images()), atol=1e-3)
    np.testing.assert_allclose(found.effective_samples, 2, atol=1e-4)
    assert found.standard_error < 1e-3


def test_more_draws_rise_from_the_bound_to_the_exact_value():
    model, density = linear_gaussian(posterior_scale=1.5, shift=0.3)
    some = np.repeat(images(1), 400, axis=0)
    means = [importance_sampled(model, some, samples=None, draws=k).mean for k in (2, 10, 100)]
    assert means[0] < means[1] < means[2] < exact(density, some)[0] + 0.02
    terms = model.elbo_terms(np.repeat(images(1), 2000, axis=0), seed=(0, 1))
    elbo = -float(tf.reduce_mean(terms.reconstruction + terms.kl))
    assert elbo < means[0] - 0.05


def test_one_draw_gives_the_bound():
    """IWAE's K = 1: the ELBO on average over images, whose spread alone tells how far off the mean is."""
    model, _ = linear_gaussian(posterior_scale=1.5, shift=0.3)
    some = np.repeat(images(1), 2000, axis=0)
    found = importance_sampled(model, some, samples=None, draws=1)
    terms = model.elbo_terms(some, seed=(0, 1))
    bounds = -(terms.reconstruction + terms.kl).numpy()
    error = np.hypot(found.standard_error_of_images, bounds.std() / math.sqrt(len(bounds)))
    assert error < 0.2
    assert abs(found.mean - bounds.mean()) < 3.5 * error
    assert np.isinf(found.standard_errors).all()
    assert np.isinf(found.standard_error)
    np.testing.assert_allclose(found.effective_samples, 1)


@pytest.mark.parametrize("start", ["posterior", "prior"])
def test_annealing_finds_the_exact_value(start):
    model, density = linear_gaussian(posterior_scale=0.7, shift=0.2)
    found = annealed(
        model, images(), chains=100, steps=60, leapfrog_steps=4, start=start, step_size=0.7
    )
    errors = (found.values - exact(density, images())) / found.standard_errors
    assert (found.standard_errors < 0.2).all()
    assert np.abs(errors).max() < 3.5


def test_annealed_weights_have_no_bias_even_in_few_steps():
    """E[weight] = p(x) for any number of steps, which holds only if each move leaves its density alone."""
    model, density = linear_gaussian(posterior_scale=1.5, shift=0.3)
    found = annealed(
        model,
        images(1),
        chains=20_000,
        steps=10,
        leapfrog_steps=3,
        batch_size=20_000,
        step_size=0.5,
    )
    assert found.standard_error < 0.01
    assert abs(found.mean - exact(density, images(1))[0]) < 3.5 * found.standard_error


def test_annealing_mends_a_bad_posterior():
    """A q(z|x) five standard deviations off: few effective draws, but chains that walk find the mass."""
    model, density = linear_gaussian(posterior_scale=0.5, shift=0.8)
    sampled = importance_sampled(model, images(2), draws=200)
    walked = annealed(model, images(2), chains=50, steps=200, leapfrog_steps=5, step_size=0.7)
    value = exact(density, images(2))
    assert np.abs(walked.values - value).max() < 0.3 * np.abs(sampled.values - value).min()
    assert walked.effective_samples.min() > sampled.effective_samples.max()


def test_seed_and_image_decide():
    model, _ = linear_gaussian()
    state = model.seed_generator.state.numpy().copy()
    for function, more in (
        (importance_sampled, {"draws": 20}),
        (annealed, {"steps": 3, "chains": 4}),
    ):
        first = function(model, images(), seed=1, **more)
        np.testing.assert_array_equal(
            first.values, function(model, images(), seed=1, **more).values
        )
        assert (first.values != function(model, images(), seed=2, **more).values).all()
        # Equal images have draws of their own.
        same = function(model, np.repeat(images(1), 3, axis=0), **more)
        assert len(set(same.values)) == 3
    np.testing.assert_array_equal(model.seed_generator.state.numpy(), state)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 5000])
def test_batches_bound_what_is_decoded(batch_size):
    model, density = linear_gaussian()
    largest = []
    decode = model.decode

    def watched(latents, training=False):
        tf.py_function(lambda n: largest.append(int(n)), [tf.shape(latents)[0]], [])
        return decode(latents, training)

    model.decode = watched
    found = importance_sampled(model, images(3), draws=64, batch_size=batch_size)
    assert max(largest) <= max(batch_size, 2)
    assert sum(largest) >= 3 * 64
    errors = (found.values - exact(density, images(3))) / found.standard_errors
    assert np.abs(errors).max() < 4


def test_errors_and_effective_samples_by_hand():
    weights = np.array([[1.0, 2.0], [3.0, 2.0]])
    value, error, effective = log_likelihood._mean_of_weights(np.log(weights) - 700)
    np.testing.assert_allclose(value, math.log(2) - 700)
    np.testing.assert_allclose(error, [math.sqrt(2) / 2 / math.sqrt(2), 0], atol=1e-12)
    np.testing.assert_allclose(effective, [16 / 10, 2])


def test_standard_errors_of_the_mean():
    found = log_likelihood.LogLikelihood(
        values=np.array([1.0, 3.0]),
        standard_errors=np.array([0.3, 0.4]),
        effective_samples=np.array([5.0, 5.0]),
        indices=np.arange(2),
    )
    assert found.mean == 2
    assert found.standard_error == pytest.approx(0.25)
    assert found.standard_error_of_images == pytest.approx(1)


def test_bytes_are_scaled():
    model, _ = linear_gaussian()
    as_bytes = np.round(images() * 255).astype("uint8")
    np.testing.assert_allclose(
        importance_sampled(model, as_bytes, draws=20).values,
        importance_sampled(model, as_bytes / np.float32(255), draws=20).values,
        rtol=1e-5,
    )


def test_what_is_refused():
    some = np.zeros((4, 8, 8, 1), "float32")
    with pytest.raises(ValueError, match=r"evidence lower bound.*Autoencoder, which"):
        importance_sampled(models.Autoencoder((8, 8, 1), 3), some)
    optimal = models.VAE((8, 8, 1), 3, likelihood='gaussian(scale="optimal")', seed=0)
    for function in (importance_sampled, annealed):
        with pytest.raises(ValueError, match=r"does not depend on the rest of its batch.*Gaussian"):
            function(optimal, some)
    model, _ = linear_gaussian()
    with pytest.raises(ValueError, match=r"images of shape \(4, 4, 1\)"):
        importance_sampled(model, "digits")
    for name in ("chains", "steps", "leapfrog_steps"):
        with pytest.raises(ValueError, match=f"`{name}` must be an integer"):
            annealed(model, images(), **{name: 0})
    with pytest.raises(ValueError, match=r"`draws` must be an integer >= 1"):
        importance_sampled(model, images(), draws=0)
    with pytest.raises(ValueError, match=r"`step_size` must be > 0. Received: step_size=0"):
        annealed(model, images(), step_size=0)
    with pytest.raises(ValueError, match='`start` must be "posterior" or "prior"'):
        annealed(model, images(), start="nowhere")
