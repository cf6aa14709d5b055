"""The autoencoder, without noise."""

from typing import ClassVar

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.models._point import Point
from zoo.models._terms import ElboTerms
from zoo.models.vae import VAE

tfd = tfp.distributions


@keras.saving.register_keras_serializable(package="zoo")
class Autoencoder(VAE):
    """Autoencoder: reconstruction from a deterministic code, and nothing else.

        loss = -log p(x|z),   z = encoder(x)

    What every disentangling score should be compared with. There is no KL divergence and no evidence lower bound:
    neither is reported, traversals are sorted by the variance of the codes, and what is exported of q(z|x) is its
    `mean`. `sample` decodes N(0, I), which nothing drives the codes to: it shows the decoder, not the data.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: size of the code.
        likelihood: as for `VAE`.
        encoder: `keras.Model` from `(batch, *image_shape)` to `(batch, latent_dim)`.
        decoder: as for `VAE`.
        seed: as for `VAE`.
        free_bits: must be 0, since there is no KL divergence.
        **kwargs: of `keras.Model`.

    Example:
        >>> import numpy as np
        >>> model = Autoencoder((8, 8, 1), latent_dim=2, seed=0)
        >>> model.compile()
        >>> sorted(model.fit(np.zeros((32, 8, 8, 1)), verbose=0).history)
        ['loss', 'reconstruction']

    Reference: Hinton & Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, 2006.
    """

    has_elbo: ClassVar[bool] = False
    weighs_kl: ClassVar[bool] = False
    encoder_takes: ClassVar[str | None] = None

    @property
    def encoder_outputs(self) -> int:
        """Numbers that the encoder makes for each image: the code."""
        return self.latent_dim

    def posterior(self, encoder_outputs: tf.Tensor) -> tfd.Distribution:
        """All of q(z|x) at the code: `(batch, latent_dim)`."""
        return tfd.Independent(Point(encoder_outputs), 1)

    def posterior_tensors(self, posterior: tfd.Distribution) -> dict[str, tf.Tensor]:
        """The code; a log variance would be minus infinity."""
        return {"mean": posterior.mean()}

    def regularizer(self, terms: ElboTerms) -> tf.Tensor:
        """Nothing."""
        return tf.zeros_like(terms.reconstruction)
