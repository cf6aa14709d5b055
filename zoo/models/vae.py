"""The variational autoencoder, base of every model of the zoo."""

import contextlib
import copy
import dataclasses
import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import likelihoods, networks
from zoo.models import _averages, _inputs, _latents, _losses, _rates, _reach, _traces, _weights
from zoo.optimizers import Adam, loss_scaled
from zoo.schedules import Schedule, check_weight, value_at
from zoo.utils.checks import check_integer

tfd = tfp.distributions

LEARNING_RATE = 1e-4


@dataclasses.dataclass(frozen=True)
class ElboTerms:
    """What the objectives are made of, for one batch.

    Attributes:
        posterior: q(z|x), a `tfd.Distribution` with event shape `(latent_dim,)`.
        latents: one sample of it for each image, `(batch, latent_dim)`.
        reconstruction: -log p(x|z) in nats, `(batch,)`.
        latent_kl: KL(q(z_j|x) || p(z_j)) in nats for each latent, `(batch, latent_dim)`; None where a model has no
            evidence lower bound.
    """

    posterior: tfd.Distribution
    latents: tf.Tensor
    reconstruction: tf.Tensor
    latent_kl: tf.Tensor | None

    @property
    def kl(self) -> tf.Tensor:
        """KL(q(z|x) || p(z)) in nats, `(batch,)`."""
        return tf.reduce_sum(self.latent_kl, axis=-1)


@keras.saving.register_keras_serializable(package="zoo")
class VAE(keras.Model):
    """Variational autoencoder: reconstruction + KL divergence, in nats per image.

        loss = E_q(z|x)[-log p(x|z)] + KL(q(z|x) || p(z)),    p(z) = N(0, I)

    Sums go over pixels and latents, means over the batch. Train it with `fit`, on an array of images or on a
    `tf.data.Dataset` of batches; images are float in [0, 1] or uint8. Calling the model, or `predict`, gives
    reconstructions: the mean image of the most probable latents, which are the posterior's means.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        likelihood: p(x|z): a name such as `"bernoulli"`, or a `zoo.likelihoods.Likelihood`.
        encoder: `keras.Model` from `(batch, *image_shape)` to `(batch, 2 * latent_dim)`, means first, then log
            variances: any real numbers, so that the last layer has no activation. Default:
            `zoo.networks.convolutional_encoder`.
        decoder: `keras.Model` from `(batch, latent_dim)` to `(batch, height, width, channels * outputs_per_value)`,
            where `outputs_per_value` is the likelihood's. It gives what the likelihood's `takes` says, mostly logits,
            and not the image itself: its last layer has no activation. Default: `zoo.networks.convolutional_decoder`.
        seed: seeds the initial weights, the sampling, and the shuffling of arrays by `fit`.
        free_bits: nats >= 0 that each latent may cost for nothing, or a schedule; see `kl_cost`.
        **kwargs: of `keras.Model`: `name`, `dtype` (`"mixed_bfloat16"` computes the networks in bfloat16).

    Raises:
        ValueError: an argument is out of range or a network has the wrong shapes.

    Warns:
        UserWarning: the last layer of a network bounds its outputs, as a sigmoid does, where they should be free.

    Example:
        >>> model = VAE((8, 8, 1), latent_dim=2, seed=0)
        >>> model.compile()
        >>> history = model.fit(np.zeros((32, 8, 8, 1)), epochs=1, verbose=0)
        >>> sorted(history.history)
        ['kl', 'loss', 'reconstruction']

    Reference: Kingma & Welling, Auto-Encoding Variational Bayes, 2014, equation 3.
    """

    # Arguments that suit the few thousand updates of `zoo.train` better than the papers', which suit 300,000.
    short_run: ClassVar[dict[str, Any]] = {}
    # Learning rate of `optimizer` in such a run; the other optimizers keep their ratio to it.
    short_learning_rate: ClassVar[float] = 5e-4
    # What `fit` learns from: "batches" of images, or "pairs" of them. A dataset's method of this name makes it.
    trains_on: ClassVar[str] = "batches"
    # Whether there is a KL divergence to the prior, and so an evidence lower bound, to report.
    has_elbo: ClassVar[bool] = True
    # How many categories each categorical latent has. Their one-hot blocks are the last numbers of a latent vector,
    # whose distributions are then `_latents.Joint`s.
    categories: tuple[int, ...] = ()
    # Whether the loss weighs that divergence by `kl_cost`, so that free bits mean something.
    weighs_kl: ClassVar[bool] = True
    # What the encoder's outputs are taken for; None where the model takes any.
    encoder_takes: ClassVar[str | None] = "means, then logarithms of variances"

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int = 10,
        likelihood: str | likelihoods.Likelihood = "bernoulli",
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        seed: int | None = None,
        free_bits: float | Schedule = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = _check_image_shape(image_shape)
        self.latent_dim = check_integer("latent_dim", latent_dim, least=1)
        self.likelihood = likelihoods.get(likelihood)
        self.seed = None if seed is None else check_integer("seed", seed, least=0)
        self.free_bits = self._check_free_bits(free_bits)
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

    def posterior(self, encoder_outputs: tf.Tensor) -> tfd.Distribution:
        """q(z|x) from what the encoder gives: `(batch, 2 * latent_dim)`, means, then log variances."""
        mean, log_variance = tf.split(encoder_outputs, 2, axis=-1)
        return tfd.Independent(tfd.Normal(mean, tf.exp(0.5 * log_variance)), 1)

    @property
    def prior(self) -> tfd.Distribution:
        """p(z), with event shape `(latent_dim,)`."""
        return tfd.Independent(tfd.Normal(tf.zeros(self.latent_dim), 1.0), 1)

    def latent_kl(self, posterior: tfd.Distribution) -> tf.Tensor:
        """KL(q(z_j|x) || p(z_j)) for each latent, `(batch, latent_dim)`, in nats."""
        return tfd.kl_divergence(posterior.distribution, self.prior.distribution)

    def regularizer(self, terms: ElboTerms) -> tf.Tensor:
        """What is added to the reconstruction: the KL divergence, `(batch,)`, in nats."""
        return self.kl_cost(terms)

    def kl_cost(self, terms: ElboTerms) -> tf.Tensor:
        """The KL divergence that the loss weighs, `(batch,)`, in nats: each latent costs at least its free bits.

            mean over the batch of kl_cost = sum_j max(free_bits, mean over the batch of KL_j)

        A latent below its free bits gets no gradient from this term. The reported `kl` is the divergence itself.

        Reference: Kingma et al., Improved Variational Inference with Inverse Autoregressive Flow, 2016, equation 15.
        """
        if self.free_bits == 0:
            return terms.kl
        least = value_at(self.free_bits, self.step)
        is_free = tf.reduce_mean(terms.latent_kl, axis=0) < least
        return tf.reduce_sum(tf.where(is_free, least, terms.latent_kl), axis=-1)

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
        latents = self.prior.sample(count(n), seed=tf.stack([tf.cast(seed, tf.int32), 0]))
        return self.decode(latents).mean(), latents

    def elbo_terms(self, images, training: bool = False, seed=None) -> ElboTerms:
        """The terms of the evidence lower bound, with one sample of q(z|x) for each image.

        Args:
            images: `(batch, *image_shape)`, float in [0, 1] or uint8.
            training: whether layers such as dropout behave as in training.
            seed: two integers for the sample; default: the model's own random state, which moves on.
        """
        return self.terms_under(self.encode(images, training), images, training, seed)

    def terms_under(
        self, posterior: tfd.Distribution, images, training: bool = False, seed=None
    ) -> ElboTerms:
        """The terms with a given posterior of the images; other arguments as for `elbo_terms`."""
        images = self._scaled(images)
        latents = posterior.sample(seed=self.next_seed() if seed is None else seed)
        return ElboTerms(
            posterior=posterior,
            latents=latents,
            reconstruction=-self.decode(latents, training).log_prob(images),
            latent_kl=self.latent_kl(posterior) if self.has_elbo else None,
        )

    @functools.cached_property
    def measure(self):
        """A compiled function of images and a seed, for evaluation.

        It gives the codes `(batch, latents)`, the reconstruction term `(batch,)` and the KL of each latent
        `(batch, latents)`, both in nats, or None where there is none.
        """

        def terms_of(images, seed):
            terms = self.elbo_terms(images, seed=seed)
            codes = self.codes(terms.posterior.mode())
            return codes, terms.reconstruction, terms.latent_kl

        return _traces.leaving_none(tf.function(terms_of, autograph=False, reduce_retracing=True))

    @functools.cached_property
    def measure_codes(self):
        """A compiled function of images that gives the codes `(batch, latents)` alone."""

        def codes_of(images):
            return self.codes(self.encode(images).mode())

        return _traces.leaving_none(tf.function(codes_of, autograph=False, reduce_retracing=True))

    def next_seed(self) -> tf.Tensor:
        """A fresh seed for stateless random ops, different on each replica of a distribution strategy."""
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return seed
        return tf.random.fold_in(seed, replica.replica_id_in_sync_group)

    # Training.

    def compile(self, optimizer=None, *, jit_compile: bool | str = "auto", **kwargs) -> None:
        """Sets the optimizer; with no argument, the papers' Adam with learning rate 1e-4.

        Args:
            optimizer: a Keras optimizer or its name.
            jit_compile: XLA; `"auto"` uses it where there is a GPU. On a CPU it makes these networks slower.
            **kwargs: of `keras.Model.compile`, without losses and metrics, which are the model's own.
        """
        for name in ("loss", "metrics", "loss_weights", "weighted_metrics"):
            if kwargs.pop(name, None) is not None:
                raise ValueError(
                    f"`{name}` must not be given: a {type(self).__name__} has its own losses and "
                    "metrics. Choose a `likelihood` when you make the model."
                )
        if jit_compile == "auto":
            jit_compile = bool(tf.config.list_physical_devices("GPU"))
        optimizer = adam(LEARNING_RATE) if optimizer is None else optimizer
        wanted = kwargs.get("auto_scale_loss", True)
        super().compile(
            optimizer=loss_scaled(optimizer, self.encoder, self.decoder, wanted=wanted),
            jit_compile=jit_compile,
            **kwargs,
        )
        self.optimizer.build(self.elbo_variables)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as Keras' `get_compile_config` says, and builds the optimizers."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    @property
    def optimizers(self) -> list[keras.Optimizer]:
        """All optimizers, the one of the ELBO first."""
        return [self.optimizer]

    # No property: Keras saves layers under the first name that gives them, and looks for them there in older files.
    def elbo_parts(self) -> tuple[keras.layers.Layer, ...]:
        """What the model's `optimizer` trains: encoder, decoder and likelihood."""
        return self.encoder, self.decoder, self.likelihood

    @property
    def elbo_variables(self) -> list[keras.Variable]:
        """The trainable variables of `elbo_parts`, each once, whatever layers they share."""
        found = (variable for part in self.elbo_parts() for variable in part.trainable_variables)
        return list({id(variable): variable for variable in found}.values())

    @property
    def step(self):
        """Updates made so far, for schedules."""
        return self.optimizer.iterations if self.compiled else 0

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Means over images, in the order of `tracked`, then that of the losses of layers, if there are some."""
        return [*self.trackers, *([self.regularization] if self.is_regularized else [])]

    def train_step(self, data) -> dict[str, tf.Tensor]:
        """One update."""
        with watching(self.elbo_variables) as tape:
            values = self.minimized(self.training_terms(data), self.training_weights(data))
            loss = share_of_mean(values["loss"], self.optimizer)
        update(self.optimizer, loss, self.elbo_variables, tape)
        return self.track(values)

    def minimized(self, terms: ElboTerms, weights=None) -> dict[str, tf.Tensor]:
        """The `objective`, times the weights of the images if there are some, with the losses of layers.

        Args:
            terms: the terms of a batch, just computed.
            weights: `(batch,)`.
        """
        values = _losses.weighted(self.objective(terms), weights)
        return _losses.added(values, "loss", _losses.of_layers(*self.elbo_parts()))

    def training_terms(self, data) -> ElboTerms:
        """The terms of a training step, from an element of `training_batches`."""
        images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self.elbo_terms(images, training=True)

    def training_weights(self, data) -> tf.Tensor | None:
        """The weights of the images that `training_terms` are of, from the same element; None where it has none."""
        return keras.utils.unpack_x_y_sample_weight(data)[2]

    def test_step(self, data) -> dict[str, tf.Tensor]:
        """What is minimized, without an update."""
        images, _, weights = keras.utils.unpack_x_y_sample_weight(data)
        return self.track(self.minimized(self.elbo_terms(images), weights))

    def objective(self, terms: ElboTerms) -> dict[str, tf.Tensor]:
        """The loss and its terms by name, each `(batch,)`, in nats."""
        values = {
            "loss": terms.reconstruction + self.regularizer(terms),
            "reconstruction": terms.reconstruction,
        }
        return {**values, "kl": terms.kl} if self.has_elbo else values

    def track(self, values: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Adds values, per image or one for all images of the loss, to the running means and returns the means."""
        images = tf.size(values["loss"])
        self.is_regularized |= _losses.NAME in values
        used = [tracker for tracker in self.metrics if tracker.name in values]
        for tracker in used:
            value = values[tracker.name]
            tracker.update_state(value, sample_weight=images if value.shape.rank == 0 else None)
        return {tracker.name: tracker.result() for tracker in used}

    def stream(
        self, data, batch_size: int, *, seed: int = 0, start_step: int = 0
    ) -> tf.data.Dataset:
        """What `fit` learns from, made by a dataset of the zoo: its `batches`, or its `pairs`.

        Args:
            data: a dataset of the zoo.
            batch_size: images, or pairs of images, for each update.
            seed: of their order.
            start_step: the number of the first batch.
        """
        make = getattr(data, self.trains_on)
        return make(batch_size, seed=seed, start_step=start_step)

    def symptoms(self, values: dict[str, float]) -> list[str]:
        """What ails a training whose reported means are these, in sentences; finite values can be ill as well.

        Args:
            values: means by name, as in the last row of a run's history.
        """
        return []

    def training_batches(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """What `train_step` gets, from batches of images, or of `(images, weights)`: here the batches themselves."""
        return _weights.as_steps(batches)

    def make_train_function(self, force: bool = False) -> None:
        """Compiles `train_step`, as Keras does, and lets go of all of it with the model."""
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = _traces.leaving_none(self.train_function)

    def make_test_function(self, force: bool = False) -> None:
        """As `make_train_function`, of `test_step`."""
        if self.test_function is None or force:
            super().make_test_function(force)
            self.test_function = _traces.leaving_none(self.test_function)

    def make_predict_function(self, force: bool = False) -> None:
        """As `make_train_function`, of `call`."""
        if self.predict_function is None or force:
            super().make_predict_function(force)
            self.predict_function = _traces.leaving_none(self.predict_function)

    def fit(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        epochs: int = 1,
        *,
        shuffle: bool = True,
        validation_split: float = 0.0,
        validation_data=None,
        validation_batch_size: int | None = None,
        sample_weight=None,
        class_weight=None,
        **kwargs,
    ) -> keras.callbacks.History:
        """Trains the model.

        Args:
            x: images as an array `(n, *image_shape)`, float in [0, 1] or uint8, or a `tf.data.Dataset` of batches
                of images, of `(images, labels)`, of `(images, labels, weights)` or of dictionaries with `"image"`.
                Labels are ignored. An array is not copied, unless it is a view in no order; uint8 that holds 0 and 1
                alone is black and white.
            y: not used; must be None.
            batch_size: images for each update, for arrays; default 64, as in the papers.
            epochs: passes over the data.
            shuffle: whether an array is shuffled anew each epoch.
            validation_split: share of an array, taken from its end, that is held out.
            validation_data: images as for `x`; `(images, None, weights)` weighs them.
            validation_batch_size: default `batch_size`.
            sample_weight: `(n,)`, for an array: what each image's loss and its terms are multiplied by, as Keras does;
                means are still over the number of images. Losses of layers are not weighed, and of a batch's
                statistics, such as a covariance, each image carries its share.
            class_weight: must be None: there are no classes.
            **kwargs: of `keras.Model.fit`, such as `callbacks`, `verbose`, `steps_per_epoch`. A callback that changes
                the learning rate of `optimizer` changes that of all optimizers in proportion.

        Raises:
            ValueError: images of the wrong rank, size, dtype or range, or with NaN, or a pipeline without an end
                and without `steps_per_epoch` (`validation_steps`), before the first update.
        """
        _refuse_targets(y)
        _weights.refuse_classes(class_weight)
        _inputs.refuse_endless(x, kwargs.get("steps_per_epoch"), "steps_per_epoch")
        is_stream = isinstance(x, tf.data.Dataset)
        if not is_stream and self.trains_on == "batches":
            x = _inputs.as_pixels(x, self.image_shape)  # Before a split: it looks at all images.
        if validation_split and validation_data is None:
            x, sample_weight, validation_data = _split(x, sample_weight, validation_split)
        reader = _inputs.READERS[self.trains_on]
        batches = self._batches(x, batch_size, shuffle, reader, weights=sample_weight)
        for images in [_inputs.first_batch(batches)] if is_stream else x.parts():
            self.likelihood.check(images)
        self.prepare(x)
        if validation_data is not None:
            images, targets, weights = keras.utils.unpack_x_y_sample_weight(validation_data)
            _refuse_targets(targets)
            _inputs.refuse_endless(images, kwargs.get("validation_steps"), "validation_steps")
            validation_data = self._batches(
                images, validation_batch_size or batch_size, weights=weights
            )
            validation_data = _weights.as_steps(validation_data)
        with _inputs.faults_as_value_errors(), _averages.all_finalized(self):
            return super().fit(
                self.training_batches(batches),
                epochs=epochs,
                validation_data=validation_data,
                shuffle=False,  # Done, where it was asked for.
                callbacks=_rates.together(kwargs.pop("callbacks", None), self.optimizers),
                **kwargs,
            )

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, **kwargs):
        """One update on an array of images, checked as `fit` checks them; `y` where a step takes further images."""
        _weights.refuse_classes(class_weight)
        sample_weight = _weights.checked(sample_weight, x)
        x, y = self.checked_step(x, y)
        return super().train_on_batch(x, y, sample_weight, **kwargs)

    def test_on_batch(self, x, y=None, sample_weight=None, **kwargs):
        """The loss and its terms on an array of images, checked as `fit` checks them."""
        sample_weight = _weights.checked(sample_weight, x)
        x, y = self.checked_step(x, y)
        return super().test_on_batch(x, y, sample_weight, **kwargs)

    def checked_step(self, x, y):
        """The images of a single step as their numbers mean them; see `check_step`."""
        self.check_step(x, y)
        return _inputs.as_read(x), None if y is None else _inputs.as_read(y)

    def check_step(self, x, y) -> None:
        """Raises `ValueError` unless all images of a single step, some of which may come as `y`, are valid."""
        given = [x] if y is None else [x, y]
        is_named = any(isinstance(images, dict) for images in given)
        for images in given if is_named else tf.nest.flatten(given):
            _inputs.as_pixels(images, self.image_shape)

    def evaluate(
        self, x=None, y=None, batch_size: int | None = None, *, sample_weight=None, **kwargs
    ):
        """The loss and its terms on images, in nats; arguments as for `fit` and `keras.Model.evaluate`."""
        if kwargs.get("_use_cached_eval_dataset"):
            return super().evaluate(x, y, batch_size, sample_weight=sample_weight, **kwargs)
        _refuse_targets(y)
        _inputs.refuse_endless(x, kwargs.get("steps"), "steps")
        batches = _weights.as_steps(self._batches(x, batch_size, weights=sample_weight))
        with _inputs.faults_as_value_errors():
            return super().evaluate(batches, **kwargs)

    def predict(self, x, batch_size: int | None = None, **kwargs) -> np.ndarray:
        """Reconstructions `(n, *image_shape)` of images; arguments as for `fit` and `keras.Model.predict`."""
        _inputs.refuse_endless(x, kwargs.get("steps"), "steps")
        with _inputs.faults_as_value_errors():
            return super().predict(self._batches(x, batch_size), **kwargs)

    # Saving.

    def export(
        self,
        filepath: str | os.PathLike,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature=None,
        *,
        overwrite: bool = False,
    ) -> None:
        """Writes a SavedModel with the zoo's signatures; see `zoo.export.saved_model`.

        Args:
            filepath: the new folder.
            format: `"tf_saved_model"`; `zoo.export` writes the others.
            verbose: whether a line says where the model is.
            input_signature: must be None: the signatures are the zoo's.
            overwrite: whether an existing folder is replaced.
        """
        from zoo.deliver import export

        _check_format(format, input_signature)
        export.saved_model(self, filepath, overwrite=overwrite)
        if verbose:
            print(f"Saved the model at {os.fspath(filepath)}.")

    def quantize(self, mode: str | None = None, *args, **kwargs) -> None:
        """Quantizes the weights of layers, as `keras.Model.quantize` does; optimizers start anew with what is left."""
        super().quantize(mode, *args, **kwargs)
        for traced in ("measure", "measure_codes"):
            self.__dict__.pop(traced, None)
        if self.compiled:
            self.compile_from_config(self.get_compile_config())

    @classmethod
    def from_preset(cls, name: str | os.PathLike, **kwargs) -> "VAE":
        """A pretrained model of this class, by its name or the path of its folder; see `zoo.from_preset`."""
        from zoo.deliver import presets

        return presets.from_preset(name, of_class=cls, **kwargs)

    def save_to_preset(self, folder: str | os.PathLike, **kwargs) -> None:
        """Writes the model as a preset's folder; see `zoo.presets.save`."""
        from zoo.deliver import presets

        presets.save(self, folder, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = {
            "image_shape": self.image_shape,
            "latent_dim": self.latent_dim,
            "likelihood": keras.saving.serialize_keras_object(self.likelihood),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "seed": self.seed,
            "free_bits": keras.saving.serialize_keras_object(self.free_bits),
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "VAE":
        """A model from `get_config`, with new weights."""
        config = copy.deepcopy(config)  # Keras empties what it revives.
        with _reach.known_networks():
            return cls(**{name: _revived(value) for name, value in config.items()})

    def save_own_variables(self, store) -> None:
        """Adds the random state, which Keras does not save, so that training resumes exactly."""
        store["seed_generator_state"] = self.seed_generator.state.numpy()

    def load_own_variables(self, store) -> None:
        """Restores the random state."""
        self.seed_generator.state.assign(store["seed_generator_state"])

    def _scaled(self, images) -> tf.Tensor:
        """Images as float32 in [0, 1]; uint8 is divided by 255."""
        images = tf.convert_to_tensor(images)
        _inputs.check_dtype(images.dtype)
        if images.shape.rank is not None:
            _inputs.check_shape(tuple(images.shape), self.image_shape)
        scaled = tf.cast(images, tf.float32)
        return scaled / 255.0 if images.dtype == tf.uint8 else scaled

    def _batches(
        self,
        x,
        batch_size: int | None,
        shuffle: bool = False,
        read=_inputs.as_batches,
        weights=None,
    ) -> tf.data.Dataset:
        how = {"batch_size": batch_size, "shuffle": shuffle, "seed": self.seed}
        return read(x, self.image_shape, weights=weights, **how)

    def _check_free_bits(self, free_bits: float | Schedule) -> float | Schedule:
        free_bits = check_weight("free_bits", free_bits)
        if free_bits == 0 or self.weighs_kl:
            return free_bits
        raise ValueError(
            f"`free_bits` must be 0 for {type(self).__name__}, whose loss weighs no KL divergence of single "
            f"latents. Received: free_bits={free_bits!r}"
        )

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
            dtype=self.dtype_policy,
            **kwargs,
        )

    def seed_for(self, network: int) -> int | None:
        """A seed for the initial weights of one of the model's networks."""
        if self.seed is None:
            return None
        return int(np.random.SeedSequence([self.seed, network]).generate_state(1)[0])


def adam(learning_rate: float, beta_1: float = 0.9, beta_2: float = 0.999) -> keras.Optimizer:
    """Adam as the papers use it."""
    return Adam(learning_rate, beta_1, beta_2, epsilon=1e-8)


@contextlib.contextmanager
def watching(variables: Sequence[keras.Variable]) -> Iterator[tf.GradientTape]:
    """A tape that watches these variables and no others."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([variable.value for variable in variables])
        yield tape


def share_of_mean(losses: tf.Tensor, optimizer: keras.Optimizer) -> tf.Tensor:
    """This replica's share of the mean loss, scaled as the optimizer wants it, to take the gradient of."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return optimizer.scale_loss(tf.reduce_mean(losses) / replicas)


def update(optimizer: keras.Optimizer, loss, variables, tape: tf.GradientTape) -> list[tf.Tensor]:
    """One step of the optimizer down the gradient of the loss, which it returns."""
    gradients = tape.gradient(loss, variables)
    optimizer.apply(gradients, variables)
    return gradients


def count(n):
    """`n` as it is where it is a tensor, as in exported models; else an integer >= 1."""
    return n if tf.is_tensor(n) else check_integer("n", n, least=1)


def _check_image_shape(image_shape: Sequence[int]) -> tuple[int, int, int]:
    sizes = tuple(image_shape) if isinstance(image_shape, Iterable) else ()
    if len(sizes) == 3:
        return tuple(check_integer("image_shape", size, least=1) for size in sizes)
    raise ValueError(
        "`image_shape` must be (height, width, channels), such as (64, 64, 1). "
        f"Received: image_shape={image_shape!r}"
    )


def _check_format(format: str, input_signature) -> None:
    if format != "tf_saved_model":
        raise ValueError(
            '`format` must be "tf_saved_model": zoo.export.onnx, litert and others write the other formats. '
            f"Received: format={format!r}"
        )
    if input_signature is not None:
        raise ValueError(
            "`input_signature` must be None: the signatures are those of zoo.export.saved_model. "
            f"Received: input_signature={input_signature!r}"
        )


def _refuse_targets(y) -> None:
    if y is not None:
        raise ValueError(
            "`y` must be None: the model learns from images alone. Call fit(images). "
            f"Received: y of type {type(y).__name__}."
        )


def _split(x, weights, share: float):
    """The first `1 - share` of an array and of the weights of its images, and what to validate on: the rest of both."""
    if not hasattr(x, "shape") or not 0 < share < 1:
        raise ValueError(
            "`validation_split` must be between 0 and 1, with an array of images. "
            f"Received: validation_split={share!r} with {'an array' if hasattr(x, 'shape') else type(x).__name__}."
        )
    first = int(len(x) * (1 - share))
    if first == 0:
        raise ValueError(
            "`validation_split` must leave images to train on. "
            f"Received: validation_split={share!r} with {len(x)} images."
        )
    if weights is None:
        return x[:first], None, x[first:]
    weights = _weights.checked(weights, x)
    return x[:first], weights[:first], (x[first:], None, weights[first:])


def _revived(value):
    """A Keras object from its serialised form; anything else as it is."""
    is_object = isinstance(value, dict) and "class_name" in value
    return keras.saving.deserialize_keras_object(value) if is_object else value
