"""A folder of presets that any static web server can offer."""

import os
from pathlib import Path
from typing import Any

from zoo.deliver.presets import _integrity as integrity
from zoo.deliver.presets._fetch import find, own_folders
from zoo.deliver.presets._results import write_results
from zoo.deliver.presets._table import FILE
from zoo.utils import files, layouts

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
        ValueError: there is none, or two have one name.
        FileExistsError: `out` exists and `overwrite` is false.
    """
    folders = [files.path_of(preset) for preset in presets] if presets else _own()
    if not folders:
        raise ValueError(
            "Expected at least one preset. Received: none, and saved_models/ is empty."
        )
    rows = {folder.name: facts(folder) for folder in folders}  # verifies them
    if len(rows) < len(folders):
        raise ValueError(
            f"Expected presets of different names. Received: {', '.join(map(str, folders))}."
        )
    with files.whole_folder(out, overwrite=overwrite, layout=layouts.PUBLISHED) as partial:
        for folder in folders:
            names = [*integrity.read_sums(folder), integrity.SUMS]
            integrity.copy(folder, partial / folder.name, names)
        files.write_json(partial / INDEX, rows)
    return [folder.name for folder in folders]


def facts(name: str | os.PathLike) -> dict[str, Any]:
    """What a list of presets shows of one.

    Args:
        name: of a preset, or the path of its folder.

    Returns:
        `model`, `data` (None where it is not told), `factors` of the data that it was scored by, `size` in bytes of
        all its files, `sizes` of each, `sha256` of its `SHA256SUMS`, and `scores`.

    Raises:
        Damaged: it is not whole, or its `config.json` or `scores.json` is none.
    """
    folder = find(name)
    try:
        config = files.read_json(folder / "config.json")
        scores = folder / "scores.json"
        found = files.read_json(scores) if scores.exists() else {}
        how = found.get("how", {})
        factors = len(how.get("faults", {}).get("factors", ()))
        row = {"model": config["class_name"], "data": how.get("data"), "factors": factors}
        row["scores"] = dict(found.get("scores", {}))
    except (OSError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise integrity.Damaged(f"{folder} does not say what it is: {error}") from None
    names = [*integrity.read_sums(folder), integrity.SUMS]
    sizes = {file: (folder / file).stat().st_size for file in sorted(names)}
    sha256 = integrity.digest(folder / integrity.SUMS)
    return {**row, "size": sum(sizes.values()), "sizes": sizes, "sha256": sha256}


def update_table() -> None:
    """Writes the zoo's lists of presets anew, of what `saved_models/` holds; for those who add a preset.

    These are the package's table and, in a checkout, `saved_models/results.csv` and the tables in the READMEs.

    Raises:
        Damaged: a preset is not whole. The lists stay as they are.
    """
    folders = _own()
    rows = {folder.name: facts(folder) for folder in folders}
    root = own_folders()[0].parent
    if (root / "README.md").exists() and own_folders()[0].is_dir():
        write_results(root, folders)
    files.write_json(FILE, rows)


def _own() -> list[Path]:
    found = {
        path.parent.name: path.parent
        for root in reversed(own_folders())
        for path in root.glob(f"*/{integrity.SUMS}")
    }
    return [found[name] for name in sorted(found)]
