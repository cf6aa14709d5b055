"""The updates of a run, with its history, its log for TensorBoard, its checkpoints, and its end where it diverges."""

import contextlib
import math
import threading
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from zoo import runs
from zoo.runs import Diverged, report
from zoo.utils import progress

LOG_EVERY = 100
RUNTIMES = ("tensorflow", "jax")


def fit(
    model,
    stream: tf.data.Dataset,
    data,
    config: runs.Config,
    folder: Path,
    checkpoint_every: int,
    show_progress: bool,
    runtime: str,
) -> None:
    start = model.updates_made()
    if start >= config.steps:
        return
    recorder = Recorder(data, config, folder, start, checkpoint_every, show_progress)
    with contextlib.closing(recorder), progress.remembered_interrupt() as recorder.interrupted:
        if runtime == "jax":
            from zoo.runs.portable import fit  # which needs JAX

            fit.fit(model, data, config, recorder)
        else:
            steps = config.steps - start
            model.fit(stream, steps_per_epoch=steps, verbose=0, callbacks=[recorder])
    runs.save_final(model, folder)


def follow(model, stream: tf.data.Dataset, config: runs.Config, checkpoint_every: int) -> None:
    """The updates of a run on a worker that writes nothing, as the first does at the same time."""
    start = model.updates_made()
    if start < config.steps:
        watcher = Watcher(config, start, checkpoint_every)
        model.fit(stream, steps_per_epoch=config.steps - start, verbose=0, callbacks=[watcher])


class Watcher(keras.callbacks.Callback):
    """Stops a run whose loss is not finite, and begins new means for each row of its history; all workers do it."""

    def __init__(self, config: runs.Config, start: int, checkpoint_every: int):
        super().__init__()
        self.config, self.start = config, start
        self.log_every, self.checkpoint_every = LOG_EVERY, checkpoint_every

    def on_train_batch_end(self, batch, logs=None):
        """Looks at the loss after each update, and has written what is due."""
        step = self.start + batch + 1
        order = (name for name in self.model.tracked() if name in logs)
        values = {name: float(np.mean(logs[name])) for name in order}
        self._check_finite(step, values)
        self.after_update(step)
        is_last = step == self.config.steps
        is_checkpoint = step % self.checkpoint_every == 0
        # Running means are not in a checkpoint, so that each one starts a new row.
        if step % self.log_every == 0 or is_checkpoint or is_last:
            self.write_row(step, values)
            self.model.reset_metrics()
        if is_checkpoint and not is_last:
            self.write_checkpoint(step)

    def after_update(self, step: int) -> None:
        """Called after each update whose loss is finite."""

    def write_row(self, step: int, values: dict[str, float]) -> None:
        """Called where a row of the history is due, with the means since the row before."""

    def write_checkpoint(self, step: int) -> None:
        """Called where a checkpoint is due."""

    def last_good(self) -> str:
        """What a user who reads that a run has diverged can go back to."""
        return "The checkpoints are the first worker's."

    def _check_finite(self, step: int, values: dict[str, float]) -> None:
        broken = [name for name, value in values.items() if not math.isfinite(value)]
        if broken:
            terms = [name for name in broken if name != "loss"] or broken
            raise Diverged(
                f"Training stopped at step {step}: {terms[0]} is {values[terms[0]]}. {self.last_good()} "
                f"Lower the learning rate (now {self.config.learning_rate:g}) or the weights of the loss."
            )


class Recorder(Watcher):
    """Writes history, TensorBoard logs and checkpoints as well."""

    def __init__(
        self,
        data,
        config: runs.Config,
        folder: Path,
        start: int,
        checkpoint_every: int,
        show_progress: bool,
    ):
        super().__init__(config, start, checkpoint_every)
        self.data, self.folder = data, folder
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
        """Ends where the user wants it, and else looks at the loss and writes what is due."""
        if self.interrupted.is_set():
            raise KeyboardInterrupt
        super().on_train_batch_end(batch, logs)

    def after_update(self, step: int) -> None:
        """Moves the bar."""
        self.bar.update(step - self.bar.n)

    def close(self) -> None:
        """Ends the progress bar and the TensorBoard log."""
        if self.bar is not None:
            self.bar.close()
        with report.not_vital("The end of TensorBoard's log"):
            self.writer.close()

    def last_good(self) -> str:
        """The last checkpoint."""
        checkpoints = runs.checkpoints(self.folder)
        return (
            f"Last good checkpoint: {checkpoints[-1]}."
            if checkpoints
            else "There is no checkpoint yet."
        )

    def write_row(self, step: int, values: dict[str, float]) -> None:
        """Writes the history, shows the loss, and adds to TensorBoard's log."""
        seconds = self.seconds + time.monotonic() - self.began
        self.history.append({"step": step, "seconds": round(seconds, 1), **values})
        runs.write_history(self.folder, self.history)
        self.bar.set_postfix(loss=f"{values['loss']:.1f}")
        with report.not_vital("TensorBoard's log"), self.writer.as_default(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
            self.writer.flush()

    def write_checkpoint(self, step: int) -> None:
        """Writes the model, and adds pictures to TensorBoard's log."""
        try:
            runs.save_checkpoint(self.model, self.folder, step)
        except Diverged as error:
            raise Diverged(f"Training stopped at step {step}: {error} {self.last_good()}") from None
        with report.not_vital(f"What TensorBoard shows at step {step}"):
            figures = report.pictures(self.model, self.data, self.config.data)
            with self.writer.as_default(step):
                for name, figure in figures.items():
                    tf.summary.image(name, report.pixels(figure)[None])
