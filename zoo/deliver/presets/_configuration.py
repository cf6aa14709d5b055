"""A model as the text of `config.json`, and back."""

import contextlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from zoo.deliver import export
from zoo.deliver.presets import _trusted as trusted
from zoo.deliver.presets._integrity import Damaged
from zoo.utils import files, registry
from zoo.utils.texts import one_line

FILE = "config.json"
SLACK = 2**30  # bytes of weights that a model may have beyond those that its preset holds
LONGEST_REASON = 200


def bare(model: keras.Model) -> tuple[keras.Model, str]:
    """A float32 copy of a model, with no optimizers, and the text that makes it anew.

    Raises:
        ValueError: the model cannot be read back from any text, and which layer is to blame.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of lambdas, which are refused here
        config = export.without_compilation(json.loads(_described(model)))
        _refuse_foreign(config)
        try:
            copy = export.float32_copy(model)
            text = json.dumps(keras.saving.serialize_keras_object(copy), indent=1) + "\n"
            keras.saving.deserialize_keras_object(json.loads(text), safe_mode=True)
        except Exception as error:
            raise _unfit(*(trusted.culprit(config) or (model.name, error))) from None
    return copy, text


def read(folder: Path) -> dict:
    """The configuration of a preset, which describes a model of the zoo and asks for no code.

    Raises:
        Damaged: it does not.
    """
    file = folder / FILE
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Damaged(f"{file} cannot be read: {_cause(error)}") from None
    base = registry.get("models", "vae")
    name = config.get("registered_name") if isinstance(config, dict) else None
    cls = keras.saving.get_registered_object(name) if isinstance(name, str) else None
    if not isinstance(cls, type) or not issubclass(cls, base):
        raise Damaged(f"{file} describes no model of the zoo. Received: {name!r}.")
    for found in trusted.foreign(config):
        remedy = found.remedy if found.is_unregistered else "A preset holds no code."
        where = "" if found.layer else "asks for "
        raise Damaged(f"{file}: {where}{found}. {remedy}")
    return config


def model_of(config: dict, folder: Path) -> keras.Model:
    """The model of a configuration that was read from a preset's folder, with new weights.

    Raises:
        Damaged: no model can be made of it.
    """
    most = files.size_of(folder) + SLACK
    try:
        with _no_more_weights_than(most):
            model = keras.saving.deserialize_keras_object(config, safe_mode=True)
        model(np.zeros((1, *model.image_shape), "float32"))
    # Whatever its values made Keras, TensorFlow or a layer of the user's raise.
    except Exception as error:
        with _no_more_weights_than(most):
            layer, cause = trusted.culprit(config) or (config.get("class_name"), error)
        raise Damaged(
            f"{folder / FILE} describes no model that can be made: {layer!r}: {_cause(cause)}"
        ) from None
    return model


@contextlib.contextmanager
def _no_more_weights_than(most: int) -> Iterator[None]:
    """Refuses variables that together take more bytes, before they are allocated."""
    left = most

    def checked(create, **arguments):
        nonlocal left
        left -= _bytes_of(arguments["initial_value"])
        if left < 0:
            raise ValueError(f"Expected at most {most:,} bytes of weights. Received: more.")
        return create(**arguments)

    with tf.variable_creator_scope(checked):
        yield


def _bytes_of(initial) -> int:
    """How large a variable of this initial value, or of what this function returns, will be."""
    cells = [cell.cell_contents for cell in getattr(initial, "__closure__", None) or ()]
    made = next((cell for cell in cells if isinstance(cell, keras.Variable)), None)
    if (
        made is None
    ):  # No function of Keras, which tells its variable's shape: traced, not computed.
        with tf.Graph().as_default():
            made = tf.convert_to_tensor(initial() if callable(initial) else initial)
    return tf.as_dtype(made.dtype).size * (tf.TensorShape(made.shape).num_elements() or 0)


def _refuse_foreign(config: dict) -> None:
    for found in trusted.foreign(config):
        raise ValueError(
            f"Expected a model that Keras loads in safe mode. Received: {found}. {found.remedy}"
        )


def _described(layer: keras.Layer) -> str:
    """A layer's configuration as JSON; raises `ValueError` with the name of the innermost one that has none."""
    try:
        return json.dumps(keras.saving.serialize_keras_object(layer))
    except Exception as error:
        for part in getattr(layer, "layers", ()):
            _described(part)
        raise _unfit(layer.name, error) from None


def _unfit(name: str, error: Exception) -> ValueError:
    return ValueError(
        f'Expected layers that can be made anew from their `get_config()`. Received: layer "{name}", '
        f"which cannot: {_cause(error)}"
    )


def _cause(error: Exception) -> str:
    """What an error says, of one that Keras tells of the error behind it, in one line that is not long."""
    _, _, cause = str(error).rpartition("Exception encountered: ")
    return one_line(cause.strip() or type(error).__name__, LONGEST_REASON)
