"""Pairs whose factors are not independent: the first images by p, what changes by p given what stays."""

import itertools
import math
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from zoo.datasets import _random
from zoo.datasets._correlations import Correlation, Draws, joined

AT_ONCE = 2**22  # probabilities, of so many pairs


class PairDraws:
    """Draws the correlated factors of pairs: the first by p, what changes by p given what stays.

    Args:
        correlations: of the factors.
        differ: whether a factor that changes must take another value.
        most: how many factors change at most.
        compiled: whether for a compiler, which knows no sizes that depend on values. It draws alike, but looks at all
            factors that could change.
    """

    def __init__(
        self, correlations: Iterable[Correlation], differ: bool, most: int, compiled: bool
    ):
        self.differ, self.most = differ, most
        self._second = self._of_all if compiled else self._of_each
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
            of_first, of_second = _random.parted(key, number)
            start = _levels(draws(changed.shape[0], of_first), table.shape)
            moves = tf.gather(changed, columns, axis=1)
            uniform = _random.uniform_of_64_bits([changed.shape[0]], of_second)
            end = self._second(table, start, moves, uniform)
            for place, column in enumerate(columns):
                first[column], second[column] = start[:, place], end[:, place]
        return tf.stack(first, axis=1), tf.stack(second, axis=1)

    def _of_each(self, table, start, moves, uniform) -> tf.Tensor:
        """The factors of second images, `(pairs, columns)`, one after another."""
        return tf.map_fn(
            lambda pair: self._moved(table, *pair),
            (start, moves, uniform),
            fn_output_signature=tf.TensorSpec([len(table.shape)], tf.int64),
        )

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
        row = tf.searchsorted(edges, uniform[None] * edges[-1], side="right", out_type=tf.int64)
        row = tf.minimum(row, tf.shape(edges, tf.int64)[0] - 1)
        place = _levels(row, [tf.shape(of, tf.int64)[0] for of in levels])[0]
        return tf.stack([tf.gather(of, place[axis]) for axis, of in enumerate(levels)])

    def _of_all(self, table, start, moves, uniform) -> tf.Tensor:
        """The factors of second images, `(pairs, columns)`, for each choice of what changes; each has its own."""
        columns = range(len(table.shape))
        end = start
        for count in range(1, min(self.most, len(columns)) + 1):
            for moving in itertools.combinations(columns, count):
                chosen = np.isin(columns, moving)
                found = self._of_choice(table, start, uniform, chosen)
                end = tf.where(tf.reduce_all(moves == chosen, axis=1, keepdims=True), found, end)
        return end

    def _of_choice(self, table, start, uniform, chosen: np.ndarray) -> tf.Tensor:
        """`_of_all` as if the same factors changed in all pairs; in groups that need little memory."""
        pairs, cells = start.shape[0], math.prod(np.array(table.shape)[chosen])
        fitting = (size for size in range(pairs, 0, -1) if pairs % size == 0)
        size = next((size for size in fitting if size * cells <= AT_ONCE), 1)
        groups = [tf.reshape(each, (-1, size, *each.shape[1:])) for each in (start, uniform)]
        found = tf.map_fn(
            lambda group: self._of_group(table, *group, chosen),
            tuple(groups),
            fn_output_signature=tf.TensorSpec([size, len(table.shape)], tf.int64),
        )
        return tf.reshape(found, start.shape)

    def _of_group(self, table, start, uniform, chosen: np.ndarray) -> tf.Tensor:
        moving = np.flatnonzero(chosen)
        strides = np.cumprod([1, *table.shape[:0:-1]])[::-1].astype(np.int64)
        cells = tf.reduce_sum(start * np.where(chosen, 0, strides), axis=1)
        sizes = [table.shape[axis] for axis in moving]
        cells = tf.reshape(cells, [-1, *(1 for _ in sizes)])
        allowed = tf.ones_like(cells, tf.bool)
        for place, axis in enumerate(moving):
            values = tf.range(sizes[place], dtype=tf.int64)
            values = tf.reshape(
                values, [1, *(-1 if at == place else 1 for at in range(len(sizes)))]
            )
            cells = cells + values * strides[axis]
            same = values == tf.reshape(start[:, axis], [-1, *(1 for _ in sizes)])
            allowed = allowed & (~same if self.differ else tf.ones_like(same))
        logs = tf.where(allowed, tf.gather(tf.reshape(table, [-1]), cells), -np.inf)
        logs = tf.reshape(logs, [start.shape[0], -1])
        edges = tf.cumsum(tf.exp(logs - tf.reduce_max(logs, axis=1, keepdims=True)), axis=1)
        is_after = edges > uniform[:, None] * edges[:, -1:]
        row = tf.argmax(tf.cast(is_after & (logs > -np.inf), tf.int32), axis=1)
        found = dict(zip(moving, tf.unstack(_levels(row, sizes), axis=1), strict=True))
        return tf.stack([found.get(axis, start[:, axis]) for axis in range(len(chosen))], axis=1)


def _levels(cells: tf.Tensor, sizes) -> tf.Tensor:
    """The value of each factor in some combinations `(n,)`, counted with the last factor fastest: `(n, factors)`."""
    found = []
    for size in reversed(sizes):
        found.append(tf.math.floormod(cells, size))
        cells = tf.math.floordiv(cells, size)
    return tf.stack(found[::-1], axis=1)
