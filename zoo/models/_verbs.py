"""Keras' verbs, for images: `fit`, `evaluate` and `predict`, and their single steps, with what they take checked."""

import contextlib
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from zoo.models import _averages, _inputs, _rates, _weights
from zoo.utils import replicas
from zoo.utils.precisions import float32_products


class Verbs(keras.Model):
    """A model that learns from images alone: from an array of them, or from a `tf.data.Dataset` of batches."""

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
        batches = self.training_batches(batches)
        if replicas.under(self):
            batches, steps = replicas.shared_out(
                batches,
                self.distribute_strategy,
                kwargs.get("steps_per_epoch"),
                _inputs.MARK,
            )
            kwargs["steps_per_epoch"] = steps
        with self._computing(), _averages.all_finalized(self):
            return super().fit(
                batches,
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
        with float32_products(self.exact_products):
            return super().train_on_batch(x, y, sample_weight, **kwargs)

    def test_on_batch(self, x, y=None, sample_weight=None, **kwargs):
        """The loss and its terms on an array of images, checked as `fit` checks them."""
        sample_weight = _weights.checked(sample_weight, x)
        x, y = self.checked_step(x, y)
        with float32_products(self.exact_products):
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
        with self._computing():
            return super().evaluate(batches, **kwargs)

    def predict(self, x, batch_size: int | None = None, **kwargs) -> np.ndarray:
        """Reconstructions `(n, *image_shape)` of images; arguments as for `fit` and `keras.Model.predict`."""
        _inputs.refuse_endless(x, kwargs.get("steps"), "steps")
        with self._computing():
            return super().predict(self._batches(x, batch_size), **kwargs)

    @contextlib.contextmanager
    def _computing(self) -> Iterator[None]:
        with float32_products(self.exact_products), _inputs.faults_as_value_errors():
            yield

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
