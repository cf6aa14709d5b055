"""XYSingleSquare: one square that moves on a grid."""

import tensorflow as tf

from zoo.datasets._squares import MovingSquares


class XYSingleSquare(MovingSquares):
    """One square that moves: the smallest set whose pixel distances say nothing of the factors.

    Image `(y:y+8, x:x+8) = 1`, as in `XYSquares`. Float32 images of 0 and 1, 64 of them by default.

    Args:
        spacing: pixels between neighbouring positions; as many as fit, 1 … 8 by default.
        positions: number of positions along an axis.
        square: pixels along a side of the square.
        side: pixels along a side of the image.

    Raises:
        ValueError: an argument is out of range, or the grid does not fit into the image.

    Example:
        >>> data = XYSingleSquare(spacing=2, positions=4, square=2, side=8)
        >>> data.images([1])[0, :4, :, 0]
        array([[0., 0., 0., 0., 0., 0., 0., 0.],
               [0., 0., 0., 0., 0., 0., 0., 0.],
               [1., 1., 0., 0., 0., 0., 0., 0.],
               [1., 1., 0., 0., 0., 0., 0., 0.]], dtype=float32)

    Reference:
        Michlo, Klein & James, "Overlooked Implications of the Reconstruction Loss for VAE Disentanglement",
        IJCAI 2023.
    """

    name = "xysinglesquare"
    factor_names = ("x", "y")
    image_shape = (64, 64, 1)

    def draw(self, factors: tf.Tensor) -> tf.Tensor:
        """Images of the given factors, shape `(n, side, side, 1)`; see `GridDataset.draw`."""
        column, row = tf.unstack(tf.gather(self._lines, factors), axis=1)
        return (row[:, :, None] * column[:, None, :])[..., None]
