"""Whether `results.csv` holds what every named study reads: texts, numbers, and runs that may be set side by side."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

NEEDED = ("cell", "setting")
TEXTS = (*NEEDED, "block", "state", "model", "data", "likelihood", "loss", "factor")
Given = TypeVar("Given")


def checked(
    columns: Mapping[str, list], scores: Collection[str], alike: Iterable[str]
) -> dict[str, list]:
    """The columns with texts in those of `TEXTS`, and finite numbers, or None, in those of the scores.

    Args:
        columns: as read.
        scores: columns of numbers.
        alike: columns in which all rows agree.

    Raises:
        ValueError: a text is missing, a score is none, a row stands there twice, rows differ in what they have to
            share, or there is no column of cells or settings.

    Example:
        >>> checked({"cell": [7], "setting": ["s"], "mig": [float("nan")]}, ["mig"], ["data"])
        {'cell': ['7'], 'setting': ['s'], 'mig': [None]}
    """
    missing = [name for name in NEEDED if name not in columns]
    if missing and any(columns.values()):
        raise ValueError(f"Expected results with a column {missing[0]!r}. Received: none.")
    found = dict(columns)
    for name in found:
        if name in TEXTS:
            found[name] = [_text(name, value) for value in found[name]]
        elif name in scores:
            found[name] = [_score(name, value) for value in found[name]]
    rows = [repr(row) for row in zip(*found.values(), strict=True)]
    twice = next((row for row, count in Counter(rows).items() if count > 1), None)
    if twice is not None:
        cell = found["cell"][rows.index(twice)]
        raise ValueError(f"Expected each run once. Received: {cell!r}, twice.")
    for name in alike:
        values = dict.fromkeys(found.get(name, []))
        if len(values) > 1:
            what = "on one data set" if name == "data" else f"of one {name}"
            raise ValueError(f"Expected runs {what}. Received: {', '.join(map(str, values))}.")
    return found


def read_by(function: Callable[[Mapping[str, list]], Given], columns: Mapping[str, list]) -> Given:
    """What a study makes of its columns.

    Raises:
        ValueError: a column is missing.
    """
    try:
        return function(columns)
    except KeyError as error:
        raise ValueError(f"Expected results with a column {error}. Received: none.") from None


def _text(name: str, value: Any) -> str:
    is_nothing = value is None or (isinstance(value, float) and not math.isfinite(value))
    if is_nothing or not str(value).strip():
        raise ValueError(f"Expected a text in each row of the column {name!r}. Received: {value}.")
    return str(value)


def _score(name: str, value: Any) -> float | None:
    if isinstance(value, str | bool):
        raise ValueError(f"Expected numbers in the column {name!r}. Received: {value!r}.")
    return value if value is not None and math.isfinite(value) else None
