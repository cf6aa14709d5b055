"""The likelihood of 8-bit images whose levels are bins of several logistic densities."""

from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.likelihoods._levels import LevelLikelihood
from zoo.likelihoods.base import LOGITS, ImageDistribution
from zoo.likelihoods.discretized_logistic import logistic_levels
from zoo.utils.checks import check_integer

tfd = tfp.distributions


@keras.saving.register_keras_serializable(package="zoo")
class DiscretizedLogisticMixture(LevelLikelihood):
    """Values on the 256 levels of bytes, bins of a mixture of logistic densities.

        log p(x|z) = sum(logsumexp_k(log w_k + log p(x; mu_k, s_k)))

    with p as in `DiscretizedLogistic` and w the softmax of the decoder's logits. This is the form
    of PixelCNN++ for one channel; its regression of green on red and of blue on both is left out:
    given the latents, channels are independent here, as pixels are, and each value has a mixture
    of its own.

    Of the decoder's outputs, the first `channels * components` are logits of the weights, the
    next as many logits of the mu, the last as many log scales; in each set the components of the
    first channel come first.

    Args:
        components: logistic densities for each value.
        **kwargs: `name` and `trainable`, as for any layer.

    Raises:
        ValueError: `components` is no integer >= 1.

    Example:
        >>> likelihood = DiscretizedLogisticMixture(components=2)
        >>> likelihood.outputs_per_value
        6
        >>> p = likelihood(tf.zeros((1, 8, 8, 6)))  # two alike are one
        >>> p.log_prob(tf.fill((1, 8, 8, 1), 0.5)).numpy().round(1)
        array([-443.4], dtype=float32)

    Reference:
        Salimans, Karpathy, Chen and Kingma, "PixelCNN++: Improving the PixelCNN with Discretized
        Logistic Mixture Likelihood and Other Modifications", 2017, equations 1 and 2.
    """

    takes = "logits of weights, logits of locations, then logarithms of scales"
    reach = LOGITS

    def __init__(self, components: int = 5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.components = check_integer("components", components, least=1)

    @property
    def outputs_per_value(self) -> int:
        """A weight, a location and a scale for each component."""
        return 3 * self.components

    def call(self, decoder_outputs: tf.Tensor) -> ImageDistribution:
        """Makes p(x|z) from `(batch, height, width, channels * 3 * components)`."""
        channels = self.channels_of(decoder_outputs)
        shape = tf.concat([tf.shape(decoder_outputs)[:-1], [channels, self.components]], 0)
        sets = tf.split(decoder_outputs, 3, axis=-1)
        weights, logits, log_scale = (tf.reshape(one, shape) for one in sets)
        mixture = tfd.MixtureSameFamily(
            tfd.Categorical(weights), logistic_levels(logits, log_scale)
        )
        return ImageDistribution.of_pixels(mixture)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "components": self.components}
