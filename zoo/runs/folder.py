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
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo import models
from zoo.deliver import presets
from zoo.utils import archives, files
from zoo.utils.checks import is_number
from zoo.utils.locks import LOCK, alone_in

KEPT_CHECKPOINTS = 2
NO_RUN = "Expected the folder of a run. Received: {}, without config.json."
RESTORE = "Restore it from a copy, or choose another --out."


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
    images: str | None = dataclasses.field(default=None, compare=False)  # their fingerprint


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
    path = files.path_of(path)
    file = path / "model.keras" if path.is_dir() else path
    if not file.exists():
        raise ValueError(
            f"Expected a preset, a run folder or a .keras file. Received: {path}, where {file} is missing."
        )
    return _model_of(file, custom_objects)


def load_config(folder: str | os.PathLike) -> Config:
    """The configuration of a run folder.

    Raises:
        ValueError: the folder holds no run.
    """
    file = files.path_of(folder) / "config.json"
    try:
        return _checked(Config(**files.read_json(file)))
    except FileNotFoundError:
        raise ValueError(NO_RUN.format(folder)) from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file} is damaged or of another version: {error}") from None


def _checked(config: Config) -> Config:
    """The configuration, if its values are of the types that they are declared with."""
    for field in dataclasses.fields(Config):
        value = getattr(config, field.name)
        kind = dict if field.name == "settings" else field.type
        fits = is_number(value) if kind is float else isinstance(value, kind)
        if not fits or (kind is int and isinstance(value, bool)):
            raise ValueError(f"{field.name} is {value!r:.80}")
    return config


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
    """Raises `ValueError` unless the folder is new, or holds nothing but what a killed process left half-written."""
    if (folder / "config.json").exists():
        raise ValueError(
            f"{folder} holds a run already. Continue it with --resume (resume=True), or choose another --out."
        )
    if folder.exists() and not _is_blank(folder):
        raise ValueError(
            f"Expected `out` to be a new or empty folder. Received: {folder}, which holds other files."
        )


def check_there(folder: Path) -> None:
    """Raises `ValueError` if there is no folder that a run could be resumed in."""
    if not folder.exists():
        raise ValueError(NO_RUN.format(folder))


def _is_blank(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    return all(files.is_partial(path) or path.name == LOCK for path in folder.iterdir())


def open_folder(folder: Path, config: Config) -> None:
    """Makes the folder with its `config.json`, and removes what a killed process left half-written."""
    folder.mkdir(parents=True, exist_ok=True)
    files.remove_partials(folder)
    files.write_json(folder / "config.json", dataclasses.asdict(config))


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Holds a run's folder for this process, and says of an error of the file system what it hit and what to do.

    Raises:
        ValueError: another process trains there.
        OSError: the disk is full, the folder cannot be written to, ...
    """
    try:
        with alone_in(folder):
            yield
    except (OSError, tf.errors.OpError) as error:
        cause = error if isinstance(error, OSError) else files.disk_error(error.message)
        if cause is None:
            raise
        raise OSError(
            f"Cannot write the run to {folder}: {files.reason_of(cause)}. Make room, or choose another --out; what "
            "is there is whole, and --resume continues from it."
        ) from error


def _as_written(value):
    """What JSON keeps of a value: of a tuple a list."""
    return json.loads(json.dumps(value))


def is_written(value) -> bool:
    """Whether a run's configuration can keep a value.

    Example:
        >>> is_written([4, "linear(1, 2)", None]), is_written(np.zeros(2))
        (True, False)
    """
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def restore(folder: Path, config: Config) -> keras.Model | None:
    """The compiled model of the run's last checkpoint; None where it has none yet.

    Raises:
        ValueError: the run has another configuration or other images, or a file of it is damaged.
    """
    if folder.is_dir() and _is_blank(folder):
        return None  # killed before it began
    before = load_config(folder)
    for field in dataclasses.fields(Config):
        if field.name == "images":
            continue
        old, new = getattr(before, field.name), _as_written(getattr(config, field.name))
        prolonged = field.name == "steps" and new > old
        if old != new and not prolonged:
            raise ValueError(
                f"{folder} was started with {field.name}={old!r}. Received: {field.name}={new!r}. "
                "Resume with the same configuration (only `steps` may grow), or choose another --out."
            )
    if before.images is not None and before.images != config.images:
        raise ValueError(
            f"The images of {config.data} are not those that {folder} was started with. Resume with the same images, "
            "or choose another --out."
        )
    unfinished = checkpoints(folder)
    finished = folder / "model.keras"
    if not unfinished and not finished.exists():
        return None
    history = read_history(folder)
    model = _model_of(unfinished[-1] if unfinished else finished)
    if not history and model.updates_made() >= config.steps:
        raise ValueError(f"{folder / 'history.csv'} is missing or empty. {RESTORE}")
    return model


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
    """Rows of `history.csv`; none where there is no such file.

    Raises:
        ValueError: it holds something else.
    """
    file = folder / "history.csv"
    if not file.exists():
        return []
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            rows = [
                {name: float(value) for name, value in row.items()}
                for row in csv.DictReader(lines, strict=True)
            ]
        return [{**row, "step": int(row["step"]), "seconds": row["seconds"]} for row in rows]
    except (ValueError, TypeError, KeyError, OverflowError, csv.Error):
        expected = "a column of numbers for step, seconds, loss and each of its terms"
        raise ValueError(f"{file} is damaged: expected {expected}. {RESTORE}") from None


def write_history(folder: Path, rows: list[dict[str, float]]) -> None:
    """Writes `history.csv` whole."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write_text(folder / "history.csv", text.getvalue())


def _model_of(file: Path, custom_objects: Mapping[str, Any] | None = None) -> keras.Model:
    """The model of a file, if it is one of the zoo, or a subclass of one."""
    archives.check(file)
    model = _load(file, custom_objects)
    if not isinstance(model, models.VAE):
        raise ValueError(
            f"Expected a model of the zoo. Received: {file}, which holds a {type(model).__name__} of "
            f"{type(model).__module__.partition('.')[0]}."
        )
    return model


def _load(file: Path, custom_objects: Mapping[str, Any] | None = None) -> keras.Model:
    try:
        with (
            keras.saving.custom_object_scope(dict(custom_objects or {})),
            warnings.catch_warnings(),
        ):
            # Keras only warns of layers that the file has no weights for, which would keep their initial ones.
            warnings.filterwarnings("error", "(?s).*freshly-initialized", UserWarning)
            return keras.models.load_model(file)
    # Whatever the bytes of a file made Keras, h5py or a layer of the user's raise.
    except Exception as error:
        raise ValueError(presets.why_unreadable(file, error)) from None
