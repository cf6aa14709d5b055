"""XYObject: one square that moves, grows and changes its colour."""

import numpy as np
import tensorflow as tf

from zoo.datasets._squares import covered
from zoo.datasets.base import GridDataset
from zoo.utils.checks import check_integer

SIDE = 64  # pixels of an image
SIZES = np.array([7, 9, 11, 13, 15])  # pixels of the square
COLOURS = {
    "red": (1, 0, 0),
    "yellow": (1, 1, 0),
    "green": (0, 1, 0),
    "cyan": (0, 1, 1),
    "blue": (0, 0, 1),
    "magenta": (1, 0, 1),
}
SHADES = np.array([63, 127, 191, 255])


class XYObject(GridDataset):
    """A square of 5 sizes and 24 colours that moves in small steps: 75,000 images, by default.

    A square of s = 7, 9, … 15 pixels, its upper left corner at spacing·(x, y) + (15 - s) // 2. The colours are four
    shades, 63, 127, 191 and 255, of red, yellow, green, cyan, blue and magenta, the shade slower: that shade and
    colour are one factor is meant to make the set hard. uint8 images.

    Args:
        spacing: pixels between neighbouring positions, of which there are as many as fit: 25 by default.

    Raises:
        ValueError: `spacing` is out of range.

    Example:
        >>> data = XYObject()
        >>> image = data.images(data.index([[24, 0, 4, 19]]))[0]
        >>> image[0, 62], int((image[..., 0] > 0).sum())
        (array([255, 255,   0], dtype=uint8), 225)

    Reference:
        Michlo, Klein & James, "Overlooked Implications of the Reconstruction Loss for VAE Disentanglement",
        IJCAI 2023.
    """

    name = "xyobject"
    factor_names = ("x", "y", "scale", "colour")
    image_shape = (SIDE, SIDE, 3)
    image_dtype = "uint8"

    def __init__(self, spacing: int = 2):
        self.spacing = check_integer("spacing", spacing, 1, SIDE - SIZES[-1])
        places = np.arange(0, SIDE - SIZES[-1] + 1, self.spacing)
        self.factor_values = (places, places, SIZES, *self.colour_values())
        self.factor_sizes = tuple(map(len, self.factor_values))
        corner = places[:, None] + (SIZES[-1] - SIZES) // 2
        lines = covered(corner, np.broadcast_to(SIZES, corner.shape), SIDE)
        self._rows = lines.astype("uint8")
        self._columns = self._rows.repeat(3, axis=1)  # a line's pixels, channel by channel
        self._paint = np.tile(colours(), SIDE)

    @staticmethod
    def colour_values() -> tuple[np.ndarray, ...]:
        """The values of the factors that give the square its colour."""
        return (np.array([f"{name} {shade}" for shade in SHADES for name in COLOURS]),)

    def draw(self, factors: tf.Tensor) -> tf.Tensor:
        """Images of the given factors, shape `(n, 64, 64, 3)`; see `GridDataset.draw`."""
        x, y, scale, colour = tf.unstack(factors, axis=1)
        line = tf.gather(self._columns, x * len(SIZES) + scale) * tf.gather(self._paint, colour)
        row = tf.gather(self._rows, y * len(SIZES) + scale)
        return tf.reshape(row[:, :, None] * line[:, None, :], (-1, *self.image_shape))


def colours() -> np.ndarray:
    """The 24 colours, uint8, shape `(24, 3)`; the shade is slower."""
    return (SHADES[:, None, None] * np.array(list(COLOURS.values()))).reshape(-1, 3).astype("uint8")
