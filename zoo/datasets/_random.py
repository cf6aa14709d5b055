"""Random numbers that every compiler draws alike: to the bit those of TensorFlow's kernels.

XLA shortens seeds to 32 bits, and makes other floats of random bits. Here the seed is mixed as TensorFlow's kernels mix
it, the generator gets key and counter, and floats are made of integers.
"""

from collections.abc import Sequence

import tensorflow as tf

_PHILOX = 1
_MIXER = 0x02461E29_3EC8F720  # TensorFlow's own key for the mixing of seeds
_MANTISSA = 0x7FFFFF
_ONE = 0x3F800000  # the bits of 1.0
_HIGH = 0xFFFFF  # of a mantissa of 64 bits
_ONE_OF_64_BITS = 0x3FF00000_00000000


def integers(shape: Sequence[int], seed: tf.Tensor, dtype: tf.DType = tf.int64) -> tf.Tensor:
    """Integers of all values of their type, as `tf.random.stateless_uniform` outside of XLA draws them.

    Args:
        shape: of the result.
        seed: two integers of 64 bits, on which alone the numbers depend.
        dtype: int64 or uint32.

    Example:
        >>> seed = tf.constant([-1, 2**40], tf.int64)
        >>> stock = tf.random.stateless_uniform((5,), seed, None, None, tf.int64, alg="philox")
        >>> bool(tf.reduce_all(integers((5,), seed) == stock))
        True
    """
    counter = tf.bitcast(tf.convert_to_tensor(seed, tf.int64), tf.uint64)
    key, place = tf.split(_draw((2,), tf.constant([_MIXER], tf.uint64), counter, tf.uint64), 2)
    counter = tf.concat([tf.zeros((1,), tf.uint64), place], axis=0)
    return _draw(shape, key, counter, dtype)


def uniform(shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
    """Numbers in [0, 1), float32; arguments as for `integers`.

    Example:
        >>> seed = tf.constant([3, -9], tf.int64)
        >>> bool(tf.reduce_all(uniform((5,), seed) == tf.random.stateless_uniform((5,), seed, alg="philox")))
        True
    """
    between_1_and_2 = tf.bitcast(integers(shape, seed, tf.uint32) & _MANTISSA | _ONE, tf.float32)
    return between_1_and_2 - 1.0


def uniform_of_64_bits(shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
    """Numbers in [0, 1), float64; arguments as for `integers`.

    Example:
        >>> seed = tf.constant([3, -9], tf.int64)
        >>> stock = tf.random.stateless_uniform((5,), seed, dtype=tf.float64, alg="philox")
        >>> bool(tf.reduce_all(uniform_of_64_bits((5,), seed) == stock))
        True
    """
    bits = tf.bitcast(integers(shape, seed), tf.uint64)
    high = tf.bitwise.left_shift(bits & _HIGH, tf.constant(32, tf.uint64))
    low = tf.bitwise.right_shift(bits, tf.constant(32, tf.uint64))
    return tf.bitcast(high | low | _ONE_OF_64_BITS, tf.float64) - 1.0


def parted(seed: tf.Tensor, number: int) -> list[tf.Tensor]:
    """Two seeds for each number: `tf.random.split` of `tf.random.fold_in`, as they are outside of XLA.

    Args:
        seed: two integers of 64 bits.
        number: of 32 bits.
    """
    folded = tf.stack([_small_integers((), seed), tf.constant(number, tf.int64)])
    return tf.unstack(_small_integers((2, 2), folded))


def _small_integers(shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
    """Integers of 32 bits with sign, in int64."""
    return tf.cast(tf.bitcast(integers(shape, seed, tf.uint32), tf.int32), tf.int64)


def _draw(shape, key: tf.Tensor, counter: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    return tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=tf.convert_to_tensor(shape, tf.int32),
        key=key,
        counter=counter,
        alg=_PHILOX,
        dtype=dtype,
    )
