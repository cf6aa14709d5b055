"""Networks of dense layers: encoder, decoder, and the discriminator of latents."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from zoo.networks import _parts as parts


def dense_encoder(
    image_shape: Sequence[int],
    outputs: int,
    *,
    units: Sequence[int] = (1200, 1200),
    seed: int | None = None,
    dtype=None,
) -> keras.Model:
    """Dense layers from flattened images: two of 1200, as in Higgins et al. 2017, table 1.

    Arguments as in `zoo.networks`; `units` has a number for each layer.

    Example:
        >>> dense_encoder((8, 8, 1), outputs=20, units=(64,)).output_shape
        (None, 20)
    """
    weights = parts.initializers(seed)
    inputs = keras.Input(image_shape, name="images")
    x = layers.Flatten(dtype=dtype)(inputs)
    x = parts.dense_stack(x, units, "relu", weights, dtype)
    return keras.Model(inputs, parts.output(outputs, weights)(x), name="encoder")


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

    Arguments as in `zoo.networks`; `units` has a number for each layer.

    Example:
        >>> dense_decoder(10, (8, 8, 1), units=(64,)).output_shape
        (None, 8, 8, 1)
    """
    weights = parts.initializers(seed)
    shape = (*image_shape[:2], image_shape[2] * outputs_per_value)
    inputs = keras.Input((latent_dim,), name="latents")
    x = parts.dense_stack(inputs, units, "tanh", weights, dtype)
    x = parts.output(math.prod(shape), weights)(x)
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

    Arguments as in `zoo.networks`; `units` is the width of each layer.

    Example:
        >>> discriminator(10).output_shape
        (None, 2)
    """
    weights = parts.initializers(seed)
    x = inputs = keras.Input((latent_dim,), name="latents")
    for index in range(hidden_layers):
        x = layers.Dense(
            units, kernel_initializer=next(weights), name=f"dense_{index}", dtype=dtype
        )(x)
        x = layers.LeakyReLU(0.2, name=f"leaky_relu_{index}", dtype=dtype)(x)
    return keras.Model(inputs, parts.output(2, weights)(x), name="discriminator")
