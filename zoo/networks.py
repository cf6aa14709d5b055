"""Encoders, decoders and discriminators as functional `keras.Model`s.

An encoder maps images `(batch, height, width, channels)` to `(batch, outputs)`; a decoder maps latents
`(batch, latent_dim)` to `(batch, height, width, channels * outputs_per_value)`. Both end in float32, whatever the
dtype policy, because likelihoods and divergences are computed in float32.

Reference: Kim & Mnih, Disentangling by Factorising, 2018, tables 1-3, for the 64x64 networks.
"""

import math
from collections.abc import Iterator, Sequence

import keras
import numpy as np
from keras import layers

from zoo.layers import Conv2DTranspose

KERNEL, STRIDE = 4, 2
SMALLEST_MAP = 4


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
    filters = _filters(image_shape) if filters is None else filters
    weights = _initializers(seed)
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
        units or _units(image_shape), kernel_initializer=next(weights), name="dense", **common
    )(x)
    x = _output(outputs, weights, use_bias=output_bias)(x)
    return keras.Model(inputs, x, name=name)


def convolutional_decoder(
    latent_dim: int,
    image_shape: Sequence[int],
    outputs_per_value: int = 1,
    *,
    filters: Sequence[int] | None = None,
    units: int | None = None,
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
        batch_normalization: whether each hidden layer is normalised over the batch before its ReLU, as generators of
            adversarial networks want it.
        seed: seeds the initial weights.
        dtype: Keras dtype policy of the layers.

    Example:
        >>> convolutional_decoder(10, (28, 28, 1)).output_shape
        (None, 28, 28, 1)
    """
    filters = list(_filters(image_shape) if filters is None else filters)
    *sizes, smallest = _map_sizes(image_shape[:2], len(filters))
    weights = _initializers(seed)
    if batch_normalization:
        common, finished = {"use_bias": False, "dtype": dtype}, _normalized
    else:
        common, finished = {"activation": "relu", "dtype": dtype}, _as_it_is
    channels = filters[-1] if filters else 1
    x = inputs = keras.Input((latent_dim,), name="latents")
    for index, count in enumerate((units or _units(image_shape), math.prod(smallest) * channels)):
        name = f"dense_{index}"
        x = layers.Dense(count, kernel_initializer=next(weights), name=name, **common)(x)
        x = finished(x, name, dtype)
    x = layers.Reshape((*smallest, channels), dtype=dtype)(x)
    for index, (size, count) in enumerate(zip(sizes[:0:-1], filters[-2::-1], strict=True)):
        name = f"deconv_{index}"
        x = finished(_upsample(x, size, count, next(weights), name=name, **common), name, dtype)
    outputs = image_shape[-1] * outputs_per_value
    if filters:
        x = _upsample(x, sizes[0], outputs, next(weights), name="deconv_out", dtype=dtype)
    else:
        x = layers.Conv2D(
            outputs, 1, kernel_initializer=next(weights), name="conv_out", dtype=dtype
        )(x)
    x = layers.Activation("linear", dtype="float32", name="outputs")(x)
    return keras.Model(inputs, x, name="decoder")


def dense_encoder(
    image_shape: Sequence[int],
    outputs: int,
    *,
    units: Sequence[int] = (1200, 1200),
    seed: int | None = None,
    dtype=None,
) -> keras.Model:
    """Dense layers from flattened images: two of 1200, as in Higgins et al. 2017, table 1.

    Example:
        >>> dense_encoder((8, 8, 1), outputs=20, units=(64,)).output_shape
        (None, 20)
    """
    weights = _initializers(seed)
    inputs = keras.Input(image_shape, name="images")
    x = layers.Flatten(dtype=dtype)(inputs)
    x = _dense_stack(x, units, "relu", weights, dtype)
    return keras.Model(inputs, _output(outputs, weights)(x), name="encoder")


def dense_decoder(
    latent_dim: int,
    image_shape: Sequence[int],
    outputs_per_value: int = 1,
    *,
    units: Sequence[int] = (1200, 1200, 1200),
    seed: int | None = None,
    dtype=None,
) -> keras.Model:
    """Dense layers to an image: three of 1200 with tanh, as in Higgins et al. 2017, table 1.

    Example:
        >>> dense_decoder(10, (8, 8, 1), units=(64,)).output_shape
        (None, 8, 8, 1)
    """
    weights = _initializers(seed)
    shape = (*image_shape[:2], image_shape[2] * outputs_per_value)
    inputs = keras.Input((latent_dim,), name="latents")
    x = _dense_stack(inputs, units, "tanh", weights, dtype)
    x = _output(math.prod(shape), weights)(x)
    return keras.Model(inputs, layers.Reshape(shape, dtype="float32")(x), name="decoder")


def discriminator(
    latent_dim: int,
    *,
    hidden_layers: int = 6,
    units: int = 1000,
    seed: int | None = None,
    dtype=None,
) -> keras.Model:
    """A discriminator of latents: `hidden_layers` dense layers with leaky ReLU (0.2), two logits.

    Logit 0 says "drawn from q(z)"; logit 1 says "drawn from the other distribution": for FactorVAE the product of
    q(z)'s marginals, for the adversarial autoencoder the prior.

    Example:
        >>> discriminator(10).output_shape
        (None, 2)
    """
    weights = _initializers(seed)
    x = inputs = keras.Input((latent_dim,), name="latents")
    for index in range(hidden_layers):
        x = layers.Dense(
            units, kernel_initializer=next(weights), name=f"dense_{index}", dtype=dtype
        )(x)
        x = layers.LeakyReLU(0.2, name=f"leaky_relu_{index}", dtype=dtype)(x)
    return keras.Model(inputs, _output(2, weights)(x), name="discriminator")


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


def check_network(network, role: str, input_shape: Sequence[int], output_shape: Sequence[int]):
    """Returns `network` if it maps batches of `input_shape` to batches of `output_shape`.

    Args:
        network: a `keras.Model`.
        role: its name in the message: `"encoder"`, `"decoder"`.
        input_shape: without the batch dimension.
        output_shape: without the batch dimension.

    Raises:
        ValueError: it is no Keras model, or its shapes are others.
    """
    wanted = f"{(None, *input_shape)} to {(None, *output_shape)}"
    expected = f"Expected `{role}` to be a keras.Model that maps {wanted}."
    if not isinstance(network, keras.Model):
        raise ValueError(f"{expected} Received: {type(network).__name__}.")
    try:
        spec = network(keras.Input(input_shape))
    except (ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{expected} It does not take that input: {reason}") from None
    if not hasattr(spec, "shape"):
        raise ValueError(f"{expected} Received one with several outputs.")
    if tuple(spec.shape[1:]) != tuple(output_shape):
        raise ValueError(f"{expected} Received one whose output is {tuple(spec.shape)}.")
    return network


def applied(network: keras.Model, inputs, training: bool = False):
    """What a network makes of inputs, in float32 as divergences need it, whatever dtype policy its layers have.

    Args:
        network: a `keras.Model` with one output.
        inputs: what it takes.
        training: whether layers such as dropout behave as in training.

    Example:
        >>> halved = keras.Sequential([layers.Dense(2, dtype="mixed_bfloat16")])
        >>> applied(halved, np.zeros((1, 3))).dtype
        tf.float32
    """
    return keras.ops.cast(network(inputs, training=training), "float32")


def _filters(image_shape: Sequence[int]) -> list[int]:
    """The paper's 32, 32, 64, 64 for 64x64; as many strides as leave a map of at least 4x4."""
    halvings = max(0, int(math.log2(max(1, min(image_shape[:2]) / SMALLEST_MAP))))
    return [32 if index < 2 else 64 for index in range(halvings)]


def _map_sizes(size: Sequence[int], halvings: int) -> list[tuple[int, int]]:
    """Height and width of the image and after each convolution of stride 2."""
    sizes = [tuple(size)]
    for _ in range(halvings):
        height, width = sizes[-1]
        sizes.append((math.ceil(height / STRIDE), math.ceil(width / STRIDE)))
    return sizes


def _units(image_shape: Sequence[int]) -> int:
    return 128 if image_shape[-1] == 1 else 256


def _upsample(x, size: tuple[int, int], channels: int, initializer, name: str, **common):
    """A transposed convolution of stride 2, cropped to `size`."""
    x = Conv2DTranspose(
        channels,
        KERNEL,
        STRIDE,
        padding="same",
        kernel_initializer=initializer,
        name=name,
        **common,
    )(x)
    excess = [(0, have - want) for have, want in zip(x.shape[1:3], size, strict=True)]
    if any(after for _, after in excess):
        x = layers.Cropping2D(excess, name=f"{name}_crop", dtype=common["dtype"])(x)
    return x


def _normalized(x, name: str, dtype):
    """Batch normalisation and ReLU. Its running means follow a generator that changes fast."""
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm", dtype=dtype)(x)
    return layers.ReLU(name=f"{name}_relu", dtype=dtype)(x)


def _as_it_is(x, name: str, dtype):
    return x


def _dense_stack(x, units: Sequence[int], activation: str, weights, dtype):
    for index, count in enumerate(units):
        x = layers.Dense(
            count,
            activation,
            kernel_initializer=next(weights),
            name=f"dense_{index}",
            dtype=dtype,
        )(x)
    return x


def _output(count: int, weights, **kwargs) -> layers.Layer:
    return layers.Dense(
        count, kernel_initializer=next(weights), name="outputs", dtype="float32", **kwargs
    )


def _initializers(seed: int | None) -> Iterator[keras.Initializer]:
    """He initialisers, each with its own seed drawn from `seed`; without one, as Keras' `set_random_seed` decides.

    They keep the variance of layers with ReLU (He et al. 2015); with Keras' default, Glorot, a FactorVAE needs twice
    the updates for the same ELBO.
    """
    random = np.random.default_rng(seed)
    while True:
        one = None if seed is None else int(random.integers(2**31))
        yield keras.initializers.HeUniform(seed=one)
