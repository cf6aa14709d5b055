"""A folder of pictures."""

import collections
import concurrent.futures
import dataclasses
import math
import os
import stat
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.datasets import _viewer
from zoo.datasets._arrays import Arrays
from zoo.datasets._containers import LARGEST, aligned_empty
from zoo.datasets._pictures import checked_pair
from zoo.utils import progress
from zoo.utils.files import path_of

THREADS = 4
SLOW = 2000  # pictures from which on a progress bar is drawn
# What lies beside pictures, and goes without saying: notes, tables, and what systems leave behind.
BESIDE = {
    *(".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml"),
    *(".toml", ".html", ".log", ".ini", ".db"),
}


def load_folder(
    path: str | os.PathLike,
    size: int | Sequence[int] | None = None,
    crop: int | Sequence[int] | None = None,
    grey: bool | None = None,
    labels: bool = False,
    background: int | str | Sequence[int] = "black",
) -> Arrays:
    """The pictures of a folder and of the folders in it, in the order of their paths, as a viewer shows them.

    PNG, JPEG, BMP, GIF, TIFF, WebP and PPM are read by Pillow: turned as their EXIF data says, what is transparent
    laid on a background, of animations the first frame; colour profiles are not applied. Where pictures have more
    than 8 bits a channel, white is all ones of as many bits (8, 10, 12, 14, 16, ...) as the highest value of all of
    them needs: 12 bits stored in 16 keep their greys. All are decoded once, which finds the broken ones, and held in
    memory as uint8.

    Args:
        path: the folder; its name becomes the dataset's.
        size: height and width of the images, one number or two. A picture of other proportions loses what is too
            much at its sides, equally. `None` keeps the pictures' own size, which must then be the same.
        crop: height and width of the central part that is used, before resizing; `None` for all of it.
        grey: whether images have one channel or three; by default one if all pictures are grey.
        labels: whether the names of the folders in `path` become the values of a factor `label`.
        background: what shows through where pictures are transparent: a colour's name or `"#rrggbb"`, a grey from 0
            to 255, or red, green and blue.

    Returns:
        A dataset of uint8 images.

    Warns:
        UserWarning: files are passed over, or pictures lose something: transparency, frames, bits, a printer's
            colours. One line counts all of them. Hidden files and notes, such as `.txt`, go without saying.

    Raises:
        ValueError: there is no picture; one cannot be decoded or has another size than the first, and is named; or
            all together take more than 8 GiB of memory.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in "abc":
        ...     Image.new("RGB", (10, 20)).save(folder / f"{name}.png")
        >>> data = load_folder(folder, size=8, grey=True)
        >>> len(data), data.image_shape
        (3, (8, 8, 1))
    """
    path = path_of(path)
    size, crop = checked_pair("size", size), checked_pair("crop", crop)
    colour = _viewer.checked_colour("background", background)
    files, others = _sorted_out(path)
    factors, words = _labels(path, files) if labels else (None, None)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")  # what is wrong is said here
        facts = _each("look", _viewer.facts_of, files)
        white = _white(files, facts)
        channels = _channels(facts, colour) if grey is None else 1 if grey else 3
        reader = _Reader(size, crop, channels, colour, white)
        images, transparent = _decoded(files, facts, reader)
    notes = _notes(others, facts, sum(transparent), white, background, grey)
    if notes:
        warnings.warn(f"{path}, {len(files):,} pictures: {'; '.join(notes)}.", stacklevel=2)
    data = Arrays(images, factors, ["label"] if labels else None, copy=False)
    data.name = path.resolve().name
    if labels:
        data.factor_values = (words,)
    return data


def _sorted_out(folder: Path) -> tuple[list[Path], collections.Counter]:
    """The pictures of a folder, and of the folders in it, sorted; and how many others there are of each kind.

    Hidden files and folders, and what lies beside pictures everywhere, are neither.

    Raises:
        ValueError: there is no such folder, no picture in it, or a pipe, a device or a dead link for a picture.
    """
    if not os.path.isdir(folder):  # of a path that cannot be, too
        raise ValueError(f"No folder {folder}. Expected one with pictures.")
    files, others = [], collections.Counter()
    for file in folder.rglob("*"):
        if any(part.startswith(".") for part in file.relative_to(folder).parts):
            continue
        kind, suffix = _kind(file), file.suffix.lower()
        if kind == "linked folder":
            others[kind] += 1
        elif kind == "file" and suffix in _viewer.SUFFIXES:
            files.append(file)
        elif kind == "file" and suffix not in BESIDE:
            others[suffix or "without a suffix"] += 1
        elif kind not in ("file", "folder") and suffix in _viewer.SUFFIXES:
            raise ValueError(f"{file} is a {kind}, no picture. Remove or replace it.")
        elif kind not in ("file", "folder"):
            others[kind] += 1
    if not files:
        received = f" Received: {_listed(others)}." if others else ""
        raise ValueError(f"No pictures in {folder}. Expected files {_suffixes()}.{received}")
    return sorted(files), others


def _kind(path: Path) -> str:
    """What stands under a path: a file, a folder, a linked folder, a pipe, a socket, a device or a dead link."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return "dead link" if path.is_symlink() else "file"
    if stat.S_ISDIR(mode):
        return "linked folder" if path.is_symlink() else "folder"
    kinds = {stat.S_IFREG: "file", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    return kinds.get(stat.S_IFMT(mode), "device")


def _suffixes() -> str:
    return ", ".join(sorted(_viewer.SUFFIXES))


def _listed(counts: collections.Counter) -> str:
    """Counts in a line: the five most common kinds."""
    kinds = [f"{count:,} {kind}" for kind, count in counts.most_common(5)]
    return ", ".join(kinds + ["..."] * (len(counts) > 5))


def _white(files: list[Path], facts: list[_viewer.Facts]) -> float | None:
    """The number that is white in the pictures of more than eight bits; `None` where there are none."""
    deep = [file for file, fact in zip(files, facts, strict=True) if fact.deep]
    return _viewer.white_for(max(_each("scan", _viewer.highest, deep))) if deep else None


def _channels(facts: list[_viewer.Facts], background: tuple[int, int, int]) -> int:
    """1 if all pictures are grey, and what shows through them is, else 3."""
    shows_colour = len(set(background)) > 1
    return 1 if all(fact.grey and not (fact.clear and shows_colour) for fact in facts) else 3


@dataclasses.dataclass(frozen=True)
class _Reader:
    """Reads pictures to one size and mode.

    Attributes:
        size: height and width, or `None` for the picture's own.
        crop: height and width of the central part that is used, or `None` for all of it.
        channels: 1 or 3.
        background: red, green and blue.
        white: the number that is white in pictures of more than eight bits.
    """

    size: tuple[int, int] | None
    crop: tuple[int, int] | None
    channels: int
    background: tuple[int, int, int]
    white: float | None

    def __call__(self, file: Path, deep: bool) -> tuple[np.ndarray, bool]:
        """Pixels, uint8 of shape `(height, width, channels)`, and whether the picture is transparent somewhere."""
        picture, is_transparent = _viewer.read(file, self.background, self.white if deep else None)
        picture = picture.convert("L" if self.channels == 1 else "RGB")
        try:
            picture = _viewer.fitted(picture, self.size, self.crop)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
        return np.asarray(picture).reshape(*picture.size[::-1], self.channels), is_transparent


def _decoded(
    files: list[Path], facts: list[_viewer.Facts], read: _Reader
) -> tuple[np.ndarray, list[bool]]:
    """All images, shape `(files, height, width, channels)`, and which pictures are transparent."""
    shape = read(files[0], facts[0].deep)[0].shape
    size = len(files) * math.prod(shape)
    if size > LARGEST:
        raise ValueError(
            f"{len(files):,} images {'×'.join(map(str, shape))} take {size / 2**30:.1f} GiB of memory; at most "
            f"{LARGEST / 2**30:.0f} GiB are held. Pass a smaller `size`, for instance size=64."
        )
    images = aligned_empty((len(files), *shape), np.dtype(np.uint8))

    def put(index: int) -> bool:
        image, is_transparent = read(files[index], facts[index].deep)
        if image.shape != shape:
            first, other = ("×".join(map(str, s)) for s in (shape, image.shape))
            raise ValueError(
                f"The pictures must have one size, or pass `size`, for instance size=64. "
                f"Received: {first} in {files[0]}, {other} in {files[index]}"
            )
        images[index] = image
        return is_transparent

    return images, _each("read", put, range(len(files)))


def _each(name: str, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """What a function gives for each item, on threads and with a progress bar; the first error ends it."""
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        work = pool.map(function, items)
        few = len(items) < SLOW
        bar = progress.bar(iterable=work, total=len(items), desc=name, unit="image", disable=few)
        try:
            return list(bar)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _notes(
    others: collections.Counter,
    facts: list[_viewer.Facts],
    transparent: int,
    white: float | None,
    background: Any,
    grey: bool | None,
) -> list[str]:
    """What is passed over, and what pictures lose, each counted."""
    count = collections.Counter()
    for fact in facts:
        count.update(name for name, is_so in dataclasses.asdict(fact).items() if is_so)
    among_colours = count["grey"] if grey is None and count["grey"] < len(facts) else 0
    notes = {
        f"transparent, laid on {background} (another: background=...)": transparent,
        "with more frames, of which the first is used": count["moving"],
        f"with more than 8 bits, of which 0 ... {white or 0:g} became 0 ... 255": count["deep"],
        "in CMYK, which became RGB without a colour profile": count["printed"],
        "grey, kept among the colours in three channels (all grey: grey=True)": among_colours,
    }
    passed = [f"passed over {_listed(others)}"] if others else []
    return passed + [f"{number:,} {text}" for text, number in notes.items() if number]


def _labels(folder: Path, files: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """The number of each file's folder, and the folders' names."""
    parts = [file.relative_to(folder).parts for file in files]
    outside = [file for file, part in zip(files, parts, strict=True) if len(part) < 2]
    if outside:
        raise ValueError(
            f"With labels=True every picture must be in a folder of {folder}. Received: {outside[0]}"
        )
    words, numbers = np.unique([part[0] for part in parts], return_inverse=True)
    return numbers, words
