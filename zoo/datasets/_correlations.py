"""Factors that are not independent: how probable their values are together, and draws that follow it."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy import special

from zoo.datasets import _random


class Correlation(NamedTuple):
    """How some factors hang together.

    Attributes:
        columns: of the factors, rising.
        logs: log probability of their values, but for a constant, float64, a size for each column.
    """

    columns: tuple[int, ...]
    logs: np.ndarray


def scaled(size: int) -> np.ndarray:
    """The values of a factor from 0 to 1, `(size,)`."""
    return np.arange(size) / (size - 1)


def of_two(
    sizes: Sequence[int], one: int, other: int, strength: float, rising: bool
) -> Correlation:
    """Log p(f1, f2) = -(f1 - f2)^2 / (2 strength^2), or of f1 and 1 - f2 where they do not rise together.

    Example:
        >>> of_two((2, 3), 0, 1, strength=0.5, rising=True).logs
        array([[-0. , -0.5, -2. ],
               [-2. , -0.5, -0. ]])
    """
    low, high = sorted((one, other))
    second = scaled(sizes[high])
    apart = scaled(sizes[low])[:, None] - (second if rising else 1 - second)
    return Correlation((low, high), -(apart**2) / (2 * strength**2))


def of_hidden_cause(sizes: Sequence[int], columns: Iterable[int], strength: float) -> Correlation:
    """Log of the integral over c from 0 to 1 of the product of exp(-(f_k - c)^2 / (2 strength^2)).

    The product is exp(-(sum_k (f_k - m)^2 + n (c - m)^2) / (2 strength^2)), m the mean of the n factors: a bell in c,
    whose integral is a difference of error functions.

    Example:
        >>> of_hidden_cause((2, 2), (0, 1), strength=0.5).logs.argmax(axis=1)
        array([0, 1])
    """
    columns = tuple(sorted(columns))
    count = len(columns)
    values = np.meshgrid(*(scaled(sizes[column]) for column in columns), indexing="ij", sparse=True)
    mean = sum(values) / count
    apart = sum((value - mean) ** 2 for value in values)
    rate = math.sqrt(count / 2) / strength
    below_one = special.erf(rate * (1 - mean)) + special.erf(rate * mean)
    width = math.log(math.sqrt(math.pi) / (2 * rate))
    return Correlation(columns, -apart / (2 * strength**2) + np.log(below_one) + width)


def weights(factors: np.ndarray, correlations: Iterable[Correlation]) -> np.ndarray:
    """How probable images of some factors are, `(n,)`, the most probable 1.

    Args:
        factors: `(n, factors)`.
        correlations: of the factors.
    """
    logs = np.zeros(len(factors))
    for columns, table in correlations:
        logs += table[tuple(factors[:, list(columns)].T)]
    return np.exp(logs - logs.max())


def joined(correlations: Iterable[Correlation]) -> list[Correlation]:
    """The same probabilities as correlations that have no factor in common.

    Example:
        >>> pairs = [of_two((2, 2, 2, 2), *columns, 0.5, True) for columns in ((0, 1), (1, 3))]
        >>> [part.columns for part in joined(pairs)]
        [(0, 1, 3)]
    """
    parts: list[Correlation] = []
    for correlation in correlations:
        apart = [part for part in parts if not set(part.columns) & set(correlation.columns)]
        together = [part for part in parts if set(part.columns) & set(correlation.columns)]
        parts = [*apart, _product([*together, correlation])]
    return parts


def _product(parts: list[Correlation]) -> Correlation:
    columns = tuple(sorted({column for part in parts for column in part.columns}))
    total = np.zeros(())
    for part in parts:
        sizes = dict(zip(part.columns, part.logs.shape, strict=True))
        total = total + part.logs.reshape([sizes.get(column, 1) for column in columns])
    return Correlation(columns, total)


class Draws:
    """Draws numbers of rows by their weights, as TensorFlow operations, alike by every compiler.

    Args:
        weights: `(n,)`, >= 0, not all 0.
    """

    def __init__(self, weights: np.ndarray):
        edges = np.cumsum(weights, dtype=np.float64)
        # In blocks, since compilers look at every entry of what they search.
        width = math.isqrt(len(edges)) + 1
        blocks = np.full((len(edges) // width + 1, width), np.inf)
        blocks.flat[: len(edges)] = edges
        self._last, self._total = len(edges) - 1, edges[-1]
        with tf.device("CPU:0"):  # a tensor, so that graphs refer to it and do not copy it
            self._blocks = tf.constant(blocks)

    def __call__(self, count: int, key: tf.Tensor) -> tf.Tensor:
        """`count` rows, int64, that depend on the key alone."""
        shares = _random.uniform_of_64_bits([count], key) * self._total
        how = {"side": "right", "out_type": tf.int64}
        block = tf.searchsorted(self._blocks[:, -1], shares, **how)
        place = tf.searchsorted(tf.gather(self._blocks, block), shares[:, None], **how)[:, 0]
        return tf.minimum(block * self._blocks.shape[1] + place, self._last)


def batch_draws(data, batch_size: int, seed: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from the number of a batch to the indices of its images, drawn by the correlations of a dataset.

    Args:
        data: the dataset.
        batch_size: indices.
        seed: integer >= 0.
    """
    draws = Draws(weights(data.factors(np.arange(len(data))), data.correlations))
    return lambda step: draws(batch_size, tf.stack([tf.constant(seed, tf.int64), step]))
