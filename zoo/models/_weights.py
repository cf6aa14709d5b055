"""Weights of single images, Keras' `sample_weight`: beside arrays, or as the third part of a pipeline's elements."""

import numpy as np
import tensorflow as tf


def checked(weights, x):
    """Weights of images as float32, `(n,)`, or None; of several batches of images a tuple of such.

    Raises:
        ValueError: they are not one finite number for each image.
    """
    if weights is None:
        return None
    if isinstance(x, tuple | list):
        if not isinstance(weights, tuple | list) or len(weights) != len(x):
            raise ValueError(
                f"`sample_weight` must be {len(x)} arrays, one for each batch of images. "
                f"Received: {type(weights).__name__}."
            )
        return tuple(checked(each, images) for each, images in zip(weights, x, strict=True))
    values = np.asarray(weights, np.float32)
    if values.shape not in ((len(x),), (len(x), 1)):
        raise ValueError(
            f"`sample_weight` must be one number for each image, of shape {(len(x),)}. "
            f"Received: shape {values.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError("`sample_weight` must be finite numbers. Received: NaN or infinity.")
    return values.reshape(-1)


def refuse_beside_pipeline(weights) -> None:
    """Raises `ValueError` if there are weights, for a pipeline that has its own."""
    if weights is not None:
        raise ValueError(
            "`sample_weight` must not be given with a tf.data.Dataset. Let it give (images, labels, weights). "
            f"Received: sample_weight of type {type(weights).__name__}."
        )


def refuse_classes(class_weight) -> None:
    """Raises `ValueError` if there are weights of classes."""
    if class_weight is not None:
        raise ValueError(
            "`class_weight` must be None: the model learns from images alone, without classes. Give each image "
            f"a weight with `sample_weight`. Received: class_weight={class_weight!r}"
        )


def of_element(element: tuple, only_floats: bool = False) -> tuple:
    """The weights in an element of a pipeline, or its spec: a tuple of one, or of none.

    They are its third part, if that is one number for each image; what is of another shape is no weight.

    Args:
        element: its parts.
        only_floats: whether integers are labels.
    """
    third = element[2] if len(element) == 3 else None
    is_number = hasattr(third, "dtype") and (
        third.dtype.is_floating or (third.dtype.is_integer and not only_floats)
    )
    has_one_each = is_number and (
        third.shape.rank == 1 or (third.shape.rank == 2 and third.shape[1] == 1)
    )
    return (tf.reshape(tf.cast(third, tf.float32), [-1]),) if has_one_each else ()


def are_in(batches: tf.data.Dataset) -> bool:
    """Whether checked batches carry weights: their elements are `(images, weights)`."""
    return isinstance(batches.element_spec, tuple)


def as_steps(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Batches of images as they are; of `(images, weights)` as Keras wants them, with the weights in the third place.

    The second place, for targets, holds the weights once more: under a strategy it must not be empty.
    """
    return (
        batches.map(lambda images, weights: (images, weights, weights))
        if are_in(batches)
        else batches
    )
