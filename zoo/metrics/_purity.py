"""Disentanglement and completeness of a table of importances."""

import numpy as np


def purities(weights: np.ndarray) -> np.ndarray:
    """One less the normalised entropy of each row; 0 for a row without any weight, 1 for one of a single entry.

        1 - H(w_j / sum_j w_j) / log(entries)

    Args:
        weights: `(rows, entries)`, >= 0.

    Example:
        >>> purities(np.array([[1.0, 1.0], [3.0, 0.0], [0.0, 0.0]])).tolist()
        [0.0, 1.0, 0.0]
    """
    totals = weights.sum(axis=1)
    shares = weights / np.where(totals > 0, totals, 1)[:, None]
    entropies = -np.sum(shares * np.log(np.where(shares > 0, shares, 1)), axis=1)
    most = np.log(weights.shape[1]) or 1.0
    return np.where(totals > 0, 1 - entropies / most, 0.0)


def weighted_purity(weights: np.ndarray) -> float:
    """The purities of rows, averaged with the rows' sums as weights; 0 where all are 0.

    Example:
        >>> weighted_purity(np.array([[1.0, 1.0], [3.0, 0.0], [0.0, 0.0]]))
        0.6
    """
    totals = weights.sum(axis=1)
    if not totals.any():
        return 0.0
    return float(np.average(purities(weights), weights=totals))
