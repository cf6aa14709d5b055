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

    Args:
        image_shape: `(height, width, channels)`, any size.
        outputs: numbers per image; a diagonal Gaussian needs `2 * latent_dim`.
        filters: channels of each 4x4 convolution. Default: the paper's 32, 32, 64, 64 for 64x64 images, fewer for
            smaller images and further 64s for larger ones.
        units: width of the dense layer. Default: the paper's 128 for grey images and 256 for colour.
        activation: of all layers but the last, which is linear.
        output_bias: whether the last layer has a bias.
        seed: seeds the initial weights.
        dtype: Keras dtype policy of the layers.
        name: of the network.

    Example:
        >>> convolutional_encoder((64, 64, 1), outputs=20).output_shape
        (None, 20)
    """
    filters = parts.filters_of(image_shape) if filters is None else filters
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
        units or parts.units_of(image_shape),
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
    """Mirror of `convolutional_encoder`, with transposed convolutions.

    Args:
        latent_dim: number of latents.
        image_shape: `(height, width, channels)` of the images, any size. A map that an odd size made too large is
            cropped.
        outputs_per_value: what the likelihood needs for each pixel and channel.
        filters: channels of the *encoder's* convolutions, which are mirrored.
        units: as for the encoder.
        activation: of all layers but the last, which is linear.
        batch_normalization: whether each hidden layer is normalised over the batch before its ReLU, as generators of
            adversarial networks want it; there is no other activation then.
        seed: seeds the initial weights.
        dtype: Keras dtype policy of the layers.

    Example:
        >>> convolutional_decoder(10, (28, 28, 1)).output_shape
        (None, 28, 28, 1)
    """
    filters = list(parts.filters_of(image_shape) if filters is None else filters)
    *sizes, smallest = parts.map_sizes(image_shape[:2], len(filters))
    weights = parts.initializers(seed)
    if batch_normalization:
        common, finished = {"use_bias": False, "dtype": dtype}, _normalized
    else:
        common, finished = {"activation": activation, "dtype": dtype}, _as_it_is
    channels = filters[-1] if filters else 1
    x = inputs = keras.Input((latent_dim,), name="latents")
    for index, count in enumerate(
        (units or parts.units_of(image_shape), math.prod(smallest) * channels)
    ):
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

    Args:
        image_shape: `(height, width, channels)`, any size.
        seed: seeds the initial weights.
        dtype: Keras dtype policy of the layers.
        **kwargs: of `convolutional_encoder`: `filters`, `units`.

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
