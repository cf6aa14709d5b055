"""Which presets there are: data, in `table.json`."""

from pathlib import Path
from typing import Any

from zoo.utils import files

FILE = Path(__file__).with_name("table.json")


def table() -> dict[str, dict[str, Any]]:
    """Name to what a list of presets shows, for every preset of this version of the zoo.

    Returns:
        For each name: `model`, `data`, `factors`, `size` and `sizes` in bytes of its files, `sha256` of its
        `SHA256SUMS`, and `scores`; see `zoo.presets.facts`.

    Example:
        >>> all("sha256" in row for row in table().values())
        True
    """
    return files.read_json(FILE)
