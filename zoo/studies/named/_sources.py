"""Where the columns of a named study come from: cells that it trains, runs that are there, or tables."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from zoo.runs import comparison
from zoo.studies import folder as folders
from zoo.studies import results, session
from zoo.studies._agreement import FILE as UDR
from zoo.studies.named._numbers import columns_of, rows_of
from zoo.studies.named.base import NamedStudy
from zoo.studies.plan import Study
from zoo.utils import files

LOOKED = "looked-{}.json"
# What tells runs of one model apart, and yet is no setting of it.
NO_SETTING = {"folder", "seed", "images", "model"}


def of_cells(named: NamedStudy, name: str, study: Study, out: Path, **how) -> dict[str, list]:
    """Trains the cells of a study in `out`, looks at each, and gives a row for each.

    Raises:
        RuntimeError: a cell failed; the others are trained.
    """
    done = session.run(study, out=out, **how)
    if done.failed:
        reasons = "; ".join(f"{cell}: {reason}" for cell, reason in done.failed.items())
        raise RuntimeError(f"{len(done.failed)} cells of {out} failed: {reasons}")
    udr = {cell: value for each in _read(out / UDR).values() for cell, value in each.items()}
    places = {cell.name: folders.of_cell(out, cell) for cell in study.cells()}
    return columns_of(
        {**row, "udr": udr.get(row["cell"]), **_looked(named, name, places[row["cell"]])}
        for row in rows_of(done.results)
    )


def of_runs(named: NamedStudy, name: str, folders_: Iterable[str | os.PathLike]) -> dict[str, list]:
    """A row for each finished run, as if it were a study's cell.

    Raises:
        ValueError: a folder holds no run, or no scores.
    """
    paths = [files.path_of(folder) for folder in folders_]
    rows = rows_of(comparison.read_runs(paths))
    settings = _settings(rows)
    return columns_of(
        {
            "cell": path.name,
            "block": row["model"],
            "setting": setting,
            "state": results.FINISHED,
            **{key: value for key, value in row.items() if key != "folder"},
            **_looked(named, name, path),
        }
        for path, row, setting in zip(paths, rows, settings, strict=True)
    )


def of_tables(tables: Iterable[str | os.PathLike]) -> dict[str, list]:
    """The rows of several `results.csv`, under each other; a row that stands in two is taken once."""
    rows = {}
    for table in tables:
        path = files.path_of(table)
        for row in rows_of(results.read_csv(path)):
            run = {key: value for key, value in row.items() if key not in ("cell", "block")}
            rows.setdefault(repr(sorted(run.items(), key=str)), row)
    return columns_of(rows.values())


def _looked(named: NamedStudy, name: str, folder: Path) -> dict[str, float]:
    """What a named study measures of a run; kept beside the run, since it may take long."""
    if type(named).look is NamedStudy.look:
        return {}
    file = folder / LOOKED.format(name)
    found = _read(file)
    if not found:
        found = named.look(folder)
        files.write_json(file, found)
    return found


def _settings(rows: list[dict]) -> list[str]:
    """For each run its model, with what varies over the runs of that model, the seed aside."""
    alike: dict[str, list[dict]] = {}
    for row in rows:
        alike.setdefault(row["model"], []).append(row)
    return [", ".join([row["model"], *_varied(row, alike[row["model"]])]) for row in rows]


def _varied(row: Mapping, alike: list[dict]) -> list[str]:
    of_a_run = [name for name in row if name not in NO_SETTING and not _is_score(row, name)]
    return [
        f"{name} = {row[name]}"
        for name in of_a_run
        if any(other.get(name) != row[name] for other in alike)
    ]


def _is_score(row: Mapping, name: str) -> bool:
    """Whether a column stands behind the settings of a run, where its scores are."""
    names = list(row)
    return "reconstruction" in names and names.index(name) >= names.index("reconstruction")


def _read(file: Path) -> dict:
    try:
        return files.read_json(file)
    except (OSError, ValueError):
        return {}
