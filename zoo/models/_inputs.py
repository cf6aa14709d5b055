"""What users pass to `fit`, `evaluate` and `predict`, checked and turned into batches of images, or pairs of them.

Images are float in [0, 1] or uint8 in 0 ... 255. Arrays are checked whole before training starts; the batches of a
`tf.data.Dataset` are checked in the pipeline, and `faults_as_value_errors` turns what that finds into a `ValueError`.
"""

import contextlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from zoo.models import _weights
from zoo.utils.checks import check_integer
from zoo.utils.pixels import TOLERANCE, Pixels, out_of_range, wrong_dtype

DEFAULT_BATCH_SIZE = 64
PREFETCH = 2
MARK = "zoo: "


def as_batches(
    x,
    image_shape: Sequence[int],
    *,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    weights=None,
) -> tf.data.Dataset:
    """A `tf.data.Dataset` of image batches `(batch, height, width, channels)`, or of `(images, weights)`.

    Args:
        x: images as an array, a tensor or `Pixels`, or a `tf.data.Dataset` of batches of images, of `(images, labels)`
            or `(images, labels, weights)` tuples or of dictionaries with an `"image"`; labels are ignored.
        image_shape: `(height, width, channels)` that the model expects.
        batch_size: for arrays; default 64.
        shuffle: whether an array is shuffled anew each epoch.
        seed: of that shuffling.
        weights: `(n,)`, for arrays: weights of the images.

    Raises:
        ValueError: wrong type, rank, size, channels, dtype, range or NaN.
    """
    if isinstance(x, tf.data.Dataset):
        _refuse_batch_size(batch_size)
        _weights.refuse_beside_pipeline(weights)
        return _from_dataset(x, image_shape)
    pixels = as_pixels(x, image_shape)
    batch_size = DEFAULT_BATCH_SIZE if batch_size is None else batch_size
    check_integer("batch_size", batch_size, least=1)
    return _from_pixels(pixels, batch_size, shuffle, seed, _weights.checked(weights, x))


def as_pairs(
    x,
    image_shape: Sequence[int],
    *,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    weights=None,
) -> tf.data.Dataset:
    """A `tf.data.Dataset` of pairs `(first, second)` of image batches, both `(batch, height, width, channels)`.

    Args:
        x: a `tf.data.Dataset` of tuples that begin with two batches of images; a third part of one float for each pair
            weighs it, and what else follows, such as labels of what changed, is ignored.
        image_shape: `(height, width, channels)` that the model expects.
        batch_size: must be None.
        shuffle: not used: a pipeline has its own order.
        seed: not used.
        weights: must be None.

    Raises:
        ValueError: no such pairs, or images of the wrong size, dtype or range.
    """
    parts = _first_two(x)
    if not parts:
        is_pipeline = isinstance(x, tf.data.Dataset)
        found = f"a tf.data.Dataset of {_described(x.element_spec)}" if is_pipeline else None
        raise _no_pairs(found or type(x).__name__)
    if parts[1].shape.rank not in (None, len(image_shape) + 1):
        raise _no_pairs(f"tuples whose second part has shape {tuple(parts[1].shape)}")
    _refuse_batch_size(batch_size)
    _weights.refuse_beside_pipeline(weights)
    for part in parts:
        _check_spec(part, image_shape)

    def checked(first, second, *others):
        weights = _weights.of_element((first, second, *others), only_floats=True)
        same = tf.equal(tf.shape(first)[0], tf.shape(second)[0])
        message = f"{MARK}Expected pairs of image batches of the same length."
        with tf.control_dependencies([tf.debugging.Assert(same, [message])]):
            return _checked(first, image_shape), _checked(second, image_shape), *weights

    return _without_autotune(x.map(checked))


def are_pairs(x) -> bool:
    """Whether `x` is a pipeline of tuples that begin with two batches of equal images."""
    parts = _first_two(x)
    return bool(parts) and parts[0].shape[1:] == parts[1].shape[1:]


def refuse_endless(x, steps: int | None, argument: str) -> None:
    """Raises `ValueError` if `x` is a pipeline without an end, of which nobody says how much is to be taken.

    Args:
        x: what a user passes, of any type.
        steps: batches to take of it, or None.
        argument: the name of `steps` in the message.

    Example:
        >>> refuse_endless(tf.data.Dataset.range(3).repeat(), None, "steps_per_epoch")
        Traceback (most recent call last):
        ValueError: Expected `steps_per_epoch` with a tf.data.Dataset that has no end. Received: None. Pass
        steps_per_epoch=1000, or end the dataset with .take(1000).
    """
    if steps is None and isinstance(x, tf.data.Dataset) and _is_endless(x):
        raise ValueError(
            f"Expected `{argument}` with a tf.data.Dataset that has no end. Received: None. "
            f"Pass {argument}=1000, or end the dataset with .take(1000)."
        )


READERS = {"batches": as_batches, "pairs": as_pairs}
"""How `fit` reads what a model learns from, by the model's `trains_on`."""


def first_batch(batches: tf.data.Dataset) -> np.ndarray:
    """The first batch, of pairs their first images, which also runs the pipeline's checks once before training."""
    with faults_as_value_errors():
        for batch in batches.take(1):
            return tf.nest.flatten(batch)[0].numpy()
    raise ValueError("Expected at least one batch of images. Received: an empty tf.data.Dataset.")


def count_images(x) -> int | None:
    """How many images an array or one pass over a finite pipeline has; None where the pipeline cannot tell."""
    if not isinstance(x, tf.data.Dataset):
        return len(x)
    if int(x.cardinality()) < 0:  # Infinite or unknown.
        return None
    counts = x.map(_image_of).map(lambda images: tf.shape(images, tf.int64)[0])
    return int(_without_autotune(counts).reduce(tf.constant(0, tf.int64), tf.add))


def as_pixels(images, image_shape: Sequence[int]) -> Pixels:
    """The images of an array, where they lie; raises `ValueError` unless they are valid."""
    if not hasattr(images, "shape") or not hasattr(images, "dtype"):
        raise ValueError(
            "Expected images as a NumPy array, a tensor or a tf.data.Dataset. "
            f"Received: {type(images).__name__}."
        )
    check_shape(tuple(images.shape), image_shape)
    if isinstance(images, Pixels):
        return images
    values = np.asarray(images)
    check_dtype(tf.as_dtype(images.dtype), values)
    if len(values) == 0:
        raise ValueError("Expected at least one image. Received: an array of length 0.")
    return Pixels(values)


def as_read(images):
    """The checked images of a single step, an array or several nested ones, as their numbers mean them."""
    return tf.nest.map_structure(lambda array: Pixels(np.asarray(array)).read(slice(None)), images)


def check_shape(shape: tuple, image_shape: Sequence[int]) -> None:
    """Raises `ValueError` unless `shape` is `(batch, *image_shape)`; unknown sizes pass."""
    expected = (None, *image_shape)
    fits = len(shape) == len(expected) and all(
        want is None or have is None or have == want
        for have, want in zip(shape, expected, strict=True)
    )
    if fits:
        return
    hint = ""
    if len(shape) == len(image_shape):
        missing_batch = tuple(shape) == tuple(image_shape)
        hint = (
            " That is one image: batch them, with .batch(64) or images[None]."
            if missing_batch
            else " The channel axis is missing: add it with images[..., None]."
        )
    raise ValueError(f"Expected images of shape {expected}. Received: shape {shape}.{hint}")


def check_dtype(dtype: tf.DType, images: np.ndarray | None = None) -> None:
    """Raises `ValueError` unless the dtype, which is that of `images`, is floating or uint8."""
    if not (dtype.is_floating or dtype == tf.uint8):
        raise ValueError(wrong_dtype(dtype.name, images))


@contextlib.contextmanager
def faults_as_value_errors():
    """Raises what the checks inside a pipeline found as a `ValueError` of one line."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        _, found, rest = str(error.message).partition(MARK)
        if not found:
            raise
        message = rest.partition("\n")[0].partition(" [[")[0].partition("] [Condition")[0]
    else:
        return
    raise ValueError(message)


def _from_pixels(
    pixels: Pixels, batch_size: int, shuffle: bool, seed: int | None, weights: np.ndarray | None
) -> tf.data.Dataset:
    rows = tf.data.Dataset.range(len(pixels))
    if shuffle:
        rows = rows.shuffle(len(pixels), seed=seed, reshuffle_each_iteration=True)
    gather = pixels.gatherer()

    def batch(rows):
        images = gather(rows)
        return images if weights is None else (images, tf.gather(weights, rows))

    batches = rows.batch(batch_size).map(batch)
    return _without_autotune(batches.prefetch(PREFETCH))


def _from_dataset(dataset: tf.data.Dataset, image_shape: Sequence[int]) -> tf.data.Dataset:
    spec = dataset.map(_image_of).element_spec
    if not isinstance(spec, tf.TensorSpec):
        raise ValueError(
            "Expected a tf.data.Dataset of image batches. Received: elements of "
            f"{type(spec).__name__}."
        )
    _check_spec(spec, image_shape)

    def checked(*element):
        images = _checked(_image_of(*element), image_shape)
        weights = _weights.of_element(element)
        return (images, *weights) if weights else images

    return _without_autotune(dataset.map(checked))


def _is_endless(dataset: tf.data.Dataset) -> bool:
    """Whether a pipeline is known to have no end: itself, or what it is made of by steps that end nothing."""
    cardinality = int(dataset.cardinality())
    if cardinality != tf.data.UNKNOWN_CARDINALITY:
        return cardinality == tf.data.INFINITE_CARDINALITY
    # A filter, for one, forgets that its source is endless.
    sources, kind = dataset._inputs(), type(dataset).__name__
    if not sources or "Take" in kind:
        return False
    # One after another they end when all do; side by side, or by turns, when one does.
    return (any if "Concatenate" in kind else all)(map(_is_endless, sources))


def _check_spec(spec: tf.TensorSpec, image_shape: Sequence[int]) -> None:
    if spec.shape.rank is not None:
        check_shape(tuple(spec.shape), image_shape)
    check_dtype(spec.dtype)


def _refuse_batch_size(batch_size: int | None) -> None:
    if batch_size is not None:
        raise ValueError(
            "`batch_size` must not be given with a tf.data.Dataset, which has its own batches. "
            f"Received: batch_size={batch_size}. Call .batch({batch_size}) on the dataset."
        )


def _first_two(x) -> tuple:
    """The specs of the first two parts of a pipeline's tuples, if both are tensors; else nothing."""
    spec = x.element_spec if isinstance(x, tf.data.Dataset) else None
    parts = spec[:2] if isinstance(spec, tuple) else ()
    has_both = len(parts) == 2 and all(isinstance(part, tf.TensorSpec) for part in parts)
    return parts if has_both else ()


def _no_pairs(received: str) -> ValueError:
    return ValueError(
        "Expected pairs of images, (first, second), as a tf.data.Dataset of two batches each: the model learns from "
        f"what both share. Received: {received}. Make pairs with data.pairs(64), data a dataset of the zoo, or "
        "of your own images with tf.data.Dataset.from_tensor_slices((first, second)).batch(64)."
    )


def _described(spec) -> str:
    shape = getattr(spec, "shape", None)
    return f"{type(spec).__name__}s" if shape is None else f"tensors of shape {tuple(shape)}"


def _image_of(*element):
    """The images of an element that may carry labels: the first of a tuple, or `"image"` of a dictionary."""
    images = element[0]
    if isinstance(images, dict):
        if "image" not in images:
            raise ValueError(
                'Expected dictionaries with the key "image" from the tf.data.Dataset. '
                f"Received keys: {sorted(images)}."
            )
        images = images["image"]
    return images


def _checked(images: tf.Tensor, image_shape: Sequence[int]) -> tf.Tensor:
    images = tf.ensure_shape(images, (None, *image_shape))
    if images.dtype == tf.uint8:
        return images
    images = tf.cast(images, tf.float32)
    low, high = tf.reduce_min(images), tf.reduce_max(images)
    before, between, after = (MARK + out_of_range("|", "|")).split("|")
    ends = [tf.strings.as_string(end, precision=9, shortest=True) for end in (low, high)]
    message = tf.strings.join([before, ends[0], between, ends[1], after])
    # A comparison with NaN is false, so NaN fails here too.
    valid = tf.logical_and(low >= -TOLERANCE, high <= 1 + TOLERANCE)
    with tf.control_dependencies([tf.debugging.Assert(valid, [message])]):
        return tf.clip_by_value(images, 0, 1)


def _without_autotune(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Turns tf.data's autotuner off unless the user set it: its thread delays the end of every `fit` by seconds."""
    if dataset.options().autotune.enabled is not None:
        return dataset
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
