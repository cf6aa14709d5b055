"""Weights before and after."""

import numpy as np


def values_of(variables) -> list[np.ndarray]:
    """Copies of what variables hold."""
    return [variable.numpy().copy() for variable in variables]


def same(before, after) -> bool:
    """Whether two lists of arrays are equal to the bit."""
    return all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
