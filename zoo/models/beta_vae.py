"""β-VAE: `VAE.regularizer` with a weight before the KL divergence."""

import math
from typing import Any

import keras
import tensorflow as tf

from zoo.models._terms import ElboTerms
from zoo.models.vae import VAE
from zoo.schedules import Schedule, check_weight, value_at
from zoo.utils.checks import check_flag


@keras.saving.register_keras_serializable(package="zoo")
class BetaVAE(VAE):
    """β-VAE: the KL divergence weighted by β.

        loss = reconstruction + beta * KL

    A β_norm weights the KL per latent against the reconstruction per pixel: `beta = beta_norm * N / latent_dim`,
    with N pixels times channels. With 64x64 grey images and 10 latents, β = 4 is β_norm = 0.00977.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        beta: weight >= 0, or a schedule of the step (`zoo.schedules`, or any Keras `LearningRateSchedule`).
        normalized: whether `beta` is β_norm.
        **kwargs: of `VAE`.

    Example:
        >>> from zoo.schedules import Linear
        >>> model = BetaVAE((64, 64, 1), beta=Linear(4.0, steps=10_000), seed=0)

    Reference: Higgins et al., beta-VAE, 2017, equation 4; section 4.2 and appendix A.6 for β_norm.
    """

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        beta: float | Schedule = 4.0,
        normalized: bool = False,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, **kwargs)
        self.beta = check_weight("beta", beta)
        self.normalized = check_flag("normalized", normalized)

    def regularizer(self, terms: ElboTerms) -> tf.Tensor:
        """β·KL, `(batch,)`, in nats."""
        return self.weight() * self.kl_cost(terms)

    def weight(self):
        """The β of the current step, on the sums."""
        beta = value_at(self.beta, self.step)
        return beta * math.prod(self.image_shape) / self.latent_dim if self.normalized else beta

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        beta = keras.saving.serialize_keras_object(self.beta)
        return {**super().get_config(), "beta": beta, "normalized": self.normalized}
