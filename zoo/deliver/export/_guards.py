"""What the signatures of a SavedModel refuse, so that no request ends its server or gets an answer that means nothing.

TensorFlow takes what a client sends for what the signature states, and oneDNN ends the process over another shape.
"""

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from zoo.utils.pixels import TOLERANCE

LARGEST_LATENT = 1e18  # beyond, a network overflows, and its ReLU makes 0 of NaN
MOST_SAMPLES = 4096  # images of one request: a few bytes must not ask for all memory


def guarded(function: Callable, specs: Sequence[tf.TensorSpec]) -> Callable:
    """The function, which refuses inputs that are not as `specs` say, and answers an empty batch with an empty answer.

    Args:
        function: of tensors, to a dictionary of tensors with a row for each image.
        specs: of its inputs: `images` or `latents`, or `n` and `seed`.
    """

    @functools.wraps(function)
    def answered(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        first, *others = (
            CHECKS[spec.name](tf.ensure_shape(value, spec.shape))
            for value, spec in zip(inputs, specs, strict=True)
        )
        count, first = _at_least_one(first)
        outputs = function(first, *others)
        return {name: value[:count] for name, value in outputs.items()}

    return answered


def _at_least_one(first: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """How many rows were asked for, and what asks for that many, or for one instead of none.

    Many operations fail on an empty batch, each in its own way.
    """
    if first.shape.rank == 0:
        return first, tf.maximum(first, 1)
    count = tf.shape(first)[0]
    missing = tf.cast(tf.equal(count, 0), tf.int32)
    padded = tf.pad(first, [[0, missing], *[[0, 0]] * (first.shape.rank - 1)])
    return count, tf.ensure_shape(padded, first.shape)


def _pixels(images: tf.Tensor) -> tf.Tensor:
    if images.dtype == tf.uint8:
        return images
    return _within(
        images,
        (-TOLERANCE, 1 + TOLERANCE),
        "Expected float images in [0, 1]. Received: other values, NaN or infinite ones. Scale them, or send uint8 "
        "images in 0 ... 255 to encode_uint8 or reconstruct_uint8.",
    )


def _latents(latents: tf.Tensor) -> tf.Tensor:
    return _within(
        latents,
        (-LARGEST_LATENT, LARGEST_LATENT),
        f"Expected latents from -{LARGEST_LATENT:g} to {LARGEST_LATENT:g}. Received: other values, NaN or infinite "
        "ones. The prior of most models has standard deviation 1.",
    )


def _within(values: tf.Tensor, bounds: tuple[float, float], message: str) -> tf.Tensor:
    # NaN equals nothing. Not the least and the greatest value, which may pass over it.
    clipped = tf.raw_ops.ClipByValue(t=values, clip_value_min=bounds[0], clip_value_max=bounds[1])
    return _if(tf.reduce_all(tf.equal(values, clipped)), values, message)


def _few(n: tf.Tensor) -> tf.Tensor:
    return _if(
        tf.logical_and(n >= 0, n <= MOST_SAMPLES),
        n,
        f"Expected `n` from 0 to {MOST_SAMPLES}. Received: another number. Ask for more images in several requests, "
        "each with its own `seed`.",
    )


def _if(condition: tf.Tensor, value: tf.Tensor, message: str) -> tf.Tensor:
    """The value; InvalidArgument with the message unless the condition holds."""
    # Not tf.debugging.Assert, whose branches take longer than all checks.
    with tf.control_dependencies([tf.raw_ops.Assert(condition=condition, data=[message])]):
        return tf.identity(value)


CHECKS = {"images": _pixels, "latents": _latents, "n": _few, "seed": tf.identity}
