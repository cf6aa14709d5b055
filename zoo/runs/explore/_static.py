"""The page as a folder that any web server can host: models as ONNX, run in the browser."""

import os
from collections.abc import Sequence

import numpy as np

from zoo.deliver import export
from zoo.runs.explore import _page, _runtime, _sheet
from zoo.runs.explore._shown import Shown
from zoo.utils import files, layouts
from zoo.utils.extras import need

COMPARED = 64  # images that the ONNX files are compared with their model on
PARTS = ("encoder", "decoder")


def check(
    out: str | os.PathLike, *, vendor: str | os.PathLike | None = None, overwrite: bool = False
) -> None:
    """Checks before minutes of work that a page can be written after them; see `write`."""
    files.check_new(out, overwrite, layouts.EXPLORER)
    need("tf2onnx", "onnxruntime", extra="onnx")
    if vendor is not None:
        _runtime.package(vendor)


def write(
    shown: Sequence[Shown],
    out: str | os.PathLike,
    *,
    vendor: str | os.PathLike | None = None,
    overwrite: bool = False,
) -> int:
    """Writes the page of some models as a folder of static files.

    Args:
        shown: the models, of `load`.
        out: the new folder.
        vendor: the npm package onnxruntime-web, or a folder with it in `node_modules`, from which the runtime is
            copied, so that the page works offline. Default: the page takes it from a CDN, at a pinned version whose
            hash it compares.
        overwrite: whether a folder of such a page is replaced.

    Returns:
        Bytes of all files.

    Raises:
        FileExistsError: `out` exists and `overwrite` is false, or it holds other files.
        ValueError: `vendor` is no such package.
        zoo.export.Unsupported: a model computes something that ONNX has no operation for. Nothing is written.
        ImportError: tf2onnx or onnxruntime is not installed: `pip install "vae-zoo[onnx]"`.
    """
    check(out, vendor=vendor, overwrite=overwrite)
    with files.whole_folder(out, overwrite=overwrite, layout=layouts.EXPLORER) as folder:
        for name, content in _page.files().items():
            (folder / name).write_bytes(content)
        runtime = _runtime.copy(vendor, folder) if vendor is not None else _runtime.of_cdn()
        facts = _page.facts(shown, runtime=runtime)
        for number, one in enumerate(shown):
            made = folder / f"model-{number}"
            picked = np.random.default_rng(0).integers(len(one.data), size=COMPARED)
            export.onnx(one.model, made, one.data.images(picked))
            hashes = {part: _runtime.integrity_of(made / f"{part}.onnx") for part in PARTS}
            facts["models"][number]["files"] = hashes
        facts["datasets"] = [
            _sheet.write(data, folder, f"images-{number}.webp", known)
            for number, (data, known) in enumerate(
                zip(_page.datasets_of(shown), facts["datasets"], strict=True)
            )
        ]
        (folder / "facts.json").write_bytes(_page.as_json(facts))
        return files.size_of(folder)
