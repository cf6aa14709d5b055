"""What a model offers to other programs: functions of tensors with named inputs and outputs."""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from zoo.deliver.export._guards import guarded
from zoo.networks.layers import never_empty
from zoo.utils import files, quiet


def of(model, batch: int | None = None, guards: bool = False) -> dict[str, Callable]:
    """The signatures as `tf.function`s, by name.

    Args:
        model: any model with `image_shape`, `latent_dim`, `encode`, `posterior_tensors`, `decode` and `sample`.
        batch: images or latents at a time; None for any number.
        guards: whether they refuse what is no input of theirs, as a server's must.
    """
    floats = tf.TensorSpec((batch, *model.image_shape), tf.float32, "images")
    bytes_ = tf.TensorSpec((batch, *model.image_shape), tf.uint8, "images")
    latents = tf.TensorSpec((batch, model.latent_dim), tf.float32, "latents")
    scalars = [tf.TensorSpec((), tf.int32, name) for name in ("n", "seed")]

    def encode(images):
        return model.posterior_tensors(model.encode(images))

    def decode(latents):
        return {"images": model.decode(latents).mean()}

    def reconstruct(images):
        return {"images": model(images)}

    def sample(n, seed):
        images, latents = model.sample(n, seed)
        return {"images": images, "latents": latents}

    functions = {
        "encode": (encode, [floats]),
        "encode_uint8": (encode, [bytes_]),
        "decode": (decode, [latents]),
        "reconstruct": (reconstruct, [floats]),
        "reconstruct_uint8": (reconstruct, [bytes_]),
        "sample": (sample, scalars),
    }
    if guards:
        functions = {name: (guarded(*parts), parts[1]) for name, parts in functions.items()}
    return {
        name: tf.function(_small(function), specs, autograph=False)
        for name, (function, specs) in functions.items()
    }


def _small(function: Callable) -> Callable:
    """The function without what an empty batch needs: guards see to it, and other runtimes need nothing."""

    @functools.wraps(function)
    def traced(*inputs: tf.Tensor):
        with never_empty():
            return function(*inputs)

    return traced


def write(
    functions: Mapping[str, Callable],
    folder: str,
    default: str | None = None,
    weights: Sequence[tf.Variable] = (),
) -> None:
    """Writes a SavedModel whose signatures are these functions.

    Args:
        functions: `tf.function`s with one input signature each.
        folder: where it goes.
        default: which of them also is `serving_default`.
        weights: variables that it holds first, in this order, whether functions use them or not.
    """
    module = tf.Module()
    traced = {}
    for name, function in functions.items():
        setattr(module, name, function)
        traced[name] = function.get_concrete_function()
    # Only what the traces use, as tf.Variables: Keras' own would be stored twice.
    used = [v for trace in traced.values() for v in trace.variables]
    variables = {id(v): v for v in [*weights, *used]}
    module.weights = list(variables.values())
    if default is not None:
        traced["serving_default"] = traced[default]
    try:
        # It would say where it wrote: into a folder that has another name soon.
        with quiet.tensorflow_only(logging.WARNING):
            tf.saved_model.save(module, folder, signatures=traced)
    except tf.errors.OpError as error:
        raise files.disk_error(error.message, folder) or error from None
