"""Likelihoods that measure an image's deviation from a location in units of a scale."""

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, ClassVar

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
from zoo.utils import replicas

tfd = tfp.distributions

DEFAULT_SCALE = 0.1
LOG_SCALE_FLOOR = -6.0
LEARNED, PER_PIXEL, OPTIMAL = "learned", "per_pixel", "optimal"


def soft_clip(log_scale: tf.Tensor, floor: float = LOG_SCALE_FLOOR) -> tf.Tensor:
    """Bounds a log scale below, smoothly.

        soft_clip(s) = floor + softplus(s - floor),    so that exp(soft_clip(s)) = exp(s) + exp(floor)

    Example:
        >>> soft_clip(tf.constant([-1e4, 3.0])).numpy().round(3)
        array([-6.,  3.], dtype=float32)

    Reference:
        Rybkin, Daniilidis and Levine, "Simple and Effective VAE Training with Calibrated
        Decoders", 2021, and its published code.
    """
    return floor + tf.math.softplus(log_scale - floor)


def _absolute_difference(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return tf.abs(x - y)


_PENALTIES = {1: _absolute_difference, 2: tf.math.squared_difference}


def log_density(power: int, penalty: tf.Tensor, log_scale: tf.Tensor | None) -> tf.Tensor:
    """Log density of a deviation, from its size to the power p and the log of the scale.

        log p(d) = -|d|^p / (p scale^p) - log(scale) - log(Z),    Z = 2 p^(1/p) Gamma(1 + 1/p)

    p = 2 is the normal, p = 1 the Laplace distribution. It works with the log of the scale, where TFP's
    own members overflow.

    Args:
        power: p.
        penalty: |d|^p, any shape.
        log_scale: a scalar or of the penalty's shape; None for the scale that makes these
            deviations, all of them together, most probable: scale^p = mean |d|^p, and no less
            than exp(-6 p).

    Returns:
        The penalty's shape, in nats.
    """
    if log_scale is None:
        lowest = math.exp(power * LOG_SCALE_FLOOR)
        log_scale = tf.math.log(tf.maximum(replicas.mean(penalty), lowest)) / power
    log_normalizer = math.log(2) + math.log(power) / power + math.lgamma(1 + 1 / power)
    return -tf.exp(-power * log_scale) / power * penalty - (log_scale + log_normalizer)


def known_scale(log_scale: tf.Tensor | None) -> tf.Tensor:
    """The scale, for what cannot be done without.

    Raises:
        NotImplementedError: it is decided by data that have not come yet.
    """
    if log_scale is None:
        raise NotImplementedError(
            'scale="optimal" is the scale of the images given to `log_prob`: before that '
            'there is none to sample from. Use `mean()`, or scale="learned".'
        )
    return tf.exp(log_scale)


@tfp.experimental.auto_composite_tensor(omit_kwargs=("name",))
class Deviation(TensorDistribution):
    """A value that deviates from a location by a scale; see `log_density`.

    Args:
        family: the same distribution by TFP's name, `tfd.Normal` or `tfd.Laplace`, which samples.
        power: p.
        location: any shape, the batch shape.
        log_scale: a scalar or of the location's shape; None for the best scale of the data given
            to `log_prob`.

    Raises:
        NotImplementedError: samples, spread or entropy were asked of a scale that data decide.

    Example:
        >>> p = Deviation(tfd.Normal, 2, tf.zeros(4), tf.zeros(()))
        >>> p.log_prob(tf.zeros(4)).numpy().round(3)
        array([-0.919, -0.919, -0.919, -0.919], dtype=float32)
    """

    def __init__(
        self,
        family: Callable[..., tfd.Distribution],
        power: int,
        location: tf.Tensor,
        log_scale: tf.Tensor | None,
        name: str = "Deviation",
    ) -> None:
        parameters = dict(locals())
        self._family = family
        self._power = power
        self._location = location
        self._log_scale = log_scale
        super().__init__(parameters, name, tfd.FULLY_REPARAMETERIZED)

    @classmethod
    def _parameter_properties(cls, dtype: Any, num_classes: Any = None) -> dict[str, Any]:
        return tensors(location=0, log_scale=0)

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        penalty = _PENALTIES[self._power](x, self._location)
        return log_density(self._power, penalty, self._log_scale)

    def _mean(self) -> tf.Tensor:
        return tf.identity(self._location)

    def _mode(self) -> tf.Tensor:
        return tf.identity(self._location)

    def _stddev(self) -> tf.Tensor:
        return self._with_known_scale().stddev()

    def _variance(self) -> tf.Tensor:
        return self._with_known_scale().variance()

    def _entropy(self) -> tf.Tensor:
        return self._with_known_scale().entropy()

    def _sample_n(self, n: int, seed: Any = None) -> tf.Tensor:
        return self._with_known_scale().sample(n, seed)

    def _with_known_scale(self) -> tfd.Distribution:
        return self._family(self._location, known_scale(self._log_scale))


class LocationScale(Likelihood):
    """Pixels that deviate from a location, which the decoder makes, by a scale.

    Abstract: a subclass sets `family` and `power`, see `Deviation`, and documents its formula. One
    whose images are no sets of independent deviations redefines `images_around`, and `scales`.

    Args:
        scale: a positive number; or one of
            "learned": one trainable scalar, exp(s) + exp(-6), which starts at 0.1;
            "per_pixel": exp(s) + exp(-6) of a second set of decoder outputs s. The first
            `channels` outputs are locations, the last `channels` their s;
            "optimal": the scale that makes each batch given to `log_prob` most probable, and at
            least exp(-6). The log probability of an image then depends on its batch (under a
            distribution strategy, on that of all replicas), and there is nothing to sample from.
        activation: from decoder outputs to locations: "sigmoid", which keeps them in [0, 1], or
            "linear".
        **kwargs: `name` and `trainable`, as for any layer.

    Raises:
        ValueError: `scale` or `activation` is none of these.
    """

    family: Callable[..., tfd.Distribution]
    power: int
    scales: ClassVar[tuple[str, ...]] = (LEARNED, PER_PIXEL, OPTIMAL)

    def __init__(
        self, scale: float | str = DEFAULT_SCALE, activation: str = "sigmoid", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if activation not in ("sigmoid", "linear"):
            raise ValueError(
                f'`activation` must be "sigmoid" or "linear". Received: activation={activation!r}'
            )
        self.scale = _checked(scale, self.scales)
        self.activation = activation
        if self.scale == LEARNED:
            start = math.log(DEFAULT_SCALE - math.exp(LOG_SCALE_FLOOR))
            self.log_scale = self.add_weight(
                shape=(), initializer=keras.initializers.Constant(start), name="log_scale"
            )

    @property
    def outputs_per_value(self) -> int:
        """2 for a scale per pixel, else 1."""
        return 2 if self.scale == PER_PIXEL else 1

    @property
    def takes(self) -> str:
        """Logits of locations, or locations as they are, and for a scale per pixel its logarithms."""
        is_linear = self.activation == "linear"
        locations = "locations" if is_linear else 'logits of locations (activation="sigmoid")'
        return f"{locations}, then logarithms of scales" if self.scale == PER_PIXEL else locations

    @property
    def reach(self) -> tuple[float, float]:
        """That of logits; of linear locations [0, 1], with scales below 1 where the decoder makes them."""
        if self.activation == "sigmoid":
            return LOGITS
        return (LOGITS[0] if self.scale == PER_PIXEL else 0.0), 1.0

    def call(self, decoder_outputs: tf.Tensor) -> ImageDistribution:
        """Makes p(x|z) from `(batch, height, width, channels * outputs_per_value)`."""
        location, log_scale = decoder_outputs, None
        if self.scale == PER_PIXEL:
            location, log_scale = self.split(decoder_outputs)
            log_scale = soft_clip(log_scale)
        elif self.scale == LEARNED:
            log_scale = soft_clip(tf.convert_to_tensor(self.log_scale))
        elif self.scale != OPTIMAL:
            log_scale = tf.constant(math.log(self.scale))
        if self.activation == "sigmoid":
            location = tf.sigmoid(location)
        return self.images_around(location, log_scale)

    def images_around(self, location: tf.Tensor, log_scale: tf.Tensor | None) -> ImageDistribution:
        """p(x|z) from `(batch, height, width, channels)` locations and the log scale or scales."""
        pixels = Deviation(self.family, self.power, location, log_scale)
        return ImageDistribution.of_pixels(pixels)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "scale": self.scale, "activation": self.activation}


def _checked(scale: float | str, choices: tuple[str, ...]) -> float | str:
    if isinstance(scale, str) and scale in choices:
        return scale
    is_number = isinstance(scale, Real) and not isinstance(scale, bool)
    if is_number and 0 < scale < math.inf:
        return float(scale)
    words = [f'"{choice}"' for choice in choices]
    raise ValueError(
        f"`scale` must be a positive number, {', '.join(words[:-1])} or {words[-1]}. "
        f"Received: scale={scale!r}"
    )
