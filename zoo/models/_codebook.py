"""Latents that take few values each: the nearest value, the gradient past it, the codebook that holds the values."""

import keras
import numpy as np
import tensorflow as tf

from zoo.models._point import Point


def nearest(continuous: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """For each latent that of its values which is nearest; of two that are as near, the first.

        q_j = values_j[argmin_k |z_j - values_jk|]

    The gradient goes to the values that were taken, and none to `continuous`.

    Args:
        continuous: `(batch, latent_dim)`.
        values: `(latent_dim, values)`, in any order.

    Returns:
        `(batch, latent_dim)`: numbers of `values`, to the bit.

    Example:
        >>> nearest(tf.constant([[0.2, 0.9]]), tf.constant([[0.0, 1.0], [0.0, 1.0]])).numpy()
        array([[0., 1.]], dtype=float32)
    """
    return taken(tf.argmin(tf.abs(continuous[:, :, None] - values), axis=-1), values)


def taken(number: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """The values of these numbers, `(batch, latent_dim)`.

    Args:
        number: `(batch, latent_dim)`, integers.
        values: `(latent_dim, values)`.
    """
    # Not a gather with batch dimensions, which LiteRT has no operation for.
    return tf.reduce_sum(tf.one_hot(number, values.shape[-1]) * values, axis=-1)


def straight_through(continuous: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """`values`, to the bit, whose gradient goes to `continuous` as if nothing had been rounded.

    Args:
        continuous: of any shape.
        values: of the same shape.

    Example:
        >>> z = tf.Variable(0.4)
        >>> with tf.GradientTape() as tape:
        ...     squared = straight_through(z, tf.round(z) + 3.0) ** 2
        >>> float(squared), float(tape.gradient(squared, z))
        (9.0, 6.0)

    Reference: Bengio et al., Estimating or Propagating Gradients Through Stochastic Neurons, 2013.
    """
    # Not z + stop(values - z), which rounds: codes would take more values than there are.
    return tf.stop_gradient(values) + (continuous - tf.stop_gradient(continuous))


class Quantized(Point):
    """All of q(z|x) at values of a codebook, with a straight-through gradient.

    Args:
        continuous: what the encoder gave, `(batch, latent_dim)`.
        values: what it was rounded to, `(batch, latent_dim)`.
    """

    def __init__(self, continuous: tf.Tensor, values: tf.Tensor):
        super().__init__(straight_through(continuous, values))
        self.continuous, self.rounded = continuous, values

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return super()._parameter_properties(dtype, num_classes)  # of `loc`


class Codebook(keras.layers.Layer):
    """The values of each latent, learned, in float32 whatever the networks compute in.

    Args:
        latents: how many latents.
        values: how many values each has; they start evenly spaced from -0.5 to 0.5.
    """

    def __init__(self, latents: int, values: int):
        super().__init__(name="codebook", dtype="float32")
        even = np.linspace(-0.5, 0.5, values, dtype=np.float32)
        self.values = self.add_weight(
            shape=(latents, values),
            initializer=lambda shape, dtype: tf.cast(tf.broadcast_to(even, shape), dtype),
            name="values",
        )
        self.built = True

    def call(self, inputs):
        """The nearest values, `(batch, latents)`."""
        return nearest(inputs, tf.convert_to_tensor(self.values))


def firm(continuous: np.ndarray, values: np.ndarray, slack: float) -> np.ndarray:
    """Whether no latent is so near the middle of two values that an error of `slack` may change which one it takes.

    Args:
        continuous: `(n, latent_dim)`.
        values: `(latent_dim, values)`.
        slack: >= 0.

    Returns:
        `(n,)`, of bool.

    Example:
        >>> firm(np.array([[0.1], [0.499]]), np.array([[0.0, 1.0]]), slack=0.01)
        array([ True, False])
    """
    distances = np.sort(np.abs(continuous[:, :, None] - values), axis=-1)
    return ((distances[..., 1] - distances[..., 0]) / 2 > slack).all(axis=1)
