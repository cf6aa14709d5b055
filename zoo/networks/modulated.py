"""The networks of QLAE: a deep encoder with instance normalisation, a decoder whose latents modulate its maps.

Reference: Hsu et al., Disentanglement via Latent Quantization, 2023, and the authors' code; Karras et al., A
Style-Based Generator Architecture, 2019, for the decoder's idea.
"""

from collections.abc import Sequence

import keras
from keras import layers

from zoo.networks import _parts as parts
from zoo.networks._modulation import InstanceNormalization, LearnedConstant, Modulation

CONVOLUTIONS = 3  # of each size of map: two that keep it, one that halves or doubles it


def normalized_encoder(
    image_shape: Sequence[int],
    outputs: int,
    *,
    filters: int = 32,
    units: int = 256,
    seed: int | None = None,
    dtype=None,
) -> keras.Model:
    """Convolutions with instance normalisation and leaky ReLU (0.2), three for each size of map, down to about 4x4.

    Of each three two have 3x3 kernels and the third a 4x4 kernel of stride 2. Of 64x64 images they are twelve, 32, 64,
    128 and 256 channels wide, three times each; two dense layers follow.

    Args:
        image_shape: `(height, width, channels)`, any size.
        outputs: numbers per image: the code of an autoencoder.
        filters: channels of the first three; the next have twice as many, up to 8 times.
        units: width of the dense layers.
        seed: seeds the initial weights.
        dtype: Keras dtype policy of the layers.

    Example:
        >>> sum("conv" in layer.name for layer in normalized_encoder((64, 64, 3), 12).layers)
        12
    """
    weights = parts.initializers(seed)
    x = inputs = keras.Input(image_shape, name="images")
    for stage, width in enumerate(_widths(image_shape, filters)):
        for index in range(CONVOLUTIONS):
            name = f"{stage}_{index}"
            kernel, stride = _shape_of(index)
            x = layers.Conv2D(
                width,
                kernel,
                stride,
                padding="same",
                use_bias=False,
                kernel_initializer=next(weights),
                name=f"conv_{name}",
                dtype=dtype,
            )(x)
            x = InstanceNormalization(name=f"norm_{name}", dtype=dtype)(x)
            x = layers.LeakyReLU(0.2, name=f"relu_{name}", dtype=dtype)(x)
    x = layers.Flatten(dtype=dtype)(x)
    x = parts.dense_stack(x, (units, units), "relu", weights, dtype)
    x = parts.output(outputs, weights)(x)
    return keras.Model(inputs, x, name="encoder")


def modulated_decoder(
    latent_dim: int,
    image_shape: Sequence[int],
    outputs_per_value: int = 1,
    *,
    filters: int = 32,
    units: int = 256,
    seed: int | None = None,
    dtype=None,
) -> keras.Model:
    """A learned constant map of about 4x4, grown to an image by layers that the latents scale and shift.

    Two dense layers make w of the latents. Each map is made by a convolution, or by a transposed one that doubles it,
    a leaky ReLU (0.2) and an instance normalisation without scale and bias: these come from w, by a dense layer each.

    Args:
        latent_dim: number of latents.
        image_shape: `(height, width, channels)` of the images, any size.
        outputs_per_value: what the likelihood needs for each pixel and channel.
        filters: channels of the last maps; those before have twice as many, up to 8 times.
        units: width of the dense layers.
        seed: seeds the initial weights.
        dtype: Keras dtype policy of the layers.

    Example:
        >>> modulated_decoder(12, (64, 64, 3)).output_shape
        (None, 64, 64, 3)
    """
    weights = parts.initializers(seed)
    widths = _widths(image_shape, filters)
    *sizes, smallest = parts.map_sizes(image_shape[:2], len(widths))
    inputs = keras.Input((latent_dim,), name="latents")
    style = parts.dense_stack(inputs, (units, units), "relu", weights, dtype)
    start = (*smallest, widths[-1])
    x = LearnedConstant(start, name="constant", dtype=dtype)(style)
    for stage, (width, size) in enumerate(zip(reversed(widths), reversed(sizes), strict=True)):
        for index in range(CONVOLUTIONS):
            x = _modulated(x, style, width, size, weights, f"{stage}_{index}", index, dtype)
    x = layers.Conv2D(
        image_shape[-1] * outputs_per_value,
        3,
        padding="same",
        kernel_initializer=next(weights),
        name="conv_out",
        dtype=dtype,
    )(x)
    x = layers.Activation("linear", dtype="float32", name="outputs")(x)
    return keras.Model(inputs, x, name="decoder")


def _modulated(x, style, width: int, size: tuple[int, int], weights, name: str, index: int, dtype):
    """One more map, of `size` where it is the last of three."""
    common = {"use_bias": False, "kernel_initializer": next(weights), "dtype": dtype}
    kernel, stride = _shape_of(index)
    if stride == 1:
        x = layers.Conv2D(width, kernel, padding="same", name=f"conv_{name}", **common)(x)
    else:
        common["initializer"] = common.pop("kernel_initializer")
        x = parts.upsample(x, size, width, name=f"deconv_{name}", **common)
    x = layers.LeakyReLU(0.2, name=f"relu_{name}", dtype=dtype)(x)
    x = InstanceNormalization(affine=False, name=f"norm_{name}", dtype=dtype)(x)
    of_style = layers.Dense(
        2 * width, kernel_initializer=next(weights), name=f"style_{name}", dtype=dtype
    )(style)
    return Modulation(name=f"modulation_{name}", dtype=dtype)([x, of_style])


def _widths(image_shape: Sequence[int], filters: int) -> list[int]:
    """Channels at each size of map, from the image's on; at least one, however small the image."""
    stages = max(1, len(parts.filters_of(image_shape)))
    return [min(filters * 2**stage, 8 * filters) for stage in range(stages)]


def _shape_of(index: int) -> tuple[int, int]:
    """Kernel and stride of a convolution of three."""
    return (4, 2) if index == CONVOLUTIONS - 1 else (3, 1)
