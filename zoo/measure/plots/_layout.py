"""Where the images of a sheet and the texts around them stand.

All is laid out in device pixels, so that each pixel of an image is a whole square.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from zoo.measure.plots._look import DPI, FONT, text_width

_LINE = 24  # pixels from one line of text to the next
_MARGIN = 9
_GAP = 6  # between images
_CELL = 108  # along the longer side of an image, about
_LONGEST = 16_000  # a sheet that would be longer gets smaller images


def sheet(
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
    widest = max(map(text_width, column_labels), default=0)
    scale = _scale(rows, columns, height, width, widest)
    x = np.arange(columns) * (width * scale + _GAP)
    wider = _GAP if rows_together > 1 else 0
    y = np.arange(rows) * (height * scale + _GAP) + np.arange(rows) // rows_together * wider
    axes = _canvas(
        (x[-1] + width * scale, y[-1] + height * scale),
        left=max(map(text_width, row_labels), default=0) + (_GAP if row_labels else 0),
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
    axes.set_xticks(x[: len(column_labels)] + width * scale / 2, column_labels, fontsize=FONT)
    axes.set_yticks(y[: len(row_labels)] + height * scale / 2, row_labels, fontsize=FONT)
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
    texts = [text_width(title or "", FONT + 2), text_width(note or "")]
    wide = max(left + size[0], *texts) + 2 * _MARGIN
    heading = _LINE * (title.count("\n") + 1) + _GAP if title else 0
    above = _MARGIN + heading + top
    below = _MARGIN + (_LINE + _GAP if note else 0)
    high = above + size[1] + below
    figure = Figure(figsize=(wide / DPI, high / DPI), dpi=DPI)
    start = left + round((wide - left - size[0]) / 2)
    axes = figure.add_axes((start / wide, below / high, size[0] / wide, size[1] / high))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=_GAP * 72 / DPI, labeltop=True, labelbottom=False)
    if title:
        figure.suptitle(title, fontsize=FONT + 2, y=1 - _MARGIN / high, va="top")
    if note:
        figure.text(_MARGIN / wide, _MARGIN / high, note, fontsize=FONT, color="0.55")
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
