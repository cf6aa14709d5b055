"""XYSquares: three squares, one per colour channel, that move on a grid."""

import tensorflow as tf

from zoo.datasets._squares import MovingSquares, in_colours


class XYSquares(MovingSquares):
    """Three squares that move: the set whose pixel distances say nothing of the factors.

    Image `(y:y+8, x:x+8, c) = 1` for each channel c, with x = offset + spacing·f and the offset that centres the
    grid. Float32 images of 0 and 1. With `spacing` no less than `square`, two positions never overlap, so every move
    of a square is as far from every other in pixels; the smaller the spacing, the better pixel distance tells
    ground-truth distance.

    Args:
        spacing: pixels between neighbouring positions; as many as fit, 1 … 8 by default.
        positions: number of positions along an axis.
        square: pixels along a side of a square.
        side: pixels along a side of the image.

    Raises:
        ValueError: an argument is out of range, or the grid does not fit into the image.

    Example:
        >>> data = XYSquares(spacing=8)
        >>> image = data.images(data.index([[1, 0, 0, 0, 0, 0]]))[0]
        >>> image[0, :, 0].nonzero()[0]
        array([ 8,  9, 10, 11, 12, 13, 14, 15])

    Reference:
        Michlo, Klein & James, "Overlooked Implications of the Reconstruction Loss for VAE Disentanglement",
        IJCAI 2023.
    """

    name = "xysquares"
    factor_names = ("x_R", "y_R", "x_G", "y_G", "x_B", "y_B")
    image_shape = (64, 64, 3)

    def __init__(self, spacing: int = 8, positions: int = 8, square: int = 8, side: int = 64):
        super().__init__(spacing, positions, square, side)
        # A line of pixels in each of the three colours, so that one matrix product paints all channels at once.
        self._coloured = in_colours(self._lines)

    def draw(self, factors: tf.Tensor) -> tf.Tensor:
        """Images of the given factors, shape `(n, side, side, 3)`; see `GridDataset.draw`."""
        x, y = factors[:, 0::2], factors[:, 1::2]
        rows = tf.gather(self._lines, y)
        columns = tf.gather(self._coloured, x + self.positions * tf.range(3))
        return tf.reshape(tf.matmul(rows, columns, transpose_a=True), (-1, *self.image_shape))
