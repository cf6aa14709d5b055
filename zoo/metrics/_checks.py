"""What a metric takes: codes, factors, numbers and seeds, checked."""

import math

import numpy as np

from zoo.utils.checks import check_integer, is_number

LARGEST_CODE = 1e18  # its square, and the sum of hundreds of them, are numbers of float32


def check_table(codes: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes and factors as arrays that a metric can trust.

    Args:
        codes: `(n, latents)`, numbers from -1e18 to 1e18: the encoder's mean for each of n images.
        factors: `(n, factors)`, whole numbers: the value that each factor had.

    Returns:
        The codes in a floating type, and the factors in 64-bit integers; copied only if they were
        not.

    Raises:
        ValueError: a shape, type or value is not as above, or there are fewer than two rows.

    Example:
        >>> codes, factors = check_table([[0.5], [1.5]], [[0.0], [1.0]])
        >>> factors.dtype
        dtype('int64')
    """
    codes, factors = check_codes(codes), np.asarray(factors)
    _check_shape("factors", "factors", factors)
    if len(codes) != len(factors):
        raise ValueError(
            "Expected a row of `factors` for each row of `codes`. "
            f"Received: {len(codes)} rows of codes and {len(factors)} of factors."
        )
    return codes, _integral(factors)


def check_codes(codes: np.ndarray) -> np.ndarray:
    """Codes in a floating type, copied only if they were in another one.

    Raises:
        ValueError: they are not `(n, latents)` numbers from -1e18 to 1e18, or there are fewer than
            two rows.
    """
    codes = np.asarray(codes)
    _check_shape("codes", "latents", codes)
    if len(codes) < 2:
        raise ValueError(f"Expected at least 2 rows. Received: {len(codes)}.")
    return _floating(codes)


def _check_shape(name: str, columns: str, array: np.ndarray) -> None:
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(
            f"Expected `{name}` of shape (n, {columns}), with at least one column. "
            f"Received: shape {array.shape}."
        )


def _floating(codes: np.ndarray) -> np.ndarray:
    if codes.dtype.kind not in "fiub":
        raise ValueError(f"Expected `codes` to be real numbers. Received: dtype {codes.dtype}.")
    if codes.dtype.kind != "f":
        codes = codes.astype(np.float64)
    finite = np.isfinite(codes)
    if not finite.all():
        row, latent = np.argwhere(~finite)[0]
        raise ValueError(
            f"Expected finite `codes`. Received: {np.sum(~finite)} NaN or infinite values, "
            f"the first in row {row}, latent {latent}. Check the model that made them."
        )
    _check_size(codes)
    return codes


def _check_size(codes: np.ndarray) -> None:
    largest = max(-float(codes.min()), float(codes.max()))
    if largest > LARGEST_CODE:
        raise ValueError(
            f"Expected `codes` from -{LARGEST_CODE:g} to {LARGEST_CODE:g}, so that their squares "
            f"are finite in float32. Received: one of size {largest:g}. Check the model that made "
            "them, or scale them down."
        )


def _integral(factors: np.ndarray) -> np.ndarray:
    if factors.dtype.kind in "iub":
        return factors.astype(np.int64, copy=False)
    if factors.dtype.kind != "f":
        raise ValueError(
            f"Expected `factors` to be whole numbers. Received: dtype {factors.dtype}. "
            "Number the values of each factor from 0."
        )
    whole = np.isfinite(factors) & (factors == np.round(factors))
    if not whole.all():
        row, factor = np.argwhere(~whole)[0]
        raise ValueError(
            f"Expected `factors` to be whole numbers. Received: {factors[row, factor]} in "
            f"row {row}, factor {factor}. Bin a continuous factor and pass the number of the bin."
        )
    return factors.astype(np.int64)


def check_number(name: str, value: float, least: float = 0.0, above: bool = False) -> float:
    """`value` as a finite float that is at least `least`, or above it.

    Raises:
        ValueError: it is none.

    Example:
        >>> check_number("min_std", 0.05)
        0.05
        >>> check_number("penalty", 0, above=True)
        Traceback (most recent call last):
        ValueError: `penalty` must be a finite number > 0. Received: penalty=0
    """
    if (
        not is_number(value)
        or not math.isfinite(value)
        or value < least
        or (above and value == least)
    ):
        raise ValueError(
            f"`{name}` must be a finite number {'>' if above else '>='} {least:g}. "
            f"Received: {name}={value!r}"
        )
    return float(value)


def random_generator(seed: int) -> np.random.Generator:
    """The random numbers of a metric's `seed`, an integer >= 0: the same seed, the same numbers.

    Raises:
        ValueError: it is none.

    Example:
        >>> random_generator(1.5)
        Traceback (most recent call last):
        ValueError: `seed` must be an integer >= 0. Received: seed=1.5
    """
    return np.random.default_rng(check_integer("seed", seed, least=0))
