"""From finished runs to a preset."""

import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from zoo import (
    datasets,
    evaluation,
    export,
    files,
    information,
    plots,
    presets,
    registry,
    report,
    runs,
    training,
)
from zoo.checks import check_integer
from zoo.extras import need
from zoo.pretrained.card import card
from zoo.pretrained.faults import faults

PRECISIONS = ("float32", "float16", "dynamic_int8", "int8")
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
    overwrite: bool = False,
    show_progress: bool = False,
) -> Path:
    """Makes a preset of the best of some runs: model, SavedModel, LiteRT files, scores, figures, card, checksums.

    A LiteRT precision whose file differs too much from the model is left out, and the card says so.

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
        overwrite: whether an existing folder is replaced.
        show_progress: whether progress bars are shown.

    Returns:
        The folder.

    Raises:
        ValueError: there is no run, one is not finished or lacks the score, or they differ in more than the seed; or
            a metric or precision is unknown. Nothing is written.
        FileExistsError: `out` exists and `overwrite` is false.
        ImportError: ai-edge-litert is not installed: `pip install "vae-zoo[litert]"`.
    """
    files.check_new(out, overwrite)
    for precision in precisions:
        registry.check_known("precision", precision, PRECISIONS)
    if precisions:
        need("ai_edge_litert", extra="litert")  # known before minutes of work
    rule, candidates = _candidates([Path(folder) for folder in folders], rule)
    best = max(candidates, key=lambda run: run.value)
    model = export.float32_copy(runs.load(best.folder))
    data = datasets.load(best.config.data)
    how = {"samples": samples, "seed": check_integer("seed", seed, least=0), "jobs": jobs}
    found, scored = measured(model, best.config, data, metrics, how, show_progress)
    with files.whole_folder(out, overwrite=overwrite) as partial:
        presets.write(model, partial)
        facts = {
            **scored,
            "training": _training(best, rule, candidates, model),
            "measured": report.MEASURED,
            "files": _litert(model, data, partial, precisions),
        }
        report.write_scores(partial / "scores.json", found.scores, **facts)
        for name, figure in _figures(model, data, best).items():
            report.save_figure(figure, partial / "figures" / f"{name}.png")
        draw_factors(partial, found.table, data, type(model).__name__)
        files.write_text(partial / "card.md", card(partial, Path(out).name))
        presets.write_sums(partial)
    return Path(out)


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
    if rule not in scores:
        raise ValueError(f"{folder} has no score `{rule}`. It has: {', '.join(scores)}.")
    return scores[rule]


def _training(best: Candidate, rule: str, candidates: list[Candidate], model) -> dict[str, Any]:
    history = runs.read_history(best.folder)
    made = files.read_json(best.folder / "scores.json")["how"]
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
        **how,
        **report.details(found),
        "untrained": evaluation.evaluate(training.make_model(config, data), data, **how),
        "faults": dataclasses.asdict(faults(found.table, data)),
    }


def _litert(model, data, folder: Path, precisions: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Writes the LiteRT files; size and errors of each, or why it was refused."""
    images = report.measured_images(data)
    made = {}
    for precision in precisions:
        file = folder / f"{precision}.tflite"
        try:
            exported = export.litert(model, file, images, precision=precision)
            made[file.name] = {"size": exported.size, "errors": exported.errors}
        except export.Inexact as error:
            made[file.name] = {"refused": str(error).partition(". ")[0] + "."}
    return made


def _figures(model, data, best: Candidate) -> dict[str, Any]:
    figures = report.pictures(model, data, best.config.data)
    figures["curves"] = training.curves(runs.read_history(best.folder), best.config)
    return figures


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
    report.save_figure(figure, folder / "figures" / "factors.png")
