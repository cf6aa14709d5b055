"""Streams of batches and of pairs: each batch follows from a seed and its number alone."""

from collections.abc import Callable

import tensorflow as tf

from zoo.datasets import _correlations, _random

RENDERERS = 2  # batches rendered side by side
READY = 2  # finished batches that wait for the model


def shuffled(data, batch_size: int, seed: int, start_step: int) -> tf.data.Dataset:
    """The batches of `Dataset.batches`, whose arguments are checked."""
    first_epoch, done = divmod(start_step * batch_size, len(data))

    def order(epoch: tf.Tensor) -> tf.Tensor:
        return permutation(len(data), seed, epoch)[tf.where(epoch == first_epoch, done, 0) :]

    epochs = tf.data.Dataset.counter(first_epoch).map(order).prefetch(1)
    return _rendered(data, epochs, batch_size)


def drawn(data, batch_size: int, seed: int, start_step: int) -> tf.data.Dataset:
    """The batches of `Dataset.batches` of a dataset whose images are not alike in training."""
    indices = _correlations.batch_draws(data, batch_size, seed)
    steps = tf.data.Dataset.counter(start_step).map(indices).prefetch(1)
    return _rendered(data, steps, batch_size)


def _rendered(data, indices: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
    """Batches of images from a stream of indices, in pieces of any length."""
    part = data.part if data.part and batch_size % data.part == 0 else batch_size
    indices = indices.rebatch(part, drop_remainder=True)
    images = indices.map(data.render, num_parallel_calls=RENDERERS, deterministic=True)
    if part < batch_size:
        parts = images.batch(batch_size // part, drop_remainder=True)
        images = parts.map(lambda images: tf.reshape(images, (batch_size, *data.image_shape)))
    endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
    return images.apply(endless).prefetch(READY).with_options(pipeline_options())


def paired(batch: Callable, start_step: int) -> tf.data.Dataset:
    """The batches of `Dataset.pairs`.

    Args:
        batch: from the number of a batch to it; see `_pairs.drawn`.
        start_step: number of the first batch.
    """
    steps = tf.data.Dataset.counter(start_step)
    pairs = steps.map(batch, num_parallel_calls=RENDERERS, deterministic=True)
    return pairs.prefetch(READY).with_options(pipeline_options())


def permutation(n: int, seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """A random order of 0 … n - 1 that depends on `(seed, epoch)` alone.

    The order of n random 64-bit keys. (TensorFlow's `index_shuffle` needs no memory, but it drops an item for
    n = 65,537 and every further 4^k + 1, takes milliseconds an item for n = 1, and with its default 4 rounds
    positions four apart are correlated.)

    Args:
        n: number of items, >= 1.
        seed: integer >= 0.
        epoch: integer >= 0, scalar.

    Returns:
        int64 tensor, shape `(n,)`.

    Example:
        >>> sorted(permutation(5, seed=0, epoch=3).numpy().tolist())
        [0, 1, 2, 3, 4]
    """
    key = tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])
    return tf.cast(tf.argsort(_random.integers((n,), key), stable=True), tf.int64)


def pipeline_options() -> tf.data.Options:
    """Options of every pipeline of the zoo: deterministic, and without the autotuner.

    The autotuner's thread makes the end of each `fit` and `evaluate` wait until it wakes: 5, 10, 20, … seconds.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return options
