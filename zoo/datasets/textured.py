"""textured: a texture behind each image."""

import math
from typing import Any

import tensorflow as tf

from zoo.datasets._variant import Variant
from zoo.utils.checks import check_fraction


class Textured(Variant):
    """Any dataset on random textures: image + (1 - image)·visibility·texture.

    The literature takes pieces of photographs, as Scream-dSprites does; here textures are made, with the photographs'
    decline of contrast with frequency: noise on grids of 2, 4, 8, … cells, each half as strong as the one before,
    interpolated and added, so that the amplitude is about 1 / frequency. White stays white, black becomes the
    texture. As text: `"textured"`, `"textured(shapes2d, visibility=0.5)"`.

    Args:
        data: whose images; anything that `zoo.datasets.load` takes. Grey images become images of three channels.
        visibility: of the texture, from 0, which leaves images as they are, to 1.
        seed: integer from 0 to 2^31 - 1; the texture of image i depends on `(seed, i)` alone.

    Raises:
        ValueError: an argument is out of range, or there is no such dataset.

    Example:
        >>> data = Textured("shapes2d", visibility=0.5)
        >>> image = data.images([123])[0]
        >>> image.shape, float(image[data.data.images([123])[0, ..., 0] == 0].max()) <= 0.5
        ((64, 64, 3), True)

    Reference:
        Michlo, Klein & James, "Overlooked Implications of the Reconstruction Loss for VAE Disentanglement",
        IJCAI 2023; Locatello et al., "Challenging Common Assumptions", ICML 2019, section 5.
    """

    name = "textured"

    def __init__(self, data: Any = "shapes2d", visibility: float = 1.0, seed: int = 0):
        super().__init__(data, seed)
        self.visibility = check_fraction("visibility", visibility)

    def change(self, images: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        """Images on textures; see `Variant.change`."""
        return images + (1 - images) * self.visibility * self.textures(indices)

    def textures(self, indices: tf.Tensor) -> tf.Tensor:
        """The textures of some images, float32 in [0, 1], shape `(n, *image_shape)`."""
        height, width, channels = self.image_shape
        octaves = max(1, math.ceil(math.log2(max(height, width))))
        cells = [2**octave for octave in range(1, octaves + 1)]
        noise = self.uniform(indices, sum(n * n for n in cells) * channels)
        texture = 0.0
        for n, part in zip(
            cells, tf.split(noise, [n * n * channels for n in cells], axis=1), strict=True
        ):
            grid = tf.reshape(part, (-1, n, n, channels))
            texture += (tf.image.resize(grid, (height, width)) - 0.5) * (2 / n)
        # The few values beyond black and white are cut.
        return tf.clip_by_value(0.5 + texture, 0, 1)
