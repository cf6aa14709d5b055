"""How far an exported file is from the model it was made of, measured on real images."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from zoo.deliver.export import _functions

MEASURED, MOST = 64, 1024  # images that are run, of so many that are given


class Inexact(ValueError):
    """An exported file differs from its model by more than the tolerance."""


@dataclasses.dataclass(frozen=True)
class Exported:
    """A file, or a folder of files, that passed the comparison.

    Attributes:
        path: where it is.
        size: in bytes.
        errors: largest absolute difference from the model for each output, such as `"encode.mean"` (in units of the
            latent) and `"decode.images"` (of pixels in [0, 1]).
    """

    path: Path
    size: int
    errors: dict[str, float]


Runner = Callable[[str, Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


def inputs(
    model, images: np.ndarray, names: list[str], tolerance: float = 0.0
) -> dict[str, dict[str, np.ndarray]]:
    """Real inputs of each function: images, and the codes of these images.

    A code that is rounded jumps where an encoder is off by next to nothing: of such a model those images are taken
    whose codes stay the same if it is off by a tenth of the tolerance, as far as there are some.

    Raises:
        ValueError: there are no images, or they do not fit the model.
    """
    if len(images) == 0:
        raise ValueError("Expected images to measure the exported file on. Received: none.")
    images = np.asarray(images)
    scaled = images[:MOST].astype("float32") / np.float32(255 if images.dtype == np.uint8 else 1)
    firm = model.firm(scaled, tolerance / 10)
    scaled = (scaled[firm] if firm.any() else scaled)[:MEASURED]
    known = {"images": scaled, "latents": model.encode(scaled).mean().numpy()}
    return {name: {_argument(name): known[_argument(name)]} for name in names}


def measure(model, run: Runner, given: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, float]:
    """The largest absolute difference between the model's outputs and those of `run`, for each output.

    NaN where `run` gives NaN.
    """
    functions = _functions.of(model)
    found = {}
    for name, arguments in given.items():
        tensors = {key: tf.constant(value) for key, value in arguments.items()}
        # Traced by name: TensorFlow warns of calls that trace the same lines for one model after another.
        expected = functions[name].get_concrete_function()(**tensors)
        received = run(name, arguments)
        for output, value in expected.items():
            difference = np.abs(value.numpy() - received[output])
            found[f"{name}.{output}"] = float(difference.max())
    return found


def check(errors: Mapping[str, float], tolerance: float, what: str) -> None:
    """Raises `Inexact` unless every error is within the tolerance."""
    worst = max(errors, key=lambda name: np.nan_to_num(errors[name], nan=np.inf))
    if not errors[worst] <= tolerance:
        raise Inexact(
            f"{what} differs from its model by {errors[worst]:.3g} in {worst}; allowed is {tolerance:g}. "
            "Nothing was written. Choose a finer precision, or pass a larger tolerance if that will do."
        )


def _argument(name: str) -> str:
    return "latents" if name == "decode" else "images"
