"""From a model and a dataset to numbers and arrays: codes, scores, traversals."""

import contextlib
import dataclasses
import inspect
import math
import numbers
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from zoo import datasets
from zoo.metrics._shares import shares_told
from zoo.utils import progress, registry
from zoo.utils.checks import check_integer, folded_seed, is_number

# As published: traversals of each factor that distances along them are taken of; fewer, if their images would be more
# than those of the table, but some.
MOST_TRAVERSALS, LEAST_TRAVERSALS = 1024, 16
# As published: metrics learn from 10,000 codes and score on 5,000 others.
SAMPLES = 15_000
BATCH_SIZE = 256
ALL = "all"
MOST_COLUMNS = 500  # of a drawing, whose width has an end
# What a training run ends with: each takes about two seconds at most on 15,000 codes.
QUICK = (
    "factor_vae_score",
    "mig",
    "beta_vae_score",
    "sap",
    "modularity",
    "explicitness",
    "irs",
    "unsupervised",
)
# Arguments of metrics that a name or call does not set.
GIVEN = {
    "jobs": "it changes no score; pass it for all metrics, as jobs=... (--jobs ...)",
    "traversals": "they are drawn from the dataset",
}
ACTIVE_VARIANCE = 0.01
UNUSED = 0.01  # nats
PERCENTILES = (1, 99)  # of the codes, from where to where traversals go
KNOWN = 5_000  # images whose codes tell where a latent lies and what it knows
BITS_OF_A_BYTE = 8


@dataclasses.dataclass(frozen=True)
class Table:
    """A dataset, encoded.

    Attributes:
        codes: means of q(z|x), `(n, latents)`; of a categorical latent the number of the most probable category.
        factors: `(n, factors)` integers, or None where the dataset has none.
        indices: which images these are, `(n,)`.
        reconstruction: -log p(x|z) with one sample of q(z|x), in nats, `(n,)`; None where it was not asked for.
        latent_kl: KL(q(z_j|x) || p(z_j)) in nats, `(n, latents)`; None where the model has none, or it was not
            asked for.
        traversals: codes along whole random traversals of each factor, `(traversals, values, latents)`; None where
            they were not asked for. See `encode_traversals`.
    """

    codes: np.ndarray
    factors: np.ndarray | None
    indices: np.ndarray
    reconstruction: np.ndarray | None
    latent_kl: np.ndarray | None
    traversals: list[np.ndarray] | None = None


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


@dataclasses.dataclass(frozen=True)
class Traversal:
    """Images in which one latent moves at a time.

    Attributes:
        images: `(latents, columns, height, width, channels)` in [0, 1]; rows sorted by falling KL,
            or by falling variance of the codes where the model has no KL. A categorical latent fills the
            first columns, one for each category; what is left of a row is white.
        filled: how many columns of each row hold images, `(latents,)`.
        values: where a moving continuous latent stands in each column, `(columns,)`: the percentile of its codes, or
            its value where a `span` was asked for; where there is none, the number of the category.
        latents: which latent moves in each row, `(latents,)`.
        kl: mean KL of each row's latent in nats, `(latents,)`, or None.
        variance: variance of each row's code over the images, `(latents,)`.
        index: the image of the dataset whose code the other latents keep.
        settings: the value of each row's latent in each column, `(latents, columns)`; of a categorical latent the
            category.
        span: what was asked for; None where columns are percentiles.
        told: for each row the name of the factor that the latent knows best and the share of its entropy that it
            tells, or None where the dataset has no factors.
        dead: which rows' latents are not used, `(latents,)`: below 0.01 nats, or 0.01 variance where there is no KL.
    """

    images: np.ndarray
    filled: np.ndarray
    values: np.ndarray
    latents: np.ndarray
    kl: np.ndarray | None
    variance: np.ndarray
    index: int
    settings: np.ndarray
    span: float | None
    told: list[tuple[str, float] | None]
    dead: np.ndarray


def encode(
    model,
    data,
    *,
    samples: int | None = SAMPLES,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
    terms: bool = True,
    show_progress: bool = False,
) -> Table:
    """Encodes a dataset once, so that any metric can be taken of the codes.

    Args:
        model: a model of the zoo.
        data: anything that `zoo.datasets.load` takes: a dataset or its name, images, `(images, factors)`.
        samples: how many images, drawn without replacement; None, or more than there are: all of them in order.
        batch_size: images at a time; does not change the result beyond rounding.
        seed: of the draw and of the samples of q(z|x).
        terms: whether the reconstruction and KL terms are taken, for which images are decoded as well. Codes
            alone take a third of the time.
        show_progress: whether a progress bar is shown.

    Raises:
        ValueError: the dataset's images do not fit the model.
    """
    data = matching(model, datasets.load(data))
    indices = draw(len(data), samples, seed)
    images = _images_ahead(data, chunks(indices, batch_size, show_progress))
    if terms:
        key = folded_seed(seed)
        parts = [
            model.measure(batch, tf.constant([key, number])) for number, batch in enumerate(images)
        ]
    else:
        parts = [(model.measure_codes(batch), None, None) for batch in images]
    codes, reconstruction, latent_kl = (
        None if column[0] is None else np.concatenate(column) for column in zip(*parts, strict=True)
    )
    factors = data.factors(indices) if data.factor_names else None
    return Table(codes, factors, indices, reconstruction, latent_kl)


def encode_traversals(
    model, data, count: int, *, seed: int = 0, show_progress: bool = False
) -> list[np.ndarray]:
    """Codes along random traversals: one factor goes through all its values, and the others stay.

    Args:
        model: a model of the zoo.
        data: as for `encode`, with one image for each combination of its factors.
        count: traversals of each factor.
        seed: of the draw.
        show_progress: whether a progress bar is shown.

    Returns:
        For each factor the means of q(z|x), `(count, values, latents)`.

    Raises:
        ValueError: the dataset lacks a combination of factors, or its images do not fit the model.

    Example:
        >>> import zoo
        >>> model = zoo.models.VAE((64, 64, 3), latent_dim=6, seed=0)
        >>> [codes.shape for codes in encode_traversals(model, "xysquares", 2)][:2]
        [(2, 8, 6), (2, 8, 6)]
    """
    data = matching(model, datasets.load(data))
    check_integer("count", count, least=1)
    check_integer("seed", seed, least=0)
    data.grid_order()
    generator = np.random.default_rng([seed, 1])  # other images than those of `encode`
    starts = generator.integers(len(data), size=(len(data.factor_sizes), count))
    along = [data.traversals(some, factor) for factor, some in enumerate(starts)]
    indices = np.concatenate([rows.ravel() for rows in along])
    images = _images_ahead(data, chunks(indices, BATCH_SIZE, show_progress))
    codes = np.concatenate([model.measure_codes(batch) for batch in images])
    parts = np.split(codes, np.cumsum([rows.size for rows in along])[:-1])
    return [part.reshape(*rows.shape, -1) for part, rows in zip(parts, along, strict=True)]


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
    metrics = None if metrics is None else _listed(metrics)
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
    bound = elbo_scores(table, data.image_shape, model.likelihood.is_density)
    seconds = time.perf_counter() - start
    shown = progress.bar(iterable=names, desc="score", unit="metric", disable=not show_progress)
    how = {"seed": seed, "jobs": jobs, "keep_failed": keep_failed}
    scored = [score(table, name, **how) for name in shown]
    return Evaluation(bound, seconds, scored, table)


def _traversals_for(names: list[str], data, table: Table) -> int:
    """How many traversals of each factor to encode: 0 if none, as no metric asks or the table has them."""
    asked = any(_takes(_called(name)[1], "traversals") for name in names)
    if not asked or len(table.indices) == len(data) or not data.is_grid():
        return 0
    affordable = len(table.indices) // sum(data.factor_sizes)
    return min(max(affordable, LEAST_TRAVERSALS), MOST_TRAVERSALS)


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
    name, function, parameters = _called(metric)
    parameters = {"seed": seed, **parameters}
    given = {"jobs": jobs, "traversals": table.traversals}
    given = {name: value for name, value in given.items() if _takes(function, name)}
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


def _takes(function: Callable, argument: str) -> bool:
    return argument in inspect.signature(function).parameters


def _factors_for(function: Callable, name: str, table: Table) -> np.ndarray:
    """The table's factors; where it has none, zeros for a metric that does not look at them."""
    if table.factors is not None:
        return table.factors
    if _least_factors(function):
        raise ValueError(f"Expected a table with factors for {name}. Received: one without.")
    return np.zeros((len(table.codes), 1), np.int64)


def _least_factors(function: Callable) -> int:
    """How many factors a metric needs to say anything: 1 where it does not tell, in `least_factors`."""
    return getattr(function, "least_factors", 1)


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


def _called(metric: str) -> tuple[str, Callable, dict[str, Any]]:
    """Name, function and all arguments but codes, factors and the seed, of a metric's name or call."""
    name, positional, named = registry.parse_call(metric)
    function = registry.get("metrics", name)
    arguments = inspect.signature(function).parameters.values()
    defaults = {
        argument.name: argument.default
        for argument in arguments
        if argument.kind is argument.KEYWORD_ONLY
    }
    for argument, why in GIVEN.items():
        defaults.pop(argument, None)
        if argument in named:
            raise ValueError(
                f"{name}: `{argument}` is no argument of a metric here: {why}. Received: {metric}"
            )
    if positional or not named.keys() <= defaults.keys():
        raise ValueError(
            f"{name}: its arguments are named, and are: {', '.join(defaults)}. Received: {metric}"
        )
    for argument, value in named.items():
        _check_kind(name, argument, value, defaults[argument])
    defaults.pop("seed")
    return name, function, {**defaults, **named}


def _check_kind(metric: str, name: str, value: Any, default: Any) -> None:
    """Checks before any work that an argument is of its default's kind; its range is the metric's to check.

    Example:
        >>> _check_kind("mig", "bins", "many", default=20)
        Traceback (most recent call last):
        ValueError: mig: `bins` must be an integer >= 0. Received: bins='many'
    """
    kinds = {
        float: (numbers.Real, "a number"),
        str: (str, "a text"),
        tuple: (list | tuple, f"several values, such as {default}"),
    }
    kind, words = kinds.get(type(default), (object, ""))
    try:
        if isinstance(default, int):
            check_integer(name, value, least=0)
        elif not isinstance(value, kind):
            raise ValueError(f"`{name}` must be {words}. Received: {name}={value!r}")
    except ValueError as error:
        raise ValueError(f"{metric}: {error}") from None


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


def traverse(
    model,
    data,
    *,
    index: int | None = None,
    span: float | None = None,
    columns: int = 11,
    samples: int = 1000,
    seed: int = 0,
    table: Table | None = None,
) -> Traversal:
    """Decodes codes in which one latent moves, and the others stay at an image's code.

    A latent goes through the percentiles of its codes, from the 1st to the 99th: where codes lie, which may be a small
    part of the prior. A categorical latent goes through its categories instead.

    Args:
        model: a model of the zoo.
        data: as for `encode`.
        index: the image whose code is kept; default: one drawn by `seed`.
        span: from `-span` to `span` in standard deviations of the prior, as far as it goes, and not in percentiles.
        columns: values of each continuous latent, from 2 to 500; more, where a categorical latent has more categories.
        samples: images whose mean KL, or variance of codes, sorts the rows.
        seed: of the draws.
        table: the dataset as encoded, with its terms, whose codes give the percentiles and what a latent knows;
            default: 5,000 images.

    Raises:
        ValueError: an argument is out of range, `index` outside of the dataset, or its images do not fit the model.
    """
    data = matching(model, datasets.load(data))
    check_integer("seed", seed, least=0)
    if index is None:
        index = int(np.random.default_rng(seed).integers(len(data)))
    check_integer("index", index, least=0, most=len(data) - 1)
    check_integer("columns", columns, least=2, most=MOST_COLUMNS)
    if span is not None:
        check_span(span)
    sorting = encode(model, data, samples=samples, seed=seed)
    if table is None:
        known = len(sorting.codes) == len(data)
        table = sorting if known else encode(model, data, samples=KNOWN, seed=seed, terms=False)
    variance = sorting.codes.var(axis=0)
    kl = None if sorting.latent_kl is None else sorting.latent_kl.mean(axis=0)
    use = variance if kl is None else kl
    latents = np.argsort(-use, kind="stable")
    # A categorical latent may have more categories than there are columns.
    widest = max(columns if model.continuous_dim else 1, *model.categories, 1)
    values, settings = _columns(model, table.codes, span, widest)
    code = model.encode(data.images([index])).mode().numpy()[0]
    rows = [
        _image_of(model.decode(model.moved(code, latent, settings[latent]))) for latent in latents
    ]
    images = np.ones((len(rows), widest, *data.image_shape), np.float32)
    for row, made in zip(images, rows, strict=True):
        row[: len(made)] = made
    told = _best_told(table, data)
    return Traversal(
        images=images,
        filled=np.array([len(row) for row in rows]),
        values=values,
        latents=latents,
        kl=None if kl is None else kl[latents],
        variance=variance[latents],
        index=index,
        settings=settings[latents],
        span=span,
        told=[told[latent] for latent in latents],
        dead=use[latents] < (UNUSED if kl is not None else ACTIVE_VARIANCE),
    )


def _columns(
    model, codes: np.ndarray, span: float | None, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """What columns are called, `(count,)`, and each latent's values in them, `(latents, count)`."""
    settings = np.tile(np.arange(count, dtype=np.float32), (codes.shape[1], 1))
    if not model.continuous_dim:
        return np.arange(count), settings
    if span is None:
        values = np.linspace(*PERCENTILES, count)
        moving = np.percentile(codes[:, : model.continuous_dim], values, axis=0).T
    else:
        values = moving = np.linspace(*model.latent_range(span), count)
    settings[: model.continuous_dim] = moving
    return values, settings


def _best_told(table: Table, data) -> list[tuple[str, float] | None]:
    """For each latent the factor that it knows best, and the share of its entropy that it tells."""
    if not data.factor_names:
        return [None] * table.codes.shape[1]
    shares = shares_told(table.codes, table.factors)
    best = shares.argmax(axis=0)
    return [
        (data.factor_names[factor], float(column[factor]))
        for factor, column in zip(best, shares.T, strict=True)
    ]


def check_span(span: float) -> None:
    """Raises `ValueError` unless `span` is a positive number."""
    if not is_number(span) or not 0 < span < math.inf:
        raise ValueError(f"`span` must be a number > 0. Received: span={span!r}")


def reconstruct(
    model, data, *, count: int = 10, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Some images of a dataset, their reconstructions, both `(count, *image_shape)` in [0, 1], and their indices."""
    data = matching(model, datasets.load(data))
    indices = draw(len(data), count, seed)
    images = data.images(indices)
    scale = 255 if images.dtype == np.uint8 else 1
    return images / np.float32(scale), np.clip(model(images).numpy(), 0, 1), indices


def _image_of(distribution) -> np.ndarray:
    """The mean image, in [0, 1]: that of a likelihood with linear locations may leave it."""
    return np.clip(distribution.mean().numpy(), 0, 1)


def matching(model, data):
    """The dataset; raises `ValueError` unless its images have the model's shape."""
    if tuple(data.image_shape) != tuple(model.image_shape):
        raise ValueError(
            f"Expected images of shape {tuple(model.image_shape)}, which the model was made for. "
            f'Received: dataset "{data.name}" with images of shape {tuple(data.image_shape)}.'
        )
    return data


def metric_names(metrics: str | Iterable[str] | None, data) -> list[str]:
    """The metrics to take; every name is looked up before any work is done."""
    if metrics is None:
        return _quick_for(data)
    names = _listed(metrics)
    if names == [ALL]:
        return _all_for(data)
    called = {name: function for name, function, _ in map(_called, names)}
    if len(called) < len(names):
        raise ValueError(f"Expected each metric once. Received: {', '.join(names)}.")
    needing = [name for name, function in called.items() if _least_factors(function)]
    if needing and not data.factor_names:
        raise ValueError(
            f'Expected a dataset with factors for {", ".join(needing)}. Received: "{data.name}", which has none. '
            "Pass one with factors, or metrics that need none: "
            f'metrics="{",".join(_factorless())}" (--metrics {",".join(_factorless())}).'
        )
    return names


def _quick_for(data) -> list[str]:
    """The metrics that are taken where none are named; of one factor those that it does not make 1."""
    if not data.factor_names:
        return []
    varying = max(1, sum(size > 1 for size in data.factor_sizes))
    members = registry.members("metrics")
    return [name for name in QUICK if _least_factors(members[name]) <= varying]


def _listed(metrics: str | Iterable[str]) -> list[str]:
    """Names and calls one by one, of a list or of a text with commas between them.

    Example:
        >>> _listed("mig, downstream(train_samples=(100, 200), trees=5),")
        ['mig', 'downstream(train_samples=(100, 200), trees=5)']
    """
    texts = [metrics] if isinstance(metrics, str) else metrics
    return [call for text in texts for call in _split(text)]


def _split(text: str) -> list[str]:
    """The parts between those commas that stand outside of all brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _all_for(data) -> list[str]:
    """All metrics; of a dataset without factors those that need none, with a warning that names the others."""
    names = registry.names("metrics")
    if data.factor_names:
        return names
    kept = _factorless()
    others = ", ".join(name for name in names if name not in kept)
    message = f'"{data.name}" has no factors. Left out are the metrics that need them: {others}.'
    warnings.warn(message, UserWarning, stacklevel=4)
    return kept


def _factorless() -> list[str]:
    """The metrics that need no factors."""
    members = registry.members("metrics")
    return [name for name, function in members.items() if not _least_factors(function)]


def draw(population: int, samples: int | None, seed: int) -> np.ndarray:
    """Which of `population` images to take: `samples` different ones, or all in order."""
    check_integer("seed", seed, least=0)
    if samples is not None:
        check_integer("samples", samples, least=1)
    if samples is None or samples >= population:
        return np.arange(population)
    return np.random.default_rng(seed).choice(population, samples, replace=False)


def chunks(indices: np.ndarray, size: int, show: bool) -> Iterator[np.ndarray]:
    """The indices, `size` at a time, with a progress bar."""
    starts = range(0, len(indices), size)
    for start in progress.bar(iterable=starts, desc="encode", unit="batch", disable=not show):
        yield indices[start : start + size]


def _images_ahead(data, chunks_of_indices: Iterable[np.ndarray]) -> Iterator[tf.Tensor]:
    """The images of each chunk; while one is in use the next is made."""
    with ThreadPoolExecutor(1) as maker:
        ahead = None
        for indices in chunks_of_indices:
            following = maker.submit(data.rendered, indices)
            if ahead is not None:
                yield ahead.result()
            ahead = following
        if ahead is not None:
            yield ahead.result()
