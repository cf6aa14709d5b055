"""cropped: a random piece of each image, enlarged."""

from typing import Any

import tensorflow as tf

from zoo.datasets._variant import Variant
from zoo.utils.checks import check_fraction


class Cropped(Variant):
    """Any dataset seen through random windows, each enlarged to the whole image.

    A window covers a part s of height and width, s uniform in [smallest, largest], anywhere in the image: equal
    limits give a random crop, different ones a random scale as well. Bilinear between pixels. As text: `"cropped"`,
    `"cropped(shapes3d, smallest=0.5)"`.

    Args:
        data: whose images; anything that `zoo.datasets.load` takes.
        smallest: part of an axis that a window covers at least, above 0.
        largest: part that it covers at most, up to 1, which is the whole image.
        seed: integer from 0 to 2^31 - 1; the window of image i depends on `(seed, i)` alone.

    Raises:
        ValueError: an argument is out of range, or there is no such dataset.

    Example:
        >>> data = Cropped("digits", smallest=0.5, largest=0.5)
        >>> data
        <cropped(digits): 1,797 images 8×8×1 float32; digit 10>

    Reference:
        Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, section 6: random crops of random scale.
    """

    name = "cropped"
    channels = 1

    def __init__(
        self, data: Any = "shapes2d", smallest: float = 0.75, largest: float = 1.0, seed: int = 0
    ):
        super().__init__(data, seed)
        self.smallest = check_fraction("smallest", smallest)
        self.largest = check_fraction("largest", largest)
        if not 0 < self.smallest <= self.largest:
            raise ValueError(
                "Windows must have 0 < smallest <= largest. "
                f"Received: smallest={smallest!r}, largest={largest!r}"
            )

    def change(self, images: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        """Pieces of the images; see `Variant.change`."""
        pieces = tf.image.crop_and_resize(
            images, self.windows(indices), tf.range(tf.shape(images)[0]), self.image_shape[:2]
        )
        return tf.clip_by_value(pieces, 0, 1)

    def windows(self, indices: tf.Tensor) -> tf.Tensor:
        """Top, left, bottom and right of the windows, 0 … 1, shape `(n, 4)`."""
        size, top, left = tf.unstack(self.uniform(indices, 3), axis=1)
        size = self.smallest + (self.largest - self.smallest) * size
        top, left = top * (1 - size), left * (1 - size)
        return tf.stack([top, left, top + size, left + size], axis=1)
