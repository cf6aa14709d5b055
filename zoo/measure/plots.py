"""Figures: traversals, reconstructions, contact sheets, training curves, matrices, trade-offs.

Each function takes arrays and returns a `matplotlib.figure.Figure` of its own, sized to what it
holds. Save it with `figure.savefig("name.png")`; in a notebook, after `%matplotlib inline`, end a
cell with it.

Images have any number of channels: one is grey, more are red, green and blue in their order; what
is beyond the third is not drawn, and a line above the images says so.
"""

import math
import numbers
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.textpath import TextPath
from matplotlib.ticker import EngFormatter, MaxNLocator, ScalarFormatter

NATS = frozenset(
    {
        "continuous_kl",
        "dimension_wise_kl",
        "discrete_kl",
        "discriminator_loss",
        "elbo",
        "kl",
        "loss",
        "marginal_kl",
        "mutual_information",
        "reconstruction",
        "regularizer",
        "total_correlation",
        "unsupervised",
        "unsupervised_mutual_information",
    }
)
"""Quantities of a training history, scores among them, that are in nats."""

# Sheets of images are laid out in device pixels, so that each pixel of an image is a whole square.
_DPI = 144
_FONT = 8  # points
_STEPS = [1, 2, 5, 10]  # from tick to tick
_LINE = 24  # pixels from one line of text to the next
_MARGIN = 9
_GAP = 6  # between images
_CELL = 108  # along the longer side of an image, about
_CELL_INCHES = 0.3  # height of a cell of a matrix
_LEGEND = 15  # lines in a column of a legend
_LONGEST = 16_000  # a sheet that would be longer gets smaller images


def traversals(
    images: np.ndarray,
    *,
    values: Sequence[float | str],
    labels: Sequence[str],
    filled: Sequence[int] | None = None,
    title: str | None = None,
    note: str | None = None,
) -> Figure:
    """Images as one latent after the other moves: a row for each latent, a column for each value.

    Args:
        images: `(rows, columns, height, width, channels)`, in [0, 1] or uint8.
        values: `(columns,)`, what the moved latent is set to, or texts.
        labels: a text for each row, such as `"z3  KL 2.31"`.
        filled: how many images each row has, at its left; default: all columns.
        title: a line above.
        note: a grey line below, such as of latents that are not shown.

    Raises:
        ValueError: a shape, type or range is not as described.

    Example:
        >>> images = np.linspace(0, 1, 2 * 3 * 64).reshape(2, 3, 8, 8, 1)
        >>> figure = traversals(images, values=[-2, 0, 2], labels=["z0  KL 1.52", "z1  KL 0.01"])
        >>> len(figure.axes[0].images)
        6
    """
    images = _checked("images", images, "rows, columns")
    rows, columns = images.shape[:2]
    _check_count("labels", labels, rows, "row")
    filled = [columns] * rows if filled is None else filled
    _check_count("filled", filled, rows, "row")
    _check_count("values", values, columns, "column")
    cells = {
        (row, column): images[row, column] for row in range(rows) for column in range(filled[row])
    }
    columns = [value if isinstance(value, str) else _number(value) for value in values]
    return _sheet(cells, row_labels=labels, column_labels=columns, title=title, note=note)


def reconstructions(inputs: np.ndarray, outputs: np.ndarray, *, title: str | None = None) -> Figure:
    """Images above what the model makes of them, in pairs of rows of up to ten.

    Args:
        inputs: `(n, height, width, channels)`, in [0, 1] or uint8.
        outputs: the same shape.
        title: a line above.

    Raises:
        ValueError: a shape, type or range is not as described.

    Example:
        >>> images = np.linspace(0, 1, 4 * 64).reshape(4, 8, 8, 1)
        >>> figure = reconstructions(images, images**2)
        >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
        ['input', 'output']
    """
    inputs, outputs = _checked("inputs", inputs, "n"), _checked("outputs", outputs, "n")
    if inputs.shape != outputs.shape:
        raise ValueError(
            "Expected an output of the same shape for each input. "
            f"Received: inputs {inputs.shape}, outputs {outputs.shape}."
        )
    pairs = -(-len(inputs) // 10)
    columns = -(-len(inputs) // pairs)
    cells = {}
    for number, pair in enumerate(zip(inputs, outputs, strict=True)):
        row, column = divmod(number, columns)
        cells[2 * row, column], cells[2 * row + 1, column] = pair
    return _sheet(cells, row_labels=["input", "output"] * pairs, rows_together=2, title=title)


def grid(images: np.ndarray, *, columns: int | None = None, title: str | None = None) -> Figure:
    """A contact sheet, filled row by row.

    Args:
        images: `(n, height, width, channels)`, in [0, 1] or uint8.
        columns: images in a row; about as many as rows when not given.
        title: a line above.

    Raises:
        ValueError: a shape, type or range is not as described.

    Example:
        >>> len(grid(np.zeros((5, 8, 8, 3)), columns=3).axes[0].images)
        5
    """
    images = _checked("images", images, "n")
    if columns is None:
        columns = int(np.ceil(np.sqrt(len(images))))
    if columns < 1:
        raise ValueError(f"`columns` must be >= 1. Received: columns={columns}")
    cells = {divmod(number, columns): image for number, image in enumerate(images)}
    return _sheet(cells, title=title)


def contact_sheet(
    images: Sequence[Sequence[np.ndarray | None]],
    *,
    labels: Sequence[str],
    title: str | None = None,
) -> Figure:
    """Rows of images, which may differ in length and have holes.

    Args:
        images: for each row its images, `(height, width, channels)`, in [0, 1] or uint8, all of one shape;
            None leaves a hole.
        labels: a text for each row.
        title: a line above.

    Raises:
        ValueError: a shape, type or range is not as described, or there is no image.

    Example:
        >>> black, white = np.zeros((8, 8, 1)), np.ones((8, 8, 1))
        >>> len(contact_sheet([[black, white], [None, white, black]], labels=["a", "b"]).axes[0].images)
        4
    """
    _check_count("labels", labels, len(images), "row")
    places = [
        (row, column)
        for row, line in enumerate(images)
        for column, image in enumerate(line)
        if image is not None
    ]
    shown = [images[row][column] for row, column in places]
    if len({np.shape(image) for image in shown}) > 1:
        shapes = sorted({np.shape(image) for image in shown})
        raise ValueError(f"Expected images of one shape. Received: shapes {shapes}.")
    cells = dict(zip(places, _checked("images", np.array(shown), "n"), strict=True))
    return _sheet(cells, row_labels=labels, title=title)


def curves(history: Mapping[str, Sequence[float]], *, title: str | None = None) -> Figure:
    """Training curves: a small panel for each quantity, its `val_` curve laid over it.

    Args:
        history: a `"step"` column and others of the same length, by name. Entries that are None or
            NaN are left out, as where a quantity is not measured at every step.
        title: a line above.

    Returns:
        A figure with panels in the order of the columns; the axis says nats for names in `NATS`.

    Raises:
        ValueError: there is no step, nothing else, or columns differ in length.

    Example:
        >>> figure = curves({"step": [10, 20], "kl": [1.0, 2.0], "val_kl": [None, 2.1]})
        >>> figure.axes[0].get_title(), figure.axes[0].get_ylabel(), len(figure.axes[0].lines)
        ('kl', 'nats', 2)
    """
    columns = _checked_history(history)
    step = columns.pop("step")
    names = list(dict.fromkeys(name.removeprefix("val_") for name in columns))
    # Three or four panels across, whichever fills the last row better.
    across = min(len(names), 3 if -len(names) % 3 < -len(names) % 4 else 4)
    down = -(-len(names) // across)
    legend = any(name.startswith("val_") for name in columns)
    height = 1.75 * down + 0.25 * (legend + bool(title))
    figure = Figure(figsize=(2.3 * across, height), dpi=_DPI, layout="constrained")
    for place, name in enumerate(names):
        axes = figure.add_subplot(down, across, place + 1)
        _curve(axes, step, columns.get(name), "training", "C0")
        _curve(axes, step, columns.get(f"val_{name}"), "validation", "C1")
        _dress(axes, name, last=place + across >= len(names))
    if legend:
        _legend(figure)
    _head(figure, title)
    return figure


def heat_map(
    matrix: np.ndarray,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    label: str = "",
    title: str | None = None,
) -> Figure:
    """A matrix as coloured cells with their numbers, such as factors against latents.

    Args:
        matrix: `(rows, columns)`, finite numbers; colours go from 0, or the least if that is below,
            to the greatest.
        rows: a name for each row.
        columns: a name for each column.
        label: what the numbers are, such as `"mutual information, nats"`.
        title: a line above.

    Raises:
        ValueError: a shape is not as described, or a number is not finite.

    Example:
        >>> figure = heat_map(np.eye(2), rows=["shape", "scale"], columns=["z0", "z1"])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1', '0', '0', '1']
    """
    matrix = _checked_matrix("matrix", matrix)
    _check_names("rows", rows, matrix.shape[0])
    _check_names("columns", columns, matrix.shape[1])
    size = _cells_size(matrix.shape)
    figure = Figure(
        figsize=(size[0] + 1.6, max(size[1] + 0.8, 2.2)), dpi=_DPI, layout="constrained"
    )
    axes = figure.add_subplot()
    image = axes.imshow(matrix, cmap="viridis", vmin=min(matrix.min(), 0.0), aspect="auto")
    _write_cells(axes, image, [[_number(value) for value in row] for row in matrix])
    _name_cells(axes, rows, columns)
    _colour_bar(figure, image, axes, label)
    _head(figure, title)
    return figure


def heat_maps(
    matrices: Sequence[Sequence[np.ndarray]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str | None = None,
) -> Figure:
    """Square matrices in rows and columns, such as distances of four kinds for each factor.

    Each matrix has colours of its own, which show its form; from 0, or the least number if that is
    below, to the greatest, which stands below it and shows its size.

    Args:
        matrices: by row, then by column; `(n, n)` each, n may differ from row to row.
        rows: a name for each row, such as a factor's.
        columns: a name for each column, such as a kind of distance.
        title: a line above.

    Raises:
        ValueError: a shape is not as described, or a number is not finite.

    Example:
        >>> distance = np.abs(np.subtract.outer(range(3), range(3)))
        >>> figure = heat_maps([[distance, distance**2]], rows=["x"], columns=["factor", "data"])
        >>> [axes.get_xlabel() for axes in figure.axes]
        ['≤ 2', '≤ 4']
    """
    _check_names("rows", rows, len(matrices))
    checked = []
    for row in matrices:
        _check_names("columns", columns, len(row))
        checked.append([_checked_matrix("matrices", matrix) for matrix in row])
    size = (1.2 * len(columns) + 0.3, 1.4 * len(rows) + 0.2 + 0.25 * bool(title))
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
    panels = figure.subplots(len(rows), len(columns), squeeze=False)
    for place, axes in np.ndenumerate(panels):
        matrix = checked[place[0]][place[1]]
        axes.imshow(matrix, cmap="viridis", vmin=min(matrix.min(), 0.0), vmax=matrix.max())
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(f"≤ {_number(matrix.max())}", fontsize=_FONT - 1)
        axes.spines[:].set_visible(False)
    for axes, name in zip(panels[0], columns, strict=True):
        axes.set_title(name, fontsize=_FONT)
    for axes, name in zip(panels[:, 0], rows, strict=True):
        axes.set_ylabel(name, fontsize=_FONT)
    _head(figure, title)
    return figure


def agreement(
    coefficients: Mapping[str, np.ndarray],
    *,
    names: Sequence[str],
    p_values: Mapping[str, np.ndarray] | None = None,
    title: str | None = None,
) -> Figure:
    """Correlations between metrics: a panel for each coefficient, red for 1, blue for -1.

    Args:
        coefficients: by name, such as `"Pearson"`, `(metrics, metrics)` in [-1, 1], NaN where there
            is none.
        names: of the metrics.
        p_values: by the same names, `(metrics, metrics)`; a coefficient whose p-value is 0.05 or more
            is set in brackets.
        title: a line above.

    Raises:
        ValueError: a shape or a range is not as described.

    Example:
        >>> figure = agreement({"Pearson": [[1, 0.4], [0.4, 1]]}, names=["MIG", "SAP"])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1', '0.4', '0.4', '1']
    """
    shape = (len(names), len(names))
    cells = _cells_size(shape)
    wide = cells[0] * len(coefficients) + 2.0
    figure = Figure(figsize=(wide, cells[1] + 1.3), dpi=_DPI, layout="constrained")
    panels = figure.subplots(1, len(coefficients), squeeze=False)[0]
    for axes, (kind, matrix) in zip(panels, coefficients.items(), strict=True):
        matrix = np.asarray(matrix, np.float64)
        if matrix.shape != shape or np.nanmax(np.abs(matrix), initial=0.0) > 1 + 1e-9:
            raise ValueError(
                f"Expected coefficients of shape {shape} in [-1, 1], for {len(names)} names. "
                f"Received: {kind} of shape {matrix.shape}."
            )
        p = np.zeros(shape) if p_values is None else np.asarray(p_values[kind], np.float64)
        image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
        _write_cells(axes, image, [_coefficients(*row) for row in zip(matrix, p, strict=True)])
        _name_cells(axes, names if axes is panels[0] else (), names)
        axes.set_title(kind, fontsize=_FONT + 1)
    _colour_bar(figure, image, list(panels), "correlation")
    _head(figure, title)
    return figure


def trade_off(
    x: Sequence[float | None],
    y: Sequence[float | None],
    groups: Sequence,
    *,
    x_label: str = "reconstruction, nats",
    y_label: str = "score",
    group_label: str = "",
    title: str | None = None,
) -> Figure:
    """Runs as points, one colour for each value of a hyper-parameter; a line joins their means.

    Args:
        x: `(runs,)`, such as the reconstruction errors; None or NaN where a run has none.
        y: `(runs,)`, such as scores; None or NaN where a run has none.
        groups: `(runs,)`, the hyper-parameter's value. Numbers come first, in order; a line joins them where there is
            nothing else, such as texts or None.
        x_label: what x is.
        y_label: what y is.
        group_label: the hyper-parameter's name.
        title: a line above.

    Warns:
        UserWarning: runs are left out, because they lack x or y.

    Raises:
        ValueError: the three differ in length, hold no numbers, are infinite, or no run has both x and y.

    Example:
        >>> figure = trade_off([20, 22, 40], [0.1, 0.2, 0.5], [1, 1, 4], group_label="beta")
        >>> [text.get_text() for text in figure.legends[0].get_texts()]
        ['1', '4']
    """
    x, y, groups = _complete_runs(x, y, groups)
    keys = [_group(value) for value in groups]
    values = sorted(set(keys))
    labels = [_group_text(groups[keys.index(value)]) for value in values]
    colours = colormaps["viridis"](np.linspace(0, 0.92, len(values)))
    # A legend that is long grows to the right, and the figure with it.
    columns = -(-len(values) // _LEGEND)
    widest = max(map(_text_width, labels)) / _DPI + 0.3
    wide = 3.2 + max(columns * widest, _text_width(group_label) / _DPI) + 0.3
    figure = Figure(
        figsize=(max(wide, 4.2), 3.0 + 0.25 * bool(title)), dpi=_DPI, layout="constrained"
    )
    axes = figure.add_subplot()
    members = [np.array([key == value for key in keys]) for value in values]
    if all(_is_number(value) for value in groups):
        means = [(x[mine].mean(), y[mine].mean()) for mine in members]
        axes.plot(*zip(*means, strict=True), color="0.75", linewidth=1.2, zorder=1)
    for label, mine, colour in zip(labels, members, colours, strict=True):
        axes.scatter(x[mine], y[mine], s=14, color=colour, label=label, zorder=2)
    _dress(axes, "", last=False)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=_STEPS))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.offsetText.set_fontsize(_FONT - 1)
    axes.set_xlabel(x_label, fontsize=_FONT)
    axes.set_ylabel(y_label, fontsize=_FONT)
    figure.legend(
        title=group_label,
        loc="outside right upper",
        ncols=columns,
        fontsize=_FONT,
        title_fontsize=_FONT,
        frameon=False,
        handletextpad=0.2,
        columnspacing=0.8,
    )
    _head(figure, title)
    return figure


def _complete_runs(
    x: Sequence, y: Sequence, groups: Sequence
) -> tuple[np.ndarray, np.ndarray, list]:
    """Those of the runs that have x and y."""
    columns = {name: _numbers(name, column) for name, column in (("x", x), ("y", y))}
    x, y = columns.values()
    if not x.shape == y.shape == (len(groups),) or np.isinf([x, y]).any():
        raise ValueError(
            "Expected x and y, of which none is infinite, and a group for each run. "
            f"Received: {x.shape}, {y.shape} and {len(groups)} groups."
        )
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        raise ValueError(f"Expected a run with both x and y. Received: {len(x)} runs without.")
    if not known.all():
        warnings.warn(
            f"{np.sum(~known)} of {len(known)} runs are left out, because they lack x or y.",
            UserWarning,
            stacklevel=3,
        )
    return x[known], y[known], [group for group, kept in zip(groups, known, strict=True) if kept]


def _numbers(name: str, column: Sequence[float | None]) -> np.ndarray:
    """A column as floats, NaN where there is None."""
    try:
        return np.array(list(column), dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"Expected numbers in `{name}`. Received: {column}") from None


def _is_number(value) -> bool:
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)
    return is_real and not math.isnan(value)


def _group(value) -> tuple[str, float, str]:
    """By what runs are grouped, and groups sorted: numbers by size, then the rest by type and text."""
    return ("", float(value), "") if _is_number(value) else (type(value).__name__, 0.0, str(value))


def _group_text(value) -> str:
    return f"{value:.6g}" if _is_number(value) else str(value)


def _checked(name: str, images: np.ndarray, leading: str) -> np.ndarray:
    """Images as floats in [0, 1], with the leading axes that `leading` names."""
    images = np.asarray(images)
    axes = leading.count(",") + 1
    if images.ndim != axes + 3 or images.size == 0:
        raise ValueError(
            f"Expected `{name}` of shape ({leading}, height, width, channels). "
            f"Received: shape {images.shape}."
        )
    if images.dtype == np.uint8:
        return images / np.float32(255)
    if images.dtype not in (np.float32, np.float64):
        images = images.astype(np.float32)
    low, high = images.min(), images.max()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"Expected `{name}` in [0, 1], or uint8. Received: values from {low} to {high}. "
            "Scale or clip them first."
        )
    return images


def _check_count(name: str, texts: Sequence, count: int, unit: str) -> None:
    if len(texts) != count:
        raise ValueError(
            f"Expected one of `{name}` for each {unit} of images: {count}. Received: {len(texts)}."
        )


def _sheet(
    cells: Mapping[tuple[int, int], np.ndarray],
    *,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    rows_together: int = 1,
    title: str | None = None,
    note: str | None = None,
) -> Figure:
    """Images `(height, width, channels)` at their (row, column), with texts at the left, above and below.

    After each `rows_together` rows comes a wider gap, if that is more than one.
    """
    rows, columns = (max(place) + 1 for place in zip(*cells, strict=True))
    rows, columns = max(rows, len(row_labels)), max(columns, len(column_labels))
    height, width, channels = next(iter(cells.values())).shape
    title = "\n".join(filter(None, [title, _channels_shown(channels)]))
    widest = max(map(_text_width, column_labels), default=0)
    scale = _scale(rows, columns, height, width, widest)
    x = np.arange(columns) * (width * scale + _GAP)
    wider = _GAP if rows_together > 1 else 0
    y = np.arange(rows) * (height * scale + _GAP) + np.arange(rows) // rows_together * wider
    axes = _canvas(
        (x[-1] + width * scale, y[-1] + height * scale),
        left=max(map(_text_width, row_labels), default=0) + (_GAP if row_labels else 0),
        top=_LINE if column_labels else 0,
        title=title,
        note=note,
    )
    frames = []
    for (row, column), image in cells.items():
        left, top = x[column], y[row]
        right, bottom = left + width * scale, top + height * scale
        _show(axes, image, (left, right, bottom, top), "nearest" if scale >= 1 else "auto")
        x0, x1, y0, y1 = left - 1, right + 1, top - 1, bottom + 1
        frames.append([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    # A frame one pixel wide: white images would otherwise melt into the page.
    frame = PolyCollection(frames, facecolors="0.7", linewidths=0, zorder=-1, clip_on=False)
    axes.add_collection(frame)
    axes.set(xlim=(0, x[-1] + width * scale), ylim=(y[-1] + height * scale, 0))
    axes.set_xticks(x[: len(column_labels)] + width * scale / 2, column_labels, fontsize=_FONT)
    axes.set_yticks(y[: len(row_labels)] + height * scale / 2, row_labels, fontsize=_FONT)
    return axes.figure


def _scale(rows: int, columns: int, height: int, width: int, widest_label: int) -> float:
    """Device pixels for each pixel of an image: a whole number, unless images are large or many."""
    room = min(_CELL, max(_CELL * 12 / rows, _CELL * 2 / 3), _LONGEST / max(rows, columns))
    scale = room / max(height, width)
    legible = max(_LINE / height, widest_label / width)
    return max(round(scale), int(np.ceil(legible)), 1) if scale > 0.5 else max(scale, legible)


def _canvas(
    size: tuple[float, float], *, left: int, top: int, title: str | None, note: str | None = None
) -> Axes:
    """Bare axes of a given size in pixels, in a figure that has room for the texts around."""
    texts = [_text_width(title or "", _FONT + 2), _text_width(note or "")]
    wide = max(left + size[0], *texts) + 2 * _MARGIN
    heading = _LINE * (title.count("\n") + 1) + _GAP if title else 0
    above = _MARGIN + heading + top
    below = _MARGIN + (_LINE + _GAP if note else 0)
    high = above + size[1] + below
    figure = Figure(figsize=(wide / _DPI, high / _DPI), dpi=_DPI)
    start = left + round((wide - left - size[0]) / 2)
    axes = figure.add_axes((start / wide, below / high, size[0] / wide, size[1] / high))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=_GAP * 72 / _DPI, labeltop=True, labelbottom=False)
    if title:
        figure.suptitle(title, fontsize=_FONT + 2, y=1 - _MARGIN / high, va="top")
    if note:
        figure.text(_MARGIN / wide, _MARGIN / high, note, fontsize=_FONT, color="0.55")
    return axes


def _show(axes: Axes, image: np.ndarray, extent: tuple, interpolation: str) -> None:
    axes.imshow(
        _coloured(image),
        cmap="gray",
        vmin=0,
        vmax=1,
        extent=extent,
        interpolation=interpolation,
        aspect="auto",
    )


def _coloured(image: np.ndarray) -> np.ndarray:
    """What is shown of `(height, width, channels)`: grey `(height, width)`, or red, green and blue."""
    channels = image.shape[-1]
    if channels == 1:
        return image[..., 0]
    return np.pad(image[..., :3], ((0, 0), (0, 0), (0, max(3 - channels, 0))))


def _channels_shown(channels: int) -> str:
    """A line on images that have neither one nor three channels."""
    if channels in (1, 3):
        return ""
    colours = ["red", "green", "blue"][:channels]
    return f"channels 0 to {len(colours) - 1} of {channels} as {', '.join(colours)}"


def plain(text: str) -> str:
    r"""A text to be drawn as it is, such as a file's name: its dollars start no formula.

    Example:
        >>> print(plain("costs $5 or $6"))
        costs \$5 or \$6
    """
    return text.replace("$", r"\$")


def _text_width(text: str, size: float = _FONT) -> int:
    """Width of the longest line of a text, in device pixels."""
    lines = [line for line in text.split("\n") if line.strip()]
    points = (TextPath((0, 0), line, size=size).get_extents().x1 for line in lines)
    return int(np.ceil(max(points, default=0) * _DPI / 72)) + 2


def _number(value: float) -> str:
    """At most seven characters, which fit into a cell of a matrix."""
    value = round(float(value), 6) + 0.0  # no 1e-17 where 0 is meant, and no -0
    size = abs(value)
    if 999.5 <= size < 9999.5:
        text = f"{value:.0f}"
    elif size == 0 or 0.00095 <= size < 999.5:
        text = f"{value:.{2 if size < 1 else 3}g}"
    else:
        mantissa, exponent = f"{value:.1e}".split("e")
        text = f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    return text.replace("-", "−")


def _checked_history(history: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
    if "step" not in history or len(history) < 2:
        raise ValueError(
            'Expected a history with a "step" column and at least one more. '
            f"Received: {', '.join(history) or 'no column'}."
        )
    columns = {}
    for name, column in history.items():
        try:
            columns[name] = np.array(column, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"Expected numbers in column {name!r}. Received: {column}") from None
    lengths = {name: column.shape for name, column in columns.items()}
    if len(set(lengths.values())) > 1 or columns["step"].ndim != 1:
        raise ValueError(f"Expected columns of one length. Received: {lengths}.")
    return columns


def _curve(axes: Axes, step: np.ndarray, column: np.ndarray | None, label: str, color: str) -> None:
    if column is None:
        return
    known = np.isfinite(column)
    marker = "." if known.sum() < 10 else None
    axes.plot(step[known], column[known], color=color, label=label, linewidth=1.2, marker=marker)


def _dress(axes: Axes, name: str, *, last: bool) -> None:
    """Gives a panel its texts, in a size that a printed page can carry."""
    axes.set_title(name.replace("_", " "), fontsize=_FONT + 1)
    axes.set_ylabel("nats" if name in NATS else "", fontsize=_FONT)
    axes.set_xlabel("step" if last else "", fontsize=_FONT)
    axes.tick_params(labelsize=_FONT - 1, length=2)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=_STEPS, integer=True))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=_STEPS))
    axes.ticklabel_format(axis="y", scilimits=(-3, 4))
    axes.yaxis.offsetText.set_fontsize(_FONT - 1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def _legend(figure: Figure) -> None:
    """One legend for all panels."""
    lines = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    figure.legend(
        handles=list(lines.values()),
        loc="outside lower center",
        ncols=2,
        fontsize=_FONT,
        frameon=False,
    )


def _head(figure: Figure, title: str | None) -> None:
    if title:
        figure.suptitle(title, fontsize=_FONT + 2)


def _checked_matrix(name: str, matrix: np.ndarray) -> np.ndarray:
    matrix = np.asarray(matrix, np.float64)
    if matrix.ndim != 2 or not matrix.size or not np.isfinite(matrix).all():
        raise ValueError(
            f"Expected `{name}` of finite numbers in rows and columns. "
            f"Received: shape {matrix.shape}, {np.sum(~np.isfinite(matrix))} not finite."
        )
    return matrix


def _check_names(name: str, texts: Sequence[str], count: int) -> None:
    if len(texts) != count:
        raise ValueError(f"Expected {count} names in `{name}`. Received: {len(texts)}.")


def _cells_size(shape: tuple[int, int]) -> tuple[float, float]:
    """Width and height in inches of cells that a number fits into, less where there are many."""
    down, across = (_CELL_INCHES * min(count, 12 + count / 3) for count in shape)
    return 1.45 * across, down


def _write_cells(axes: Axes, image: AxesImage, texts: Sequence[Sequence[str]]) -> None:
    """Writes a number into each cell, in a colour that stands out, if cells are large enough."""
    if max(len(texts), len(texts[0])) > 15:
        return
    colours = image.to_rgba(np.ma.filled(image.get_array(), np.nan))
    colours = colours[..., :3] * colours[..., 3:] + 1 - colours[..., 3:]  # on white paper
    for (row, column), colour in zip(
        np.ndindex(colours.shape[:2]), colours.reshape(-1, 3), strict=True
    ):
        dark = colour @ (0.299, 0.587, 0.114) < 0.55
        axes.text(
            column,
            row,
            texts[row][column],
            ha="center",
            va="center",
            fontsize=_FONT - 1,
            color="white" if dark else "black",
        )


def _name_cells(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    longest = max(map(_text_width, columns), default=0)
    upright = longest > 1.2 * _CELL_INCHES * _DPI or len(columns) > 15
    axes.set_xticks(range(len(columns)), columns, fontsize=_FONT - 1, rotation=90 if upright else 0)
    axes.set_yticks(range(len(rows)), rows, fontsize=_FONT - 1)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _colour_bar(
    figure: Figure, image: AxesImage, axes, label: str, location: str = "right"
) -> None:
    bar = figure.colorbar(image, ax=axes, location=location, aspect=30, pad=0.02, fraction=0.05)
    bar.set_label(label, fontsize=_FONT)
    bar.ax.tick_params(labelsize=_FONT - 1, length=2)
    bar.locator = MaxNLocator(5, steps=_STEPS)
    for axis in (bar.ax.xaxis, bar.ax.yaxis):
        axis.offsetText.set_fontsize(_FONT - 1)
    bar.outline.set_visible(False)
    bar.update_ticks()


def _coefficients(coefficients: np.ndarray, p_values: np.ndarray) -> list[str]:
    """Two digits each; in brackets where chance would do as much, a dash where there is none."""
    found = []
    for coefficient, p_value in zip(coefficients, p_values, strict=True):
        text = "–" if np.isnan(coefficient) else _number(round(coefficient, 2))
        found.append(f"({text})" if p_value >= 0.05 else text)
    return found
