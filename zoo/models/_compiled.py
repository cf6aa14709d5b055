"""What of a model is compiled, once each: the functions of Keras' loops, and two for evaluation."""

import functools
import logging
from collections.abc import Callable

import keras
import tensorflow as tf

from zoo.models import _traces
from zoo.utils import quiet, replicas


class Compiled(keras.Model):
    """A model whose compiled functions go from memory when it goes."""

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

        return _for_evaluation(terms_of)

    @functools.cached_property
    def measure_codes(self):
        """A compiled function of images that gives the codes `(batch, latents)` alone."""

        def codes_of(images):
            return self.codes(self.encode(images).mode())

        return _for_evaluation(codes_of)

    def _maybe_symbolic_build(self, *args, **kwargs) -> None:
        """Nothing: a model of the zoo is built when it is made, and its optimizers when it is compiled.

        Keras would build it under a strategy, from a batch that it cannot read where there are several workers.
        """

    def make_train_function(self, force: bool = False) -> None:
        """Compiles `train_step`, as Keras does, and lets go of all of it with the model."""
        if self.train_function is None or force:
            replicas.normalize_together(self)
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


def _for_evaluation(function: Callable) -> Callable:
    """The function compiled, for batches of any size."""
    compiled = tf.function(function, autograph=False, reduce_retracing=True)

    @functools.wraps(function)
    def called(*inputs):
        # Of one model after another TensorFlow would warn as of one that is traced again and again.
        with quiet.tensorflow_only(logging.ERROR):
            return compiled(*inputs)

    return _traces.leaving_none(called)
