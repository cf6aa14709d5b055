"""Encoded pictures, PNG, JPEG, BMP or GIF, as images of one size."""

from collections.abc import Sequence

import tensorflow as tf

from zoo.checks import check_integer


class Fit:
    """Decodes a picture and fits it to one size: grey or colour, cropped in the centre, resized.

    Args:
        size: height and width of the images, one number or two; `None` keeps the picture's. A picture of other
            proportions loses what is too much at its sides, equally.
        crop: height and width of the central part that is used, in pixels of the picture; `None` for all of it.
        channels: 1 for grey, 3 for colour, 0 for what the picture has.

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
            shape: of the picture, as far as it is known before it is decoded.

        Returns:
            uint8 tensor, shape `(height, width, channels)`.

        Raises:
            ValueError: the picture is smaller than `crop`.
        """
        image = tf.io.decode_image(picture, channels=self.channels, expand_animations=False)
        image.set_shape((*shape[:2], self.channels or None))
        if self.crop:
            image = central(image, *self.crop)
        if self.size:
            image = resized(image, *self.size)
        return image


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
