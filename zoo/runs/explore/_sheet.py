"""A sheet with images of a dataset, for a page without a server: all of them, or some that are spread evenly."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo.runs.explore import _facts
from zoo.runs.explore._runtime import integrity_of

MOST = 2_000  # images
MOST_BYTES = 25_000_000  # of their pixels: 2,000 of 64x64x3, 214 of 218x178x3
COLOURS = 3


def write(data, folder: Path, name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Writes a lossless WebP, and gives the facts of a dataset whose images lie in it.

    Args:
        data: a dataset.
        folder: where the file goes.
        name: of the file.
        facts: of the whole dataset, from `_facts.of_data`.
    """
    indices, levels = chosen(data)
    images = data.images(indices)
    if images.dtype != np.uint8:
        images = np.round(255 * images).astype(np.uint8)
    sheet, columns = laid_out(images)
    Image.fromarray(sheet).save(folder / name, "webp", lossless=True)
    rows = data.factors(indices).tolist() if data.factor_names else None
    start = int(np.random.default_rng(0).integers(len(indices)))
    made = {
        **facts,
        "start": {"index": start, "factors": _facts.factors_of(data, int(indices[start]))},
        "sheet": {
            "file": name,
            "integrity": integrity_of(folder / name),
            "columns": columns,
            "images": len(indices),
            "factors": rows,
        },
        "note": _note(data, facts["name"], len(indices), levels),
    }
    if levels is not None:
        made["factors"] = [
            {**one, "levels": some, "labels": [one["labels"][level] for level in some]}
            for one, some in zip(facts["factors"], levels, strict=True)
        ]
    return made


def chosen(data) -> tuple[np.ndarray, list[list[int]] | None]:
    """Which images a sheet holds.

    Returns:
        Their indices, and for each factor the values that these have; None where these are all, or where the images
        are no grid, of which some are drawn.

    Example:
        >>> import zoo
        >>> indices, levels = chosen(zoo.datasets.load("shapes3d"))
        >>> len(indices), [len(some) for some in levels]
        (1728, [3, 3, 3, 4, 4, 4])
    """
    most = max(1, min(MOST, MOST_BYTES // math.prod(data.image_shape)))
    if len(data) <= most:
        return np.arange(len(data)), None
    if data.is_grid():
        levels = coarser(data.factor_sizes, most)
        return data.index(np.array(list(itertools.product(*levels)))), levels
    return np.sort(np.random.default_rng(0).choice(len(data), most, replace=False)), None


def coarser(sizes: Sequence[int], most: int) -> list[list[int]]:
    """Values of each factor, spread evenly from the first to the last, whose combinations are at most so many.

    Example:
        >>> coarser((3, 40, 32), most=100)
        [[0, 1, 2], [0, 10, 20, 29, 39], [0, 6, 12, 19, 25, 31]]
    """
    kept = list(sizes)
    while math.prod(kept) > most and max(kept) > 1:
        kept[int(np.argmax(kept))] -= 1
    return [
        np.linspace(0, size - 1, count).round().astype(int).tolist()
        for size, count in zip(sizes, kept, strict=True)
    ]


def laid_out(images: np.ndarray) -> tuple[np.ndarray, int]:
    """Images `(n, height, width, channels)` uint8 on one sheet, about square, and how many stand in a row.

    Of three channels it is in colour; of one, or any other number, in grey, an image's channels under each other.
    """
    count, height, width, channels = images.shape
    if channels != COLOURS:
        images = images.transpose(0, 3, 1, 2).reshape(count, channels * height, width, 1)
        height *= channels
    columns = min(count, max(1, math.ceil(math.sqrt(count * height / width))))
    rows = -(-count // columns)
    sheet = np.zeros((rows * columns, *images.shape[1:]), np.uint8)
    sheet[:count] = images
    sheet = sheet.reshape(rows, columns, *images.shape[1:]).swapaxes(1, 2)
    sheet = sheet.reshape(rows * height, columns * width, -1)
    return (sheet if channels == COLOURS else sheet[..., 0]), columns


def _note(data, name: str, count: int, levels) -> str:
    """Which images there are, in a sentence."""
    if count == len(data):
        return f"All {count:,} images of {name}."
    if levels is None:
        return f"{count:,} of the {len(data):,} images of {name}, drawn at random."
    parts = [
        f"{factor} {len(some)} of {size}"
        for factor, some, size in zip(data.factor_names, levels, data.factor_sizes, strict=True)
        if len(some) < size
    ]
    return (
        f"{count:,} of the {len(data):,} images of {name}, a coarser grid: {', '.join(parts)} values. "
        "All are there where `zoo explore` serves the page."
    )
