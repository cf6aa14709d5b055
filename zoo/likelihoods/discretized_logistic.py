"""The likelihood of 8-bit images whose levels are bins of a logistic density."""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.likelihoods._levels import WHITE, LevelLikelihood, level_of
from zoo.likelihoods._location_scale import soft_clip
from zoo.likelihoods.base import LOGITS, ImageDistribution, TensorDistribution, tensors

tfd = tfp.distributions

LOG_SCALE_FLOOR = -7.0


@tf.custom_gradient
def log_bin(log_scale: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """Log of 1 - exp(-w), with w = 1 / (255 scale) the width of a bin in scales.

    Value and gradient, -w / (exp(w) - 1), are right where w underflows, which automatic
    differentiation is not.

    Args:
        log_scale: any shape, at least -7.

    Returns:
        The same shape, in nats.

    Example:
        >>> log_bin(tf.constant([-7.0, 0.0, 7.0])).numpy().round(3)
        array([ -0.014,  -5.543, -12.541], dtype=float32)
    """
    width = tf.maximum(tf.exp(-log_scale) / WHITE, 1e-30)  # expm1 is exact there: the ratio is 1
    value = tf.math.log(-tf.math.expm1(-width) / width) - log_scale - math.log(WHITE)
    return value, lambda upstream: -upstream * width / tf.math.expm1(width)


@tfp.experimental.auto_composite_tensor(omit_kwargs=("name",))
class LogisticLevels(TensorDistribution):
    """Probabilities of the levels 0, 1/255, ..., 1, as bins of a logistic density.

    With S the sigmoid, low and high = (x -+ 1/510 - location) / scale:

        p(x) = S(high) - S(low) = S(high) S(-low) (1 - exp(low - high))

    Black has all of the mass below it, S(high), and white all above, S(-low). The product, unlike
    the difference, keeps its digits in the tails: no bin needs an approximation.

    Args:
        location: any shape, the batch shape.
        log_scale: of the same shape, at least -7.

    Example:
        >>> p = LogisticLevels(tf.constant(0.0), tf.constant(-5.0))
        >>> float(tf.reduce_sum(tf.exp(p.log_prob(tf.range(256.0) / 255))))
        1.0
    """

    def __init__(
        self, location: tf.Tensor, log_scale: tf.Tensor, name: str = "LogisticLevels"
    ) -> None:
        parameters = dict(locals())
        self._location = location
        self._log_scale = log_scale
        super().__init__(parameters, name)

    @classmethod
    def _parameter_properties(cls, dtype: Any, num_classes: Any = None) -> dict[str, Any]:
        return tensors(location=0, log_scale=0)

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        level = level_of(x)
        steepness = tf.exp(-self._log_scale)
        below = ((level - 0.5) / WHITE - self._location) * steepness
        above = ((level + 0.5) / WHITE - self._location) * steepness
        has_below, has_above = level > 0.0, level < WHITE
        return (
            tf.where(has_below & has_above, log_bin(self._log_scale), 0.0)
            - tf.where(has_above, tf.math.softplus(-above), 0.0)
            - tf.where(has_below, tf.math.softplus(below), 0.0)
        )

    def _mean(self) -> tf.Tensor:
        """That of the logistic variable clipped to [0, 1], before it is rounded.

        d log(1 + exp(u)) between u = (location - 1) / scale and location / scale, over 1 / scale.
        """
        reach = tf.exp(-self._log_scale)
        top = self._location * reach
        # Each branch stays finite where the other is chosen, or gradients would be NaN.
        near, far = tf.clip_by_value(reach, 1e-6, 1.0), tf.maximum(reach, 1.0)
        near = -tf.math.log1p(tf.sigmoid(top) * tf.math.expm1(-near)) / near
        far = (_softplus(top) - _softplus(top - far)) / far
        return tf.clip_by_value(tf.where(reach < 1.0, near, far), 0.0, 1.0)

    def _sample_n(self, n: int, seed: Any = None) -> tf.Tensor:
        values = tfd.Logistic(self._location, tf.exp(self._log_scale)).sample(n, seed)
        return level_of(values) / WHITE


@keras.saving.register_keras_serializable(package="zoo")
class DiscretizedLogistic(LevelLikelihood):
    """Values on the 256 levels of bytes, bins of a logistic density that the decoder places.

        log p(x|z) = sum(log(S((x + 1/510 - mu) / s) - S((x - 1/510 - mu) / s))),    S the sigmoid

    At x = 0 the second term is 0, at x = 1 the first is 1.

    Of the decoder's outputs, the first `channels` are logits of mu, the last `channels` are r in
    s = exp(r) + exp(-7), of which the least is a quarter of a level. `mean()` is that of the
    logistic variable clipped to [0, 1], which is within a fifteenth of a level of the mean over
    levels and takes no sum over 256 of them.

    Args:
        **kwargs: `name` and `trainable`, as for any layer.

    Example:
        >>> p = DiscretizedLogistic()(tf.zeros((1, 8, 8, 2)))  # mu = 1/2, s = 1 + exp(-7)
        >>> p.log_prob(tf.fill((1, 8, 8, 1), 0.5)).numpy().round(1)  # 64 * log(1 / (4 * 255))
        array([-443.4], dtype=float32)

    Reference:
        Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling, "Improving Variational
        Inference with Inverse Autoregressive Flow", 2016, appendix C.
        Salimans, Karpathy, Chen and Kingma, "PixelCNN++", 2017, equation 2.
    """

    outputs_per_value = 2
    takes = "logits of locations, then logarithms of scales"
    reach = LOGITS

    def call(self, decoder_outputs: tf.Tensor) -> ImageDistribution:
        """Makes p(x|z) from `(batch, height, width, 2 * channels)`: logits, then log scales."""
        logits, log_scale = self.split(decoder_outputs)
        return ImageDistribution.of_pixels(logistic_levels(logits, log_scale))


def _softplus(x: tf.Tensor) -> tf.Tensor:
    """log(1 + exp(x)) in operations that do not overflow in LiteRT, whose own softplus does at 89."""
    return tf.nn.relu(x) + tf.math.log1p(tf.exp(-tf.abs(x)))


def logistic_levels(logits: tf.Tensor, log_scale: tf.Tensor) -> LogisticLevels:
    """From what decoders make: logits of the locations, and log scales of any size."""
    return LogisticLevels(tf.sigmoid(logits), soft_clip(log_scale, LOG_SCALE_FLOOR))
