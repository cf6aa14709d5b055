"""The contract of a model: what it is made of, what it maps to what, and what a new one says for itself.

`VAE`, and with it every model of the zoo, is a `Model`. How it is trained, called and kept is written once:

- `_steps.py`: the update, and what `fit` reports of it;
- `_verbs.py`: Keras' `fit`, `evaluate` and `predict`, with what they take checked;
- `_saving.py`: files, presets and exports.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import likelihoods, networks
from zoo.models import _inputs, _latents, _losses, _reach
from zoo.models._compiled import Compiled
from zoo.models._saving import Saving
from zoo.models._steps import Steps
from zoo.models._terms import ElboTerms
from zoo.models._verbs import Verbs
from zoo.utils import replicas
from zoo.utils.checks import check_image_shape, check_integer

tfd = tfp.distributions


class Model(Steps, Verbs, Compiled, Saving):
    """An encoder, a decoder and a likelihood, with latents between them. Abstract.

    A subclass gives `posterior`, `prior`, `elbo_terms` and `objective`, and where it takes arguments of its own, a
    constructor and `get_config`; all else has a default.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        likelihood: p(x|z): a name such as `"bernoulli"`, or a `zoo.likelihoods.Likelihood`.
        encoder: `keras.Model` from `(batch, *image_shape)` to `(batch, encoder_outputs)`, any real numbers, so that
            the last layer has no activation. Default: `zoo.networks.convolutional_encoder`.
        decoder: `keras.Model` from `(batch, decoder_inputs)` to `(batch, height, width, channels *
            outputs_per_value)`, where `outputs_per_value` is the likelihood's. It gives what the likelihood's `takes`
            says, mostly logits, and not the image itself: its last layer has no activation. Default:
            `zoo.networks.convolutional_decoder`.
        seed: seeds the initial weights, the sampling, and the shuffling of arrays by `fit`.
        **kwargs: of `keras.Model`: `name`, `dtype` (`"mixed_bfloat16"` computes the networks in bfloat16).

    Raises:
        ValueError: an argument is out of range or a network has the wrong shapes.

    Warns:
        UserWarning: the last layer of a network bounds its outputs, as a sigmoid does, where they should be free.
    """

    # Arguments that suit the few thousand updates of `zoo.train` better than the papers', which suit 300,000.
    short_run: ClassVar[dict[str, Any]] = {}
    # Learning rate of `optimizer` in such a run; the other optimizers keep their ratio to it.
    short_learning_rate: ClassVar[float] = 5e-4
    # What `fit` learns from: "batches" of images, or "pairs" of them. A dataset's method of this name makes it.
    trains_on: ClassVar[str] = "batches"
    # Whether there is a KL divergence to the prior, and so an evidence lower bound, to report.
    has_elbo: ClassVar[bool] = True
    # Whether the loss needs products of float32 in all bits, which a GPU would round to TF32. The verbs see to it.
    exact_products: ClassVar[bool] = False
    # How many categories each categorical latent has. Their one-hot blocks are the last numbers of a latent vector,
    # whose distributions are then `_latents.Joint`s.
    categories: tuple[int, ...] = ()
    # What the encoder's outputs are taken for; None where the model takes any.
    encoder_takes: ClassVar[str | None] = None

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int = 10,
        likelihood: str | likelihoods.Likelihood = "bernoulli",
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = check_image_shape(image_shape)
        self.latent_dim = check_integer("latent_dim", latent_dim, least=1)
        self.likelihood = likelihoods.get(likelihood)
        self.seed = None if seed is None else check_integer("seed", seed, least=0)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.encoder = networks.check_network(
            encoder or self._default_encoder(),
            "encoder",
            self.image_shape,
            (self.encoder_outputs,),
        )
        self.decoder = networks.check_network(
            decoder or self._default_decoder(),
            "decoder",
            (self.decoder_inputs,),
            self._decoder_shape(),
        )
        self._warn_of_narrow(encoder, decoder)
        self.trackers = [keras.metrics.Mean(name) for name in self.tracked()]
        self.regularization = keras.metrics.Mean(_losses.NAME)
        self.is_regularized = False  # As far as has been traced.
        self.built = True

    # What a subclass must say.

    def posterior(self, encoder_outputs: tf.Tensor) -> tfd.Distribution:
        """q(z|x) from what the encoder gives, `(batch, encoder_outputs)`."""
        raise NotImplementedError

    @property
    def prior(self) -> tfd.Distribution:
        """p(z), with event shape `(latent_dim,)`."""
        raise NotImplementedError

    def elbo_terms(self, images, training: bool = False, seed=None) -> ElboTerms:
        """The terms of the evidence lower bound of images, of which the objective is made.

        Args:
            images: `(batch, *image_shape)`, float in [0, 1] or uint8.
            training: whether layers such as dropout behave as in training.
            seed: two integers for the samples of q(z|x); default: the model's own random state, which moves on.
        """
        raise NotImplementedError

    def objective(self, terms: ElboTerms) -> dict[str, tf.Tensor]:
        """The loss and its terms by name, each `(batch,)`, in nats."""
        raise NotImplementedError

    # What a subclass may say differently.

    @property
    def continuous_dim(self) -> int:
        """Number of continuous latents."""
        return self.latent_dim - sum(self.categories)

    @property
    def encoder_outputs(self) -> int:
        """A mean and a log variance for each continuous latent, a logit for each category."""
        return 2 * self.continuous_dim + sum(self.categories)

    @property
    def decoder_inputs(self) -> int:
        """Numbers that the decoder takes for each image."""
        return self.latent_dim

    @property
    def batches_per_step(self) -> int:
        """Batches of images that a training step uses up."""
        return 1

    def tracked(self) -> list[str]:
        """Names of the quantities that `fit` reports, in their order."""
        return ["loss", "reconstruction", *(["kl"] if self.has_elbo else [])]

    def posterior_tensors(self, posterior: tfd.Distribution) -> dict[str, tf.Tensor]:
        """q(z|x) as named tensors, for `export`: programs that know no distributions get these."""
        if self.categories:
            return _latents.posterior_tensors(posterior)
        return {"mean": posterior.mean(), "log_variance": tf.math.log(posterior.variance())}

    def prepare(self, x) -> None:
        """Looks at the checked data of `fit`, `Pixels` or a `tf.data.Dataset`, before the first update."""

    # The model.

    def encode(self, images, training: bool = False) -> tfd.Distribution:
        """q(z|x), with batch shape `(batch,)` and event shape `(latent_dim,)`.

        Args:
            images: `(batch, *image_shape)`, float in [0, 1] or uint8.
            training: whether layers such as dropout behave as in training.
        """
        return self.posterior(networks.applied(self.encoder, self._scaled(images), training))

    def decode(self, latents, training: bool = False) -> tfd.Distribution:
        """p(x|z), with batch shape `(batch,)` and event shape `image_shape`.

        Args:
            latents: `(batch, latent_dim)`.
            training: whether layers such as dropout behave as in training.
        """
        latents = self.check_latents(latents)
        return self.likelihood(networks.applied(self.decoder, latents, training))

    def check_latents(self, latents) -> tf.Tensor:
        """Latents as float32; raises `ValueError` unless they are `(batch, latent_dim)`."""
        latents = tf.cast(latents, tf.float32)
        if latents.shape.rank != 2 or latents.shape[-1] != self.latent_dim:
            raise ValueError(
                f"Expected latents of shape {(None, self.latent_dim)}. "
                f"Received: shape {tuple(latents.shape)}."
            )
        return latents

    def call(self, images, training: bool = False) -> tf.Tensor:
        """Reconstructions `(batch, *image_shape)`: the mean image of the most probable latents."""
        return self.decode(self.encode(images, training).mode(), training).mean()

    def codes(self, latents: tf.Tensor) -> tf.Tensor:
        """What metrics see of latents `(batch, latent_dim)`: a column for each latent, `(batch, latents)`.

        A continuous latent is its own code; that of a categorical latent is the number of its largest category.
        """
        return _latents.codes(latents, self.categories)

    @property
    def latent_values(self) -> np.ndarray | None:
        """All values that each latent may take, rising, `(latent_dim, values)`; None where it may be any number."""
        return None

    def firm(self, images, slack: float) -> np.ndarray:
        """Which images have codes that do not jump where what the encoder gives is off by `slack`, `(n,)` of bool."""
        return np.ones(len(images), bool)

    def latent_range(self, span: float) -> tuple[float, float]:
        """Least and largest value of a continuous latent within `span` standard deviations of the prior."""
        return -span, span

    def moved(self, latents: np.ndarray, latent: int, values: Sequence[float]) -> np.ndarray:
        """Copies of one latent vector `(latent_dim,)` in which one latent moves, for traversals.

        Args:
            latents: the vector.
            latent: which one moves: its column in `codes`.
            values: what a continuous latent goes through; a categorical one goes through its categories.

        Returns:
            `(values, latent_dim)`, or `(categories of this latent, latent_dim)`.
        """
        return _latents.moved(latents, latent, values, self.categories)

    def sample(self, n, seed) -> tuple[tf.Tensor, tf.Tensor]:
        """Images from the prior: `n` mean images `(n, *image_shape)` and their latents `(n, latent_dim)`.

        Args:
            n: how many.
            seed: an integer; the same seed gives the same images.
        """
        latents = self.prior.sample(_latents.count(n), seed=tf.stack([tf.cast(seed, tf.int32), 0]))
        return self.decode(latents).mean(), latents

    def next_seed(self) -> tf.Tensor:
        """A fresh seed for stateless random ops, different on each replica of a distribution strategy."""
        seed = self.common_seed()
        return tf.random.fold_in(seed, replicas.number()) if replicas.several() else seed

    def common_seed(self) -> tf.Tensor:
        """A fresh seed, the same on all replicas, for what `zoo.utils.replicas` draws for the whole batch."""
        return tf.cast(self.seed_generator.next(), tf.int32)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = {
            "image_shape": self.image_shape,
            "latent_dim": self.latent_dim,
            "likelihood": keras.saving.serialize_keras_object(self.likelihood),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "seed": self.seed,
        }
        return {**super().get_config(), **config}

    def _scaled(self, images) -> tf.Tensor:
        """Images as float32 in [0, 1]; uint8 is divided by 255."""
        images = tf.convert_to_tensor(images)
        _inputs.check_dtype(images.dtype)
        if images.shape.rank is not None:
            _inputs.check_shape(tuple(images.shape), self.image_shape)
        scaled = tf.cast(images, tf.float32)
        return scaled / 255.0 if images.dtype == tf.uint8 else scaled

    def _warn_of_narrow(self, encoder, decoder) -> None:
        """Warns if the last layer of a user's network keeps its outputs from what they are taken for."""
        if encoder is not None and self.encoder_takes:
            taker = type(self).__name__, self.encoder_takes
            _reach.warn_if_narrow("encoder", encoder, self.image_shape, *taker)
        if decoder is not None:
            taker = type(self.likelihood).__name__, self.likelihood.takes, self.likelihood.reach
            _reach.warn_if_narrow("decoder", decoder, (self.decoder_inputs,), *taker)

    def _decoder_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.image_shape
        return height, width, channels * self.likelihood.outputs_per_value

    def _default_encoder(self) -> keras.Model:
        return networks.convolutional_encoder(
            self.image_shape, self.encoder_outputs, seed=self.seed_for(0), dtype=self.dtype_policy
        )

    def _default_decoder(self, **kwargs) -> keras.Model:
        return networks.convolutional_decoder(
            self.decoder_inputs,
            self.image_shape,
            self.likelihood.outputs_per_value,
            seed=self.seed_for(1),
            **{"dtype": self.dtype_policy, **kwargs},
        )

    def seed_for(self, network: int) -> int | None:
        """A seed for the initial weights of one of the model's networks."""
        if self.seed is None:
            return None
        return int(np.random.SeedSequence([self.seed, network]).generate_state(1)[0])
