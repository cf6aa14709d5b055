"""Averages of weights that optimizers keep (`use_ema=True`), put in place when a training ends."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def all_finalized(model: keras.Model) -> Iterator[None]:
    """Within it, Keras' `fit` finalizes every optimizer of a model, each with the variables it was built with.

    By itself it would finalize the first one alone, with all trainable variables of the model in the model's order.

    Args:
        model: a model of the zoo.
    """
    first = model.optimizer
    if first is None:  # Keras says that the model is not compiled.
        yield
        return
    first.finalize_variable_values = lambda _: finalize(model)
    try:
        yield
    finally:
        del first.finalize_variable_values


def finalize(model: keras.Model) -> None:
    """Puts averages in the place of weights, for all optimizers that keep some."""
    for optimizer in model.optimizers:
        type(optimizer).finalize_variable_values(optimizer, optimizer._trainable_variables)
