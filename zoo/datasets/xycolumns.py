"""XYColumns: three columns, one per colour channel, that move sideways."""

import tensorflow as tf

from zoo.datasets._squares import MovingSquares, in_colours


class XYColumns(MovingSquares):
    """Three columns as high as the image: XYSquares with one axis instead of two.

    Image `(:, x:x+8, c) = 1` for each channel c, with x as in `XYSquares`. Float32 images of 0 and 1, 512 by default.

    Args:
        spacing: pixels between neighbouring positions; as many as fit, 1 … 8 by default.
        positions: number of positions.
        square: pixels across a column.
        side: pixels along a side of the image.

    Raises:
        ValueError: an argument is out of range, or the grid does not fit into the image.

    Example:
        >>> data = XYColumns()
        >>> image = data.images(data.index([[7, 0, 0]]))[0]
        >>> image.mean(axis=0)[56:, 0]
        array([1., 1., 1., 1., 1., 1., 1., 1.], dtype=float32)

    Reference:
        Michlo, Klein & James, "Overlooked Implications of the Reconstruction Loss for VAE Disentanglement",
        IJCAI 2023.
    """

    name = "xycolumns"
    factor_names = ("x_R", "x_G", "x_B")
    image_shape = (64, 64, 3)

    def __init__(self, spacing: int = 8, positions: int = 8, square: int = 8, side: int = 64):
        super().__init__(spacing, positions, square, side)
        self._coloured = in_colours(self._lines)

    def draw(self, factors: tf.Tensor) -> tf.Tensor:
        """Images of the given factors, shape `(n, side, side, 3)`; see `GridDataset.draw`."""
        columns = tf.gather(self._coloured, factors + self.positions * tf.range(3))
        line = tf.reduce_sum(columns, axis=1, keepdims=True)
        return tf.reshape(tf.tile(line, [1, self.side, 1]), (-1, *self.image_shape))
