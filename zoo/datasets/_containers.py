"""Arrays out of `.npz`, `.npy` and `.h5` files. Nothing is ever unpickled."""

import math
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np

SUFFIXES = (".npz", ".npy", ".h5", ".hdf5")
IMAGES = ("images", "imgs")
LARGEST = 8 * 2**30  # bytes of an array in memory
ALIGNMENT = (
    64  # bytes; TensorFlow shares memory that begins at a multiple of it, and copies other memory
)
CHUNK = 2**24  # bytes read at once
EXPECTED = "Expected plain arrays, as numpy.savez writes them."


def read_arrays(path: Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    """The images of a file, `images` or `imgs`, and other arrays of it, by name.

    An `.npy` file's array is called `images`; it is mapped, not read, so that it may be larger than the memory.
    Names in an `.h5` file's groups are joined by `_`: `latents/classes` is `latents_classes`.

    Args:
        path: the file.
        wanted: names of the arrays that are read if the file has them.

    Raises:
        ValueError: the file is missing, cannot be read, or holds no images, or more than fit.
    """
    if not path.is_file():
        raise ValueError(f"No file {path}. Expected an .npz, .npy or .h5 file of images.")
    read = {".npz": _read_npz, ".npy": _read_npy}.get(path.suffix, _read_hdf5)
    try:
        return read(path, wanted)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, _Refused):
            raise ValueError(str(error)) from None
        reason = " ".join(str(error).split()).rstrip(".")
        raise ValueError(f"Cannot read {path}: {reason}. {EXPECTED}") from None


class _Refused(ValueError):
    """A file that is whole, but not what is read here."""


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array whose memory TensorFlow can share."""
    size = math.prod(shape) * dtype.itemsize
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    return buffer[start : start + size].view(dtype).reshape(shape)


def _read_npy(path: Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    # "c": pages are read when they are used; a write would stay in memory.
    return {"images": np.load(path, mmap_mode="c", allow_pickle=False)}


def _read_npz(path: Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    found, others = {}, []
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            name = member.removesuffix(".npy")
            with archive.open(member) as file:
                shape, fortran, dtype = _npy_header(file)
                if dtype.hasobject:
                    others.append(f"{name} (objects, which are not unpickled)")
                elif name in wanted:
                    _check_memory(path, name, shape, dtype)
                    array = _read_into(
                        file, aligned_empty(shape[::-1] if fortran else shape, dtype)
                    )
                    found[name] = array.T if fortran else array
                else:
                    others.append(name)
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

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        name = name.replace("/", "_")
        if not isinstance(item, h5py.Dataset):
            return
        if name in wanted and item.dtype.kind in "biuf":
            _check_memory(path, name, item.shape, item.dtype)
            found[name] = aligned_empty(item.shape, item.dtype)
            item.read_direct(found[name])
        else:
            others.append(name)

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return _checked(path, found, others)


def _check_memory(path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    size = math.prod(shape) * dtype.itemsize
    if size > LARGEST:
        raise _Refused(
            f'"{name}" of {path} takes {size / 2**30:.1f} GiB of memory; at most {LARGEST / 2**30:.0f} GiB are '
            "read. Store it as an .npy file, which is used where it lies: `unzip` turns an .npz into .npy files."
        )


def _checked(path: Path, found: dict, others: list[str]) -> dict[str, np.ndarray]:
    if not any(name in found for name in IMAGES):
        received = ", ".join([*found, *others]) or "nothing"
        raise _Refused(f'{path} must hold an array "images" (or "imgs"). Received: {received}')
    return found
