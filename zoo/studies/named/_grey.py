"""What images of grey values are worth under a density, and how far samples are from images."""

import numpy as np


def log_normalizer(logits: np.ndarray) -> np.ndarray:
    """What the Bernoulli formula lacks to be a density of grey values: log C, of any shape, in nats, at least log 2.

        p(x) = C s^x (1 - s)^(1 - x),    s = sigmoid(logit),    C = logit / tanh(logit / 2), and 2 at 0

    Example:
        >>> log_normalizer(np.array([-100.0, 0.0])).round(3)  # log 100, log 2
        array([4.605, 0.693])

    Reference: Loaiza-Ganem & Cunningham, The continuous Bernoulli, 2019, section 3, in logits.
    """
    size = np.abs(np.asarray(logits, np.float64))
    small = size < 1e-3
    safe = np.where(small, 1.0, size)
    return np.where(small, np.log(2) + size**2 / 12, np.log(safe / np.tanh(safe / 2)))


def bernoulli(logits: np.ndarray, images: np.ndarray) -> np.ndarray:
    """The Bernoulli formula, x logit - log(1 + exp(logit)), summed over each image, `(n,)`."""
    return _summed(images * logits - np.logaddexp(0, logits))


def continuous_bernoulli(logits: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Log density of a continuous Bernoulli, summed over each image, `(n,)`, in nats."""
    return bernoulli(logits, images) + _summed(log_normalizer(logits))


def _summed(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(pixels, np.float64).sum(axis=(1, 2, 3))


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance of two sets of images, by the means and covariances of their pixels; in squared grey values.

        |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2))

    Example:
        >>> images = np.random.default_rng(0).random((50, 2, 2, 1))
        >>> round(frechet(images, images), 6), round(frechet(images, images + 0.5), 6)  # 4 pixels, 0.5 apart
        (0.0, 1.0)

    Reference: Dowson & Landau, The Fréchet distance between multivariate normal distributions, 1982.
    """
    rows = [np.reshape(images, (len(images), -1)).astype(np.float64) for images in (a, b)]
    gap = rows[0].mean(axis=0) - rows[1].mean(axis=0)
    spread_a, spread_b = (np.cov(part, rowvar=False) for part in rows)
    values, vectors = np.linalg.eigh(spread_a)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    shared = np.linalg.eigvalsh(root @ spread_b @ root)
    common = np.sqrt(np.maximum(shared, 0)).sum()
    # Rounding may leave the least bit below 0.
    return max(0.0, float(gap @ gap + np.trace(spread_a) + np.trace(spread_b) - 2 * common))
