"""Checks of what users pass, in every room: counts, fractions, flags."""

import numbers
import operator
import zlib
from collections.abc import Iterable, Sequence

LARGEST = 2**63 - 1


def check_integer(name: str, value: int, least: int, most: int = LARGEST) -> int:
    """`value` as an int from `least` to `most`.

    Raises:
        ValueError: it is none.

    Example:
        >>> check_integer("steps", 0, least=1)
        Traceback (most recent call last):
        ValueError: `steps` must be an integer >= 1. Received: steps=0
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        bounds = f">= {least}" if most == LARGEST else f"from {least} to {most}"
        raise ValueError(f"`{name}` must be an integer {bounds}. Received: {name}={value!r}")
    return number


def check_image_shape(image_shape: Sequence[int]) -> tuple[int, int, int]:
    """`image_shape` as a tuple of three sizes.

    Raises:
        ValueError: it is none.

    Example:
        >>> check_image_shape([64, 64, 1])
        (64, 64, 1)
    """
    sizes = tuple(image_shape) if isinstance(image_shape, Iterable) else ()
    if len(sizes) == 3:
        return tuple(check_integer("image_shape", size, least=1) for size in sizes)
    raise ValueError(
        "`image_shape` must be (height, width, channels), such as (64, 64, 1). "
        f"Received: image_shape={image_shape!r}"
    )


def folded_seed(seed: int, bits: int = 31) -> int:
    """A checked seed for a library that takes no larger ones: itself where it is small enough.

    Example:
        >>> folded_seed(7), folded_seed(2**31) < 2**31, folded_seed(2**31) == folded_seed(2**32)
        (7, True, False)
    """
    return seed if seed < 2**bits else zlib.crc32(str(seed).encode()) >> 1


def check_flag(name: str, value: bool) -> bool:
    """`value`, if it is True or False.

    Raises:
        ValueError: it is not.

    Example:
        >>> check_flag("normalized", "false")
        Traceback (most recent call last):
        ValueError: `normalized` must be True or False. Received: normalized='false'
    """
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}")
    return value


def is_number(value) -> bool:
    """Whether `value` is a real number and not True or False, which Python takes for 1 and 0.

    Example:
        >>> is_number(0.5), is_number(True), is_number("1")
        (True, False, False)
    """
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def check_fraction(name: str, value: float) -> float:
    """`value` as a float from 0 to 1.

    Raises:
        ValueError: it is none.

    Example:
        >>> check_fraction("visibility", 50)
        Traceback (most recent call last):
        ValueError: `visibility` must be a number from 0 to 1. Received: visibility=50
    """
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"`{name}` must be a number from 0 to 1. Received: {name}={value!r}")
    return float(value)
