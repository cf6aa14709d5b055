"""What the variants share: another dataset's images, changed at random, image by image."""

import abc
import zlib
from typing import Any

import tensorflow as tf

from zoo.datasets import _random
from zoo.datasets._load import load
from zoo.datasets._wrapped import Wrapped
from zoo.utils.checks import check_integer

LARGEST_SEED = 2**31 - 1


class Variant(Wrapped):
    """Another dataset's images, changed at random; indices and factors stay as they are.

    The change of image i depends on `(seed, i)` alone, so that an image is the same whenever it is drawn. Float32
    images in [0, 1]. A subclass says how to `change` images.

    Args:
        data: whose images; anything that `zoo.datasets.load` takes.
        seed: integer from 0 to 2^31 - 1.

    Raises:
        ValueError: `seed` is out of range, or there is no such dataset.
    """

    part = 64
    channels = 3  # at least; a grey image is repeated

    def __init__(self, data: Any = "shapes2d", seed: int = 0):
        super().__init__(load(data))
        self.seed = check_integer("seed", seed, 0, LARGEST_SEED)
        height, width, channels = self.data.image_shape
        self.image_shape = (height, width, max(self.channels, channels))

    @abc.abstractmethod
    def change(self, images: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        """Changed images, as TensorFlow operations.

        Args:
            images: float32 in [0, 1], shape `(n, height, width, channels)`.
            indices: int64, shape `(n,)`.

        Returns:
            float32 tensor in [0, 1], shape `(n, *image_shape)`.
        """

    def render(self, indices: tf.Tensor) -> tf.Tensor:
        """Images as TensorFlow operations; see `Dataset.render`."""
        images = super().render(indices)
        if images.dtype == tf.uint8:
            images = tf.cast(images, tf.float32) / 255
        if self.channels > images.shape[-1] == 1:
            images = tf.repeat(images, self.channels, axis=-1)
        return self.change(images, indices)

    def uniform(self, indices: tf.Tensor, *shape: int) -> tf.Tensor:
        """Random numbers in [0, 1) for each image, which depend on the seed, the index and the variant's name.

        Returns:
            float32 tensor, shape `(n, *shape)`.
        """
        # With the name, the changes of a variant of a variant are independent of one another.
        key = self.seed << 32 | zlib.crc32(self.name.encode())

        def draw(index: tf.Tensor) -> tf.Tensor:
            pair = tf.stack([tf.constant(key, tf.int64), index])
            return _random.uniform(shape, pair)

        return tf.map_fn(draw, indices, fn_output_signature=tf.TensorSpec(shape))
