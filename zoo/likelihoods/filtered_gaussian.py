"""The likelihood that sees a blurred image too, and so how far an object is from its place."""

import math
from numbers import Real
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.likelihoods._blur import GeneralBlur, SeparableBlur, blur_form
from zoo.likelihoods._location_scale import (
    DEFAULT_SCALE,
    LEARNED,
    OPTIMAL,
    PER_PIXEL,
    LocationScale,
    known_scale,
    log_density,
)
from zoo.likelihoods.base import ImageDistribution, TensorDistribution, tensors

tfd = tfp.distributions

RADIUS = 31
_OFFSETS = np.arange(-RADIUS, RADIUS + 1)
KERNELS = {
    "box": np.ones(len(_OFFSETS)),
    "gaussian": np.exp(-0.5 * (_OFFSETS / (RADIUS / 4)) ** 2),
}


@tfp.experimental.auto_composite_tensor(omit_kwargs=("name",))
class _FilteredNormal(TensorDistribution):
    """Images around a location whose deviation and blurred deviation are both small."""

    def __init__(
        self,
        location: tf.Tensor,
        log_scale: tf.Tensor | None,
        blur: SeparableBlur | GeneralBlur,
        name: str = "FilteredNormal",
    ) -> None:
        parameters = dict(locals())
        self._location = location
        self._log_scale = log_scale
        self._blur = blur
        super().__init__(parameters, name, tfd.FULLY_REPARAMETERIZED)

    @classmethod
    def _parameter_properties(cls, dtype: Any, num_classes: Any = None) -> dict[str, Any]:
        return tensors(location=3, log_scale=0)

    def _event_shape(self) -> tf.TensorShape:
        return self._location.shape[-3:]

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        deviation = keras.ops.moveaxis(x - self._location, -1, -3)
        parts = log_density(2, self._blur.energies(deviation), self._log_scale)
        log_volume = 0.5 * self._blur.log_determinant * self._location.shape[-1]
        return tf.reduce_sum(parts, axis=[-3, -2, -1]) + log_volume

    def _mean(self) -> tf.Tensor:
        return tf.identity(self._location)

    def _mode(self) -> tf.Tensor:
        return tf.identity(self._location)

    def _sample_n(self, n: int, seed: Any = None) -> tf.Tensor:
        centre = keras.ops.moveaxis(self._location, -1, -3)
        noise = tfd.Normal(tf.zeros_like(centre), known_scale(self._log_scale)).sample(n, seed)
        return self._location + keras.ops.moveaxis(self._blur.inverse_root(noise), -3, -1)


@keras.saving.register_keras_serializable(package="zoo")
class FilteredGaussian(LocationScale):
    """Images normal around a mean, which the decoder makes, as they are and blurred.

        log p(x|z) = -(SSE(x, mu) + alpha SSE(k * x, k * mu)) / (2 sigma^2)
                     - N log(sigma) - (N/2) log(2 pi) + (C/2) log det(I + alpha K'K)

    with SSE the sum of squared errors, N = height x width x C numbers, and K the matrix of the
    convolution k * of one channel, with zeros beyond the border. For a loss pixel by pixel two
    small objects that do not overlap are equally far apart at any distance, so that nothing
    orders their positions; blurred, they overlap again. With the determinant this is a density,
    a normal one with precision (I + alpha K'K) / sigma^2, and may be compared with all others.

    The 63x63 kernels belong to 64x64 images. On smaller images they are cut at the border like
    any other, and on images of 32 pixels or less the box sees all of the image from each of its
    pixels: the second term then compares brightness alone. Give a smaller kernel, and an alpha of
    about its number of pixels.

    Args:
        scale: sigma, a positive number; or `"learned"`, or `"optimal"`, as for `Gaussian`, where
            the optimal sigma^2 is the batch mean of (SSE + alpha SSE of the blurred) / N. There
            is no `"per_pixel"`, because a blurred error belongs to many pixels.
        activation: from decoder outputs to means: "sigmoid", which keeps them in [0, 1], or
            "linear".
        kernel: "box", 63x63 equal weights; "gaussian", 63x63 with standard deviation 7.75 pixels,
            both with sum 1; or weights used as they are: a list or array of an odd number, for
            their outer product with themselves, or with an odd number of rows and columns. One
            that is no column times a row takes images of up to 4,096 pixels, a few seconds at
            first use, and fast Fourier transforms.
        alpha: weight of the blurred squared error, >= 0; 0 is `Gaussian`.
        **kwargs: `name` and `trainable`, as for any layer.

    Raises:
        ValueError: an argument is none of these.

    Example:
        >>> p = FilteredGaussian(kernel=[0.25, 0.5, 0.25], alpha=9.0)(tf.zeros((2, 8, 8, 3)))
        >>> p.event_shape, p.log_prob(tf.fill((2, 8, 8, 3), 0.5)).numpy().round(1)
        (TensorShape([8, 8, 3]), array([315.5, 315.5], dtype=float32))

    Reference:
        Michlo, Klein and James, "Overlooked Implications of the Reconstruction Loss for VAE
        Disentanglement", 2023, equation 11. Zeros beyond the border and the kernels are those of
        its published code.
    """

    family = tfd.Normal
    power = 2
    scales: ClassVar[tuple[str, ...]] = (LEARNED, OPTIMAL)

    def __init__(
        self,
        scale: float | str = DEFAULT_SCALE,
        activation: str = "sigmoid",
        kernel: Any = "box",
        alpha: float = 3969.0,
        **kwargs: Any,
    ) -> None:
        if isinstance(scale, str) and scale == PER_PIXEL:
            raise ValueError(
                '`scale` must be a positive number, "learned" or "optimal", because a blurred '
                "error belongs to many pixels and cannot be measured in units of one's scale. "
                f'Received: scale="{PER_PIXEL}"'
            )
        super().__init__(scale, activation, **kwargs)
        self._kernel_rows = _kernel_rows(kernel)
        self.kernel = kernel if isinstance(kernel, str) else np.asarray(kernel).tolist()
        self.alpha = _checked_alpha(alpha)

    def images_around(self, location: tf.Tensor, log_scale: tf.Tensor | None) -> ImageDistribution:
        """p(x|z) from `(batch, height, width, channels)` means and the log scale."""
        height, width = location.shape[-3:-1]
        if None in (height, width):
            raise ValueError(
                "Expected decoder outputs of known height and width, on which the density's "
                f"constant depends. Received: shape={tuple(location.shape)}. End the decoder with "
                "a layer that says them, such as keras.layers.Reshape."
            )
        blur = blur_form(self._kernel_rows, self.alpha, height, width)
        return ImageDistribution.of_images(_FilteredNormal(location, log_scale, blur))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "kernel": self.kernel, "alpha": self.alpha}


def _checked_alpha(alpha: float) -> float:
    is_number = isinstance(alpha, Real) and not isinstance(alpha, bool)
    if is_number and 0 <= alpha < math.inf:
        return float(alpha)
    raise ValueError(f"`alpha` must be a number >= 0. Received: alpha={alpha!r}")


def _kernel_rows(kernel: Any) -> tuple[tuple[float, ...], ...]:
    """The rows of the kernel of this name, or with these weights."""
    if isinstance(kernel, str) and kernel in KERNELS:
        weights = KERNELS[kernel] / KERNELS[kernel].sum()
    else:
        weights = _checked_weights(kernel)
    weights = np.outer(weights, weights) if weights.ndim == 1 else weights
    return tuple(map(tuple, weights.tolist()))


def _checked_weights(kernel: Any) -> np.ndarray:
    try:
        weights = np.asarray(kernel, np.float64)
    except (TypeError, ValueError):
        weights = np.empty(0)
    odd = all(size % 2 for size in weights.shape)
    if weights.ndim in (1, 2) and odd and np.isfinite(weights).all() and weights.any():
        return weights
    raise ValueError(
        '`kernel` must be "box", "gaussian", or finite weights, not all 0, with an odd number of '
        f"them, or of rows and columns. Received: kernel={kernel!r}"
    )
