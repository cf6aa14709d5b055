"""Encoded pictures, as TensorFlow Datasets stores them, as images of one size."""

from collections.abc import Sequence

import tensorflow as tf

from zoo.utils.checks import check_integer

LUMA = (19595, 38470, 7471)  # 0.299, 0.587 and 0.114 in 65536ths


class Fit:
    """Decodes a picture and fits it to one size: grey or colour, cropped in the centre, resized.

    Args:
        size: height and width of the images, one number or two; `None` keeps the picture's. A picture of other
            proportions loses what is too much at its sides, equally.
        crop: height and width of the central part that is used, in pixels of the picture; `None` for all of it.
        channels: 1 for grey, 3 for colour.

    Raises:
        ValueError: a number is no integer >= 1.

    Example:
        >>> picture = tf.io.encode_png(tf.zeros((20, 10, 3), tf.uint8))
        >>> Fit(size=8)(picture).shape, Fit(crop=(6, 4), channels=1)(picture).shape
        (TensorShape([8, 8, 3]), TensorShape([6, 4, 1]))
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        crop: int | Sequence[int] | None = None,
        channels: int = 3,
    ):
        self.size, self.crop, self.channels = (
            checked_pair("size", size),
            checked_pair("crop", crop),
            channels,
        )

    def __call__(
        self, picture: tf.Tensor, shape: Sequence[int | None] = (None, None, None)
    ) -> tf.Tensor:
        """One image.

        Args:
            picture: the bytes of a picture, a scalar string.
            shape: of the picture, as far as it is known before it is decoded. What is transparent in one of four
                channels becomes black.

        Returns:
            uint8 tensor, shape `(height, width, channels)`.

        Raises:
            ValueError: the picture is smaller than `crop`.
        """
        stored = shape[-1] or 3
        image = tf.io.decode_image(picture, channels=stored, expand_animations=False)
        image.set_shape((*shape[:2], stored))
        if stored == 4:
            image = on_black(image)
        if self.channels == 1 and stored > 1:
            image = as_grey(image)
        if self.crop:
            image = central(image, *self.crop)
        if self.size:
            image = resized(image, *self.size)
        return image


def on_black(image: tf.Tensor) -> tf.Tensor:
    """An image of four channels, uint8, laid on black.

    Example:
        >>> on_black(tf.constant([[[200, 100, 50, 128]]], tf.uint8)).numpy()
        array([[[100,  50,  25]]], dtype=uint8)
    """
    colour, opacity = tf.split(tf.cast(image, tf.int32), [3, 1], axis=-1)
    return tf.cast((2 * colour * opacity + 255) // 510, tf.uint8)


def as_grey(image: tf.Tensor) -> tf.Tensor:
    """The brightness of a colour image, uint8, rounded as Pillow does.

    Example:
        >>> as_grey(tf.constant([[[255, 255, 255], [200, 10, 20]]], tf.uint8))[0, :, 0].numpy()
        array([255,  68], dtype=uint8)
    """
    luma = tf.reduce_sum(tf.cast(image, tf.int32) * LUMA, axis=-1, keepdims=True)
    return tf.cast((luma + 2**15) // 2**16, tf.uint8)


def resized(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """The largest central part of these proportions, resized with anti-aliasing; uint8."""
    if image.shape[:2] == (height, width):
        return image
    rows, columns = tf.unstack(tf.shape(image)[:2])
    image = central(
        image,
        tf.clip_by_value(columns * height // width, 1, rows),
        tf.clip_by_value(rows * width // height, 1, columns),
    )
    image = tf.image.resize(image, (height, width), antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)


def central(image: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
    """The central `height` × `width` pixels of an image.

    Raises:
        ValueError: the image is smaller.

    Example:
        >>> central(tf.reshape(tf.range(12), (3, 4, 1)), 1, 2)[..., 0].numpy()
        array([[5, 6]], dtype=int32)
    """
    shape = tf.shape(image)
    if tf.executing_eagerly() and bool(shape[0] < height or shape[1] < width):
        raise ValueError(
            f"`crop` must fit into the picture of {shape[0]}×{shape[1]} pixels. "
            f"Received: {height}×{width}"
        )
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def checked_pair(name: str, value: int | Sequence[int] | None) -> tuple[int, int] | None:
    """Height and width from one number or two; `None` stays.

    Raises:
        ValueError: a number is no integer >= 1.

    Example:
        >>> checked_pair("size", 64), checked_pair("size", (20, 10)), checked_pair("size", None)
        ((64, 64), (20, 10), None)
    """
    if value is None:
        return None
    pair = (value, value) if not isinstance(value, (tuple, list)) else tuple(value)
    if len(pair) != 2:
        raise ValueError(
            f"`{name}` must be one number, or height and width. Received: {name}={value!r}"
        )
    return tuple(check_integer(name, number, 1) for number in pair)
