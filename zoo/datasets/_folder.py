"""A folder of pictures."""

import concurrent.futures
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from zoo import progress
from zoo.datasets._arrays import Arrays
from zoo.datasets._containers import LARGEST, aligned_empty
from zoo.datasets._paths import refuse_pointer, user_path
from zoo.datasets._pictures import Fit

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
THREADS = 4
SLOW = 2000  # pictures from which on a progress bar is drawn


def load_folder(
    path: str | os.PathLike,
    size: int | Sequence[int] | None = None,
    crop: int | Sequence[int] | None = None,
    grey: bool | None = None,
    labels: bool = False,
) -> Arrays:
    """The PNG, JPEG, BMP and GIF pictures of a folder and of the folders in it, in the order of their paths.

    All are decoded once, which finds the broken ones, and held in memory as uint8.

    Args:
        path: the folder; its name becomes the dataset's.
        size: height and width of the images, one number or two. A picture of other proportions loses what is too
            much at its sides, equally. `None` keeps the pictures' own size, which must then be the same.
        crop: height and width of the central part that is used, before resizing; `None` for all of it.
        grey: whether images have one channel or three; by default as the first picture has.
        labels: whether the names of the folders in `path` become the values of a factor `label`.

    Returns:
        A dataset of uint8 images.

    Raises:
        ValueError: there is no picture; one cannot be decoded or has another size than the first, and is named; or
            all together take more than 8 GiB of memory.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in "abc":
        ...     picture = tf.io.encode_png(np.zeros((20, 10, 3), "uint8"))
        ...     _ = (folder / f"{name}.png").write_bytes(picture.numpy())
        >>> data = load_folder(folder, size=8, grey=True)
        >>> len(data), data.image_shape
        (3, (8, 8, 1))
    """
    path = user_path(path)
    files = pictures_in(path)
    channels = _channels(files[0]) if grey is None else 1 if grey else 3
    images = _decoded(files, Fit(size, crop, channels))
    factors, words = _labels(path, files) if labels else (None, None)
    data = Arrays(images, factors, ["label"] if labels else None, copy=False)
    data.name = path.resolve().name
    if labels:
        data.factor_values = (words,)
    return data


def pictures_in(folder: Path) -> list[Path]:
    """Files of a folder, and of the folders in it, that are pictures by their suffix, sorted; hidden ones are not.

    Raises:
        ValueError: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise ValueError(f"No folder {folder}. Expected one with pictures.")
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
    if not files:
        raise ValueError(f"No pictures in {folder}. Expected files {', '.join(SUFFIXES)}.")
    return files


def _channels(file: Path) -> int:
    """1 for a grey picture, 3 for others."""
    return 1 if _decode(file, Fit(channels=0)).shape[-1] <= 2 else 3


def _decode(file: Path, fit: Fit) -> np.ndarray:
    try:
        with tf.device("CPU:0"):
            return fit(tf.io.read_file(os.fspath(file))).numpy()
    except tf.errors.OpError as error:
        refuse_pointer(file)
        reason = re.sub(r"\{\{.*?\}\} ?| ?\[Op:.*", "", error.message.splitlines()[0]).rstrip(".")
        raise ValueError(f"Cannot decode {file}: {reason}. Remove or replace it.") from None
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _decoded(files: list[Path], fit: Fit) -> np.ndarray:
    """All images, shape `(files, height, width, channels)`."""
    shape = _decode(files[0], fit).shape
    size = len(files) * int(np.prod(shape))
    if size > LARGEST:
        raise ValueError(
            f"{len(files):,} images {'×'.join(map(str, shape))} take {size / 2**30:.1f} GiB of memory; at most "
            f"{LARGEST / 2**30:.0f} GiB are held. Pass a smaller `size`, for instance size=64."
        )
    images = aligned_empty((len(files), *shape), np.dtype(np.uint8))

    def put(index: int) -> None:
        image = _decode(files[index], fit)
        if image.shape != shape:
            first, other = ("×".join(map(str, s)) for s in (shape, image.shape))
            raise ValueError(
                f"The pictures must have one size, or pass `size`, for instance size=64. "
                f"Received: {first} in {files[0]}, {other} in {files[index]}"
            )
        images[index] = image

    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        work = pool.map(put, range(len(files)))
        bar = progress.bar(
            iterable=work, total=len(files), desc="read", unit="image", disable=len(files) < SLOW
        )
        try:
            for _ in bar:
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return images


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
