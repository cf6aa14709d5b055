"""From a model and a dataset to codes, with the terms of the bound."""

import dataclasses
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from zoo import datasets
from zoo.utils import progress
from zoo.utils.checks import check_integer, folded_seed

# As published: metrics learn from 10,000 codes and score on 5,000 others.
SAMPLES = 15_000
BATCH_SIZE = 256


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
        log_variances: of q(z|x), `(n, latents)`; None where they were not asked for, or q(z|x) is not Gaussian. See
            `encode_log_variances`.
        discrete: whether the model's latents take few values each, for metrics that tell such codes from others.
    """

    codes: np.ndarray
    factors: np.ndarray | None
    indices: np.ndarray
    reconstruction: np.ndarray | None
    latent_kl: np.ndarray | None
    traversals: list[np.ndarray] | None = None
    log_variances: np.ndarray | None = None
    discrete: bool = False


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
    discrete = model.latent_values is not None
    return Table(codes, factors, indices, reconstruction, latent_kl, discrete=discrete)


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


def encode_log_variances(
    model, data, indices: np.ndarray, *, show_progress: bool = False
) -> np.ndarray | None:
    """Log variances of q(z|x) of some images, `(n, latents)`; None unless each latent's q(z|x) is Gaussian.

    Args:
        model: a model of the zoo.
        data: as for `encode`.
        indices: which images, `(n,)`: those of a table.
        show_progress: whether a progress bar is shown.

    Example:
        >>> import zoo
        >>> model = zoo.models.VAE((8, 8, 1), latent_dim=3, seed=0)
        >>> encode_log_variances(model, "digits", np.arange(5)).shape
        (5, 3)
    """
    data = matching(model, datasets.load(data))
    parts = []
    for batch in _images_ahead(data, chunks(indices, BATCH_SIZE, show_progress)):
        tensors = model.posterior_tensors(model.encode(batch))
        if tensors.keys() != {"mean", "log_variance"}:
            return None
        parts.append(tensors["log_variance"].numpy())
    return np.concatenate(parts)


def matching(model, data):
    """The dataset; raises `ValueError` unless its images have the model's shape."""
    if tuple(data.image_shape) != tuple(model.image_shape):
        raise ValueError(
            f"Expected images of shape {tuple(model.image_shape)}, which the model was made for. "
            f'Received: dataset "{data.name}" with images of shape {tuple(data.image_shape)}.'
        )
    return data


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
