"""Models for TensorFlow and TF Serving, without Keras and without the zoo."""

import os

from zoo.deliver.export import _functions
from zoo.deliver.export._fidelity import Exported
from zoo.deliver.export._weights import served
from zoo.utils import files, layouts


def saved_model(model, path: str | os.PathLike, *, overwrite: bool = False) -> Exported:
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
    `(batch, latent_dim)` with any batch, also an empty one, whose answer is empty. Images that come out are float32
    means of p(x|z). The weights are stored once, and without what only training needs.

    Inputs of other ranks and sizes, float images with values outside of [0, 1] or NaN, latents that are NaN or beyond
    1e18, and `n` below 0 or above 4096 are answered with the error `InvalidArgument`, which says what was expected.

    Args:
        model: any model with `image_shape`, `latent_dim`, `encode`, `posterior_tensors`, `decode` and `sample`.
        path: the new folder.
        overwrite: whether an existing SavedModel of the zoo is replaced.

    Returns:
        Where it is and how large; it gives the model's numbers to the bit.

    Raises:
        FileExistsError: the folder exists and `overwrite` is false, or it is no SavedModel of the zoo.

    Example:
        >>> import tempfile, zoo, tensorflow as tf
        >>> path = os.path.join(tempfile.mkdtemp(), "1")
        >>> _ = saved_model(zoo.models.VAE((8, 8, 1), seed=0), path)
        >>> loaded = tf.saved_model.load(path)
        >>> loaded.signatures["decode"](latents=tf.zeros((3, 10)))["images"].shape
        TensorShape([3, 8, 8, 1])
    """
    with files.whole_folder(path, overwrite=overwrite, layout=layouts.SAVED_MODEL) as folder:
        weights = [weight.value for weight in served(model)]
        functions = _functions.of(model, guards=True)
        _functions.write(functions, str(folder), default="encode", weights=weights)
        size = files.size_of(folder)
    return Exported(files.path_of(path), size, {})
