"""Training curves."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zoo.measure.plots._look import DPI, FONT, dress, head


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
    figure = Figure(figsize=(2.3 * across, height), dpi=DPI, layout="constrained")
    for place, name in enumerate(names):
        axes = figure.add_subplot(down, across, place + 1)
        _curve(axes, step, columns.get(name), "training", "C0")
        _curve(axes, step, columns.get(f"val_{name}"), "validation", "C1")
        dress(axes, name, last=place + across >= len(names))
    if legend:
        _legend(figure)
    head(figure, title)
    return figure


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


def _legend(figure: Figure) -> None:
    """One legend for all panels."""
    lines = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    figure.legend(
        handles=list(lines.values()),
        loc="outside lower center",
        ncols=2,
        fontsize=FONT,
        frameon=False,
    )
