"""Search: a model as a trainable of Ray Tune."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from zoo import runs
from zoo.runs import training
from zoo.studies import _cell
from zoo.studies.plan import arguments_of
from zoo.utils.checks import check_integer
from zoo.utils.extras import need

RUN = "run"


def trainable(
    model: str,
    data: str,
    *,
    steps: int = 3000,
    every: int = 500,
    metrics: str | Iterable[str] | None = None,
    **fixed,
) -> Callable[[dict[str, Any]], None]:
    """A function for `ray.tune.Tuner`, which trains a model and reports its scores as it goes.

    A trial is a run folder of `zoo.train` that is prolonged from score to score: its numbers are those of one that was
    trained without a stop, it is the trial's checkpoint, and a trial whose worker dies goes on from it. What is
    reported has `step` and every score by its name; a scheduler that stops trials early counts in `step`.

    Args:
        model: a name from `zoo list models`.
        data: text that `zoo.datasets.load` takes.
        steps: updates of a trial that is not stopped.
        every: updates from score to score.
        metrics: as for `zoo.evaluate`.
        **fixed: what the search does not vary: settings of the model, and arguments of `zoo.train` such as
            `latent_dim`. The search space has names of the same kinds.

    Raises:
        ValueError: an argument is wrong. Names and values that the search chooses are checked when a trial starts.
        ImportError: Ray Tune is not installed: `pip install "vae-zoo[ray]"`.

    Example:
        β and the learning rate of the best MIG, where half of the trials are stopped early:

            from ray import tune

            tuner = tune.Tuner(
                zoo.studies.trainable("beta_vae", "shapes2d", steps=3000, every=500, metrics="mig"),
                param_space={"beta": tune.loguniform(1, 30), "learning_rate": tune.loguniform(1e-4, 1e-3)},
                tune_config=tune.TuneConfig(
                    metric="mig", mode="max", num_samples=16,
                    scheduler=tune.schedulers.ASHAScheduler(time_attr="step", max_t=3000, grace_period=500),
                ),
            )
            best = tuner.fit().get_best_result()
            model = zoo.load(Path(best.checkpoint.path) / "run")
    """
    need("ray", "pyarrow", extra="ray")
    steps = check_integer("steps", steps, least=1)
    every = check_integer("every", every, least=1)
    metrics = metrics if metrics is None or isinstance(metrics, str) else list(metrics)
    seed = check_integer("seed", fixed.pop("seed", 0), least=0)
    training.check(
        training.configure(model, data, seed=seed, **arguments_of(model, fixed)), metrics
    )
    home = os.getcwd()  # that paths of data start from; Tune works in folders of its own

    def train(choice: Mapping[str, Any]) -> None:
        choice = {"seed": seed, **fixed, **choice}
        given = {"seed": choice.pop("seed"), **arguments_of(model, choice)}
        _trial(model, data, given, metrics, range(every, steps + every, every), steps, home)

    return train


def _trial(
    model: str,
    data: str,
    given: dict[str, Any],
    metrics: str | list[str] | None,
    stops: Iterable[int],
    steps: int,
    home: str,
) -> None:
    """Trains from score to score, and reports each."""
    os.environ.update(_cell.ENVIRONMENT)
    if os.path.isdir(home):
        os.chdir(home)
    from ray import tune

    with tempfile.TemporaryDirectory(prefix="zoo-trial-") as scratch:
        folder = Path(scratch) / RUN
        done = _restored(tune.get_checkpoint(), Path(scratch))
        for stop in stops:
            step = min(stop, steps)
            if step <= done:
                continue
            run = training.train(
                model,
                data,
                steps=step,
                metrics=metrics,
                out=folder,
                resume=folder.exists(),
                checkpoint_every=step,
                show_progress=False,
                **given,
            )
            checkpoint = tune.Checkpoint.from_directory(scratch)
            tune.report({"step": step, **run.scores}, checkpoint=checkpoint)


def _restored(checkpoint, scratch: Path) -> int:
    """Lays out the run of a checkpoint, and says how many updates it has made."""
    if checkpoint is None:
        return 0
    with checkpoint.as_directory() as there:
        shutil.copytree(Path(there) / RUN, scratch / RUN)
    return runs.load_config(scratch / RUN).steps
