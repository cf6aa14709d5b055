"""XYBlocks: blocks of three sizes that cancel where their colours meet."""

import numpy as np
import tensorflow as tf

from zoo.datasets.base import GridDataset

SIDE = 64  # pixels of an image
DIVISIONS = (2, 4, 8)  # positions of each block along an axis
COLOURS = ("red", "green", "blue")


class XYBlocks(GridDataset):
    """Blocks of 32, 16 and 8 pixels on grids of 2, 4 and 8 positions: 110,592 images.

    The blocks, red, green or blue, are laid down from the largest to the smallest. A block hides what is beneath it,
    but where that has the block's own colour both vanish and the ground, black, shows. So no factor moves pixels on
    its own: what a block does depends on those beneath it. Float32 images of 0 and 1.

    Example:
        >>> data = XYBlocks()
        >>> [image] = data.images(data.index([[0, 0, 1, 0, 0, 7, 0, 0, 0]]))  # red on red, green at the right
        >>> image[0, 0], image[20, 20], image[0, 63]
        (array([0., 0., 0.], dtype=float32), array([1., 0., 0.], dtype=float32),
         array([0., 1., 0.], dtype=float32))

    Reference:
        Michlo, "Disent: A modular disentangled representation learning framework for PyTorch", 2021.
    """

    name = "xyblocks"
    factor_names = tuple(
        f"{name}_{blocks}" for name in ("colour", "x", "y") for blocks in DIVISIONS
    )
    factor_values = (
        *(np.array(COLOURS),) * 3,
        *(np.arange(blocks) * (SIDE // blocks) for blocks in DIVISIONS * 2),
    )
    factor_sizes = tuple(map(len, factor_values))
    image_shape = (SIDE, SIDE, 3)

    def draw(self, factors: tf.Tensor) -> tf.Tensor:
        """Images of the given factors, shape `(n, 64, 64, 3)`; see `GridDataset.draw`."""
        cells = DIVISIONS[-1]
        colour, x, y = tf.split(factors, 3, axis=1)
        painted = tf.fill([tf.shape(factors)[0], cells, cells], -1)  # -1 is the ground
        for level, blocks in enumerate(DIVISIONS):
            cell = tf.range(cells) // (cells // blocks)
            inside = (cell[:, None] == y[:, None, None, level]) & (cell == x[:, None, None, level])
            own = colour[:, None, None, level]
            painted = tf.where(inside, tf.where(painted == own, -1, own), painted)
        # From cells to pixels: first along the lines, then whole lines at once.
        pixel = np.arange(SIDE) // (SIDE // cells)
        lines = tf.gather(tf.one_hot(painted, len(COLOURS)), pixel, axis=2)
        return tf.gather(lines, pixel, axis=1)
