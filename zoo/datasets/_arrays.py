"""Images in memory, or in a file that is mapped: NumPy arrays, or an `.npz`, `.npy` or `.h5` file of them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import tensorflow as tf

from zoo.checks import check_range
from zoo.datasets._containers import ALIGNMENT, IMAGES, read_arrays
from zoo.datasets._table import Tabled, as_array, levels

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
SAMPLE = 1000  # images that tell whether a file stores binary images as 0 and 1


class Arrays(Tabled):
    """Images and, where they are known, factors that are held in memory.

    uint8 images stay uint8; floats in [0, 1] and booleans become float32.

    Args:
        images: shape `(n, height, width, channels)`, or `(n, height, width)` for grey images.
        factors: integers >= 0, shape `(n, factors)` or `(n,)`.
        factor_names: one name per factor; by default `factor_0`, `factor_1`, ….
        factor_sizes: how many values each factor takes; by default its largest value + 1. Without `factors`, the
            images are the whole grid of that many values, with the last factor fastest.
        factor_values: what the factors stand for, image by image, shape `(n, factors)`.
        copy: whether the images are copied. Otherwise the dataset uses their memory where it can; they must then
            stay as they are.

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
    _white: int | None = None

    def __init__(
        self,
        images: np.ndarray,
        factors: np.ndarray | None = None,
        factor_names: Sequence[str] | None = None,
        factor_sizes: Sequence[int] | None = None,
        factor_values: np.ndarray | None = None,
        copy: bool = True,
    ):
        images = checked_images(images)
        self.image_shape = tuple(int(size) for size in images.shape[1:])
        self.image_dtype = images.dtype.name
        # A tensor, not an array: graphs then refer to it and do not copy it. On the CPU, because pixels may be many.
        with tf.device("CPU:0"):
            self._images = tf.constant(images) if copy else shared(images)
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
                bounded by the memory.
            factor_names: names that go before the file's own.
            factor_sizes: how many values each factor takes, see `Arrays`.

        Raises:
            ValueError: the file is missing, cannot be read, or holds no images, or more than 8 GiB of them.

        Example:
            >>> import tempfile
            >>> path = Path(tempfile.mkdtemp()) / "cars.npz"
            >>> np.savez(path, images=np.zeros((6, 8, 8, 3), "uint8"))
            >>> Arrays.from_file(path, ["elevation", "azimuth"], factor_sizes=[2, 3])
            <cars: 6 images 8×8×3 uint8; elevation 2, azimuth 3>
        """
        path = Path(path)
        content = read_arrays(path, WANTED)
        images = next(content[name] for name in IMAGES if name in content)
        if images.ndim > 4 and factor_sizes is None:
            factor_sizes = images.shape[:-3]
            images = images.reshape(-1, *images.shape[-3:])
        factors, values, names = factors_in(content)
        names = names if factor_names is None else factor_names
        data = cls(images, factors, names, factor_sizes, values, copy=False)
        data.name = path.stem
        data._white = white_of(images[:SAMPLE])
        return data

    def __len__(self) -> int:
        return int(self._images.shape[0])

    def render(self, indices: tf.Tensor) -> tf.Tensor:
        """Images as TensorFlow operations; see `Dataset.render`."""
        images = tf.gather(self._images, indices)
        return images if self._white is None else images * self._white


def shared(images: np.ndarray) -> tf.Tensor:
    """A tensor in the array's own memory, which may be a file's, or a copy where TensorFlow cannot use it."""
    images = np.ascontiguousarray(images)
    if images.ctypes.data % ALIGNMENT or not images.flags.writeable:
        return tf.constant(images)
    return tf.experimental.dlpack.from_dlpack(images.__dlpack__())


def white_of(sample: np.ndarray) -> int | None:
    """255 for binary images that are stored as the bytes 0 and 1, by which they are to be multiplied; else `None`.

    Example:
        >>> white_of(np.array([0, 1], "uint8")), white_of(np.array([0, 9], "uint8"))
        (255, None)
    """
    return 255 if sample.dtype == np.uint8 and sample.max() == 1 else None


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
        is_value = table.dtype.kind == "f" and table.ndim == 2
        values = table if is_value else None
        table = np.stack([levels(column) for column in table.T], axis=1) if is_value else table
    if table.ndim != 2 or table.shape[1] != len(columns):
        return table, values, content.get("factor_names")
    kept = [column for column, name in enumerate(columns) if name]
    values = None if values is None else values[:, kept]
    return table[:, kept], values, [columns[column] for column in kept]


def checked_images(images: np.ndarray) -> np.ndarray:
    """Images as uint8, or float32 in [0, 1], shape `(n, height, width, channels)`.

    Raises:
        ValueError: wrong rank, dtype or range.
    """
    images = as_array("images", images)
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise ValueError(
            "`images` must have the shape (n, height, width, channels), or (n, height, width) if grey, "
            f"and no axis of length 0. Received: shape {images.shape}"
        )
    if images.dtype != np.uint8 and images.dtype.kind not in "fb":
        raise ValueError(
            "`images` must be uint8, bool, or floats in [0, 1]. "
            f"Received: dtype {images.dtype}. Convert them, for instance images.astype('uint8')."
        )
    if images.dtype.kind == "f":
        check_range(images)
    if images.ndim == 3:
        images = images[..., None]
    return images if images.dtype == np.uint8 else images.astype(np.float32, copy=False)
