"""How far a study is, seen from outside."""

import dataclasses
import os

from zoo.studies import folder as folders
from zoo.studies.folder import Progress
from zoo.utils import files


@dataclasses.dataclass(frozen=True)
class Status:
    """How far a study is.

    Attributes:
        finished: names of the cells that are.
        failed: why others failed, by name.
        running: how far those are that somebody trains.
        stopped: how far those are that began, and that nobody trains now.
        to_go: names of those that have not begun.
    """

    finished: list[str]
    failed: dict[str, str]
    running: dict[str, Progress]
    stopped: dict[str, Progress]
    to_go: list[str]


def status(out: str | os.PathLike) -> Status:
    """How far the study in a folder is.

    Raises:
        ValueError: the folder holds no study.
    """
    folder = files.path_of(out)
    study = folders.read_study(folder)
    found = Status([], {}, {}, {}, [])
    failed = folders.read_failed(folder)
    for cell in study.cells():
        place = folders.of_cell(folder, cell)
        if folders.is_finished(place, cell.config, study.metrics):
            found.finished.append(cell.name)
        elif folders.is_running(place):
            found.running[cell.name] = folders.progress_of(place)
        elif cell.name in failed:
            found.failed[cell.name] = failed[cell.name].reason
        elif (place / "config.json").exists():
            found.stopped[cell.name] = folders.progress_of(place)
        else:
            found.to_go.append(cell.name)
    return found
