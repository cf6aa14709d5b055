"""HFS: a β-VAE with a factorized support."""

from typing import Any, ClassVar

import keras
import tensorflow as tf

from zoo.models import _support
from zoo.models._terms import ElboTerms
from zoo.models.beta_vae import BetaVAE
from zoo.schedules import Schedule, check_weight, value_at
from zoo.utils import replicas
from zoo.utils.checks import check_integer


@keras.saving.register_keras_serializable(package="zoo")
class HFSVAE(BetaVAE):
    """HFS: a β-VAE whose latents may be correlated, but any value of one may stand beside any value of another.

        loss = reconstruction + beta * KL + gamma * sum_{i<j} d_ij
        d_ij = max over a, c of min over b of (m_ai - m_bi)^2 + (m_cj - m_bj)^2,    m: means of q(z|x) of the batch

    d_ij is the Hausdorff distance, squared, from the product of the supports of latents i and j to the support of the
    pair: how far off the nearest code of the batch is from the combination of two values that lies farthest out. Where
    factors of the data are correlated, independent latents are wrong; a factorized support is not.

    As in the authors' code distances are squared, and each update takes `pairs` of the latents and `combinations` of
    two images for each, drawn anew; None takes all. A sum over fewer pairs is not scaled up. The KL divergence keeps
    the scale of latents, without which the penalty shrinks them: at β = 0 it must be kept otherwise.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        gamma: weight >= 0 of the distances, or a schedule. The paper searches 0.1 to 10,000.
        pairs: of latents for each update; None: all.
        combinations: of two images for each pair; None: all, whose memory grows as the third power of the batch.
        beta: as for `BetaVAE`; the paper searches 0 to 16.
        **kwargs: of `BetaVAE`.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> import numpy as np
        >>> model = HFSVAE((8, 8, 1), latent_dim=2, gamma=10.0, seed=0)
        >>> model.compile()
        >>> list(model.fit(np.zeros((32, 8, 8, 1)), verbose=0).history)
        ['kl', 'loss', 'reconstruction', 'support_distance']

    Reference: Roth et al., Disentanglement of Correlated Factors via Hausdorff Factorized Support, 2023, and the
        authors' code.
    """

    short_run: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        gamma: float | Schedule = 100.0,
        pairs: int | None = 25,
        combinations: int | None = 100,
        beta: float | Schedule = 1.0,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, beta=beta, **kwargs)
        self.gamma = check_weight("gamma", gamma)
        self.pairs = None if pairs is None else check_integer("pairs", pairs, least=1)
        self.combinations = (
            None if combinations is None else check_integer("combinations", combinations, least=1)
        )

    def tracked(self) -> list[str]:
        """Names of the quantities that `fit` reports."""
        return [*super().tracked(), "support_distance"]

    def objective(self, terms: ElboTerms) -> dict[str, tf.Tensor]:
        """The loss and its terms by name, each `(batch,)`; the distance, of the batch, is the same for all."""
        values = super().objective(terms)
        means = replicas.gathered(terms.posterior.mean())
        distance = self.support_distance(means, self.common_seed())
        distance = distance * tf.ones_like(terms.reconstruction)
        loss = values["loss"] + value_at(self.gamma, self.step) * distance
        return {**values, "loss": loss, "support_distance": distance}

    def support_distance(self, means: tf.Tensor, seed) -> tf.Tensor:
        """The sum of d_ij over the pairs of an update, a scalar.

        Args:
            means: `(batch, latent_dim)`.
            seed: two integers, for the pairs and the combinations.
        """
        pairs = _support.drawn_pairs(self.latent_dim, self.pairs, tf.random.fold_in(seed, 0))
        rows = None
        if self.combinations is not None:
            rows = tf.random.stateless_uniform(
                (self.combinations, pairs.shape[0], 2),
                tf.random.fold_in(seed, 1),
                maxval=tf.shape(means)[0],
                dtype=tf.int32,
            )
        return tf.reduce_sum(_support.hausdorff(means, pairs, rows))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        gamma = keras.saving.serialize_keras_object(self.gamma)
        own = {"gamma": gamma, "pairs": self.pairs, "combinations": self.combinations}
        return {**super().get_config(), **own}
