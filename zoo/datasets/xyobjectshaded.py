"""XYObjectShaded: XYObject, its colours told apart by shade and colour."""

import numpy as np
import tensorflow as tf

from zoo.datasets.xyobject import COLOURS, SHADES, XYObject


class XYObjectShaded(XYObject):
    """The images of XYObject, one by one, with the 24 colours split into 4 shades and 6 colours.

    Only the factors differ: what a model finds is scored against shade and colour, not against their combination.

    Args:
        spacing: pixels between neighbouring positions, of which there are as many as fit: 25 by default.

    Raises:
        ValueError: `spacing` is out of range.

    Example:
        >>> data = XYObjectShaded()
        >>> image = data.images(data.index([[24, 0, 4, 3, 1]]))[0]
        >>> image[0, 62]
        array([255, 255,   0], dtype=uint8)

    Reference:
        Michlo, Klein & James, "Overlooked Implications of the Reconstruction Loss for VAE Disentanglement",
        IJCAI 2023.
    """

    name = "xyobjectshaded"
    factor_names = ("x", "y", "scale", "shade", "colour")

    @staticmethod
    def colour_values() -> tuple[np.ndarray, ...]:
        """The values of the factors that give the square its colour."""
        return SHADES, np.array(list(COLOURS))

    def draw(self, factors: tf.Tensor) -> tf.Tensor:
        """Images of the given factors, shape `(n, 64, 64, 3)`; see `GridDataset.draw`."""
        colour = factors[:, 3] * len(COLOURS) + factors[:, 4]
        return super().draw(tf.concat([factors[:, :3], colour[:, None]], axis=1))
