"""Training: from the names of a model and a dataset to a folder with everything that came of it."""

import contextlib
import dataclasses
import hashlib
import math
import os
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo import datasets, runs, schedules
from zoo.deliver import export
from zoo.measure import evaluation, plots
from zoo.runs import report
from zoo.utils import files, hardware, progress, registry
from zoo.utils.checks import check_integer, is_number
from zoo.runs import Diverged

PRECISIONS = ("float32", "mixed_bfloat16")
RUNTIMES = ("tensorflow", "jax")
LOG_EVERY = 100
# Of each latent, at least: two weights to and one from 128 units, each with its gradient and Adam's two moments.
LATENT_BYTES = 3 * 128 * 4 * 4
LOOKED_AT = 2**31  # bytes of images
CHUNK = 1024  # images
CHECKPOINT_EVERY = 500
# Arguments of every model that a run gives by itself, or that are no settings.
OF_THE_RUN = {
    *("image_shape", "latent_dim", "likelihood", "seed"),
    *("encoder", "decoder", "discriminator"),
}


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
    out: str | os.PathLike | None = None,
    resume: bool = False,
    checkpoint_every: int = CHECKPOINT_EVERY,
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
        batch_size: images for each update.
        latent_dim: number of latents.
        likelihood: `"bernoulli"`, `'gaussian(scale="learned")'`, ...
        settings: further arguments of the model. Schedules may be written as text: `"linear(4, 1000)"`. What is not
            given is the model's `short_run`, else its default: FactorVAE's γ is 30 here.
        seed: of weights, sampling and the order of the images.
        precision: `"float32"`, or `"mixed_bfloat16"`, which is faster on processors and GPUs that have it.
        learning_rate: of the model's Adam; further optimizers keep the ratio to it that the papers give them.
            Default: the model's `short_learning_rate`, mostly 5e-4, which suits short runs; papers take 1e-4 for
            300,000 updates.
        out: the run's folder; default `runs/MODEL-DATA-seedSEED`.
        resume: whether to continue the run in `out`; a larger `steps` prolongs it.
        checkpoint_every: updates between checkpoints.
        runtime: what computes the updates: `"tensorflow"`, or `"jax"` on JAX's default device, from the program that
            TensorFlow traces. Its random numbers differ, and so do the weights; the folder is of the same kind.
        show_progress: whether progress bars are shown.

    Warns:
        UserWarning: nothing here has instructions for the bfloat16 that is asked for; or the training ails from
            something that is no NaN, such as a discriminator that has won, and the card says so as well.

    Raises:
        ValueError: an argument is wrong; `out` holds another run, or another process trains there; the run to resume
            has another configuration, other images, or a damaged file. Nothing is written.
        MemoryError: the machine has not the memory for so many latents, or images in a batch.
        Diverged: the loss became NaN or infinite.

    Example:
        >>> import tempfile
        >>> run = train("vae", "digits", steps=2, likelihood="continuous_bernoulli", show_progress=False,
        ...             out=Path(tempfile.mkdtemp()) / "run")
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
    registry.check_known("runtime", runtime, RUNTIMES)
    config, images = with_images(config)
    folder = files.path_of(out or runs.default_folder(config))
    folder = files.target_of(folder) if folder.is_symlink() else folder
    if resume:
        runs.check_there(folder)
    with runs.writing_to(folder), _memory_errors(config):
        if not resume:
            runs.check_free(folder)
        trained = (resume and runs.restore(folder, config)) or make_model(config, images)
        stream = _stream(trained, images, config)
        runs.open_folder(folder, config)
        how = checkpoint_every, show_progress, runtime
        _fit(trained, stream, images, config, folder, *how)
        return finish(trained, images, config, folder, show_progress)


def configure(
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
) -> runs.Config:
    """What `train` makes of its arguments, with the model's own settings and learning rate where none are given.

    Raises:
        ValueError: an argument is wrong by itself.

    Example:
        >>> config = configure("factor_vae", "shapes2d")
        >>> config.settings, config.learning_rate
        ({'gamma': 30.0}, 0.0005)
    """
    cls = registry.get("models", model)
    config = runs.Config(
        model=model,
        data=_named(data),
        steps=steps,
        batch_size=batch_size,
        latent_dim=latent_dim,
        likelihood=_as_text("likelihood", likelihood),
        settings={**cls.short_run, **(settings or {})},
        seed=seed,
        precision=precision,
        learning_rate=cls.short_learning_rate if learning_rate is None else learning_rate,
    )
    return _checked(config)


def with_images(config: runs.Config) -> tuple[runs.Config, datasets.Dataset]:
    """A configuration with the fingerprint of its images, and these.

    Raises:
        ValueError: there is no such dataset.
        MemoryError: the machine has not the memory for so many latents, or images in a batch.
    """
    images = datasets.load(config.data)
    _check_memory(config, images)
    return dataclasses.replace(config, images=fingerprint(images)), images


def make_model(config: runs.Config, data: datasets.Dataset) -> keras.Model:
    """A compiled model with new weights.

    Raises:
        ValueError: unknown model, likelihood or setting, or a value out of range.
    """
    cls = registry.get("models", config.model)
    allowed = settings_of(cls)
    for name, value in config.settings.items():
        if name not in allowed:
            raise ValueError(registry.unknown(f"setting of {config.model}", name, allowed))
        if not runs.is_written(value):
            raise ValueError(
                f"Setting `{name}` must be a plain value, or text such as 'linear(4, 1000)'. Received: "
                f"{type(value).__name__}."
            )
    settings = {name: _setting(value) for name, value in config.settings.items()}
    if "dataset_size" in allowed:
        settings.setdefault("dataset_size", len(data))
    model = cls(
        data.image_shape,
        latent_dim=config.latent_dim,
        likelihood=config.likelihood,
        seed=config.seed,
        dtype=config.precision,
        **settings,
    )
    model.compile()
    # One factor for all optimizers: a discriminator keeps pace with its VAE, as in the paper.
    factor = config.learning_rate / float(model.optimizer.learning_rate)
    for optimizer in model.optimizers:
        optimizer.learning_rate = factor * float(optimizer.learning_rate)
    return model


def settings_of(cls: type) -> list[str]:
    """Names of a model's arguments that are no option of a run by themselves.

    Example:
        >>> settings_of(registry.get("models", "beta_vae"))
        ['beta', 'free_bits', 'normalized']
    """
    return sorted(registry.arguments(cls).keys() - OF_THE_RUN)


def parse_setting(text: str) -> tuple[str, Any]:
    """Splits `"beta=4"`; the value is a Python literal where it reads as one, else text.

    Example:
        >>> parse_setting("beta=4"), parse_setting("variant=ii"), parse_setting("normalized=true")
        (('beta', 4), ('variant', 'ii'), ('normalized', True))
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"Expected a setting as name=value. Received: {registry.shortened(text)}")
    if value.lower() in ("true", "false", "none"):
        value = value.capitalize()
    try:
        return name, registry.parse_literal(value)
    except ValueError:
        return name, value


def _named(data) -> str:
    """The text that a run keeps of its data."""
    if isinstance(data, str | os.PathLike):
        return str(data)
    if isinstance(data, datasets.Dataset):
        advice = f'Pass the text that it is loaded by, such as "{data.name}"'
    elif isinstance(data, tuple | list) and len(data) == 2:
        advice = 'Save them: np.savez("images.npz", images=images, factors=factors), and pass "images.npz"'
    else:
        advice = 'Save the images: np.save("images.npy", images), and pass "images.npy"'
    raise ValueError(
        "Expected `data` as text, by which the run can be resumed and scored later. "
        f"Received: {_kind(data)}. {advice}; or train a model of zoo.models with fit."
    )


def _kind(data) -> str:
    shape = getattr(data, "shape", None)
    return type(data).__name__ + ("" if shape is None else f" of shape {tuple(shape)}")


def _as_text(name: str, value) -> str:
    """An argument that a run keeps as text, so that it can be resumed and scored from its folder alone."""
    if not isinstance(value, str):
        raise ValueError(
            f"`{name}` must be text, which the run keeps: a name or a call. Received: {type(value).__name__}. "
            "Train a model with such an object by model.fit."
        )
    return value


def _checked(config: runs.Config) -> runs.Config:
    """The configuration, if its values are in range, with plain numbers."""
    numbers = {
        name: check_integer(name, getattr(config, name), least=least)
        for name, least in (("steps", 1), ("batch_size", 1), ("latent_dim", 1), ("seed", 0))
    }
    if not is_number(config.learning_rate):
        raise ValueError(
            f"`learning_rate` must be a number. Received: learning_rate={config.learning_rate!r}"
        )
    if not 0 < config.learning_rate < math.inf:
        raise ValueError(
            f"`learning_rate` must be > 0. Received: learning_rate={config.learning_rate!r}"
        )
    registry.check_known("precision", config.precision, PRECISIONS)
    if config.precision == "mixed_bfloat16" and hardware.lacks_bfloat16():
        warnings.warn(
            "This processor has no instructions for bfloat16: an update may take several times as long as in float32. "
            'Choose precision="float32".',
            UserWarning,
            stacklevel=4,
        )
    return dataclasses.replace(config, **numbers)


def _check_memory(config: runs.Config, data: datasets.Dataset) -> None:
    """Checks that what grows with the batch, or with the latents, is less than the machine's memory.

    Raises:
        MemoryError: it is not.
    """
    there = hardware.memory()
    for name, each in (
        ("batch_size", math.prod(data.image_shape) * 4),
        ("latent_dim", LATENT_BYTES),
    ):
        least = getattr(config, name) * each
        if there is not None and least > there:
            raise MemoryError(
                f"`{name}`={getattr(config, name)} takes {least / 2**30:,.0f} GiB of memory at least. This machine has "
                f"{there / 2**30:,.0f} GiB. Choose a smaller {name} (--{name.replace('_', '-')})."
            )


@contextlib.contextmanager
def _memory_errors(config: runs.Config) -> Iterator[None]:
    """Says of an allocation that failed what to do."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        if files.disk_error(error.message) is not None:
            raise
        raise MemoryError(
            f"The memory does not suffice for batches of {config.batch_size} images and {config.latent_dim} latents. "
            "Choose a smaller batch_size (--batch-size) or latent_dim (--latent-dim)."
        ) from error


def fingerprint(data: datasets.Dataset) -> str | None:
    """What tells whether the images of a file or folder are the same as before; None where they are rendered.

    Of more than 2 GiB of images, some that are spread evenly are looked at.
    """
    while isinstance(getattr(data, "data", None), datasets.Dataset):
        data = data.data  # what a part or a variant does with them, its text says
    if not isinstance(data, datasets.Arrays):
        return None
    digest = hashlib.sha256(f"{len(data)} {data.image_shape} {data.image_dtype}".encode())
    size = math.prod(data.image_shape) * np.dtype(data.image_dtype).itemsize
    indices = np.arange(0, len(data), max(1, -(-len(data) * size // LOOKED_AT)))
    for start in range(0, len(indices), CHUNK):
        digest.update(data.images(indices[start : start + CHUNK]))
    return digest.hexdigest()


def _setting(value):
    """A schedule from text such as `linear(4, 1000)`; anything else as it is."""
    if not isinstance(value, str) or "(" not in value:
        return value
    name, positional, named = registry.parse_call(value)
    known = {
        cls.__name__.lower(): cls
        for cls in (schedules.Linear, schedules.Sigmoid, schedules.Cyclical)
    }
    if name not in known:
        raise ValueError(registry.unknown("schedule", name, known))
    return registry.call(f"Schedule {value!r}", known[name], positional, named)


def _stream(model, data, config: runs.Config) -> tf.data.Dataset:
    """What the model learns from, from where its training stands."""
    first = int(model.optimizer.iterations) * model.batches_per_step
    return model.stream(data, config.batch_size, seed=config.seed, start_step=first)


def _fit(
    model,
    stream: tf.data.Dataset,
    data,
    config: runs.Config,
    folder: Path,
    checkpoint_every: int,
    show_progress: bool,
    runtime: str,
) -> None:
    start = int(model.optimizer.iterations)
    if start >= config.steps:
        return
    recorder = _Recorder(data, config, folder, start, checkpoint_every, show_progress)
    with contextlib.closing(recorder), progress.remembered_interrupt() as recorder.interrupted:
        if runtime == "jax":
            from zoo.runs.portable import fit  # which needs JAX

            fit.fit(model, data, config, recorder)
        else:
            steps = config.steps - start
            model.fit(stream, steps_per_epoch=steps, verbose=0, callbacks=[recorder])
    runs.save_final(model, folder)


def finish(model, data, config: runs.Config, folder: Path, show_progress: bool) -> Run:
    """Scores, draws and exports the trained model."""
    scores = evaluation.evaluate(model, data, seed=config.seed, show_progress=show_progress)
    how = {"data": config.data, "samples": min(evaluation.SAMPLES, len(data)), "seed": config.seed}
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


class _Recorder(keras.callbacks.Callback):
    """Writes history, TensorBoard logs and checkpoints; stops a run whose loss is not finite."""

    def __init__(
        self,
        data,
        config: runs.Config,
        folder: Path,
        start: int,
        checkpoint_every: int,
        show_progress: bool,
    ):
        super().__init__()
        self.data, self.config, self.folder, self.start = data, config, folder, start
        self.log_every, self.checkpoint_every = LOG_EVERY, checkpoint_every
        self.history = [row for row in runs.read_history(folder) if row["step"] <= start]
        self.seconds = self.history[-1]["seconds"] if self.history else 0.0
        self.began = time.monotonic()
        self.writer = tf.summary.create_noop_writer()
        with report.not_vital("TensorBoard's log"):
            self.writer = tf.summary.create_file_writer(str(folder / "tensorboard"))
        self.bar = None
        self.show_progress = show_progress
        self.interrupted = threading.Event()

    def on_train_begin(self, logs=None):
        """Draws the bar only now, when the images have been checked."""
        self.bar = progress.bar(
            total=self.config.steps,
            initial=self.start,
            desc="train",
            unit="step",
            disable=not self.show_progress,
        )

    def on_train_batch_end(self, batch, logs=None):
        """Looks at the loss after each update, and writes what is due."""
        if self.interrupted.is_set():
            raise KeyboardInterrupt
        step = self.start + batch + 1
        order = (name for name in self.model.tracked() if name in logs)
        values = {name: float(np.mean(logs[name])) for name in order}
        self._check_finite(step, values)
        self.bar.update(step - self.bar.n)
        is_last = step == self.config.steps
        is_checkpoint = step % self.checkpoint_every == 0
        # Running means are not in a checkpoint, so that each one starts a new row.
        if step % self.log_every == 0 or is_checkpoint or is_last:
            self._log(step, values)
            self.model.reset_metrics()
        if is_checkpoint and not is_last:
            self._checkpoint(step)

    def close(self) -> None:
        """Ends the progress bar and the TensorBoard log."""
        if self.bar is not None:
            self.bar.close()
        with report.not_vital("The end of TensorBoard's log"):
            self.writer.close()

    def _check_finite(self, step: int, values: dict[str, float]) -> None:
        broken = [name for name, value in values.items() if not math.isfinite(value)]
        if broken:
            terms = [name for name in broken if name != "loss"] or broken
            raise Diverged(
                f"Training stopped at step {step}: {terms[0]} is {values[terms[0]]}. {self._last_good()} "
                f"Lower the learning rate (now {self.config.learning_rate:g}) or the weights of the loss."
            )

    def _last_good(self) -> str:
        checkpoints = runs.checkpoints(self.folder)
        return (
            f"Last good checkpoint: {checkpoints[-1]}."
            if checkpoints
            else "There is no checkpoint yet."
        )

    def _log(self, step: int, values: dict[str, float]) -> None:
        seconds = self.seconds + time.monotonic() - self.began
        self.history.append({"step": step, "seconds": round(seconds, 1), **values})
        runs.write_history(self.folder, self.history)
        self.bar.set_postfix(loss=f"{values['loss']:.1f}")
        with report.not_vital("TensorBoard's log"), self.writer.as_default(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
            self.writer.flush()

    def _checkpoint(self, step: int) -> None:
        try:
            runs.save_checkpoint(self.model, self.folder, step)
        except Diverged as error:
            raise Diverged(
                f"Training stopped at step {step}: {error} {self._last_good()}"
            ) from None
        with report.not_vital(f"What TensorBoard shows at step {step}"):
            figures = report.pictures(self.model, self.data, self.config.data)
            with self.writer.as_default(step):
                for name, figure in figures.items():
                    tf.summary.image(name, report.pixels(figure)[None])
