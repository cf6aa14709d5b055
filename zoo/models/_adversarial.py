"""What models with a discriminator share: its optimizer, its update, and for latents its density ratio."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from zoo import networks
from zoo.models import _losses
from zoo.models._gradients import adam, check_apart, share_of_mean, update, watching
from zoo.models._terms import ElboTerms
from zoo.models.vae import VAE
from zoo.optimizers import loss_scaled
from zoo.utils import replicas
from zoo.utils.checks import check_integer


class Adversarial(VAE):
    """A model beside a discriminator, which has an optimizer of its own.

    A subclass makes `discriminator`, a `keras.Model`, in its constructor. The model's `optimizer` trains
    `elbo_variables`, the discriminator's trains the discriminator, and no variable belongs to both.
    """

    def compile(self, optimizer=None, discriminator_optimizer=None, **kwargs) -> None:
        """Sets the two optimizers.

        Args:
            optimizer: for encoder, decoder and likelihood; default Adam(1e-4).
            discriminator_optimizer: default Adam(1e-4, beta_1=0.5, beta_2=0.9), as Kim & Mnih 2018.
            **kwargs: of `VAE.compile`.
        """
        super().compile(optimizer, **kwargs)
        if discriminator_optimizer is None:
            discriminator_optimizer = adam(1e-4, beta_1=0.5, beta_2=0.9)
        self.discriminator_optimizer = loss_scaled(
            discriminator_optimizer, self.discriminator, wanted=kwargs.get("auto_scale_loss", True)
        )
        check_apart("discriminator_optimizer", self.discriminator_optimizer, self.optimizer)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    @property
    def optimizers(self) -> list[keras.Optimizer]:
        """That of encoder and decoder, and that of the discriminator."""
        return [self.optimizer, self.discriminator_optimizer]

    def get_compile_config(self) -> dict[str, Any] | None:
        """What `compile` was called with, for `.keras` files; None before that."""
        if not self.compiled:
            return None
        optimizer = keras.saving.serialize_keras_object(self.discriminator_optimizer)
        return {**super().get_compile_config(), "discriminator_optimizer": optimizer}

    def update_discriminator(
        self, values_of: Callable[[], dict[str, tf.Tensor]]
    ) -> dict[str, tf.Tensor]:
        """One update of the discriminator.

        Args:
            values_of: gives values by name, among them the `discriminator_loss` whose mean is lowered, losses of layers
                included.

        Returns:
            These values and the norm of the gradient.
        """
        variables = self.discriminator.trainable_variables
        with watching(variables) as tape:
            values = values_of()
            loss = share_of_mean(values["discriminator_loss"], self.discriminator_optimizer)
        gradients = update(self.discriminator_optimizer, loss, variables, tape)
        norm = gradient_norm(gradients, self.discriminator_optimizer)
        return {**values, "discriminator_gradient_norm": norm}


class LatentAdversarial(Adversarial):
    """A VAE whose discriminator tells latents of q(z) from latents of another distribution r(z).

    Weights of images count in the VAE's loss; the discriminator sees the latents of all images alike.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        discriminator_layers: hidden layers of 1000 units.
        discriminator: `keras.Model` from `(batch, latent_dim)` to `(batch, 2)`, in place of these layers.
        **kwargs: of `VAE`.
    """

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        discriminator_layers: int = 6,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, **kwargs)
        self.discriminator_layers = check_integer(
            "discriminator_layers", discriminator_layers, least=1
        )
        self.discriminator = networks.check_network(
            discriminator or self._default_discriminator(),
            "discriminator",
            (self.latent_dim,),
            (2,),
        )

    def _default_discriminator(self) -> keras.Model:
        return networks.discriminator(
            self.latent_dim,
            hidden_layers=self.discriminator_layers,
            seed=self.seed_for(2),
            dtype=self.dtype_policy,
        )

    def log_density_ratio(self, latents: tf.Tensor) -> tf.Tensor:
        """The discriminator's estimate of log q(z) - log r(z), `(batch,)`; its mean over q(z) is KL(q(z) || r(z))."""
        logits = networks.applied(self.discriminator, latents)
        return logits[:, 0] - logits[:, 1]

    def adversarial_step(
        self, images, others: tf.Tensor, seed, weights=None
    ) -> dict[str, tf.Tensor]:
        """One update of the VAE on images, then one of the discriminator on their latents and on the others.

        Args:
            images: `(batch, *image_shape)`.
            others: latents of r(z), `(any, latent_dim)`.
            seed: two integers, for the sample of q(z|x).
            weights: of the images, `(batch,)`, or None.
        """
        with watching(self.elbo_variables) as tape:
            terms: ElboTerms = self.elbo_terms(images, training=True, seed=seed)
            values = self.minimized(terms, weights)
            loss = share_of_mean(values["loss"], self.optimizer)
        update(self.optimizer, loss, self.elbo_variables, tape)
        return self.track(_losses.together(values, self.train_discriminator(terms.latents, others)))

    def train_discriminator(self, latents: tf.Tensor, others: tf.Tensor) -> dict[str, tf.Tensor]:
        """One update of the discriminator; returns its loss, and that of its layers, by name."""

        def values_of() -> dict[str, tf.Tensor]:
            values = {"discriminator_loss": self.discriminator_loss(latents, others)}
            losses = _losses.of_layers(self.discriminator)
            return _losses.added(values, "discriminator_loss", losses)

        return self.update_discriminator(values_of)

    def discriminator_loss(self, latents: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
        """Mean cross-entropy of telling latents of q(z) from the others; ln 2 when it cannot.

        At the best discriminator it is ln 2 - JS(q(z), r(z)). No gradient reaches the latents.
        """
        sizes = [tf.shape(latents)[0], tf.shape(others)[0]]
        both = tf.stop_gradient(tf.concat([latents, others], axis=0))
        logits = networks.applied(self.discriminator, both, training=True)
        real, fake = tf.split(logits[:, 0] - logits[:, 1], sizes)
        # The cross-entropy of two logits is softplus of wrong minus right.
        real_loss = replicas.mean(tf.nn.softplus(-real))
        fake_loss = replicas.mean(tf.nn.softplus(fake))
        return 0.5 * (real_loss + fake_loss)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "discriminator_layers": self.discriminator_layers,
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
        }
        return {**super().get_config(), **own}


def gradient_norm(gradients: Sequence[tf.Tensor], optimizer: keras.Optimizer) -> tf.Tensor:
    """Euclidean norm of the gradient of a mean loss, of all variables and all replicas of a strategy together.

    It is 0 for an update that is skipped: the optimizer of a network in float16 skips one whose scaled gradient is too
    large for that type.
    """
    known = [tf.cast(gradient, tf.float32) for gradient in gradients if gradient is not None]
    norm = tf.linalg.global_norm(replicas.total_of(known)) / optimizer.scale_loss(tf.ones(()))
    skips = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    return tf.where(tf.math.is_finite(norm), norm, 0.0) if skips else norm


def grouped(batches: tf.data.Dataset, size: int) -> tf.data.Dataset:
    """Tuples of `size` successive batches; no batch is used twice in a pass.

    A finite dataset is passed through `size` times, so that there are as many tuples as batches.

    Args:
        batches: of tensors, or of tuples of them.
        size: batches for each tuple.

    Example:
        >>> numbers = tf.data.Dataset.range(6).batch(2)
        >>> [[b.numpy().tolist() for b in group] for (group,) in grouped(numbers, 2)]
        [[[0, 1], [2, 3]], [[4, 5], [0, 1]], [[2, 3], [4, 5]]]
    """
    count = int(batches.cardinality())
    is_endless = count == tf.data.INFINITE_CARDINALITY
    windows = (batches if is_endless else batches.repeat(size)).window(size, drop_remainder=True)

    def members(*window: tf.data.Dataset):
        return (tuple(_row(window, number) for number in range(size)),)

    groups = windows.map(members)
    return groups if count < 0 else groups.apply(tf.data.experimental.assert_cardinality(count))


def _row(window: Sequence[tf.data.Dataset], number: int):
    """The element of this number of a window, whose parts are datasets."""
    parts = tuple(part.skip(number).take(1).get_single_element() for part in window)
    return parts if len(parts) > 1 else parts[0]
