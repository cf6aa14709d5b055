"""The end of a run: scores, figures, an export and a card of the trained model."""

import dataclasses
import warnings
from collections.abc import Iterable
from pathlib import Path

import keras

from zoo import runs
from zoo.deliver import export
from zoo.measure import evaluation, plots
from zoo.runs import report
from zoo.utils import files


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: where it is.
        model: the trained model.
        scores: what `zoo.evaluate` found.
        files: every file of the run, sorted.
    """

    folder: Path
    model: keras.Model
    scores: dict[str, float]
    files: list[Path]


def finish(
    model,
    data,
    config: runs.Config,
    folder: Path,
    metrics: Iterable[str] | None,
    show_progress: bool,
) -> Run:
    """Scores, draws and exports the trained model."""
    found = evaluation.evaluate_in_detail(
        model, data, metrics, seed=config.seed, show_progress=show_progress
    )
    scores, how = found.scores, {"data": config.data, "seed": config.seed, **report.details(found)}
    report.write_scores(folder / "scores.json", scores, **how)
    history = runs.read_history(folder)
    symptoms = model.symptoms(history[-1])
    for symptom in symptoms:
        warnings.warn(symptom, UserWarning, stacklevel=3)
    drawn = _draw(model, data, config, history, folder / "figures")
    export.saved_model(model, folder / "saved_model" / "1", overwrite=True)
    settings, last = dataclasses.asdict(config), history[-1]
    card = report.card(settings, scores, last, symptoms, samples=how["samples"], figures=drawn)
    files.write_text(folder / "card.md", card)
    written = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.name != runs.LOCK
    )
    return Run(folder, model, scores, written)


def _draw(model, data, config: runs.Config, history, folder: Path) -> list[str]:
    """Draws a run's figures into a folder; the names of those that could be drawn."""
    figures, drawn = {}, []
    with report.not_vital("The figures of traversals and reconstructions"):
        figures |= report.pictures(model, data, config.data)
    with report.not_vital("The figure of curves"):
        figures["curves"] = curves(history, config)
    for name, figure in figures.items():
        with report.not_vital(f"The figure of {name}"):
            report.save_figure(figure, folder / f"{name}.png")
            drawn.append(name)
    return drawn


def curves(history: list[dict[str, float]], config: runs.Config):
    """The figure of a run's history."""
    columns = {name: [row[name] for row in history] for name in history[0] if name != "seconds"}
    return plots.curves(columns, title=f"{config.model} on {plots.plain(config.data)}")
