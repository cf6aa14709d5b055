"""shapes2d: the 2D Shapes (dSprites) grid, rendered from its geometry."""

import functools

import numpy as np
import tensorflow as tf

from zoo.datasets.base import GridDataset

SIDE = 64  # pixels of an image
SHAPES, SCALES, ORIENTATIONS, POSITIONS = 3, 6, 40, 32
SQUARE = 9.598  # half the side, pixels
ELLIPSE = (12.765, 7.215)  # half axes
HEART_POINTS = 200

# Positions are 32/31 pixels apart, so relative to a shape's centre every pixel centre lies on one lattice: pixel i
# seen from position k is at lattice point 31·i - 32·k, which is (31·i - 32·k - ORIGIN) / 31 pixels from the centre.
STEPS = POSITIONS - 1
ORIGIN = 480.5
LATTICE = (
    962  # points 0 … 961; the lattice ends 15.5 pixels from the centre, and no shape reaches 14
)


class Shapes2D(GridDataset):
    """Square, ellipse or heart at 6 scales, 40 orientations and 32×32 positions: 737,280 binary images.

    The grid of dSprites, drawn from its geometry: a pixel is 1 where its centre lies in the shape. Nothing is read
    or downloaded. Float32 images of 0 and 1. Scale runs from 0.5 to 1, orientation from 0 to 2π (so the last equals
    the first), x from left to right and y from top to bottom, each from 0 to 1.

    Against 320 frames of the original, squares are exact in 64 of 64, ellipses in 60 of 64 (8 wrong pixels in
    all), hearts in 164 of 192 (44 wrong pixels).

    Example:
        >>> data = Shapes2D()
        >>> square = data.images(data.index([[0, 5, 0, 0, 0]]))[0]
        >>> int(square.sum())
        400

    Reference:
        Matthey, Higgins, Hassabis & Lerchner, "dSprites: Disentanglement testing Sprites dataset", 2017.
    """

    name = "shapes2d"
    factor_names = ("shape", "scale", "orientation", "x", "y")
    factor_sizes = (SHAPES, SCALES, ORIENTATIONS, POSITIONS, POSITIONS)
    factor_values = (
        np.array(["square", "ellipse", "heart"]),
        np.linspace(0.5, 1, SCALES),
        np.linspace(0, 2 * np.pi, ORIENTATIONS),
        np.linspace(0, 1, POSITIONS),
        np.linspace(0, 1, POSITIONS),
    )
    image_shape = (SIDE, SIDE, 1)

    def draw(self, factors: tf.Tensor) -> tf.Tensor:
        """Images of the given factors, shape `(n, 64, 64, 1)`; see `GridDataset.draw`."""
        shape, scale, orientation, x, y = tf.unstack(factors, axis=1)
        sprite = (shape * SCALES + scale) * ORIENTATIONS + orientation
        line = tf.clip_by_value(pixel_points(y), 0, LATTICE - 1)
        edges = tf.gather(self._edges, sprite[:, None] * LATTICE + line)[:, :, None, :]
        point = tf.cast(pixel_points(x), tf.int16)[:, None, :]
        first, first_end, second, second_end = tf.unstack(edges, axis=-1)
        inside = (first <= point) & (point < first_end) | (second <= point) & (point < second_end)
        return tf.cast(inside, tf.float32)[..., None]

    @functools.cached_property
    def _edges(self) -> tf.Tensor:
        # Made when first drawn, and outside of the graph that draws, so that all graphs refer to one tensor.
        with tf.init_scope(), tf.device("CPU:0"):
            return tf.constant(sprite_edges())


def pixel_points(position: tf.Tensor) -> tf.Tensor:
    """Lattice points of a line's 64 pixels as seen from positions of shape `(n,)`: shape `(n, 64)`."""
    return STEPS * tf.range(SIDE) - POSITIONS * position[:, None]


@functools.cache
def sprite_edges() -> np.ndarray:
    """Where each line of the lattice enters and leaves each sprite.

    No line crosses a sprite more than twice, so a sprite is two runs of lattice points a line, `[first, first_end)`
    and `[second, second_end)`: 5 MB for what the 868×868 points of 720 sprites would take 500 MB.

    Returns:
        int16 array, shape `(3·6·40·962, 4)`.
    """
    lines = (np.arange(LATTICE) - ORIGIN) / STEPS
    edges = np.stack(
        [
            polygon_crossings(*turned(*square_corners()), lines),
            ellipse_crossings(lines),
            polygon_crossings(*turned(*heart_points()), lines),
        ]
    )
    return np.ceil(edges * STEPS + ORIGIN).astype(np.int16).reshape(-1, 4)


def square_corners() -> tuple[np.ndarray, np.ndarray]:
    """The square's corners (u, v), in pixels at scale 1."""
    return SQUARE * np.array([1, 1, -1, -1]), SQUARE * np.array([1, -1, -1, 1])


def heart_points() -> tuple[np.ndarray, np.ndarray]:
    """The heart's 200-gon (u, v), in pixels at scale 1, tip down."""
    t = np.linspace(0, 2 * np.pi, HEART_POINTS, endpoint=False)
    height = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return 9.6 * np.sin(t) ** 3, -1.436 - 0.6625 * height


def poses() -> tuple[np.ndarray, np.ndarray]:
    """Scale and angle of the 240 poses of a shape, each of shape `(240, 1)`; orientation fastest."""
    scale, angle = np.meshgrid(
        np.linspace(0.5, 1, SCALES), np.linspace(0, 2 * np.pi, ORIENTATIONS), indexing="ij"
    )
    return scale.reshape(-1, 1), angle.reshape(-1, 1)


def turned(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of a shape, shape `(points,)`, in all its poses: X and Y of shape `(240, points)`.

    The inverse of u = (X cos θ - Y sin θ) / s, v = (X sin θ + Y cos θ) / s.
    """
    scale, angle = poses()
    return (
        scale * (u * np.cos(angle) + v * np.sin(angle)),
        scale * (v * np.cos(angle) - u * np.sin(angle)),
    )


def polygon_crossings(x: np.ndarray, y: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Where horizontal lines cross polygons.

    Args:
        x: the corners' abscissas, shape `(polygons, corners)`.
        y: their ordinates.
        lines: ordinates of the lines, ascending, shape `(lines,)`.

    Returns:
        Abscissas from left to right, shape `(polygons, lines, 4)`; 0 where there are fewer.
    """
    x0, y0, x1, y1 = (a.ravel() for a in (x, y, np.roll(x, -1, axis=1), np.roll(y, -1, axis=1)))
    start = np.searchsorted(lines, np.minimum(y0, y1))
    count = np.searchsorted(lines, np.maximum(y0, y1)) - start
    side = np.repeat(np.arange(len(x0)), count)  # one entry for each line that each side crosses
    line = start[side] + within_runs(count)
    along = (lines[line] - y0[side]) / (y1 - y0)[side]
    crossing = x0[side] + along * (x1 - x0)[side]

    row = side // x.shape[1] * len(lines) + line
    order = np.lexsort((crossing, row))
    crossings = np.zeros((len(x) * len(lines), 4))
    rank = within_runs(np.bincount(row, minlength=len(crossings)))
    crossings[row[order], rank] = crossing[order]
    return crossings.reshape(len(x), len(lines), 4)


def within_runs(count: np.ndarray) -> np.ndarray:
    """0 … c - 1 for each c of `count`, end to end.

    Example:
        >>> within_runs(np.array([2, 0, 3]))
        array([0, 1, 0, 1, 2])
    """
    return np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)


def ellipse_crossings(lines: np.ndarray) -> np.ndarray:
    """Where horizontal lines cross the ellipse in all its poses.

    With Y given, (u / a)² + (v / b)² = 1 is a quadratic in X: p·X² + 2·q·X + r = 0.

    Returns:
        Abscissas, shape `(240, lines, 4)`; 0 where there are fewer.
    """
    scale, angle = poses()
    a, b = ELLIPSE[0] * scale, ELLIPSE[1] * scale
    cos, sin = np.cos(angle), np.sin(angle)
    p = (cos / a) ** 2 + (sin / b) ** 2
    q = lines * sin * cos * (1 / b**2 - 1 / a**2)
    r = lines**2 * ((sin / a) ** 2 + (cos / b) ** 2) - 1
    discriminant = q**2 - p * r
    root = np.sqrt(np.maximum(discriminant, 0))
    none = np.zeros_like(root)
    crossings = np.stack([(-q - root) / p, (root - q) / p, none, none], axis=-1)
    return np.where(discriminant[..., None] > 0, crossings, 0)
