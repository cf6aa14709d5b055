"""Training: from the names of a model and a dataset to a folder with everything that came of it.

The way of a run: its configuration (`_configuration.py`), its model (`_model.py`), its updates (`_fitting.py`), and
what is made of the trained model (`_finishing.py`). `folder.py` keeps it.
"""

import dataclasses
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zoo import datasets, runs
from zoo.measure import evaluation
from zoo.runs import Diverged as Diverged
from zoo.runs import _devices, _finishing, _fitting, _memory, _model, _workers
from zoo.runs._configuration import configure as configure
from zoo.runs._configuration import parse_setting as parse_setting
from zoo.runs._fingerprint import fingerprint as fingerprint
from zoo.runs._finishing import Run as Run
from zoo.runs._finishing import curves as curves
from zoo.runs._model import make_model as make_model
from zoo.runs._model import settings_of as settings_of
from zoo.utils import files, registry
from zoo.utils.checks import check_integer, is_number
from zoo.utils.precisions import PRECISIONS as PRECISIONS

CHECKPOINT_EVERY = 500
WAIT = 60.0  # seconds


def train(
    model: str,
    data: str,
    *,
    steps: int = 3000,
    batch_size: int = 64,
    latent_dim: int = 10,
    likelihood: str = "bernoulli",
    settings: dict[str, Any] | None = None,
    seed: int = 0,
    precision: str = "float32",
    learning_rate: float | None = None,
    metrics: str | Iterable[str] | None = None,
    out: str | os.PathLike | None = None,
    resume: bool = False,
    checkpoint_every: int = CHECKPOINT_EVERY,
    devices: int | str | None = None,
    workers: bool = False,
    wait: float = WAIT,
    runtime: str = "tensorflow",
    show_progress: bool = True,
) -> Run:
    """Trains a model on a dataset, scores it, draws it and exports it, into a folder.

    A run that was stopped, even by `kill -9`, is continued by `resume=True` from its last checkpoint, and ends with
    the same weights, optimizer slots and random state to the bit, on the same machine in float32, as far as
    TensorFlow's threads round alike: on a busy machine even two equal trainings, neither stopped, may not.

    Args:
        model: a name from `zoo list models`.
        data: what `zoo.datasets.load` takes as text: `"shapes2d"`, `"xysquares(spacing=1)"`, `"images.npz"`. The run
            keeps it, to be resumed and scored later; save an array to a file first, or train it with `fit`.
        steps: updates.
        batch_size: images for each update, of all devices together.
        latent_dim: number of latents.
        likelihood: `"bernoulli"`, `'gaussian(scale="learned")'`, ...
        settings: further arguments of the model. Schedules may be written as text: `"linear(4, 1000)"`. What is not
            given is the model's `short_run`, else its default: FactorVAE's γ is 30 here.
        seed: of weights, sampling and the order of the images.
        precision: `"float32"`, or `"mixed_bfloat16"`, which is faster on processors and GPUs that have it.
        learning_rate: of the model's Adam; further optimizers keep the ratio to it that the papers give them.
            Default: the model's `short_learning_rate`, mostly 5e-4, which suits short runs; papers take 1e-4 for
            300,000 updates.
        metrics: what the trained model is scored by, as for `zoo.evaluate`. One that cannot be taken of its codes
            costs the run nothing: there is a warning.
        out: the run's folder; default `runs/MODEL-DATA-seedSEED`.
        resume: whether to continue the run in `out`; a larger `steps` prolongs it.
        checkpoint_every: updates between checkpoints.
        devices: how many GPUs share the updates, or parts of the processor where there are no GPUs; `"all"`. The
            numbers are those of one device but for rounding, and `resume` may take another number of them.
        workers: whether this process is one of several that train the run together, as `TF_CONFIG` says; each takes
            all its GPUs. The first writes the folder, in which the others look for nothing, and scores.
        wait: seconds in which the other workers have to answer.
        runtime: what computes the updates: `"tensorflow"`, or `"jax"` on JAX's default device, from the program that
            TensorFlow traces. Its random numbers differ, and so do the weights; the folder is of the same kind.
        show_progress: whether progress bars are shown.

    Returns:
        The finished run; on workers other than the first without scores and files.

    Warns:
        UserWarning: nothing here has instructions for the bfloat16 that is asked for; or the training ails from
            something that is no NaN, such as a discriminator that has won, and the card says so as well.

    Raises:
        ValueError: an argument is wrong; `out` holds another run, or another process trains there; the run to resume
            has another configuration, other images, or a damaged file. Nothing is written.
        MemoryError: the machine has not the memory for so many latents, or images in a batch.
        Diverged: the loss became NaN or infinite.
        ConnectionError: another worker has stopped.

    Example:
        >>> import pathlib, tempfile
        >>> run = train("vae", "digits", steps=2, likelihood="continuous_bernoulli", show_progress=False,
        ...             out=pathlib.Path(tempfile.mkdtemp()) / "run")
        >>> list(run.scores)[:3]
        ['reconstruction', 'kl', 'elbo']
    """
    config = configure(
        model,
        data,
        steps=steps,
        batch_size=batch_size,
        latent_dim=latent_dim,
        likelihood=likelihood,
        settings=settings,
        seed=seed,
        precision=precision,
        learning_rate=learning_rate,
    )
    check_integer("checkpoint_every", checkpoint_every, least=1)
    registry.check_known("runtime", runtime, _fitting.RUNTIMES)
    _check_alone(runtime, devices, workers)
    is_first = not workers or _workers.from_environment().is_first
    folder = files.path_of(out or runs.default_folder(config))
    folder = files.target_of(folder) if folder.is_symlink() else folder
    if is_first and (workers or resume):
        _check_folder(folder, resume)
    strategy = _devices.of_run(devices, workers, _checked_wait(wait))
    _devices.check_batch(config.batch_size, strategy)
    config, images = with_images(config)
    metrics = metrics and evaluation.metric_names(metrics, images)
    if not is_first:
        with _devices.errors_of_workers(strategy):
            return _follow(config, images, folder, checkpoint_every, strategy)
    with _devices.errors_of_workers(strategy), runs.writing_to(folder), _memory.errors(config):
        _check_folder(folder, resume)
        with _devices.scope(strategy):
            trained = (resume and runs.restore(folder, config)) or make_model(config, images)
        _devices.spread(trained, strategy)
        stream = _model.stream(trained, images, config)
        runs.open_folder(folder, config)
        how = checkpoint_every, show_progress, runtime
        _fitting.fit(trained, stream, images, config, folder, *how)
        if strategy is not None:
            trained = runs.load(folder)  # on one device, as everything that follows
        return _finishing.finish(trained, images, config, folder, metrics, show_progress)


def _follow(config: runs.Config, images, folder: Path, checkpoint_every: int, strategy) -> Run:
    """The run on a worker that is not the first."""
    with _devices.scope(strategy), _memory.errors(config):
        trained = make_model(config, images)
    _devices.spread(trained, strategy)
    _fitting.follow(trained, _model.stream(trained, images, config), config, checkpoint_every)
    return Run(folder, trained, {}, [])


def _check_alone(runtime: str, devices: int | str | None, workers: bool) -> None:
    """Raises `ValueError` if several devices are asked of JAX, which takes one."""
    if runtime != "tensorflow" and (workers or devices is not None):
        raise ValueError(
            "`devices` and `workers` are for the runtime tensorflow: jax trains on its default device. "
            f"Received: runtime={runtime!r}, devices={devices!r}, workers={workers!r}"
        )


def _checked_wait(wait: float) -> float:
    if is_number(wait) and 0 <= wait < math.inf:
        return float(wait)
    raise ValueError(f"`wait` must be a number of seconds >= 0. Received: wait={wait!r}")


def _check_folder(folder: Path, resume: bool) -> None:
    if resume:
        runs.check_there(folder)
    else:
        runs.check_free(folder)


def with_images(config: runs.Config) -> tuple[runs.Config, datasets.Dataset]:
    """A configuration with the fingerprint of its images, and these.

    Raises:
        ValueError: there is no such dataset.
        MemoryError: the machine has not the memory for so many latents, or images in a batch.
    """
    images = datasets.load(config.data)
    _memory.check(config, images)
    return dataclasses.replace(config, images=fingerprint(images)), images


def check(config: runs.Config, metrics: str | Iterable[str] | None = None) -> None:
    """Raises what `train` would say of a configuration at its start. Nothing is written."""
    images = datasets.load(config.data)
    _memory.check(config, images)
    evaluation.metric_names(metrics, images)
    _model.stream(make_model(config, images), images, config)
