"""`zoo study --named NAME`: from a claim to its verdict."""

import dataclasses
import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from zoo.runs import report
from zoo.studies.named import _report, _sources
from zoo.studies.named.base import Budget, NamedStudy, Verdict
from zoo.studies.plan import Study
from zoo.utils import files, hardware, registry

ROOM = "studies.named"
SMALL = "small"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a named study found.

    Attributes:
        name: of the study.
        folder: its results, figures and report.
        verdict: what they say.
    """

    name: str
    folder: Path
    verdict: Verdict


def get(name: str) -> NamedStudy:
    """A named study.

    Raises:
        ValueError: there is none; the nearest name is suggested.
    """
    found = registry.members(ROOM)
    if name not in found:
        raise ValueError(registry.unknown("named study", name, found))
    return found[name]()


def run(
    name: str,
    *,
    out: str | os.PathLike,
    budget: str | None = None,
    runs: str | os.PathLike | Iterable[str | os.PathLike] | None = None,
    tables: str | os.PathLike | Iterable[str | os.PathLike] | None = None,
    **how,
) -> Answer:
    """Trains what a named study asks for, and judges its claim.

    The same call goes on with a study that was stopped.

    Args:
        name: from `zoo list studies`.
        out: the folder; what is trained lies in its `study/`.
        budget: `"paper"`, or another that the study has; default: `"small"`.
        runs: finished run folders that take the place of training.
        tables: `results.csv` of other studies, whose rows take the place of training.
        **how: of `zoo.studies.run`: jobs, address, gpus, show_progress.

    Raises:
        ValueError: the study or budget is unknown, several of budget, runs and tables are given, or there are not the
            rows that the rule needs.
        RuntimeError: a cell failed; the same call tries it again.
    """
    named = get(name)
    out = files.path_of(out)
    sources = {"budget": budget, "runs": runs, "tables": tables}
    given = [source for source, value in sources.items() if value is not None]
    if len(given) > 1:
        raise ValueError(f"Expected one of budget, runs and tables. Received: {', '.join(given)}.")
    budget = SMALL if budget is None else budget
    chosen = _budget(named, name, budget)
    _report.check_own(out, name)
    if runs is not None:
        runs = _paths(runs)
        columns = _sources.of_runs(named, name, runs)
        what, options = "Of runs that were there.", _repeated("--runs", map(_last, runs))
    elif tables is not None:
        tables = _paths(tables)
        columns = _sources.of_tables(tables)
        what, options = "Of the results of other studies.", _repeated("--tables", map(_end, tables))
    else:
        columns = _trained(named, name, chosen, budget, out, **how)
        what, options = _told(chosen, budget), ["--budget", budget]
    command = ["zoo", "study", "--named", name, *options, "--out", f"studies/{name}"]
    facts = {
        "named": name,
        "what": what,
        "command": shlex.join(command),
        "hardware": hardware.describe(),
        "versions": report.versions(),
        "commit": report.commit(),
    }
    return Answer(name, out, _report.write(out, named, columns, facts))


def again(folder: str | os.PathLike) -> Answer:
    """Writes the report of a folder's results anew, from its `results.csv`.

    Raises:
        ValueError: it holds no results of a named study.
    """
    folder = files.path_of(folder)
    columns, how = _report.read(folder)
    name = how["named"]
    return Answer(name, folder, _report.write(folder, get(name), columns, how))


def judged(folder: str | os.PathLike) -> Answer:
    """The verdict on a folder's `results.csv`; nothing is written.

    Raises:
        ValueError: it holds no results of a named study.
    """
    folder = files.path_of(folder)
    columns, how = _report.read(folder)
    return Answer(how["named"], folder, _report.judged(get(how["named"]), columns))


def _trained(named, name: str, budget: Budget, text: str, out: Path, **how) -> dict[str, list]:
    if budget.study is None:
        return named.rows(text)
    return _sources.of_cells(named, name, budget.study, out / "study", **how)


def _told(budget: Budget, name: str) -> str:
    """A sentence on what a budget trains."""
    if budget.study is None:
        return (
            f"Budget `{name}`: nothing is trained; about {budget.minutes:g} minutes on {budget.on}."
        )
    cells = budget.study.cells()
    steps = sorted({cell.config.steps for cell in cells})
    sizes = sorted({cell.config.batch_size for cell in cells})
    seeds = sorted({cell.config.seed for cell in cells})
    return (
        f"Budget `{name}`: {len(cells)} runs, {_numbers(steps)} updates of {_numbers(sizes)} images, "
        f"seeds {', '.join(map(str, seeds))}; about {budget.minutes:g} minutes on {budget.on}."
    )


def _numbers(values: list[int]) -> str:
    return " or ".join(f"{value:,}" for value in values)


def _last(path: str) -> str:
    """A run's folder without where it lies here."""
    return f"runs/{Path(path).name}"


def _end(path: str) -> str:
    """A table's file without where it lies here: from where the command is given, or with its last folders."""
    whole = Path(path).absolute()
    if whole.is_relative_to(Path.cwd()):
        return whole.relative_to(Path.cwd()).as_posix()
    return "/".join(whole.parts[-4:])


def _paths(given: str | os.PathLike | Iterable[str | os.PathLike]) -> list[str]:
    several = [given] if isinstance(given, str | os.PathLike) else given
    return [os.fspath(path) for path in several]


def _repeated(option: str, values: Iterable[str]) -> list[str]:
    """An option as often as it has values."""
    return [word for value in values for word in (option, value)]


def study_of(name: str, budget: str | None = None) -> Study | None:
    """What a named study trains, as a study that can be packed, split or changed.

    Raises:
        ValueError: the study or budget is unknown.
    """
    return _budget(get(name), name, SMALL if budget is None else budget).study


def _budget(named: NamedStudy, name: str, budget: str) -> Budget:
    budgets = named.budgets()
    if budget not in budgets:
        raise ValueError(registry.unknown(f"budget of {name}", budget, budgets))
    return budgets[budget]
