"""From a model and a dataset to images: traversals and reconstructions."""

import dataclasses
import math

import numpy as np

from zoo import datasets
from zoo.measure.evaluation._encode import Table, draw, encode, matching
from zoo.measure.evaluation._score import ACTIVE_VARIANCE
from zoo.metrics._shares import shares_told
from zoo.utils.checks import check_integer, is_number

MOST_COLUMNS = 500  # of a drawing, whose width has an end
UNUSED = 0.01  # nats
PERCENTILES = (1, 99)  # of the codes, from where to where traversals go
KNOWN = 5_000  # images whose codes tell where a latent lies and what it knows


@dataclasses.dataclass(frozen=True)
class Traversal:
    """Images in which one latent moves at a time.

    Attributes:
        images: `(latents, columns, height, width, channels)` in [0, 1]; rows sorted by falling KL,
            or by falling variance of the codes where the model has no KL. A categorical latent fills the
            first columns, one for each category, and a quantized one those for its values; what is left of a row is
            white.
        filled: how many columns of each row hold images, `(latents,)`.
        values: where a moving continuous latent stands in each column, `(columns,)`: the percentile of its codes, or
            its value where a `span` was asked for; where there is none, the number of the category or value.
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
    part of the prior. A categorical latent goes through its categories instead, and a quantized one through its values.

    Args:
        model: a model of the zoo.
        data: as for `encode`.
        index: the image whose code is kept; default: one drawn by `seed`.
        span: from `-span` to `span` in standard deviations of the prior, as far as it goes, and not in percentiles.
        columns: values of each continuous latent, from 2 to 500; more, where a categorical latent has more categories,
            or a quantized one more values.
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
    values, settings = _columns(model, table.codes, span, columns)
    code = model.encode(data.images([index])).mode().numpy()[0]
    rows = [
        _image_of(model.decode(model.moved(code, latent, settings[latent]))) for latent in latents
    ]
    images = np.ones((len(rows), len(values), *data.image_shape), np.float32)
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
    """What columns are called, `(columns,)`, and each latent's values in them, `(latents, columns)`."""
    if model.latent_values is not None:
        return np.arange(model.latent_values.shape[1]), model.latent_values
    # A categorical latent may have more categories than there are columns.
    count = max(count if model.continuous_dim else 1, *model.categories, 1)
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
