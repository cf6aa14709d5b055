"""The variational autoencoder: its posterior, its prior, its loss. What every model shares is in `base.py`."""

from typing import ClassVar

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.models._free_bits import FreeBits
from zoo.models._terms import ElboTerms
from zoo.utils import replicas

tfd = tfp.distributions


@keras.saving.register_keras_serializable(package="zoo")
class VAE(FreeBits):
    """Variational autoencoder: reconstruction + KL divergence, in nats per image.

        loss = E_q(z|x)[-log p(x|z)] + KL(q(z|x) || p(z)),    p(z) = N(0, I)

    Sums go over pixels and latents, means over the batch. Train it with `fit`, on an array of images or on a
    `tf.data.Dataset` of batches; images are float in [0, 1] or uint8. Calling the model, or `predict`, gives
    reconstructions: the mean image of the most probable latents, which are the posterior's means.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        likelihood: p(x|z): a name such as `"bernoulli"`, or a `zoo.likelihoods.Likelihood`.
        encoder: `keras.Model` from images to `(batch, 2 * latent_dim)`: means first, then log variances. This and
            what follows: see `zoo.models.base.Model`.
        decoder: `keras.Model` from `(batch, latent_dim)` to what the likelihood `takes`, mostly logits of pixels.
        seed: seeds the initial weights, the sampling, and the shuffling of arrays by `fit`.
        free_bits: nats >= 0 that each latent may cost for nothing, or a schedule; see `kl_cost`.
        **kwargs: of `keras.Model`: `name`, `dtype` (`"mixed_bfloat16"` computes the networks in bfloat16).

    Example:
        >>> import numpy as np
        >>> model = VAE((8, 8, 1), latent_dim=2, seed=0)
        >>> model.compile()
        >>> history = model.fit(np.zeros((32, 8, 8, 1)), epochs=1, verbose=0)
        >>> sorted(history.history)
        ['kl', 'loss', 'reconstruction']

    Reference: Kingma & Welling, Auto-Encoding Variational Bayes, 2014, equation 3.
    """

    encoder_takes: ClassVar[str | None] = "means, then logarithms of variances"

    def posterior(self, encoder_outputs: tf.Tensor) -> tfd.Distribution:
        """q(z|x) from what the encoder gives: `(batch, 2 * latent_dim)`, means, then log variances."""
        mean, log_variance = tf.split(encoder_outputs, 2, axis=-1)
        return tfd.Independent(tfd.Normal(mean, tf.exp(0.5 * log_variance)), 1)

    @property
    def prior(self) -> tfd.Distribution:
        """p(z), with event shape `(latent_dim,)`."""
        return tfd.Independent(tfd.Normal(tf.zeros(self.latent_dim), 1.0), 1)

    def latent_kl(self, posterior: tfd.Distribution) -> tf.Tensor:
        """KL(q(z_j|x) || p(z_j)) for each latent, `(batch, latent_dim)`, in nats."""
        return tfd.kl_divergence(posterior.distribution, self.prior.distribution)

    def elbo_terms(self, images, training: bool = False, seed=None) -> ElboTerms:
        """The terms of the loss, with one sample of q(z|x) for each image; arguments as for `Model.elbo_terms`."""
        return self.terms_under(self.encode(images, training), images, training, seed)

    def terms_under(
        self, posterior, images, training: bool = False, seed=None, draw=replicas.drawn
    ) -> ElboTerms:
        """The terms with a given posterior of the images.

        Args:
            posterior: of the images.
            images: as for `elbo_terms`, as are training and seed.
            training: likewise.
            seed: likewise.
            draw: from the posterior and a seed to one sample for each image.
        """
        images = self._scaled(images)
        latents = draw(posterior, self.common_seed() if seed is None else seed)
        reconstruction = -self.decode(latents, training).log_prob(images)
        latent_kl = self.latent_kl(posterior) if self.has_elbo else None
        return ElboTerms(posterior, latents, reconstruction, latent_kl)

    def objective(self, terms: ElboTerms) -> dict[str, tf.Tensor]:
        """The loss and its terms by name, each `(batch,)`, in nats."""
        loss = terms.reconstruction + self.regularizer(terms)
        values = {"loss": loss, "reconstruction": terms.reconstruction}
        return {**values, "kl": terms.kl} if self.has_elbo else values

    def regularizer(self, terms: ElboTerms) -> tf.Tensor:
        """What is added to the reconstruction: the KL divergence, `(batch,)`, in nats, less its free bits."""
        return self.kl_cost(terms)
