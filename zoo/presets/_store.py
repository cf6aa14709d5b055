"""A model as a preset's folder, and back."""

import json
import os
import warnings
from pathlib import Path

import keras

from zoo import export, files, layouts, models
from zoo.presets import _integrity as integrity
from zoo.presets._fetch import find
from zoo.presets._integrity import Damaged

CONFIG, WEIGHTS, SAVED_MODEL = "config.json", "model.weights.h5", "1"
# Where the objects of a configuration may come from. Neither holds a way to run what a file says.
TRUSTED_PREFIX = (
    "keras.layers",
    "keras.initializers",
    "keras.optimizers.schedules",
    "keras.src.models",
)
FORBIDDEN = {"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"}


def save(model: keras.Model, folder: str | os.PathLike, *, overwrite: bool = False) -> None:
    """Writes a preset: configuration, weights, SavedModel and checksums.

    The preset computes in float32, and holds nothing that only the continuation of a run needs: no optimizers and no
    random state.

    Args:
        model: any model of the zoo.
        folder: the new folder.
        overwrite: whether an existing preset is replaced.

    Raises:
        FileExistsError: the folder exists and `overwrite` is false, or it is no preset.

    Example:
        >>> import tempfile, zoo
        >>> folder = os.path.join(tempfile.mkdtemp(), "mine")
        >>> save(zoo.models.VAE((8, 8, 1), latent_dim=3, seed=0), folder)
        >>> from_preset(folder).latent_dim
        3
    """
    with files.whole_folder(folder, overwrite=overwrite, layout=layouts.PRESET) as partial:
        write(model, partial)
        integrity.write_sums(partial)


def write(model: keras.Model, folder: Path) -> None:
    """Writes configuration, weights and SavedModel into a folder."""
    bare = export.float32_copy(model)
    config = json.dumps(keras.saving.serialize_keras_object(bare), indent=1)
    (folder / CONFIG).write_text(config + "\n", encoding="utf-8")
    bare.save_weights(folder / WEIGHTS)
    export.saved_model(bare, folder / SAVED_MODEL)


def from_preset(
    name: str | os.PathLike,
    *,
    address: str | None = None,
    offline: bool | None = None,
    show_progress: bool = False,
    of_class: type[keras.Model] | None = None,
) -> keras.Model:
    """A pretrained model, every file of which was verified.

    Args:
        name: a name from `zoo presets`, or the path of a preset's folder.
        address: where presets are offered; see `zoo.presets.find`.
        offline: never fetch; see `zoo.presets.find`.
        show_progress: whether progress bars are shown.
        of_class: the class that the model must have.

    Returns:
        The model, not compiled.

    Raises:
        Damaged: a file of the preset is missing or changed, or asks for what a preset may not hold.
        Unavailable: the preset is not here and cannot be fetched.
        ValueError: nothing has this name, or the model is of another class.
    """
    folder = find(name, address=address, offline=offline, show_progress=show_progress)
    config = _read_config(folder)
    wanted = of_class or keras.Model
    made = config["registered_name"].partition(">")[2]
    cls = keras.saving.get_registered_object(config["registered_name"])
    if not issubclass(cls, wanted):
        raise ValueError(
            f'Preset "{Path(name).name}" is a {made}, no {wanted.__name__}. '
            f"Use zoo.models.{made}.from_preset, or zoo.from_preset."
        )
    model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    _load_weights(model, folder)
    return model


def _load_weights(model: keras.Model, folder: Path) -> None:
    with warnings.catch_warnings():
        # Keras only warns of parts that keep their initial weights.
        warnings.simplefilter("error", UserWarning)
        try:
            model.load_weights(folder / WEIGHTS)
        except (UserWarning, ValueError, KeyError, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise Damaged(f"{folder / WEIGHTS} holds no weights of this model: {reason}") from None


def _read_config(folder: Path) -> dict:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Damaged(f"{folder / CONFIG} cannot be read: {error}") from None
    name = config.get("registered_name") if isinstance(config, dict) else None
    cls = keras.saving.get_registered_object(name) if isinstance(name, str) else None
    if cls is None or not issubclass(cls, models.VAE):
        raise Damaged(f"{folder / CONFIG} describes no model of the zoo. Received: {name!r}.")
    _refuse_foreign(config, folder)
    return config


def _refuse_foreign(value, folder: Path) -> None:
    """Raises `Damaged` if a configuration asks for an object that is neither Keras' nor the zoo's."""
    if isinstance(value, list):
        for item in value:
            _refuse_foreign(item, folder)
    if not isinstance(value, dict):
        return
    if "class_name" in value and not _is_trusted(value):
        raise Damaged(
            f"{folder / CONFIG} asks for {value['class_name']!r} of module {value.get('module')!r}. "
            "A preset holds layers of Keras and objects of the zoo, and no code."
        )
    for item in value.values():
        _refuse_foreign(item, folder)


def _is_trusted(value: dict) -> bool:
    name, module = value["class_name"], value.get("module")
    registered = value.get("registered_name")
    if name in FORBIDDEN:
        return False
    if isinstance(registered, str) and registered.startswith("zoo>"):
        return keras.saving.get_registered_object(registered) is not None
    if name in ("__tensor__", "__numpy__", "DTypePolicy", "__keras_tensor__"):
        return True
    return isinstance(module, str) and module.startswith(TRUSTED_PREFIX)
