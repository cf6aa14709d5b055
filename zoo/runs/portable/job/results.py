"""The results of a job: one file that is a checkpoint and the end alike, and the history beside it to look at.

| file | content |
|---|---|
| `state.npz` | `facts`, JSON: of which job, how many updates, the history; and the arrays of the state by number |
| `history.csv` | as that of a run |
"""

import contextlib
import csv
import dataclasses
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

FILE = "state.npz"
PARTIAL = ".partial-"


@dataclasses.dataclass
class Results:
    """How far a job has come.

    Attributes:
        job: the `id` of its plan.
        done: updates made.
        seconds: that they took.
        history: rows of a run's `history.csv`.
        state: arrays; None before the first update.
        device: what computed them last.
        jax: its version.
    """

    job: str
    done: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = dataclasses.field(default_factory=list)
    state: list[np.ndarray] | None = None
    device: str = ""
    jax: str = ""


def default_folder(job: str | os.PathLike) -> Path:
    """`NAME-results` beside `NAME.zip`.

    Example:
        >>> default_folder("jobs/vae.zip").name
        'vae-results'
    """
    path = Path(job)
    return path.with_name(f"{path.stem}-results")


def read(folder: str | os.PathLike, plan: dict[str, Any]) -> Results:
    """What a folder holds of a job; new results where it has none, or does not exist.

    Raises:
        ValueError: it holds results of another job, or a damaged file.
    """
    file = Path(folder) / FILE
    if not file.exists():
        return Results(plan["id"])
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as content:
            facts = json.loads(content["facts"].item())
            state = (
                [content[str(number)] for number in range(len(plan["state"]))]
                if facts["job"] == plan["id"]
                else []
            )
        found = Results(**facts, state=state)
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{file} is damaged: {error}. Restore it from a copy, or choose another folder."
        ) from None
    if found.job != plan["id"]:
        raise ValueError(f"{folder} holds results of another job. Choose another folder.")
    for fact, array in zip(plan["state"], state, strict=True):
        if [list(array.shape), array.dtype.name] != [fact["shape"], fact["dtype"]]:
            raise ValueError(
                f"{file} is damaged: {fact['name']} is {array.dtype} of shape {array.shape}."
            )
    return found


def write(folder: str | os.PathLike, results: Results) -> None:
    """Writes results whole: whoever is killed at it leaves those of before."""
    facts = {field.name: getattr(results, field.name) for field in dataclasses.fields(results)}
    state = facts.pop("state")
    arrays = {str(number): array for number, array in enumerate(state)}
    with _whole(Path(folder) / FILE) as file:
        np.savez(file, facts=np.array(json.dumps(facts)), **arrays)
    with _whole(Path(folder) / "history.csv") as file:
        file.write(_table(results.history).encode())


def _table(rows: list[dict[str, float]]) -> str:
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


@contextlib.contextmanager
def _whole(path: Path):
    """A file to write, which takes its name when all of it is on the disk."""
    partial = path.with_name(f"{PARTIAL}{os.getpid()}-{path.name}")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
