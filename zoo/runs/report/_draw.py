"""Files with pictures: of a model's traversals, of a dataset."""

import os
from pathlib import Path

import numpy as np

from zoo import datasets, runs
from zoo.measure import evaluation, plots
from zoo.runs.report._figures import live_rows, save_figure, traversal_figure
from zoo.runs.report._places import check_can_be_written, check_picture, data_of
from zoo.utils import image_files
from zoo.utils.checks import check_integer


def draw_traversals(
    path: str | os.PathLike,
    out: str | os.PathLike | None = None,
    data: str | None = None,
    *,
    animate: bool = False,
    **options,
) -> Path:
    """Draws the traversals of a preset's or a run's model, or of a `.keras` file.

    Args:
        path: preset, run folder or `.keras` file.
        out: the file; default `traversals.png`, or `traversals.gif` of an animation, which may be WebP as well.
        data: default: what the model was trained on.
        animate: whether all latents move at once, through as many pictures as there are columns and back.
        **options: of `zoo.traverse`.

    Returns:
        The file.
    """
    out = Path(out or f"traversals.{'gif' if animate else 'png'}")
    if animate:
        image_files.check_animation(out)
        check_can_be_written(out)
    else:
        check_picture(out)
    model, data = runs.load(path), data_of(path, data)
    traversal = evaluation.traverse(model, data, **options)
    if animate:
        drawn, labels = live_rows(traversal, model)
        image_files.animate(traversal.images[drawn], traversal.filled[drawn], labels, out)
    else:
        save_figure(traversal_figure(traversal, model, data), out)
    return out


def draw_dataset(
    data: str | datasets.Dataset,
    out: str | os.PathLike,
    *,
    columns: int = 10,
    seed: int = 0,
) -> Path:
    """Draws a dataset to a PNG: random images, and for each factor a row in which it alone moves.

    Args:
        data: what `zoo.datasets.load` takes.
        out: the file.
        columns: images in a row, from 2 to 500; of a factor with more values, some that are spread evenly.
        seed: of the random images, the first of which is the one whose factors move.

    Returns:
        The file.

    Raises:
        ValueError: `columns` or `seed` is out of range, or there is no such dataset.
    """
    check_picture(out)
    data = datasets.load(data)
    columns = check_integer("columns", columns, least=2, most=evaluation.MOST_COLUMNS)
    rng = np.random.default_rng(check_integer("seed", seed, least=0))
    some = rng.integers(len(data), size=2 * columns)
    images = data.images(some)
    sizes = list(zip(data.factor_names, data.factor_sizes, strict=True))
    sweeps = [_sweep(data, int(some[0]), factor, columns) for factor in range(len(sizes))]
    figure = plots.contact_sheet(
        [images[:columns], images[columns:], *sweeps],
        labels=["random", "", *(plots.plain(f"{name}  {size}") for name, size in sizes)],
        title=plots.plain(data.name),
    )
    save_figure(figure, out)
    return Path(out)


def _sweep(
    data: datasets.Dataset, index: int, factor: int, columns: int
) -> list[np.ndarray | None]:
    """An image as one factor moves; None where the dataset has no such image."""
    size = data.factor_sizes[factor]
    values = np.linspace(0, size - 1, min(columns, size)).round().astype(int)
    rows = data.factors([index]).repeat(len(values), axis=0)
    rows[:, factor] = values
    return [_image_with(data, row) for row in rows]


def _image_with(data: datasets.Dataset, factors: np.ndarray) -> np.ndarray | None:
    try:
        return data.images(data.index(factors[None]))[0]
    except ValueError:
        return None
