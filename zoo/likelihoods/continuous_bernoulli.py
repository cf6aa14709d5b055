"""The likelihood of images of grey values between black and white."""

from collections.abc import Callable

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.likelihoods.base import LOGITS, ImageDistribution, Likelihood

tfd = tfp.distributions


def mean_from_end(size: tf.Tensor) -> tf.Tensor:
    """Distance of a continuous Bernoulli's mean from the nearer of 0 and 1.

    mean_from_end(a) = 1/a - 1/(exp(a) - 1)
                     = 1/2 - a/12 + a^3/720 - a^5/30240 + a^7/1209600 - ...

    The first form is noise for small a, where it is a difference of two large numbers.

    Args:
        size: |logit|, any shape.

    Returns:
        The same shape, in (0, 1/2]; exact to float32's accuracy, as is its derivative.

    Reference:
        Loaiza-Ganem and Cunningham, "The continuous Bernoulli", 2019, section 3, in logits.
    """
    # Each branch stays finite where the other is chosen, or gradients would be NaN.
    near, far = tf.minimum(size, 1.0), tf.maximum(size, 1.0)
    square = near * near
    near = 0.5 - near * (1 / 12 - square * (1 / 720 - square * (1 / 30240 - square / 1209600)))
    far = 1.0 / far - 1.0 / tf.math.expm1(tf.minimum(far, 80.0))
    return tf.where(size < 1.0, near, far)


def mean_of(logits: tf.Tensor) -> tf.Tensor:
    """Mean of a continuous Bernoulli, 1 / (1 - exp(-logit)) - 1 / logit.

    Args:
        logits: any shape.

    Returns:
        The same shape, in [0, 1].

    Example:
        >>> mean_of(tf.constant([-1e4, 0.0, 1e4])).numpy()
        array([1.000e-04, 5.000e-01, 9.999e-01], dtype=float32)
    """
    positive = logits > 0.0
    distance = mean_from_end(tf.where(positive, logits, -logits))
    return tf.where(positive, 1.0 - distance, distance)


@tf.custom_gradient
def log_partition_from_end(
    logits: tf.Tensor,
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """Log normaliser A(logit), less the large part that `logit * x` nearly cancels.

    A(logit) - max(logit, 0) = log((1 - exp(-|logit|)) / |logit|)

    Kept apart, it keeps its digits when the logit is large. Its gradient is written with the
    mean's formula, because automatic differentiation loses all digits for small logits.

    Args:
        logits: any shape.

    Returns:
        The same shape, in nats.

    Example:
        >>> log_partition_from_end(tf.constant([-100.0, 0.0, 100.0])).numpy().round(3)
        array([-4.605,  0.   , -4.605], dtype=float32)

    Reference:
        Loaiza-Ganem and Cunningham, "The continuous Bernoulli", 2019, section 3, in logits.
    """
    size = tf.maximum(tf.abs(logits), 1e-30)  # expm1 is exact there, so the ratio is 1
    value = tf.math.log(-tf.math.expm1(-size) / size)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        positive = logits > 0.0
        distance = mean_from_end(tf.where(positive, logits, -logits))
        return upstream * tf.where(positive, -distance, distance)

    return value, gradient


class _ContinuousBernoulli(tfd.ContinuousBernoulli):
    """TFP's, more than twice as fast, and with samples that rounding never takes beyond 1."""

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        from_end = x * self.logits - tf.nn.relu(self.logits)
        return from_end - log_partition_from_end(self.logits)

    def _mean(self, logits: tf.Tensor | None = None) -> tf.Tensor:
        return mean_of(self.logits if logits is None else logits)

    def _sample_n(self, n: int, seed: int | None = None) -> tf.Tensor:
        return tf.clip_by_value(super()._sample_n(n, seed), 0.0, 1.0)


@keras.saving.register_keras_serializable(package="zoo")
class ContinuousBernoulli(Likelihood):
    """Grey values in [0, 1]; the decoder makes the logit of an exponential tilt.

    log p(x|z) = sum(logit * x - A(logit)),
    A(logit) = max(logit, 0) + log((1 - exp(-|logit|)) / |logit|)

    This is what the Bernoulli likelihood lacks to be a density of grey values. The mean is not
    sigmoid(logit), but 1 / (1 - exp(-logit)) - 1 / logit: a mean of 0.01 takes a logit of -100.

    Args:
        **kwargs: `name` and `trainable`, as for any layer.

    Example:
        >>> likelihood = ContinuousBernoulli()
        >>> p = likelihood(tf.zeros((2, 8, 8, 1)))  # uniform
        >>> p.log_prob(tf.fill((2, 8, 8, 1), 0.3)).numpy()
        array([0., 0.], dtype=float32)

    Reference:
        Loaiza-Ganem and Cunningham, "The continuous Bernoulli: fixing a pervasive error in
        variational autoencoders", 2019, section 3.
    """

    takes = "logits of an exponential tilt"
    reach = LOGITS

    def call(self, decoder_outputs: tf.Tensor) -> ImageDistribution:
        """Makes p(x|z) from logits `(batch, height, width, channels)`."""
        return ImageDistribution.of_pixels(_ContinuousBernoulli(logits=decoder_outputs))
