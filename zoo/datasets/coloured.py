"""coloured: a random colour for each image."""

import tensorflow as tf

from zoo.datasets._variant import Variant

DARKEST = 0.5


class Coloured(Variant):
    """Any dataset in random colours: each image times one colour, uniform in [0.5, 1]³.

    With its default, the Color-dSprites of the literature. The colour is a nuisance: no factor tells it. As text:
    `"coloured"`, `"coloured(xysinglesquare)"`.

    Args:
        data: whose images; anything that `zoo.datasets.load` takes. Grey images become images of three channels.
        seed: integer from 0 to 2^31 - 1; the colour of image i depends on `(seed, i)` alone.

    Raises:
        ValueError: `seed` is out of range, or there is no such dataset.

    Example:
        >>> data = Coloured("shapes2d", seed=1)
        >>> data
        <coloured(shapes2d): 737,280 images 64×64×3 float32; shape 3, scale 6, orientation 40, x 32, y 32>
        >>> image = data.images([123])[0]
        >>> len(set(image[image.any(axis=-1)][:, 0]))
        1

    Reference:
        Locatello et al., "Challenging Common Assumptions in the Unsupervised Learning of Disentangled
        Representations", ICML 2019, section 5.
    """

    name = "coloured"

    def change(self, images: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        """Coloured images; see `Variant.change`."""
        colour = DARKEST + (1 - DARKEST) * self.uniform(indices, 1, 1, self.image_shape[-1])
        return images * colour
