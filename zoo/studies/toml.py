"""`study.toml`: what was asked for, as people write it and as a study keeps it."""

import json
import math
import os
import tomllib
from collections.abc import Mapping
from typing import Any

from zoo.studies.grid import split
from zoo.studies.plan import OF_THE_RUN, Block, Study
from zoo.utils import files, registry

SHARED = ("data", "seeds", *OF_THE_RUN)  # may stand above all blocks
OF_A_BLOCK = ("name", "model", "grid", "set", *SHARED)
OF_A_STUDY = ("metrics", "block", *SHARED)
NONE = "none"  # TOML has no such value


def read(path: str | os.PathLike) -> Study:
    """A study from a TOML file.

    What stands above the blocks, such as `data`, `seeds` and `steps`, is for all blocks that do not say otherwise:

        data = "shapes2d"
        steps = 3000
        seeds = "0-4"
        metrics = ["factor_vae_score", "mig"]

        [[block]]
        model = "beta_vae"
        grid.beta = [1, 2, 4, "linear(4, 1000)"]

        [[block]]
        model = "factor_vae"
        grid.gamma = [10, 40]
        set.discriminator_layers = 3

    Raises:
        ValueError: there is no such file, it is no TOML, or says what a study does not know.
    """
    try:
        text = files.path_of(path).read_text(encoding="utf-8")
        return parse(text)
    except FileNotFoundError:
        raise ValueError(
            f"Expected a TOML file of a study. Received: {path}, which is not there."
        ) from None
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: {error}") from None


def parse(text: str) -> Study:
    """A study from the text of a TOML file; see `read`."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"Expected TOML. {error}.") from None
    _check_names("study", found, OF_A_STUDY)
    blocks = found.get("block", [])
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise ValueError("Expected blocks as [[block]]. Received: another kind of value.")
    shared = {name: found[name] for name in SHARED if name in found}
    metrics = found.get("metrics")
    if isinstance(metrics, str):
        metrics = split(metrics)
    return Study([_block({**shared, **block}) for block in blocks], metrics)


def _block(found: dict[str, Any]) -> Block:
    _check_names("block", found, OF_A_BLOCK)
    for name in ("model", "data"):
        if name not in found:
            raise ValueError(f"Expected `{name}` in each block. Received: {', '.join(found)}.")
    for name in ("grid", "set"):
        if not isinstance(found.get(name, {}), dict):
            raise ValueError(f"Expected {name}.NAME = ... in a block. Received: {found[name]!r}")
    given = {name: found[name] for name in ("name", "seeds") if name in found}
    grid = _without_none(found.get("grid", {}))
    return Block(
        models=found["model"],
        data=found["data"],
        grid=grid,
        settings=_without_none(found.get("set", {})),
        run={
            name: value for name, value in found.items() if name in OF_THE_RUN and name not in grid
        },
        **given,
    )


def _check_names(what: str, found: Mapping, known: tuple[str, ...]) -> None:
    for name in found:
        registry.check_known(f"key of a {what}", name, known)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return None if value == NONE else value


def text_of(study: Study) -> str:
    """The study as TOML, which `parse` reads back.

    Example:
        >>> study = Study([Block("beta_vae", "digits", grid={"beta": [1, "linear(4, 100)"]}, run={"steps": 10})])
        >>> parse(text_of(study)) == study
        True
    """
    lines = []
    if study.metrics is not None:
        lines.append(f"metrics = {_toml(study.metrics)}")
    for block in study.blocks:
        rows = {"name": block.name, "model": block.models, "data": block.data}
        rows |= {"seeds": _seeds(block.seeds), **block.run}
        lines += ["", "[[block]]", *(f"{name} = {_toml(value)}" for name, value in rows.items())]
        for table, values in (("grid", block.grid), ("set", block.settings)):
            lines += [f"{table}.{_key(name)} = {_toml(value)}" for name, value in values.items()]
    return "\n".join(lines).lstrip("\n") + "\n"


def _seeds(seeds: tuple[int, ...]) -> str | tuple[int, ...]:
    is_range = len(seeds) > 1 and seeds == tuple(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]}-{seeds[-1]}" if is_range else seeds


def _key(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else json.dumps(name)


def _toml(value: Any) -> str:
    if value is None:
        return json.dumps(NONE)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{_key(name)} = {_toml(item)}" for name, item in value.items()) + "}"
        )
    # Both know the same escapes, but for the one sign that TOML wants escaped and JSON does not.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
