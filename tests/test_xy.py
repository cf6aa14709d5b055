"""The XY datasets: each against its definition, written out pixel by pixel."""

import numpy as np
import pytest

import zoo
from zoo.datasets.xyblocks import DIVISIONS

RED, GREEN, BLUE = np.eye(3)


def some(data, n=60, seed=0):
    """Indices, among them the first and the last image, and their factors."""
    indices = np.random.default_rng(seed).integers(len(data), size=n)
    indices[:2] = 0, len(data) - 1
    return indices, data.factors(indices)


def squares(data, factors):
    """XYSquares, XYSingleSquare or XYColumns by definition: one axis or two for each channel."""
    side, channels = data.side, data.image_shape[-1]
    axes = len(data.factor_names) // channels
    grid = data.square + data.spacing * (data.positions - 1)
    images = np.zeros((len(factors), side, side, channels))
    for image, row in zip(images, factors, strict=True):
        for channel in range(channels):
            place = (side - grid) // 2 + data.spacing * row[axes * channel : axes * (channel + 1)]
            x = slice(place[0], place[0] + data.square)
            y = slice(place[1], place[1] + data.square) if axes == 2 else slice(None)
            image[y, x, channel] = 1
    return images


@pytest.mark.parametrize("name", ["xysquares", "xysinglesquare", "xycolumns"])
@pytest.mark.parametrize(
    "grid",
    ["", "spacing=1", "spacing=3", "16, 4", "2, 25, 15", "4, 3, 5, 17", "1, 1, 7, 8", "1, 1, 9, 9"],
)
def test_squares_are_where_they_belong(name, grid):
    data = zoo.datasets.load(f"{name}({grid})")
    indices, factors = some(data)
    np.testing.assert_array_equal(data.images(indices), squares(data, factors))
    assert data.factor_sizes == (data.positions,) * len(data.factor_names)


def test_the_default_grids_have_the_published_sizes():
    sizes = {"xysquares": 262_144, "xysinglesquare": 64, "xycolumns": 512, "xyobject": 75_000}
    sizes |= {"xyobjectshaded": 75_000, "xyblocks": 27 * 64 * 64}
    assert {name: len(zoo.datasets.load(name)) for name in sizes} == sizes


def test_factor_values_of_squares_are_where_their_pixels_begin():
    data = zoo.datasets.load("xysquares(spacing=6)")
    factors = np.tile(np.arange(8)[:, None], (1, 6))
    images = data.images(data.index(factors))
    for channel in range(3):
        for factor, axis in ((2 * channel, 1), (2 * channel + 1, 0)):
            lit = images[..., channel].any(axis=2 - axis)
            np.testing.assert_array_equal(lit.argmax(axis=1), data.factor_values[factor])


@pytest.mark.parametrize("name", ["xysinglesquare", "xycolumns"])
@pytest.mark.parametrize("spacing", [8, 3, 1])
def test_pixel_distance_grows_until_squares_are_apart(name, spacing):
    """|a - b|² = 2·side of a strip·min(8, |Δ|·spacing)."""
    data = zoo.datasets.load(name, spacing=spacing)
    factors = np.full((8, len(data.factor_names)), 2)
    factors[:, 0] = np.arange(8)
    images = data.images(data.index(factors))
    distance = ((images[:, None] - images[None]) ** 2).sum(axis=(2, 3, 4))
    steps = np.abs(np.arange(8)[:, None] - np.arange(8))
    height = 8 if name == "xysinglesquare" else 64
    np.testing.assert_array_equal(distance, 2 * height * np.minimum(8, steps * spacing))


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ("spacing=0", "`spacing` must be an integer from 1 to 8. Received: spacing=0"),
        ("8, 9", "`spacing` must be an integer from 1 to 7. Received: spacing=8"),
        ("8, 0", "`positions` must be an integer from 1 to 57. Received: positions=0"),
        ("8, 58", "`positions` must be an integer from 1 to 57. Received: positions=58"),
        ("square=65", "`square` must be an integer from 1 to 64. Received: square=65"),
        ("side=0", "`side` must be an integer >= 1"),
        ("side=7", "`square` must be an integer from 1 to 7. Received: square=8"),
        ("spacing=1.5", "Received: spacing=1.5"),
    ],
)
def test_grids_that_do_not_fit(grid, message):
    with pytest.raises(ValueError, match="must be an integer") as error:
        zoo.datasets.load(f"xysquares({grid})")
    assert message in str(error.value)


# XYObject.


def objects(data, factors):
    """By definition: upper left corner at spacing·position + (15 - size) // 2."""
    hues = [(1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1)]
    colours = [shade * np.array(hue) for shade in (63, 127, 191, 255) for hue in hues]
    images = np.zeros((len(factors), 64, 64, 3), "uint8")
    for image, (x, y, scale, colour) in zip(images, factors, strict=True):
        size = (7, 9, 11, 13, 15)[scale]
        left, top = (data.spacing * place + (15 - size) // 2 for place in (x, y))
        image[top : top + size, left : left + size] = colours[colour]
    return images


@pytest.mark.parametrize("spacing", [1, 2, 7, 49])
def test_xyobject_is_one_square(spacing):
    data = zoo.datasets.load("xyobject", spacing=spacing)
    assert data.factor_sizes[:2] == ((64 - 15) // spacing + 1,) * 2
    indices, factors = some(data, 200)
    np.testing.assert_array_equal(data.images(indices), objects(data, factors))


def test_xyobject_squares_stay_centred_as_they_grow():
    data = zoo.datasets.load("xyobject")
    factors = np.array([[12, 5, scale, 23] for scale in range(5)])
    centres = [
        np.argwhere(image[..., 0]).mean(axis=0) for image in data.images(data.index(factors))
    ]
    np.testing.assert_array_equal(centres, np.tile([2 * 5 + 7, 2 * 12 + 7], (5, 1)))


def test_xyobjectshaded_has_the_same_images_and_other_factors():
    plain, shaded = zoo.datasets.load("xyobject"), zoo.datasets.load("xyobjectshaded")
    assert shaded.factor_sizes == (25, 25, 5, 4, 6)
    indices, factors = some(shaded, 300)
    np.testing.assert_array_equal(plain.images(indices), shaded.images(indices))
    both = factors[:, 3] * 6 + factors[:, 4]
    np.testing.assert_array_equal(plain.factors(indices)[:, 3], both)
    brightest = shaded.images(indices).max(axis=(1, 2, 3))
    np.testing.assert_array_equal(shaded.factor_values[3][factors[:, 3]], brightest)
    for name, shade, colour in zip(
        plain.factor_values[3],
        shaded.factor_values[3].repeat(6),
        np.tile(shaded.factor_values[4], 4),
        strict=True,
    ):
        assert name == f"{colour} {shade}"


@pytest.mark.parametrize("spacing", [0, 50, 2.0])
def test_wrong_spacing_of_xyobject(spacing):
    with pytest.raises(ValueError, match=r"`spacing` must be an integer from 1 to 49\. Received"):
        zoo.datasets.XYObject(spacing)


# XYBlocks.


def blocks(factors):
    """By definition: each pixel of each block on its own, from the largest block to the smallest."""
    images = np.zeros((len(factors), 64, 64, 3))
    for image, row in zip(images, factors, strict=True):
        for colour, x, y, count in zip(row[:3], row[3:6], row[6:], DIVISIONS, strict=True):
            size = 64 // count
            for line in range(y * size, (y + 1) * size):
                for pixel in range(x * size, (x + 1) * size):
                    same = (image[line, pixel] == np.eye(3)[colour]).all()
                    image[line, pixel] = 0 if same else np.eye(3)[colour]
    return images


def test_xyblocks_hide_or_cancel():
    data = zoo.datasets.load("xyblocks")
    indices, factors = some(data, 40)
    factors[2:30, 3:] = 0  # all three in one corner
    indices = data.index(factors)
    images = data.images(indices)
    np.testing.assert_array_equal(images, blocks(factors))
    kinds = {(len(set(row)), row[0] == row[1]) for row in factors[2:30, :3].tolist()}
    assert len(kinds) == 4, "some ways to overlap are not tested"


def test_xyblocks_cancel_twice():
    """Red on red is black, and red on that is red again."""
    data = zoo.datasets.load("xyblocks")
    [image] = data.images(data.index([[0] * 9]))
    np.testing.assert_array_equal(image[0, 0], RED)
    np.testing.assert_array_equal(image[0, 8], 0 * RED)
    np.testing.assert_array_equal(image[0, 16], RED)
    np.testing.assert_array_equal(image[32, 0], 0 * RED)


# All of them.


@pytest.mark.parametrize(
    "name", ["xysquares", "xysinglesquare", "xycolumns", "xyobject", "xyblocks"]
)
def test_different_factors_give_different_images(name):
    """All pairs of a random thousand, and every image with its neighbour along each factor."""
    data = zoo.datasets.load(name)
    rng = np.random.default_rng(0)
    indices = rng.permutation(len(data))[:1000]
    images = data.images(indices)
    assert len({image.tobytes() for image in images}) == len(indices)
    factors = data.factors(indices)
    for factor, size in enumerate(data.factor_sizes):
        moved = factors.copy()
        moved[:, factor] = (moved[:, factor] + 1) % size
        changed = (data.images(data.index(moved)) != images).any(axis=(1, 2, 3))
        assert changed.all()
