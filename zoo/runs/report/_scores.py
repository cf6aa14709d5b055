"""Scores of a run's model, and the file that tells how they were taken."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from zoo import runs
from zoo.measure import evaluation
from zoo.runs.report._origin import commit, versions
from zoo.runs.report._places import check_can_be_written, data_of
from zoo.utils import files, hardware


def score(
    path: str | os.PathLike,
    data: str | None = None,
    metrics: str | Iterable[str] | None = None,
    *,
    samples: int | None = evaluation.SAMPLES,
    seed: int = 0,
    jobs: int = 1,
    out: str | os.PathLike | None = None,
    show_progress: bool = False,
) -> evaluation.Evaluation:
    """Scores of a run's model, or of a `.keras` file, by `zoo.evaluate`, with how they were taken.

    Args:
        path: run folder or `.keras` file.
        data: default: what the run was trained on.
        metrics: as for `zoo.evaluate`. One that cannot be taken of the codes leaves the others as they are: its
            `failed` says why, in `out` too.
        samples: as for `zoo.evaluate`.
        seed: as for `zoo.evaluate`.
        jobs: as for `zoo.evaluate`.
        out: a JSON file for the scores, how many images they are of, and each metric's parameters, seconds and
            warnings. Its folder is made.
        show_progress: whether a progress bar is shown.

    Raises:
        ValueError: as for `zoo.evaluate`, or `out` can be no file.
    """
    if out is not None:
        check_can_be_written(out)
    model, data = runs.load(path), data_of(path, data)
    found = evaluation.evaluate_in_detail(
        model, data, metrics, samples=samples, seed=seed, jobs=jobs, show_progress=show_progress
    )
    if out is not None:
        how = {"data": data, "seed": seed, "jobs": jobs}
        write_scores(out, found.scores, **how, **details(found))
    return found


def details(found: evaluation.Evaluation) -> dict[str, Any]:
    """How scores came about, for `write_scores`: the number of images, and what each metric did."""
    metrics = {
        scored.metric: {
            "parameters": scored.parameters,
            "entries": list(scored.scores),
            "seconds": scored.seconds,
            "warnings": scored.warnings,
            "failed": scored.failed,
        }
        for scored in found.metrics
    }
    samples = len(found.table.codes)
    return {"samples": samples, "encoding_seconds": found.seconds, "metrics": metrics}


def write_scores(file: str | os.PathLike, scores: Mapping[str, float], **how) -> None:
    """Writes `scores.json`: the scores, and how they were taken, on what hardware and by which versions."""
    made = {"hardware": hardware.describe(), "commit": commit(), "versions": versions()}
    files.target_of(file).parent.mkdir(parents=True, exist_ok=True)
    files.write_json(file, {"scores": dict(scores), "how": {**how, **made}})
