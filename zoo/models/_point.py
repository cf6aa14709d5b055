"""A code without noise, as a distribution."""

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


class Point(tfd.Deterministic):
    """All of q(z|x) at the code.

    Its mean is the code itself. That of `tfd.Deterministic` is broadcast to its own shape, which in a graph loses the
    size of an axis of one: a model with a single latent could not be exported.

    Args:
        loc: the code, `(batch, latent_dim)`.
    """

    def __init__(self, loc: tf.Tensor):
        super().__init__(loc)

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return super()._parameter_properties(dtype, num_classes)  # of `loc`

    def _mean(self):
        return tf.convert_to_tensor(self.loc)
