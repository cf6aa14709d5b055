"""Sheets of images: traversals, reconstructions, contact sheets."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from zoo.measure.plots._layout import sheet
from zoo.measure.plots._look import short_number


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
    columns = [value if isinstance(value, str) else short_number(value) for value in values]
    return sheet(cells, row_labels=labels, column_labels=columns, title=title, note=note)


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
    return sheet(cells, row_labels=["input", "output"] * pairs, rows_together=2, title=title)


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
    return sheet(cells, title=title)


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
    return sheet(cells, row_labels=labels, title=title)


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
