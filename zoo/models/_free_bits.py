"""Free bits: nats that each latent may cost for nothing, so that it is not given up early in training."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from zoo import likelihoods
from zoo.models._terms import ElboTerms
from zoo.models.base import Model
from zoo.schedules import Schedule, check_weight, value_at
from zoo.utils import replicas


class FreeBits(Model):
    """A model whose loss weighs `kl_cost`: the KL divergence, of which some nats for each latent are free.

    Args:
        image_shape, latent_dim, likelihood, encoder, decoder, seed: as for `Model`.
        free_bits: nats >= 0 that each latent may cost for nothing, or a schedule.
        **kwargs: of `Model`.
    """

    # Whether the loss weighs the divergence by `kl_cost`, so that free bits mean something.
    weighs_kl: ClassVar[bool] = True

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int = 10,
        likelihood: str | likelihoods.Likelihood = "bernoulli",
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        seed: int | None = None,
        free_bits: float | Schedule = 0.0,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, likelihood, encoder, decoder, seed, **kwargs)
        self.free_bits = self._check_free_bits(free_bits)

    def kl_cost(self, terms: ElboTerms) -> tf.Tensor:
        """The KL divergence that the loss weighs, `(batch,)`, in nats: each latent costs at least its free bits.

            mean over the batch of kl_cost = sum_j max(free_bits, mean over the batch of KL_j)

        A latent below its free bits gets no gradient from this term. The reported `kl` is the divergence itself.

        Reference: Kingma et al., Improved Variational Inference with Inverse Autoregressive Flow, 2016, equation 15.
        """
        if self.free_bits == 0:
            return terms.kl
        least = value_at(self.free_bits, self.step)
        is_free = replicas.mean(terms.latent_kl, axis=0) < least
        return tf.reduce_sum(tf.where(is_free, least, terms.latent_kl), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        free_bits = keras.saving.serialize_keras_object(self.free_bits)
        return {**super().get_config(), "free_bits": free_bits}

    def _check_free_bits(self, free_bits: float | Schedule) -> float | Schedule:
        free_bits = check_weight("free_bits", free_bits)
        if free_bits == 0 or self.weighs_kl:
            return free_bits
        raise ValueError(
            f"`free_bits` must be 0 for {type(self).__name__}, whose loss weighs no KL divergence of single "
            f"latents. Received: free_bits={free_bits!r}"
        )
