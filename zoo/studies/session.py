"""A study, from what was asked for to its report."""

import contextlib
import dataclasses
import math
import os
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.runs import training
from zoo.studies import _ray, report, results, toml
from zoo.studies import folder as folders
from zoo.studies._cell import BUSY, DIED, FINISHED, Job, Outcome
from zoo.studies._screen import Screen, standard_output
from zoo.studies._serial import Serial
from zoo.studies.grid import split
from zoo.studies.plan import Block, Cell, Study
from zoo.utils import extras, files, locks, progress
from zoo.utils.checks import check_integer, is_number

TICK = 0.5  # seconds
MOST_DEATHS = 3  # of a cell's workers in a row, in which its training came no further
BUSY_SECONDS, BUSY_PAUSE = 300.0, 2.0  # how long a cell may be held by another process
CHECKPOINT_EVERY = training.CHECKPOINT_EVERY


@dataclasses.dataclass(frozen=True)
class Studied:
    """A study that has ended.

    Attributes:
        folder: where it is.
        results: columns of `results.csv` by name, an entry for each cell; None where a cell has no such value.
        failed: why cells have no scores, by their names.
    """

    folder: Path
    results: dict[str, list]
    failed: dict[str, str]


def run(
    study: Study | str | os.PathLike | Sequence[str],
    data: str | Sequence[str] | None = None,
    *,
    out: str | os.PathLike,
    grid: Mapping[str, Sequence] | None = None,
    seeds: str | int | Iterable[int] | None = None,
    settings: Mapping[str, Any] | None = None,
    metrics: str | Iterable[str] | None = None,
    jobs: int | None = None,
    address: str | None = None,
    gpus: float = 0.0,
    checkpoint_every: int = CHECKPOINT_EVERY,
    show_progress: bool = True,
    **arguments,
) -> Studied:
    """Trains and scores every combination of settings and seeds, into one folder with tables, figures and a report.

    Each cell is a run folder of `zoo.train`, trained on one core, so that its numbers are the same with any number of
    workers. The same call goes on with a study that was stopped or killed: cells that are finished are left alone,
    others continue from their last checkpoint.

    Args:
        study: a `Study`, a TOML file (see `read`), or the names of models, whose one block the other arguments make.
        data: what the models are trained on; one or several texts that `zoo.datasets.load` takes.
        out: the study's folder.
        grid: values by name: `{"beta": [1, 4, "linear(4, 1000)"], "latent_dim": [6, 10]}`.
        seeds: of the runs of each setting: `"0-4"`, or numbers; default: 0, 1 and 2.
        settings: further arguments of the model.
        metrics: as for `zoo.evaluate`.
        jobs: cells at a time; default: one for each core, or as many as the cluster has room for. With 1, and where
            Ray is not installed, they are trained one after another, without Ray.
        address: of a Ray cluster, `"auto"` or `"HOST:PORT"`; default: Ray on this machine. Machines that do not see
            `out` send their runs to it.
        gpus: of each cell; a half is shared by two.
        checkpoint_every: updates between checkpoints.
        show_progress: whether progress is printed.
        **arguments: of `zoo.train`: steps, batch_size, latent_dim, likelihood, precision, learning_rate.

    Returns:
        The results. A cell that fails stops no others: see `failed`, and the report.

    Raises:
        ValueError: a model, setting, metric or dataset is unknown, a value is out of range, two cells are the same,
            `out` holds another study, or nobody answers at `address`. Nothing is trained.
        ImportError: an address is given, and Ray is not installed: `pip install "vae-zoo[ray]"`.

    Example:
        What β costs and brings, over five seeds:

            done = zoo.studies.run("beta_vae", "shapes2d", grid={"beta": [1, 4, 16]}, seeds="0-4",
                                   metrics=["factor_vae_score", "mig"], out="studies/beta")
            done.results["mig"]
    """
    asked = {
        "data": data,
        "grid": grid,
        "seeds": seeds,
        "settings": settings,
        "metrics": metrics,
        **arguments,
    }
    study = study_of(study, **asked)
    folder = files.path_of(out)
    check_integer("checkpoint_every", checkpoint_every, least=1)
    jobs = None if jobs is None else check_integer("jobs", jobs, least=1)
    if not is_number(gpus) or not 0 <= gpus < math.inf:
        raise ValueError(f"`gpus` must be a number >= 0. Received: gpus={gpus!r}")
    if address is not None:
        extras.need("ray", extra="ray")
        _ray.check_address(address)
    cells = study.cells()
    check(cells, study.metrics)
    with locks.alone_in(folder):
        folders.open_study(folder, study, cells)
        screen = _screen(cells, folder, study, show_progress)
        with contextlib.closing(
            _Session(folder, study, cells, screen, checkpoint_every)
        ) as session:
            if session.todo:
                session.train(lambda: _engine(folder, session, jobs, address, gpus))
        screen.say("Writing the report")
        table = report.write(folder, cells, study, session.failed, screen.say)
    reasons = {cell: failure.reason for cell, failure in session.failed.items()}
    return Studied(folder, table, reasons)


def study_of(
    study, data=None, grid=None, seeds=None, settings=None, metrics=None, **arguments
) -> Study:
    """The study that the arguments of `run` tell."""
    block = {"data": data, "grid": grid, "seeds": seeds, "settings": settings, **arguments}
    given = [name for name, value in block.items() if value is not None]
    is_file = isinstance(study, os.PathLike) or str(study).endswith(".toml")
    if isinstance(study, Study) or is_file:
        if given:
            raise ValueError(
                f"A study tells all of its blocks. Received beside it: {', '.join(given)}."
            )
        study = study if isinstance(study, Study) else toml.read(study)
        return study if metrics is None else dataclasses.replace(study, metrics=_listed(metrics))
    if data is None:
        raise ValueError("Expected `data` (--data NAME), or a study's TOML file.")
    run = {name: value for name, value in arguments.items() if value is not None}
    some = {} if seeds is None else {"seeds": seeds}
    one = Block(study, data, grid=grid or {}, settings=settings or {}, run=run, **some)
    return Study([one], None if metrics is None else _listed(metrics))


def _listed(metrics: str | Iterable[str]) -> list[str]:
    return split(metrics) if isinstance(metrics, str) else list(metrics)


def check(cells: Iterable[Cell], metrics: Iterable[str] | None) -> None:
    """Raises what `zoo.train` would refuse of any cell at its start, before one is trained."""
    known = set()
    for cell in cells:
        key = repr(dataclasses.replace(cell.config, seed=0))
        if key not in known:
            try:
                training.check(cell.config, metrics)
            except ValueError as error:
                raise ValueError(f"{cell.setting}: {error}") from None
            known.add(key)


def _screen(cells: Sequence[Cell], folder: Path, study: Study, show: bool) -> Screen:
    steps = {cell.name: cell.config.steps for cell in cells}
    done = sum(
        folders.is_finished(folders.of_cell(folder, cell), cell.config, study.metrics)
        for cell in cells
    )
    return Screen(steps, done, standard_output() if show else None)


def _engine(folder: Path, session: "_Session", jobs: int | None, address: str | None, gpus: float):
    """Ray, or what there is without it."""
    if address is None and jobs == 1:
        session.screen.say("Cells are trained one after another, on one core (--jobs 1).")
        return Serial()
    try:
        extras.need("ray", extra="ray")
    except ImportError as error:
        session.screen.say(
            f"Ray is not installed: cells are trained one after another, on one core. {error}"
        )
        return Serial()
    return _ray.Rays(folder, jobs, address, gpus)


class _Session:
    """The cells that are to be trained, are in training, or have failed."""

    def __init__(
        self,
        folder: Path,
        study: Study,
        cells: Sequence[Cell],
        screen: Screen,
        checkpoint_every: int,
    ):
        self.folder, self.study, self.screen = folder, study, screen
        self.checkpoint_every = checkpoint_every
        self.cells = {cell.name: cell for cell in cells}
        before = folders.read_failed(folder)
        # What failed for a reason that may have gone is tried again.
        self.failed = {
            name: failure
            for name, failure in before.items()
            if failure.is_final and name in self.cells and not self._is_finished(self.cells[name])
        }
        self.screen.failed = len(self.failed)
        self.todo = deque(
            cell for cell in cells if cell.name not in self.failed and not self._is_finished(cell)
        )
        self.running: dict[str, Cell] = {}
        self.deaths: dict[str, tuple[int, int]] = {}
        self.busy: dict[str, float] = {}
        self.rows: dict[str, tuple] = {}
        self.engine = None
        folders.write_failed(folder, self.failed)

    def train(self, make_engine) -> None:
        """Trains all that is to be trained."""
        with progress.remembered_interrupt() as interrupted:
            self.engine = make_engine()
            while self.todo or self.running:
                while self.todo and len(self.running) < self.engine.capacity:
                    self._start(self.todo.popleft())
                for name, outcome in self.engine.wait(TICK).items():
                    self._take(self.running.pop(name), outcome)
                if interrupted.is_set():
                    raise KeyboardInterrupt
                self.screen.show(self.running, self._progress)

    def close(self) -> None:
        """Ends what still trains."""
        if self.engine is not None:
            self.engine.stop()

    def _start(self, cell: Cell) -> None:
        job = Job(
            cell.name,
            dataclasses.asdict(cell.config),
            None if self.study.metrics is None else list(self.study.metrics),
            self.checkpoint_every,
            os.getcwd(),
        )
        self.running[cell.name] = cell
        self.engine.start(job, folders.of_cell(self.folder, cell))

    def _take(self, cell: Cell, outcome: Outcome) -> None:
        """Does what an outcome asks for."""
        if outcome.state == FINISHED and self._is_finished(cell):
            results.write(self.folder, self.cells.values(), self.failed, self.rows)
            self.screen.ended(cell.name)
        elif outcome.state == BUSY and self._waits(cell):
            self.todo.append(cell)
        elif outcome.state == DIED and self._lives_on(cell):
            self.screen.say(f"{cell.name}: {outcome.reason}; it goes on from its last checkpoint")
            self.todo.appendleft(cell)
        else:
            reason = outcome.reason or "its run folder is not complete"
            self.failed[cell.name] = folders.Failure(reason, outcome.is_final)
            folders.write_failed(self.folder, self.failed)
            self.screen.ended(cell.name, reason)

    def _waits(self, cell: Cell) -> bool:
        """Whether a cell that another process holds may still become free; waits a little."""
        since = self.busy.setdefault(cell.name, time.monotonic())
        time.sleep(BUSY_PAUSE)
        return time.monotonic() - since < BUSY_SECONDS

    def _lives_on(self, cell: Cell) -> bool:
        """Whether a cell whose worker died is tried again."""
        reached = self._progress(cell.name).step
        step, count = self.deaths.get(cell.name, (-1, 0))
        count = 1 if reached > step else count + 1
        self.deaths[cell.name] = (reached, count)
        return count < MOST_DEATHS

    def _progress(self, name: str) -> folders.Progress:
        return folders.progress_of(folders.of_cell(self.folder, self.cells[name]))

    def _is_finished(self, cell: Cell) -> bool:
        return folders.is_finished(
            folders.of_cell(self.folder, cell), cell.config, self.study.metrics
        )
