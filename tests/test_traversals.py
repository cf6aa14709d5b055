"""Traversals show where codes lie, name what a latent knows, and leave out what is not used."""

import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from PIL import Image

import zoo
from zoo.measure import evaluation, plots
from zoo.measure.evaluation import Table, _traverse
from zoo.runs import report
from zoo.utils import image_files

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def data():
    """Images of two factors: brightness in 5 levels, and which half is bright."""
    factors = np.indices((5, 2)).reshape(2, -1).T.repeat(20, axis=0)
    images = np.zeros((len(factors), *SHAPE), "float32")
    for image, (level, half) in zip(images, factors, strict=True):
        image[:, 4 * half : 4 * half + 4] = 0.2 + 0.15 * level
    return zoo.datasets.load((images, factors))


@pytest.fixture(scope="module")
def model():
    return zoo.models.VAE(SHAPE, 3, likelihood="continuous_bernoulli", seed=0)


def known_table(data):
    """Codes whose percentiles and knowledge are known: z0 is the level, z1 noise, z2 hardly moves."""
    n = len(data)
    noise = np.random.default_rng(0).normal(size=n)
    codes = np.stack([data.factors(np.arange(n))[:, 0], 3 + noise, np.full(n, 0.5)], axis=1)
    return Table(codes, data.factors(np.arange(n)), np.arange(n), None, None)


def test_by_default_latents_go_through_the_percentiles_of_their_codes(model, data):
    codes = evaluation.encode(model, data).codes
    traversal = zoo.traverse(model, data, index=7, columns=5)
    np.testing.assert_allclose(traversal.values, [1, 25.5, 50, 74.5, 99])
    for row, latent in enumerate(traversal.latents):
        expected = np.percentile(codes[:, latent], traversal.values)
        np.testing.assert_allclose(traversal.settings[row], expected, rtol=1e-5)
        moved = np.tile(model.encode(data.images([7])).mean(), (5, 1))
        moved[:, latent] = expected
        np.testing.assert_allclose(traversal.images[row], model.decode(moved).mean(), atol=1e-5)


@pytest.mark.parametrize("span", [1.0, 2.5])
def test_a_span_gives_units_of_the_prior(model, data, span):
    traversal = zoo.traverse(model, data, span=span, columns=3)
    np.testing.assert_allclose(traversal.values, [-span, 0, span])
    np.testing.assert_allclose(traversal.settings, np.tile([-span, 0, span], (3, 1)))


def test_a_latent_is_named_after_the_factor_that_it_knows_best(model, data):
    traversal = zoo.traverse(model, data, table=known_table(data))
    told = dict(zip(traversal.latents.tolist(), traversal.told, strict=True))
    assert told[0] == (data.factor_names[0], pytest.approx(1))
    assert told[1][1] < 0.5
    labels = report.live_rows(traversal, model)[1]
    assert f"z0  {data.factor_names[0]} 100 %" in labels


def with_dead(model, data, dead):
    traversal = zoo.traverse(model, data)
    return dataclasses.replace(traversal, dead=np.isin(traversal.latents, dead))


def test_latents_that_are_not_used_are_one_grey_line_at_the_end(model, data):
    traversal = with_dead(model, data, [0, 2])
    figure = report.traversal_figure(traversal, model, "halves")
    assert [text.get_text()[:2] for text in figure.axes[0].get_yticklabels()] == ["z1"]
    (line,) = [text for text in figure.texts if "not used" in text.get_text()]
    assert line.get_text() == "not used: z0, z2"
    red, green, blue, _ = to_rgba(line.get_color())
    assert red == green == blue != 0
    assert len(figure.axes[0].images) == 11


def test_a_model_that_uses_no_latent_is_still_drawn(model, data):
    figure = report.traversal_figure(with_dead(model, data, [0, 1, 2]), model, "halves")
    assert len(figure.axes[0].get_yticklabels()) == 3


def test_what_is_below_a_hundredth_of_a_nat_is_dead(model, data, monkeypatch):
    table = evaluation.encode(model, data)
    kl = np.tile([0.5, 0.009, 0.011], (len(data), 1))
    changed = dataclasses.replace(table, latent_kl=kl)
    monkeypatch.setattr(_traverse, "encode", lambda *_, **__: changed)
    traversal = evaluation.traverse(model, data)
    assert traversal.latents[traversal.dead].tolist() == [1]


def test_without_factors_rows_have_no_names(model, data):
    traversal = zoo.traverse(model, data.images(np.arange(64)))
    assert traversal.told == [None, None, None]
    figure = report.traversal_figure(traversal, model, "images")
    assert "nats" in figure.axes[0].get_yticklabels()[0].get_text()


def test_the_note_stands_below_the_images_and_is_not_clipped():
    images = np.zeros((1, 2, 8, 8, 1))
    figure = plots.traversals(
        images, values=["1 %", "99 %"], labels=["z0"], note="not used: z1, z2, z3, z4, z5, z6, z7"
    )
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["1 %", "99 %"]
    canvas = report.pixels(figure)
    tight = figure.get_tightbbox()
    assert tight.x0 >= 0
    assert tight.y0 >= 0
    assert tight.x1 <= figure.get_figwidth()
    bottom = canvas[-40:]
    assert (bottom < 200).any()


# Animations and small pictures.


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_an_animation_goes_there_and_back(tmp_path, suffix, channels):
    images = np.zeros((2, 4, 16, 16, channels), "float32")
    images[0] += np.linspace(0, 1, 4)[:, None, None, None]
    file = tmp_path / f"moving{suffix}"
    image_files.animate(images, [4, 2], ["z0  size 90 %", "z1"], file)
    with Image.open(file) as animation:
        assert animation.n_frames == 6
        assert animation.info["loop"] == 0
        means = []
        for frame in range(6):
            animation.seek(frame)
            means.append(np.asarray(animation.convert("L"))[30:140, 10:130].mean())
    assert means[0] < means[1] < means[2] < means[3] > means[4] > means[5]
    assert means[1] == pytest.approx(means[5], abs=4)


@pytest.mark.parametrize("name", ["moving.png", "moving", "moving.mp4"])
def test_an_animation_of_another_kind_is_refused_before_any_work(tmp_path, name):
    with pytest.raises(ValueError, match=r"written as \.gif or \.webp"):
        report.draw_traversals(tmp_path / "no run", tmp_path / name, animate=True)


def read(file):
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_a_compressed_figure_is_smaller_and_looks_the_same(tmp_path, data):
    figure = plots.grid(data.images(np.arange(0, 200, 7)), title="halves")
    report.save_figure(figure, tmp_path / "a.png")
    before = read(tmp_path / "a.png")
    size = (tmp_path / "a.png").stat().st_size
    image_files.compress(tmp_path / "a.png")
    after = read(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < size
    assert np.abs(before - after).mean() < 2
