"""noisy: noise behind each image."""

from typing import Any

import tensorflow as tf

from zoo.datasets._variant import Variant
from zoo.utils.checks import check_fraction


class Noisy(Variant):
    """Any dataset on noise: min(image + strength·u, 1), with u uniform in [0, 1) for each pixel and channel.

    With its default, the Noisy-dSprites of the literature. As text: `"noisy"`, `"noisy(shapes3d, strength=0.5)"`.

    Args:
        data: whose images; anything that `zoo.datasets.load` takes. Grey images become images of three channels.
        strength: of the noise, from 0, which leaves images as they are, to 1.
        seed: integer from 0 to 2^31 - 1; the noise of image i depends on `(seed, i)` alone.

    Raises:
        ValueError: an argument is out of range, or there is no such dataset.

    Example:
        >>> data = Noisy("shapes2d", strength=0.5)
        >>> image = data.images([123])[0]
        >>> image.shape, bool((data.data.images([123])[0] <= image).all())
        ((64, 64, 3), True)

    Reference:
        Locatello et al., "Challenging Common Assumptions in the Unsupervised Learning of Disentangled
        Representations", ICML 2019, section 5.
    """

    name = "noisy"

    def __init__(self, data: Any = "shapes2d", strength: float = 1.0, seed: int = 0):
        super().__init__(data, seed)
        self.strength = check_fraction("strength", strength)

    def change(self, images: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        """Images on noise; see `Variant.change`."""
        return tf.minimum(images + self.strength * self.uniform(indices, *self.image_shape), 1)
