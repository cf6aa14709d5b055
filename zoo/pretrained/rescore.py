"""A preset's scores, taken anew."""

import os
from collections.abc import Iterable
from pathlib import Path

from zoo import datasets, evaluation, files, presets, report, runs
from zoo.checks import check_integer
from zoo.pretrained.card import card
from zoo.pretrained.make import draw_factors, measured

KEPT = ("training", "measured", "files")


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
    folder = Path(folder)
    listed = presets.verify(folder)
    model, facts = presets.from_preset(folder), files.read_json(folder / "scores.json")["how"]
    config = runs.Config(**facts["training"]["config"])
    data = datasets.load(config.data)
    how = {"samples": samples, "seed": check_integer("seed", seed, least=0), "jobs": jobs}
    found, scored = measured(model, config, data, metrics, how, show_progress)
    kept = {name: facts[name] for name in KEPT}
    with files.whole_folder(folder, overwrite=True) as partial:
        presets.copy(folder, partial, listed)
        report.write_scores(partial / "scores.json", found.scores, **scored, **kept)
        draw_factors(partial, found.table, data, type(model).__name__)
        files.write_text(partial / "card.md", card(partial, folder.name))
        presets.write_sums(partial)
    return folder
