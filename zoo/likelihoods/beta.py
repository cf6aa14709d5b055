"""The likelihood of values in [0, 1] with a mean and a concentration of their own."""

import math
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.likelihoods.base import (
    LOGITS,
    ImageDistribution,
    Likelihood,
    TensorDistribution,
    tensors,
)

tfd = tfp.distributions

EDGE = 1 / 512
LARGEST_LOG_CONCENTRATION = math.log(1e4)


def log_gamma_excess(z: tf.Tensor) -> tf.Tensor:
    """What log Gamma(1 + z) has beyond its largest part.

        log_gamma_excess(z) = log Gamma(1 + z) - (z log(z) - z)

    by Stirling's series at z + 4, so that neither a large z nor z = 0 costs digits. On a CPU this
    is faster than TensorFlow's log-gamma and digamma functions.

    Args:
        z: >= 0, any shape.

    Returns:
        The same shape, in nats, within 2e-6.

    Example:
        >>> log_gamma_excess(tf.constant([1.0, 2.0])).numpy().round(5)  # 1 and log(2) + 2 - log(4)
        array([1.     , 1.30685], dtype=float32)

    Reference:
        Abramowitz and Stegun, "Handbook of Mathematical Functions", 1964, equation 6.1.41.
    """
    z = tf.maximum(z, 1e-15)  # Below, 4 / z has no finite gradient, and the result is 0 anyway.
    inverse = 1.0 / (z + 4.0)
    square = inverse * inverse
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    # (z + 1)(z + 2)(z + 3) / (z + 4)^3, by which the Gamma functions of z + 1 and z + 4 differ
    ratio = (1.0 - inverse) * (1.0 - 2.0 * inverse) * (1.0 - 3.0 * inverse)
    constant = 0.5 * math.log(2 * math.pi) - 4.0
    fall = tf.math.log(ratio * tf.sqrt(inverse))
    return z * tf.math.log1p(4.0 / z) - fall + (constant + series)


@tfp.experimental.auto_composite_tensor(omit_kwargs=("name",))
class _Beta(TensorDistribution):
    """A Beta distribution by the logit of its mean and the log of its concentration."""

    def __init__(
        self, mean_logit: tf.Tensor, log_concentration: tf.Tensor, name: str = "Beta"
    ) -> None:
        parameters = dict(locals())
        self._mean_logit = mean_logit
        self._log_concentration = log_concentration
        super().__init__(parameters, name)

    @classmethod
    def _parameter_properties(cls, dtype: Any, num_classes: Any = None) -> dict[str, Any]:
        return tensors(mean_logit=0, log_concentration=0)

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        # The formula in a = mu nu, b = (1 - mu) nu with Gamma(a) = Gamma(1 + a) / a, where log(a)
        # is known even if a underflows, and with the large parts of the three log Gamma gathered.
        x = tf.clip_by_value(x, EDGE, 1.0 - EDGE)
        log_x, log_rest = tf.math.log(x), tf.math.log1p(-x)
        log_mean = -tf.math.softplus(-self._mean_logit)
        log_mean_rest = -tf.math.softplus(self._mean_logit)
        a, b = self._concentrations()
        divergence = a * (log_mean - log_x) + b * (log_mean_rest - log_rest)
        excess = log_gamma_excess(a + b) - log_gamma_excess(a) - log_gamma_excess(b)
        log_factors = self._log_concentration + log_mean + log_mean_rest - log_x - log_rest
        return excess - divergence + log_factors

    def _mean(self) -> tf.Tensor:
        return tf.sigmoid(self._mean_logit)

    def _variance(self) -> tf.Tensor:
        mean = self._mean()
        return mean * (1.0 - mean) / (1.0 + tf.exp(self._log_concentration))

    def _sample_n(self, n: int, seed: Any = None) -> tf.Tensor:
        a, b = (tf.maximum(part, 1e-3) for part in self._concentrations())
        return tfd.Beta(a, b).sample(n, seed)

    def _concentrations(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The exponents a = mu nu and b = (1 - mu) nu, which sum to nu."""
        concentration = tf.exp(self._log_concentration)
        return (
            concentration * tf.sigmoid(self._mean_logit),
            concentration * tf.sigmoid(-self._mean_logit),
        )


@keras.saving.register_keras_serializable(package="zoo")
class Beta(Likelihood):
    """Values in [0, 1], each with a mean mu and a concentration nu, which the decoder makes.

        log p(x|z) = sum(lgamma(nu) - lgamma(mu nu) - lgamma((1 - mu) nu)
                         + (mu nu - 1) log(x) + ((1 - mu) nu - 1) log(1 - x))

    The variance is mu (1 - mu) / (1 + nu); nu = 2 at mu = 1/2 is the uniform density, and below
    it rises towards black and white. Of the decoder's outputs, the first `channels` are logits of
    mu, the last `channels` are s in nu = 1 / (exp(-s) + 1e-4): nu is exp(s), and at most 1e4, a
    standard deviation of one grey level in the middle.

    Where the density is infinite or zero, at 0 and 1, images have values. They are moved to
    [1/512, 1 - 1/512], half a level inwards. A density that has a peak right there is therefore
    counted with up to half a level too much of it: between the edges it integrates to the Beta
    distribution's own probability.

    Args:
        **kwargs: `name` and `trainable`, as for any layer.

    Example:
        >>> import math
        >>> outputs = tf.concat([tf.zeros((2, 8, 8, 1)), tf.fill((2, 8, 8, 1), math.log(2))], -1)
        >>> p = Beta()(outputs)  # uniform, but for the bound on nu
        >>> p.log_prob(tf.fill((2, 8, 8, 1), 0.3)).numpy().round(1) + 0.0
        array([0., 0.], dtype=float32)

    Reference:
        Ferrari and Cribari-Neto, "Beta Regression for Modelling Rates and Proportions", 2004,
        equation 4: the Beta density by its mean and precision.
    """

    outputs_per_value = 2
    takes = "logits of means, then logarithms of concentrations"
    reach = LOGITS

    def call(self, decoder_outputs: tf.Tensor) -> ImageDistribution:
        """Makes p(x|z) from `(batch, height, width, 2 * channels)`: logits, then log nu."""
        mean_logit, raw = self.split(decoder_outputs)
        largest = LARGEST_LOG_CONCENTRATION
        log_concentration = largest - tf.math.softplus(largest - raw)
        return ImageDistribution.of_pixels(_Beta(mean_logit, log_concentration))
