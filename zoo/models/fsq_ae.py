"""FSQ autoencoder: finite scalar quantization, the base of Tripod."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.models import _codebook
from zoo.models._quantized import QuantizedAutoencoder, adam_per_pixel
from zoo.utils.checks import check_integer


@keras.saving.register_keras_serializable(package="zoo")
class FSQAE(QuantizedAutoencoder):
    """FSQ autoencoder: latents are bounded by tanh and rounded to evenly spaced levels. Nothing but a reconstruction.

        loss = reconstruction,    z = tanh(encoder(x)) in (-1, 1)
        q = 2 round((levels - 1) (z + 1) / 2) / (levels - 1) - 1,    decoder(q), d q / d z = 1

    As QLAE, with values that need no learning and no terms of their own in the loss. Codes, `sample`, traversals and
    exports are as there.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents; in the paper of Tripod twice the factors.
        levels: how many values each latent has, at least 2.
        **kwargs: of `Autoencoder`.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> import numpy as np
        >>> model = FSQAE((8, 8, 1), latent_dim=4, levels=3, seed=0)
        >>> model.compile()
        >>> list(model.fit(np.zeros((32, 8, 8, 1)), verbose=0).history)
        ['loss', 'reconstruction']
        >>> model.latent_values[0].tolist()
        [-1.0, 0.0, 1.0]

    Reference: Mentzer et al., Finite Scalar Quantization: VQ-VAE Made Simple, 2023; Hsu et al., Tripod: Three
        Complementary Inductive Biases for Disentangled Representation Learning, 2024, and its code, whose
        levels and optimizer these are.
    """

    def __init__(self, image_shape, latent_dim: int = 10, *, levels: int = 12, **kwargs):
        super().__init__(image_shape, latent_dim, **kwargs)
        self.levels = check_integer("levels", levels, least=2)

    def quantized(self, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The tanh of what the encoder gives, and the nearest levels, both `(batch, latent_dim)`."""
        continuous = tf.tanh(outputs)
        number = tf.round((self.levels - 1) * (continuous + 1) / 2)
        return continuous, _codebook.taken(tf.cast(number, tf.int32), self.value_tensor())

    @property
    def latent_values(self) -> np.ndarray:
        """The levels of each latent, rising, `(latent_dim, levels)`."""
        levels = 2 * np.arange(self.levels, dtype=np.float32) / np.float32(self.levels - 1) - 1
        return np.tile(levels, (self.latent_dim, 1))

    def default_optimizer(self) -> keras.Optimizer:
        """Adam(2e-4), each number of the gradient of the mean over pixels clipped at 1."""
        return adam_per_pixel(2e-4, self.pixels, clipvalue=float(self.pixels))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "levels": self.levels}
