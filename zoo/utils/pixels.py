"""Images of an array, in memory or mapped, that are read where they lie; and what their numbers mean.

uint8 is 0 ... 255, but where a whole array holds 0 and 1 alone these are black and white. Floats are in [0, 1].
"""

import concurrent.futures
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Self

import numpy as np
import tensorflow as tf

PART = 2**24  # bytes that are looked at together
ALIGNMENT = (
    64  # bytes; TensorFlow shares memory that begins at a multiple of it, and copies other memory
)
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

    def gatherer(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """`read` as TensorFlow operations on int64 tensors of any length; to be called outside of graphs."""
        gather = gatherer(self.images)

        def read(rows: tf.Tensor) -> tf.Tensor:
            images = gather(rows)
            if images.dtype == tf.uint8:
                return images if self.white == 1 else images * self.white
            images = tf.cast(images, tf.float32)
            return tf.clip_by_value(images, 0, 1) if self.clips else images

        return read


def gatherer(images: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function that gathers images by their numbers, as TensorFlow operations, from the array's own memory.

    Arrays in neither C nor Fortran order, and those of images of less than 64 bytes that begin at no multiple of 64,
    are copied.
    """
    flags, dtype = images.flags, images.dtype
    is_aligned = images.ctypes.data % ALIGNMENT == 0 and dtype.isnative
    if dtype.itemsize > 8 or not (flags.c_contiguous or (flags.f_contiguous and is_aligned)):
        images = aligned_copy(images, np.dtype(np.float32) if dtype.itemsize > 8 else dtype)
    elif flags.c_contiguous and not is_aligned:
        if images[0].nbytes >= ALIGNMENT:
            return _gatherer_of_bytes(images)
        images = aligned_copy(images, dtype.newbyteorder("="))
    if images.flags.c_contiguous:
        held = _variable(images, images.ctypes.data, images.shape, images.dtype)
        return lambda rows: tf.gather(held.read_value(), rows)
    held = _variable(images, images.ctypes.data, images.shape[::-1], images.dtype)
    return lambda rows: tf.transpose(tf.gather(held.read_value(), rows, axis=-1))


def _gatherer_of_bytes(images: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """For images that begin anywhere, or whose bytes are in the other order.

    TensorFlow sees rows of bytes from the last multiple of 64 before the images on, so that each image is the end of
    one row and the beginning of the next one.
    """
    count, size, dtype = len(images), images[0].nbytes, images.dtype
    shift = images.ctypes.data % ALIGNMENT
    held = _variable(images, images.ctypes.data - shift, (count, size), np.dtype(np.uint8))
    last = tf.constant(np.frombuffer(images[-1].tobytes(), np.uint8))

    def gather(rows: tf.Tensor) -> tf.Tensor:
        # The row after the last one does not exist.
        both = [tf.gather(held.read_value(), tf.minimum(rows + k, count - 1)) for k in (0, 1)]
        found = tf.concat(both, axis=1)[:, shift : shift + size]
        found = tf.where((rows == count - 1)[:, None], last, found)
        found = tf.reshape(found, (-1, *images.shape[1:], dtype.itemsize))
        if dtype.itemsize == 1:
            return tf.cast(found[..., 0], dtype.name)
        return tf.bitcast(found if dtype.isnative else found[..., ::-1], dtype.name)

    return gather


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array whose memory TensorFlow can share."""
    size = math.prod(shape) * dtype.itemsize
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    return buffer[start : start + size].view(dtype).reshape(shape)


def aligned_copy(images: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A copy in C order whose memory TensorFlow can share."""
    copy = aligned_empty(images.shape, dtype)
    copy[...] = images
    return copy


class _Window:
    """Memory of an array, which it keeps, as an array that NumPy takes for writeable; nobody writes."""

    def __init__(self, owner: np.ndarray, start: int, shape: tuple[int, ...], dtype: np.dtype):
        self.owner = owner
        self.__array_interface__ = {
            "version": 3,
            "data": (start, False),
            "shape": shape,
            "typestr": dtype.str,
        }


def _variable(
    owner: np.ndarray, start: int, shape: tuple[int, ...], dtype: np.dtype
) -> tf.Variable:
    """A variable in the memory of an array, which may be a file's.

    No tensor, for tf.data copies tensors that its functions use when it optimizes or shards them.
    """

    def make() -> tf.Variable:
        with tf.device("CPU:0"):  # because pixels may be many
            window = np.asarray(_Window(owner, start, shape, dtype))
            return tf.Variable(tf.experimental.dlpack.from_dlpack(window.__dlpack__()), False)

    # In a thread, for in a distribution strategy's scope it would get a copy on each device.
    with concurrent.futures.ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(make).result()


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
