"""Runs that may be compared: those that share their data, and how long they were trained."""

from zoo.studies.grid import split
from zoo.studies.named._numbers import Columns, known, rows_of, where

DATA = ("data",)
TRAINING = ("data", "steps", "batch_size")


def pools(columns: Columns, by: tuple[str, ...], *needed: str) -> dict[tuple, dict[str, list]]:
    """The rows that have all needed scores, by the columns in which they agree; the largest pool first.

    Data sets are kept apart, since what makes all runs of one score higher than all runs of another would pass for
    agreement of metrics, or for the merit of models.

    Raises:
        ValueError: no row has all of them.
    """
    columns = known(columns, *needed, *(name for name in by if name not in DATA))
    keys = [tuple(row.get(name) for name in by) for row in rows_of(columns)]
    found = {
        key: where(columns, lambda row, key=key: tuple(row.get(name) for name in by) == key)
        for key in dict.fromkeys(keys)
    }
    ordered = sorted(found.items(), key=lambda pool: -len(pool[1]["cell"]))
    return {key: {**rows, "setting": _shortened(rows)} for key, rows in ordered}


def _shortened(rows: Columns) -> list[str]:
    """Settings without what all runs of their model share."""
    texts = [split(text) for text in rows["setting"]]
    shared: dict[str, set] = {}
    for model, parts in zip(rows["model"], texts, strict=True):
        shared[model] = shared.get(model, set(parts)) & set(parts)
    return [
        ", ".join([first, *(part for part in rest if part not in shared[model])])
        for model, (first, *rest) in zip(rows["model"], texts, strict=True)
    ]


def told(key: tuple) -> str:
    """Which runs a pool holds.

    Example:
        >>> told(("shapes2d", 20_000, 64)), told(("shapes2d",))
        ('shapes2d after 20,000 updates of 64 images', 'shapes2d')
    """
    data, *trained = key
    return f"{data} after {trained[0]:,} updates of {trained[1]} images" if trained else str(data)
