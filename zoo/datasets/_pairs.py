"""Pairs of images that differ in some of their factors, as weak supervision wants them."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from zoo.datasets import _random
from zoo.datasets._correlated_pairs import PairDraws
from zoo.utils import registry
from zoo.utils.checks import check_integer

CHANGES = ("differ", "resampled", "disentanglement_lib")


def check_k(k: int | str | Sequence[int], names: Sequence[str], sizes: Sequence[int]) -> range:
    """The numbers of factors that may change.

    Args:
        k: a number, `"random"` for 1 to all changeable factors but one, or `(least, most)`.
        names: of the factors.
        sizes: of the factors; one of a single value cannot change.

    Raises:
        ValueError: `k` is none of these, or more than the factors that can change.

    Example:
        >>> check_k("random", ("shape", "x", "y"), (3, 8, 8))
        range(1, 3)
    """
    able = [name for name, size in zip(names, sizes, strict=True) if size > 1]
    if not able:
        raise ValueError(f"Expected a factor of two values or more. Received: sizes {tuple(sizes)}")
    if k == "random":
        return range(1, max(2, len(able)))
    bounds = k if isinstance(k, Sequence) and not isinstance(k, str) else (k, k)
    if len(bounds) != 2 or not all(_fits(bound, len(able)) for bound in bounds):
        raise ValueError(
            f'`k` must be an integer from 1 to {len(able)}, a pair (least, most) of such, or "random". '
            f"Factors that can change: {', '.join(able)}. Received: k={k!r}"
        )
    least, most = bounds
    if least > most:
        raise ValueError(f"`k` must be (least, most) with least <= most. Received: k={k!r}")
    return range(least, most + 1)


def _fits(bound, most: int) -> bool:
    try:
        return bool(check_integer("k", bound, least=1, most=most))
    except ValueError:
        return False


def check_change(change: str) -> None:
    """Raises `ValueError` unless `change` is one of `CHANGES`."""
    registry.check_known("change", change, CHANGES)


def cells(factors: tf.Tensor, sizes: Sequence[int]) -> tf.Tensor:
    """Numbers of combinations of factors, `(n,)`, counted with the last factor fastest.

    Args:
        factors: int64, `(n, factors)`.
        sizes: how many values each factor takes.

    Example:
        >>> cells(tf.constant([[0, 1], [1, 0]], tf.int64), (2, 3)).numpy()
        array([1, 3])
    """
    strides = np.cumprod([1, *sizes[:0:-1]])[::-1]
    return tf.reduce_sum(factors * strides, axis=1)


def drawn(
    data,
    batch_size: int,
    *,
    k: int | str | Sequence[int] = 1,
    change: str = "differ",
    labels: bool = False,
    seed: int = 0,
    compiled: bool = False,
) -> Callable[[tf.Tensor], tuple[tf.Tensor, ...]]:
    """A function from the number of a batch to pairs of images, as TensorFlow operations.

    Args:
        data: a dataset with one image for each combination of its factors.
        batch_size: pairs.
        k: see `check_k`.
        change: one of `CHANGES`.
        labels: whether which factors were chosen to change follows the images.
        seed: integer >= 0.
        compiled: whether a compiler has to know the operations.

    Raises:
        ValueError: `k` or `change` is out of range, or the dataset is no such.
    """
    order = data.grid_order()
    counts = check_k(k, data.factor_names, data.factor_sizes)
    check_change(change)
    correlated = PairDraws(data.correlations, change == "differ", counts[-1], compiled)

    def batch(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        key = (seed, step)
        first, second, changed = draw_pairs(batch_size, data.factor_sizes, counts, change, key)
        if data.correlations:
            first, second = correlated(first, second, changed, key_for(key, 4))
        numbers = cells(tf.concat([first, second], axis=0), data.factor_sizes)
        images = data.render(numbers if order is None else tf.gather(order, numbers))
        images = tf.ensure_shape(images, (2 * batch_size, *data.image_shape))
        return (*tf.split(images, 2), changed) if labels else tuple(tf.split(images, 2))

    return batch


def draw_pairs(
    batch_size: int,
    sizes: Sequence[int],
    counts: range,
    change: str,
    key: tuple[int | tf.Tensor, int | tf.Tensor],
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Factors of pairs, as TensorFlow operations.

    Args:
        batch_size: pairs.
        sizes: how many values each factor takes.
        counts: how many factors change; drawn uniformly for each pair.
        change: one of `CHANGES`.
        key: seed and step, on which alone the draws depend.

    Returns:
        Factors of the first images and of the second ones, int64 `(batch_size, factors)`, and which of them were
        chosen to change, bool of the same shape.
    """
    sizes = np.array(sizes, np.int64)
    seed = tf.stack([tf.cast(part, tf.int64) for part in key])
    first_key, count_key, choice_key, value_key = tf.unstack(_random.integers((4, 2), seed))
    shape = (batch_size, len(sizes))
    first = _integers(shape, first_key, sizes)
    count = counts.start + _integers((batch_size, 1), count_key, len(counts))
    if change == "disentanglement_lib":
        count = tf.where(
            _integers(count.shape, key_for(key, 5), 2) == 0, tf.ones_like(count), count
        )
    # The factors in random order, those that cannot change last: the first `count` of them change.
    order = _random.uniform(shape, choice_key) + tf.constant(sizes < 2, tf.float32)
    rank = tf.argsort(tf.argsort(order, axis=1), axis=1)
    changed = tf.cast(rank, tf.int64) < count
    if change == "differ":
        moved = (first + 1 + _integers(shape, value_key, np.maximum(sizes - 1, 1))) % sizes
    else:
        moved = _integers(shape, value_key, sizes)
    return first, tf.where(changed, moved, first), changed


def key_for(key: tuple[int | tf.Tensor, int | tf.Tensor], purpose: int) -> tf.Tensor:
    """Two integers for further draws of one seed and step; other ones for each purpose above 3."""
    seed = tf.stack([tf.cast(part, tf.int64) for part in key])
    return _random.integers((purpose + 1, 2), seed)[purpose]


def _integers(shape: Sequence[int], key: tf.Tensor, sizes) -> tf.Tensor:
    """Uniform integers from 0 to size - 1; the remainder of 64 random bits favours none by more than 2^-40."""
    return tf.math.floormod(_random.integers(shape, key), sizes)
