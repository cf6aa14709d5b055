"""Mutual information gap."""

import numpy as np

from zoo.metrics import base


def mig(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    samples: int = 10_000,
    bins: int = 20,
) -> dict[str, float]:
    """Mutual information gap: how much more the best latent knows of a factor than the second best.

        MIG = mean_k (I(z_a; v_k) - I(z_b; v_k)) / H(v_k)

    with a and b the latents of largest and second largest mutual information with factor v_k. A
    latent is cut into equal-width bins between its extremes. A factor keeps its own values, so that
    where it has more values than `bins` even a perfect code stays below 1, near log(bins) /
    log(values): 0.81 for 40 values in 20 bins.

    With a single latent the second best knows nothing. A factor of a single value has no entropy
    and is left out, with a `UserWarning`. Mutual information is estimated from shares of the rows,
    which for few rows is biased upwards; the gap, a difference, much less.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample; the same seed gives the same bits.
        samples: how many different rows are used; all of them where the table has no more.
        bins: how many bins a latent is cut into.

    Returns:
        `mig`, between 0 and 1.

    Raises:
        ValueError: an argument is not as described, or every factor has a single value.

    Example:
        >>> factors = np.indices((4, 5)).reshape(2, -1).T
        >>> round(mig(2.0 * factors, factors)["mig"], 6)
        1.0

    Reference:
        Chen et al. 2018, "Isolating Sources of Disentanglement in VAEs", equation 6; from means in
        20 bins, as in Locatello et al. 2019, "Challenging Common Assumptions". Chen et al. take
        samples of q(z|x) and no bins: `mig_posterior`.
    """
    binned, scored = base.binned_table(codes, factors, seed=seed, samples=samples, bins=bins)
    gaps = [_gap(binned, numbers) for numbers in scored]
    return {"mig": float(np.mean(gaps))}


def _gap(binned: np.ndarray, numbers: np.ndarray) -> float:
    """(I1 - I2) / H of one factor."""
    information = np.append(base.mutual_information(binned, numbers), 0.0)
    return base.top_gap(information) / base.entropy(numbers)
