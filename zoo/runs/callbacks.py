"""Keras callbacks for training with `fit`."""

import os
import warnings
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np

from zoo import datasets
from zoo.measure import evaluation
from zoo.utils import files
from zoo.utils.checks import check_integer


class ScoreDuringTraining(keras.callbacks.Callback):
    """Scores the model every so many updates: score against step.

    Training itself does not change, not by a bit: scores have random draws of their own. Steps are counted by the
    model's optimizer, over any number of calls of `fit` and any resumption. Between the updates of one execution
    (`compile(steps_per_execution=...)`) no callback is asked: the score that is due there is taken at its end. With a
    `file`, the history outlives the process: a run that goes on from an older checkpoint drops what was scored after
    it, and scores again.

    Args:
        data: what is scored: anything that `zoo.datasets.load` takes.
        every: updates from score to score.
        metrics: as for `zoo.evaluate`. Where one cannot be taken of the codes, there is a warning, it has no entry for
            that step, and training goes on.
        samples: as for `zoo.evaluate`.
        seed: as for `zoo.evaluate`: the same images are scored each time.
        file: a JSON file that the history is kept in.

    Attributes:
        history: columns by name, `"step"` first, an entry for each time; draw it with `zoo.plots.curves`.

    Raises:
        ValueError: an argument is not as described, or `file` holds something else.

    Example:
        >>> import zoo
        >>> data = zoo.datasets.load("digits")
        >>> model = zoo.models.VAE(data.image_shape, likelihood="continuous_bernoulli", seed=0)
        >>> model.compile()
        >>> scores = ScoreDuringTraining(data, every=2, metrics=["mig"], samples=200)
        >>> history = model.fit(data.batches(8), steps_per_epoch=5, verbose=0, callbacks=[scores])
        >>> scores.history["step"], len(scores.history["mig"])
        ([2, 4], 2)
        >>> figure = zoo.plots.curves(scores.history)
    """

    def __init__(
        self,
        data,
        *,
        every: int = 1000,
        metrics: str | Iterable[str] | None = None,
        samples: int | None = evaluation.SAMPLES,
        seed: int = 0,
        file: str | os.PathLike | None = None,
    ):
        super().__init__()
        self.data = datasets.load(data)
        self.every = check_integer("every", every, least=1)
        self.metrics = evaluation.metric_names(metrics, self.data)
        self.samples = None if samples is None else check_integer("samples", samples, least=1)
        self.seed = check_integer("seed", seed, least=0)
        self.file = None if file is None else files.path_of(file)
        self.history = _read(self.file) if self.file and self.file.exists() else {"step": []}
        self._before = 0

    def on_train_begin(self, logs=None) -> None:
        """Drops what was scored after the step that training goes on from."""
        evaluation.matching(self.model, self.data)
        kept = [number for number, step in enumerate(self.history["step"]) if step <= self._step()]
        self.history = {name: [column[k] for k in kept] for name, column in self.history.items()}

    def on_train_batch_begin(self, batch, logs=None) -> None:
        """Notes where the next updates start: there may be several of them before a callback is asked again."""
        self._before = self._step()

    def on_train_batch_end(self, batch, logs=None) -> None:
        """Scores the model, if it is time to."""
        step = self._step()
        is_due = step // self.every > self._before // self.every
        if not is_due or step in self.history["step"]:
            return
        found = evaluation.evaluate_in_detail(
            self.model, self.data, self.metrics, samples=self.samples, seed=self.seed
        )
        rows = len(self.history["step"])
        for name, value in {"step": step, **found.scores}.items():
            # A score that a file from before lacks has no entries for those steps.
            self.history.setdefault(name, [None] * rows).append(value)
        for column in self.history.values():
            column.extend([None] * (rows + 1 - len(column)))
        if self.file:
            files.write_json(self.file, self.history)

    def _step(self) -> int:
        return int(self.model.optimizer.iterations.value.numpy())


class Watch(keras.callbacks.Callback):
    """Tells what ails a training with `fit`, as `zoo.train` does: in warnings, and in `found`.

    A value that is NaN or infinite ends the training after that update. After each epoch the model's `symptoms`, such
    as a discriminator that has won or codes that say nothing, are looked for in its means; each is told once.

    Attributes:
        found: what was told, in sentences.

    Example:
        >>> import numpy as np, zoo
        >>> model = zoo.models.VAE((8, 8, 1), latent_dim=3, seed=0)
        >>> model.compile()
        >>> watch = Watch()
        >>> history = model.fit(np.zeros((32, 8, 8, 1)), verbose=0, callbacks=[watch])
        >>> watch.found
        []
    """

    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def on_train_batch_end(self, batch, logs=None) -> None:
        """Ends the training if a value is not finite."""
        broken = {
            name: value for name, value in (logs or {}).items() if not np.isfinite(value).all()
        }
        if broken:
            values = ", ".join(f"{name} is {np.mean(value)}" for name, value in broken.items())
            step = int(self.model.optimizer.iterations.value.numpy())
            self._tell(f"Training stopped at step {step}: {values}. Lower the learning rate.")
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None) -> None:
        """Looks for symptoms in the epoch's means."""
        means = {name: float(np.mean(logs[name])) for name in self.model.tracked() if name in logs}
        if np.isfinite(list(means.values())).all():
            for symptom in self.model.symptoms(means):
                self._tell(symptom)

    def _tell(self, sentence: str) -> None:
        # The same symptom comes again with another number in brackets.
        told = {known.partition("(")[0] for known in self.found}
        if sentence.partition("(")[0] not in told:
            self.found.append(sentence)
            warnings.warn(sentence, UserWarning, stacklevel=2)


def _read(file: Path) -> dict[str, list]:
    """A history that was kept."""
    try:
        history = files.read_json(file)
        lengths = {len(column) for column in history.values()}
        if "step" in history and len(lengths) == 1:
            return history
        found = "columns without steps or of different lengths"
    except (OSError, ValueError, AttributeError, TypeError) as error:
        found = str(error)
    raise ValueError(f"Expected `file` to hold a history of scores. Received: {file}: {found}.")
