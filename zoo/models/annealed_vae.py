"""β-VAE in its capacity form."""

from typing import Any, ClassVar

import keras
import tensorflow as tf

from zoo.models._terms import ElboTerms
from zoo.models.vae import VAE
from zoo.schedules import Linear, Schedule, check_weight, value_at
from zoo.utils import replicas


@keras.saving.register_keras_serializable(package="zoo")
class AnnealedVAE(VAE):
    """β-VAE with a controlled capacity: the KL divergence is held near C nats, which rises during training.

        loss = reconstruction + gamma * |mean KL - C(step)|

    The mean goes over the batch, inside the absolute value.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        gamma: weight >= 0 or a schedule.
        capacity: C in nats, a number >= 0 or a schedule. Default: from 0 to 25 nats in 100,000 updates.
        **kwargs: of `VAE`.

    Example:
        >>> from zoo.schedules import Linear
        >>> model = AnnealedVAE((64, 64, 1), capacity=Linear(25.0, steps=5_000), seed=0)

    Reference: Burgess et al., Understanding disentangling in beta-VAE, 2018, equation 8.
    """

    # Where the capacity rises fast, a larger gamma than holds it drowns the reconstruction's gradient.
    short_run: ClassVar[dict[str, Any]] = {"capacity": "linear(25, 2000)", "gamma": 100.0}

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        gamma: float | Schedule = 1000.0,
        capacity: float | Schedule | None = None,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, **kwargs)
        self.gamma = check_weight("gamma", gamma)
        capacity = Linear(25.0, steps=100_000) if capacity is None else capacity
        self.capacity = check_weight("capacity", capacity)

    def regularizer(self, terms: ElboTerms) -> tf.Tensor:
        """γ·|mean KL − C|, a scalar that every image shares, in nats."""
        mean = replicas.mean(self.kl_cost(terms))
        distance = tf.abs(mean - value_at(self.capacity, self.step))
        return value_at(self.gamma, self.step) * distance

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        gamma, capacity = map(keras.saving.serialize_keras_object, (self.gamma, self.capacity))
        return {**super().get_config(), "gamma": gamma, "capacity": capacity}
