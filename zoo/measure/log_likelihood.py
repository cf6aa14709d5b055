"""Marginal log-likelihood log p(x) by importance sampling and by annealed importance sampling."""

import dataclasses

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import datasets
from zoo.measure import evaluation
from zoo.measure.information import check_elbo
from zoo.utils.checks import check_integer

SAMPLES = 100
DRAWS = 5_000
BATCH_SIZE = 500


@dataclasses.dataclass(frozen=True)
class LogLikelihood:
    """Estimates of log p(x), in nats.

    The estimate of p(x) itself has no bias; that of log p(x) is below it on average, the less the smaller the
    standard error. Where `effective_samples` is near 1, one draw outweighs all others: the estimate is then far too
    low, and so is its standard error. Take more draws, or `annealed`.

    Attributes:
        values: log p(x) of each image, `(n,)`.
        standard_errors: of these values, by the draws, `(n,)`; infinite for a single draw, which does not tell how
            far another would be.
        effective_samples: how many draws of equal weight would do as well, 1 ... draws, `(n,)`.
        indices: which images these are, `(n,)`.
    """

    values: np.ndarray
    standard_errors: np.ndarray
    effective_samples: np.ndarray
    indices: np.ndarray

    @property
    def mean(self) -> float:
        """Mean of log p(x) over these images, in nats per image."""
        return float(self.values.mean())

    @property
    def standard_error(self) -> float:
        """Of `mean`, by the draws: how far it may be from the mean over these same images.

        Infinite for a single draw; `standard_error_of_images` then still holds.
        """
        return float(np.sqrt(np.sum(self.standard_errors**2)) / len(self.values))

    @property
    def standard_error_of_images(self) -> float:
        """Of `mean`, by the choice of the images as well: how far it may be from the mean over all of the dataset.

        Infinite for a single image.
        """
        count = len(self.values)
        return float(self.values.std(ddof=1) / np.sqrt(count)) if count > 1 else float("inf")


def importance_sampled(
    model,
    data,
    *,
    samples: int | None = SAMPLES,
    draws: int = DRAWS,
    seed: int = 0,
    batch_size: int = BATCH_SIZE,
    show_progress: bool = False,
) -> LogLikelihood:
    """Marginal log-likelihood by importance sampling from q(z|x).

        log p(x) ~ log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x),    z_k ~ q(z|x)

    On average this rises with K from the evidence lower bound, at K = 1, to log p(x).

    Args:
        model: a model of the zoo with q(z|x) and p(z) of continuous latents.
        data: anything that `zoo.datasets.load` takes.
        samples: how many images, drawn without replacement; None for all.
        draws: K; the papers take 50 or 5,000. Each is a pass through the decoder. 1 gives one draw of the evidence
            lower bound for each image, whose standard error is infinite: of the mean over images, see
            `standard_error_of_images`.
        seed: of all draws; the same seed and `batch_size` give the same numbers.
        batch_size: codes decoded at a time, which bounds the memory.
        show_progress: whether a progress bar is shown.

    Raises:
        ValueError: the model has no such latents, its log p(x|z) depends on the batch, or its images differ.

    Example:
        >>> import zoo
        >>> model = zoo.models.VAE((8, 8, 1), latent_dim=2, likelihood="continuous_bernoulli", seed=0)
        >>> found = importance_sampled(model, "digits", samples=3, draws=20)
        >>> found.values.shape, bool((found.standard_errors < 1).all())
        ((3,), True)

    Reference: Burda, Grosse & Salakhutdinov, Importance Weighted Autoencoders, 2016, equation 8.
    """
    check_integer("draws", draws, least=1)

    def log_weights(images, count, seed):
        posterior = model.encode(images)
        latents = posterior.sample(count, seed=seed)
        log_joint = _log_joint(model, images, latents)
        return log_joint - posterior.log_prob(latents)

    return _estimate(model, data, log_weights, samples, draws, seed, batch_size, show_progress)


def annealed(
    model,
    data,
    *,
    samples: int | None = 16,
    chains: int = 16,
    steps: int = 1_000,
    leapfrog_steps: int = 10,
    step_size: float = 0.3,
    start: str = "posterior",
    seed: int = 0,
    batch_size: int = BATCH_SIZE,
    show_progress: bool = False,
) -> LogLikelihood:
    """Marginal log-likelihood by annealed importance sampling: chains that walk from a start to p(z|x).

        f_t(z) = f_0(z)^(1 - b_t) (p(x|z) p(z))^(b_t),    b_t = t / steps
        log p(x) ~ log 1/C sum_c prod_t f_t(z_(t-1)) / f_(t-1)(z_(t-1)),    f_0 = q(z|x) or p(z)

    with Hamiltonian Monte Carlo as the moves. It needs no good q(z|x): where q(z|x) is far from p(z|x), and
    `importance_sampled` finds few effective samples, this still converges with more `steps`. Its cost is
    `chains * steps * (leapfrog_steps + 2)` passes through the decoder and back for each image.

    Args:
        model: as for `importance_sampled`.
        data: anything that `zoo.datasets.load` takes.
        samples: how many images, drawn without replacement; None for all.
        chains: C, at least 2, independent walks for each image.
        steps: of the annealing.
        leapfrog_steps: of each Hamiltonian move.
        step_size: of a leapfrog step, in standard deviations of q(z_j|x).
        start: f_0: `"posterior"` for q(z|x), which is nearer, or `"prior"` for p(z), as in the reference.
        seed: of all draws; the same seed and `batch_size` give the same numbers.
        batch_size: codes decoded at a time, which bounds the memory.
        show_progress: whether a progress bar is shown.

    Raises:
        ValueError: as for `importance_sampled`, or an argument is out of range.

    Example:
        >>> import zoo
        >>> model = zoo.models.VAE((8, 8, 1), latent_dim=2, likelihood="continuous_bernoulli", seed=0)
        >>> found = annealed(model, "digits", samples=2, chains=4, steps=5, leapfrog_steps=2)
        >>> found.values.shape, bool((found.standard_errors < 1).all())
        ((2,), True)

    Reference: Neal, Annealed Importance Sampling, 2001, equation 11; Wu et al., On the Quantitative Analysis of
        Decoder-Based Generative Models, 2017.
    """
    check_integer("chains", chains, least=2)
    check_integer("steps", steps, least=1)
    check_integer("leapfrog_steps", leapfrog_steps, least=1)
    if not 0 < step_size < float("inf"):
        raise ValueError(f"`step_size` must be > 0. Received: step_size={step_size!r}")
    if start not in ("posterior", "prior"):
        raise ValueError(f'`start` must be "posterior" or "prior". Received: start={start!r}')

    def log_weights(images, count, seed):
        posterior = model.encode(images)
        proposal = posterior if start == "posterior" else _repeated(model.prior, images)
        state_seed, chain_seed = tf.unstack(tf.random.split(seed))
        _, weights, _ = tfp.mcmc.sample_annealed_importance_chain(
            num_steps=steps,
            proposal_log_prob_fn=proposal.log_prob,
            target_log_prob_fn=lambda latents: _log_joint(model, images, latents),
            current_state=proposal.sample(count, seed=state_seed),
            make_kernel_fn=lambda log_prob: _Hamiltonian(
                log_prob,
                step_size=step_size * posterior.stddev(),
                num_leapfrog_steps=leapfrog_steps,
            ),
            seed=chain_seed,
        )
        return weights

    return _estimate(model, data, log_weights, samples, chains, seed, batch_size, show_progress)


class _Hamiltonian(tfp.mcmc.HamiltonianMonteCarlo):
    """Hamiltonian Monte Carlo for a density that changes from step to step.

    TFP's kernel keeps the log density of the state from the step before, which in annealing is that of another
    density: states would be accepted by a wrong ratio, and the weights biased.
    """

    def one_step(self, current_state, previous_kernel_results, seed=None):
        return super().one_step(current_state, self.bootstrap_results(current_state), seed=seed)


def _repeated(distribution, images):
    """A distribution for each of the images."""
    return tfp.distributions.BatchBroadcast(distribution, tf.shape(images)[:1])


def _log_joint(model, images: tf.Tensor, latents: tf.Tensor) -> tf.Tensor:
    """The log of p(x|z) p(z), `(draws, batch)`, of latents `(draws, batch, latent_dim)`."""
    draws, batch, latent_dim = tf.unstack(tf.shape(latents))
    flat = tf.reshape(latents, (-1, latents.shape[-1] or latent_dim))
    many = tf.tile(images, (draws, 1, 1, 1))
    log_likelihood = tf.reshape(model.decode(flat).log_prob(many), (draws, batch))
    return log_likelihood + model.prior.log_prob(latents)


def _estimate(
    model, data, log_weights, samples, draws: int, seed: int, batch_size: int, show_progress: bool
) -> LogLikelihood:
    """Means of weights over draws, with the images and the draws in batches."""
    check_integer("batch_size", batch_size, least=1)
    check_elbo(model)
    data = evaluation.matching(model, datasets.load(data))
    indices = evaluation.draw(len(data), samples, seed)
    _check_separable(model, _floats(data.images(indices[:1])))
    compiled = tf.function(log_weights, autograph=False, reduce_retracing=True)
    sizes = [min(batch_size, draws - first) for first in range(0, draws, batch_size)]
    parts = []
    for rows in evaluation.chunks(indices, max(1, batch_size // draws), show_progress):
        images = _floats(data.images(rows))
        weights = [
            compiled(images, tf.constant(size), _seed(seed, rows[0], number))
            for number, size in enumerate(sizes)
        ]
        parts.append(_mean_of_weights(np.concatenate(weights)))
    return LogLikelihood(*np.concatenate(parts, axis=1), indices)


def _floats(images: np.ndarray) -> tf.Tensor:
    scale = 255 if images.dtype == np.uint8 else 1
    return tf.constant(images / np.float32(scale))


def _seed(seed: int, image: int, number: int) -> tf.Tensor:
    """Two integers that depend on all three."""
    state = np.random.SeedSequence([seed, int(image), number]).generate_state(2)
    return tf.constant(state.view(np.int32))


def _mean_of_weights(log_weights: np.ndarray) -> np.ndarray:
    """Log of the mean weight, its standard error and the effective samples, `(3, batch)`.

    log w has the standard error SD(w) / (mean(w) sqrt(K)) by the delta method, infinite for K = 1; the effective
    samples are (sum w)^2 / sum w^2.
    """
    log_weights = log_weights.astype(np.float64)
    largest = log_weights.max(axis=0)
    weights = np.exp(log_weights - largest)
    mean = weights.mean(axis=0)
    deviation = weights.std(axis=0, ddof=1) if len(weights) > 1 else np.full_like(mean, np.inf)
    error = deviation / (mean * np.sqrt(len(weights)))
    effective = weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0)
    return np.stack([largest + np.log(mean), error, effective])


def _check_separable(model, image: tf.Tensor) -> None:
    """Raises `ValueError` if log p(x|z) of one image depends on what else is in the batch."""
    latents = model.prior.sample(2, seed=(0, 0))
    together = model.decode(latents).log_prob(tf.repeat(image, 2, axis=0))
    alone = model.decode(latents[:1]).log_prob(image)
    if not np.allclose(together[:1], alone, rtol=1e-3):
        raise ValueError(
            "Expected a likelihood whose log p(x|z) of an image does not depend on the rest of its batch. Received: "
            f'{type(model.likelihood).__name__} of which it does, as with scale="optimal". Load the weights into a '
            'model with a number or "learned" for the scale.'
        )
