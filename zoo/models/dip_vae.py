"""DIP-VAE."""

from typing import Any

import keras
import tensorflow as tf

from zoo.models._terms import ElboTerms
from zoo.models.vae import VAE
from zoo.schedules import Schedule, check_weight, value_at
from zoo.utils import replicas
from zoo.utils.registry import check_known

# λ_d / λ_od as in the study of Locatello et al. 2019.
DIAGONAL_RATIO = {"i": 10.0, "ii": 1.0}


@keras.saving.register_keras_serializable(package="zoo")
class DIPVAE(VAE):
    """DIP-VAE: a VAE whose aggregate posterior is driven towards the covariance of the prior.

        loss = reconstruction + KL + lambda_od * sum_{i != j} C_ij^2 + lambda_d * sum_i (C_ii - 1)^2
        "i":   C = Cov_x[mean(x)]
        "ii":  C = Cov_x[mean(x)] + E_x[diag(variance(x))],    the covariance of q(z)

    with mean(x) and variance(x) those of q(z|x), and covariances over the batch, divided by its size.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        variant: `"i"` or `"ii"`.
        lambda_od: weight >= 0 of the off-diagonal penalty, or a schedule; the study takes 1 to 50.
        lambda_d: weight >= 0 of the diagonal penalty, or a schedule. None: as in the study, 10 * lambda_od for
            `"i"` and lambda_od for `"ii"`.
        **kwargs: of `VAE`.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> import numpy as np
        >>> model = DIPVAE((8, 8, 1), latent_dim=2, variant="i", seed=0)
        >>> model.compile()
        >>> list(model.fit(np.zeros((32, 8, 8, 1)), verbose=0).history)
        ['covariance_penalty', 'kl', 'loss', 'reconstruction']

    Reference: Kumar et al., Variational Inference of Disentangled Latent Concepts from Unlabeled Observations, 2018,
        equations 6-7; Locatello et al., Challenging Common Assumptions, 2019, for the ratio of the weights.
    """

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        variant: str = "ii",
        lambda_od: float | Schedule = 10.0,
        lambda_d: float | Schedule | None = None,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, **kwargs)
        self.variant = check_known("variant", variant, DIAGONAL_RATIO)
        self.lambda_od = check_weight("lambda_od", lambda_od)
        self.lambda_d = None if lambda_d is None else check_weight("lambda_d", lambda_d)

    def tracked(self) -> list[str]:
        """Names of the quantities that `fit` reports; the penalty is weighted as in the loss."""
        return [*super().tracked(), "covariance_penalty"]

    def objective(self, terms: ElboTerms) -> dict[str, tf.Tensor]:
        """The loss and its terms by name, each `(batch,)`; the penalty is the same for all."""
        values = super().objective(terms)
        penalty = self.covariance_penalty(self.covariance(terms))
        penalty = penalty * tf.ones_like(terms.reconstruction)
        return {**values, "loss": values["loss"] + penalty, "covariance_penalty": penalty}

    def covariance(self, terms: ElboTerms) -> tf.Tensor:
        """C, `(latent_dim, latent_dim)`."""
        means = replicas.gathered(terms.posterior.mean())
        centred = means - tf.reduce_mean(means, axis=0)
        of_means = tf.matmul(centred, centred, transpose_a=True)
        covariance = of_means / tf.cast(tf.shape(means)[0], tf.float32)
        if self.variant == "i":
            return covariance
        variances = replicas.mean(terms.posterior.variance(), axis=0)
        return covariance + tf.linalg.diag(variances)

    def covariance_penalty(self, covariance: tf.Tensor) -> tf.Tensor:
        """The weighted distance of C from the identity, a scalar."""
        off_weight, diagonal_weight = self.weights_of_penalties()
        diagonal = tf.linalg.diag_part(covariance)
        off_diagonal = covariance - tf.linalg.diag(diagonal)
        return off_weight * tf.reduce_sum(tf.square(off_diagonal)) + diagonal_weight * (
            tf.reduce_sum(tf.square(diagonal - 1))
        )

    def weights_of_penalties(self):
        """λ_od and λ_d at the current step."""
        off_diagonal = value_at(self.lambda_od, self.step)
        if self.lambda_d is None:
            return off_diagonal, DIAGONAL_RATIO[self.variant] * off_diagonal
        return off_diagonal, value_at(self.lambda_d, self.step)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "variant": self.variant,
            "lambda_od": keras.saving.serialize_keras_object(self.lambda_od),
            "lambda_d": keras.saving.serialize_keras_object(self.lambda_d),
        }
        return {**super().get_config(), **own}
