"""What a study asks for: blocks of settings, and the cells that they make."""

import dataclasses
import hashlib
import inspect
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoo import runs
from zoo.runs import comparison, training
from zoo.studies.grid import parse_seeds
from zoo.utils import registry
from zoo.utils.checks import check_integer

# Arguments of a run that a block sets, or a grid varies, beside the settings of the model.
OF_THE_RUN = tuple(
    name
    for name in inspect.signature(training.configure).parameters
    if name not in ("model", "data", "settings", "seed")
)
MOST_CELLS = 1_000_000
LONGEST_NAME = 120


@dataclasses.dataclass(frozen=True)
class Block:
    """Cells that are made of every combination of some values.

    Attributes:
        models: names from `zoo list models`.
        data: texts that `zoo.datasets.load` takes.
        name: of its own in the study; default: those of the models.
        seeds: of the runs of each setting.
        grid: values by name: a setting of the model, `"beta"`, or an argument of the run, `"latent_dim"`. A schedule
            is text, `"linear(4, 1000)"`.
        settings: further arguments of the model, the same in all cells.
        run: further arguments of `zoo.train`: steps, batch_size, latent_dim, likelihood, precision, learning_rate.
    """

    models: Sequence[str]
    data: Sequence[str]
    name: str = ""
    seeds: Sequence[int] = (0, 1, 2)
    grid: Mapping[str, Sequence] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    run: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for name, each in (("models", self.models), ("data", self.data)):
            object.__setattr__(self, name, _texts(name, each))
        object.__setattr__(self, "seeds", _seeds(self.seeds))
        for name in ("grid", "settings", "run"):
            object.__setattr__(self, name, _plain(dict(getattr(self, name))))
        if not isinstance(self.name, str) or re.search(r"[^\w.+ -]|^\.", self.name):
            raise ValueError(
                f"Expected the name of a block in letters, digits, - and _. Received: {self.name!r}"
            )
        object.__setattr__(self, "name", self.name or "+".join(self.models))
        self._check_grid()

    def _check_grid(self) -> None:
        for name in self.run:
            registry.check_known("argument of a run", name, OF_THE_RUN)
        for name, values in self.grid.items():
            if name == "seed":
                raise ValueError("Seeds are no part of a grid: pass seeds=... (--seeds 0-4).")
            if not isinstance(values, list) or not values:
                raise ValueError(
                    f"Expected values of {name!r} in the grid, such as {name}=1,2,4. "
                    f"Received: {values!r}"
                )
            if name in self.run or name in self.settings:
                raise ValueError(f"Expected {name!r} in the grid or outside of it. Received: both.")


@dataclasses.dataclass(frozen=True)
class Study:
    """What is to be trained and scored.

    Attributes:
        blocks: each with a name of its own.
        metrics: as for `zoo.evaluate`, for every cell.

    Raises:
        ValueError: there is no block, or two have one name.

    Example:
        >>> study = Study([Block("beta_vae", "digits", seeds="0-1", grid={"beta": [1, 4]})])
        >>> [cell.name for cell in study.cells()]
        ['beta_vae/beta=1-seed0', 'beta_vae/beta=1-seed1', 'beta_vae/beta=4-seed0', 'beta_vae/beta=4-seed1']
    """

    blocks: Sequence[Block]
    metrics: Sequence[str] | None = None

    def __post_init__(self):
        object.__setattr__(self, "blocks", tuple(self.blocks))
        if self.metrics is not None:
            object.__setattr__(self, "metrics", _texts("metrics", self.metrics))
        if not self.blocks:
            raise ValueError("Expected a study of at least one block. Received: none.")
        names = [block.name.lower() for block in self.blocks]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(
                f"Expected blocks with a name of their own. Received: two of the name {twice!r}."
            )

    def cells(self) -> list["Cell"]:
        """Every run of the study, in its order.

        Raises:
            ValueError: a model or setting is unknown, a value is out of range, or two cells are the same.
        """
        found = [cell for block in self.blocks for cell in _cells_of(block)]
        _check_different(found)
        return found


@dataclasses.dataclass(frozen=True)
class Cell:
    """One run of a study.

    Attributes:
        name: its folder among the study's cells.
        block: the name of its block.
        choice: what tells it from the others of its block, the seed aside.
        config: what `zoo.train` is called with.
    """

    name: str
    block: str
    choice: dict[str, Any]
    config: runs.Config

    @property
    def setting(self) -> str:
        """What it shares with the runs that differ from it in the seed alone, in words."""
        return ", ".join(
            [self.block, *(f"{name} = {_word(value)}" for name, value in self.choice.items())]
        )


def arguments_of(model: str, choice: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `zoo.train` from values by name: those of the run, and the settings of the model.

    Raises:
        ValueError: a name is neither.

    Example:
        >>> arguments_of("beta_vae", {"beta": 4, "latent_dim": 6})
        {'latent_dim': 6, 'settings': {'beta': 4}}
    """
    known = training.settings_of(registry.get("models", model))
    for name in choice:
        if name not in known and name not in OF_THE_RUN:
            raise ValueError(registry.unknown(f"setting of {model}", name, [*known, *OF_THE_RUN]))
    return {
        **{name: value for name, value in choice.items() if name in OF_THE_RUN},
        "settings": {name: value for name, value in choice.items() if name not in OF_THE_RUN},
    }


def _cells_of(block: Block) -> list[Cell]:
    axes = {"model": block.models, "data": block.data, **block.grid}
    count = len(block.seeds)
    for values in axes.values():
        count *= len(values)
    if count > MOST_CELLS:
        raise ValueError(f"Expected at most {MOST_CELLS:,} cells. Received: {count:,}.")
    cells = []
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        choice = {
            name: value
            for name, value in chosen.items()
            if name in block.grid or len(axes[name]) > 1
        }
        model, data = chosen.pop("model"), chosen.pop("data")
        given = arguments_of(model, {**block.settings, **block.run, **chosen})
        first = training.configure(model, data, **given)
        cells += [
            Cell(
                _name(block, choice, seed),
                block.name,
                choice,
                dataclasses.replace(first, seed=seed),
            )
            for seed in block.seeds
        ]
    return _with_own_names(cells)


def _name(block: Block, choice: Mapping[str, Any], seed: int) -> str:
    parts = [
        _slug(value) if name in ("model", "data") else f"{name}={_slug(value)}"
        for name, value in choice.items()
    ]
    return f"{block.name.replace(' ', '_')}/{'-'.join([*parts, f'seed{seed}'])}"


def _slug(value: Any) -> str:
    return re.sub(r"[^\w.+]+", "-", _word(value)).strip("-.")


def _word(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _with_own_names(cells: list[Cell]) -> list[Cell]:
    """The cells; where a name is long, or stands for several, a digest of the configuration tells them apart."""
    counts = {}
    for cell in cells:
        counts[cell.name.lower()] = counts.get(cell.name.lower(), 0) + 1
    return [
        cell
        if counts[cell.name.lower()] == 1 and len(cell.name) <= LONGEST_NAME
        else dataclasses.replace(cell, name=f"{cell.name[:LONGEST_NAME]}-{_digest(cell.config)}")
        for cell in cells
    ]


def _digest(config: runs.Config) -> str:
    text = json.dumps(dataclasses.asdict(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _check_different(cells: Iterable[Cell]) -> None:
    """Raises `ValueError` if two cells are the same run."""
    known: dict[str, Cell] = {}
    for cell in cells:
        whole = dataclasses.asdict(cell.config)
        whole["settings"] = comparison.all_settings(cell.config)
        key = repr(sorted((name, _comparable(value)) for name, value in whole.items()))
        other = known.setdefault(key, cell)
        if other is not cell:
            raise ValueError(
                f"Expected cells that differ. Received: {other.name} and {cell.name}, which are the same run."
            )


def _comparable(value: Any) -> Any:
    """A value, such that 4 and 4.0 are one."""
    if isinstance(value, Mapping):
        return sorted((name, _comparable(item)) for name, item in value.items())
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else tuple(value or ())
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise ValueError(f"Expected `{name}` as text, or several. Received: {name}={value!r}")
    return texts


def _seeds(seeds: Any) -> tuple[int, ...]:
    seeds = parse_seeds(seeds) if isinstance(seeds, str | int) else list(seeds)
    found = tuple(check_integer("seeds", seed, least=0) for seed in seeds)
    if not found or len(set(found)) < len(found):
        raise ValueError(f"Expected different seeds. Received: {list(found)}")
    return found


def _plain(value: Any) -> Any:
    """A value as TOML and JSON keep it."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple | range):
        return [_plain(item) for item in value]
    if not runs.is_written(value):
        raise ValueError(
            "Expected plain values in a study, or text such as 'linear(4, 1000)'. "
            f"Received: {type(value).__name__}."
        )
    return value
