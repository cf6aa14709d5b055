"""A folder of presets that any static web server can offer."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from zoo import files, layouts
from zoo.presets import _integrity as integrity
from zoo.presets._fetch import find, own_folders
from zoo.presets._table import FILE

INDEX = "index.json"


def publish(
    out: str | os.PathLike, presets: list[str | os.PathLike] | None = None, overwrite: bool = False
) -> list[str]:
    """Lays presets out, verified, under one address.

    Args:
        out: the new folder, or the one to replace.
        presets: folders of presets; default: all of `saved_models/`.
        overwrite: whether an existing folder is replaced.

    Returns:
        The names of the presets.

    Raises:
        Damaged: a preset is not whole. Nothing is written.
        ValueError: there is none.
        FileExistsError: `out` exists and `overwrite` is false.
    """
    folders = [files.path_of(preset) for preset in presets] if presets else _own()
    if not folders:
        raise ValueError(
            "Expected at least one preset. Received: none, and saved_models/ is empty."
        )
    rows = {folder.name: facts(folder) for folder in folders}  # verifies them
    with files.whole_folder(out, overwrite=overwrite, layout=layouts.PUBLISHED) as partial:
        for folder in folders:
            shutil.copytree(folder, partial / folder.name)
        files.write_json(partial / INDEX, rows)
    return [folder.name for folder in folders]


def facts(name: str | os.PathLike) -> dict[str, Any]:
    """What a list of presets shows of one.

    Args:
        name: of a preset, or the path of its folder.

    Returns:
        `model`, `data` (None where it is not told), `size` in bytes of all its files, `sha256` of its `SHA256SUMS`, and
        `scores`.
    """
    folder = find(name)
    scores = folder / "scores.json"
    found = files.read_json(scores) if scores.exists() else {}
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return {
        "model": config["class_name"],
        "data": found.get("how", {}).get("data"),
        "size": files.size_of(folder),
        "sha256": integrity.digest(folder / integrity.SUMS),
        "scores": found.get("scores", {}),
    }


def update_table() -> None:
    """Writes the zoo's table of presets anew, of what `saved_models/` holds; for those who add a preset.

    Raises:
        Damaged: a preset is not whole. The table stays as it is.
    """
    files.write_json(FILE, {folder.name: facts(folder) for folder in _own()})


def _own() -> list[Path]:
    found = {
        path.parent.name: path.parent
        for root in reversed(own_folders())
        for path in root.glob(f"*/{integrity.SUMS}")
    }
    return [found[name] for name in sorted(found)]
