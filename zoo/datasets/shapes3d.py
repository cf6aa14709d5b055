"""shapes3d: the 3D Shapes grid, ray-cast once and coloured on the way."""

import colorsys
import functools

import numpy as np
import tensorflow as tf

from zoo.datasets import _raycast
from zoo.datasets.base import GridDataset

HUES = 10
SHAPES = ("cube", "cylinder", "sphere", "capsule")
SKY = (153 / 255, 226 / 255, 249 / 255)


class Shapes3D(GridDataset):
    """A coloured object in a coloured room, seen from 15 sides: 480,000 images.

    The grid of 3D Shapes, ray-cast from its geometry: 480 views (scale, shape, orientation), each of which says how
    much of floor, walls, object and sky every pixel shows, with light and a soft shadow. The colours of an image,
    `colorsys.hsv_to_rgb(hue, 1, 1)`, are filled in as it is drawn. Nothing is read or downloaded. uint8 images.

    Hues run from 0 to 0.9, scale from 0.75 to 1.25 and orientation, of the camera around the object, from -π/6 to
    π/6. Camera and objects are fitted to the original, the lamps to its statistics; single pixels differ.

    Example:
        >>> data = Shapes3D()
        >>> red, cyan = data.images(data.index([[0, 5, 3, 4, 2, 7], [5, 5, 3, 4, 2, 7]]))
        >>> red[60, 5], cyan[60, 5]
        (array([248,   4,   5], dtype=uint8), array([  3, 249, 250], dtype=uint8))

    Reference:
        Burgess & Kim, "3D Shapes Dataset", 2018. Kim & Mnih, "Disentangling by Factorising", ICML 2018.
    """

    name = "shapes3d"
    factor_names = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
    factor_values = (
        *(np.arange(HUES) / HUES,) * 3,
        _raycast.SCALES,
        np.array(SHAPES),
        _raycast.ANGLES,
    )
    factor_sizes = tuple(map(len, factor_values))
    image_shape = (_raycast.SIDE, _raycast.SIDE, 3)
    image_dtype = "uint8"
    part = 64

    def draw(self, factors: tf.Tensor) -> tf.Tensor:
        """Images of the given factors, shape `(n, 64, 64, 3)`; see `GridDataset.draw`."""
        hues, (scale, shape, orientation) = factors[:, :3], tf.unstack(factors[:, 3:], axis=1)
        _, _, _, _, shapes, orientations = self.factor_sizes
        view = (scale * shapes + shape) * orientations + orientation
        sky = tf.fill([tf.shape(factors)[0], 1], HUES)
        colours = tf.gather(palette(), tf.concat([hues, sky], axis=1))
        weights = tf.cast(tf.gather(views(), view), tf.float32)
        images = tf.cast(tf.matmul(weights, colours) + 0.5, tf.uint8)
        return tf.reshape(images, (-1, *self.image_shape))


@functools.cache
def views() -> tf.Tensor:
    """What `_raycast.views` makes, made once, when the first image is drawn: uint8, shape `(480, 64·64, 4)`."""
    # Outside of the graph that draws, so that all graphs refer to this tensor.
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.constant(_raycast.views())


def palette() -> np.ndarray:
    """The hues' colours, then the sky's: float32, shape `(11, 3)`."""
    hues = [colorsys.hsv_to_rgb(hue / HUES, 1, 1) for hue in range(HUES)]
    return np.array([*hues, SKY], np.float32)
