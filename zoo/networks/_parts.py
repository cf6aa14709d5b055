"""What encoders and decoders are put together from."""

import math
from collections.abc import Iterator, Sequence

import keras
import numpy as np
from keras import layers

from zoo.networks.layers import Conv2DTranspose

SMALLEST_MAP = 4
KERNEL, STRIDE = 4, 2  # of a convolution that halves a map, or doubles it


def filters_of(image_shape: Sequence[int]) -> list[int]:
    """The paper's 32, 32, 64, 64 for 64x64; as many strides as leave a map of at least 4x4."""
    halvings = max(0, int(math.log2(max(1, min(image_shape[:2]) / SMALLEST_MAP))))
    return [32 if index < 2 else 64 for index in range(halvings)]


def units_of(image_shape: Sequence[int]) -> int:
    return 128 if image_shape[-1] == 1 else 256


def sizes_of(
    image_shape: Sequence[int], filters: Sequence[int] | None, units: int | None
) -> tuple[list[int], int]:
    """Filters and units of a convolutional network: those given, else the paper's for such images."""
    filters = filters_of(image_shape) if filters is None else list(filters)
    return filters, units or units_of(image_shape)


def dense_stack(x, units: Sequence[int], activation: str, weights, dtype):
    for index, count in enumerate(units):
        x = layers.Dense(
            count,
            activation,
            kernel_initializer=next(weights),
            name=f"dense_{index}",
            dtype=dtype,
        )(x)
    return x


def output(count: int, weights, **kwargs) -> layers.Layer:
    return layers.Dense(
        count, kernel_initializer=next(weights), name="outputs", dtype="float32", **kwargs
    )


def initializers(seed: int | None) -> Iterator[keras.Initializer]:
    """He initialisers, each with its own seed drawn from `seed`; without one, as Keras' `set_random_seed` decides.

    They keep the variance of layers with ReLU (He et al. 2015); with Keras' default, Glorot, a FactorVAE needs twice
    the updates for the same ELBO.
    """
    random = np.random.default_rng(seed)
    while True:
        one = None if seed is None else int(random.integers(2**31))
        yield keras.initializers.HeUniform(seed=one)


def map_sizes(size: Sequence[int], halvings: int) -> list[tuple[int, int]]:
    """Height and width of the image and after each convolution of stride 2."""
    sizes = [tuple(size)]
    for _ in range(halvings):
        height, width = sizes[-1]
        sizes.append((math.ceil(height / STRIDE), math.ceil(width / STRIDE)))
    return sizes


def upsample(x, size: tuple[int, int], channels: int, initializer, name: str, **common):
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
