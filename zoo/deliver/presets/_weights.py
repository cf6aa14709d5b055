"""A preset's weights, each stored once: the SavedModel's are the model's, a discriminator's lie beside.

| file | weights |
|---|---|
| `1/variables/` | of encoder, decoder and likelihood, float32, in the order of `zoo.export.served` |
| `discriminator.npz` | what only training needs, float16, where there is a discriminator |
| `model.weights.h5` | all of them, in presets of before |
"""

import math
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from zoo.deliver import export
from zoo.deliver.presets._integrity import Damaged
from zoo.utils import files
from zoo.utils.texts import first_line

SAVED_MODEL, DISCRIMINATOR = "1", "discriminator.npz"
HEAD = 4096  # bytes that an array's file may have beside its numbers
KEY = "weights/{}/.ATTRIBUTES/VARIABLE_VALUE"


def write(model: keras.Model, folder: Path) -> None:
    """Writes the SavedModel, and what only training needs, into a preset's folder."""
    export.saved_model(model, folder / SAVED_MODEL)
    beside = [_half(weight.numpy()) for weight in export.training_only(model)]
    if beside:
        with files.whole_file(folder / DISCRIMINATOR) as partial, open(partial, "wb") as file:
            np.savez_compressed(file, **{f"{i:03d}": value for i, value in enumerate(beside)})


def read(model: keras.Model, folder: Path, *, discriminator: bool = True) -> None:
    """Gives a model the weights of a preset's folder.

    Args:
        model: of the preset's configuration.
        folder: the preset.
        discriminator: whether what only training needs is read as well, where there is any.

    Raises:
        Damaged: the folder holds no weights of this model. The model may have got some of them.
    """
    _assign(export.served(model), _from_saved_model(folder / SAVED_MODEL), folder / SAVED_MODEL)
    weights = export.training_only(model)
    if weights and discriminator:
        most = sum(8 * math.prod(weight.shape) + HEAD for weight in weights)
        _assign(weights, _from_npz(folder / DISCRIMINATOR, most), folder / DISCRIMINATOR)
    export.let_settle(model)


def _half(value: np.ndarray) -> np.ndarray:
    """A value in half its bytes, where it is in the range of float16."""
    if value.dtype != np.float32 or np.abs(value).max(initial=0) > np.finfo(np.float16).max:
        return value
    return value.astype(np.float16)


def _from_saved_model(folder: Path) -> list[np.ndarray]:
    try:
        reader = tf.train.load_checkpoint(os.fspath(folder / "variables" / "variables"))
        known, values = reader.get_variable_to_shape_map(), []
        while KEY.format(len(values)) in known:
            values.append(reader.get_tensor(KEY.format(len(values))))
    except (tf.errors.OpError, ValueError, RuntimeError, TypeError, LookupError) as error:
        reason = first_line(error)
        raise Damaged(f"{folder} holds no weights: {reason}") from None
    return values


def _from_npz(file: Path, most: int) -> list[np.ndarray]:
    """Arrays of at most so many bytes, by which nobody can fill the memory with a small file."""
    try:
        with zipfile.ZipFile(file) as packed:
            size = sum(member.file_size for member in packed.infolist())
        if size > most:
            raise Damaged(f"{file} holds no weights of this model: {size:,} bytes.")
        with np.load(file, allow_pickle=False) as arrays:
            return [arrays[name] for name in sorted(arrays.files)]
    except Damaged:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise Damaged(f"{file} holds no weights: {error}") from None


def _assign(weights: Sequence[keras.Variable], values: Sequence[np.ndarray], where: Path) -> None:
    # A SavedModel may hold more variables than the model's, such as constants of a network; they come last.
    expected = [tuple(weight.shape) for weight in weights]
    found = [value.shape for value in values[: len(weights)]]
    if expected != found:
        wrong = next(
            (pair for pair in zip(expected, found, strict=False) if pair[0] != pair[1]), None
        )
        what = f"shape {wrong[1]} for {wrong[0]}" if wrong else f"{len(found)} of {len(expected)}"
        raise Damaged(f"{where} holds no weights of this model: {what}.")
    for weight, value in zip(weights, values, strict=False):
        weight.assign(value.astype(weight.dtype))
