"""What codes carry: the KL divergence taken apart, and mutual information with factors."""

import dataclasses
import math
import warnings
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import datasets
from zoo.measure import evaluation
from zoo.measure._estimates import Estimate, Estimates, estimate, estimates
from zoo.measure._mixture import aggregate_log_densities
from zoo.metrics import base
from zoo.utils.checks import check_integer, is_number

tfd = tfp.distributions

DRAWS = 1_000
SATURATED = 0.1  # nats of `KLParts.excess`, from which on there is a warning


@dataclasses.dataclass(frozen=True)
class KLParts:
    """The mean KL divergence of q(z|x) to p(z), and the three parts that it is the sum of, in nats.

    Standard errors of `kl` and `latent_kl` are those by the choice of the images, as a random part of many: of the
    images themselves these two are exact. All others are those by the draws, for q(z) of these N images.

    Mutual information is cut off at log N, and total correlation is too large by what it lacks: no standard error
    shows that, `excess` does. Where I(x; z) over all images is above log N - 4 or so, take more images.

    Attributes:
        kl: E_x KL(q(z|x) || p(z)).
        mutual_information: I(x; z), between image and latents; at most log N.
        total_correlation: KL(q(z) || prod_j q(z_j)), how far the latents are from independent.
        dimension_wise_kl: sum_j KL(q(z_j) || p(z_j)).
        latent_kl: E_x KL(q(z_j|x) || p(z_j)) of each latent.
        latent_dimension_wise_kl: KL(q(z_j) || p(z_j)) of each latent.
        images: N, how many posteriors make q(z).
        excess: at most so much, on average, is the total correlation above that over all images, of which these are
            a random part, and the mutual information below: about twice as much as it is while it is below a nat.
    """

    kl: Estimate
    mutual_information: Estimate
    total_correlation: Estimate
    dimension_wise_kl: Estimate
    latent_kl: Estimates
    latent_dimension_wise_kl: Estimates
    images: int
    excess: float


def kl_parts(
    model,
    data,
    *,
    samples: int | None = evaluation.SAMPLES,
    draws: int | None = DRAWS,
    batch_size: int = evaluation.BATCH_SIZE,
    seed: int = 0,
) -> KLParts:
    """Takes the KL divergence of a model apart: mutual information, total correlation, dimension-wise KL.

        E_x KL(q(z|x) || p(z)) = I(x; z) + KL(q(z) || prod_j q(z_j)) + sum_j KL(q(z_j) || p(z_j))

    with the aggregate posterior q(z) = 1/N sum_i q(z|x_i) over all N images: minibatch-weighted sampling whose
    batch is the whole set, which has no bias for this set of images. Of more images than `samples`, a random
    part stands for all; then I(x; z) is cut off at log `samples`, 9.6 nats of 15,000, and the total correlation is
    too large by what I(x; z) lacks. See `KLParts.excess`, and the warning where it is above 0.1 nats.

    Args:
        model: a model of the zoo with Gaussian q(z|x) and p(z).
        data: anything that `zoo.datasets.load` takes.
        samples: N, how many images; None for all. Time grows with `samples` times `draws`: 10,000 times 1,000
            with ten latents take about a second.
        draws: at how many points of q(z), each from another image, the densities are taken; None for N.
        batch_size: images encoded at a time.
        seed: of all draws; the same seed gives the same numbers.

    Warns:
        UserWarning: N is too small for I(x; z).

    Raises:
        ValueError: the model has no KL divergence or other latents than Gaussian ones, or its images differ.

    Example:
        >>> import zoo
        >>> parts = kl_parts(zoo.models.VAE((8, 8, 1), seed=0), "digits", samples=200)
        >>> total = parts.mutual_information.value + parts.total_correlation.value + parts.dimension_wise_kl.value
        >>> bool(np.isclose(parts.kl.value, total))
        True

    Reference: Chen et al., Isolating Sources of Disentanglement in VAEs, 2018, equation 2 and appendix C.1.
    """
    means, log_variances, are_all = _posteriors(model, data, samples, batch_size, seed)
    parts = _parts(means, log_variances, draws, seed)
    _warn_if_saturated(parts, are_all)
    return parts


def blurred_kl_parts(
    model,
    data,
    *,
    blurs: Sequence[float] = (0.0, 0.1, 0.3),
    samples: int | None = evaluation.SAMPLES,
    draws: int | None = DRAWS,
    batch_size: int = evaluation.BATCH_SIZE,
    seed: int = 0,
) -> dict[float, KLParts]:
    """`kl_parts` of codes of less detail: with noise of `blur` standard deviations of each latent added to it.

        z_j + blur s_j e_j,    e_j ~ N(0, 1),    s_j the standard deviation of z_j over q(z)

    A blur of 0 is `kl_parts`. Noise that is independent of all else can only lower mutual information and total
    correlation (data processing), so what is left at 0.3, say, lies in differences that are coarser than about a third
    of a standard deviation. That is what a discriminator or a histogram sees, and what is left of codes that are
    kept with few bits. Blurred codes also need fewer images: see `KLParts.excess`.

    Args:
        model: a model of the zoo with Gaussian q(z|x) and p(z).
        data: anything that `zoo.datasets.load` takes.
        blurs: in standard deviations of each latent, >= 0; one or more.
        samples: N, how many images, encoded once; None for all.
        draws: at how many points of q(z) the densities are taken, once for each blur; None for N.
        batch_size: images encoded at a time.
        seed: of all draws; the same seed gives the same numbers.

    Returns:
        `KLParts` by blur, of q(z|x) with the noise in it.

    Warns:
        UserWarning: N is too small for I(x; z) at the least blur.

    Raises:
        ValueError: as of `kl_parts`, or a blur is no number >= 0.

    Example:
        >>> import zoo
        >>> model = zoo.models.VAE((8, 8, 1), seed=0)
        >>> parts = blurred_kl_parts(model, "digits", blurs=(0, 1), samples=200)
        >>> parts[1].mutual_information.value < parts[0].mutual_information.value
        True

    Reference: Cover & Thomas, Elements of Information Theory, 2006, theorem 2.8.1 for the inequality.
    """
    blurs = _checked_blurs(blurs)
    means, log_variances, are_all = _posteriors(model, data, samples, batch_size, seed)
    found = {
        blur: _parts(means, _blurred(means, log_variances, blur), draws, seed) for blur in blurs
    }
    _warn_if_saturated(found[min(blurs)], are_all)
    return found


def gaussian_kl_parts(
    means: np.ndarray, log_variances: np.ndarray, *, draws: int | None = DRAWS, seed: int = 0
) -> KLParts:
    """`kl_parts` of a table of posteriors N(mean, exp(log_variance)) against p(z) = N(0, I).

        I(x; z)           = -E[log q(z)] - E_x[H(q(z|x))]        + b E[c]
        total correlation = E[log q(z)] - sum_j E[log q(z_j)]
        dimension-wise    = sum_j E[log q(z_j)] - E_q(z)[log p(z)]  - b E[c]
        excess            = -E[log(1 - q(z|x) / (N q(z)))],    z ~ q(z|x)

    The entropies H and the expectation of log p(z) are exact. The control variate c = log p(z) - E_q(z)[log p(z)] has
    mean 0, and b is what makes the variance of the mutual information least: about 1 where q(z) is near p(z), as a
    VAE makes it, which then leaves next to none. The excess is what log q(z) rises by because the posterior that z
    was drawn from is one of the N: without it, I(x; z) is too large on average, with it, too small.

    Args:
        means: `(N, latents)`.
        log_variances: `(N, latents)`.
        draws: at how many points of q(z), each from another posterior, the densities are taken; None for N.
        seed: of the draws.

    Warns:
        UserWarning: N is too small for I(x; z).

    Raises:
        ValueError: the tables are no finite numbers of one shape, or there are fewer than two posteriors or draws.

    Example:
        >>> means = 0.5**0.5 * np.random.default_rng(0).normal(size=(5000, 2))
        >>> parts = gaussian_kl_parts(means, np.full_like(means, np.log(0.5)))
        >>> abs(parts.total_correlation.value) < 0.02, round(parts.mutual_information.value, 1)  # 0, log 2
        (True, 0.7)

    Reference: Hoffman & Johnson, ELBO surgery, 2016, equation 3; Chen et al. 2018, equation 2; Poole et al., On
        Variational Bounds of Mutual Information, 2019, section 2.4 for the two bounds that `excess` lies between.
    """
    parts = _parts(means, log_variances, draws, seed)
    _warn_if_saturated(parts, are_all=False)
    return parts


def _parts(means: np.ndarray, log_variances: np.ndarray, draws: int | None, seed: int) -> KLParts:
    means, log_variances = _checked(means, log_variances)
    count = len(means) if draws is None else check_integer("draws", draws, least=2)
    generator = np.random.default_rng(seed)
    rows = base.sample_rows(generator, len(means), count)
    noise = generator.normal(size=(len(rows), means.shape[1]))
    latents = means[rows] + np.exp(0.5 * log_variances[rows]) * noise
    joint, marginals = aggregate_log_densities(latents, means, log_variances)
    entropies = 0.5 * (np.log(2 * np.pi) + 1 + log_variances)
    cross_entropies = 0.5 * (np.log(2 * np.pi) + means**2 + np.exp(log_variances))
    divergences = cross_entropies - entropies
    entropy, cross_entropy = entropies.mean(axis=0), cross_entropies.mean(axis=0)
    own = -0.5 * (np.log(2 * np.pi) + log_variances[rows] + noise**2).sum(axis=1)
    control = cross_entropy - 0.5 * (np.log(2 * np.pi) + latents**2)
    control *= _slope(joint, control.sum(axis=1))
    latent_dimension_wise = marginals + cross_entropy - control
    return KLParts(
        kl=estimate(divergences.sum(axis=1)),
        mutual_information=estimate(control.sum(axis=1) - joint - entropy.sum()),
        total_correlation=estimate(joint - marginals.sum(axis=1)),
        dimension_wise_kl=estimate(latent_dimension_wise.sum(axis=1)),
        latent_kl=estimates(divergences),
        latent_dimension_wise_kl=estimates(latent_dimension_wise),
        images=len(means),
        excess=_excess(own, joint, len(means)),
    )


def _excess(own: np.ndarray, joint: np.ndarray, images: int) -> float:
    """Mean of -log(1 - share), the share of q(z|x) / N in q(z); float32 sums tell no share from 1 - 1e-6."""
    share = np.exp(np.minimum(own - joint - np.log(images), np.log1p(-1e-6)))
    return float(-np.log1p(-share).mean())


def _warn_if_saturated(parts: KLParts, are_all: bool) -> None:
    if parts.excess <= SATURATED:
        return
    remedy = (
        "These are all images of the dataset: the numbers hold for q(z) of them alone."
        if are_all
        else "Take more images, samples=None for all."
    )
    warnings.warn(
        f"I(x; z) of N = {parts.images} images is cut off at log N = {np.log(parts.images):.3g} nats. Found: "
        f"{parts.mutual_information}. It is too small, and the total correlation, {parts.total_correlation}, too "
        f"large by as much: up to {parts.excess:.2g} nats, or more where I(x; z) is log N. {remedy}",
        UserWarning,
        stacklevel=3,
    )


def mutual_information_matrix(
    codes: np.ndarray, factors: np.ndarray, *, bins: int = 20
) -> np.ndarray:
    """Mutual information of each factor with each latent, for a heat map: `zoo.plots.heat_map`.

        I(z_j; v_k) = sum p(z_j, v_k) log(p(z_j, v_k) / (p(z_j) p(v_k))),    p: shares of the rows

    A latent is cut into equal-width bins between its extremes; a factor keeps its values.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        bins: how many bins a latent is cut into.

    Returns:
        `(factors, latents)`, in nats.

    Raises:
        ValueError: an argument is not as described.

    Example:
        >>> factors = np.indices((4, 4)).reshape(2, -1).T
        >>> mutual_information_matrix(factors[:, ::-1], factors).round(3)  # log 4 = 1.386
        array([[0.   , 1.386],
               [1.386, 0.   ]])
    """
    codes, factors = base.check_table(codes, factors)
    check_integer("bins", bins, least=1)
    binned = base.bin_codes(codes, bins)
    numbers = (base.number_values(column)[1] for column in factors.T)
    return np.stack([base.mutual_information(binned, number) for number in numbers])


def check_elbo(model) -> None:
    """Raises `ValueError` unless the model has q(z|x) and p(z) of continuous latents."""
    name = type(model).__name__
    if not model.has_elbo:
        raise ValueError(
            f"Expected a model with an evidence lower bound, that is with q(z|x) and p(z). Received: {name}, which "
            "has none. Score its codes: zoo.evaluate."
        )
    if model.categories:
        raise ValueError(
            f"Expected a model whose latents are all continuous. Received: {name} with categories="
            f"{model.categories}, whose q(z|x) has no density."
        )


def _posteriors(model, data, samples: int | None, batch_size: int, seed: int):
    """Means and log variances of q(z|x), and whether of all images.

    They are in units in which p(z) is N(0, I): that changes no divergence.
    """
    check_elbo(model)
    data = evaluation.matching(model, datasets.load(data))
    indices = evaluation.draw(len(data), samples, seed)
    check_integer("batch_size", batch_size, least=1)
    prior = _normals(model, "p(z)", model.prior)

    def of(images):
        posterior = _normals(model, "q(z|x)", model.encode(images))
        mean = (posterior.loc - prior.loc) / prior.scale
        return mean, 2 * tf.math.log(posterior.scale / prior.scale)

    compiled = tf.function(of, autograph=False, reduce_retracing=True)
    parts = [compiled(data.images(rows)) for rows in evaluation.chunks(indices, batch_size, False)]
    means, log_variances = (np.concatenate(column) for column in zip(*parts, strict=True))
    return means, log_variances, len(indices) == len(data)


def _checked_blurs(blurs: Sequence[float]) -> list[float]:
    given = list(blurs) if isinstance(blurs, Iterable) else [blurs]
    if not given or not all(is_number(blur) and 0 <= blur < math.inf for blur in given):
        raise ValueError(f"Expected `blurs`: one number >= 0 or more. Received: blurs={blurs!r}")
    return [float(blur) for blur in given]


def _blurred(means: np.ndarray, log_variances: np.ndarray, blur: float) -> np.ndarray:
    """Log variances with those of the noise in them."""
    if blur == 0:
        return log_variances
    variances = np.exp(log_variances.astype(np.float64))
    of_all = means.var(axis=0, dtype=np.float64) + variances.mean(axis=0)
    return np.log(variances + blur**2 * of_all)


def _normals(model, what: str, distribution: tfd.Distribution) -> tfd.Normal:
    """The normal distributions of the single latents."""
    latents = getattr(distribution, "distribution", None)
    if isinstance(distribution, tfd.Independent) and isinstance(latents, tfd.Normal):
        return latents
    found = type(distribution if latents is None else latents).__name__
    raise ValueError(
        f"Expected independent normal latents. Received: {type(model).__name__}, whose {what} is {found}."
    )


def _checked(means: np.ndarray, log_variances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    means, log_variances = (np.asarray(x, np.float64) for x in (means, log_variances))
    if means.ndim != 2 or means.shape != log_variances.shape or len(means) < 2:
        raise ValueError(
            "Expected `means` and `log_variances` of one shape (N, latents), N >= 2. "
            f"Received: shapes {means.shape} and {log_variances.shape}."
        )
    for name, table in (("means", means), ("log_variances", log_variances)):
        if not np.isfinite(table).all():
            row, latent = np.argwhere(~np.isfinite(table))[0]
            raise ValueError(
                f"Expected finite `{name}`. Received: {table[row, latent]} in row {row}, latent {latent}. "
                "Check the model that made them."
            )
    return means, log_variances


def _slope(y: np.ndarray, x: np.ndarray) -> float:
    """Of the least-squares line of y over x; 0 where x is constant."""
    x = x - x.mean()
    return float(x @ y / max(x @ x, np.finfo(np.float64).tiny))
