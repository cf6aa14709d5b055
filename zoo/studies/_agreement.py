"""UDR of each setting: how far the latents of its seeds agree."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from zoo.runs import comparison
from zoo.studies.folder import of_cell
from zoo.studies.plan import Cell
from zoo.utils import files, quiet

FILE = "udr.json"
SAMPLES = 5000  # images that all seeds of a setting encode


def udr(folder: Path, cells: Iterable[Cell], say=print) -> dict[str, dict[str, float]]:
    """For each setting with at least two finished cells: `udr`, and that of each cell by its name.

    It is kept in `udr.json`, and taken anew where other cells are finished.
    """
    before = files.kept_json(folder / FILE)
    found = {}
    for setting, members in _grouped(cells).items():
        names = [cell.name for cell in members]
        known = before.get(setting, {})
        if set(known) != {"udr", *names}:
            say(f"UDR of {setting}")
            scores = between([of_cell(folder, cell) for cell in members])
            each = {cell.name: scores[f"udr_{number}"] for number, cell in enumerate(members)}
            known = {"udr": scores["udr"], **each}
        found[setting] = known
    if found != before:
        files.write_json(folder / FILE, found)
    return found


def between(folders: Sequence[Path]) -> dict[str, float]:
    """UDR of runs that differ in their seed alone, as `zoo.comparison.udr`."""
    # Each model has a graph of its own, of which TensorFlow would warn as of one that is made again and again.
    with quiet.tensorflow_only(logging.ERROR):
        return comparison.udr(folders, samples=SAMPLES)


def _grouped(cells: Iterable[Cell]) -> dict[str, list[Cell]]:
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.setting, []).append(cell)
    return {setting: members for setting, members in groups.items() if len(members) > 1}
