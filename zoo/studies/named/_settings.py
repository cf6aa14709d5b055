"""What a run was trained with, told from the rest of its row: one setting, whichever study trained it."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoo import runs
from zoo.runs import training
from zoo.utils import registry

OF_EVERY_RUN = tuple(
    field.name
    for field in dataclasses.fields(runs.Config)
    if field.name not in ("settings", "images")
)
NO_SETTING = ("model", "seed")


def trained_with(row: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a row's run and the settings of its model; those without a value are left out.

    Raises:
        ValueError: the row names no model, or one that is unknown here.

    Example:
        >>> trained_with({"cell": "a", "model": "beta_vae", "seed": 0, "beta": 4, "gamma": None, "mig": 0.1})
        {'model': 'beta_vae', 'seed': 0, 'beta': 4}
    """
    if not isinstance(row.get("model"), str):
        raise ValueError(f"Expected rows with their model. Received: {row.get('model')!r}.")
    own = training.settings_of(registry.get("models", row["model"]))
    names = [*OF_EVERY_RUN, *own]
    return {name: row[name] for name in names if row.get(name) is not None}


def settings_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """For each run its model, with what varies over the runs of that model, the seed aside."""
    found = [trained_with(row) for row in rows]
    alike: dict[str, list[dict]] = {}
    for each in found:
        alike.setdefault(each["model"], []).append(each)
    return [", ".join([each["model"], *_varied(each, alike[each["model"]])]) for each in found]


def different(rows: Iterable[dict]) -> list[dict]:
    """The rows, one for each run: of the same run in two studies, the row with more in it."""
    kept: dict[frozenset, dict] = {}
    for row in rows:
        run = frozenset((name, _hashed(value)) for name, value in trained_with(row).items())
        if run not in kept or _entries(row) > _entries(kept[run]):
            kept[run] = row
    return list(kept.values())


def _varied(each: Mapping, alike: Sequence[Mapping]) -> list[str]:
    return [
        f"{name} = {value}"
        for name, value in each.items()
        if name not in NO_SETTING and any(other.get(name) != value for other in alike)
    ]


def _entries(row: Mapping) -> int:
    return sum(value is not None for value in row.values())


def _hashed(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else repr(value)
