"""Grids and seeds as they are written on the command line."""

from collections.abc import Iterable

from zoo.runs import training
from zoo.utils import registry

BRACKETS = {"(": ")", "[": "]", "{": "}"}
MOST_SEEDS = 100_000


def parse_grid(texts: Iterable[str]) -> dict[str, list]:
    """The values of each setting of a grid.

    Args:
        texts: such as `"beta=1,2,4"`. Commas in brackets or quotes belong to a value.

    Raises:
        ValueError: a text is no such grid, has no values, or names a setting again.

    Example:
        >>> parse_grid(["beta=1,linear(4, 1000)", "normalized=true,false"])
        {'beta': [1, 'linear(4, 1000)'], 'normalized': [True, False]}
    """
    grid = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ValueError(
                f"Expected a grid as name=value,value. Received: {registry.shortened(text)}"
            )
        if name in grid:
            raise ValueError(f"Expected one grid of {name!r}, with all its values. Received: two.")
        grid[name] = [training.parse_setting(f"{name}={part}")[1] for part in split(values)]
    return grid


def parse_seeds(text: str | int) -> list[int]:
    """Seeds from text.

    Raises:
        ValueError: it tells none.

    Example:
        >>> parse_seeds("0-2,7"), parse_seeds("3")
        ([0, 1, 2, 7], [3])
    """
    seeds = []
    for part in str(text).split(","):
        first, dash, last = (each.strip() for each in part.partition("-"))
        if not (first.isdecimal() and (last.isdecimal() or not dash)):
            raise ValueError(f"Expected seeds such as 0-4, or 0,2,7. Received: {text!r}")
        low, high = int(first), int(last or first)
        if not 0 <= high - low < MOST_SEEDS:
            raise ValueError(
                f"Expected seeds from a lower to a higher one, {MOST_SEEDS:,} at most. "
                f"Received: {text!r}"
            )
        seeds += range(low, high + 1)
    return seeds


def split(text: str) -> list[str]:
    """The parts of a text between those commas that stand outside of all brackets and quotes.

    Example:
        >>> split("1, linear(4, 1000), 'a,b'")
        ['1', 'linear(4, 1000)', "'a,b'"]
    """
    parts, closing, quote = [""], [], ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in BRACKETS:
            closing.append(BRACKETS[letter])
        elif closing and letter == closing[-1]:
            closing.pop()
        if letter == "," and not closing and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]
