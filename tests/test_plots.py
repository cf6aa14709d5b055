"""Figures: what is shown is what was given, all of it, whole and crisp."""

import gc
import io
import subprocess
import sys
import weakref

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from sklearn.datasets import load_digits

from zoo.measure import plots

DIGITS = load_digits().images[..., None] / 16
COLOUR = np.random.default_rng(0).random((12, 16, 12, 3))


def rendered(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def texts(labels):
    return [label.get_text() for label in labels]


def shown(figure):
    return [image.get_array() for image in figure.axes[0].images]


def drawn_texts(axes):
    """Texts of axes, less the labels of ticks outside of the view, which are not drawn."""
    found = [axes.title, axes.xaxis.label, axes.yaxis.label]
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        places = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
        found += [label for place, label in places if low <= place <= high]
    found += axes.texts
    return [text for text in found if text.get_text()]


def traversal(rows, columns, **more):
    images = np.resize(DIGITS, (rows, columns, 8, 8, 1))
    values = np.linspace(-2, 2, columns)
    labels = [f"z{row}  KL {2.3 / (1 + row):.2f}" for row in range(rows)]
    return images, plots.traversals(images, values=values, labels=labels, **more)


MATRIX = np.array([[0.0, 0.5, 1.25], [0.001, 2.0, 0.75]])
LARGE = np.array([[12345.0, 1234.5, 999.9, 123456.0], [-98765.0, 1e7, 0.000123, 9999.7]])
METRICS = ["factor_vae_score", "beta_vae_score", "mig", "explicitness"]
COEFFICIENTS = np.array(
    [[1, 0.5, -0.25, 0], [0.5, 1, -1, np.nan], [-0.25, -1, 1, 0.123], [0, np.nan, 0.123, 1]]
)
AGREEMENT = {"Pearson": COEFFICIENTS, "Kendall": 0.7 * COEFFICIENTS, "Spearman": COEFFICIENTS.T}
P_VALUES = {name: np.where(np.abs(matrix) < 0.3, 0.2, 0.01) for name, matrix in AGREEMENT.items()}
RUNS = ([20.0, 22.0, 40.0, 80.0], [0.1, 0.2, 0.5, 0.4], [1, 1, 16, 4])


def distance(n):
    return np.abs(np.subtract.outer(np.arange(n), np.arange(n))).astype(float)


HISTORY = {
    "step": [0, 1000, 2000, 3000],
    "loss": [9.0, 5.0, 4.0, 3.0],
    "val_loss": [None, 5.5, float("nan"), 3.5],
    "total_correlation": [0.0, 1.0, 2.0, 3.0],
    "discriminator_accuracy": [0.5, 0.6, 0.7, 0.8],
}


def every_figure():
    return {
        "traversals": traversal(3, 5, title="a title")[1],
        "narrow": plots.traversals(
            np.zeros((2, 4, 40, 4, 1)), values=[-1.25, -0.25, 0.25, 1.25], labels=["z0", "z1"]
        ),
        "wide": plots.traversals(
            np.zeros((2, 2, 4, 60, 3)), values=[0, 1], labels=["z0\nKL 1.0", "z1"], title="x\ny"
        ),
        "many narrow": plots.traversals(
            np.zeros((40, 3, 64, 30, 1)), values=[-1.25, -0.25, 0.25], labels=["z"] * 40
        ),
        "reconstructions": plots.reconstructions(DIGITS[:23], DIGITS[:23] ** 2, title="digits"),
        "long title": plots.grid(DIGITS[:1], title="a title much wider than a single image"),
        "grid": plots.grid(COLOUR, columns=5),
        "contact sheet": plots.contact_sheet(
            [COLOUR[:3], [None, COLOUR[3]]], labels=["random", "shape  3"], title="a title"
        ),
        "curves": plots.curves(HISTORY, title="a title"),
        "panel": plots.curves({"step": [1, 2], "learning_rate": [1e-4, 1e-4]}),
        "heat map": plots.heat_map(
            MATRIX,
            rows=["shape", "orientation"],
            columns=["z0", "z1", "z2"],
            label="nats",
            title="t",
        ),
        "one cell": plots.heat_map(MATRIX[:1, :1], rows=["label"], columns=["z0"]),
        "a hundred latents": plots.heat_map(
            np.resize(MATRIX, (5, 100)),
            rows=["shape", "scale", "orientation", "x", "y"],
            columns=[f"z{latent}" for latent in range(100)],
            label="importance",
        ),
        "heat maps": plots.heat_maps(
            [[distance(n), np.sqrt(distance(n)), -distance(n)] for n in (3, 40)],
            rows=["shape", "orientation"],
            columns=["ground truth", "data", "reconstruction"],
            title="distances",
        ),
        "one heat map": plots.heat_maps([[distance(4)]], rows=["x"], columns=["data"]),
        "agreement": plots.agreement(
            AGREEMENT, names=METRICS, p_values=P_VALUES, title="of 12 runs"
        ),
        "agreement of two": plots.agreement({"Pearson": np.eye(2)}, names=["MIG", "SAP"]),
        "trade-off": plots.trade_off(*RUNS, y_label="MIG", group_label="β", title="a title"),
        "trade-off of names": plots.trade_off(*RUNS[:2], [f"model {g}" for g in RUNS[2]]),
        "trade-off of kinds": plots.trade_off(
            *RUNS[:2], [None, 2, "linear(4, 1000)", 4.0], group_label="β"
        ),
        "trade-off of many": plots.trade_off(
            np.arange(40) + 20,
            np.arange(40) / 40,
            np.arange(40),
            group_label="β",
            title="40 groups",
        ),
        "large numbers": plots.heat_map(
            LARGE, rows=["shape", "scale"], columns=["z0", "z1", "z2", "z3"], label="nats"
        ),
    }


FIGURES = every_figure()


def test_traversals_show_every_image_in_its_place():
    images, figure = traversal(4, 7, title="VAE")
    (axes,) = figure.axes
    assert len(axes.images) == 28
    order = [(image.get_extent()[3], image.get_extent()[0]) for image in axes.images]
    assert order == sorted(order)  # rows from the top, columns from the left
    np.testing.assert_array_equal(np.stack(shown(figure)), images[..., 0].reshape(28, 8, 8))
    assert texts(axes.get_xticklabels()) == ["−2", "−1.33", "−0.67", "0", "0.67", "1.33", "2"]
    assert texts(axes.get_yticklabels())[1] == "z1  KL 1.15"
    assert figure.get_suptitle() == "VAE"


def test_contact_sheets_leave_holes_where_there_is_no_image():
    figure = plots.contact_sheet([DIGITS[:3], [None, DIGITS[3]]], labels=["a", "b"])
    np.testing.assert_array_equal(np.stack(shown(figure)), DIGITS[:4, ..., 0])
    (axes,) = figure.axes
    left = [image.get_extent()[0] for image in axes.images]
    assert left[3] == left[1]
    assert texts(axes.get_yticklabels()) == ["a", "b"]


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        ([DIGITS[:2]], ["a", "b"], "`labels` for each row of images: 1. Received: 2"),
        ([[DIGITS[0], COLOUR[0]]], ["a"], "Expected images of one shape. Received"),
        ([[None]], ["a"], "Expected `images` of shape (n, height, width, channels)"),
        ([DIGITS[:2] + 1], ["a"], "in [0, 1], or uint8"),
    ],
)
def test_wrong_contact_sheets(rows, labels, message):
    with pytest.raises(ValueError, match="Expected") as error:
        plots.contact_sheet(rows, labels=labels)
    assert message in str(error.value)


def test_labels_stand_at_their_images():
    axes = traversal(4, 7)[1].axes[0]
    centres = np.array(
        [np.reshape(image.get_extent(), (2, 2)).mean(axis=1) for image in axes.images]
    )
    np.testing.assert_allclose(axes.get_xticks(), centres[:7, 0])
    np.testing.assert_allclose(axes.get_yticks(), centres[::7, 1])


def test_reconstructions_pair_inputs_with_outputs():
    inputs, outputs = DIGITS[:23], DIGITS[23:46]
    figure = plots.reconstructions(inputs, outputs)
    (axes,) = figure.axes
    assert texts(axes.get_yticklabels()) == ["input", "output"] * 3
    pixels = np.stack(shown(figure))
    np.testing.assert_array_equal(pixels[::2], inputs[..., 0])
    np.testing.assert_array_equal(pixels[1::2], outputs[..., 0])
    for above, below in zip(axes.images[::2], axes.images[1::2], strict=True):
        assert above.get_extent()[:2] == below.get_extent()[:2]
        assert above.get_extent()[2] < below.get_extent()[3]


def test_grid_shows_colour():
    figure = plots.grid(COLOUR, columns=5)
    np.testing.assert_array_equal(np.stack(shown(figure)), COLOUR)
    assert len({image.get_extent()[0] for image in figure.axes[0].images}) == 5
    assert len({image.get_extent()[3] for image in figure.axes[0].images}) == 3


@pytest.mark.parametrize("channels", [2, 4, 5, 16])
def test_images_of_other_channels_show_the_first_three_and_say_so(channels):
    images = np.random.default_rng(0).random((4, 8, 8, channels))
    for figure in (
        plots.grid(images, title="mine"),
        plots.reconstructions(images, images),
        plots.traversals(images[None], values=[0, 1, 2, 3], labels=["z0"]),
        plots.contact_sheet([[images[0], None]], labels=["a"]),
    ):
        pixels = shown(figure)[0]
        assert pixels.shape == (8, 8, 3)
        np.testing.assert_array_equal(pixels[..., :2], images[0, ..., :2])
        np.testing.assert_array_equal(pixels[..., 2], images[0, ..., 2] if channels > 2 else 0)
        last = "2 of {} as red, green, blue" if channels > 2 else "1 of {} as red, green"
        title = figure.get_suptitle()
        assert title.splitlines()[-1] == "channels 0 to " + last.format(channels)
    assert plots.grid(images, title="mine").get_suptitle().startswith("mine\n")


def test_names_with_dollars_are_drawn_as_they_are():
    name = "costs $5 or $x^$ {"
    figure = plots.curves({"step": [1, 2], "kl": [1, 2]}, title=plots.plain(name))
    rendered(figure)
    assert figure._suptitle._preprocess_math(figure.get_suptitle()) == (name, False)


@pytest.mark.parametrize("images", [DIGITS[:6], COLOUR[:6]], ids=["grey", "colour"])
def test_pixels_on_paper_are_the_pixels_given(images):
    """Each pixel of an image is one even square: sampled at its corners, it is the input."""
    paper = rendered(plots.grid(images, columns=3))
    axes = plots.grid(images, columns=3).axes[0]
    box = axes.get_window_extent()
    for image, artist in zip(images, axes.images, strict=True):
        left, right, _, top = artist.get_extent()
        scale = (right - left) / image.shape[1]
        assert scale == int(scale) >= 1
        rows = round(len(paper) - box.y1 + top) + np.arange(image.shape[0]) * int(scale)
        columns = round(box.x0 + left) + np.arange(image.shape[1]) * int(scale)
        for shift in (0, int(scale) - 1):
            pixels = paper[np.ix_(rows + shift, columns + shift)]
            expected = np.broadcast_to(image, pixels.shape)
            np.testing.assert_allclose(pixels / 255, expected, atol=1 / 254)


def test_grey_scale_is_absolute():
    """A dim image stays dim: no stretching to its own darkest and brightest pixel."""
    paper = rendered(plots.grid(np.full((1, 8, 8, 1), 0.25)))
    assert tuple(paper[len(paper) // 2, paper.shape[1] // 2]) == (64, 64, 64)


def test_uint8_images():
    figure = plots.grid((DIGITS[:2] * 255).astype(np.uint8))
    np.testing.assert_allclose(np.stack(shown(figure)), DIGITS[:2, ..., 0], atol=1 / 255)


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_clipped(name):
    figure = FIGURES[name]
    paper = rendered(figure)
    ink = np.argwhere((paper < 250).any(axis=-1))
    margin = np.array([ink.min(axis=0), np.array(paper.shape[:2]) - 1 - ink.max(axis=0)])
    assert margin.min() >= 2
    assert margin.max() <= 40
    tight = figure.get_tightbbox()
    assert tight.x0 >= 0
    assert tight.y0 >= 0
    assert tight.x1 <= figure.get_figwidth()
    assert tight.y1 <= figure.get_figheight()


@pytest.mark.parametrize("name", FIGURES)
def test_texts_do_not_overlap_and_can_be_read(name):
    figure = FIGURES[name]
    rendered(figure)
    labels = [text for axes in figure.axes for text in drawn_texts(axes)]
    labels += [figure._suptitle] if figure.get_suptitle() else []
    labels += [text for legend in figure.legends for text in legend.get_texts()]
    assert min((text.get_fontsize() for text in labels), default=8) >= 7
    boxes = [text.get_window_extent() for text in labels]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])


def test_a_hundred_latents():
    images, figure = traversal(100, 3)
    labels = figure.axes[0].get_yticklabels()
    assert len(labels) == 100
    height = labels[0].get_window_extent().height
    assert height < np.diff(figure.axes[0].get_yticks()).min()
    assert len(rendered(figure)) < 2**16  # what the renderer can draw
    assert len(figure.axes[0].images) == images.shape[0] * images.shape[1]


def test_curves_have_a_panel_for_each_quantity():
    figure = plots.curves(HISTORY, title="run")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["loss", "total correlation", "discriminator accuracy"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["nats", "nats", ""]
    training, validation = figure.axes[0].lines
    np.testing.assert_array_equal(training.get_xydata().T, [HISTORY["step"], HISTORY["loss"]])
    np.testing.assert_array_equal(validation.get_xydata().T, [[1000, 3000], [5.5, 3.5]])
    assert training.get_color() != validation.get_color()
    (legend,) = figure.legends
    assert texts(legend.get_texts()) == ["training", "validation"]


def test_curves_without_validation_need_no_legend():
    assert not plots.curves({"step": [1, 2], "loss": [2.0, 1.0]}).legends


def test_curves_of_validation_alone():
    figure = plots.curves({"step": [1, 2], "val_kl": [2.0, 1.0]})
    assert figure.axes[0].get_title() == "kl"
    assert texts(figure.legends[0].get_texts()) == ["validation"]


@pytest.mark.parametrize("count", range(1, 14))
def test_panels_fill_the_page(count):
    figure = plots.curves({"step": [1, 2]} | {f"quantity_{n}": [1, 2] for n in range(count)})
    down, across = figure.axes[0].get_gridspec().get_geometry()
    assert len(figure.axes) == count
    assert across <= 4
    assert down * across - count < across


def test_heat_map_shows_and_names_every_number():
    figure = FIGURES["heat map"]
    axes, bar = figure.axes
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), MATRIX)
    assert image.get_clim() == (0, 2)
    assert texts(axes.texts) == ["0", "0.5", "1.25", "0.001", "2", "0.75"]
    places = [text.get_position() for text in axes.texts]
    assert places == [(column, row) for row in range(2) for column in range(3)]
    assert texts(axes.get_yticklabels()) == ["shape", "orientation"]
    assert texts(axes.get_xticklabels()) == ["z0", "z1", "z2"]
    assert bar.get_ylabel() == "nats"


def test_heat_map_of_negative_numbers():
    image = plots.heat_map(-MATRIX, rows="ab", columns="cde").axes[0].images[0]
    assert image.get_clim() == (-2, 0)


def test_numbers_in_cells_stand_out():
    for name in ("heat map", "agreement"):
        for axes in FIGURES[name].axes[:1]:
            (image,) = axes.images
            colours = image.to_rgba(image.get_array()).reshape(-1, 4)
            for text, colour in zip(axes.texts, colours, strict=True):
                paper = colour[:3] * colour[3] + 1 - colour[3]
                assert abs(paper.mean() - (text.get_color() == "white")) > 0.2


def test_heat_maps_each_have_their_scale():
    axes = FIGURES["heat maps"].axes
    assert len(axes) == 6
    np.testing.assert_array_equal(axes[1].images[0].get_array(), np.sqrt(distance(3)))
    assert [one.images[0].get_clim() for one in axes[3:]] == [(0, 39), (0, 39**0.5), (-39, 0)]
    assert [one.get_xlabel() for one in axes] == ["≤ 2", "≤ 1.41", "≤ 0", "≤ 39", "≤ 6.24", "≤ 0"]
    assert [one.get_title() for one in axes[:3]] == ["ground truth", "data", "reconstruction"]
    assert [axes[0].get_ylabel(), axes[3].get_ylabel()] == ["shape", "orientation"]


def test_agreement_sets_chance_in_brackets():
    *panels, _ = FIGURES["agreement"].axes
    assert [axes.get_title() for axes in panels] == ["Pearson", "Kendall", "Spearman"]
    rows = np.reshape(texts(panels[0].texts), (4, 4))
    assert rows[0].tolist() == ["1", "0.5", "(−0.25)", "(0)"]
    assert rows[1].tolist() == ["0.5", "1", "−1", "–"]
    assert [axes.images[0].get_clim() for axes in panels] == [(-1, 1)] * 3
    assert texts(panels[0].get_yticklabels()) == METRICS


def test_trade_off_colours_groups_and_joins_their_means():
    figure = FIGURES["trade-off"]
    (axes,) = figure.axes
    (line,) = axes.lines
    np.testing.assert_allclose(line.get_xydata(), [[21, 0.15], [80, 0.4], [40, 0.5]])
    points = [collection.get_offsets().tolist() for collection in axes.collections]
    assert points == [[[20, 0.1], [22, 0.2]], [[80, 0.4]], [[40, 0.5]]]
    colours = [tuple(collection.get_facecolor()[0]) for collection in axes.collections]
    assert len(set(colours)) == 3
    assert texts(figure.legends[0].get_texts()) == ["1", "4", "16"]
    assert figure.legends[0].get_title().get_text() == "β"
    assert not FIGURES["trade-off of names"].axes[0].lines


def test_trade_off_leaves_out_runs_that_lack_a_number():
    with pytest.warns(UserWarning, match="2 of 4 runs are left out, because they lack x or y"):
        figure = plots.trade_off([20, None, 40, 80], [0.1, 0.2, np.nan, 0.4], [1, 1, 16, 4])
    (axes,) = figure.axes
    points = [collection.get_offsets().tolist() for collection in axes.collections]
    assert points == [[[20, 0.1]], [[80, 0.4]]]
    assert texts(figure.legends[0].get_texts()) == ["1", "4"]


def test_trade_off_sorts_groups_of_any_kind():
    figure = FIGURES["trade-off of kinds"]
    assert texts(figure.legends[0].get_texts()) == ["2", "4", "None", "linear(4, 1000)"]
    assert not figure.axes[0].lines
    groups = [4.0, 4, 2, True, (3, 5), [3, 5], float("nan"), "a"]
    figure = plots.trade_off(range(8), range(8), groups)
    expected = ["2", "4", "True", "nan", "[3, 5]", "a", "(3, 5)"]
    assert texts(figure.legends[0].get_texts()) == expected


def test_trade_off_of_many_groups_names_all():
    legend = FIGURES["trade-off of many"].legends[0]
    assert texts(legend.get_texts()) == [str(group) for group in range(40)]
    assert FIGURES["trade-off of many"].axes[0].get_position().width > 0.4


def test_large_and_small_numbers_fit_their_cells():
    figure = FIGURES["large numbers"]
    rendered(figure)
    axes, bar = figure.axes
    written = ["1.2e4", "1234", "1000", "1.2e5", "−9.9e4", "1e7", "1.2e−4", "1e4"]
    assert texts(axes.texts) == written
    cell = axes.transData.transform([1, 0])[0] - axes.transData.transform([0, 0])[0]
    assert max(text.get_window_extent().width for text in axes.texts) < cell - 4
    offset = bar.yaxis.get_offset_text()
    assert offset.get_text()
    assert offset.get_fontsize() == bar.get_yticklabels()[0].get_fontsize()


@pytest.mark.parametrize("name", ["unsupervised", "unsupervised_mutual_information", "marginal_kl"])
def test_scores_in_nats_say_so(name):
    figure = plots.curves({"step": [1, 2], name: [2.0, 1.0], "mig": [0.1, 0.2]})
    assert [axes.get_ylabel() for axes in figure.axes] == ["nats", ""]


def test_no_pyplot_and_no_zoo():
    code = (
        "import sys; before = set(sys.modules); import zoo.measure.plots, io, numpy\n"
        "zoo.measure.plots.grid(numpy.zeros((1, 8, 8, 1))).savefig(io.BytesIO())\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "mine = {name for name in set(sys.modules) - before if name.startswith('zoo.')}\n"
        "assert not [name for name in mine if not name.startswith(('zoo.measure', 'zoo.utils'))], mine\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_figures_are_freed():
    figure = traversal(2, 3)[1]
    figure.savefig(io.BytesIO())
    alive = weakref.ref(figure)
    del figure
    gc.collect()
    assert alive() is None


GOOD = DIGITS[:6]
SIX = GOOD.reshape(2, 3, 8, 8, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.grid(GOOD[..., 0]), r"`images` of shape \(n, height, width, channels\)"),
        (lambda: plots.grid(GOOD[:0]), r"Received: shape \(0, 8, 8, 1\)"),
        (lambda: plots.grid(np.zeros((2, 8, 8, 0))), r"Received: shape \(2, 8, 8, 0\)"),
        (lambda: plots.grid(GOOD * 2), r"in \[0, 1\], or uint8. Received: values from 0.0 to 2.0"),
        (lambda: plots.grid(GOOD * np.nan), "Received: values from nan to nan"),
        (lambda: plots.grid(GOOD, columns=0), "`columns` must be >= 1. Received: columns=0"),
        (lambda: plots.reconstructions(GOOD, GOOD[:5]), r"inputs \(6, 8, 8, 1\), outputs \(5,"),
        (lambda: plots.traversals(GOOD, values=[0], labels=["a"]), r"\(rows, columns, height,"),
        (
            lambda: plots.traversals(SIX, values=[0, 1, 2], labels=["a"]),
            "one of `labels` for each row of images: 2. Received: 1",
        ),
        (
            lambda: plots.traversals(SIX, values=[0, 1], labels=["a", "b"]),
            "one of `values` for each column of images: 3. Received: 2",
        ),
        (
            lambda: plots.heat_map(MATRIX * np.nan, rows="ab", columns="cde"),
            r"`matrix` of finite numbers.*shape \(2, 3\), 6 not finite",
        ),
        (lambda: plots.heat_map(MATRIX, rows="a", columns="cde"), "2 names in `rows`. Received: 1"),
        (
            lambda: plots.heat_maps([[MATRIX]], rows="a", columns="bc"),
            "2 names in `columns`|1 names",
        ),
        (lambda: plots.agreement({"r": MATRIX}, names="ab"), r"shape \(2, 2\).*shape \(2, 3\)"),
        (lambda: plots.agreement({"r": 2 * np.eye(2)}, names="ab"), r"in \[-1, 1\]"),
        (lambda: plots.trade_off([1], [2], [1, 2]), "group for each run. Received.*and 2 groups"),
        (lambda: plots.trade_off([1], [np.nan], [1]), "a run with both x and y. Received: 1 runs"),
        (lambda: plots.trade_off([1], [np.inf], [1]), "of which none is infinite"),
        (lambda: plots.trade_off([1], ["a"], [1]), "Expected numbers in `y`"),
        (lambda: plots.curves({"loss": [1.0]}), 'a "step" column and at least one more.*: loss'),
        (lambda: plots.curves({"step": [1]}), "at least one more"),
        (lambda: plots.curves({"step": [1, 2], "loss": [1.0]}), "columns of one length"),
        (lambda: plots.curves({"step": [1], "note": ["warm"]}), "numbers in column 'note'"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
