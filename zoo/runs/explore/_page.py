"""The files of the page, and the facts that it is filled with."""

import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

from zoo.runs.explore import _facts
from zoo.runs.explore._shown import Shown

TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "json": "application/json",
}
VERSION = 1


def files() -> dict[str, bytes]:
    """Name to content of every file of the page."""
    folder = resources.files("zoo.runs.explore") / "page"
    return {
        file.name: file.read_bytes()
        for file in folder.iterdir()
        if file.name.rpartition(".")[2] in TYPES
    }


def datasets_of(shown: Sequence[Shown]) -> list[Any]:
    """The datasets of some models, each once."""
    found = {id(one.data): one.data for one in shown}
    return list(found.values())


def facts(shown: Sequence[Shown], **more) -> dict[str, Any]:
    """All that the page is told: `models`, `datasets`, and how models are run."""
    data = datasets_of(shown)
    titles = {id(one.data): one.title for one in shown}
    return {
        "zoo_explorer": VERSION,
        "models": [
            one.facts | {"dataset": next(k for k, other in enumerate(data) if other is one.data)}
            for one in shown
        ],
        "datasets": [_facts.of_data(one, titles[id(one)]) for one in data],
        **more,
    }


def as_json(value: Any) -> bytes:
    """Strict JSON."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
