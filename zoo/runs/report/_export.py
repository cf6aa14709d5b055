"""A run's model, written for other programs."""

import inspect
import os

import numpy as np

from zoo import datasets, runs
from zoo.deliver import export
from zoo.runs.report._places import data_of
from zoo.utils import files, layouts, registry
from zoo.utils.checks import is_number

FORMS = {"saved_model": layouts.SAVED_MODEL, "litert": layouts.LITERT, "onnx": layouts.ONNX}
MEASURED = 64  # images that an exported file is compared on


def export_model(
    path: str | os.PathLike,
    out: str | os.PathLike,
    form: str = "saved_model",
    data: str | None = None,
    *,
    overwrite: bool = False,
    **options,
) -> export.Exported:
    """Writes a preset's or a run's model, or that of a `.keras` file, for other programs.

    Args:
        path: preset, run folder or `.keras` file.
        out: the new folder or file.
        form: `"saved_model"`, `"litert"` or `"onnx"`: a function of `zoo.export`.
        data: whose images the file is compared on; default: what the model was trained on.
        overwrite: whether what is there is replaced.
        **options: of that function.

    Raises:
        ValueError: an option is not of that function, or out of range; or there is no model at `path`.
        FileExistsError: `out` exists and `overwrite` is false, or it is not what the zoo wrote.
    """
    write = getattr(export, registry.check_known("form", form, FORMS))
    others = [name for name in options if name not in inspect.signature(write).parameters]
    if others:
        raise ValueError(
            f"`{others[0]}` is no option of {FORMS[form].what} (--{others[0]} with --format {form}). Leave it "
            "out, or choose litert."
        )
    tolerance = options.get("tolerance", 0)
    if not is_number(tolerance) or not tolerance >= 0:
        raise ValueError(f"`tolerance` must be a number >= 0. Received: tolerance={tolerance!r}")
    files.check_new(out, overwrite, FORMS[form])
    model = runs.load(path)
    if form == "saved_model":
        return write(model, out, overwrite=overwrite)
    images = measured_images(datasets.load(data_of(path, data)))
    return write(model, out, images, overwrite=overwrite, **options)


def measured_images(data: datasets.Dataset) -> np.ndarray:
    """The images of a dataset that exported files are compared with their model on."""
    return data.images(np.random.default_rng(0).integers(len(data), size=MEASURED))
