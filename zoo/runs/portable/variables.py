"""All that an update of a model reads and writes."""

from collections.abc import Sequence

import keras
import numpy as np


def of_model(model: keras.Model) -> list[keras.Variable]:
    """Weights, random state, optimizers' slots and running means of a compiled model, each once.

    Models of the same configuration give them in the same order.
    """
    parts = [model, *model.optimizers, *model.trackers, model.regularization]
    found = (variable for part in parts for variable in part.variables)
    return list({id(variable): variable for variable in found}.values())


def restore(model: keras.Model, state: Sequence[np.ndarray]) -> None:
    """Gives a model's variables the values that a program ended with."""
    for variable, value in zip(of_model(model), state, strict=True):
        variable.assign(value)
