"""Where results go, and which data they are of: checked before any work."""

import os
from pathlib import Path

from zoo import runs
from zoo.deliver import presets
from zoo.utils import files

# Formats that Matplotlib writes by itself.
PICTURES = (
    "png",
    "jpg",
    "jpeg",
    "webp",
    "gif",
    "tif",
    "tiff",
    "avif",
    "svg",
    "svgz",
    "pdf",
    "eps",
    "ps",
)


def check_can_be_written(file: str | os.PathLike) -> None:
    """Checks before minutes of work that a file can be written after them."""
    target = files.target_of(file)
    folder = next(parent for parent in target.parents if parent.exists())
    is_open = files.is_stream(target) or os.access(folder, os.W_OK)
    if not files.is_file_place(target) or not folder.is_dir() or not is_open:
        raise ValueError(
            f"Expected `out` to be a file, in a folder that can be written to. Received: out={file}"
        )


def check_picture(file: str | os.PathLike) -> None:
    """Checks the same of a picture, whose suffix is one that figures are written with."""
    check_can_be_written(file)
    suffix = suffix_of(file)
    if suffix not in PICTURES:
        raise ValueError(
            f"Expected a picture, such as .png, .jpg, .webp, .svg or .pdf. Received: out={file}"
        )


def suffix_of(file: str | os.PathLike) -> str:
    """What chooses a picture's format: `png` where the name has no suffix."""
    return Path(file).suffix[1:].lower() or "png"


def data_of(path: str | os.PathLike, data: str | None) -> str:
    if data is not None:
        return data
    if presets.is_preset(path):
        data = presets.facts(path)["data"]
        if data is not None:
            return data
    elif files.path_of(path).is_dir():
        return runs.load_config(path).data
    raise ValueError(
        f"Expected a dataset, since {path} does not tell its own. Pass --data NAME (data=...)."
    )
