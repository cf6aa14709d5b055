"""Variants: another dataset's images, changed by (seed, index) alone."""

import numpy as np
import pytest
from scipy import stats

import zoo

VARIANTS = ["coloured", "noisy", "textured", "cropped"]
RNG = np.random.default_rng(0)
GREY = RNG.integers(256, size=(40, 16, 12, 1), dtype="uint8")
COLOUR = RNG.integers(256, size=(40, 16, 12, 3), dtype="uint8")
BLACK, WHITE = np.zeros_like(GREY), np.full_like(GREY, 255)


def variant(name, images=GREY, **arguments):
    return zoo.registry.get("datasets", name)(images, **arguments)


every_variant = pytest.mark.parametrize("name", VARIANTS)


@every_variant
def test_an_image_depends_on_seed_and_index_alone(name):
    data = variant(name, seed=3)
    everything = data.images(np.arange(40))
    order = np.random.default_rng(1).permutation(40)
    np.testing.assert_array_equal(data.images(order), everything[order])
    for index in (0, 17):
        np.testing.assert_array_equal(data.images([index])[0], everything[index])
    np.testing.assert_array_equal(variant(name, seed=3).images(order), everything[order])
    assert (variant(name, seed=4).images(order) != everything[order]).any(axis=(1, 2, 3)).all()
    for batch in data.batches(8, seed=5).take(2):
        assert all((image == everything).all(axis=(1, 2, 3)).any() for image in batch.numpy())


@every_variant
def test_images_change_independently_of_one_another(name):
    """Of equal images, no two stay equal."""
    data = variant(name, np.repeat(GREY[:1], 40, axis=0))
    images = data.images(range(40))
    assert len({image.tobytes() for image in images}) == 40


@every_variant
def test_neither_reads_nor_changes_global_randomness(name):
    import tensorflow as tf

    before = np.random.get_state()[1].copy()
    tf.random.set_seed(1)
    first = variant(name).images([3])
    tf.random.set_seed(2)
    np.testing.assert_array_equal(first, variant(name).images([3]))
    np.testing.assert_array_equal(before, np.random.get_state()[1])


@every_variant
@pytest.mark.parametrize(
    "images", [GREY, COLOUR, GREY / np.float32(255)], ids=["grey", "colour", "float"]
)
def test_images_are_floats_from_0_to_1(name, images):
    data = variant(name, images)
    changed = data.images(range(40))
    channels = 3 if name != "cropped" else images.shape[-1]
    assert changed.shape == (40, *data.image_shape) == (40, 16, 12, channels)
    assert changed.dtype == np.float32
    assert 0 <= changed.min() <= changed.max() <= 1


@every_variant
def test_factors_are_those_of_the_data(name):
    data = zoo.datasets.load(f"{name}(xysquares(spacing=2))")
    plain = zoo.datasets.load("xysquares(spacing=2)")
    assert data.name == f"{name}(xysquares)"
    assert (data.factor_names, data.factor_sizes) == (plain.factor_names, plain.factor_sizes)
    np.testing.assert_array_equal(data.factor_values, plain.factor_values)
    indices = np.random.default_rng(0).integers(len(data), size=20)
    np.testing.assert_array_equal(data.factors(indices), plain.factors(indices))
    np.testing.assert_array_equal(data.index(data.factors(indices)), indices)
    with pytest.raises(ValueError, match="must be from 0 to 262143"):
        data.images([262_144])


@every_variant
def test_pairs_work_as_with_the_data(name):
    data = zoo.datasets.load(f"{name}(xysinglesquare(spacing=2, positions=4, square=2, side=8))")
    everything = data.images(range(16))
    first, second, changed = next(iter(data.pairs(16, k=1, labels=True, seed=1)))
    for a, b, which in zip(first.numpy(), second.numpy(), changed.numpy(), strict=True):
        found = [int((image == everything).all(axis=(1, 2, 3)).argmax()) for image in (a, b)]
        factors = data.factors(found)
        np.testing.assert_array_equal(factors[0] != factors[1], which)


# What each does.


def test_coloured_is_the_image_times_a_colour():
    colours = variant("coloured", np.repeat(WHITE, 10, axis=0)).images(range(400))[:, 0, 0]
    assert stats.kstest(colours.ravel(), stats.uniform(0.5, 0.5).cdf).pvalue > 1e-3
    correlation = np.corrcoef(colours.T)[np.triu_indices(3, 1)]
    assert np.abs(correlation).max() < 0.2
    images = variant("coloured", GREY).images(range(40))
    expected = GREY / 255 * colours[:40, None, None]
    np.testing.assert_allclose(images, expected, atol=1e-6)


def test_noisy_adds_uniform_noise_up_to_white():
    noise = variant("noisy", BLACK).images(range(40))
    assert stats.kstest(noise.ravel(), "uniform").pvalue > 1e-3
    flat = noise.reshape(40, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(40)).max() < 0.25
    assert np.abs(np.corrcoef(flat[:, :-1].ravel(), flat[:, 1:].ravel())[0, 1]) < 0.03
    images = variant("noisy", GREY, strength=0.25).images(range(40))
    np.testing.assert_allclose(images, np.minimum(GREY / 255 + 0.25 * noise, 1), atol=1e-6)


@pytest.mark.parametrize("name", ["noisy", "textured"])
def test_nothing_visible_leaves_images_as_they_are(name):
    level = {"noisy": "strength", "textured": "visibility"}[name]
    images = variant(name, COLOUR, **{level: 0}).images(range(40))
    np.testing.assert_allclose(images, COLOUR / 255, atol=1e-6)


def test_textured_shows_the_texture_where_the_image_is_black():
    textures = variant("textured", BLACK).images(range(40))
    for visibility in (0.3, 1.0):
        images = variant("textured", GREY, visibility=visibility).images(range(40))
        grey = GREY / 255
        np.testing.assert_allclose(images, grey + (1 - grey) * visibility * textures, atol=1e-6)
    np.testing.assert_allclose(variant("textured", WHITE).images(range(40)), 1)


def test_textures_look_like_photographs():
    """Mean and contrast of small photographs (ImageNet's: about 0.47, 0.25), and amplitude about 1 / frequency."""
    black = np.zeros((60, 64, 64, 1), "uint8")
    textures = variant("textured", black).images(range(60)).astype(float)
    assert textures.mean() == pytest.approx(0.5, abs=0.03)
    assert textures.std() == pytest.approx(0.25, abs=0.03)
    spectrum = np.abs(
        np.fft.fft2(textures - textures.mean(axis=(1, 2), keepdims=True), axes=(1, 2))
    )
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(64, 1 / 64)] * 2))
    low = [
        spectrum[:, (frequency > f) & (frequency <= 2 * f)].mean() for f in (1.4, 2.8, 5.6, 11.2)
    ]
    slope = np.polyfit(np.log2([1, 2, 4, 8]), np.log2(low), 1)[0]
    assert -2.2 < slope < -0.8  # amplitude over area: 1 / frequency in each octave is -1 ... -2


def test_cropped_is_a_window_of_the_image():
    """A ramp tells where a window was: its first and last value are its edges."""
    ramp = np.linspace(0, 1, 33, dtype="float32")
    across = np.broadcast_to(ramp[None, None, :, None], (500, 33, 33, 1))
    data = variant("cropped", across, smallest=0.5, largest=0.8)
    lines = data.images(range(500))[:, 16, :, 0]
    left, right = lines[:, 0], lines[:, -1]
    np.testing.assert_allclose(lines, np.linspace(left, right, 33, axis=1), atol=1e-5)
    size = right - left
    assert stats.kstest(size, stats.uniform(0.5, 0.3).cdf).pvalue > 1e-3
    assert stats.kstest(left / (1 - size), "uniform").pvalue > 1e-3
    down = variant("cropped", across.transpose(0, 2, 1, 3), smallest=0.5, largest=0.8)
    columns = down.images(range(500))[:, :, 16, 0]
    np.testing.assert_allclose(columns[:, -1] - columns[:, 0], size, atol=1e-5)
    assert abs(np.corrcoef(columns[:, 0] / (1 - size), left / (1 - size))[0, 1]) < 0.2


def test_the_whole_window_is_the_image():
    data = variant("cropped", COLOUR, smallest=1.0)
    np.testing.assert_allclose(data.images(range(40)), COLOUR / 255, atol=1e-5)


def test_a_variant_of_a_variant_changes_anew():
    """Noise on noise is the sum of two independent ones: a triangle on [0, 2], cut at 1."""
    once = variant("noisy", np.repeat(BLACK, 5, axis=0), strength=0.5)
    first = once.images(range(200))
    twice = zoo.datasets.Noisy(once, strength=0.5).images(range(200))
    second = twice - first
    assert np.abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02
    assert stats.kstest(second.ravel()[::7] * 2, "uniform").pvalue > 1e-3


# As text, and wrong arguments.


def test_variants_as_text():
    data = zoo.datasets.load("noisy(coloured(xysquares(spacing=1), seed=5), strength=0.5)")
    assert (data.name, data.strength, data.data.seed, data.data.data.spacing) == (
        "noisy(coloured(xysquares))", 0.5, 5, 1,
    )  # fmt: skip
    assert zoo.datasets.load("noisy('digits')").name == "noisy(digits)"
    assert zoo.datasets.load("noisy").name == "noisy(shapes2d)"


def test_variants_of_files(tmp_path, monkeypatch):
    np.savez(tmp_path / "things.npz", images=GREY)
    monkeypatch.chdir(tmp_path)
    for text in (
        "noisy(things.npz)",
        "noisy('things.npz')",
        f"noisy({str(tmp_path / 'things.npz')!r})",
    ):
        assert len(zoo.datasets.load(text)) == 40


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("noisy(shapes)", 'Unknown dataset "shapes". Did you mean'),
        ("noisy(strength=2)", "`strength` must be a number from 0 to 1. Received: strength=2"),
        ("textured(visibility=50)", "`visibility` must be a number from 0 to 1. Received"),
        ("textured(visibility='r')", "`visibility` must be a number from 0 to 1. Received"),
        ("noisy(seed=-1)", "`seed` must be an integer from 0 to 2147483647. Received: seed=-1"),
        ("cropped(smallest=0)", "smallest <= largest. Received: smallest=0"),
        ("cropped(smallest=0.9, largest=0.5)", "smallest=0.9, largest=0.5"),
        ("noisy(shapes2d, loud=1)", "Its arguments: data, strength, seed"),
        ("noisy(3)", "Received: int"),
        ("noisy(shapes2d +)", "Received: 'noisy(shapes2d +)'"),
    ],
)
def test_wrong_variants(text, message):
    with pytest.raises(ValueError, match=r"must|Expected|Unknown|Its arguments") as error:
        zoo.datasets.load(text)
    assert message in str(error.value)
