"""A preset's scores, taken anew."""

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

from zoo import datasets, runs
from zoo.deliver import presets
from zoo.measure import evaluation
from zoo.runs import report
from zoo.runs.pretrained.card import card
from zoo.runs.pretrained.make import bound_of, draw_factors, measured
from zoo.utils import files, layouts
from zoo.utils.checks import check_integer

KEPT = ("training", "measured", "files", "forms", "licence")


def rescore(
    folder: str | os.PathLike,
    *,
    metrics: Iterable[str] | str = evaluation.ALL,
    samples: int = evaluation.SAMPLES,
    seed: int = 0,
    jobs: int = 1,
    show_progress: bool = False,
) -> Path:
    """Scores a preset anew, after metrics have changed: scores, faults, heat map, card and checksums.

    Model, exports and what the card says of training stay as they are. The folder is replaced as a whole.

    Args:
        folder: the preset.
        metrics: for the card; as for `zoo.evaluate`.
        samples: as for `zoo.evaluate`.
        seed: as for `zoo.evaluate`.
        jobs: as for `zoo.evaluate`.
        show_progress: whether progress bars are shown.

    Returns:
        The folder.

    Raises:
        ValueError: the folder holds no preset, a file of it is damaged, or a metric is unknown. Nothing is written.
    """
    folder = files.path_of(folder)
    listed = presets.verify(folder)
    layout = dataclasses.replace(layouts.PRESET, others=tuple(listed))
    files.check_new(folder, overwrite=True, layout=layout)
    model, facts = presets.from_preset(folder), files.read_json(folder / "scores.json")["how"]
    config = runs.Config(**facts["training"]["config"])
    data = datasets.load(config.data)
    how = {"samples": samples, "seed": check_integer("seed", seed, least=0), "jobs": jobs}
    found, scored = measured(model, config, data, metrics, how, show_progress)
    kept = {name: facts[name] for name in KEPT if name in facts}
    if facts.get("held_out"):
        beside = facts["held_out"]["data"]
        kept["held_out"] = {"data": beside, **bound_of(model, datasets.load(beside), how)}
    with files.whole_folder(folder, overwrite=True, layout=layout) as partial:
        presets.copy(folder, partial, listed)
        report.write_scores(partial / "scores.json", found.scores, **scored, **kept)
        draw_factors(partial, found.table, data, type(model).__name__)
        files.write_text(partial / "card.md", card(partial, folder.name))
        presets.write_sums(partial)
    return folder
