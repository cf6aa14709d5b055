"""Factors that are not independent: how probable their values are together, and draws that follow it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

CAUSES = 1000  # steps of the midpoint rule over a hidden cause


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

    Example:
        >>> of_hidden_cause((2, 2), (0, 1), strength=0.5).logs.argmax(axis=1)
        array([0, 1])
    """
    columns = tuple(sorted(columns))
    causes = (np.arange(CAUSES) + 0.5) / CAUSES
    logs = np.zeros((CAUSES, *(1 for _ in columns)))
    for place, column in enumerate(columns):
        of_factor = -((scaled(sizes[column]) - causes[:, None]) ** 2) / (2 * strength**2)
        shape = [CAUSES, *(1 for _ in columns)]
        shape[1 + place] = -1
        logs = logs + of_factor.reshape(shape)
    largest = logs.max(axis=0)
    return Correlation(columns, largest + np.log(np.exp(logs - largest).mean(axis=0)))


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
    """Draws numbers of rows by their weights, as TensorFlow operations.

    Args:
        weights: `(n,)`, >= 0, not all 0.
    """

    def __init__(self, weights: np.ndarray):
        with tf.device("CPU:0"):  # a tensor, so that graphs refer to it and do not copy it
            self._edges = tf.constant(np.cumsum(weights, dtype=np.float64))

    def __call__(self, count: int, key: tf.Tensor) -> tf.Tensor:
        """`count` rows, int64, that depend on the key alone."""
        uniform = tf.random.stateless_uniform([count], key, dtype=tf.float64, alg="philox")
        return _row_of(self._edges, uniform)


def _row_of(edges: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Where on the cumulated weights `(n,)` the shares `uniform` `(count,)` of their sum lie."""
    rows = tf.searchsorted(edges, uniform * edges[-1], side="right", out_type=tf.int64)
    return tf.minimum(rows, tf.shape(edges, tf.int64)[0] - 1)


class PairDraws:
    """Draws the correlated factors of pairs: the first by p, what changes by p given what stays.

    Args:
        correlations: of the factors.
        differ: whether a factor that changes must take another value.
    """

    def __init__(self, correlations: Iterable[Correlation], differ: bool):
        self.differ = differ
        self.parts = []
        for columns, logs in joined(correlations):
            logs = logs - logs.max()
            with tf.device("CPU:0"):
                table = tf.constant(logs)
            self.parts.append((columns, table, Draws(np.exp(logs).ravel())))

    def __call__(
        self, first: tf.Tensor, second: tf.Tensor, changed: tf.Tensor, key: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Factors of first and second images, in which those that are correlated are drawn anew.

        Args:
            first: int64, `(pairs, factors)`, drawn as if factors were independent.
            second: the same of the second images.
            changed: which factors were chosen to change, bool of the same shape.
            key: two integers, on which alone the draws depend.
        """
        first, second = tf.unstack(first, axis=1), tf.unstack(second, axis=1)
        for number, (columns, table, draws) in enumerate(self.parts):
            of_first, of_second = tf.unstack(tf.random.split(tf.random.fold_in(key, number), 2))
            start = _levels(draws(changed.shape[0], of_first), table.shape)
            moves = tf.gather(changed, columns, axis=1)
            uniform = tf.random.stateless_uniform(
                [changed.shape[0]], of_second, dtype=tf.float64, alg="philox"
            )
            end = tf.map_fn(
                lambda pair, table=table: self._moved(table, *pair),
                (start, moves, uniform),
                fn_output_signature=tf.TensorSpec([len(columns)], tf.int64),
            )
            for place, column in enumerate(columns):
                first[column], second[column] = start[:, place], end[:, place]
        return tf.stack(first, axis=1), tf.stack(second, axis=1)

    def _moved(self, table, start, moves, uniform) -> tf.Tensor:
        """The factors of one second image, `(columns,)`: by p among those that share with `start` all that stays."""
        levels = []
        for axis, size in enumerate(table.shape):
            values = tf.range(size, dtype=tf.int64)
            same = values == start[axis]
            others = ~same if self.differ else tf.ones_like(same)
            levels.append(tf.boolean_mask(values, tf.where(moves[axis], others, same)))
            table = tf.gather(table, levels[-1], axis=axis)
        edges = tf.cumsum(tf.exp(tf.reshape(table - tf.reduce_max(table), [-1])))
        place = _levels(_row_of(edges, uniform[None]), tf.shape(table, tf.int64))[0]
        return tf.stack([tf.gather(of, place[axis]) for axis, of in enumerate(levels)])


def _levels(cells: tf.Tensor, sizes) -> tf.Tensor:
    """The value of each factor in some combinations `(n,)`, counted with the last factor fastest: `(n, factors)`."""
    return tf.transpose(tf.unravel_index(cells, tf.cast(sizes, tf.int64)))
