"""Images of an array, in memory or mapped, that are read where they lie; and what their numbers mean.

uint8 is 0 ... 255, but where a whole array holds 0 and 1 alone these are black and white. Floats are in [0, 1].
"""

import weakref
from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
import tensorflow as tf

PART = 2**24  # bytes that are looked at together
TOLERANCE = 1e-6  # by which floats may leave [0, 1] when they were computed; they are clipped


class Pixels:
    """All images of an array, which is neither copied nor held in another form: batches of them are.

    Args:
        images: uint8, bool, or floats in [0, 1], shape `(n, height, width, channels)`. They are looked at once, whole.

    Attributes:
        white: 255 where uint8 images hold 0 and 1 alone, by which they are multiplied; else 1.
        clips: whether some floats are outside of [0, 1] by rounding.

    Raises:
        ValueError: floats outside of [0, 1], or NaN.

    Example:
        >>> pixels = Pixels(np.array([0, 1, 1], "uint8").reshape(3, 1, 1, 1))
        >>> pixels.read([0, 2]).ravel()
        array([  0, 255], dtype=uint8)
    """

    def __init__(self, images: np.ndarray):
        self.images = np.asarray(images)
        self.white = white_of(images)
        self.clips = images.dtype.kind not in "ub" and check_range(images)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(n, height, width, channels)`."""
        return self.images.shape

    @property
    def dtype(self) -> np.dtype:
        """That of the images as they are read: uint8 or float32."""
        return np.dtype(np.uint8 if self.images.dtype == np.uint8 else np.float32)

    def __getitem__(self, rows: slice) -> Self:
        """Some of the images, whose numbers mean what they mean in all of them."""
        part = object.__new__(type(self))
        part.images, part.white, part.clips = self.images[rows], self.white, self.clips
        return part

    def parts(self) -> Iterator[np.ndarray]:
        """All images, some MB at a time: uint8, or float32 in [0, 1]."""
        return (self.read(rows) for rows in slices(self.images))

    def read(self, rows: Sequence[int] | slice) -> np.ndarray:
        """Some images as uint8, or float32 in [0, 1], shape `(rows, height, width, channels)`."""
        images = self.images[rows]
        if images.dtype == np.uint8:
            return images if self.white == 1 else images * np.uint8(self.white)
        images = images.astype(np.float32, copy=False)
        return images.clip(0, 1) if self.clips else images

    def gather(self, rows: tf.Tensor) -> tf.Tensor:
        """`read` as a TensorFlow operation, for pipelines, which would copy an array that is made a tensor."""
        # TensorFlow keeps the function for ever, which must not keep the images. Who calls holds this object.
        images = tf.numpy_function(_Reader(self), [rows], self.dtype, stateful=False)
        return tf.ensure_shape(images, (*rows.shape, *self.shape[1:]))


class _Reader:
    """A function that reads images, and does not keep them in memory."""

    def __init__(self, pixels: Pixels):
        self.pixels = weakref.ref(pixels)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(self.pixels().read(rows))


def slices(images: np.ndarray) -> Iterator[slice]:
    """Slices of the first axis, of about 16 MB each.

    Example:
        >>> list(slices(np.zeros((3, 2**23))))
        [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)]
    """
    step = max(1, PART * len(images) // max(1, images.nbytes))
    return (slice(start, start + step) for start in range(0, len(images), step))


def white_of(images: np.ndarray) -> int:
    """255 for binary images that are stored as the bytes 0 and 1, by which they are to be multiplied; else 1.

    Example:
        >>> white_of(np.array([0, 1], "uint8")), white_of(np.array([0, 9], "uint8"))
        (255, 1)
    """
    if images.dtype != np.uint8:
        return 1
    most = 0
    for rows in slices(images):
        most = max(most, images[rows].max())
        if most > 1:
            break
    return 255 if most == 1 else 1


def check_range(images: np.ndarray) -> bool:
    """Checks that float images are numbers in [0, 1], up to rounding.

    Returns:
        Whether some are outside by rounding, so that they must be clipped.

    Raises:
        ValueError: NaN, or a number outside of [0, 1] by more than a millionth.

    Example:
        >>> check_range(np.array([0.0, 1 + 1e-9]))
        True
        >>> check_range(np.array([0.0, 2.0]))
        Traceback (most recent call last):
        ValueError: Expected float images in [0, 1]. Received: values from 0 to 2. Scale them, or
        pass uint8 images in 0 ... 255.
    """
    ends = []
    for rows in slices(images):
        part = images[rows]
        if part.itemsize < 4:  # NumPy takes a minute for a GB of float16
            part = part.astype(np.float32)
        ends.append((part.min(), part.max()))
    least, most = np.min(ends), np.max(ends)
    if np.isnan(least):
        raise ValueError(_nan(images))
    if least < -TOLERANCE or most > 1 + TOLERANCE:
        raise ValueError(out_of_range(_digits(least), _digits(most)))
    return bool(least < 0 or most > 1)


def _nan(images: np.ndarray) -> str:
    count, first = 0, None
    for rows in slices(images):
        where = np.isnan(images[rows])
        if first is None and where.any():
            index = np.unravel_index(where.argmax(), where.shape)
            first = (rows.start + int(index[0]), *map(int, index[1:]))
        count += np.count_nonzero(where)
    return (
        f"Expected images without NaN. Received: {count} NaN pixels, the first at index {first}. "
        "Remove or repair these images."
    )


def _digits(value: np.floating) -> str:
    """A number with as many digits as tell it from its neighbours."""
    return str(value).removesuffix(".0")


def out_of_range(least: str, most: str) -> str:
    """The message for float images with values outside of [0, 1]."""
    return (
        f"Expected float images in [0, 1]. Received: values from {least} to {most}. "
        "Scale them, or pass uint8 images in 0 ... 255."
    )


def wrong_dtype(dtype: str, images: np.ndarray | None = None) -> str:
    """The message for images of a dtype that is not read, with what to do about it.

    Args:
        dtype: its name.
        images: of that dtype, where they are at hand: their values decide what to do.

    Example:
        >>> wrong_dtype("uint16", np.array([0, 4095], "uint16"))
        'Expected uint8 images in 0 ... 255 or float images in [0, 1]. Received: dtype uint16, values from 0 to 4095.
        Convert them: divide them, as floats, by what stands for white, for instance (images / 65535).astype("float32")
        for 16 bits.'
    """
    values, advice = "", 'cast them to "float32", in [0, 1]'
    if "int" in dtype:
        advice = (
            "divide them, as floats, by what stands for white, for instance "
            '(images / 65535).astype("float32") for 16 bits'
        )
    if images is not None and images.size and images.dtype.kind in "iu":
        least, most = images.min(), images.max()
        values = f", values from {least} to {most}"
        if least < 0:
            advice = 'map their least value to 0 and their largest to 1, as "float32"'
        elif most <= 255:
            advice = 'images.astype("uint8") keeps their values'
    return (
        "Expected uint8 images in 0 ... 255 or float images in [0, 1]. "
        f"Received: dtype {dtype}{values}. Convert them: {advice}."
    )
