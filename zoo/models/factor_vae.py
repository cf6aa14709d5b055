"""FactorVAE: a term in the VAE's `objective`, and a discriminator that estimates it, trained in the same step.

The discriminator itself, its loss and its optimizer are in `_adversarial.py`: other models have one as well.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from zoo.models import _weights
from zoo.models._adversarial import LatentAdversarial
from zoo.models._terms import ElboTerms
from zoo.schedules import Schedule, check_weight, value_at
from zoo.utils import replicas


@keras.saving.register_keras_serializable(package="zoo")
class FactorVAE(LatentAdversarial):
    """FactorVAE: a VAE whose aggregate posterior is driven towards independent latents.

        loss = reconstruction + KL + gamma * TC
        TC   = KL(q(z) || prod_j q(z_j)) ~ E_q(z)[D_0(z) - D_1(z)]

    D is a discriminator with two logits: 0 for latents of q(z), 1 for latents whose dimensions were permuted across
    a batch. Each step updates the VAE on one batch, then the discriminator on the same latents (without a gradient
    to the encoder) and on the permuted latents of a second, independent batch of the same size. `fit` draws the
    second batch by itself: `batch_size` is what the VAE sees. Under a `tf.distribute` strategy latents are
    permuted across the batch of all replicas.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        gamma: weight >= 0 of the total correlation, or a schedule. The paper's best mean on 2D Shapes is 40.
        discriminator_layers: hidden layers of 1000 units. The papers say 6 layers; ports take 5 or 6 hidden ones.
        discriminator: `keras.Model` from `(batch, latent_dim)` to `(batch, 2)`, in place of these layers.
        **kwargs: of `VAE`.

    Example:
        >>> import numpy as np
        >>> model = FactorVAE((8, 8, 1), latent_dim=2, discriminator_layers=1, seed=0)
        >>> model.compile()
        >>> history = model.fit(np.zeros((32, 8, 8, 1)), verbose=0)
        >>> list(history.history)
        ['discriminator_loss', 'kl', 'loss', 'reconstruction', 'total_correlation']

    Reference: Kim & Mnih, Disentangling by Factorising, 2018, equations 2-3, algorithms 1-2.
    """

    short_run: ClassVar[dict[str, Any]] = {"gamma": 30.0}

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        gamma: float | Schedule = 40.0,
        discriminator_layers: int = 6,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        networks = {
            "discriminator_layers": discriminator_layers,
            "discriminator": discriminator,
        }
        super().__init__(image_shape, latent_dim, **networks, **kwargs)
        self.gamma = check_weight("gamma", gamma)

    def tracked(self) -> list[str]:
        """Names of the quantities that `fit` reports."""
        return [*super().tracked(), "total_correlation", "discriminator_loss"]

    def objective(self, terms: ElboTerms) -> dict[str, tf.Tensor]:
        """The VAE's loss plus γ·TC, and the terms by name, each `(batch,)`, in nats: equation 2."""
        values = super().objective(terms)
        correlation = self.total_correlation(terms.latents)
        loss = values["loss"] + value_at(self.gamma, self.step) * correlation
        return {**values, "loss": loss, "total_correlation": correlation}

    def total_correlation(self, latents: tf.Tensor) -> tf.Tensor:
        """D_0(z) - D_1(z), `(batch,)`, whose mean over q(z) estimates the total correlation in nats: equation 3.

        It is too small: the discriminator sees differences that are coarser than about 0.3 standard deviations of a
        latent, and not all of these. `zoo.information.blurred_kl_parts` measures how much that is.
        """
        return self.log_density_ratio(latents)

    def train_step(self, data) -> dict[str, tf.Tensor]:
        """Algorithm 2: one update of the VAE, then one of the discriminator."""
        images, others, weights = keras.utils.unpack_x_y_sample_weight(data)
        if others is None:
            raise ValueError(
                "Expected two independent batches of images for a step of FactorVAE. Received one. "
                "Call fit(images), or train_on_batch(images, other_images)."
            )
        # The VAE draws one seed a step, as a plain VAE does; the discriminator's are derived from it.
        seed = self.common_seed()
        # Both halves come from the encoder as it is before the update. Were the permuted half encoded after it, the
        # discriminator would learn to tell the encoder's last step, and its gradient would amplify each step.
        permuted = self.permuted_latents(others, seed, training=True)
        return self.adversarial_step(images, permuted, seed, weights)

    def permuted_latents(self, images: tf.Tensor, seed, training: bool = False) -> tf.Tensor:
        """Latents drawn from the product of q(z)'s marginals, `(batch, latent_dim)`: algorithm 1.

        Args:
            images: `(batch, *image_shape)`, whose latents are permuted across the batch of all replicas.
            seed: two integers.
            training: as of `encode`.
        """
        posterior = self.encode(images, training=training)
        latents = replicas.drawn(posterior, tf.random.fold_in(seed, 1))
        permuted = permute_dims(replicas.gathered(latents), tf.random.fold_in(seed, 2))
        return replicas.mine(permuted, tf.shape(latents)[0])

    def training_batches(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Pairs of independent batches, then the weights of the first one's images, if there are some."""
        pairs = paired(batches)
        if not _weights.are_in(batches):
            return pairs
        return pairs.map(lambda batch, other: (batch[0], other[0], batch[1]))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "gamma": keras.saving.serialize_keras_object(self.gamma)}


def permute_dims(latents: tf.Tensor, seed: Sequence[int] | tf.Tensor) -> tf.Tensor:
    """Permutes each dimension across the batch, each in its own order.

    The result has the distribution of the product of the marginals of q(z): a column keeps its values, a row does not.

    Args:
        latents: `(batch, latent_dim)`.
        seed: two integers.

    Example:
        >>> permuted = permute_dims(tf.constant([[1.0, 10.0], [2.0, 20.0]]), seed=(0, 1))
        >>> sorted(permuted[:, 0].numpy().tolist()), sorted(permuted[:, 1].numpy().tolist())
        ([1.0, 2.0], [10.0, 20.0])

    Reference: Kim & Mnih 2018, algorithm 1.
    """
    columns = tf.transpose(latents)
    order = tf.argsort(tf.random.stateless_uniform(tf.shape(columns), seed), axis=1)
    return tf.transpose(tf.gather(columns, order, batch_dims=1))


def paired(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Each batch beside the batch that follows it; beside the last one stands the first of another pass.

    Nothing is read twice, and a finite dataset keeps its number of batches. A dataset of one batch has no other: both
    halves are then the same images, though other samples of their codes.
    """
    spec = batches.element_spec
    count = int(batches.cardinality())
    followed = (
        batches if count == tf.data.INFINITE_CARDINALITY else batches.concatenate(batches.take(1))
    )
    nothing = tf.nest.map_structure(lambda part: tf.zeros((0, *part.shape[1:]), part.dtype), spec)
    pairs = followed.scan(nothing, lambda last, batch: (batch, (last, batch))).skip(1)
    return pairs if count < 0 else pairs.apply(tf.data.experimental.assert_cardinality(count))
