"""How much of each factor a single latent tells."""

import numpy as np

from zoo.metrics import base


def shares_told(codes: np.ndarray, factors: np.ndarray, *, bins: int = 20) -> np.ndarray:
    """Mutual information of each factor with each latent, as a share of the factor's entropy.

    Args:
        codes: `(n, latents)`; a latent is cut into equal-width bins between its extremes.
        factors: `(n, factors)`, whole numbers.
        bins: how many bins.

    Returns:
        `(factors, latents)`, in [0, 1]; 0 for a factor that does not vary.

    Example:
        >>> factors = np.indices((4, 4)).reshape(2, -1).T
        >>> shares_told(factors[:, ::-1], factors).round(3)
        array([[0., 1.],
               [1., 0.]])
    """
    codes, factors = base.check_table(codes, factors)
    binned = base.bin_codes(codes, bins)
    return np.stack([_told(binned, base.number_values(column)[1]) for column in factors.T])


def _told(binned: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    shares = np.bincount(numbers) / len(numbers)
    entropy = -(shares[shares > 0] * np.log(shares[shares > 0])).sum()
    return base.mutual_information(binned, numbers) / max(entropy, 1e-12)
