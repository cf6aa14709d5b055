"""Where the columns of a named study come from: cells that it trains, runs that are there, or tables."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from zoo.runs import comparison
from zoo.studies import _agreement, results, session
from zoo.studies import folder as folders
from zoo.studies.named._numbers import columns_of, rows_of, where
from zoo.studies.named._settings import OF_EVERY_RUN, different, settings_of
from zoo.studies.named.base import NamedStudy
from zoo.studies.plan import Study
from zoo.utils import files

LOOKED = "looked-{}.json"
NEEDED = (*results.OF_A_CELL, *OF_EVERY_RUN)


def of_cells(named: NamedStudy, name: str, study: Study, out: Path, **how) -> dict[str, list]:
    """Trains the cells of a study in `out`, looks at each, and gives a row for each.

    Raises:
        RuntimeError: a cell failed; the others are trained.
    """
    done = session.run(study, out=out, **how)
    if done.failed:
        reasons = "; ".join(f"{cell}: {reason}" for cell, reason in done.failed.items())
        raise RuntimeError(f"{len(done.failed)} cells of {out} failed: {reasons}")
    udr = {
        cell: value
        for each in files.kept_json(out / _agreement.FILE).values()
        for cell, value in each.items()
    }
    places = {cell.name: folders.of_cell(out, cell) for cell in study.cells()}
    return columns_of(
        {**row, "udr": udr.get(row["cell"]), **_looked(named, name, places[row["cell"]])}
        for row in rows_of(done.results)
    )


def of_runs(named: NamedStudy, name: str, folders_: Iterable[str | os.PathLike]) -> dict[str, list]:
    """A row for each finished run, as if it were a study's cell, each run once.

    Raises:
        ValueError: a folder holds no run, or no scores.
    """
    paths = [files.path_of(folder) for folder in folders_]
    rows = different(rows_of(comparison.read_runs(paths)))
    paths = [Path(row["folder"]) for row in rows]
    settings = settings_of(rows)
    udr = _udr(paths, settings) if "udr" in named.scores else {}
    return columns_of(
        {
            "cell": path.name,
            "block": row["model"],
            "setting": setting,
            "state": results.FINISHED,
            **{key: value for key, value in row.items() if key not in results.LEFT_OUT},
            **udr.get(path, {}),
            **_looked(named, name, path),
        }
        for path, row, setting in zip(paths, rows, settings, strict=True)
    )


def of_tables(tables: Iterable[str | os.PathLike]) -> dict[str, list]:
    """The finished runs of several `results.csv`, under each other, each run once.

    A setting has the same words in all of them: its model, and what varies over the runs of that model.

    Raises:
        ValueError: a file is no such table, or tells of an unknown model.
    """
    rows = []
    for path in map(files.path_of, tables):
        columns = results.read_csv(path)
        missing = [name for name in NEEDED if name not in columns]
        if missing:
            raise ValueError(
                f"Expected the results.csv of a study. Received: {path}, without {', '.join(missing)}."
            )
        rows += rows_of(where(columns, state=results.FINISHED))
    rows = different(rows)
    return columns_of(
        {**row, "setting": setting} for row, setting in zip(rows, settings_of(rows), strict=True)
    )


def _looked(named: NamedStudy, name: str, folder: Path) -> dict[str, float]:
    """What a named study measures of a run; kept beside the run, since it may take long."""
    if type(named).look is NamedStudy.look:
        return {}
    file = folder / LOOKED.format(name)
    found = files.kept_json(file)
    if not found:
        found = named.look(folder)
        files.write_json(file, found)
    return found


def _udr(paths: Sequence[Path], settings: Sequence[str]) -> dict[Path, dict[str, float]]:
    """The UDR of each run of which there are several seeds."""
    found = {}
    for setting in dict.fromkeys(settings):
        seeds = [path for path, each in zip(paths, settings, strict=True) if each == setting]
        if len(seeds) > 1:
            scores = _agreement.between(seeds)
            found |= {path: {"udr": scores[f"udr_{n}"]} for n, path in enumerate(seeds)}
    return found
