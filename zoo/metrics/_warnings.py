"""What a metric tells its caller of factors that it leaves out."""

import sys
import warnings
from collections.abc import Sized

import numpy as np


def warn_not_scored(factor: int, why: str) -> None:
    """Tells the metric's caller that a factor is left out of the score, and why."""
    warn(f"Factor {factor} is not scored: {why}.")


def warn_partly_scored(factor: int, scored: np.ndarray, others: str) -> None:
    """Tells that only some of a factor's values count: those where `scored` `(values,)` is true."""
    warn(
        f"Factor {factor} is scored on {np.sum(scored)} of its {len(scored)} values: "
        f"the others {others}."
    )


def warn_of_one(scored: Sized) -> None:
    """Tells of a score that sets factors apart that it has one factor alone."""
    if len(scored) == 1:
        warn(
            "A single factor is scored: with no other to be mixed with, every code that varies scores 1."
        )


def warn(message: str) -> None:
    """A warning that points at the line which called the metric."""
    level, frame = 1, sys._getframe()
    while frame.f_globals["__name__"].startswith("zoo.metrics"):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)
