"""From columns of numbers to how much one tells of another: bins, mutual information, correlation."""

import numpy as np
from scipy import special


def bin_codes(codes: np.ndarray, bins: int) -> np.ndarray:
    """Numbers of equal-width bins between the least and the greatest code of each latent.

    A bin holds its lower edge, the last one both edges. A constant latent falls into one bin.

    Args:
        codes: `(n, latents)`.
        bins: how many bins a latent has.

    Returns:
        `(n, latents)`, whole numbers in 0..bins-1.

    Example:
        >>> bin_codes(np.array([[0.0], [0.9], [1.0], [2.0]]), bins=2).ravel()
        array([0, 0, 1, 1])
    """
    codes = codes.astype(np.float64)
    edges = np.linspace(codes.min(axis=0), codes.max(axis=0), bins + 1)[1:-1]
    columns = zip(edges.T, codes.T, strict=True)
    return np.stack([np.searchsorted(edge, code, side="right") for edge, code in columns], axis=1)


def mutual_information(binned: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Mutual information of each column with one discrete variable, in nats.

        I(a; b) = sum_ab p(a, b) log(p(a, b) / (p(a) p(b))),    p: shares of the rows

    Args:
        binned: `(n, columns)`, whole numbers >= 0, such as `bin_codes` makes.
        numbers: `(n,)`, whole numbers >= 0, such as `number_values` makes.

    Returns:
        `(columns,)`, in nats; of a variable with its own copy, the entropy.

    Example:
        >>> coin = np.array([0, 0, 1, 1])
        >>> mutual_information(coin[:, None], coin) / np.log(2)
        array([1.])
    """
    rows, columns = binned.shape
    shape = (columns, int(binned.max()) + 1, int(numbers.max()) + 1)
    cell = (np.arange(columns) * shape[1] + binned) * shape[2] + numbers[:, None]
    joint = np.bincount(cell.ravel(), minlength=np.prod(shape)).reshape(shape).astype(np.float64)
    # Counts, not shares: their products are exact, so that independence gives 0.0 and not 1e-17.
    independent = joint.sum(axis=2, keepdims=True) * joint.sum(axis=1, keepdims=True)
    return special.rel_entr(rows * joint, independent).sum(axis=(1, 2)) / rows**2


def entropy(numbers: np.ndarray) -> float:
    """Entropy of a discrete variable, in nats: what it tells of its own copy.

    Args:
        numbers: `(n,)`, whole numbers >= 0.

    Example:
        >>> round(entropy(np.array([0, 0, 1, 1])), 4)
        0.6931
    """
    return float(mutual_information(numbers[:, None], numbers)[0])


def concentration(weights: np.ndarray) -> np.ndarray:
    """How much of each row's weight is in its largest entry: 0 if spread evenly, 1 if alone.

        (max_j w_j / sum_j w_j - 1/n) / (1 - 1/n),    n entries

    A row without any weight has 0; a single entry with some weight 1.

    Args:
        weights: `(rows, n)`, >= 0.

    Example:
        >>> concentration(np.array([[1.0, 1.0], [3.0, 1.0], [2.0, 0.0], [0.0, 0.0]]))
        array([0. , 0.5, 1. , 0. ])
    """
    entries = weights.shape[1]
    total = weights.sum(axis=1)
    if entries <= 1:
        return (total > 0).astype(np.float64)
    largest = weights.max(axis=1) / np.where(total > 0, total, 1)
    return np.where(total > 0, (largest - 1 / entries) / (1 - 1 / entries), 0.0)


def top_gap(scores: np.ndarray) -> float:
    """The largest of some scores less the second largest.

    Example:
        >>> top_gap(np.array([1.0, 4.0, 2.5]))
        1.5
    """
    second, first = np.sort(scores)[-2:]
    return float(first - second)


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation of two columns `(n,)`; 0 where one of them is constant.

    Example:
        >>> pearson(np.array([1, 2, 3]), np.array([2, 4, 6])), pearson(np.ones(3), np.arange(3))
        (1.0, 0.0)
    """
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def rounded(distances: np.ndarray) -> np.ndarray:
    """Distances as whole numbers of 1/8192 of the largest, so that ranks take equal ones as equal.

    What rounding in float32 sets apart, or a factor that is no binary fraction, is closer than that.

    Args:
        distances: of any shape.

    Example:
        >>> rounded(np.array([0.1 + 0.2, 0.3, 0.6]))
        array([4096., 4096., 8192.])
    """
    return np.round(distances / (np.abs(distances).max() or 1.0) * 8192)
