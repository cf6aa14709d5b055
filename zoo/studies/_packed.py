"""A study as portable jobs: a file for each cell that is to be trained, and cells of what the files computed."""

import contextlib
import dataclasses
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from zoo import runs
from zoo.runs import portable
from zoo.runs.portable.job import program, results
from zoo.studies import folder as folders
from zoo.studies import report, session
from zoo.studies.folder import Failure
from zoo.studies.plan import Cell, Study
from zoo.studies.session import CHECKPOINT_EVERY, Studied
from zoo.utils import extras, files, locks
from zoo.utils.checks import check_integer
from zoo.utils.texts import one_line


@dataclasses.dataclass(frozen=True)
class Packed:
    """A study as jobs.

    Attributes:
        files: the job of each cell that is not finished, by the cell's name.
        refused: why other cells have none, by their names.
    """

    files: dict[str, Path]
    refused: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Unpacked(Studied):
    """A study that has got what its jobs computed.

    Attributes:
        waiting: what is missing of cells that are not finished, by their names.
    """

    waiting: dict[str, str]


def pack(
    study: Study | str | os.PathLike | Sequence[str],
    data: str | Sequence[str] | None = None,
    *,
    out: str | os.PathLike,
    jobs: str | os.PathLike,
    checkpoint_every: int = CHECKPOINT_EVERY,
    show_progress: bool = True,
    **asked,
) -> Packed:
    """Writes each cell of a study that is not finished as a job, which `python` runs with JAX and NumPy alone.

    Nothing is trained. Jobs of the same cells that are there already stay.

    Args:
        study: as for `zoo.studies.run`.
        data: as for `zoo.studies.run`.
        out: the study's folder.
        jobs: the folder of the jobs, `BLOCK--NAME.zip` for the cell `BLOCK/NAME`.
        checkpoint_every: updates between checkpoints.
        show_progress: whether each job is told of.
        **asked: of `zoo.studies.run`: grid, seeds, settings, metrics, and arguments of the runs.

    Returns:
        The jobs. A cell that has no portable form stops no others: see `refused`.

    Raises:
        ImportError: JAX is not installed.
        ValueError: as for `zoo.studies.run`. Nothing is written.

    Example:
            packed = zoo.studies.pack("beta_vae", "shapes2d", grid={"beta": [1, 4, 16]},
                                      out="studies/beta", jobs="jobs")
            packed.files["beta_vae/beta=1-seed0"]  # jobs/beta_vae--beta=1-seed0.zip
    """
    extras.need("jax", "flatbuffers", extra="jax")
    check_integer("checkpoint_every", checkpoint_every, least=1)
    jobs, packed = files.path_of(jobs), Packed({}, {})
    with _opened(session.study_of(study, data, **asked), out) as (_, _, cells):
        for cell in cells:
            file = _job_of(jobs, cell)
            try:
                if not _is_packed(file, cell):
                    jobs.mkdir(parents=True, exist_ok=True)
                    options = dataclasses.asdict(cell.config)
                    del options["images"]
                    portable.pack(**options, out=file, checkpoint_every=checkpoint_every)
            except (ValueError, MemoryError) as error:
                packed.refused[cell.name] = one_line(error, most=None)
                continue
            packed.files[cell.name] = file
            if show_progress:
                print(f"{cell.name}: {file} ({file.stat().st_size / 2**20:.1f} MiB)", flush=True)
    return packed


def unpack(
    study: Study | str | os.PathLike | Sequence[str],
    data: str | Sequence[str] | None = None,
    *,
    out: str | os.PathLike,
    jobs: str | os.PathLike,
    show_progress: bool = True,
    **asked,
) -> Unpacked:
    """Makes finished cells of what the jobs of a study have computed, scored as the study asks, and writes its report.

    Cells that are finished are left alone, and so is what has no results, or not all updates yet: `zoo.studies.run`
    trains it here, or this is called again later. A cell whose training stopped half-way here is replaced by the
    finished one.

    Args:
        study: as it was packed.
        data: as it was packed.
        out: the study's folder.
        jobs: the folder of the jobs; the results of `NAME.zip` are in `NAME-results` beside it.
        show_progress: whether progress is printed.
        **asked: as it was packed.

    Returns:
        The results of all cells that have ended, and which are `waiting`. What could not be unpacked is `failed`.

    Raises:
        ValueError: as for `zoo.studies.run`, or there is no folder `jobs`. Nothing is written.
    """
    jobs, waiting = files.path_of(jobs), {}
    if not jobs.is_dir():
        raise ValueError(f"Expected the folder of a study's jobs. Received: {jobs}.")
    say = print if show_progress else _silent
    study = session.study_of(study, data, **asked)
    with _opened(study, out) as (folder, cells, to_go):
        failed = folders.read_failed(folder)
        for cell in to_go:
            try:
                missing = _missing(_job_of(jobs, cell), cell)
                if missing:
                    waiting[cell.name] = missing
                    continue
                _make(folders.of_cell(folder, cell), cell, jobs, study, show_progress)
                say(f"{cell.name}: finished")
            except (ValueError, MemoryError, runs.Diverged) as error:
                is_final = isinstance(error, runs.Diverged)
                failed[cell.name] = Failure(one_line(error, most=None), is_final)
        names = {cell.name for cell in cells if not _is_finished(folder, cell, study)}
        failed = {name: failure for name, failure in failed.items() if name in names}
        folders.write_failed(folder, failed)
        say("Writing the report")
        table = report.write(folder, cells, study, failed, say)
    reasons = {cell: failure.reason for cell, failure in failed.items()}
    return Unpacked(folder, table, reasons, waiting)


@contextlib.contextmanager
def _opened(study: Study, out: str | os.PathLike) -> Iterator[tuple[Path, list[Cell], list[Cell]]]:
    """Folder, cells, and unfinished cells of a study, which is this process's own meanwhile."""
    folder, cells = files.path_of(out), study.cells()
    session.check(cells, study.metrics)
    with locks.alone_in(folder):
        folders.open_study(folder, study, cells)
        yield folder, cells, [cell for cell in cells if not _is_finished(folder, cell, study)]


def _is_finished(folder: Path, cell: Cell, study: Study) -> bool:
    return folders.is_finished(folders.of_cell(folder, cell), cell.config, study.metrics)


def _job_of(jobs: Path, cell: Cell) -> Path:
    return jobs / f"{cell.name.replace('/', '--')}.zip"


def _is_packed(file: Path, cell: Cell) -> bool:
    """Whether a file is the job of a cell; raises `ValueError` if it is something else."""
    if not file.exists():
        return False
    _read(file, cell)
    return True


def _read(file: Path, cell: Cell) -> program.Program:
    packed = program.read(file)
    if portable.config_of(packed, file) != cell.config:
        raise ValueError(
            f"{file} is the job of another run. Remove it, or choose another folder of jobs."
        )
    return packed


def _missing(file: Path, cell: Cell) -> str:
    """What a cell's job has not computed yet, in words; nothing if it is done."""
    if not file.exists():
        return f"there is no {file}"
    folder = results.default_folder(file)
    done = results.read(folder, _read(file, cell).plan).done
    if not done:
        return f"no results in {folder}"
    if done > cell.config.steps:
        raise ValueError(
            f"{folder} holds {done:,} updates, and the study asks for {cell.config.steps:,}. Remove it, and run "
            f"`python {file}` again."
        )
    return "" if done == cell.config.steps else f"{done:,} of {cell.config.steps:,} updates"


def _make(place: Path, cell: Cell, jobs: Path, study: Study, show_progress: bool) -> None:
    """Makes the run folder of a cell, whole or not at all."""
    if place.exists():
        _check_replaceable(place, cell)
    place.parent.mkdir(parents=True, exist_ok=True)
    files.remove_partials(place.parent)
    with (
        tempfile.TemporaryDirectory(dir=place.parent, prefix=files.PARTIAL) as scratch,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # the run's card tells them
        made = Path(scratch) / place.name
        how = {"metrics": study.metrics, "show_progress": show_progress}
        portable.unpack(_job_of(jobs, cell), made, **how)
        if place.exists():
            shutil.rmtree(place)
        made.rename(place)


def _check_replaceable(place: Path, cell: Cell) -> None:
    """Raises `ValueError` unless a folder holds a run of the cell that nobody trains, or nothing."""
    if folders.is_running(place):
        raise ValueError(f"{place} is being trained. Unpack when that has ended.")
    try:
        runs.check_free(place)
    except ValueError:
        if runs.load_config(place) != cell.config:
            raise


def _silent(text: str) -> None:
    """Says nothing."""
