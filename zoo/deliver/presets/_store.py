"""A model as a preset's folder, and back."""

import os
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np

from zoo.deliver import export
from zoo.deliver.presets import _configuration as configuration
from zoo.deliver.presets import _hub as hub
from zoo.deliver.presets import _integrity as integrity
from zoo.deliver.presets import _weights as weights
from zoo.deliver.presets._fetch import find
from zoo.deliver.presets._integrity import Damaged
from zoo.utils import files, layouts
from zoo.utils.texts import first_line

CONFIG, WEIGHTS = configuration.FILE, "model.weights.h5"
PROBES = 3  # images that a model is compared with itself on


def save(model: keras.Model, folder: str | os.PathLike, *, overwrite: bool = False) -> None:
    """Writes a preset: configuration, weights, SavedModel and checksums.

    The preset computes in float32, and holds nothing that only the continuation of a run needs: no optimizers and no
    random state.

    Args:
        model: any model of the zoo.
        folder: the new folder, or `hf://USER/NAME` on the Hugging Face Hub.
        overwrite: whether an existing preset is replaced.

    Raises:
        FileExistsError: the folder exists and `overwrite` is false, or it is no preset.
        Unavailable: the Hub does not answer, or refuses.
        ValueError: the model holds what Keras does not load in safe mode, such as a lambda or a layer that is not
            registered, or cannot be read back.

    Example:
        >>> import tempfile, zoo
        >>> folder = os.path.join(tempfile.mkdtemp(), "mine")
        >>> save(zoo.models.VAE((8, 8, 1), latent_dim=3, seed=0), folder)
        >>> from_preset(folder).latent_dim
        3
    """
    if hub.is_hub(folder):
        repository, _ = hub.parse(folder)
        with tempfile.TemporaryDirectory() as scratch:
            made = Path(scratch) / Path(repository).name
            save(model, made)
            hub.upload(made, os.fspath(folder), overwrite=overwrite)
        return
    files.check_new(folder, overwrite, layouts.PRESET)
    described = configuration.bare(model)
    with files.whole_folder(folder, overwrite=overwrite, layout=layouts.PRESET) as partial:
        _write(model, *described, partial)
        integrity.write_sums(partial)


def write(model: keras.Model, folder: Path) -> None:
    """Writes configuration and weights, as a SavedModel, into a folder, and reads them back.

    Raises:
        ValueError: the model cannot be read back, or gives other answers then.
    """
    _write(model, *configuration.bare(model), folder)


def _write(model: keras.Model, bare: keras.Model, config: str, folder: Path) -> None:
    (folder / CONFIG).write_text(config, encoding="utf-8")
    weights.write(bare, folder)
    _check_same(export.in_float32(model), _read(configuration.read(folder), folder))


def _check_same(model: keras.Model, again: keras.Model) -> None:
    """Raises `ValueError` if a model that was read back is not the one that was written."""
    for part in ("encoder", "decoder", "likelihood"):
        before, after = (getattr(found, part).get_weights() for found in (model, again))
        same = [np.array_equal(*pair, equal_nan=True) for pair in zip(before, after, strict=False)]
        if len(before) != len(after) or not all(same):
            raise ValueError(f"The weights of the {part} are not read back as they were written.")
    images = np.random.default_rng(0).uniform(size=(PROBES, *model.image_shape)).astype("float32")
    first, second, read = (np.asarray(found(images)) for found in (model, model, again))
    # A model that draws lots each time it is asked has no answer to compare.
    draws_lots = not np.array_equal(first, second, equal_nan=True)
    if not draws_lots and not np.allclose(first, read, rtol=1e-4, atol=1e-4, equal_nan=True):
        raise ValueError(
            "Expected a model that its configuration and weights define. Received: one whose images differ by up "
            f"to {np.abs(first - read).max():.2g} once it is read back. Let the `get_config()` of each layer of "
            "yours return all arguments of its constructor."
        )


def from_preset(
    name: str | os.PathLike,
    *,
    address: str | None = None,
    offline: bool | None = None,
    show_progress: bool = False,
    of_class: type[keras.Model] | None = None,
    discriminator: bool = True,
) -> keras.Model:
    """A pretrained model, every file of which was verified.

    Args:
        name: a name from `zoo presets`, the path of a preset's folder, or `hf://USER/NAME` on the Hugging Face Hub.
        address: where presets are offered; see `zoo.presets.find`.
        offline: never fetch; see `zoo.presets.find`.
        show_progress: whether progress bars are shown.
        of_class: the class that the model must have.
        discriminator: whether a discriminator's weights are read as well, float16, where a model has one: what
            training and the estimate of the total correlation need, and nothing else does.

    Returns:
        The model, not compiled.

    Raises:
        Damaged: a file of the preset is missing or changed, or asks for what a preset may not hold, or for a class of
            yours that is not registered.
        Unavailable: the preset is not here and cannot be fetched.
        ValueError: nothing has this name, or the model is of another class.
    """
    folder = find(name, address=address, offline=offline, show_progress=show_progress)
    config = configuration.read(folder)
    wanted = of_class or keras.Model
    made = config["registered_name"].partition(">")[2]
    cls = keras.saving.get_registered_object(config["registered_name"])
    if not issubclass(cls, wanted):
        raise ValueError(
            f'Preset "{Path(name).name}" is a {made}, no {wanted.__name__}. '
            f"Use zoo.models.{made}.from_preset, or zoo.from_preset."
        )
    return _read(config, folder, discriminator)


def _read(config: dict, folder: Path, discriminator: bool = True) -> keras.Model:
    model = configuration.model_of(config, folder)
    if (folder / WEIGHTS).exists():
        _load_weights(model, folder)
    else:
        weights.read(model, folder, discriminator=discriminator)
    return model


def _load_weights(model: keras.Model, folder: Path) -> None:
    with warnings.catch_warnings():
        # Keras only warns of parts that keep their initial weights.
        warnings.simplefilter("error", UserWarning)
        try:
            model.load_weights(folder / WEIGHTS)
        except (UserWarning, ValueError, KeyError, OSError) as error:
            reason = first_line(error)
            raise Damaged(f"{folder / WEIGHTS} holds no weights of this model: {reason}") from None
