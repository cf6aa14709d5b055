"""The models of a page, each with the images that it is shown on, and their two calls."""

import contextlib
import dataclasses
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from zoo import datasets, runs
from zoo.deliver import export, presets
from zoo.runs.explore import _facts
from zoo.utils import files
from zoo.utils.checks import check_integer

SAMPLES = 2_048  # images that KLs, percentiles and the heat map are measured on
MOST_MODELS = 8
FOLDERS = re.compile(r"""[^\s'"(),]*[/\\](?=[^\s'"(),/\\])""")
DRAWN = 512  # images of a model whose own dataset is not here


@dataclasses.dataclass(frozen=True)
class Shown:
    """A model on the page.

    Attributes:
        name: what it is called there.
        model: a model of the zoo.
        data: the images that it is shown on.
        title: what these are called.
        origin: those that it was measured on, in words, such as `"2,048 images of shapes3d"`.
        facts: what the page knows of it; see `_facts.of_model`.
        saved: the functions of its SavedModel.
    """

    name: str
    model: keras.Model
    data: datasets.Dataset
    title: str
    origin: str
    facts: dict
    saved: Mapping[str, Callable]

    def encode(self, images: np.ndarray) -> np.ndarray:
        """The most probable latents `(n, latent_dim)` of images `(n, *image_shape)`, float32 in [0, 1]."""
        found = self.saved["encode"](images=tf.constant(images, tf.float32))
        return found["mode" if "mode" in found else "mean"].numpy()

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Mean images `(n, *image_shape)` of latents `(n, latent_dim)`."""
        return self.saved["decode"](latents=tf.constant(latents, tf.float32))["images"].numpy()


def load(
    paths: Sequence[str | os.PathLike],
    data: str | None = None,
    *,
    samples: int = SAMPLES,
    say: Callable[[str], None] = lambda line: None,
) -> list[Shown]:
    """Models to show, measured.

    Args:
        paths: presets, run folders or `.keras` files.
        data: the dataset to show them on; default: what each was trained on. Where that is not here, or not known,
            images that the model itself makes of its prior.
        samples: how many images KLs, percentiles and the heat map are measured on.
        say: takes a line about what goes on.

    Raises:
        ValueError: there is no such model, its codes are no numbers, or the dataset's images do not fit it.
    """
    if not 1 <= len(paths) <= MOST_MODELS:
        raise ValueError(f"Expected 1 to {MOST_MODELS} models. Received: {len(paths)}.")
    check_integer("samples", samples, least=2)
    known: dict[str, datasets.Dataset] = {}
    return [_load(path, data, samples, known, say) for path in paths]


def _load(path, text: str | None, samples: int, known: dict, say) -> Shown:
    model, name = runs.load(path), _name_of(path)
    data, title, why = _images_of(model, path, text, known)
    origin = f"{min(samples, len(data)):,} images of {title}{why}"
    say(f"{name}: measuring on {origin}")
    facts = _facts.of_model(model, data, samples, name=name, origin=origin)
    facts |= _facts.written(_folder_of(path))
    return Shown(name, model, data, title, origin, facts, _saved(model, path))


def _name_of(path: str | os.PathLike) -> str:
    """What people call a model: the preset's or run's name, or the file's."""
    path = files.path_of(path)
    return (Path(os.path.abspath(path)).name if path.exists() else str(path)).removesuffix(".keras")


def _images_of(model, path, text: str | None, known: dict) -> tuple[datasets.Dataset, str, str]:
    """The dataset to show a model on, what it is called, and why it is no other where it is not the model's own."""
    name, own = text or _data_of(path), text is None
    why = "it does not tell its dataset"
    if name is not None:
        try:
            if name not in known:
                known[name] = datasets.load(name)
        except (ValueError, OSError) as error:
            if not own:
                raise
            why = without_folders(f"{name} is not here: {str(error).partition('. ')[0]}")
        else:
            _check_fits(model, path, name, known[name])
            return known[name], without_folders(name), ""
    made = np.clip(model.sample(DRAWN, 0)[0].numpy(), 0, 1)
    if not np.isfinite(made).all():
        raise ValueError(
            f"Expected a model whose images are finite numbers. Received: {_name_of(path)}, whose samples are not."
        )
    return datasets.load(made), f"the prior of {_name_of(path)}", f" ({why}; pass --data NAME)"


def without_folders(text: str) -> str:
    """A text without the folders of its paths, which are nobody's business where a page is put on the web.

    Example:
        >>> without_folders("split('data/mine/faces.npz', 0.8, 0.2)[0]"), without_folders("data/faces/")
        ("split('faces.npz', 0.8, 0.2)[0]", 'faces/')
    """
    return FOLDERS.sub("", text)


def _check_fits(model, path, name: str, data) -> None:
    if tuple(data.image_shape) != tuple(model.image_shape):
        raise ValueError(
            f"Expected images of shape {tuple(model.image_shape)} for {_name_of(path)}. "
            f"Received: {name}, with images of shape {tuple(data.image_shape)}."
        )


def _data_of(path: str | os.PathLike) -> str | None:
    """The name of the dataset that a preset or a run was trained on; None of a file."""
    if presets.is_preset(path):
        return presets.facts(path)["data"]
    return runs.load_config(path).data if files.path_of(path).is_dir() else None


def _folder_of(path: str | os.PathLike) -> Path | None:
    """The folder of a preset or run; None of a file."""
    if presets.is_preset(path):
        return presets.find(path)
    path = files.path_of(path)
    return path if path.is_dir() else None


def _saved(model, path: str | os.PathLike) -> Mapping[str, Callable]:
    """The signatures of the SavedModel of a preset or run; of a file one is made."""
    folder = _folder_of(path)
    inner = "1" if presets.is_preset(path) else os.path.join("saved_model", "1")
    with contextlib.ExitStack() as stack:
        there = folder and folder / inner
        if not (there and (there / "saved_model.pb").exists()):
            there = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "1"
            export.saved_model(model, there)
        loaded = tf.saved_model.load(str(there))
    # The functions hold their variables weakly.
    return _Signatures(loaded)


class _Signatures(Mapping):
    """The signatures of a loaded SavedModel, which stays loaded with them."""

    def __init__(self, loaded):
        self.loaded = loaded

    def __getitem__(self, name: str) -> Callable:
        return self.loaded.signatures[name]

    def __iter__(self):
        return iter(self.loaded.signatures)

    def __len__(self) -> int:
        return len(self.loaded.signatures)
