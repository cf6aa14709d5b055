"""Figures of a model on a dataset, and figures as files and pixels."""

import contextlib
import os
import warnings
from collections.abc import Iterator

import keras
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from zoo.measure import evaluation, plots
from zoo.runs.report._places import suffix_of
from zoo.utils import files
from zoo.utils.texts import first_line


def pictures(
    model: keras.Model, data, data_name: str, table: evaluation.Table | None = None
) -> dict[str, Figure]:
    """Figures of a model on a dataset, `traversals` and `reconstructions`; `table` as for `zoo.traverse`."""
    inputs, outputs, _ = evaluation.reconstruct(model, data)
    title = f"{type(model).__name__} on {plots.plain(data_name)}: reconstructions"
    return {
        "traversals": traversal_figure(
            evaluation.traverse(model, data, table=table), model, data_name
        ),
        "reconstructions": plots.reconstructions(inputs, outputs, title=title),
    }


def traversal_figure(traversal: evaluation.Traversal, model: keras.Model, data_name: str) -> Figure:
    """A traversal, its rows named by latent, by the factor that it knows best and how much of it, and by KL.

    Latents that are not used stand in one grey line at the end. The row of a categorical latent shows its categories,
    not what is written above the columns, and says so.
    """
    drawn, labels = live_rows(traversal, model, costs=True)
    idle = [f"z{latent}" for latent in np.sort(np.delete(traversal.latents, drawn))]
    is_percent = traversal.span is None and model.continuous_dim
    moves = "categories" if model.latent_values is None else "latents through their values"
    if model.continuous_dim:
        low, high = traversal.values[[0, -1]]
        moves = (
            f"latents through the {low:.0f}st to the {high:.0f}th percentile of their codes,"
            if is_percent
            else f"latents from {low:g} to {high:g}"
        )
    return plots.traversals(
        traversal.images[drawn],
        values=[f"{value:.0f} %" for value in traversal.values] if is_percent else traversal.values,
        filled=traversal.filled[drawn],
        labels=[plots.plain(label) for label in labels],
        title=f"{type(model).__name__} on {plots.plain(data_name)}:\n{moves} at image {traversal.index}",
        note=f"not used: {', '.join(idle)}" if idle else None,
    )


def live_rows(
    traversal: evaluation.Traversal, model: keras.Model, *, costs: bool = False
) -> tuple[np.ndarray, list[str]]:
    """The rows of a traversal whose latents are used, or all where none is, and a label for each.

    Args:
        traversal: of `zoo.traverse`.
        model: whose it is.
        costs: whether labels tell the KL, or the variance, as well.

    Returns:
        Numbers of the rows, and texts such as `"z5  object_hue 61 %"`.
    """
    rows = np.arange(len(traversal.latents))
    drawn = rows if traversal.dead.all() else rows[~traversal.dead]
    return drawn, [_row_label(traversal, model, row, costs) for row in drawn]


def _row_label(traversal: evaluation.Traversal, model, row: int, costs: bool) -> str:
    latent, told = traversal.latents[row], traversal.told[row]
    known = "" if told is None else f"  {told[0]} {told[1]:.0%}".replace("%", " %")
    cost = ""
    if costs:
        kl = traversal.kl
        cost = f"variance {traversal.variance[row]:.2g}" if kl is None else f"{kl[row]:.2f} nats"
        cost = f"\n{cost}" if known else f"  {cost}"
    is_category = model.categories and latent >= model.continuous_dim
    kind = "\ncategories" if is_category and costs else ""
    return f"z{latent}{known}{cost}{kind}"


@contextlib.contextmanager
def not_vital(what: str) -> Iterator[None]:
    """Makes a warning of whatever goes wrong with `what`, such as a picture: no training should end of it.

    Example:
        >>> import pytest
        >>> with pytest.warns(UserWarning, match="The picture is left out: no font"):
        ...     with not_vital("The picture"):
        ...         raise RuntimeError("no font")
    """
    try:
        yield
    except Exception as error:
        reason = first_line(error)
        warnings.warn(f"{what} is left out: {reason}", UserWarning, stacklevel=3)


def save_figure(figure: Figure, file: str | os.PathLike) -> None:
    """Writes a figure as an image file; the suffix chooses the format, which without one is PNG."""
    files.target_of(file).parent.mkdir(parents=True, exist_ok=True)
    with files.whole_file(file) as partial, partial.open("wb") as content:
        figure.savefig(content, format=suffix_of(file))


def pixels(figure: Figure) -> np.ndarray:
    """A figure as `(height, width, 3)` uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]
