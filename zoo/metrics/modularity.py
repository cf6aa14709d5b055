"""Modularity."""

import numpy as np

from zoo.metrics import base


def modularity(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    samples: int = 10_000,
    bins: int = 20,
) -> dict[str, float]:
    """Modularity: does each latent know of one factor only?

        m_j = 1 - sum_{k != a} I(z_j; v_k)^2 / (I(z_j; v_a)^2 (factors - 1)),    a: factor of largest I
        modularity = mean_j m_j

    A latent is cut into equal-width bins between its extremes; factors keep their own values. A
    dead latent, which knows of no factor at all (I = 0), counts as 0, as published; the mean over
    the others is given as well. A latent of noise is not dead: from few rows it seems to know a
    little of every factor, most of that with most values. With a single factor a latent that is
    not dead has 1, and there is a `UserWarning`.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample; the same seed gives the same bits.
        samples: how many different rows are used; all of them where the table has no more.
        bins: how many bins a latent is cut into.

    Returns:
        `modularity`, in which dead latents count as 0; `modularity_live`, the mean over the others,
        0 if there are none; both between 0 and 1.

    Raises:
        ValueError: an argument is not as described, or every factor has a single value.

    Example:
        >>> factors = np.indices((4, 5)).reshape(2, -1).T
        >>> codes = np.concatenate([2.0 * factors, np.zeros((20, 2))], axis=1)
        >>> modularity(codes, factors)
        {'modularity': 0.5, 'modularity_live': 1.0}

    Reference:
        Ridgeway and Mozer 2018, "Learning Deep Disentangled Embeddings with the F-Statistic Loss",
        section 3; bins and rows as in Locatello et al. 2019, "Challenging Common Assumptions".
    """
    binned, scored = base.binned_table(codes, factors, seed=seed, samples=samples, bins=bins)
    base.warn_of_one(scored)
    information = [base.mutual_information(binned, numbers) for numbers in scored]
    scores = _modularities(np.stack(information, axis=1))
    live = np.max(information, axis=0) > 0
    return {
        "modularity": float(scores.mean()),
        "modularity_live": float(scores[live].mean()) if live.any() else 0.0,
    }


modularity.least_factors = 2


def _modularities(information: np.ndarray) -> np.ndarray:
    """Of each latent, from `(latents, factors)` mutual information; 0 for a dead one."""
    squares = information**2
    largest = squares.max(axis=1)
    others = squares.sum(axis=1) - largest
    template = largest * max(squares.shape[1] - 1, 1)
    return np.where(largest > 0, 1 - others / np.where(largest > 0, template, 1), 0.0)
