"""The likelihood of binary images."""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.likelihoods.base import LOGITS, ImageDistribution, Likelihood

tfd = tfp.distributions


class _Bernoulli(tfd.Bernoulli):
    """TFP's, with one softplus for a log probability instead of two."""

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        return x * self.logits - tf.math.softplus(self.logits)


@keras.saving.register_keras_serializable(package="zoo")
class Bernoulli(Likelihood):
    """Pixels that are 0 or 1; the decoder makes their log odds.

        log p(x|z) = sum(x * logit - softplus(logit))

    For grey values this is no density: it does not integrate to one, and its optimum is no
    estimate of their spread. Use `ContinuousBernoulli` or `Gaussian` for those.

    Args:
        **kwargs: `name` and `trainable`, as for any layer.

    Example:
        >>> likelihood = Bernoulli()
        >>> p = likelihood(tf.zeros((2, 8, 8, 1)))
        >>> p.log_prob(tf.ones((2, 8, 8, 1))).numpy().round(3)  # 64 * log(1/2)
        array([-44.361, -44.361], dtype=float32)

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, appendix C.1.
    """

    is_density = False
    takes = "logits, the log odds of 1"
    reach = LOGITS

    def call(self, decoder_outputs: tf.Tensor) -> ImageDistribution:
        """Makes p(x|z) from logits `(batch, height, width, channels)`."""
        return ImageDistribution.of_pixels(_Bernoulli(logits=decoder_outputs, dtype=tf.float32))

    def check(self, images: np.ndarray) -> None:
        """Warns, once, if the images hold values between black and white.

        Args:
            images: float in [0, 1], or uint8, of any shape.

        Example:
            >>> Bernoulli().check(np.array([0.0, 1.0]))
        """
        images = np.asarray(images)
        white = 255 if images.dtype == np.uint8 else 1
        grey = (images != 0) & (images != white)
        if grey.any():
            self.warn_once(
                f"Expected images of only 0 and {white}, for which alone Bernoulli is a "
                f"likelihood. Received also {images[grey][0]:.3g}. For grey values use "
                'ContinuousBernoulli, likelihood="continuous_bernoulli".'
            )
