"""Importance-weighted autoencoder."""

import dataclasses
import math
from typing import Any, ClassVar

import keras
import tensorflow as tf

from zoo.models._terms import ElboTerms
from zoo.models.vae import VAE
from zoo.utils import replicas
from zoo.utils.checks import check_integer


@dataclasses.dataclass(frozen=True)
class ImportanceTerms(ElboTerms):
    """The terms of the bound with K samples of q(z|x) for each image.

    `latents` are the first samples; `reconstruction` is the mean over all, so that with `kl` it still gives the
    evidence lower bound.

    Attributes:
        log_weights: log p(x|z_k) + log p(z_k) - log q(z_k|x) in nats, `(samples, batch)`.
    """

    log_weights: tf.Tensor


@keras.saving.register_keras_serializable(package="zoo")
class IWAE(VAE):
    """Importance-weighted autoencoder: a bound that rises with the number K of samples to the log-likelihood.

        loss = -log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x),    z_1, ..., z_K ~ q(z|x) independent

    With K = 1 it is a VAE whose KL divergence is estimated from its sample. Gradients go through the logarithm of
    the sum and through the samples. All samples are decoded in one pass, which costs K times as much as a VAE's.

    `reconstruction` and `kl` are reported as of a VAE: the mean of -log p(x|z_k), and the divergence in closed form.
    Their sum is above the loss, by what the weights gain.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        samples: K; the paper takes 5 and 50.
        **kwargs: of `VAE`; `free_bits` make no sense, since no KL divergence of single latents is weighed.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> import numpy as np
        >>> model = IWAE((8, 8, 1), latent_dim=2, samples=3, seed=0)
        >>> model.compile()
        >>> values = model.evaluate(np.zeros((32, 8, 8, 1)), verbose=0, return_dict=True)
        >>> values["loss"] < values["reconstruction"] + values["kl"]
        True

    Reference: Burda et al., Importance Weighted Autoencoders, 2016, equations 8 and 13.
    """

    weighs_kl: ClassVar[bool] = False

    def __init__(self, image_shape, latent_dim: int = 10, *, samples: int = 5, **kwargs):
        super().__init__(image_shape, latent_dim, **kwargs)
        self.samples = check_integer("samples", samples, least=1)

    def elbo_terms(self, images, training: bool = False, seed=None) -> ImportanceTerms:
        """The terms of the bound, with K samples of q(z|x) for each image; arguments as for `VAE.elbo_terms`."""
        images = self._scaled(images)
        posterior = self.encode(images, training)
        seed = self.common_seed() if seed is None else seed
        latents = replicas.drawn(posterior, seed, (self.samples,))
        decoded = self.decode(tf.reshape(latents, (-1, self.latent_dim)), training)
        copies = tf.tile(images, (self.samples, 1, 1, 1))
        log_likelihood = tf.reshape(decoded.log_prob(copies), (self.samples, -1))
        log_prior, log_posterior = self.prior.log_prob(latents), posterior.log_prob(latents)
        return ImportanceTerms(
            posterior=posterior,
            latents=latents[0],
            reconstruction=-tf.reduce_mean(log_likelihood, axis=0),
            latent_kl=self.latent_kl(posterior),
            log_weights=log_likelihood + log_prior - log_posterior,
        )

    def objective(self, terms: ImportanceTerms) -> dict[str, tf.Tensor]:
        """The loss and its terms by name, each `(batch,)`, in nats."""
        log_sum = tf.reduce_logsumexp(terms.log_weights, axis=0)
        return {**super().objective(terms), "loss": math.log(self.samples) - log_sum}

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "samples": self.samples}
