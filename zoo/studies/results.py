"""`results.csv`: a row for each cell that has ended; and the means over seeds."""

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.runs import comparison
from zoo.studies.folder import Failure, of_cell
from zoo.studies.plan import Cell
from zoo.utils import files

RESULTS = "results.csv"
FINISHED, FAILED = "finished", "failed"
OF_A_CELL = ("cell", "block", "setting", "state")
LEFT_OUT = ("folder", "images", "settings")  # of what a run tells of itself
BOUND = ("reconstruction", "kl", "elbo")


def table(
    folder: Path,
    cells: Collection[Cell],
    failed: Mapping[str, Failure],
    known: dict[str, tuple] | None = None,
) -> dict[str, list]:
    """Columns by name, an entry for each cell that has ended, in the study's order; None where it has no such value.

    The columns are `cell`, `block`, `setting`, `state`, the arguments of the run, the settings of all models, then
    the scores. `known` keeps rows from call to call.
    """
    known = {} if known is None else known
    for cell in cells:
        if cell.name not in known and (row := _row(folder, cell, failed)) is not None:
            known[cell.name] = row
    rows = [known[cell.name] for cell in cells if cell.name in known]
    settings = dict.fromkeys(name for given, _ in rows for name in given)
    scores = dict.fromkeys(name for _, found in rows for name in found)
    names = [*settings, *(name for name in scores if name not in settings)]
    return {name: [{**given, **found}.get(name) for given, found in rows] for name in names}


def _row(folder: Path, cell: Cell, failed: Mapping[str, Failure]) -> tuple[dict, dict] | None:
    """What a cell was trained with, and its scores; None where it has not ended."""
    config = vars(cell.config)
    given = {
        "cell": cell.name,
        "block": cell.block,
        "setting": cell.setting,
        "state": FAILED if cell.name in failed else FINISHED,
        **{name: value for name, value in config.items() if name not in LEFT_OUT},
        **comparison.all_settings(cell.config),
    }
    if cell.name in failed:
        return given, {}
    try:
        read = comparison.read_runs([of_cell(folder, cell)])
    except ValueError:
        return None
    scores = {name: column[0] for name, column in read.items()}
    known = {*given, *LEFT_OUT}
    return given, {name: value for name, value in scores.items() if name not in known}


def write(
    folder: Path,
    cells: Collection[Cell],
    failed: Mapping[str, Failure],
    known: dict[str, tuple] | None = None,
) -> dict[str, list]:
    """Writes `results.csv` whole, and gives its columns; arguments as for `table`."""
    found = table(folder, cells, failed, known)
    write_csv(folder / RESULTS, found)
    return found


def write_csv(file: Path, columns: Mapping[str, Sequence]) -> None:
    """Writes columns as CSV, whole; what is None stays empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    files.write_text(file, text.getvalue())


def read_csv(file: Path) -> dict[str, list]:
    """Columns of a table that `write_csv` wrote: numbers, truths, text, and None for what is empty.

    Raises:
        ValueError: there is no such file, or it is no table.
    """
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            head, *rows = csv.reader(lines, strict=True)
        if len(set(head)) < len(head):
            raise ValueError("two columns have one name")
        columns = zip(*rows, strict=True) if rows else ([] for _ in head)
        return {
            name: [_value(text) for text in column]
            for name, column in zip(head, columns, strict=True)
        }
    except FileNotFoundError:
        raise ValueError(
            f"Expected a table of results. Received: {file}, which is not there."
        ) from None
    except (ValueError, csv.Error, OSError) as error:
        raise ValueError(f"{file} is no table of results, or damaged: {error}") from None


def _value(text: str) -> Any:
    known = {"": None, "True": True, "False": False}
    if text in known:
        return known[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def headlines(folder: Path, cells: Iterable[Cell]) -> list[str]:
    """The entry that each metric is known by, over all cells, in the order in which they were asked for."""
    found = {}
    for cell in cells:
        try:
            how = files.read_json(of_cell(folder, cell) / "scores.json")["how"]
        except (OSError, ValueError, KeyError):
            continue
        for metric in how.get("metrics", {}).values():
            found |= dict.fromkeys(metric["entries"][:1])
    return list(found)


def by_setting(columns: Mapping[str, list], scores: Sequence[str]) -> dict[str, list]:
    """Means and standard deviations over seeds: a row for each setting, in order.

    Args:
        columns: from `table`.
        scores: which entries.

    Returns:
        Columns by name: `block`, `setting`, `cells` that are finished, then `NAME` and `NAME_std` of each score; None
        where no cell has it, and where one alone has no standard deviation (of n - 1).

    Example:
        >>> columns = {"block": ["b"] * 2, "setting": ["b, beta = 1"] * 2, "state": ["finished"] * 2, "mig": [0.1, 0.3]}
        >>> found = by_setting(columns, ["mig"])
        >>> found["cells"], [round(found[name][0], 3) for name in ("mig", "mig_std")]
        ([2], [0.2, 0.141])
    """
    places: dict[str, list[int]] = {}
    for row, setting in enumerate(columns.get("setting", [])):
        places.setdefault(setting, []).append(row)
    found = {"block": [], "setting": [], "cells": []}
    found |= {name + end: [] for name in scores for end in ("", "_std")}
    for setting, rows in places.items():
        found["block"].append(columns["block"][rows[0]])
        found["setting"].append(setting)
        found["cells"].append(sum(columns["state"][row] == FINISHED for row in rows))
        for name in scores:
            mean, std = _mean_and_std([columns[name][row] for row in rows])
            found[name].append(mean)
            found[f"{name}_std"].append(std)
    return found


def _mean_and_std(values: Iterable[Any]) -> tuple[float | None, float | None]:
    known = np.array([value for value in values if value is not None], np.float64)
    if not len(known):
        return None, None
    return float(known.mean()), float(known.std(ddof=1)) if len(known) > 1 else None
