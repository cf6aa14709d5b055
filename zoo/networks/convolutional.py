"""Convolutional networks: 4x4 kernels of stride 2, down to a map of about 4x4 and up again.

Reference: Kim & Mnih, Disentangling by Factorising, 2018, tables 1-3, for the 64x64 networks.
"""

import math
from collections.abc import Sequence

import keras
from keras import layers

from zoo.networks import _parts as parts

KERNEL, STRIDE = parts.KERNEL, parts.STRIDE


def convolutional_encoder(
    image_shape: Sequence[int],
    outputs: int,
    *,
    filters: Sequence[int] | None = None,
    units: int | None = None,
    activation: str = "relu",
    output_bias: bool = True,
    seed: int | None = None,
    dtype=None,
    name: str = "encoder",
) -> keras.Model:
    """Convolutions of stride 2 down to a map of about 4x4, then two dense layers.

    Arguments as in `zoo.networks`; `activation` is that of all layers but the last, which is linear; `output_bias`
    says whether the last layer has a bias; `name` is the network's.

    Example:
        >>> convolutional_encoder((64, 64, 1), outputs=20).output_shape
        (None, 20)
    """
    filters, units = parts.sizes_of(image_shape, filters, units)
    weights = parts.initializers(seed)
    common = {"activation": activation, "dtype": dtype}
    x = inputs = keras.Input(image_shape, name="images")
    for index, count in enumerate(filters):
        x = layers.Conv2D(
            count,
            KERNEL,
            STRIDE,
            padding="same",
            kernel_initializer=next(weights),
            name=f"conv_{index}",
            **common,
        )(x)
    x = layers.Flatten(dtype=dtype)(x)
    x = layers.Dense(
        units,
        kernel_initializer=next(weights),
        name="dense",
        **common,
    )(x)
    x = parts.output(outputs, weights, use_bias=output_bias)(x)
    return keras.Model(inputs, x, name=name)


def convolutional_decoder(
    latent_dim: int,
    image_shape: Sequence[int],
    outputs_per_value: int = 1,
    *,
    filters: Sequence[int] | None = None,
    units: int | None = None,
    activation: str = "relu",
    batch_normalization: bool = False,
    seed: int | None = None,
    dtype=None,
) -> keras.Model:
    """Mirror of `convolutional_encoder`, with transposed convolutions; a map too large by an odd size is cropped.

    Arguments as in `zoo.networks`; `filters` are the *encoder's*, which are mirrored; `activation` is that of all
    layers but the last; `batch_normalization` says whether each hidden layer is normalised over the batch before its
    ReLU, as generators of adversarial networks want it, whatever `activation` is.

    Example:
        >>> convolutional_decoder(10, (28, 28, 1)).output_shape
        (None, 28, 28, 1)
    """
    filters, units = parts.sizes_of(image_shape, filters, units)
    *sizes, smallest = parts.map_sizes(image_shape[:2], len(filters))
    weights = parts.initializers(seed)
    if batch_normalization:
        common, finished = {"use_bias": False, "dtype": dtype}, _normalized
    else:
        common, finished = {"activation": activation, "dtype": dtype}, _as_it_is
    channels = filters[-1] if filters else 1
    x = inputs = keras.Input((latent_dim,), name="latents")
    for index, count in enumerate((units, math.prod(smallest) * channels)):
        name = f"dense_{index}"
        x = layers.Dense(count, kernel_initializer=next(weights), name=name, **common)(x)
        x = finished(x, name, dtype)
    x = layers.Reshape((*smallest, channels), dtype=dtype)(x)
    for index, (size, count) in enumerate(zip(sizes[:0:-1], filters[-2::-1], strict=True)):
        name = f"deconv_{index}"
        x = finished(
            parts.upsample(x, size, count, next(weights), name=name, **common), name, dtype
        )
    outputs = image_shape[-1] * outputs_per_value
    if filters:
        x = parts.upsample(x, sizes[0], outputs, next(weights), name="deconv_out", dtype=dtype)
    else:
        x = layers.Conv2D(
            outputs, 1, kernel_initializer=next(weights), name="conv_out", dtype=dtype
        )(x)
    x = layers.Activation("linear", dtype="float32", name="outputs")(x)
    return keras.Model(inputs, x, name="decoder")


def image_discriminator(
    image_shape: Sequence[int], *, seed: int | None = None, dtype=None, **kwargs
) -> keras.Model:
    """A discriminator of images: the convolutional encoder with leaky ReLU (0.2) and one number for each image.

    It has no normalisation, which would tie the images of a batch together where a gradient penalty wants each one's
    own gradient; and its last layer has no bias, because a Wasserstein critic is free up to a constant.

    Arguments as in `zoo.networks`; `**kwargs` are `filters` and `units`.

    Example:
        >>> image_discriminator((64, 64, 1)).output_shape
        (None, 1)
    """
    return convolutional_encoder(
        image_shape,
        1,
        activation="leaky_relu",
        output_bias=False,
        seed=seed,
        dtype=dtype,
        name="discriminator",
        **kwargs,
    )


def _normalized(x, name: str, dtype):
    """Batch normalisation and ReLU. Its running means follow a generator that changes fast."""
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm", dtype=dtype)(x)
    return layers.ReLU(name=f"{name}_relu", dtype=dtype)(x)


def _as_it_is(x, name: str, dtype):
    return x
