"""Likelihoods of 8-bit images: probabilities of the 256 levels, where others have densities."""

import numpy as np
import tensorflow as tf

from zoo.likelihoods.base import Likelihood

LEVELS = 256
WHITE = LEVELS - 1
TOLERANCE = 0.1  # Of a level: float16 keeps k / 255 within 0.06.


def level_of(images: tf.Tensor) -> tf.Tensor:
    """The nearest of the levels 0 ... 255, as floats, of images in [0, 1].

    Example:
        >>> level_of(tf.constant([0.0, 0.5, 0.9999])).numpy()
        array([  0., 128., 255.], dtype=float32)
    """
    return tf.clip_by_value(tf.round(images * WHITE), 0.0, WHITE)


class LevelLikelihood(Likelihood):
    """Images with 256 levels 0, 1/255, ..., 1, each of which has a probability.

    Abstract: a subclass defines `call`. Other values are rounded to the nearest level.

    Args:
        **kwargs: `name` and `trainable`, as for any layer.
    """

    is_density = False

    def check(self, images: np.ndarray) -> None:
        """Warns, once, if the images hold values between the levels.

        Args:
            images: float in [0, 1], or uint8, of any shape.
        """
        images = np.asarray(images)
        if images.dtype.kind != "f":
            return
        levels = images * np.float32(WHITE)
        between = np.abs(levels - np.rint(levels)) > TOLERANCE
        if between.any():
            name = type(self).__name__
            self.warn_once(
                f"Expected images with the 256 levels of bytes, k / 255, for which {name} has "
                f"probabilities. Received also {images[between][0]:.4g}, which is rounded to the "
                "nearest. For values in between use a density, such as "
                'likelihood="continuous_bernoulli".'
            )
