"""Weights that depend on the step, for β, γ and capacities.

Each is a Keras `LearningRateSchedule`, and any Keras `LearningRateSchedule` serves wherever the zoo takes a schedule.
The step is the number of updates the model's optimizer has made: 0 for the first update.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.utils.checks import is_number
from zoo.utils.texts import first_line

Schedule = keras.optimizers.schedules.LearningRateSchedule


@keras.saving.register_keras_serializable(package="zoo")
class Linear(Schedule):
    """From `start` to `end` in `steps`, then constant.

        value(t) = start + (end - start) * min(1, t / steps)

    Args:
        end: final value.
        steps: updates until it is reached.
        start: value at step 0.

    Example:
        >>> float(Linear(4.0, steps=100)(25))
        1.0

    Reference: Bowman et al. 2015, section 3.1; Burgess et al. 2018, section 4.2 (capacity).
    """

    def __init__(self, end: float, steps: int, start: float = 0.0):
        self.end = _check_number("end", end)
        self.steps = _check_positive("steps", steps)
        self.start = _check_number("start", start)

    def __call__(self, step):
        """The value at a step."""
        done = ops.minimum(1.0, ops.cast(step, "float32") / self.steps)
        return self.start + (self.end - self.start) * done

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"end": self.end, "steps": self.steps, "start": self.start}


@keras.saving.register_keras_serializable(package="zoo")
class Sigmoid(Schedule):
    """An S-shaped rise from 0 to `end`.

        value(t) = end / (1 + exp(-rate * (t - midpoint)))

    Args:
        end: final value.
        midpoint: step at which half of it is reached.
        rate: steepness, per step.

    Example:
        >>> float(Sigmoid(4.0, midpoint=100, rate=0.1)(100))
        2.0

    Reference: Bowman et al. 2015, section 3.1 and figure 2.
    """

    def __init__(self, end: float, midpoint: float, rate: float):
        self.end = _check_number("end", end)
        self.midpoint = _check_number("midpoint", midpoint, least=-math.inf)
        self.rate = _check_positive("rate", rate)

    def __call__(self, step):
        """The value at a step."""
        return self.end * ops.sigmoid(self.rate * (ops.cast(step, "float32") - self.midpoint))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"end": self.end, "midpoint": self.midpoint, "rate": self.rate}


@keras.saving.register_keras_serializable(package="zoo")
class Cyclical(Schedule):
    """`cycles` linear rises from 0 to `end` within `steps`, each followed by a plateau.

        period = steps / cycles,  tau = (t mod ceil(period)) / period
        value(t) = end * min(1, tau / ratio)

    Args:
        end: value of the plateau.
        steps: updates that the cycles share; the last cycle's successors go on alike.
        cycles: number of rises, M in the paper.
        ratio: share of a cycle that rises, R in the paper.

    Example:
        >>> [float(Cyclical(1.0, steps=400)(t)) for t in (0, 25, 50, 99, 100)]
        [0.0, 0.5, 1.0, 1.0, 0.0]

    Reference: Fu et al., Cyclical Annealing Schedule, 2019, equations 6-7 (their t starts at 1).
    """

    def __init__(self, end: float, steps: int, cycles: int = 4, ratio: float = 0.5):
        self.end = _check_number("end", end)
        self.steps = _check_positive("steps", steps)
        self.cycles = _check_positive("cycles", cycles)
        self.ratio = _check_positive("ratio", ratio)

    def __call__(self, step):
        """The value at a step."""
        period = self.steps / self.cycles
        tau = ops.cast(ops.mod(step, math.ceil(period)), "float32") / period
        return self.end * ops.minimum(1.0, tau / self.ratio)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "end": self.end,
            "steps": self.steps,
            "cycles": self.cycles,
            "ratio": self.ratio,
        }


def value_at(weight: float | Schedule, step):
    """The weight at a step, for a number or a schedule alike."""
    return weight(step) if callable(weight) else weight


def check_weight(name: str, weight: float | Schedule) -> float | Schedule:
    """Returns `weight` if it is a finite number >= 0 or a schedule of numbers.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(weight, Schedule):
        _check_gives_number(name, weight)
        return weight
    if is_number(weight) and 0 <= weight < math.inf:
        return float(weight)
    raise ValueError(f"`{name}` must be a number >= 0 or a schedule. Received: {name}={weight!r}")


def _check_gives_number(name: str, schedule: Schedule) -> None:
    try:
        value = np.asarray(schedule(0))
        found = f"{value.dtype} of shape {value.shape}"
        if np.issubdtype(value.dtype, np.number) and value.size == 1:
            return
    except Exception as error:  # Whatever a schedule of the user raises.
        found = first_line(error)
    raise ValueError(
        f"`{name}` must be a number >= 0 or a schedule that gives a number for each step. Received: "
        f"{name}={schedule!r}, which at step 0 gives: {found}"
    )


def _check_number(name: str, value: float, least: float = 0.0) -> float:
    if is_number(value) and least <= value and abs(value) < math.inf:
        return float(value)
    bound = f" >= {least:g}" if least > -math.inf else ""
    raise ValueError(
        f"`{name}` must be a number{bound}: schedules are made of numbers. Received: {name}={value!r}"
    )


def _check_positive(name: str, value: float) -> float:
    if is_number(value) and 0 < value < math.inf:
        return value
    raise ValueError(f"`{name}` must be > 0. Received: {name}={value!r}")
