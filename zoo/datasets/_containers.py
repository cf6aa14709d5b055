"""Arrays out of `.npz`, `.npy` and `.h5` files. Nothing is ever unpickled."""

import math
import os
import warnings
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np

from zoo.datasets._paths import Refused, refuse_pointer
from zoo.utils.pixels import aligned_copy, aligned_empty

SUFFIXES = (".npz", ".npy", ".h5", ".hdf5")
IMAGES = ("images", "imgs")
LARGEST = 8 * 2**30  # bytes of an array in memory
SMALL = 2**26  # bytes of an array in memory that are no burden
CHUNK = 2**24  # bytes read at once
EXPECTED = "Expected plain arrays, as numpy.savez writes them."


def read_arrays(path: Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    """The images of a file, `images` or `imgs`, and other arrays of it, by name.

    What a file is, its first bytes say, as for `numpy.load`; its name does where they say nothing. An `.npy` file's
    array is called `images`; it is mapped, not read, so that it may be larger than the memory. Names in an `.h5`
    file's groups are joined by `_`: `latents/classes` is `latents_classes`.

    Args:
        path: the file.
        wanted: names of the arrays that are read if the file has them.

    Warns:
        UserWarning: a large `.npy` file in Fortran order, which is slow to read.

    Raises:
        ValueError: the file is missing, cannot be read, or holds no images, or more than fit.
    """
    if not os.path.isfile(path):
        raise ValueError(f"No file {path}. Expected an .npz, .npy or .h5 file of images.")
    try:
        return _reader(path)(path, wanted)
    except Refused as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # over broken bytes, errors of every kind
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ValueError(f"Cannot read {path}: {reason}. {EXPECTED}") from None


def _reader(path: Path) -> Callable[[Path, Collection[str]], dict[str, np.ndarray]]:
    refuse_pointer(path)
    with path.open("rb") as file:
        start = file.read(max(map(len, MAGIC)))
    for magic, read in MAGIC.items():
        if start.startswith(magic):
            return read
    return {".npz": _read_npz, ".npy": _read_npy}.get(path.suffix.lower(), _read_hdf5)


def _read_npy(path: Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    # "c": pages are read when they are used; a write would stay in memory.
    images = np.load(path, mmap_mode="c", allow_pickle=False)
    if not images.flags.c_contiguous and not images.dtype.hasobject:
        images = _in_fortran_order(path, images)
    return {"images": images}


def _in_fortran_order(path: Path, images: np.ndarray) -> np.ndarray:
    """A copy of few images; many stay where they lie, with a warning."""
    if images.nbytes > SMALL:
        warnings.warn(
            f"{path} is in Fortran order: each image lies scattered over the whole file and is slow to read. Store "
            "it anew, by numpy.save(PATH, numpy.ascontiguousarray(images)).",
            UserWarning,
            stacklevel=2,
        )
        return images
    return aligned_copy(images, images.dtype)


def _read_npz(path: Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    found, others = {}, []
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            name = member.removesuffix(".npy")
            if name == member or name not in wanted:
                others.append(name)
                continue
            with archive.open(member) as file:
                shape, fortran, dtype = _npy_header(file)
                if dtype.hasobject:
                    others.append(f"{name} (objects, which are not unpickled)")
                    continue
                _check_memory(path, name, shape, dtype)
                array = _read_into(file, aligned_empty(shape[::-1] if fortran else shape, dtype))
                found[name] = array.T if fortran else array
    return _checked(path, found, others)


def _npy_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran order, and dtype of the array that follows."""
    version = np.lib.format.read_magic(file)
    headers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in headers:
        raise ValueError(f"arrays of version {version} are not known")
    return headers[version](file)


def _read_into(file: BinaryIO, array: np.ndarray) -> np.ndarray:
    rest = memoryview(array.reshape(-1).view(np.uint8))
    while len(rest):
        count = file.readinto(rest[:CHUNK])
        if not count:
            raise ValueError(f"{len(rest)} bytes of an array are missing")
        rest = rest[count:]
    file.read(1)  # reaches the end, where the archive's checksum is compared
    return array


def _read_hdf5(path: Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    found, others = {}, []

    links = []
    with h5py.File(path, "r") as file:
        file.visit_links(links.append)
        for link in links:
            name = link.replace("/", "_")
            is_here = isinstance(file.get(link, getlink=True), h5py.HardLink)
            if not is_here and name in wanted:
                raise _elsewhere(path, name)
            item = file[link] if is_here else None
            if isinstance(item, h5py.Group):
                continue
            if item is not None and name in wanted and _is_readable(item):
                found[name] = _read_item(path, name, item)
            else:
                others.append(name)
    return _checked(path, found, others)


def _is_readable(item: h5py.Dataset) -> bool:
    is_array = isinstance(item, h5py.Dataset) and item.shape is not None
    return is_array and (item.dtype.kind in "biuf" or _is_text(item))


def _is_text(item: h5py.Dataset) -> bool:
    return h5py.check_string_dtype(item.dtype) is not None


def _read_item(path: Path, name: str, item: h5py.Dataset) -> np.ndarray:
    if item.external or item.is_virtual:
        raise _elsewhere(path, name)
    _check_memory(path, name, item.shape, item.dtype)
    if _is_text(item):
        return np.asarray(item.asstr()[()], dtype=np.str_)
    array = aligned_empty(item.shape, item.dtype)
    if array.size:
        item.read_direct(array)
    return array


def _elsewhere(path: Path, name: str) -> Refused:
    return Refused(
        f'"{name}" of {path} lies in another place, which the file names: external storage, a virtual dataset or a '
        "link. It is not followed. Store the array in the file itself."
    )


def _check_memory(path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    size = math.prod(shape) * dtype.itemsize
    if size > LARGEST:
        raise Refused(
            f'"{name}" of {path} takes {size / 2**30:.1f} GiB of memory; at most {LARGEST / 2**30:.0f} GiB are '
            "read. Store it as an .npy file, which is used where it lies: `unzip` turns an .npz into .npy files."
        )


def _checked(path: Path, found: dict, others: list[str]) -> dict[str, np.ndarray]:
    if not any(name in found for name in IMAGES):
        received = ", ".join([*found, *others]) or "nothing"
        raise Refused(f'{path} must hold an array "images" (or "imgs"). Received: {received}')
    return found


MAGIC = {b"PK": _read_npz, b"\x93NUMPY": _read_npy, b"\x89HDF": _read_hdf5}
"""How the files begin that each function reads."""
