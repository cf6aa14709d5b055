"""The adversarial autoencoder."""

from typing import Any, ClassVar

import keras
import tensorflow as tf

from zoo.models._adversarial import LatentAdversarial
from zoo.models._terms import ElboTerms
from zoo.schedules import Schedule, check_weight, value_at
from zoo.utils import replicas


@keras.saving.register_keras_serializable(package="zoo")
class AdversarialAutoencoder(LatentAdversarial):
    """Adversarial autoencoder: a discriminator, in place of the KL divergence, drives q(z) to p(z).

        loss = reconstruction + gamma * E_q(z)[-log D(z)],    D(z) = p(z) / (q(z) + p(z)) at its best

    The encoder is a Gaussian q(z|x), as a VAE's. D tells latents of q(z) from draws of p(z); it has an optimizer of
    its own and trains after the autoencoder on the same latents, without a gradient to the encoder. Only the
    aggregate q(z) is driven to the prior: an image's own q(z|x) may be as narrow as it likes, so that the `kl` of the
    evidence lower bound, which is reported, is larger than a VAE's. `marginal_kl` is the discriminator's estimate
    of KL(q(z) || p(z)) in nats.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        gamma: weight >= 0 of the adversarial term, or a schedule.
        discriminator_layers: hidden layers of 1000 units; 2 in Makhzani et al.
        discriminator: `keras.Model` from `(batch, latent_dim)` to `(batch, 2)`, in place of these layers.
        **kwargs: of `VAE`, without `free_bits`, since the loss weighs no KL divergence.

    Example:
        >>> import numpy as np
        >>> model = AdversarialAutoencoder((8, 8, 1), latent_dim=2, discriminator_layers=1, seed=0)
        >>> model.compile()
        >>> list(model.fit(np.zeros((32, 8, 8, 1)), verbose=0).history)
        ['discriminator_loss', 'kl', 'loss', 'marginal_kl', 'reconstruction']

    Reference: Makhzani et al., Adversarial Autoencoders, 2015, section 2; Kim & Mnih 2018, appendix F.
    """

    weighs_kl: ClassVar[bool] = False
    # Of 2,000 updates on shapes2d: by 1 the FactorVAE score is that of the untrained encoder.
    short_run: ClassVar[dict[str, Any]] = {"gamma": 0.1}

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        gamma: float | Schedule = 1.0,
        discriminator_layers: int = 2,
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
        return [*super().tracked(), "marginal_kl", "discriminator_loss"]

    def objective(self, terms: ElboTerms) -> dict[str, tf.Tensor]:
        """The loss and its terms by name, each `(batch,)`, in nats."""
        log_ratio = self.log_density_ratio(terms.latents)
        # -log D(z) for a D(z) whose log odds are log p(z) - log q(z).
        adversarial = tf.nn.softplus(log_ratio)
        return {
            "loss": terms.reconstruction + value_at(self.gamma, self.step) * adversarial,
            "reconstruction": terms.reconstruction,
            "kl": terms.kl,
            "marginal_kl": log_ratio,
        }

    def train_step(self, data) -> dict[str, tf.Tensor]:
        """One update of the autoencoder, then one of the discriminator."""
        images, _, weights = keras.utils.unpack_x_y_sample_weight(data)
        # The autoencoder draws one seed a step, as a plain VAE does; the discriminator's is derived from it.
        seed = self.common_seed()
        draw, n = self.prior.sample, tf.shape(images)[0]
        others = replicas.drawn_rows(draw, n, tf.random.fold_in(seed, 1))
        return self.adversarial_step(images, others, seed, weights)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "gamma": keras.saving.serialize_keras_object(self.gamma)}
