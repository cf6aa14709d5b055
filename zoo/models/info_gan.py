"""InfoGAN."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import networks
from zoo.models import _latents, _losses, _reach, _weights
from zoo.models._adversarial import Adversarial, gradient_norm, grouped
from zoo.models._gradients import adam, share_of_mean, update, watching
from zoo.schedules import Schedule, check_weight, value_at
from zoo.utils import replicas
from zoo.utils.checks import check_integer

tfd = tfp.distributions


@keras.saving.register_keras_serializable(package="zoo")
class InfoGAN(Adversarial):
    """InfoGAN: a generator whose codes an encoder can read from its images, against a discriminator.

        generator, encoder:  loss = E[-log D(G(c, e))] - information_weight * I
        discriminator:       loss = 1/2 E[-log D(x)] + 1/2 E[-log(1 - D(G(c, e)))]
        I = E[log Q(c|G(c, e))] + H(c) <= I(c; G(c, e))

    The codes c are uniform on [-1, 1], or one-hot; the noise e is N(0, I). The discriminator's loss is ln 2 where it
    cannot tell images apart; `mutual_information`, I, is a lower bound in nats, and of a one-hot code it is at most
    ln of its categories.

    It serves like a VAE. `decoder` is the generator G: codes and noise in, decoder outputs out, whose image is the
    likelihood's mean. `encoder` is Q, which gives a Gaussian for each uniform code and probabilities for each one-hot
    code; it is a network of its own, as in Kim & Mnih, so that the discriminator's loss, or its gradient penalty,
    does not shape the codes, and it is exported alone. `decode(latents)` takes the noise at its mean, 0, so that
    an image follows from its code; `decode(latents, noise=...)` takes yours, and `sample` draws it. `latent_dim`
    counts the codes, one-hot blocks included, and not the noise. There is no evidence lower bound; what `evaluate`
    calls `reconstruction` is -log p(x|c) for c read by the encoder, which nothing in training lowers.

    A step updates the discriminator on `discriminator_steps` batches, each new, then generator and encoder on codes
    drawn from the prior. `batch_size` is what each of these updates sees; an epoch has as many steps as the data
    has batches, so that the data are passed through `discriminator_steps` times.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: numbers of the code: uniform ones first, then the one-hot blocks.
        categories: sizes of the one-hot blocks, such as `(3,)`; one number for one block.
        noise_dim: numbers >= 0 of the noise.
        information_weight: weight >= 0 of the mutual information, or a schedule.
        discriminator_steps: updates of the discriminator for each one of the generator.
        discriminator: `keras.Model` from `(batch, *image_shape)` to `(batch, 1)`: log odds that an image is real, so
            that its last layer has no activation. Default: `zoo.networks.image_discriminator`.
        **kwargs: of `VAE`, without `free_bits`. A `decoder` maps `(batch, latent_dim + noise_dim)`.

    Raises:
        ValueError: an argument is out of range, or a likelihood has a spread that the decoder or training would
            have to find: a discriminator sees the mean image alone.

    Example:
        >>> import numpy as np
        >>> model = InfoGAN((8, 8, 1), latent_dim=5, categories=(3,), noise_dim=4, seed=0)
        >>> model.compile()
        >>> history = model.fit(np.zeros((32, 8, 8, 1)), verbose=0).history
        >>> model.encode(np.zeros((1, 8, 8, 1))).mean().shape, model.sample(2, seed=0)[0].shape
        (TensorShape([1, 5]), TensorShape([2, 8, 8, 1]))

    Reference: Chen et al., InfoGAN, 2016, equations 5-6 and appendix C; Kim & Mnih 2018, appendix G.
    """

    short_learning_rate: ClassVar[float] = 1e-3
    has_elbo: ClassVar[bool] = False
    weighs_kl: ClassVar[bool] = False
    discriminator_takes: ClassVar[str] = "log odds that an image is real"

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        categories: int | Sequence[int] = (),
        noise_dim: int = 62,
        information_weight: float | Schedule = 1.0,
        discriminator_steps: int = 1,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        latent_dim = check_integer("latent_dim", latent_dim, least=1)
        self.categories = _latents.check_categories(categories, latent_dim)
        self.noise_dim = check_integer("noise_dim", noise_dim, least=0)
        super().__init__(image_shape, latent_dim, **kwargs)
        self._check_likelihood()
        self.trackers.append(keras.metrics.Mean("reconstruction"))
        self.information_weight = check_weight("information_weight", information_weight)
        self.discriminator_steps = check_integer(
            "discriminator_steps", discriminator_steps, least=1
        )
        self.discriminator = networks.check_network(
            discriminator or self._default_discriminator(),
            "discriminator",
            self.image_shape,
            (1,),
        )
        if discriminator is not None:
            taker = type(self).__name__, self.discriminator_takes
            _reach.warn_if_narrow("discriminator", discriminator, self.image_shape, *taker)

    def _check_likelihood(self) -> None:
        if self.likelihood.outputs_per_value == 1 and not self.likelihood.trainable_variables:
            return
        raise ValueError(
            f"Expected a likelihood that is known by its mean image, which is all that the discriminator of "
            f"{type(self).__name__} sees: 'bernoulli', 'gaussian(scale=0.1)', ... "
            f"Received: {type(self.likelihood).__name__}, of which a mean leaves other numbers open."
        )

    def _default_decoder(self) -> keras.Model:
        # Without batch normalisation the discriminator tells all images of shapes2d apart within 300 updates, its
        # loss at 1e-4, and the generator never recovers.
        return super()._default_decoder(batch_normalization=True)

    def _default_discriminator(self) -> keras.Model:
        return networks.image_discriminator(
            self.image_shape, seed=self.seed_for(2), dtype=self.dtype_policy
        )

    # Codes and noise.

    @property
    def decoder_inputs(self) -> int:
        """Codes and noise."""
        return self.latent_dim + self.noise_dim

    def posterior(self, encoder_outputs: tf.Tensor) -> tfd.Distribution:
        """Q(c|x): `(batch, encoder_outputs)`, all means, all log variances, then the logits."""
        outputs, logits = _latents.split(encoder_outputs, self.categories)
        gaussian = super().posterior(outputs)
        return _joined(gaussian, [_latents.categorical(block) for block in logits])

    @property
    def prior(self) -> tfd.Distribution:
        """p(c): uniform on [-1, 1], and uniform over the categories of each block."""
        high = tf.ones(self.continuous_dim)
        uniform = tfd.Independent(tfd.Uniform(-high, high), 1)
        return _joined(uniform, [_latents.categorical(tf.zeros(size)) for size in self.categories])

    def latent_range(self, span: float) -> tuple[float, float]:
        """Values of a uniform code within `span` standard deviations, 1/sqrt(3) each, of 0, and within [-1, 1]."""
        reach = min(span / math.sqrt(3), 1.0)
        return -reach, reach

    def decode(self, latents, training: bool = False, noise=None) -> tfd.Distribution:
        """p(x|c, e), with batch shape `(batch,)` and event shape `image_shape`.

        Args:
            latents: codes `(batch, latent_dim)`.
            training: whether layers such as dropout behave as in training.
            noise: `(batch, noise_dim)`; default: its mean, 0.
        """
        latents = self.check_latents(latents)
        if noise is None:
            noise = tf.zeros((tf.shape(latents)[0], self.noise_dim))
        inputs = tf.concat([latents, noise], axis=-1)
        return self.likelihood(networks.applied(self.decoder, inputs, training))

    def generate(self, n, seed, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """`n` mean images `(n, *image_shape)` of codes and noise from their priors, and the codes `(n, latent_dim)`."""
        latents = replicas.drawn_rows(self.prior.sample, n, tf.random.fold_in(seed, 0))
        noise = replicas.drawn_rows(self._noise, n, tf.random.fold_in(seed, 1))
        return self.decode(latents, training, noise).mean(), latents

    def _noise(self, n, seed) -> tf.Tensor:
        return tf.random.stateless_normal((n, self.noise_dim), seed)

    def sample(self, n, seed) -> tuple[tf.Tensor, tf.Tensor]:
        """Images of the generator, and their codes; arguments as for `VAE.sample`. The noise is drawn as well."""
        return self.generate(_latents.count(n), tf.stack([tf.cast(seed, tf.int32), 0]))

    # The objective.

    def tracked(self) -> list[str]:
        """Names of the quantities that `fit` reports; `evaluate` adds `reconstruction`."""
        return [
            *("loss", "generator_loss", "discriminator_loss", "mutual_information"),
            *("generator_gradient_norm", "discriminator_gradient_norm"),
        ]

    def symptoms(self, values: dict[str, float]) -> list[str]:
        """Whether the discriminator has won, and whether the codes say nothing."""
        loss, information = values["discriminator_loss"], values["mutual_information"]
        found = []
        if self.discriminator_has_won(values):
            found.append(
                f"The discriminator tells generated from real images without error (discriminator_loss {loss:.2g}): "
                "the generator no longer learns to make better ones."
            )
        if information <= 0:
            found.append(
                f"No code can be read from the generated images (mutual_information {information:.2g} nats)."
            )
        return found

    def discriminator_has_won(self, values: dict[str, float]) -> bool:
        """Whether its loss is below a hundredth of a guess's."""
        return values["discriminator_loss"] < 0.01 * math.log(2)

    def generator_values(self, n, seed, training: bool = True) -> dict[str, tf.Tensor]:
        """The loss of generator and encoder and its terms by name, each `(n,)`, on new codes."""
        images, latents = self.generate(n, seed, training)
        generator_loss = self.generator_loss(self._log_odds(images, training))
        information = self.information(images, latents, training)
        weight = value_at(self.information_weight, self.step)
        values = {
            "loss": generator_loss - weight * information,
            "generator_loss": generator_loss,
            "mutual_information": information,
        }
        return _losses.added(values, "loss", _losses.of_layers(*self.elbo_parts()))

    def information(self, images, latents, training: bool = True) -> tf.Tensor:
        """The bound log Q(c|x) + H(c) in nats, `(batch,)`, whose mean over generated images is at most I(c; x)."""
        return self.encode(images, training).log_prob(latents) + self.prior.entropy()

    def generator_loss(self, fake: tf.Tensor) -> tf.Tensor:
        """-log D for generated images, `(batch,)`, from the log odds D gives them: the non-saturating form."""
        return tf.nn.softplus(-fake)

    def discriminator_values(
        self, images, fakes, seed, training: bool = True, weights=None
    ) -> dict[str, tf.Tensor]:
        """The discriminator's loss, `(batch,)`, on real and as many generated images; no gradient reaches these.

        At the best discriminator its mean is ln 2 - JS(real, generated).

        Args:
            images: `(batch, *image_shape)`.
            fakes: `(batch, *image_shape)`.
            seed: two integers, for what is random in it: here nothing.
            training: whether layers such as dropout behave as in training.
            weights: of the real images, `(batch,)`, or None.
        """
        real, fake = self._scores(images, fakes, training)
        real_loss = _losses.weigh(tf.nn.softplus(-real), weights)
        values = {"discriminator_loss": 0.5 * (real_loss + tf.nn.softplus(fake))}
        losses = _losses.of_layers(self.discriminator)
        return _losses.added(values, "discriminator_loss", losses)

    def _scores(self, images, fakes, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        both = tf.stop_gradient(tf.concat([images, fakes], axis=0))
        return tf.split(self._log_odds(both, training), 2)

    def _log_odds(self, images, training: bool) -> tf.Tensor:
        return networks.applied(self.discriminator, images, training)[:, 0]

    # Training.

    @property
    def batches_per_step(self) -> int:
        """Batches of images that a step uses up."""
        return self.discriminator_steps

    def training_batches(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Groups of as many batches as the discriminator makes updates, and of weights, if there are some."""
        groups = grouped(batches, self.discriminator_steps)
        if not _weights.are_in(batches):
            return groups

        def apart(group):
            images, weights = zip(*group, strict=True)
            return images, weights, weights

        return groups.map(apart)

    def train_step(self, data) -> dict[str, tf.Tensor]:
        """The discriminator's updates, then one of generator and encoder."""
        batches, weights = self._batches_of(data)
        seed = self.common_seed()
        updates = [
            self.train_discriminator(images, tf.random.fold_in(seed, 1 + number), weights[number])
            for number, images in enumerate(batches)
        ]
        values = {
            name: tf.concat([tf.reshape(values[name], [-1]) for values in updates], axis=0)
            for name in updates[0]
        }
        if _losses.NAME in values:
            values[_losses.NAME] = tf.reduce_mean(values[_losses.NAME])
        of_generator = self.train_generator(tf.shape(batches[-1])[0], seed)
        return self.track(_losses.together(of_generator, values))

    def train_discriminator(self, images, seed, weights=None) -> dict[str, tf.Tensor]:
        """One update of the discriminator; gives its values and the norm of its gradient."""
        images = self._scaled(images)
        fakes, _ = self.generate(tf.shape(images)[0], seed, training=True)
        further, weighed = tf.random.fold_in(seed, 2), _given(weights)
        return self.update_discriminator(
            lambda: self.discriminator_values(images, fakes, further, **weighed)
        )

    def train_generator(self, n, seed) -> dict[str, tf.Tensor]:
        """One update of generator and encoder on `n` new codes; gives its values and the norm of its gradient."""
        with watching(self.elbo_variables) as tape:
            values = self.generator_values(n, tf.random.fold_in(seed, 0))
            loss = share_of_mean(values["loss"], self.optimizer)
        gradients = update(self.optimizer, loss, self.elbo_variables, tape)
        return {**values, "generator_gradient_norm": gradient_norm(gradients, self.optimizer)}

    def test_step(self, data) -> dict[str, tf.Tensor]:
        """The values without an update, and the reconstruction of the images."""
        images, _, weights = keras.utils.unpack_x_y_sample_weight(data)
        images, seed = self._scaled(images), self.common_seed()
        n = tf.shape(images)[0]
        fakes, _ = self.generate(n, tf.random.fold_in(seed, 1))
        further = tf.random.fold_in(seed, 2)
        of_generator = self.generator_values(n, tf.random.fold_in(seed, 0), training=False)
        of_discriminator = self.discriminator_values(
            images, fakes, further, training=False, **_given(weights)
        )
        reconstruction = self.elbo_terms(images, seed=seed).reconstruction
        reported = {"reconstruction": _losses.weigh(reconstruction, weights)}
        return self.track(_losses.together(of_generator, of_discriminator, reported))

    def _batches_of(self, data) -> tuple[tuple, tuple]:
        """The batches of a step, and as many weights of their images, or Nones."""
        images, _, weights = keras.utils.unpack_x_y_sample_weight(data)
        batches = images if isinstance(images, (tuple, list)) else (images,)
        if len(batches) == self.discriminator_steps:
            several = isinstance(weights, (tuple, list))
            return tuple(batches), tuple(weights) if several else (weights,) * len(batches)
        raise ValueError(
            f"Expected {self.discriminator_steps} batches of images for a step of {type(self).__name__}, one for each "
            f"update of its discriminator. Received {len(batches)}. Call fit(images), or "
            "train_on_batch((images, ...))."
        )

    def compile(self, optimizer=None, discriminator_optimizer=None, **kwargs) -> None:
        """Sets the two optimizers; the defaults are those of Chen et al., appendix C.

        Args:
            optimizer: for generator and encoder; default Adam(1e-3, beta_1=0.5).
            discriminator_optimizer: default Adam(2e-4, beta_1=0.5).
            **kwargs: of `VAE.compile`.
        """
        super().compile(
            adam(1e-3, beta_1=0.5) if optimizer is None else optimizer,
            adam(2e-4, beta_1=0.5) if discriminator_optimizer is None else discriminator_optimizer,
            **kwargs,
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "categories": list(self.categories),
            "noise_dim": self.noise_dim,
            "information_weight": keras.saving.serialize_keras_object(self.information_weight),
            "discriminator_steps": self.discriminator_steps,
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
        }
        return {**super().get_config(), **own}


def _joined(continuous: tfd.Distribution, blocks: Sequence[tfd.Distribution]) -> tfd.Distribution:
    return _latents.Joint(continuous, blocks) if blocks else continuous


def _given(weights) -> dict[str, tf.Tensor]:
    """The argument for weights, where there are some: a subclass need not know it."""
    return {} if weights is None else {"weights": weights}
