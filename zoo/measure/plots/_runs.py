"""Runs as points: what is won against what is lost."""

import math
import numbers
import warnings
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from zoo.measure.plots._look import DPI, FONT, STEPS, dress, head, text_width

_LEGEND = 15  # lines in a column of a legend


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
    widest = max(map(text_width, labels)) / DPI + 0.3
    wide = 3.2 + max(columns * widest, text_width(group_label) / DPI) + 0.3
    figure = Figure(
        figsize=(max(wide, 4.2), 3.0 + 0.25 * bool(title)), dpi=DPI, layout="constrained"
    )
    axes = figure.add_subplot()
    members = [np.array([key == value for key in keys]) for value in values]
    if all(_is_number(value) for value in groups):
        means = [(x[mine].mean(), y[mine].mean()) for mine in members]
        axes.plot(*zip(*means, strict=True), color="0.75", linewidth=1.2, zorder=1)
    for label, mine, colour in zip(labels, members, colours, strict=True):
        axes.scatter(x[mine], y[mine], s=14, color=colour, label=label, zorder=2)
    dress(axes, "", last=False)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.offsetText.set_fontsize(FONT - 1)
    axes.set_xlabel(x_label, fontsize=FONT)
    axes.set_ylabel(y_label, fontsize=FONT)
    figure.legend(
        title=group_label,
        loc="outside right upper",
        ncols=columns,
        fontsize=FONT,
        title_fontsize=FONT,
        frameon=False,
        handletextpad=0.2,
        columnspacing=0.8,
    )
    head(figure, title)
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
