"""From codes to numbers: one metric with how it was taken, and the evidence lower bound."""

import contextlib
import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from zoo.measure.evaluation._encode import Table
from zoo.measure.evaluation._metrics import least_factors, parsed, takes

ACTIVE_VARIANCE = 0.01
BITS_OF_A_BYTE = 8


@dataclasses.dataclass(frozen=True)
class Scored:
    """What one metric found.

    Attributes:
        metric: its name.
        scores: its entries, the headline first.
        parameters: the arguments that it was called with, its defaults included; of `traversals` their number.
        seconds: wall time that it took.
        warnings: what it warned of, such as factors that it left out.
        failed: why it gave no scores; None where it gave them.
    """

    metric: str
    scores: dict[str, float]
    parameters: dict[str, Any]
    seconds: float
    warnings: tuple[str, ...] = ()
    failed: str | None = None


def score(
    table: Table, metric: str, *, seed: int = 0, jobs: int = 1, keep_failed: bool = False
) -> Scored:
    """One metric of an encoded dataset, with its parameters and time.

    Args:
        table: codes with factors; without, for a metric that needs none.
        metric: a name from `zoo list metrics`, or a call such as `"dci(booster='lightgbm')"`.
        seed: of the metric's draws.
        jobs: processes, for a metric that can use them; does not change the scores.
        keep_failed: whether a metric's `ValueError` is kept in `failed`, with a warning, and not raised.

    Raises:
        ValueError: unknown metric, it does not take these arguments, or it cannot be taken of these codes.
    """
    name, function, parameters = parsed(metric)
    parameters = {"seed": seed, **parameters}
    if parameters.get("discrete", True) is None:
        parameters["discrete"] = table.discrete
    given = {
        "jobs": jobs,
        "traversals": table.traversals,
        "log_variances": table.log_variances,
    }
    given = {name: value for name, value in given.items() if takes(function, name)}
    scores, failed = {}, None
    start = time.perf_counter()
    with _kept_warnings(name) as kept:
        try:
            factors = _factors_for(function, name, table)
            scores = function(table.codes, factors, **parameters, **given)
        except ValueError as error:
            if not keep_failed:
                raise
            failed = str(error)
    seconds = time.perf_counter() - start
    if failed is not None:
        warnings.warn(f"{name} is not scored: {failed}", UserWarning, stacklevel=2)
    if given.get("traversals") is not None:
        parameters["traversals"] = len(table.traversals[0])
    return Scored(name, scores, parameters, seconds, tuple(kept), failed)


def _factors_for(function: Callable, name: str, table: Table) -> np.ndarray:
    """The table's factors; where it has none, zeros for a metric that does not look at them."""
    if table.factors is not None:
        return table.factors
    if least_factors(function):
        raise ValueError(f"Expected a table with factors for {name}. Received: one without.")
    return np.zeros((len(table.codes), 1), np.int64)


@contextlib.contextmanager
def _kept_warnings(metric: str) -> Iterator[list[str]]:
    """The texts of what is warned of within; it is all warned of at the end, under the metric's name."""
    texts = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            for category in (UserWarning, RuntimeWarning):
                warnings.simplefilter("always", category)
            yield texts
    finally:
        texts += [str(found.message) for found in caught]
        for text, found in zip(texts, caught, strict=True):
            warnings.warn_explicit(
                f"{metric}: {text}", found.category, found.filename, found.lineno
            )


def elbo_scores(table: Table, image_shape: tuple[int, ...], is_density: bool) -> dict[str, float]:
    """The evidence lower bound of an encoded dataset, and what it is made of.

        bits per dimension = -ELBO / (N ln 2), + 8 for a density on [0, 1], whose images are bytes

    with N pixels times channels.
    """
    reconstruction = float(table.reconstruction.mean(dtype=np.float64))
    variances = table.codes.var(axis=0, dtype=np.float64)
    active = {"active_units": float((variances > ACTIVE_VARIANCE).sum())}
    if table.latent_kl is None:
        return {"reconstruction": reconstruction, **active}
    kl = float(table.latent_kl.sum(axis=1, dtype=np.float64).mean())
    bits = (reconstruction + kl) / (math.prod(image_shape) * math.log(2))
    bound = {
        "reconstruction": reconstruction,
        "kl": kl,
        "elbo": -(reconstruction + kl),
        "bits_per_dimension": bits + BITS_OF_A_BYTE * is_density,
    }
    return {**bound, **active}
