"""Image files by Pillow: figures in few bytes, and animations."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zoo.utils import files

ANIMATED = (".gif", ".webp")
COLOURS = 256
_CELL, _GAP, _LINE, _FONT = 128, 8, 18, 13  # pixels
_FRAME = 90  # milliseconds


def compress(file: str | os.PathLike) -> None:
    """Rewrites a PNG with at most 256 colours, which figures are drawn well with, in a third of the bytes.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "grey.png"
        >>> Image.new("RGB", (64, 64), "grey").save(file)
        >>> compress(file)
        >>> with Image.open(file) as image:
        ...     image.mode
        'P'
    """
    with Image.open(file) as image:
        few = _in_few_colours(image.convert("RGB"))
    with files.whole_file(file) as partial:
        few.save(partial, "png", optimize=True)


def check_animation(file: str | os.PathLike) -> None:
    """Raises `ValueError` unless the file's name says GIF or WebP."""
    if Path(file).suffix.lower() not in ANIMATED:
        raise ValueError(
            f"An animation is written as .gif or .webp. Received: out={os.fspath(file)}"
        )


def animate(
    images: np.ndarray,
    filled: Sequence[int],
    labels: Sequence[str],
    file: str | os.PathLike,
) -> None:
    """Writes an animation in which all rows of a traversal move at once, there and back, without end.

    Args:
        images: `(rows, columns, height, width, channels)` in [0, 1] or uint8; one channel is grey, of more the first
            three are red, green and blue.
        filled: how many images each row has, `(rows,)`; a shorter row takes more time for each.
        labels: a text for each row, which stands above its picture.
        file: `.gif` or `.webp`.

    Raises:
        ValueError: the file's name says something else.
    """
    check_animation(file)
    file = Path(file)
    if images.dtype != np.uint8:
        images = np.round(255 * np.clip(images, 0, 1)).astype(np.uint8)
    columns = images.shape[1]
    frames = [
        _frame(
            [row[column * count // columns] for row, count in zip(images, filled, strict=True)],
            labels,
        )
        for column in range(columns)
    ]
    frames += frames[-2:0:-1]
    file.parent.mkdir(parents=True, exist_ok=True)
    more = {"lossless": False, "quality": 80}
    if file.suffix.lower() == ".gif":
        frames = [_in_few_colours(frame) for frame in frames]
        more = {"optimize": True, "disposal": 1}
    with files.whole_file(file) as partial:
        frames[0].save(
            partial,
            file.suffix[1:].lower(),
            save_all=True,
            append_images=frames[1:],
            duration=_FRAME,
            loop=0,
            **more,
        )


def _in_few_colours(image: Image.Image) -> Image.Image:
    return image.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def _in_three_channels(cell: np.ndarray) -> np.ndarray:
    if cell.shape[-1] == 1:
        return np.repeat(cell, 3, axis=-1)
    return np.pad(cell[..., :3], [(0, 0), (0, 0), (0, max(0, 3 - cell.shape[-1]))])


def _frame(cells: Sequence[np.ndarray], labels: Sequence[str]) -> Image.Image:
    """Pictures in rows of about twice as many as there are rows, a label above each."""
    font = ImageFont.load_default(_FONT)
    height, width = cells[0].shape[:2]
    scale = max(1, round(_CELL / max(height, width)))
    shown = (width * scale, height * scale)
    widest = math.ceil(max(font.getlength(label) for label in labels))
    step = (max(shown[0], widest) + _GAP, shown[1] + _LINE + _GAP)
    across = min(len(cells), math.ceil(math.sqrt(2 * len(cells))))
    down = -(-len(cells) // across)
    page = Image.new("RGB", (across * step[0] + _GAP, down * step[1] + _GAP), "white")
    draw = ImageDraw.Draw(page)
    for place, (cell, label) in enumerate(zip(cells, labels, strict=True)):
        left, top = _GAP + place % across * step[0], _GAP + place // across * step[1]
        draw.text((left, top), label, fill="black", font=font)
        picture = Image.fromarray(_in_three_channels(cell))
        page.paste(picture.resize(shown, Image.Resampling.NEAREST), (left, top + _LINE))
    return page
