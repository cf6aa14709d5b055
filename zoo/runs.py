"""The folder of a training run.

| file | content |
|---|---|
| `config.json` | what `zoo.train` was called with |
| `model.keras` | the trained model, its optimizers and random state |
| `history.csv` | the loss and its terms in nats, averaged over the updates since the row before |
| `tensorboard/` | the same as scalars, and pictures during training |
| `checkpoints/` | while the run is unfinished: what `resume` continues from |
| `scores.json` | scores, with how they were taken |
| `figures/*.png` | traversals, reconstructions, loss curves |
| `saved_model/1/` | SavedModel for programs without Keras |
| `card.md` | a summary to read |
"""

import contextlib
import csv
import dataclasses
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo import files, models, presets  # noqa: F401  Keras finds the models' classes once they are imported.

KEPT_CHECKPOINTS = 2


class Diverged(RuntimeError):
    """Training stopped because a term of the loss, or a weight, is no longer a finite number."""


@dataclasses.dataclass(frozen=True)
class Config:
    """What defines a run; the same configuration gives the same run."""

    model: str
    data: str
    steps: int
    batch_size: int
    latent_dim: int
    likelihood: str
    settings: dict[str, Any]
    seed: int
    precision: str
    learning_rate: float


def default_folder(config: Config) -> Path:
    """`runs/MODEL-DATA-seedSEED`."""
    data = re.sub(r"\W+", "-", Path(config.data).stem).strip("-")
    return Path("runs") / f"{config.model}-{data}-seed{config.seed}"


def load(path: str | os.PathLike, custom_objects: Mapping[str, Any] | None = None) -> keras.Model:
    """The model of a preset, a run folder, or a `.keras` file.

    Args:
        path: which.
        custom_objects: name to class or function of yours, for those that are not registered with
            `keras.saving.register_keras_serializable`; a preset takes only registered ones.

    Raises:
        ValueError: there is none, a file is damaged, or wants a class or function that is not known here.
    """
    if presets.is_preset(path):
        return presets.from_preset(path)
    path = Path(path)
    file = path / "model.keras" if path.is_dir() else path
    if not file.exists():
        raise ValueError(
            f"Expected a preset, a run folder or a .keras file. Received: {path}, where {file} is missing."
        )
    return _load(file, custom_objects)


def load_config(folder: str | os.PathLike) -> Config:
    """The configuration of a run folder.

    Raises:
        ValueError: the folder holds no run.
    """
    file = Path(folder) / "config.json"
    try:
        return Config(**files.read_json(file))
    except FileNotFoundError:
        raise ValueError(
            f"Expected the folder of a run. Received: {folder}, without config.json."
        ) from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file} is damaged or of another version: {error}") from None


def alike(folders: Sequence[str | os.PathLike]) -> Config:
    """The configuration of runs that differ in their seed alone: that of the first.

    Raises:
        ValueError: there is none, one holds no run, or they differ in more.
    """
    if not folders:
        raise ValueError("Expected the folders of runs. Received: none.")
    first, *others = (load_config(folder) for folder in folders)
    for folder, config in zip(folders[1:], others, strict=True):
        if dataclasses.replace(config, seed=first.seed) != first:
            raise ValueError(
                f"Expected runs that differ in their seed alone. Received: {folders[0]} and {folder}."
            )
    return first


def check_free(folder: Path) -> None:
    """Raises `ValueError` unless the folder is new or empty."""
    if (folder / "config.json").exists():
        raise ValueError(
            f"{folder} holds a run already. Continue it with --resume (resume=True), or choose another --out."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(
            f"Expected `out` to be a new or empty folder. Received: {folder}, which holds other files."
        )


def open_folder(folder: Path, config: Config) -> None:
    """Makes the folder with its `config.json`, and removes what a killed process left half-written."""
    folder.mkdir(parents=True, exist_ok=True)
    files.remove_partials(folder)
    files.write_json(folder / "config.json", dataclasses.asdict(config))


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Says of an error of the file system what it hit and what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error).partition("\n")[0]
        raise OSError(
            f"Cannot write the run to {folder}: {reason}. Make room, or choose another --out; what "
            "is there is whole, and --resume continues from it."
        ) from error


def _as_written(value):
    """What JSON keeps of a value: of a tuple a list."""
    return json.loads(json.dumps(value))


def restore(folder: Path, config: Config) -> keras.Model | None:
    """The compiled model of the run's last checkpoint; None where it has none yet.

    Raises:
        ValueError: the run has another configuration, or its last checkpoint is damaged.
    """
    before = load_config(folder)
    for field in dataclasses.fields(Config):
        old, new = getattr(before, field.name), _as_written(getattr(config, field.name))
        prolonged = field.name == "steps" and new > old
        if old != new and not prolonged:
            raise ValueError(
                f"{folder} was started with {field.name}={old!r}. Received: {field.name}={new!r}. "
                "Resume with the same configuration (only `steps` may grow), or choose another --out."
            )
    unfinished = checkpoints(folder)
    finished = folder / "model.keras"
    if unfinished:
        return _load(unfinished[-1])
    return _load(finished) if finished.exists() else None


def checkpoints(folder: Path) -> list[Path]:
    """Files of the run's checkpoints, the last one last."""
    return sorted((folder / "checkpoints").glob("step-*.keras"))


def save_checkpoint(model: keras.Model, folder: Path, step: int) -> None:
    """Writes `checkpoints/step-N.keras` and removes all but the last two."""
    (folder / "checkpoints").mkdir(exist_ok=True)
    save(model, folder / "checkpoints" / f"step-{step:08d}.keras")
    for old in checkpoints(folder)[:-KEPT_CHECKPOINTS]:
        old.unlink()


def save_final(model: keras.Model, folder: Path) -> None:
    """Writes `model.keras`, from which the run can be prolonged, and removes the checkpoints."""
    save(model, folder / "model.keras")
    for checkpoint in checkpoints(folder):
        checkpoint.unlink()
    if (folder / "checkpoints").exists():
        (folder / "checkpoints").rmdir()


def save(model: keras.Model, file: Path) -> None:
    """Writes a `.keras` file whole, if every weight is a finite number; raises `Diverged` otherwise."""
    for variable in model.weights:
        if not np.isfinite(variable.numpy()).all():
            raise Diverged(f"Weight {variable.path} is not finite.")
    with files.whole_file(file) as partial:
        model.save(partial)


def read_history(folder: Path) -> list[dict[str, float]]:
    """Rows of `history.csv`; none where there is no such file."""
    file = folder / "history.csv"
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as lines:
        rows = [
            {name: float(value) for name, value in row.items()} for row in csv.DictReader(lines)
        ]
    return [{**row, "step": int(row["step"])} for row in rows]


def write_history(folder: Path, rows: list[dict[str, float]]) -> None:
    """Writes `history.csv` whole."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write_text(folder / "history.csv", text.getvalue())


def _load(file: Path, custom_objects: Mapping[str, Any] | None = None) -> keras.Model:
    try:
        with keras.saving.custom_object_scope(dict(custom_objects or {})):
            return keras.models.load_model(file)
    # Whatever the bytes of a file made Keras, h5py or a layer of the user's raise.
    except Exception as error:
        raise ValueError(presets.why_unreadable(file, error)) from None
