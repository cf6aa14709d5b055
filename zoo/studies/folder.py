"""The folder of a study, and how far each of its cells is.

| file | content |
|---|---|
| `study.toml` | what was asked for; `zoo study study.toml --out DIR` asks for it again |
| `cells/BLOCK/NAME/` | the run folder of each cell |
| `failed.json` | cells that failed, and why |
| `results.csv` | a row for each cell: settings, seed, scores |
| `settings.csv` | a row for each setting: mean and standard deviation over its seeds, UDR |
| `udr.json` | how far each cell's latents agree with those of the other seeds |
| `report.md`, `figures/*.png` | a summary to read |
"""

import dataclasses
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from zoo import runs
from zoo.studies import _elsewhere, toml
from zoo.studies.plan import Cell, Study
from zoo.utils import files, locks, registry

STUDY, CELLS, FAILED = "study.toml", "cells", "failed.json"
FRESH = 120.0  # seconds since the last sign of life of a cell that trains elsewhere


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a cell has no scores.

    Attributes:
        reason: in words.
        is_final: whether another try would end in the same way, as when a loss diverged.
    """

    reason: str
    is_final: bool


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a cell's training is.

    Attributes:
        step: updates that are recorded.
        loss: mean over the last recorded updates; None where there is none yet.
        seconds: that they took.
    """

    step: int = 0
    loss: float | None = None
    seconds: float = 0.0


def open_study(folder: Path, study: Study, cells: Sequence[Cell]) -> None:
    """Makes the folder with its `study.toml`, or finds the same study there.

    A study may be made larger: by seeds, values or blocks whose cells leave those of before as they are.

    Raises:
        ValueError: the folder holds something else, or another study.
    """
    file = folder / STUDY
    if file.exists():
        asked = {cell.name: cell.config for cell in cells}
        for cell in toml.read(file).cells():
            if asked.get(cell.name) != cell.config:
                raise ValueError(
                    f"{folder} holds another study: {cell.name} is a cell of it and not of this one. "
                    "Choose another --out, or ask for at least the same cells."
                )
    elif folder.exists() and not _is_blank(folder):
        raise ValueError(
            f"Expected `out` to be a new folder, or that of this study. Received: {folder}, which holds other files."
        )
    folder.mkdir(parents=True, exist_ok=True)
    files.write_text(file, toml.text_of(study))


def _is_blank(folder: Path) -> bool:
    return folder.is_dir() and all(
        files.is_partial(path) or path.name == locks.LOCK for path in folder.iterdir()
    )


def read_study(folder: Path) -> Study:
    """The study of a folder.

    Raises:
        ValueError: it holds none.
    """
    if not (folder / STUDY).exists():
        raise ValueError(f"Expected the folder of a study. Received: {folder}, without {STUDY}.")
    return toml.read(folder / STUDY)


def of_cell(folder: Path, cell: Cell) -> Path:
    """The run folder of a cell."""
    return folder / CELLS / cell.name


def is_finished(folder: Path, config: runs.Config, metrics: Iterable[str] | None) -> bool:
    """Whether a run folder is complete: trained, scored by these metrics, drawn and exported."""
    # The card is what a run writes last; checkpoints are there while it is prolonged.
    if not (folder / "card.md").exists() or (folder / "checkpoints").exists():
        return False
    try:
        how = files.read_json(folder / "scores.json")["how"]
        if runs.load_config(folder) != config:
            return False
    except (OSError, ValueError, KeyError, TypeError):
        return False
    wanted = {registry.parse_call(text)[0] for text in metrics or ()}
    return wanted - {"all"} <= how.get("metrics", {}).keys()


def progress_of(folder: Path) -> Progress:
    """How far the run in a folder is; nothing while it has written nothing."""
    try:
        rows = runs.read_history(folder)
    except (OSError, ValueError):
        return Progress()
    return Progress(rows[-1]["step"], rows[-1]["loss"], rows[-1]["seconds"]) if rows else Progress()


def is_running(folder: Path) -> bool:
    """Whether somebody trains a run: holds its folder's lock, or handed something over a moment ago."""
    if not folder.exists() or (folder / "card.md").exists():
        return False
    try:
        with locks.alone_in(folder):
            pass
    except locks.InUse:
        return True
    except OSError:
        pass
    mark = _elsewhere.mark_of(folder)
    return mark.exists() and time.time() - mark.stat().st_mtime < FRESH


def read_failed(folder: Path) -> dict[str, Failure]:
    """Cells that failed, by name."""
    try:
        found = files.read_json(folder / FAILED)
        return {name: Failure(**failure) for name, failure in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_failed(folder: Path, failed: dict[str, Failure]) -> None:
    """Writes `failed.json`, or removes it where nothing failed."""
    if failed:
        files.write_json(
            folder / FAILED, {name: dataclasses.asdict(failed[name]) for name in sorted(failed)}
        )
    else:
        (folder / FAILED).unlink(missing_ok=True)
