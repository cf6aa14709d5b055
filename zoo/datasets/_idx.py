"""IDX files: the format of MNIST and of its relatives, one file of images and one of labels."""

import gzip
import math
import os
import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zoo.datasets._arrays import Arrays
from zoo.datasets._containers import CHUNK, LARGEST
from zoo.datasets._paths import refuse_pointer
from zoo.utils.files import path_of

PATTERN = re.compile(r"[-.]idx\d-ubyte(\.gz)?$", re.IGNORECASE)
DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP = b"\x1f\x8b"


def load_idx(path: str | os.PathLike, labels: str | os.PathLike | None = None) -> Arrays:
    """Images of an IDX file, with the labels of a second one as their factor.

    Args:
        path: the file of images, gzipped or not.
        labels: the file of labels; by default the one beside `path` whose name says `labels-idx1` where `path` says
            `images-idx3`, if there is one.

    Returns:
        A dataset with the name of the file, and the factor `label`, or none where there are no labels.

    Raises:
        ValueError: a file is missing, cut off, no IDX file or larger than 8 GiB, or the labels are not one per image.
    """
    path = path_of(path)
    images = read_idx(path)
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise ValueError(
            f"{path} must hold images: bytes with 3 or 4 axes. Received: shape {images.shape}, "
            f"dtype {images.dtype}"
        )
    found = read_idx(path_of(labels)) if labels is not None else _labels_beside(path)
    if found is not None and found.shape != images.shape[:1]:
        raise ValueError(
            f"The labels must be one per image of {path}. "
            f"Received: shape {found.shape} for {len(images)} images"
        )
    data = Arrays(images, found, None if found is None else ["label"], copy=False)
    data.name = PATTERN.sub("", path.name)
    return data


def read_idx(path: Path) -> np.ndarray:
    """The array of an IDX file, gzipped or not.

    Its bytes: 0, 0, a code of the dtype, the number of axes, the length of each axis as a big-endian 32-bit integer,
    then the items.

    Raises:
        ValueError: the file is missing, cut off, no IDX file, or larger than 8 GiB.

    Reference:
        LeCun, Cortes & Burges, "The MNIST database of handwritten digits", section "File formats".
    """
    content = _unpacked(path)
    magic = content[:4]
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES or magic[3] == 0:
        raise ValueError(
            f"{path} is no IDX file: it must begin with 0, 0, a dtype's code and the number of axes. "
            f"Received: {list(magic)}"
        )
    dtype, axes = np.dtype(DTYPES[magic[2]]), magic[3]
    start = 4 + 4 * axes
    lengths = content[4:start]
    shape = struct.unpack(f">{len(lengths) // 4}I", lengths[: len(lengths) // 4 * 4])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(shape) < axes or len(content) != expected:
        raise ValueError(
            f"{path} must be {expected} bytes long, for the shape {shape}. Received: {len(content)} bytes. "
            "Copy or download it again."
        )
    array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _unpacked(path: Path) -> bytearray:
    if not os.path.isfile(path):
        raise ValueError(f"No file {path}. Expected an IDX file, gzipped or not.")
    refuse_pointer(path)
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == GZIP
        with gzip.open(path) if is_packed else path.open("rb") as file:
            return _up_to_largest(path, file)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"Cannot unpack {path}: {error}. Copy or download it again.") from None


def _up_to_largest(path: Path, file: BinaryIO) -> bytearray:
    content = bytearray()
    while part := file.read(CHUNK):  # a small gzipped file may unpack to any size
        content += part
        if len(content) > LARGEST:
            raise ValueError(
                f"{path} holds more than {LARGEST / 2**30:.0f} GiB, which are not read."
            )
    return content


def _labels_beside(path: Path) -> np.ndarray | None:
    words = {"images": "labels", "IMAGES": "LABELS", "idx3": "idx1", "IDX3": "IDX1"}
    name = re.sub("|".join(words), lambda word: words[word[0]], path.name)
    beside = path.with_name(name)
    return read_idx(beside) if name != path.name and beside.is_file() else None
