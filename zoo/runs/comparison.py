"""Many runs side by side: a table of their settings and scores, and how far their metrics agree."""

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from zoo import datasets, metrics, runs
from zoo.measure import evaluation
from zoo.runs._model_centrality import model_centrality as model_centrality
from zoo.utils import files, registry

CORRELATIONS = {"Pearson": stats.pearsonr, "Kendall": stats.kendalltau, "Spearman": stats.spearmanr}
LEAST_RUNS = 3
NETWORKS = {"encoder", "decoder", "discriminator"}  # Arguments of models that are no settings.


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Correlations between metrics over runs; `zoo.plots.agreement` draws them.

    Attributes:
        names: of the metrics.
        coefficients: by `"Pearson"`, `"Kendall"` (tau-b) and `"Spearman"`, `(metrics, metrics)`; NaN where a metric
            does not vary, or fewer than three runs have both.
        p_values: of the same names and shape: how probable so large a coefficient is, of either sign, where the two
            are independent; NaN with the coefficient. They are not corrected for how many pairs there are.
        runs: how many runs have both metrics, `(metrics, metrics)`.
    """

    names: list[str]
    coefficients: dict[str, np.ndarray]
    p_values: dict[str, np.ndarray]
    runs: np.ndarray


def agreement(scores: Mapping[str, Sequence[float | None]]) -> Agreement:
    """Do metrics rank runs alike? Pearson's, Kendall's and Spearman's correlation of each two, with p-values.

    Args:
        scores: a column for each metric, an entry for each run; None or NaN where a run lacks the metric. Such as a
            part of what `read_runs` gives.

    Raises:
        ValueError: columns differ in length, hold no numbers, or there are fewer than two columns or three runs.

    Example:
        >>> found = agreement({"mig": [0.1, 0.2, 0.3, 0.4], "dci": [0.2, 0.3, 0.5, 0.4]})
        >>> {name: round(float(matrix[0, 1]), 2) for name, matrix in found.coefficients.items()}
        {'Pearson': 0.8, 'Kendall': 0.67, 'Spearman': 0.8}

    Reference: Kim & Mnih, Disentangling by Factorising, 2018, appendix; Locatello et al., Challenging Common
        Assumptions, 2019, figure 2.
    """
    table = _checked(scores)
    known = np.isfinite(table)
    shape = (len(table), len(table))
    coefficients, p_values = ({name: np.full(shape, np.nan) for name in CORRELATIONS} for _ in "cp")
    for a, b in np.ndindex(shape):
        both = known[a] & known[b]
        x, y = table[a, both], table[b, both]
        if len(x) < LEAST_RUNS or np.ptp(x) == 0 or np.ptp(y) == 0:
            continue
        for name, correlation in CORRELATIONS.items():
            coefficients[name][a, b], p_values[name][a, b] = correlation(x, y)
    common = known.astype(int) @ known.T.astype(int)
    return Agreement(list(scores), coefficients, p_values, common)


def read_runs(folders: Iterable[str | os.PathLike]) -> dict[str, list]:
    """A table of runs: what each was trained with, and what it scores.

    Args:
        folders: run folders that `zoo.train` wrote.

    Returns:
        Columns by name, an entry for each folder: `folder`, the fields of `config.json` with the model's settings
        among them, then the scores of `scores.json`. A setting that a run was not given is the model's default, a
        schedule is text, `"linear(4, 1000)"`. None where a run's model has no such setting, or it no such score.

    Raises:
        ValueError: a folder holds no run, or no scores; or a setting and a score have one name.

    Example:
        Whether the metrics agree, and what a larger β costs:

            table = zoo.comparison.read_runs(Path("runs").glob("beta_vae-*"))
            found = zoo.comparison.agreement({name: table[name] for name in ("mig", "factor_vae_score")})
            zoo.plots.agreement(found.coefficients, names=found.names, p_values=found.p_values)
            zoo.plots.trade_off(table["reconstruction"], table["mig"], table["beta"], y_label="MIG", group_label="β")

        Where runs differ in their models, `beta` is None for those without; in a `trade_off` they make a group.
    """
    return columns_of(_read(folder) for folder in files.paths_of(folders))


def columns_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, list]:
    """Columns from rows; None where a row has no such entry.

    Example:
        >>> columns_of([{"cell": "a", "mig": 0.1}, {"cell": "b"}])
        {'cell': ['a', 'b'], 'mig': [0.1, None]}
    """
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def udr(
    folders: Iterable[str | os.PathLike],
    *,
    samples: int = evaluation.SAMPLES,
    seed: int = 0,
    similarity: str = "lasso",
    show_progress: bool = False,
) -> dict[str, float]:
    """UDR of runs that differ in their seed alone: do they agree on the latents?

    All models encode the same images of the data that they were trained on. Latents count as informative by their
    KL divergence, or, where a model has none, if they vary.

    Args:
        folders: of at least two runs.
        samples: images that are encoded, as for `zoo.encode`.
        seed: of the draws.
        similarity: as for `zoo.metrics.udr`.
        show_progress: whether progress bars are shown.

    Returns:
        As `zoo.metrics.udr`: `udr`, then `udr_0` for the first folder and so on. The run of the highest is the one
        that UDR would choose.

    Raises:
        ValueError: a folder holds no run, runs differ in more than their seed, or there are fewer than two.

    Example:
        Which of some runs agrees with the others most:

            scores = zoo.comparison.udr(sorted(Path("runs").glob("beta_vae-shapes2d-seed*")))

    Reference: Duan et al., Unsupervised Model Selection for Variational Disentangled Representation Learning, 2020.
    """
    folders = files.paths_of(folders)
    config = runs.alike(folders)
    data = datasets.load(config.data)
    how = {"samples": samples, "seed": seed, "show_progress": show_progress}
    tables = [evaluation.encode(runs.load(folder), data, **how) for folder in folders]
    kl = [table.latent_kl for table in tables]
    kl = None if kl[0] is None else [each.mean(axis=0) for each in kl]
    return metrics.udr([table.codes for table in tables], kl, seed=seed, similarity=similarity)


def all_settings(config: runs.Config) -> dict[str, Any]:
    """The settings of a run's model, with its defaults where the run was given none; schedules as text.

    Example:
        >>> from zoo.runs import training
        >>> all_settings(training.configure("beta_vae", "digits", settings={"beta": "linear(4,10)"}))
        {'free_bits': 0.0, 'beta': 'linear(4, 10)', 'normalized': False}
    """
    whole = {**_defaults(dataclasses.asdict(config)), **config.settings}
    return {name: _readable(value) for name, value in whole.items()}


def _read(folder: Path) -> dict:
    found = runs.load_config(folder)
    config, settings = dataclasses.asdict(found), all_settings(found)
    del config["settings"]
    file = folder / "scores.json"
    try:
        scores = files.read_json(file)["scores"]
    except FileNotFoundError:
        raise ValueError(
            f"Expected a scored run. Received: {folder}, without scores.json. Score it: zoo evaluate {folder} "
            f"--out {file}"
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is damaged or of another version: {error!r}") from None
    twice = sorted((config.keys() | settings.keys()) & scores.keys())
    if twice:
        raise ValueError(f"{folder}: {', '.join(twice)} names a setting and a score.")
    return {"folder": str(folder), **config, **settings, **scores}


def _defaults(config: dict[str, Any]) -> dict[str, Any]:
    """The default settings of the model of a run, less what its configuration says by itself."""
    arguments = registry.arguments(registry.get("models", config["model"]))
    return {
        name: argument.default
        for name, argument in arguments.items()
        if argument.default is not argument.empty and name not in NETWORKS | config.keys()
    }


def _readable(value: Any) -> Any:
    """A schedule as text, `"linear(4, 1000)"`, written as text or by Keras; a list as a tuple; else the value."""
    if isinstance(value, dict) and "class_name" in value:
        arguments = [f"{name}={item!r}" for name, item in value.get("config", {}).items()]
        return f"{value['class_name'].lower()}({', '.join(arguments)})"
    if isinstance(value, str) and "(" in value:
        name, positional, named = registry.parse_call(value)
        arguments = [*map(repr, positional), *(f"{key}={item!r}" for key, item in named.items())]
        return f"{name}({', '.join(arguments)})"
    return tuple(value) if isinstance(value, list) else value


def _checked(scores: Mapping[str, Sequence[float | None]]) -> np.ndarray:
    """Scores as `(metrics, runs)`, NaN where there is none."""
    columns = []
    for name, column in scores.items():
        try:
            columns.append(np.array(list(column), dtype=np.float64))
        except (TypeError, ValueError):
            raise ValueError(f"Expected numbers in column {name!r}. Received: {column}") from None
    lengths = {name: len(column) for name, column in zip(scores, columns, strict=True)}
    if len(columns) < 2 or len(set(lengths.values())) > 1 or len(columns[0]) < LEAST_RUNS:
        raise ValueError(
            f"Expected at least two columns of one length, with at least {LEAST_RUNS} runs. Received: {lengths}."
        )
    return np.stack(columns)
