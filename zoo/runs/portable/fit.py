"""`zoo.train(..., runtime="jax")`: TensorFlow traces the update, JAX's default device computes it."""

import keras

from zoo.datasets import Dataset
from zoo.runs.folder import Config
from zoo.utils import extras


def fit(model: keras.Model, data: Dataset, config: Config, recorder) -> None:
    """Trains a model to the end of its run, and gives it the state that it ends with.

    Args:
        model: compiled; where its training stands.
        data: what it learns from.
        config: of the run.
        recorder: a Keras callback, asked where the history has a row, with `checkpoint_every` and `log_every`, and an
            event `interrupted`.

    Raises:
        ImportError: JAX is not installed.
        ValueError: the update has no portable form.
        KeyboardInterrupt: the event was set.
    """
    extras.need("jax", "flatbuffers", extra="jax")
    from zoo.runs.portable import variables
    from zoo.runs.portable.job.training import train
    from zoo.runs.portable.job.updates import Updates
    from zoo.runs.portable.program import program_of

    every = {"log_every": recorder.log_every, "checkpoint_every": recorder.checkpoint_every}
    start = int(model.optimizer.iterations)
    updates = Updates(program_of(model, data, config, **every), start)

    def on_row(means: dict[str, float], _) -> None:
        if updates.done % recorder.checkpoint_every == 0 or updates.done == config.steps:
            variables.restore(model, updates.state())
        recorder.on_train_batch_end(updates.done - start - 1, means)

    recorder.set_model(model)
    recorder.on_train_begin()
    if not train(
        updates, config.steps, on_row=on_row, on_pause=lambda _: recorder.interrupted.is_set()
    ):
        raise KeyboardInterrupt
