"""FactorVAE score."""

from collections.abc import Iterator

import numpy as np

from zoo.metrics import base
from zoo.utils.checks import check_integer

_CHUNK = 2**22  # numbers gathered at once: 32 MiB


def factor_vae_score(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    batch_size: int = 64,
    train_votes: int = 10_000,
    test_votes: int = 5_000,
    variance_samples: int = 10_000,
    min_std: float = 0.05,
) -> dict[str, float]:
    """FactorVAE score: does the latent that varies least tell which factor was held fixed?

        vote(batch) = argmin_j Var_batch[z_j] / Var[z_j],    a batch shares one value of one factor
        score       = share of test votes whose factor is the commonest among the training votes
                      for the same latent

    A vote draws a factor, then one of its values, then `batch_size` rows that have it; each
    uniformly, rows **with replacement**, as the published procedure draws images, so that small
    groups vote too. A value seen in one row cannot vote, as every variance of its batch is zero. A
    factor with a single value, or with no value seen twice, is not scored. A `UserWarning` tells of
    both, and of a single factor to score: every vote is then right.

    A latent whose standard deviation is below `min_std` is pruned: it cannot be the arg min. The
    unpruned score, from the same votes, leaves out only what is constant, where the ratio would be
    0/0. With no latent left a score is 0.0. Equal ratios go to the first latent, equal counts to
    the first factor.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the draws; the same seed gives the same bits.
        batch_size: rows of a vote.
        train_votes: votes that make the classifier.
        test_votes: further votes that score it.
        variance_samples: different rows that give Var[z_j]; all where the table has no more.
        min_std: least standard deviation of an active latent, in the units of the codes.

    Returns:
        `factor_vae_score` and `factor_vae_score_unpruned`, accuracies between 0 and 1 (chance:
        about 1 in the number of factors), and `active_dimensions`, how many latents were not
        pruned.

    Raises:
        ValueError: an argument is not as described, or no factor can be scored.

    Example:
        >>> factors = np.indices((4, 5, 6)).reshape(3, -1).T
        >>> factor_vae_score(2.0 * factors, factors)
        {'factor_vae_score': 1.0, 'factor_vae_score_unpruned': 1.0, 'active_dimensions': 3.0}

    Reference:
        Kim and Mnih 2018, "Disentangling by Factorising", section 4; numbers of votes and the
        pruning as in Locatello et al. 2019, "Challenging Common Assumptions".
    """
    codes, factors = base.check_table(codes, factors)
    check_integer("batch_size", batch_size, least=2)
    check_integer("variance_samples", variance_samples, least=2)
    check_integer("train_votes", train_votes, least=1)
    check_integer("test_votes", test_votes, least=1)
    base.check_number("min_std", min_std)
    groups = base.repeated_groups(factors)
    base.warn_of_one(groups)
    generator = base.random_generator(seed)
    variance = _variance(codes[base.sample_rows(generator, len(codes), variance_samples)])
    active = (variance > 0) & (np.sqrt(variance) >= min_std)
    masks = np.stack([active, variance > 0])
    fixed = generator.integers(len(groups), size=train_votes + test_votes)
    winners = _votes(generator, codes, groups, masks, variance, fixed, batch_size)
    pruned, unpruned = (
        _accuracy(fixed, winner, train_votes) if mask.any() else 0.0
        for winner, mask in zip(winners, masks, strict=True)
    )
    return {
        "factor_vae_score": pruned,
        "factor_vae_score_unpruned": unpruned,
        "active_dimensions": float(active.sum()),
    }


factor_vae_score.least_factors = 2


def _variance(codes: np.ndarray) -> np.ndarray:
    """Variance over the last axis but one; shifted first, so that equal rows give exactly 0."""
    shifted = np.subtract(codes, codes[..., :1, :], dtype=np.float64)
    return shifted.var(axis=-2, ddof=1)


def _votes(
    generator: np.random.Generator,
    codes: np.ndarray,
    groups: list[base.Groups],
    masks: np.ndarray,
    variance: np.ndarray,
    fixed: np.ndarray,
    batch_size: int,
) -> np.ndarray:
    """For each mask and vote the latent of least variance ratio, `(masks, votes)`."""
    winners = []
    for rows in _batches(generator, fixed, groups, batch_size, codes.shape[1]):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = _variance(codes[rows]) / variance
        winners.append([np.where(mask, ratio, np.inf).argmin(axis=1) for mask in masks])
    return np.concatenate(winners, axis=1)


def _batches(
    generator: np.random.Generator,
    fixed: np.ndarray,
    groups: list[base.Groups],
    batch_size: int,
    latents: int,
) -> Iterator[np.ndarray]:
    """Row numbers of the votes, `(some votes, batch_size)` at a time."""
    chunk = max(1, _CHUNK // (batch_size * latents))
    for start in range(0, len(fixed), chunk):
        factor = fixed[start : start + chunk]
        rows = np.empty((len(factor), batch_size), np.intp)
        for number, group in enumerate(groups):
            mine = factor == number
            value = generator.integers(len(group.values), size=(np.sum(mine), 1))
            within = generator.integers(group.sizes[value], size=(len(value), batch_size))
            rows[mine] = group.rows[group.starts[value] + within]
        yield rows


def _accuracy(fixed: np.ndarray, winner: np.ndarray, train_votes: int) -> float:
    """Share of the votes after the first `train_votes` that a majority of those predicts."""
    counts = np.zeros((winner.max() + 1, fixed.max() + 1), np.int64)
    np.add.at(counts, (winner[:train_votes], fixed[:train_votes]), 1)
    predicted = counts.argmax(axis=1)[winner[train_votes:]]
    return float(np.mean(predicted == fixed[train_votes:]))
