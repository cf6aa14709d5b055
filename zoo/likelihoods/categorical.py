"""The likelihood of 8-bit images that has a free probability for every level."""

from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.likelihoods._levels import LEVELS, WHITE, LevelLikelihood, level_of
from zoo.likelihoods.base import LOGITS, ImageDistribution

tfd = tfp.distributions


class _Categorical(tfd.Categorical):
    """TFP's, over the levels 0, 1/255, ..., 1 instead of 0 ... 255."""

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        labels, logits = tf.cast(level_of(x), tf.int32), self.logits
        if not labels.shape.is_compatible_with(logits.shape[:-1]):
            shape = tf.broadcast_dynamic_shape(tf.shape(labels), tf.shape(logits)[:-1])
            labels = tf.broadcast_to(labels, shape)
            logits = tf.broadcast_to(logits, tf.concat([shape, [LEVELS]], 0))
        return -tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)

    def _mean(self) -> tf.Tensor:
        return tf.linalg.matvec(self.probs_parameter(), tf.range(LEVELS, dtype=tf.float32) / WHITE)

    def _mode(self) -> tf.Tensor:
        return super()._mode() / WHITE

    def _sample_n(self, n: int, seed: Any = None) -> tf.Tensor:
        return super()._sample_n(n, seed) / WHITE


@keras.saving.register_keras_serializable(package="zoo")
class Categorical(LevelLikelihood):
    """Values on the 256 levels of bytes; the decoder makes 256 logits for each.

        log p(x|z) = sum(logit[round(255 x)] - logsumexp(logit))

    It can have any number of peaks, and knows nothing of which levels are near each other. The
    decoder's last layer is 256 times as wide: for images of bytes with few levels, or small ones.
    The outputs of a pixel are the 256 logits of its first channel, then those of the next.

    Args:
        **kwargs: `name` and `trainable`, as for any layer.

    Example:
        >>> p = Categorical()(tf.zeros((2, 8, 8, 256)))
        >>> p.log_prob(tf.ones((2, 8, 8, 1))).numpy().round(2)  # 64 * log(1/256)
        array([-354.89, -354.89], dtype=float32)

    Reference:
        van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016,
        section 3.4: discrete softmax, there with each channel given the ones before.
    """

    outputs_per_value = LEVELS
    takes = "logits of the 256 levels"
    reach = LOGITS

    def call(self, decoder_outputs: tf.Tensor) -> ImageDistribution:
        """Makes p(x|z) from logits `(batch, height, width, channels * 256)`."""
        channels = self.channels_of(decoder_outputs)
        shape = tf.concat([tf.shape(decoder_outputs)[:-1], [channels, LEVELS]], 0)
        logits = tf.reshape(decoder_outputs, shape)
        return ImageDistribution.of_pixels(_Categorical(logits, dtype=tf.float32))
