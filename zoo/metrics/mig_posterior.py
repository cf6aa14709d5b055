"""Mutual information gap of samples of q(z|x)."""

from collections.abc import Sequence

import numpy as np

from zoo.metrics import base
from zoo.utils.checks import check_integer

_CHUNK = 2**20  # densities at once: 8 MiB
LARGEST_LOG_VARIANCE = 100.0


def mig_posterior(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    samples: int = 10_000,
    without: Sequence[int] = (),
    log_variances: np.ndarray | float | None = None,
    jobs: int = 1,
) -> dict[str, float]:
    """Mutual information gap from samples of q(z|x): what Chen et al. and their code call MIG.

        MIG        = mean_k (I(z_a; v_k) - I(z_b; v_k)) / H(v_k)
        I(z_j; v)  = H(z_j) - sum_v p(v) H(z_j | v),    an I below 0 counts as 0
        H(z_j)     = -E log q(z_j),    q(z_j) = mean over rows n of N(z_j; mean_nj, variance_nj)

    with the two latents of largest information, and H(z_j | v) the same over the rows that have the
    value. The mixtures q are exact, over all rows given; the expectations are means over `samples`
    rows' samples of q(z|x), in each mixture anew, or over all its rows where these are fewer. `mig`
    is another number: it takes means of q(z|x), which know more than samples do, and bins.

    As published: all images of the grid (`samples=None` of `zoo.evaluate`), and for 2D Shapes without
    the shape, `without=[0]`. From few rows H(z_j | v) is too low, and the information too large. The
    time grows with rows times samples: 15,000 rows take some 30 seconds, a grid of 737,280 needs hours.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the samples; the same seed gives the same bits.
        samples: of each mixture, at most.
        without: columns of factors that are left out.
        log_variances: log variances of q(z|x), `(n, latents)`, or one number for all, from -100 to
            100. `zoo.evaluate` passes those of the model, if its q(z|x) is Gaussian.
        jobs: processes; does not change the scores.

    Returns:
        `mig_posterior`, between 0 and 1 but for sampling error.

    Raises:
        ValueError: an argument is not as described or missing, or every factor has a single value.

    Example:
        >>> factors = np.indices((4, 5)).reshape(2, -1).T.repeat(20, axis=0)
        >>> mig_posterior(2.0 * factors, factors, log_variances=-6.0)["mig_posterior"] > 0.99
        True

    Reference:
        Chen et al. 2018, "Isolating Sources of Disentanglement in VAEs", section 4.1 and appendix C;
        number of samples and the factors that are left out as in the authors' code.
    """
    codes, factors = base.check_table(codes, factors)
    check_integer("samples", samples, least=1)
    kept = _kept(without, factors.shape[1])
    spread = _log_variances(log_variances, codes)
    scored = list(base.scored_factors(factors, kept).values())
    generator = base.random_generator(seed)
    means = codes.astype(np.float64)
    drawn = means + np.exp(spread / 2) * generator.normal(size=means.shape)
    mixtures = [(np.arange(len(codes)),)] + [_groups(numbers) for numbers in scored]
    drawn_rows = [
        [base.sample_rows(generator, len(rows), samples) for rows in part] for part in mixtures
    ]
    tasks = [
        (latent, spread[:, number], drawn[:, number], mixtures, drawn_rows)
        for number, latent in enumerate(means.T)
    ]
    entropies = np.stack(base.each(_entropies, tasks, [1] * len(tasks), jobs), axis=1)
    information = np.maximum(entropies[0] - entropies[1:], 0.0)
    gaps = [
        base.top_gap(np.append(known, 0.0)) / base.entropy(numbers)
        for known, numbers in zip(information, scored, strict=True)
    ]
    return {"mig_posterior": float(np.mean(gaps))}


def _kept(without: Sequence[int], factors: int) -> list[int]:
    """The columns of factors that are not left out."""
    if isinstance(without, str) or not isinstance(without, Sequence | np.ndarray):
        raise ValueError(
            f"`without` must be a list of columns of factors. Received: without={without!r}"
        )
    left_out = {check_integer("without", column, 0, factors - 1) for column in without}
    kept = [column for column in range(factors) if column not in left_out]
    if not kept:
        raise ValueError(f"Expected a factor that is not left out. Received: without={without!r}")
    return kept


def _log_variances(log_variances: np.ndarray | float | None, codes: np.ndarray) -> np.ndarray:
    """`(n, latents)` in float64, checked."""
    if log_variances is None:
        raise ValueError(
            "Expected `log_variances` of q(z|x), of which samples are drawn. Received: none. `zoo.evaluate` passes "
            "those of a model whose latents are all Gaussian; of another one take `mig`."
        )
    given = np.asarray(log_variances)
    if given.dtype.kind not in "fiu" or given.shape not in ((), codes.shape):
        raise ValueError(
            f"`log_variances` must be numbers of shape {codes.shape}, or a single number. "
            f"Received: shape {given.shape}, dtype {given.dtype}"
        )
    largest = float(np.abs(given).max())
    if not largest <= LARGEST_LOG_VARIANCE:  # nor NaN
        raise ValueError(
            f"`log_variances` must be from -{LARGEST_LOG_VARIANCE:g} to {LARGEST_LOG_VARIANCE:g}. "
            f"Received: one of size {largest:g}. Check the model that made them."
        )
    return np.broadcast_to(given.astype(np.float64), codes.shape)


def _groups(numbers: np.ndarray) -> tuple[np.ndarray, ...]:
    """The rows of each value of one factor."""
    groups = base.group_rows(numbers)
    return tuple(np.split(groups.rows, groups.starts[1:]))


def _entropies(
    means: np.ndarray,
    log_variances: np.ndarray,
    drawn: np.ndarray,
    mixtures: list[tuple[np.ndarray, ...]],
    drawn_rows: list[list[np.ndarray]],
) -> np.ndarray:
    """H(z) of one latent, then H(z | v) of each factor, in nats."""
    found = np.zeros(len(mixtures))
    for number, (parts, chosen) in enumerate(zip(mixtures, drawn_rows, strict=True)):
        for rows, some in zip(parts, chosen, strict=True):
            entropy = _cross_entropy(drawn[rows[some]], means[rows], log_variances[rows])
            found[number] += len(rows) / len(means) * entropy
    return found


def _cross_entropy(drawn: np.ndarray, means: np.ndarray, log_variances: np.ndarray) -> float:
    """-mean over `drawn` of the log density of an even mixture of Gaussians, in nats."""
    precision, half = np.exp(-log_variances / 2), log_variances / 2
    total, chunk = 0.0, max(1, _CHUNK // len(means))
    for start in range(0, len(drawn), chunk):
        logs = (drawn[start : start + chunk, None] - means) * precision
        logs *= logs
        logs *= -0.5
        logs -= half
        largest = logs.max(axis=1)
        logs -= largest[:, None]
        total += float(np.sum(largest + np.log(np.exp(logs, out=logs).sum(axis=1))))
    return 0.5 * np.log(2 * np.pi) + np.log(len(means)) - total / len(drawn)
