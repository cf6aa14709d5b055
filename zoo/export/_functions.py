"""What a model offers to other programs: functions of tensors with named inputs and outputs."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from zoo import files


def of(model, batch: int | None = None) -> dict[str, Callable]:
    """The signatures as `tf.function`s, by name.

    Args:
        model: any model with `image_shape`, `latent_dim`, `encode`, `posterior_tensors`, `decode` and `sample`.
        batch: images or latents at a time; None for any number.
    """
    floats = tf.TensorSpec((batch, *model.image_shape), tf.float32, "images")
    bytes_ = tf.TensorSpec((batch, *model.image_shape), tf.uint8, "images")
    latents = tf.TensorSpec((batch, model.latent_dim), tf.float32, "latents")
    scalar = [tf.TensorSpec((), tf.int32, name) for name in ("n", "seed")]

    def encode(images):
        return model.posterior_tensors(model.encode(images))

    def decode(latents):
        return {"images": model.decode(latents).mean()}

    def reconstruct(images):
        return {"images": model(images)}

    def sample(n, seed):
        images, latents = model.sample(n, seed)
        return {"images": images, "latents": latents}

    return {
        "encode": tf.function(encode, [floats], autograph=False),
        "encode_uint8": tf.function(encode, [bytes_], autograph=False),
        "decode": tf.function(decode, [latents], autograph=False),
        "reconstruct": tf.function(reconstruct, [floats], autograph=False),
        "reconstruct_uint8": tf.function(reconstruct, [bytes_], autograph=False),
        "sample": tf.function(sample, scalar, autograph=False),
    }


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
        tf.saved_model.save(module, folder, signatures=traced)
    except tf.errors.OpError as error:
        raise files.disk_error(error.message, folder) or error from None
