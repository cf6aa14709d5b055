"""`zoo unpack`: the results of a job as the folder of a run."""

import dataclasses
import os
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf

from zoo import runs
from zoo.measure import evaluation
from zoo.runs import _finishing, report, training
from zoo.runs.portable import variables
from zoo.runs.portable.job import program, results
from zoo.utils import files


def unpack(
    job: str | os.PathLike,
    out: str | os.PathLike | None = None,
    *,
    results_in: str | os.PathLike | None = None,
    metrics: str | Iterable[str] | None = None,
    show_progress: bool = True,
) -> training.Run:
    """Makes the folder of a run of what a job has computed: scored, drawn and exported, as `zoo.train` does.

    A run of a job that is not at its end is a run of as many updates as it made; `zoo.train` can prolong it.

    Args:
        job: the file that `pack` wrote.
        out: the run's folder; default `runs/MODEL-DATA-seedSEED`.
        results_in: the folder of the job's results; default: `NAME-results` beside `NAME.zip`.
        metrics: what the model is scored by, as for `zoo.train`.
        show_progress: whether progress bars are shown.

    Raises:
        ValueError: `job` is no job, or damaged; a metric is unknown; it has no results there; its images are not those
            of now; `out` holds another run. Nothing is written.

    Warns:
        UserWarning: the job has not made all its updates.
    """
    job = files.path_of(job)
    packed = program.read(job)
    source = files.path_of(results_in or results.default_folder(job))
    found = results.read(source, packed.plan)
    if found.done == 0:
        raise ValueError(
            f"Expected results of {job} in {source}. Received: none. Run `python {job}` first, or say where they are."
        )
    config, images = training.with_images(
        dataclasses.replace(config_of(packed, job), steps=found.done)
    )
    _check_images(packed, config)
    metrics = metrics and evaluation.metric_names(metrics, images)
    folder = files.path_of(out or runs.default_folder(config))
    model = training.make_model(config, images)
    _check_same(variables.of_model(model), packed, job)
    if found.done < packed.plan["steps"]:
        warnings.warn(
            f"{job} has made {found.done:,} of its {packed.plan['steps']:,} updates: the run is of as many.",
            stacklevel=2,
        )
    with runs.writing_to(folder):
        runs.check_free(folder)
        variables.restore(model, found.state)
        model.reset_metrics()
        runs.open_folder(folder, config)
        runs.write_history(folder, _history(packed, found))
        _log(folder, runs.read_history(folder))
        runs.save_final(model, folder)
        return _finishing.finish(model, images, config, folder, metrics, show_progress)


def config_of(packed: program.Program, job: str | os.PathLike) -> runs.Config:
    """What a job trains.

    Args:
        packed: what the file holds.
        job: the file.

    Raises:
        ValueError: it was packed by a zoo whose runs are configured otherwise.
    """
    try:
        return runs.Config(**packed.plan["config"])
    except TypeError as error:
        raise ValueError(
            f"{job} is a job of another version of the zoo: {error}. Pack it anew."
        ) from None


def _check_images(packed: program.Program, config: runs.Config) -> None:
    if packed.plan["config"]["images"] != config.images:
        raise ValueError(
            f"The images of {config.data} are not those that the job was packed with. Unpack it where these are."
        )


def _check_same(found: list, packed: program.Program, job: Path) -> None:
    """Checks that the model of now has the variables of the packed one."""
    now = [[list(variable.shape), str(variable.dtype)] for variable in found]
    then = [[fact["shape"], fact["dtype"]] for fact in packed.plan["state"]]
    if now != then:
        made_by = packed.plan["made_by"]
        raise ValueError(
            f"{job} was packed by zoo {made_by['vae-zoo']} with keras {made_by['keras']}, whose model has other "
            "variables. Unpack it with these."
        )


def _history(packed: program.Program, found: results.Results) -> list[dict[str, float]]:
    """The rows, with one for the updates since the last one, if there are some."""
    rows = found.history
    if rows and rows[-1]["step"] == found.done:
        return rows
    means = {
        name: float(found.state[total] / found.state[count])
        for name, total, count in packed.plan["reported"]
        if np.all(found.state[count])
    }
    return [*rows, {"step": found.done, "seconds": round(found.seconds, 1), **means}]


def _log(folder: Path, rows: list[dict[str, float]]) -> None:
    """Writes the history for TensorBoard."""
    with report.not_vital("TensorBoard's log"):
        writer = tf.summary.create_file_writer(str(folder / "tensorboard"))
        for row in rows:
            with writer.as_default(row["step"]):
                for name in row.keys() - {"step", "seconds"}:
                    tf.summary.scalar(name, row[name])
        writer.close()
