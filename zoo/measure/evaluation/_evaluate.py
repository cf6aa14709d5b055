"""Scores of a model on a dataset: it is encoded once, and each metric taken of the codes."""

import dataclasses
import time
import warnings
from collections.abc import Iterable

from zoo import datasets
from zoo.measure.evaluation._encode import (
    SAMPLES,
    Table,
    encode,
    encode_log_variances,
    encode_traversals,
)
from zoo.measure.evaluation._metrics import ALL, listed, metric_names, parsed, takes
from zoo.measure.evaluation._score import Scored, elbo_scores, score
from zoo.utils import progress
from zoo.utils.checks import check_integer

# As published: traversals of each factor that distances along them are taken of; fewer, if their images would be more
# than those of the table, but some.
MOST_TRAVERSALS, LEAST_TRAVERSALS = 1024, 16


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Scores of a model, with how they were taken.

    Attributes:
        bound: the evidence lower bound and what it is made of; see `zoo.evaluate`.
        seconds: wall time of the encoding, the bound included.
        metrics: what each metric found, in the order in which they were asked for.
        table: the codes that they were taken of.
    """

    bound: dict[str, float]
    seconds: float
    metrics: list[Scored]
    table: Table

    @property
    def scores(self) -> dict[str, float]:
        """All entries, the bound's first."""
        entries = [scored.scores for scored in self.metrics]
        return {name: value for part in [self.bound, *entries] for name, value in part.items()}

    @property
    def failed(self) -> dict[str, str]:
        """The metrics that gave no scores, and why."""
        return {row.metric: row.failed for row in self.metrics if row.failed is not None}


def evaluate(
    model,
    data,
    metrics: str | Iterable[str] | None = None,
    *,
    samples: int | None = SAMPLES,
    seed: int = 0,
    jobs: int = 1,
    show_progress: bool = False,
) -> dict[str, float]:
    """Scores of a model on a dataset, which is encoded once.

    Args:
        model: a model of the zoo.
        data: as for `encode`.
        metrics: names from `zoo list metrics`, or calls such as `"mig(bins=40)"`, in a list or in one text with
            commas between them; `"all"`, which are those that need no factors where the dataset has none; default:
            those that take about two seconds at most, `QUICK`, where the dataset has factors, else none; of a
            single factor without those that any code passes, such as the FactorVAE score.
        samples: as for `encode`. Some metrics learn from 10,000 codes and score on 5,000 others; of fewer they
            take two thirds and one third.
        seed: the same seed gives the same numbers.
        jobs: processes, for metrics that can use them; does not change the numbers.
        show_progress: whether a progress bar is shown.

    Returns:
        `reconstruction`, `kl`, `elbo` in nats per image, `bits_per_dimension`, `active_units` (latents whose mean
        varies by more than 0.01), then each metric's own entries. A model without an evidence lower bound has no
        `kl`, `elbo` and `bits_per_dimension`.

    Raises:
        ValueError: unknown metric or argument, metrics that need factors without them, images that do not fit the
            model, or a metric that was asked for by name cannot be taken of these codes. One of `"all"` or of the
            default metrics that cannot is left out with a warning.

    Example:
        >>> import zoo
        >>> scores = evaluate(zoo.models.VAE((8, 8, 1), seed=0), "digits", ["mig"], samples=500)
        >>> list(scores)
        ['reconstruction', 'kl', 'elbo', 'bits_per_dimension', 'active_units', 'mig']
    """
    metrics = None if metrics is None else listed(metrics)
    how = {"samples": samples, "seed": seed, "jobs": jobs, "show_progress": show_progress}
    keep_failed = metrics in (None, [ALL])
    return evaluate_in_detail(model, data, metrics, keep_failed=keep_failed, **how).scores


def evaluate_in_detail(
    model,
    data,
    metrics: str | Iterable[str] | None = None,
    *,
    samples: int | None = SAMPLES,
    seed: int = 0,
    jobs: int = 1,
    show_progress: bool = False,
    keep_failed: bool = True,
) -> Evaluation:
    """Scores of a model as by `evaluate`, with each metric's parameters and time.

    A metric that cannot be taken of these codes costs the others nothing: it stays with the reason in `failed`, and
    there is a warning. With `keep_failed=False` its `ValueError` is raised instead.
    """
    data = datasets.load(data)
    names = metric_names(metrics, data)
    check_integer("jobs", jobs, least=1)
    check_integer("seed", seed, least=0)
    start = time.perf_counter()
    table = encode(model, data, samples=samples, seed=seed, show_progress=show_progress)
    count = _traversals_for(names, data, table)
    if count:
        codes = encode_traversals(model, data, count, seed=seed, show_progress=show_progress)
        table = dataclasses.replace(table, traversals=codes)
    if any(takes(parsed(name)[1], "log_variances") for name in names):
        found = encode_log_variances(model, data, table.indices, show_progress=show_progress)
        table = dataclasses.replace(table, log_variances=found)
        if found is None and metrics is not None and listed(metrics) == [ALL]:
            names = _without_posterior(names)
    bound = elbo_scores(table, data.image_shape, model.likelihood.is_density)
    seconds = time.perf_counter() - start
    shown = progress.bar(iterable=names, desc="score", unit="metric", disable=not show_progress)
    how = {"seed": seed, "jobs": jobs, "keep_failed": keep_failed}
    scored = [score(table, name, **how) for name in shown]
    return Evaluation(bound, seconds, scored, table)


def _without_posterior(names: list[str]) -> list[str]:
    """All metrics but those that sample q(z|x), with a warning that names these."""
    left_out = [name for name in names if takes(parsed(name)[1], "log_variances")]
    message = f"q(z|x) of this model is not Gaussian. Left out are the metrics that sample it: {', '.join(left_out)}."
    warnings.warn(message, UserWarning, stacklevel=3)
    return [name for name in names if name not in left_out]


def _traversals_for(names: list[str], data, table: Table) -> int:
    """How many traversals of each factor to encode: 0 if none, as no metric asks or the table has them."""
    asked = any(takes(parsed(name)[1], "traversals") for name in names)
    if not asked or len(table.indices) == len(data) or not data.is_grid():
        return 0
    affordable = len(table.indices) // sum(data.factor_sizes)
    return min(max(affordable, LEAST_TRAVERSALS), MOST_TRAVERSALS)
