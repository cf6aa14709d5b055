"""The mathematics of the datasets, by formula or brute force."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageSequence
from scipy import stats

import zoo
from zoo.datasets import base
from zoo.datasets._pipelines import permutation

GIF = Path(__file__).resolve().parents[2] / "shared" / "data" / "dsprites.gif"


@pytest.fixture(scope="module")
def shapes2d():
    return zoo.datasets.load("shapes2d")


@pytest.fixture(scope="module")
def xysquares():
    return zoo.datasets.load("xysquares")


def numbered(n):
    """n one-pixel images whose value is their index; not 2, for bytes of 0 and 1 alone are black and white."""
    return zoo.datasets.load(np.arange(n, dtype="uint8").reshape(n, 1, 1, 1))


def take(data, batch_size, count, **arguments):
    batches = data.batches(batch_size, **arguments).take(count)
    return np.stack([batch.numpy() for batch in batches])


def some_indices(data, n, seed=0):
    return np.random.default_rng(seed).integers(len(data), size=n)


# Order: batch k depends on (seed, k) alone, and an epoch holds each image once.


@pytest.mark.parametrize("n", [1, 2, 3, 64, 1797, 65537, 262144])
def test_permutation_holds_each_index_once(n):
    order = permutation(n, seed=3, epoch=5).numpy()
    np.testing.assert_array_equal(np.sort(order), np.arange(n))


def test_permutation_is_uniform():
    """All 24 orders of 4 items are equally frequent over epochs, and neighbouring epochs are independent."""
    epochs = 4800
    order = tf.data.Dataset.range(epochs).map(lambda epoch: permutation(4, 0, epoch))
    order = order.batch(epochs).get_single_element().numpy()
    _, code, count = np.unique(order, axis=0, return_inverse=True, return_counts=True)
    assert len(count) == 24
    assert stats.chisquare(count).pvalue > 1e-3
    pairs = np.bincount(code[:-1] * 24 + code[1:], minlength=576)
    assert stats.chisquare(pairs).pvalue > 1e-3


@pytest.mark.parametrize(("n", "batch_size"), [(1, 4), (3, 2), (5, 12), (7, 7), (10, 3), (12, 4)])
def test_epochs_hold_each_image_once(n, batch_size):
    line = take(numbered(n), batch_size, 3 * n).ravel()
    epochs = line[: len(line) // n * n].reshape(-1, n)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(n), (len(epochs), 1)))
    if n >= 5:
        assert len(np.unique(epochs, axis=0)) > 1, "every epoch has the same order"


def test_batches_are_the_epochs_end_to_end():
    n, batch_size, seed = 10, 4, 9
    expected = np.concatenate([permutation(n, seed, epoch) for epoch in range(4)])
    np.testing.assert_array_equal(take(numbered(n), batch_size, 10, seed=seed).ravel(), expected)


@pytest.mark.parametrize(("n", "batch_size"), [(1, 4), (5, 12), (10, 3), (12, 4)])
@pytest.mark.parametrize("start_step", [1, 3, 4, 50])
def test_start_step_skips_batches_exactly(n, batch_size, start_step):
    data = numbered(n)
    straight = take(data, batch_size, start_step + 5, seed=2)
    resumed = take(data, batch_size, 5, seed=2, start_step=start_step)
    np.testing.assert_array_equal(resumed, straight[start_step:])


def test_start_step_resumes_late_in_a_large_dataset(shapes2d):
    step = 3 * len(shapes2d) // 64 - 1  # the batch before the fourth epoch
    third, fourth = (permutation(len(shapes2d), 7, epoch).numpy() for epoch in (2, 3))
    order = np.concatenate([third[-64:], fourth[:64]])
    resumed = take(shapes2d, 64, 2, seed=7, start_step=step)
    np.testing.assert_array_equal(resumed.reshape(128, 64, 64, 1), shapes2d.images(order))


def test_seed_decides_the_order():
    data = numbered(100)
    first = take(data, 32, 3, seed=0)
    np.testing.assert_array_equal(first, take(data, 32, 3, seed=0))
    assert (first != take(data, 32, 3, seed=1)).any()
    tf.random.set_seed(123)
    np.testing.assert_array_equal(first, take(data, 32, 3, seed=0))


@pytest.mark.parametrize("name", ["shapes2d", "xysquares", "digits"])
def test_batches_are_static_in_shape_and_infinite(name):
    data = zoo.datasets.load(name)
    batches = data.batches(16)
    assert batches.element_spec == tf.TensorSpec((16, *data.image_shape), data.image_dtype)
    assert batches.cardinality() == tf.data.INFINITE_CARDINALITY


@pytest.mark.parametrize("name", ["shapes2d", "xysquares", "digits"])
def test_batches_are_the_images_of_the_order(name):
    """What the graph makes is what `images` makes."""
    data = zoo.datasets.load(name)
    order = permutation(len(data), 4, 0).numpy()[:96]
    np.testing.assert_array_equal(np.concatenate(take(data, 32, 3, seed=4)), data.images(order))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be an integer >= 1. Received: batch_size=0"),
        ({"batch_size": 2.5}, "`batch_size` must be an integer >= 1. Received: batch_size=2.5"),
        ({"batch_size": 4, "seed": -1}, "`seed` must be an integer >= 0. Received: seed=-1"),
        ({"batch_size": 4, "start_step": -2}, "`start_step` must be an integer >= 0."),
    ],
)
def test_wrong_batches_arguments(arguments, message):
    with pytest.raises(ValueError, match="must be an integer") as error:
        numbered(3).batches(**arguments)
    assert message in str(error.value)


# Indices and factors.


@pytest.mark.parametrize("name", ["shapes2d", "xysquares", "digits"])
def test_a_dataset_knows_its_name(name):
    data = zoo.datasets.load(name)
    assert data.name == name
    assert repr(data).startswith(f"<{name}: {len(data):,} images")


@pytest.mark.parametrize("name", ["shapes2d", "xysquares"])
def test_index_inverts_factors_with_the_last_factor_fastest(name):
    data = zoo.datasets.load(name)
    assert len(data) == np.prod(data.factor_sizes)
    indices = some_indices(data, 500)
    factors = data.factors(indices)
    np.testing.assert_array_equal(data.index(factors), indices)
    strides = [int(np.prod(data.factor_sizes[i + 1 :])) for i in range(len(data.factor_sizes))]
    np.testing.assert_array_equal(factors @ np.array(strides), indices)
    assert (data.factors(range(2))[:, -1] == [0, 1]).all()


def test_images_are_rendered_in_chunks(monkeypatch):
    data = numbered(200)
    lengths = []
    rendered = data.rendered
    monkeypatch.setattr(data, "rendered", lambda i: lengths.append(len(i)) or rendered(i))
    indices = some_indices(data, 10 * base.CHUNK + 1)
    np.testing.assert_array_equal(data.images(indices).ravel(), indices)
    assert max(lengths) == base.CHUNK
    assert len(lengths) == 11


@pytest.mark.parametrize("count", [0, 3, base.CHUNK, 3 * base.CHUNK + 1])
def test_a_tensor_of_images_holds_the_images_and_is_made_in_chunks(monkeypatch, count):
    data = zoo.datasets.load("shapes2d")
    lengths = []
    render = data.render
    monkeypatch.setattr(data, "render", lambda i: lengths.append(i.shape[0]) or render(i))
    indices = some_indices(data, count)
    np.testing.assert_array_equal(data.rendered(indices), render(indices))
    assert max(lengths) == min(count, base.CHUNK)


def test_no_indices_give_no_images(shapes2d):
    assert shapes2d.images([]).shape == (0, 64, 64, 1)
    assert shapes2d.factors([]).shape == (0, 5)


@pytest.mark.parametrize("method", ["images", "factors"])
@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([0, 262144], "`indices` must be from 0 to 262143, for 262144 images. Received: 262144"),
        ([-1], "Received: -1"),
        ([0.5], "`indices` must be integers of shape (n,). Received: shape (1,), dtype float64"),
        ([[1]], "Received: shape (1, 1)"),
        (3, "Received: shape ()"),
    ],
)
def test_wrong_indices(xysquares, method, indices, message):
    with pytest.raises(ValueError, match="`indices` must be") as error:
        getattr(xysquares, method)(indices)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ([[0, 0, 0, 0, 0, 8]], 'Factor "y_B" must be from 0 to 7. Received: 8'),
        ([[-1, 0, 0, 0, 0, 0]], 'Factor "x_R" must be from 0 to 7. Received: -1'),
        ([[0, 0]], "Received: shape (1, 2)"),
        ([0, 0, 0, 0, 0, 0], "Received: shape (6,)"),
        ([[0.5] * 6], "dtype float64"),
    ],
)
def test_wrong_factors(xysquares, factors, message):
    with pytest.raises(ValueError, match="must be") as error:
        xysquares.index(factors)
    assert message in str(error.value)


# shapes2d: against its definition, the original's frames and the original's statistics.


def by_definition(shape, scale, orientation, x, y):
    """One shapes2d image, pixel by pixel from its formula; the heart by the winding of its polygon."""
    pixel = np.arange(64) + 0.5
    right, down = np.meshgrid(pixel - (16 + 32 * x / 31), pixel - (16 + 32 * y / 31))
    angle, size = 2 * np.pi * orientation / 39, 0.5 + 0.1 * scale
    u = (right * np.cos(angle) - down * np.sin(angle)) / size
    v = (right * np.sin(angle) + down * np.cos(angle)) / size
    if shape == 0:
        return np.maximum(abs(u), abs(v)) <= 9.598
    if shape == 1:
        return (u / 12.765) ** 2 + (v / 7.215) ** 2 <= 1
    t = 2 * np.pi * np.arange(200) / 200
    tall = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    corners = 9.6 * np.sin(t) ** 3 + 1j * (-1.436 - 0.6625 * tall)
    seen = corners - (u + 1j * v)[..., None]
    turns = np.angle(np.roll(seen, -1, axis=-1) / seen).sum(axis=-1) / (2 * np.pi)
    return np.abs(turns) > 0.5


@pytest.mark.parametrize("shape", [0, 1, 2])
def test_shapes2d_follows_its_definition(shapes2d, shape):
    rng = np.random.default_rng(shape)
    factors = np.stack([rng.integers(size, size=120) for size in shapes2d.factor_sizes], axis=1)
    factors[:, 0] = shape
    factors[:4, 3:] = [[0, 0], [0, 31], [31, 0], [31, 31]]
    images = shapes2d.images(shapes2d.index(factors))
    expected = np.stack([by_definition(*row) for row in factors])
    np.testing.assert_array_equal(images[..., 0], expected)


def gif_factors():
    """Factors of the animation's 320 frames, found by the nearest rendered image of each frame.

    For heart, ellipse, square: the scale goes up, down, up; the shape turns once; the heart alone then moves down,
    right, up and left; the scale goes down.
    """
    scales, positions = range(6), range(32)
    up = [(scale, 0, 0, 0) for scale in scales]
    turn = [(5, orientation, 0, 0) for orientation in range(40)]
    tour = [
        *((5, 39, 0, y) for y in positions),
        *((5, 39, x, 31) for x in positions),
        *((5, 39, 31, y) for y in reversed(positions)),
        *((5, 39, x, 0) for x in reversed(positions)),
    ]
    frames = []
    for shape, path in ((2, tour), (1, []), (0, [])):
        frames += [(shape, *rest) for rest in [*up, *up[::-1], *up, *turn, *path, *up[::-1]]]
    return np.array(frames)


@pytest.mark.skipif(not GIF.exists(), reason=f"needs {GIF}")
def test_shapes2d_matches_the_originals_frames(shapes2d):
    with Image.open(GIF) as animation:
        frames = [np.array(frame.convert("L")) for frame in ImageSequence.Iterator(animation)]
    factors = gif_factors()
    images = shapes2d.images(shapes2d.index(factors))[..., 0]
    wrong = ((np.stack(frames) > 127) != (images > 0.5)).sum(axis=(1, 2))
    found = {
        s: ((wrong[factors[:, 0] == s] == 0).sum(), wrong[factors[:, 0] == s].sum())
        for s in range(3)
    }
    assert found == {0: (64, 0), 1: (60, 8), 2: (164, 44)}


def test_shapes2d_has_the_originals_mean_and_std(shapes2d):
    """Each of the 720 sprites at 16 random positions: a position changes the area by a few pixels only."""
    rng = np.random.default_rng(0)
    sprites = np.repeat(np.arange(720), 16)
    images = shapes2d.images(sprites * 1024 + rng.integers(1024, size=len(sprites)))
    assert set(np.unique(images)) == {0, 1}
    mean = images.mean(axis=(1, 2, 3), dtype="float64")
    error = mean.reshape(720, 16).std(axis=1).mean() / np.sqrt(len(mean))
    assert error < 1e-5
    assert mean.mean() == pytest.approx(0.04250, abs=1e-5 + 4 * error)
    assert np.sqrt(mean * (1 - mean)).mean() == pytest.approx(0.19516, abs=3e-5)


def test_shapes2d_moves_as_far_as_the_original(shapes2d):
    """Mean squared difference of two different images of a traversal.

    The original's figures are a sample too: the images of some hundred traversals, which differ by some 30 per cent
    (standard deviation) from one another. Hence 8 per cent.
    """
    original = {"shape": 0.0214, "scale": 0.0250, "orientation": 0.0172, "x": 0.0559, "y": 0.0584}
    rng = np.random.default_rng(0)
    for factor, name in enumerate(shapes2d.factor_names):
        size = shapes2d.factor_sizes[factor]
        rows = np.stack([rng.integers(s, size=400) for s in shapes2d.factor_sizes], axis=1)
        rows = rows.repeat(size, axis=0)
        rows[:, factor] = np.tile(np.arange(size), 400)
        images = shapes2d.images(shapes2d.index(rows)).reshape(400, size, -1)
        distance = 2 * images.var(axis=1, ddof=1).mean(axis=1)  # E |a - b|² = 2 Var
        assert distance.mean() == pytest.approx(original[name], rel=0.08), name


def test_shapes2d_distance_of_random_pairs(shapes2d):
    images = shapes2d.images(some_indices(shapes2d, 4000))
    pairs = ((images[:2000] - images[2000:]) ** 2).mean(axis=(1, 2, 3))
    assert pairs.mean() == pytest.approx(0.0754, abs=4 * pairs.std() / np.sqrt(2000))


def test_shapes2d_last_orientation_equals_the_first(shapes2d):
    factors = shapes2d.factors(some_indices(shapes2d, 100))
    first, last = factors.copy(), factors.copy()
    first[:, 2], last[:, 2] = 0, 39
    images = [shapes2d.images(shapes2d.index(rows)) for rows in (first, last)]
    np.testing.assert_array_equal(*images)


def test_shapes2d_moves_right_and_down(shapes2d):
    corners = shapes2d.images(shapes2d.index([[0, 0, 0, 0, 0], [0, 0, 0, 31, 0], [0, 0, 0, 0, 31]]))
    centres = [np.argwhere(image[..., 0]).mean(axis=0) + 0.5 for image in corners]
    np.testing.assert_allclose(centres, [[16, 16], [16, 48], [48, 16]], atol=0.5)


# XYSquares: its formula, and how well pixel distance tells ground-truth distance.

OFFSETS = {8: 0, 7: 3, 6: 7, 5: 10, 4: 14, 3: 17, 2: 21, 1: 24}
PEARSON = {8: 0.52, 7: 0.60, 6: 0.67, 5: 0.72, 4: 0.75, 3: 0.86, 2: 0.94, 1: 1.00}
SPEARMAN = {8: 0.58, 7: 0.85, 6: 0.85, 5: 0.85, 4: 0.85, 3: 0.95, 2: 0.99, 1: 1.00}


@pytest.mark.parametrize("spacing", range(1, 9))
def test_xysquares_are_three_squares(spacing):
    data = zoo.datasets.load("xysquares", spacing=spacing)
    indices = some_indices(data, 50)
    expected = np.zeros((50, 64, 64, 3), "float32")
    for image, row in zip(expected, data.factors(indices), strict=True):
        for channel in range(3):
            x, y = OFFSETS[spacing] + spacing * row[2 * channel : 2 * channel + 2]
            image[y : y + 8, x : x + 8, channel] = 1
    np.testing.assert_array_equal(data.images(indices), expected)


@pytest.mark.parametrize("spacing", range(1, 9))
@pytest.mark.parametrize("factor", range(6))
def test_xysquares_pixel_distance_along_a_factor(spacing, factor):
    data = zoo.datasets.load(f"xysquares(spacing={spacing})")
    factors = np.full((8, 6), 3)
    factors[:, factor] = np.arange(8)
    images = data.images(data.index(factors))
    pixels = ((images[:, None] - images[None]) ** 2).mean(axis=(2, 3, 4))
    truth = np.abs(np.arange(8)[:, None] - np.arange(8))
    np.testing.assert_allclose(pixels, 16 * np.minimum(8, truth * spacing) / 12288, rtol=1e-6)
    pearson = stats.pearsonr(truth.ravel(), pixels.ravel()).statistic
    spearman = stats.spearmanr(truth.ravel(), pixels.ravel()).statistic
    assert pearson == pytest.approx(PEARSON[spacing], abs=0.005 + 1e-9)
    assert spearman == pytest.approx(SPEARMAN[spacing], abs=0.005 + 1e-9)


@pytest.mark.parametrize("spacing", [1, 8])
def test_xysquares_mean_and_std(spacing):
    data = zoo.datasets.load("xysquares", spacing=spacing)
    images = data.images(some_indices(data, 300))
    np.testing.assert_allclose(images.mean(axis=(0, 1, 2), dtype="float64"), 1 / 64)
    np.testing.assert_allclose(images.std(axis=(0, 1, 2), dtype="float64"), np.sqrt(63) / 64)


@pytest.mark.parametrize("spacing", [0, 9, -1, 2.0, "8", None])
def test_wrong_spacing(spacing):
    with pytest.raises(ValueError, match="spacing") as error:
        zoo.datasets.XYSquares(spacing)
    message = f"`spacing` must be an integer from 1 to 8. Received: spacing={spacing!r}"
    assert str(error.value) == message


# Arrays and files.


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    data, digits = zoo.datasets.load("digits"), load_digits()
    everything = np.arange(1797)
    assert (data.factor_names, data.factor_sizes) == (("digit",), (10,))
    np.testing.assert_array_equal(data.images(everything)[..., 0], digits.images / 16)
    np.testing.assert_array_equal(data.factors(everything)[:, 0], digits.target)


@pytest.mark.parametrize("name", ["xysquares", "shapes2d"])
def test_traversals_move_one_factor(name):
    data = zoo.datasets.load(name)
    indices = [5, len(data) - 1]
    for factor, size in enumerate(data.factor_sizes):
        along = data.traversals(indices, factor)
        assert along.shape == (2, size)
        for index, row in zip(indices, along, strict=True):
            factors = data.factors(row)
            assert index in row
            assert factors[:, factor].tolist() == list(range(size))
            assert len(np.unique(np.delete(factors, factor, axis=1), axis=0)) == 1


def test_traversals_of_what_is_not_there():
    data = zoo.datasets.load((np.zeros((3, 8, 8, 1), np.float32), [[0, 0], [0, 1], [1, 0]]))
    np.testing.assert_array_equal(data.traversals([1], 1), [[0, 1]])
    with pytest.raises(ValueError, match=r"no image|No image"):
        data.traversals([1], 0)
    with pytest.raises(ValueError, match="`factor` must be an integer from 0 to 1"):
        data.traversals([1], 2)
    assert not data.is_grid()
    assert zoo.datasets.load("xysquares").is_grid()


def test_index_of_arrays_is_the_first_image_with_the_factors():
    factors = np.array([[2, 0], [0, 1], [2, 0], [1, 1]])
    data = zoo.datasets.Arrays(np.zeros((4, 2, 2, 3), "uint8"), factors, ("a", "b"))
    assert data.factor_sizes == (3, 2)
    np.testing.assert_array_equal(data.index([[1, 1], [2, 0]]), [3, 0])
    with pytest.raises(
        ValueError, match=r"No image of \"arrays\" has the factors {'a': 0, 'b': 0}"
    ):
        data.index([[0, 0]])


@pytest.mark.parametrize(
    ("given", "kept"),
    [("uint8", "uint8"), ("bool", "float32"), ("float16", "float32"), ("float64", "float32")],
)
def test_dtypes_of_arrays(given, kept):
    images = np.random.default_rng(0).integers(2, size=(5, 4, 3)).astype(given)
    data = zoo.datasets.load(images)
    assert data.image_shape == (4, 3, 1)
    assert data.images([4, 0]).dtype == data.image_dtype == kept
    white = 255 if given == "uint8" else 1
    np.testing.assert_array_equal(data.images([4, 0])[..., 0], white * images[[4, 0]].astype(kept))


def test_arrays_without_factors_say_so():
    data = numbered(3)
    assert data.factor_names == data.factor_sizes == ()
    for call in (lambda: data.factors([0]), lambda: data.index([[0]])):
        with pytest.raises(ValueError, match='The dataset "arrays" has no factors'):
            call()


def test_graphs_refer_to_large_arrays_and_do_not_copy_them():
    data = zoo.datasets.load(np.zeros((4000, 32, 32, 1), "uint8"))
    render = tf.function(data.render).get_concrete_function(tf.TensorSpec([None], tf.int64))
    assert render.graph.as_graph_def().ByteSize() < 10_000


@pytest.mark.parametrize("as_path", [str, Path])
def test_files_round_trip(tmp_path, as_path):
    images = np.random.default_rng(0).integers(256, size=(6, 4, 4, 3), dtype="uint8")
    factors = np.arange(12).reshape(6, 2)
    np.savez(tmp_path / "things.npz", images=images, factors=factors, factor_names=["a", "b"])
    np.save(tmp_path / "pixels.npy", images)
    named = zoo.datasets.load(as_path(tmp_path / "things.npz"))
    plain = zoo.datasets.load(as_path(tmp_path / "pixels.npy"))
    assert (named.name, named.factor_names, plain.factor_names) == ("things", ("a", "b"), ())
    np.testing.assert_array_equal(named.factors(range(6)), factors)
    for data in (named, plain):
        np.testing.assert_array_equal(data.images(range(6)), images)


GREY = np.zeros((4, 2, 2), "uint8")
NAN = np.zeros((4, 2, 2, 1), "float32")
NAN[1, 0, 1, 0] = NAN[2] = np.nan


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((4, 2), "uint8"),), "Received: shape (4, 2)"),
        ((np.zeros((0, 2, 2), "uint8"),), "Received: shape (0, 2, 2)"),
        ((GREY.astype("int64"),), "Received: dtype int64, values from 0 to 0. Convert them"),
        ((GREY.astype("complex64"),), "Received: dtype complex64"),
        ((GREY.astype(object),), "`images` must be one array of numbers. Received: objects"),
        (([[[1]], [[1, 2]]],), "rows of different lengths"),
        (
            (GREY + 255.0,),
            "Expected float images in [0, 1]. Received: values from 255 to 255. Scale",
        ),
        ((GREY - 0.5,), "Received: values from -0.5 to -0.5"),
        ((GREY + np.inf,), "Received: values from inf to inf"),
        ((NAN,), "Received: 5 NaN pixels, the first at index (1, 0, 1, 0)."),
        ((GREY, [0, 1]), "one row per image. Received: 2 rows for 4 images"),
        ((GREY, [0.0, 1, 2, 3]), "`factors` must be integers of shape (n, factors) or (n,)"),
        ((GREY, [0, 1, 2, -3]), "Received: a value of -3"),
        ((GREY, np.zeros((4, 0), int)), "Received: no columns"),
        ((GREY, np.zeros((4, 1, 1), int)), "Received: shape (4, 1, 1), dtype int64"),
        ((GREY, [0, 1, 2, None]), "`factors` must be one array of numbers"),
        ((GREY, [0, 1, 2, 3], ["a", "b"]), "`factor_names` must be 1 different names"),
        ((GREY, np.zeros((4, 2), int), ["a", "a"]), "`factor_names` must be 2 different names"),
        ((GREY, None, ["a"]), "`factor_names` must be 0 different names"),
    ],
)
def test_wrong_arrays(arguments, message):
    with pytest.raises(ValueError, match=r"must|Expected") as error:
        zoo.datasets.Arrays(*arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_wrong_files(tmp_path):
    np.savez(tmp_path / "unnamed.npz", pixels=GREY)
    np.savez(tmp_path / "objects.npz", images=GREY.astype(object))
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 torn")
    (tmp_path / "text.npy").write_text("no array")
    expected = {
        "absent.npz": "No file .*absent.npz. Expected an .npz, .npy or .h5 file",
        "unnamed.npz": 'unnamed.npz must hold an array "images" .*Received: pixels',
        "objects.npz": 'must hold an array "images" .*Received: images .objects, which are not unpickled',
        "torn.npz": "Cannot read .*torn.npz",
        "text.npy": "Cannot read .*text.npy",
    }
    for name, message in expected.items():
        with pytest.raises(ValueError, match=message) as error:
            zoo.datasets.load(tmp_path / name)
        assert "\n" not in str(error.value)


# One way in.


def test_load_takes_names_calls_arrays_and_datasets(xysquares):
    assert zoo.datasets.load(xysquares) is xysquares
    assert zoo.datasets.load("xysquares(spacing=2)").spacing == 2
    assert zoo.datasets.load("xysquares(spacing=2)", spacing=3).spacing == 3
    assert len(zoo.datasets.load(GREY)) == 4
    data = zoo.datasets.load((GREY, [0, 1, 2, 3]), factor_names=["label"])
    assert (data.factor_names, data.factor_sizes) == (("label",), (4,))


def test_load_explains_what_it_cannot_load(xysquares):
    with pytest.raises(ValueError, match=r'"xysquare"\. Did you mean "xysquares"'):
        zoo.datasets.load("xysquare")
    with pytest.raises(ValueError, match=r"Expected the name of a dataset.*Received: int"):
        zoo.datasets.load(3)
    with pytest.raises(ValueError, match="is a dataset already"):
        zoo.datasets.load(xysquares, spacing=3)
