"""Densities of an equal mixture of many Gaussians, such as the aggregate posterior."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from zoo.utils import hardware

_BLOCK = 2**19  # pairs of a draw and a posterior at once: arrays of 2 MiB stay in the cache
_POSTERIORS = 2**13  # of them at most, so that what is taken of each serves several draws


def aggregate_log_densities(
    latents: np.ndarray, means: np.ndarray, log_variances: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Log densities: log q(z) `(draws,)` and log q(z_j) `(draws, latents)` of an equal mixture of Gaussians, in nats.

    Every point is compared with every Gaussian, block by block, on all cores; memory does not grow with either.

    Args:
        latents: points, `(draws, latents)`.
        means: `(N, latents)`.
        log_variances: `(N, latents)`.

    Example:
        >>> joint, marginals = aggregate_log_densities(np.zeros((1, 2)), np.zeros((3, 2)), np.zeros((3, 2)))
        >>> joint.round(3), marginals.round(3)  # -log(2 pi), and twice half of it
        (array([-1.838]), array([[-0.919, -0.919]]))
    """
    posteriors = min(len(means), _BLOCK, _POSTERIORS)
    points = max(1, _BLOCK // posteriors)

    def of_points(start: int) -> np.ndarray:
        some = latents[start : start + points]
        total = np.full((latents.shape[1] + 1, len(some)), -np.inf)
        for first in range(0, len(means), posteriors):
            part = slice(first, first + posteriors)
            sums = _log_sums(some, means[part], log_variances[part])
            total = np.logaddexp(total, sums)
        return total

    with ThreadPoolExecutor(hardware.cores()) as pool:
        found = list(pool.map(of_points, range(0, len(latents), points)))
    total = np.concatenate(found, axis=1) - np.log(len(means))
    return total[-1], total[:-1].T


def _log_sums(latents: np.ndarray, means: np.ndarray, log_variances: np.ndarray) -> np.ndarray:
    """Log of the sums over Gaussians of each latent's density, and of their product in the last row."""
    joint = np.zeros((len(latents), len(means)), np.float32)
    sums = []
    for z, mean, log_variance in zip(latents.T, means.T, log_variances.T, strict=True):
        # Subtracted before it is rounded: a narrow Gaussian far from 0 keeps its place.
        density = (z[:, None] - mean).astype(np.float32)
        density *= np.exp(-0.5 * log_variance).astype(np.float32)
        density *= density
        density += (log_variance + np.log(2 * np.pi)).astype(np.float32)
        density *= np.float32(-0.5)
        joint += density
        sums.append(_log_sum_exp(density))
    return np.stack([*sums, _log_sum_exp(joint)])


def _log_sum_exp(densities: np.ndarray) -> np.ndarray:
    """Log-sum-exp over the last axis; overwrites its argument."""
    largest = densities.max(axis=1, keepdims=True)
    densities -= largest
    np.exp(densities, out=densities)
    return largest[:, 0] + np.log(densities.sum(axis=1, dtype=np.float64))
