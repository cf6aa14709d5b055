"""The steps of training, written once: what is minimized, by which optimizers, and what is reported of it."""

from typing import Any

import keras
import tensorflow as tf

from zoo.models import _losses, _weights
from zoo.models._gradients import adam, share_of_mean, update, watching
from zoo.models._terms import ElboTerms
from zoo.optimizers import loss_scaled
from zoo.utils import replicas

LEARNING_RATE = 1e-4


class Steps(keras.Model):
    """A model that makes its updates by itself, from the terms of its objective."""

    def compile(self, optimizer=None, *, jit_compile: bool | str = "auto", **kwargs) -> None:
        """Sets the optimizer; with no argument, the papers' Adam with learning rate 1e-4.

        Args:
            optimizer: a Keras optimizer or its name.
            jit_compile: XLA; `"auto"` uses it where there is a GPU, and no `tf.distribute` strategy, under which it
                cannot be used. On a CPU it makes these networks slower.
            **kwargs: of `keras.Model.compile`, without losses and metrics, which are the model's own.
        """
        for name in ("loss", "metrics", "loss_weights", "weighted_metrics"):
            if kwargs.pop(name, None) is not None:
                raise ValueError(
                    f"`{name}` must not be given: a {type(self).__name__} has its own losses and "
                    "metrics. Choose a `likelihood` when you make the model."
                )
        if jit_compile == "auto":
            jit_compile = bool(tf.config.list_physical_devices("GPU")) and not replicas.under(self)
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

    def updates_made(self) -> int:
        """Updates made so far, as a number."""
        return int(self.optimizer.iterations.value.numpy())

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

    def track(self, values: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Adds values, per image or one for all images of the loss, to the running means and returns the means."""
        images = tf.size(values["loss"])
        self.is_regularized |= _losses.NAME in values
        used = [tracker for tracker in self.metrics if tracker.name in values]
        for tracker in used:
            value = values[tracker.name]
            tracker.update_state(value, sample_weight=images if value.shape.rank == 0 else None)
        return {tracker.name: replicas.loggable(tracker.result()) for tracker in used}

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
