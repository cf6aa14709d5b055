"""A cell, trained: what a worker does. As a program it reads a job from its input and writes what came of it."""

import dataclasses
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

FINISHED, FAILED, BUSY, DIED = "finished", "failed", "busy", "died"
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # cells share a GPU
    "MPLBACKEND": "Agg",
}


@dataclasses.dataclass(frozen=True)
class Job:
    """What a worker needs to know of a cell.

    Attributes:
        name: of the cell.
        config: arguments of `zoo.train`.
        metrics: as for `zoo.train`.
        checkpoint_every: as for `zoo.train`.
        directory: that paths of data start from, where there is one of this name.
    """

    name: str
    config: dict[str, Any]
    metrics: list[str] | None
    checkpoint_every: int
    directory: str


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a cell.

    Attributes:
        state: finished; failed; busy, if another process trains it; died, if its worker is gone.
        reason: in words.
        is_final: whether another try would end in the same way.
    """

    state: str
    reason: str = ""
    is_final: bool = False


def train(job: Job, folder: str | os.PathLike) -> Outcome:
    """Trains a cell in a folder, from where the folder stands, on one thread."""
    # One thread: two cells of one core each are faster than one of two, and sums round alike whoever trains.
    os.environ.update(ENVIRONMENT)
    if os.path.isdir(job.directory):
        os.chdir(job.directory)
    import warnings

    from zoo.runs import Diverged, training
    from zoo.utils import locks

    folder = Path(folder)
    config = {name: value for name, value in job.config.items() if name != "images"}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the run's card tells them
            training.train(
                **config,
                metrics=job.metrics,
                checkpoint_every=job.checkpoint_every,
                out=folder,
                resume=folder.exists(),
                show_progress=False,
            )
    except Diverged as error:
        return Outcome(FAILED, _told(error, folder), is_final=True)
    except locks.InUse as error:
        return Outcome(BUSY, str(error))
    except (ValueError, OSError, MemoryError, ImportError) as error:
        return Outcome(FAILED, _told(error, folder))
    except Exception as error:  # one cell that breaks is no reason to stop the others
        return Outcome(FAILED, f"{type(error).__name__}: {_told(error, folder)}")
    return Outcome(FINISHED)


def _told(error: BaseException, folder: Path) -> str:
    """An error as one line, with the names of files as they are in the run folder."""
    return " ".join(str(error).replace(f"{folder}{os.sep}", "").split()) or type(error).__name__


def job_of(text: str) -> tuple[Job, str]:
    """The job and the folder that `text_of` wrote."""
    found = json.loads(text)
    return Job(**found["job"]), found["folder"]


def text_of(job: Job, folder: str | os.PathLike) -> str:
    """A job as text."""
    return json.dumps({"job": dataclasses.asdict(job), "folder": str(folder)})


def _end_with(parent: int) -> None:
    """Ends this process as soon as the one that started it is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def main(parent: str, out: str) -> None:
    """Trains the cell that the input tells, and writes the outcome to a file."""
    threading.Thread(target=_end_with, args=[int(parent)], daemon=True).start()
    outcome = train(*job_of(sys.stdin.read()))
    Path(out).write_text(json.dumps(dataclasses.asdict(outcome)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
