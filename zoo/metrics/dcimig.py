"""DCIMIG: a gap for each latent, which a factor takes the best of."""

import numpy as np

from zoo.metrics import base


def dcimig(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    samples: int = 10_000,
    bins: int = 10,
) -> dict[str, float]:
    """DCIMIG: how much more does a latent know of its factor than of any other?

        gap_j  = I(z_j; v_a) - I(z_j; v_b)
        DCIMIG = sum_k max over latents j whose best factor is k of gap_j / sum_k H(v_k)

    with a and b the factors of which latent j knows most and second most. MIG compares latents for
    each factor; here factors are compared for each latent, so that two latents that both know of one
    factor alone cost nothing, and a factor that is no latent's best adds 0. Of equal factors the first
    is a latent's best.

    A latent is cut into equal-width bins between its extremes; factors keep their own values. With a
    single factor there is no second best, and the gap is all that is known. A factor of a single value
    is left out, with a `UserWarning`.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample; the same seed gives the same bits.
        samples: how many different rows are used; all of them where the table has no more.
        bins: how many bins a latent is cut into.

    Returns:
        `dcimig`, between 0 and 1.

    Raises:
        ValueError: an argument is not as described, or every factor has a single value.

    Example:
        >>> factors = np.indices((4, 5)).reshape(2, -1).T
        >>> round(dcimig(2.0 * factors, factors)["dcimig"], 6)
        1.0

    Reference:
        Sepliarskaia, Kiseleva and de Rijke 2019, "How to Not Measure Disentanglement" (first as
        "Evaluating Disentangled Representations"); 10 bins as in Carbonneau et al. 2022, "Measuring
        Disentanglement: A Review of Metrics".
    """
    binned, scored = base.binned_table(codes, factors, seed=seed, samples=samples, bins=bins)
    known = np.stack([base.mutual_information(binned, numbers) for numbers in scored])
    entropy = sum(base.entropy(numbers) for numbers in scored)
    best = known.argmax(axis=0)
    gaps = [base.top_gap(np.append(of_latent, 0.0)) for of_latent in known.T]
    largest = np.zeros(len(scored))
    np.maximum.at(largest, best, gaps)
    return {"dcimig": float(largest.sum() / entropy)}
