"""InfoGAN with a Wasserstein critic and a gradient penalty."""

from typing import Any, ClassVar

import keras
import tensorflow as tf

from zoo import networks
from zoo.models import _losses
from zoo.models._gradients import adam
from zoo.models.info_gan import InfoGAN
from zoo.schedules import Schedule, check_weight, value_at
from zoo.utils import replicas


@keras.saving.register_keras_serializable(package="zoo")
class InfoWGANGP(InfoGAN):
    """InfoGAN whose discriminator is a critic: it estimates the Wasserstein distance of the generated images.

        generator, encoder:  loss = -E[D(G(c, e))] - information_weight * I
        critic:              loss = E[D(G(c, e))] - E[D(x)] + penalty_weight * E[(|grad D(x')| - 1)^2]

    x' lies at random on the line between a real and a generated image. `wasserstein` = E[D(x)] - E[D(G(c, e))] is
    the distance in units of the images as far as the critic is 1-Lipschitz, which `gradient_penalty`, the last
    expectation, tells: 0 where it is.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: numbers of the code, as for `InfoGAN`.
        discriminator_steps: updates of the critic for each one of the generator.
        penalty_weight: weight >= 0 of the gradient penalty, or a schedule.
        **kwargs: of `InfoGAN`.

    Raises:
        ValueError: an argument is out of range, or a `discriminator` normalises over the batch, so that no image has a
            gradient of its own.

    Example:
        >>> import numpy as np
        >>> model = InfoWGANGP((8, 8, 1), latent_dim=2, noise_dim=4, discriminator_steps=2, seed=0)
        >>> model.compile()
        >>> history = model.fit(np.zeros((32, 8, 8, 1)), verbose=0).history
        >>> "wasserstein" in history and "gradient_penalty" in history
        True

    Of 2D Shapes Kim & Mnih take four uniform codes, one of three categories and five noises: `latent_dim=7`,
    `categories=3`, `noise_dim=5`.

    Reference: Gulrajani et al., Improved Training of Wasserstein GANs, 2017, equation 3 and algorithm 1; Kim & Mnih,
    Disentangling by Factorising, 2018, appendix G.
    """

    # With 62 noises the codes are not taken up in a few thousand updates.
    discriminator_takes: ClassVar[str] = "scores, any real numbers"
    short_run: ClassVar[dict[str, Any]] = {"noise_dim": 5, "discriminator_steps": 2}

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        discriminator_steps: int = 5,
        penalty_weight: float | Schedule = 10.0,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, discriminator_steps=discriminator_steps, **kwargs)
        self.penalty_weight = check_weight("penalty_weight", penalty_weight)
        if _normalizes_batches(self.discriminator):
            raise ValueError(
                "Expected a `discriminator` that treats each image by itself, for the gradient penalty is of single "
                "images. Received one with batch normalisation. Take layer normalisation, or none."
            )

    def tracked(self) -> list[str]:
        """Names of the quantities that `fit` reports; `evaluate` adds `reconstruction`."""
        return [*super().tracked(), "wasserstein", "gradient_penalty"]

    def symptoms(self, values: dict[str, float]) -> list[str]:
        """Whether the codes say nothing, and whether the critic is far from 1-Lipschitz."""
        penalty = values["gradient_penalty"]
        found = super().symptoms(values)
        if penalty > 1:
            found.append(
                f"The critic's slopes are far from 1 (gradient_penalty {penalty:.2g}): `wasserstein` is no distance."
            )
        return found

    def discriminator_has_won(self, values: dict[str, float]) -> bool:
        """Never: a critic's loss has no bound, and its slope does not vanish."""
        return False

    def generator_loss(self, fake: tf.Tensor) -> tf.Tensor:
        """-D for generated images, `(batch,)`."""
        return -fake

    def discriminator_values(
        self, images, fakes, seed, training: bool = True, weights=None
    ) -> dict[str, tf.Tensor]:
        """The critic's loss and its terms, each `(batch,)`, on real and as many generated images.

        No gradient reaches the images.

        Args:
            images: `(batch, *image_shape)`.
            fakes: `(batch, *image_shape)`.
            seed: two integers, for the places of the penalty.
            training: whether layers such as dropout behave as in training.
            weights: of the real images, `(batch,)`, or None.
        """
        real, fake = self._scores(images, fakes, training)
        real = _losses.weigh(real, weights)
        # Read here: the penalty calls the critic anew, on images that are neither.
        losses = _losses.of_layers(self.discriminator)
        penalty = self.gradient_penalty(images, fakes, seed, training)
        weight = value_at(self.penalty_weight, self.step)
        values = {
            "discriminator_loss": fake - real + weight * penalty,
            "wasserstein": real - fake,
            "gradient_penalty": penalty,
        }
        return _losses.added(values, "discriminator_loss", losses)

    def gradient_penalty(self, images, fakes, seed, training: bool = True) -> tf.Tensor:
        """(|grad D(x')| - 1)^2 at one place between each real and generated image, `(batch,)`."""
        places = replicas.drawn_rows(_places, tf.shape(images)[0], seed)
        between = tf.stop_gradient(fakes + places * (images - fakes))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(between)
            scores = networks.applied(self.discriminator, between, training)
        slopes = tape.gradient(scores, between)
        squared = tf.reduce_sum(tf.square(slopes), axis=(1, 2, 3))
        # The square root has no finite derivative at 0, where a critic that ignores an image has its slope.
        return tf.square(tf.sqrt(squared + 1e-12) - 1.0)

    def compile(self, optimizer=None, discriminator_optimizer=None, **kwargs) -> None:
        """Sets the two optimizers.

        Args:
            optimizer: for generator and encoder; default Adam(1e-3, beta_1=0, beta_2=0.9).
            discriminator_optimizer: for the critic; default Adam(2e-4, beta_1=0, beta_2=0.9).
            **kwargs: of `VAE.compile`.

        The momenta are those of Gulrajani et al., the rates those of InfoGAN. Kim & Mnih take 2e-4 for both: then the
        generator is so slow to draw shapes that encoder and generator first agree on codes in its noise, which no real
        image has.
        """
        super().compile(
            adam(1e-3, 0.0, 0.9) if optimizer is None else optimizer,
            adam(2e-4, 0.0, 0.9) if discriminator_optimizer is None else discriminator_optimizer,
            **kwargs,
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        weight = keras.saving.serialize_keras_object(self.penalty_weight)
        return {**super().get_config(), "penalty_weight": weight}


def _places(n, seed) -> tf.Tensor:
    return tf.random.stateless_uniform((n, 1, 1, 1), seed)


def _normalizes_batches(network: keras.Model) -> bool:
    """Whether a network, or one inside of it, has batch normalisation."""
    return any(
        isinstance(layer, keras.layers.BatchNormalization)
        or (isinstance(layer, keras.Model) and _normalizes_batches(layer))
        for layer in network.layers
    )
