"""The terms that objectives are made of."""

import dataclasses

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


@dataclasses.dataclass(frozen=True)
class ElboTerms:
    """What the objectives are made of, for one batch.

    Attributes:
        posterior: q(z|x), a `tfd.Distribution` with event shape `(latent_dim,)`.
        latents: one sample of it for each image, `(batch, latent_dim)`.
        reconstruction: -log p(x|z) in nats, `(batch,)`.
        latent_kl: KL(q(z_j|x) || p(z_j)) in nats for each latent, `(batch, latent_dim)`; None where a model has no
            evidence lower bound.
    """

    posterior: tfd.Distribution
    latents: tf.Tensor
    reconstruction: tf.Tensor
    latent_kl: tf.Tensor | None

    @property
    def kl(self) -> tf.Tensor:
        """KL(q(z|x) || p(z)) in nats, `(batch,)`."""
        return tf.reduce_sum(self.latent_kl, axis=-1)
