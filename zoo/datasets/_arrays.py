"""Images in memory, or in a file that is mapped: NumPy arrays, or an `.npz`, `.npy` or `.h5` file of them."""

import os
from collections.abc import Sequence
from typing import Self

import numpy as np
import tensorflow as tf

from zoo.datasets._containers import IMAGES, read_arrays
from zoo.datasets._table import Tabled, as_array, levels
from zoo.utils.files import path_of
from zoo.utils.pixels import ALIGNMENT, Pixels, aligned_copy, wrong_dtype

# What files call the factors: what they call the factors' values, and the columns, of which None is left out.
FACTORS = {
    "factors": ("factor_values", ()),
    "latents_classes": (
        "latents_values",
        (None, "shape", "scale", "orientation", "x", "y"),  # the colour of dSprites is always white
    ),
    "labels": (
        "labels",
        ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"),
    ),
}
WANTED = {*IMAGES, *FACTORS, *(values for values, _ in FACTORS.values()), "factor_names"}


class Arrays(Tabled):
    """Images in memory or in a file that is mapped and, where they are known, their factors.

    uint8 images stay uint8; floats in [0, 1] and booleans become float32. uint8 images that hold 0 and 1 alone, all
    of them, are black and white: they become 0 and 255. Floats that rounding took out of [0, 1] are clipped.

    Args:
        images: shape `(n, height, width, channels)`, or `(n, height, width)` for grey images.
        factors: integers >= 0, shape `(n, factors)` or `(n,)`.
        factor_names: one name per factor; by default `factor_0`, `factor_1`, ….
        factor_sizes: how many values each factor takes; by default its largest value + 1. Without `factors`, the
            images are the whole grid of that many values, with the last factor fastest.
        factor_values: what the factors stand for, image by image, shape `(n, factors)`.
        copy: whether the images are copied. Otherwise the dataset uses their memory where it can; they must then
            stay as they are. A memory map that cannot be written is never copied.

    Raises:
        ValueError: wrong rank, dtype, range or length.

    Example:
        >>> data = Arrays(np.zeros((3, 8, 8), "uint8"), factors=[0, 1, 1], factor_names=["label"])
        >>> data
        <arrays: 3 images 8×8×1 uint8; label 2>
        >>> data.index([[1]])
        array([1])
    """

    name = "arrays"

    def __init__(
        self,
        images: np.ndarray,
        factors: np.ndarray | None = None,
        factor_names: Sequence[str] | None = None,
        factor_sizes: Sequence[int] | None = None,
        factor_values: np.ndarray | None = None,
        copy: bool = True,
    ):
        is_mapped = isinstance(images, np.memmap)
        images = checked_images(images)
        self._pixels = Pixels(images)
        copy = copy and not (is_mapped and not images.flags.writeable)
        if copy or not is_mapped:
            self._pixels.images = in_memory(images, copy)
        self._read = self._pixels.gatherer()
        self.image_shape = tuple(int(size) for size in images.shape[1:])
        self.image_dtype = self._pixels.dtype.name
        self.keep_factors(factors, factor_names, factor_sizes, factor_values)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike,
        factor_names: Sequence[str] | None = None,
        factor_sizes: Sequence[int] | None = None,
    ) -> Self:
        """Reads an `.npz`, `.npy` or `.h5` file of images; nothing in it is unpickled.

        Known are the zoo's own names, `images` and, optionally, `factors`, `factor_names` and `factor_values`, and
        those of the original dSprites (`imgs`, `latents_classes`, `latents_values`) and 3D Shapes (`labels`).
        MPI3D and Cars3D hold `images` alone, a whole grid: their `factor_sizes` are (6, 6, 2, 3, 3, 40, 40) and
        (4, 24, 183). Images may also be stored with one axis per factor before the last three. Binary images that
        are stored as the bytes 0 and 1 become 0 and 255.

        Args:
            path: the file; its stem becomes the dataset's name. An `.npy` is used where it lies: its size is not
                bounded by the memory. In Fortran order that is slow, and a large file brings a warning.
            factor_names: names that go before the file's own.
            factor_sizes: how many values each factor takes, see `Arrays`.

        Raises:
            ValueError: the file is missing, cannot be read, or holds no images, or more than 8 GiB of them.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> path = Path(tempfile.mkdtemp()) / "cars.npz"
            >>> np.savez(path, images=np.zeros((6, 8, 8, 3), "uint8"))
            >>> Arrays.from_file(path, ["elevation", "azimuth"], factor_sizes=[2, 3])
            <cars: 6 images 8×8×3 uint8; elevation 2, azimuth 3>
        """
        path = path_of(path)
        content = read_arrays(path, WANTED)
        images = next(content[name] for name in IMAGES if name in content)
        if images.ndim > 4 and factor_sizes is None:
            factor_sizes = images.shape[:-3]
            images = images.reshape(-1, *images.shape[-3:])
        factors, values, names = factors_in(content)
        names = names if factor_names is None else factor_names
        data = cls(images, factors, names, factor_sizes, values, copy=False)
        data.name = path.stem
        return data

    def __len__(self) -> int:
        return len(self._pixels)

    def render(self, indices: tf.Tensor) -> tf.Tensor:
        """Images as TensorFlow operations; see `Dataset.render`."""
        return self._read(indices)


def in_memory(images: np.ndarray, copy: bool) -> np.ndarray:
    """uint8 or float32 images in C order, in memory; the array itself where it is that and no copy is wanted."""
    dtype = np.dtype(np.uint8 if images.dtype == np.uint8 else np.float32)
    is_so = (
        images.dtype == dtype and images.flags.c_contiguous and images.ctypes.data % ALIGNMENT == 0
    )
    return images if is_so and not copy else aligned_copy(images, dtype)


def factors_in(
    content: dict[str, np.ndarray],
) -> tuple[np.ndarray | None, np.ndarray | None, Sequence[str] | None]:
    """Factors, their values image by image, and their names, each `None` where a file does not say it.

    Example:
        >>> factors_in({"labels": np.array([[0.5], [0.1], [0.5]])})[0].tolist()
        [[1], [0], [1]]
    """
    key = next((key for key in FACTORS if key in content), None)
    if key is None:
        return None, None, None
    values_key, columns = FACTORS[key]
    table, values = content[key], content.get(values_key)
    if key == values_key:
        is_value = table.dtype.kind == "f" and table.ndim == 2 and table.size > 0
        values = table if is_value else None
        table = np.stack([levels(column) for column in table.T], axis=1) if is_value else table
    if table.ndim != 2 or table.shape[1] != len(columns):
        return table, values, content.get("factor_names")
    if values is not None and values.shape != table.shape:
        raise ValueError(
            f'"{values_key}" must have the shape of "{key}", {table.shape}. Received: shape {values.shape}'
        )
    kept = [column for column, name in enumerate(columns) if name]
    values = None if values is None else values[:, kept]
    return table[:, kept], values, [columns[column] for column in kept]


def checked_images(images: np.ndarray) -> np.ndarray:
    """Images of uint8, bool or floats, shape `(n, height, width, channels)`.

    Raises:
        ValueError: wrong rank or dtype.
    """
    images = as_array("images", images)
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise ValueError(
            "`images` must have the shape (n, height, width, channels), or (n, height, width) if grey, "
            f"and no axis of length 0. Received: shape {images.shape}"
        )
    if images.dtype != np.uint8 and images.dtype.kind not in "fb":
        raise ValueError(wrong_dtype(images.dtype.name, images))
    return images if images.ndim == 4 else images[..., None]
