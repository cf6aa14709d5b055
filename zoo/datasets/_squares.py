"""What the XY datasets share: lines of pixels, of which a square covers some."""

import numpy as np

from zoo.datasets.base import GridDataset
from zoo.utils.checks import check_integer


class MovingSquares(GridDataset):
    """Squares, or columns, that move on a grid in the middle of the image.

    The place of position f is offset + spacing·f, with the offset that centres the grid.

    Args:
        spacing: pixels between neighbouring positions.
        positions: number of positions along an axis.
        square: pixels along a side of a square.
        side: pixels along a side of the image.

    Raises:
        ValueError: an argument is out of range, or the grid does not fit into the image.
    """

    def __init__(self, spacing: int = 8, positions: int = 8, square: int = 8, side: int = 64):
        self.side = check_integer("side", side, 1)
        self.square = check_integer("square", square, 1, self.side)
        room = self.side - self.square
        self.positions = check_integer("positions", positions, 1, room + 1)
        steps = self.positions - 1
        self.spacing = check_integer("spacing", spacing, 1, room // steps if steps else self.side)
        self.offset = (room - steps * self.spacing) // 2
        places = self.offset + self.spacing * np.arange(self.positions)
        self.factor_sizes = (self.positions,) * len(self.factor_names)
        self.factor_values = (places,) * len(self.factor_names)
        self.image_shape = (self.side, self.side, type(self).image_shape[-1])
        self._lines = covered(places, self.square, self.side)


def covered(start: np.ndarray, width: np.ndarray | int, side: int) -> np.ndarray:
    """Pixels of a line from `start` to `start + width`.

    Args:
        start: first pixel, shape `(n,)`.
        width: number of pixels, one or `n`.
        side: length of the line.

    Returns:
        float32 array of 0 and 1, shape `(n, side)`.

    Example:
        >>> covered(np.array([0, 2]), 2, side=5)
        array([[1., 1., 0., 0., 0.],
               [0., 0., 1., 1., 0.]], dtype=float32)
    """
    pixel = np.arange(side)
    start, width = np.reshape(start, (-1, 1)), np.reshape(width, (-1, 1))
    return ((start <= pixel) & (pixel < start + width)).astype("float32")


def in_colours(lines: np.ndarray) -> np.ndarray:
    """Each line in red, then each in green, then in blue: from `(n, side)` to `(3·n, side·3)`."""
    n, side = lines.shape
    return np.einsum("fp,cd->cfpd", lines, np.eye(3, dtype="float32")).reshape(3 * n, side * 3)
