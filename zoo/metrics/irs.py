"""Interventional robustness score."""

import numpy as np

from zoo.metrics import base
from zoo.utils.checks import check_fraction, check_integer


def irs(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    samples: int = 10_000,
    quantile: float = 0.99,
) -> dict[str, float]:
    """IRS: does a latent stay where it is while one factor is held and all others change?

        D_jk = mean over values v of factor k of Q(|z_j - E[z_j | v]|; v),    Q: quantile in the group
        IRS  = sum_j w_j max_k (1 - D_jk / M_j),    M_j = max |z_j - E[z_j]|,    w_j ~ M_j

    with weights w that add to 1. Factors keep their own values. The largest deviation of a latent
    grows with the number of rows and the 99th percentile does not, so that noise scores well above
    0: near 0.35 for Gaussian noise in 10,000 rows.

    A value seen in one row has no deviation and does not count. A factor with a single value, or
    with no value seen twice, is not scored. A `UserWarning` tells of both. Constant latents have no
    weight; if all are constant the score is 0.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample; the same seed gives the same bits.
        samples: how many different rows are used; all of them where the table has no more.
        quantile: of the deviations in a group, between 0 and 1; 1 is the paper's maximum.

    Returns:
        `irs`, between 0 and 1.

    Raises:
        ValueError: an argument is not as described, or no factor can be scored.

    Example:
        >>> factors = np.indices((4, 5)).reshape(2, -1).T
        >>> irs(2.0 * factors, factors)
        {'irs': 1.0}

    Reference:
        Suter et al. 2019, "Robustly Disentangled Causal Mechanisms", section 4; quantile and rows
        as in Locatello et al. 2019, "Challenging Common Assumptions".
    """
    codes, factors = base.check_table(codes, factors)
    check_integer("samples", samples, least=2)
    check_fraction("quantile", quantile)
    rows = base.sample_rows(base.random_generator(seed), len(codes), samples)
    groups = base.repeated_groups(factors[rows])
    codes = codes[rows].astype(np.float64)
    codes -= codes[0]  # equal codes are exactly 0 from here on, and so are their deviations
    largest = np.abs(codes - codes.mean(axis=0)).max(axis=0)
    live = largest > 0
    if not live.any():
        return {"irs": 0.0}
    deviations = np.stack([_deviations(codes[:, live], group, quantile) for group in groups])
    robust = 1 - deviations.min(axis=0) / largest[live]
    return {"irs": float(np.average(robust, weights=largest[live]))}


def _deviations(codes: np.ndarray, groups: base.Groups, quantile: float) -> np.ndarray:
    """For each latent the mean over a factor's values of the quantile of deviations, `(latents,)`."""
    found = []
    for start, size in zip(groups.starts, groups.sizes, strict=True):
        group = codes[groups.rows[start : start + size]]
        away = np.abs(group - group.mean(axis=0))
        found.append(np.quantile(away, quantile, axis=0))
    return np.mean(found, axis=0)
