"""Whole numbers as users give them: indices and factors."""

import numpy as np


def checked_integers(name: str, values: np.ndarray, ndim: int, expected: str) -> np.ndarray:
    """`values` as an int64 array with `ndim` axes.

    Raises:
        ValueError: it is none; `expected` says what was expected.
    """
    array = np.asarray(values)
    if array.size == 0 and array.ndim == ndim:
        array = array.astype(np.int64)
    if array.ndim != ndim or array.dtype.kind not in "iu":
        raise ValueError(
            f"`{name}` must be integers {expected}. "
            f"Received: shape {array.shape}, dtype {array.dtype}"
        )
    return array.astype(np.int64)
