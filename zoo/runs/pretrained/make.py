"""From finished runs to a preset."""

import dataclasses
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from zoo import datasets, runs
from zoo.deliver import export, presets
from zoo.measure import evaluation, information, plots
from zoo.runs import report, training
from zoo.runs.pretrained._scale import learned_scale
from zoo.runs.pretrained.card import card, licence_of
from zoo.runs.pretrained.faults import faults
from zoo.runs.pretrained.forms import forms
from zoo.utils import files, image_files, layouts, registry
from zoo.utils.checks import check_integer
from zoo.utils.extras import need

PRECISIONS = ("float16", "float32", "dynamic_int8", "int8")
PROVENANCE = "provenance.md"
MANY_FACTORS = 2


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A finished run, with what it was chosen or left for."""

    folder: Path
    config: runs.Config
    value: float


def make(
    folders: Iterable[str | os.PathLike],
    out: str | os.PathLike,
    *,
    rule: str | None = None,
    metrics: Iterable[str] | str = evaluation.ALL,
    samples: int = evaluation.SAMPLES,
    seed: int = 0,
    jobs: int = 1,
    precisions: Sequence[str] = PRECISIONS,
    held_out: str | None = None,
    data_licence: str | None = None,
    overwrite: bool = False,
    show_progress: bool = False,
) -> Path:
    """Makes a preset of the best of some runs: model, SavedModel, LiteRT files, scores, figures, card, checksums.

    A LiteRT precision whose file differs too much from the model is left out, and the card says so; so is float32
    where float16, in half the bytes, is near enough. What a run's `provenance.md` tells stands on the card.

    Args:
        folders: finished runs that differ in nothing but their seed.
        out: the preset's new folder, whose name is the preset's.
        rule: which entry of the runs' scores decides, the highest being best; default: `factor_vae_score`, or `elbo`
            where the data have fewer than two factors.
        metrics: for the card; as for `zoo.evaluate`.
        samples: as for `zoo.evaluate`.
        seed: as for `zoo.evaluate`.
        jobs: as for `zoo.evaluate`.
        precisions: of LiteRT files; each becomes `PRECISION.tflite`.
        held_out: images that the runs did not learn from, whose bound is reported beside; as for `zoo.datasets.load`.
        data_licence: what the card says of the data's licence; default: what the zoo knows of its own datasets.
        overwrite: whether an existing preset is replaced.
        show_progress: whether progress bars are shown.

    Returns:
        The folder.

    Raises:
        ValueError: there is no run, one is not finished or lacks the score, or they differ in more than the seed; or
            a metric or precision is unknown. Nothing is written.
        FileExistsError: `out` exists and `overwrite` is false, or it is no preset.
        ImportError: ai-edge-litert is not installed: `pip install "vae-zoo[litert]"`.
    """
    files.check_new(out, overwrite, layouts.PRESET)
    for precision in precisions:
        registry.check_known("precision", precision, PRECISIONS)
    if precisions:
        need("ai_edge_litert", extra="litert")  # known before minutes of work
    rule, candidates = _candidates(files.paths_of(folders), rule)
    best = max(candidates, key=lambda run: run.value)
    model = export.float32_copy(runs.load(best.folder))
    data = datasets.load(best.config.data)
    beside = None if held_out is None else evaluation.matching(model, datasets.load(held_out))
    how = {"samples": samples, "seed": check_integer("seed", seed, least=0), "jobs": jobs}
    found, scored = measured(model, best.config, data, metrics, how, show_progress)
    with files.whole_folder(out, overwrite=overwrite, layout=layouts.PRESET) as partial:
        presets.write(model, partial)
        facts = {
            **scored,
            "training": _training(best, rule, candidates, model),
            "measured": report.MEASURED,
            "files": _litert(model, data, partial, precisions),
            "forms": forms(model, partial, report.measured_images(data)),
            "held_out": beside and {"data": held_out, **bound_of(model, beside, how)},
            "licence": data_licence or licence_of(data),
        }
        report.write_scores(partial / "scores.json", found.scores, **facts)
        for name, figure in _figures(model, data, best, found.table).items():
            save_compressed(figure, partial / "figures" / f"{name}.png")
        draw_factors(partial, found.table, data, type(model).__name__)
        files.write_text(partial / "card.md", card(partial, files.path_of(out).name))
        presets.write_sums(partial)
    return files.path_of(out)


def _candidates(folders: list[Path], rule: str | None) -> tuple[str, list[Candidate]]:
    """The rule, and the runs with what it says of them."""
    factors = datasets.load(runs.alike(folders).data).factor_names
    rule = rule or ("factor_vae_score" if len(factors) >= MANY_FACTORS else "elbo")
    return rule, [
        Candidate(folder, runs.load_config(folder), _value(folder, rule)) for folder in folders
    ]


def _value(folder: Path, rule: str) -> float:
    try:
        scores = files.read_json(folder / "scores.json")["scores"]
    except FileNotFoundError:
        raise ValueError(
            f"{folder} is not finished: it has no scores.json. Finish it: zoo train ... --resume"
        ) from None
    except (ValueError, TypeError, KeyError):
        raise ValueError(f"{folder / 'scores.json'} is damaged. {runs.RESTORE}") from None
    if not runs.read_history(folder):
        raise ValueError(f"{folder / 'history.csv'} is missing or empty. {runs.RESTORE}")
    if rule not in scores:
        raise ValueError(f"{folder} has no score `{rule}`. It has: {', '.join(scores)}.")
    return scores[rule]


def _training(best: Candidate, rule: str, candidates: list[Candidate], model) -> dict[str, Any]:
    history = runs.read_history(best.folder)
    made = files.read_json(best.folder / "scores.json")["how"]
    told = best.folder / PROVENANCE
    return {
        "config": dataclasses.asdict(best.config),
        "rule": rule,
        "candidates": [{"seed": run.config.seed, "value": run.value} for run in candidates],
        "seconds": history[-1]["seconds"],
        "hardware": made["hardware"],
        "commit": made["commit"],
        "first": history[0],
        "last": history[-1],
        "symptoms": model.symptoms(history[-1]),
        "provenance": told.read_text(encoding="utf-8").strip() if told.exists() else None,
    }


def measured(
    model,
    config: runs.Config,
    data: datasets.Dataset,
    metrics,
    how: dict[str, Any],
    show_progress: bool = False,
) -> tuple[evaluation.Evaluation, dict[str, Any]]:
    """The scores of a trained model, and what the card says of them.

    Args:
        model: trained, in float32.
        config: what it was trained with.
        data: what it was trained on.
        metrics: as for `zoo.evaluate`.
        how: `samples`, `seed` and `jobs`, as for `zoo.evaluate`.
        show_progress: whether progress bars are shown.
    """
    found = evaluation.evaluate_in_detail(model, data, metrics, show_progress=show_progress, **how)
    return found, {
        "model": type(model).__name__,
        "data": config.data,
        "image_shape": list(data.image_shape),
        "images": len(data),
        "data_facts": data.facts,
        "parameters": parameters(model),
        "learned_scale": learned_scale(model, data, samples=how["samples"], seed=how["seed"]),
        **how,
        **report.details(found),
        "untrained": evaluation.evaluate(training.make_model(config, data), data, **how),
        "faults": dataclasses.asdict(faults(found.table, data)),
    }


def parameters(model) -> dict[str, int]:
    """Numbers in the weights that a model is used with, and in those that only training needs."""
    counts = (("model", export.served(model)), ("discriminator", export.training_only(model)))
    return {name: sum(math.prod(w.shape) for w in weights) for name, weights in counts if weights}


def bound_of(model, data: datasets.Dataset, how: dict[str, Any]) -> dict[str, Any]:
    """The bound, and its parts, of a model on a dataset: `scores`, of how many `samples`."""
    table = evaluation.encode(model, data, samples=how["samples"], seed=how["seed"])
    scores = evaluation.elbo_scores(table, data.image_shape, model.likelihood.is_density)
    return {"samples": len(table.codes), "scores": scores}


def _litert(model, data, folder: Path, precisions: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Writes the LiteRT files, the coarser first; size and errors of each, or why it was refused."""
    images = report.measured_images(data)
    made = {}
    for precision in sorted(precisions, key=PRECISIONS.index):
        file = folder / f"{precision}.tflite"
        if precision == "float32" and "size" in made.get("float16.tflite", {}):
            continue
        try:
            exported = export.litert(model, file, images, precision=precision)
            made[file.name] = {"size": exported.size, "errors": exported.errors}
        except export.Inexact as error:
            made[file.name] = {"refused": str(error).partition(". ")[0] + "."}
    return made


def _figures(model, data, best: Candidate, table: evaluation.Table) -> dict[str, Any]:
    figures = report.pictures(model, data, best.config.data, table)
    figures["curves"] = training.curves(runs.read_history(best.folder), best.config)
    return figures


def save_compressed(figure, file: Path) -> None:
    """Writes a figure as a small PNG."""
    report.save_figure(figure, file)
    image_files.compress(file)


def draw_factors(folder: Path, table: evaluation.Table, data: datasets.Dataset, model: str) -> None:
    """Draws what each latent knows of each factor into a preset's folder, where there are factors."""
    if not data.factor_names:
        return
    figure = plots.heat_map(
        information.mutual_information_matrix(table.codes, table.factors),
        rows=[plots.plain(name) for name in data.factor_names],
        columns=[f"z{number}" for number in range(table.codes.shape[1])],
        label="mutual information, nats",
        title=f"{model} on {plots.plain(data.name)}",
    )
    save_compressed(figure, folder / "figures" / "factors.png")
