"""Which presets there are: data, in `table.json`."""

import json
from importlib.resources import files
from typing import Any


def table() -> dict[str, dict[str, Any]]:
    """Name to what a list of presets shows, for every preset of this version of the zoo.

    Returns:
        For each name: `model`, `data`, `size` in bytes of all its files, `sha256` of its `SHA256SUMS`, and `scores`.

    Example:
        >>> all("sha256" in row for row in table().values())
        True
    """
    text = (files("zoo.presets") / "table.json").read_text(encoding="utf-8")
    return json.loads(text)
