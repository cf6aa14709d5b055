"""Models as files for other programs.

`saved_model` writes a SavedModel that any program with TensorFlow loads, without Keras and without the zoo.
"""

import os
from collections.abc import Callable

import tensorflow as tf

from zoo import files


def saved_model(model, path: str | os.PathLike, *, overwrite: bool = False) -> None:
    """Writes a SavedModel with signatures for encoding, decoding, reconstruction and sampling.

    | signature | inputs | outputs |
    |---|---|---|
    | `encode` | `images` float32 | `mean`, `log_variance`: the model's `posterior_tensors` |
    | `decode` | `latents` float32 | `images` |
    | `reconstruct` | `images` float32 | `images` |
    | `sample` | `n`, `seed` int32 scalars | `images`, `latents` |
    | `encode_uint8`, `reconstruct_uint8` | `images` uint8 | as above |
    | `serving_default` | as `encode` | as `encode` |

    Float images are in [0, 1], uint8 images in 0 ... 255; shapes are `(batch, *image_shape)` and
    `(batch, latent_dim)` with any batch. Images that come out are float32 means of p(x|z). The weights are stored
    once, and without what only training needs.

    Args:
        model: any model with `image_shape`, `latent_dim`, `encode`, `posterior_tensors`, `decode` and `sample`.
        path: the new folder.
        overwrite: whether an existing folder is replaced.

    Raises:
        FileExistsError: the folder exists and `overwrite` is false.

    Example:
        >>> import tempfile, zoo
        >>> path = os.path.join(tempfile.mkdtemp(), "1")
        >>> saved_model(zoo.models.VAE((8, 8, 1), seed=0), path)
        >>> loaded = tf.saved_model.load(path)
        >>> loaded.signatures["decode"](latents=tf.zeros((3, 10)))["images"].shape
        TensorShape([3, 8, 8, 1])
    """
    module = tf.Module()
    traced = {}
    for name, function in functions(model).items():
        setattr(module, name, function)
        traced[name] = function.get_concrete_function()
    # Only what the traces use, as tf.Variables: Keras' own would be stored twice.
    variables = {id(v): v for trace in traced.values() for v in trace.variables}
    module.weights = list(variables.values())
    traced["serving_default"] = traced["encode"]
    with files.whole_folder(path, overwrite=overwrite) as folder:
        tf.saved_model.save(module, str(folder), signatures=traced)


def functions(model) -> dict[str, Callable]:
    """The signatures as `tf.function`s with named inputs and outputs, by name."""
    floats = tf.TensorSpec((None, *model.image_shape), tf.float32, "images")
    bytes_ = tf.TensorSpec((None, *model.image_shape), tf.uint8, "images")
    latents = tf.TensorSpec((None, model.latent_dim), tf.float32, "latents")
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
