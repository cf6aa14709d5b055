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
def log_density(
    logits: tf.Tensor, x: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]:
    """Log density of a continuous Bernoulli, log p(x) = logit * x - A(logit).

    With a = |logit| and d, the distance of x from its likely end, 1 if the logit is positive, else 0, that is

        a >= 1:  log(a) - a d - log(1 - exp(-a))
        a < 1:   logit (x - 1/2) - a^2/24 + a^4/2880 - a^6/181440 + a^8/9676800 - ...

    In the first, log(a) and a d nearly cancel where the density is near 1, and are taken in float64; the second has no
    such terms, where the first would be noise. The gradient is written with the mean's formula, because automatic
    differentiation loses all digits for small logits.

    Args:
        logits: any shape.
        x: in [0, 1], of a shape that broadcasts with it.

    Returns:
        The shape of both, in nats; exact to float32's accuracy but for a < 1 where the density is within 0.001 of 1.

    Example:
        >>> log_density(tf.constant([-100.0, 0.0, 100.0]), tf.constant([0.0, 0.7, 1.0])).numpy()
        array([4.6051702, 0.       , 4.6051702], dtype=float32)

    Reference:
        Loaiza-Ganem and Cunningham, "The continuous Bernoulli", 2019, section 3, in logits.
    """
    positive, size = logits > 0.0, tf.abs(logits)
    from_end = tf.where(positive, 1.0 - x, x)
    far = tf.maximum(size, 1.0)
    exact = tf.cast(far, tf.float64)
    cancelled = tf.cast(tf.math.log(exact) - exact * tf.cast(from_end, tf.float64), logits.dtype)
    square = tf.square(size)
    series = square * (1 / 24 - square * (1 / 2880 - square * (1 / 181440 - square / 9676800)))
    value = tf.where(
        size < 1.0, logits * (x - 0.5) - series, cancelled - tf.math.log1p(-tf.exp(-far))
    )

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        mean = mean_from_end(tf.where(positive, logits, -logits))
        from_mean = tf.where(positive, mean - from_end, from_end - mean)
        return _like(logits, upstream * from_mean), _like(x, upstream * logits)

    return value, gradient


def _like(value: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """A gradient summed over what its value was broadcast to."""
    shape = tf.shape(value)
    axes, _ = tf.raw_ops.BroadcastGradientArgs(s0=shape, s1=tf.shape(gradient))
    return tf.reshape(tf.reduce_sum(gradient, axes), shape)


class _ContinuousBernoulli(tfd.ContinuousBernoulli):
    """TFP's, more than twice as fast, and with samples that rounding never takes beyond 1."""

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        return log_density(self.logits, x)

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
