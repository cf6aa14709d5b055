"""Matrices as coloured cells: of numbers, of distances, of correlations."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from zoo.measure.plots._look import DPI, FONT, STEPS, head, short_number, text_width

_CELL_INCHES = 0.3  # height of a cell of a matrix


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
    figure = Figure(figsize=(size[0] + 1.6, max(size[1] + 0.8, 2.2)), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(matrix, cmap="viridis", vmin=min(matrix.min(), 0.0), aspect="auto")
    _write_cells(axes, image, [[short_number(value) for value in row] for row in matrix])
    _name_cells(axes, rows, columns)
    _colour_bar(figure, image, axes, label)
    head(figure, title)
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
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    panels = figure.subplots(len(rows), len(columns), squeeze=False)
    for place, axes in np.ndenumerate(panels):
        matrix = checked[place[0]][place[1]]
        axes.imshow(matrix, cmap="viridis", vmin=min(matrix.min(), 0.0), vmax=matrix.max())
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(f"≤ {short_number(matrix.max())}", fontsize=FONT - 1)
        axes.spines[:].set_visible(False)
    for axes, name in zip(panels[0], columns, strict=True):
        axes.set_title(name, fontsize=FONT)
    for axes, name in zip(panels[:, 0], rows, strict=True):
        axes.set_ylabel(name, fontsize=FONT)
    head(figure, title)
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
    figure = Figure(figsize=(wide, cells[1] + 1.3), dpi=DPI, layout="constrained")
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
        axes.set_title(kind, fontsize=FONT + 1)
    _colour_bar(figure, image, list(panels), "correlation")
    head(figure, title)
    return figure


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
            fontsize=FONT - 1,
            color="white" if dark else "black",
        )


def _name_cells(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    longest = max(map(text_width, columns), default=0)
    upright = longest > 1.2 * _CELL_INCHES * DPI or len(columns) > 15
    axes.set_xticks(range(len(columns)), columns, fontsize=FONT - 1, rotation=90 if upright else 0)
    axes.set_yticks(range(len(rows)), rows, fontsize=FONT - 1)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _colour_bar(
    figure: Figure, image: AxesImage, axes, label: str, location: str = "right"
) -> None:
    bar = figure.colorbar(image, ax=axes, location=location, aspect=30, pad=0.02, fraction=0.05)
    bar.set_label(label, fontsize=FONT)
    bar.ax.tick_params(labelsize=FONT - 1, length=2)
    bar.locator = MaxNLocator(5, steps=STEPS)
    for axis in (bar.ax.xaxis, bar.ax.yaxis):
        axis.offsetText.set_fontsize(FONT - 1)
    bar.outline.set_visible(False)
    bar.update_ticks()


def _coefficients(coefficients: np.ndarray, p_values: np.ndarray) -> list[str]:
    """Two digits each; in brackets where chance would do as much, a dash where there is none."""
    found = []
    for coefficient, p_value in zip(coefficients, p_values, strict=True):
        text = "–" if np.isnan(coefficient) else short_number(round(coefficient, 2))
        found.append(f"({text})" if p_value >= 0.05 else text)
    return found
