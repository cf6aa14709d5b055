"""Precisions that models are trained in: dtype policies of Keras, and what a GPU makes of float32."""

import contextlib
from collections.abc import Iterator

PRECISIONS = ("float32", "mixed_bfloat16")


@contextlib.contextmanager
def float32_products(exact: bool) -> Iterator[None]:
    """Where `exact`, computes products of float32 matrices, and convolutions, in all bits, as long as it lasts.

    By itself TensorFlow lets a GPU round their factors to TF32, which has 11 of the 24 bits. The choice is one of the
    whole process. What is compiled or lowered to HLO under it keeps it.

    Args:
        exact: whether to do so; else this changes nothing.

    Example:
        >>> import tensorflow as tf
        >>> with float32_products(exact=True):
        ...     tf.config.experimental.tensor_float_32_execution_enabled()
        False
    """
    if not exact:
        yield
        return
    import tensorflow as tf

    rounds = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(rounds)
