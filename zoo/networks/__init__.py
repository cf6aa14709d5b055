"""Encoders, decoders and discriminators as functional `keras.Model`s.

An encoder maps images `(batch, height, width, channels)` to `(batch, outputs)`; a decoder maps latents
`(batch, latent_dim)` to `(batch, height, width, channels * outputs_per_value)`. Both end in float32, whatever the
dtype policy, because likelihoods and divergences are computed in float32.

Arguments mean the same in all of them:

    image_shape: `(height, width, channels)`, any size.
    latent_dim: numbers that a network takes for each image.
    outputs: numbers that an encoder gives for each image; a diagonal Gaussian needs `2 * latent_dim`.
    outputs_per_value: what the likelihood needs for each pixel and channel.
    filters: channels of each 4x4 convolution of an encoder; a decoder mirrors them. Default: the paper's 32, 32, 64,
        64 for 64x64 images, fewer for smaller images and further 64s for larger ones.
    units: width of a dense layer, or of each one. Default of convolutional networks: the paper's 128 for grey images
        and 256 for colour.
    seed: seeds the initial weights; None: as `keras.utils.set_random_seed` decides.
    dtype: Keras dtype policy of the layers.
"""

from zoo.networks import (
    _settings as _settings,  # first: it refuses settings of Keras that do not fit
)
from zoo.networks._contract import applied as applied
from zoo.networks._contract import check_network as check_network
from zoo.networks.convolutional import convolutional_decoder as convolutional_decoder
from zoo.networks.convolutional import convolutional_encoder as convolutional_encoder
from zoo.networks.convolutional import image_discriminator as image_discriminator
from zoo.networks.dense import dense_decoder as dense_decoder
from zoo.networks.dense import dense_encoder as dense_encoder
from zoo.networks.dense import discriminator as discriminator
from zoo.networks.modulated import modulated_decoder as modulated_decoder
from zoo.networks.modulated import normalized_encoder as normalized_encoder
