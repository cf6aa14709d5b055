"""Perceived distance: how far a reconstruction loss sees images apart whose factors differ.

A VAE orders its latents by what its loss sees (Michlo et al. 2023). These functions measure that, along traversals of
each factor and between random images; `zoo.plots.heat_maps` draws the matrices.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from scipy import stats

from zoo import datasets, evaluation, likelihoods, registry
from zoo.checks import check_integer
from zoo.information import Estimate
from zoo.metrics import base

TRAVERSALS = 50
RANDOM = "random"
_PAIRS = 256  # pairs of images compared at once

ImageDistance = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From two arrays `(n, height, width, channels)` of float images to their distances `(n,)`."""


@dataclasses.dataclass(frozen=True)
class Distances:
    """Distances between the images of some traversals of one factor, or of some sets of random images.

    Attributes:
        ground_truth: sum over factors of the values that lie between, `(sets, images, images)`.
        data: distance of the images, `(sets, images, images)`.
        latent: L1 distance of the means of q(z|x), of the same shape, or None without a model.
        reconstruction: distance of the model's reconstructions, of the same shape, or None without a model.
    """

    ground_truth: np.ndarray
    data: np.ndarray
    latent: np.ndarray | None
    reconstruction: np.ndarray | None

    def matrices(self) -> dict[str, np.ndarray]:
        """The means over the sets, by name, `(images, images)` each; what is None is left out."""
        return {name: kind.mean(axis=0) for name, kind in self._kinds().items()}

    def mean(self) -> dict[str, Estimate]:
        """Mean distance of two different images of a set, by name, with the standard error over the sets."""
        different = ~np.eye(self.ground_truth.shape[1], dtype=bool)
        means = {name: kind[:, different].mean(axis=1) for name, kind in self._kinds().items()}
        return {name: _estimate(values) for name, values in means.items()}

    def correlations(self) -> dict[tuple[str, str], tuple[float, float]]:
        """Pearson's and Spearman's correlation of each two kinds of distance.

        Over all ordered pairs of images of a set, an image and itself included, and over all sets. A kind that does
        not vary has correlations of 0. Ranks take distances as equal that differ by less than 1/8192 of the largest,
        which the rounding of float32 would otherwise put into an order.
        """
        kinds = {name: kind.ravel() for name, kind in self._kinds().items()}
        ranks = {name: stats.rankdata(_rounded(kind)) for name, kind in kinds.items()}
        names = list(kinds)
        return {
            (a, b): (base.pearson(kinds[a], kinds[b]), base.pearson(ranks[a], ranks[b]))
            for number, a in enumerate(names)
            for b in names[number + 1 :]
        }

    def _kinds(self) -> dict[str, np.ndarray]:
        kinds = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: kind for name, kind in kinds.items() if kind is not None}


def perceived_distances(
    data,
    model=None,
    *,
    distance: str | likelihoods.Likelihood | ImageDistance = "mse",
    traversals: int = TRAVERSALS,
    seed: int = 0,
) -> dict[str, Distances]:
    """Distances along traversals of each factor, and between random images.

    A traversal holds one image for each value of a factor; the other factors are drawn at random and stay. Beside
    the factors stands `"random"`: sets of 32 images drawn at random.

    Args:
        data: anything that `zoo.datasets.load` takes, with factors of which every combination has an image.
        model: a model of the zoo, for the latent and reconstruction distances.
        distance: see `image_distance`.
        traversals: of each factor, and random sets.
        seed: of the draws.

    Returns:
        By the factors' names, in their order, then `"random"`.

    Raises:
        ValueError: the dataset has no factors or lacks a combination, or an argument is not as described.

    Example:
        >>> found = perceived_distances("xysquares", traversals=2)
        >>> found["x_R"].matrices()["data"][0, :3].round(4)  # 128 of 12,288 values differ, however far the square
        array([0.    , 0.0104, 0.0104])
        >>> pearson, spearman = found["x_R"].correlations()["ground_truth", "data"]
        >>> round(pearson, 2), round(spearman, 2)
        (0.52, 0.58)

    Reference: Michlo, Klein & James, Overlooked Implications of the Reconstruction Loss for VAE Disentanglement,
        2023, section 3.
    """
    data = datasets.load(data)
    if not data.factor_names:
        raise ValueError(
            f'Expected a dataset with factors. Received: "{data.name}", which has none. Pass (images, factors).'
        )
    if model is not None:
        evaluation.matching(model, data)
    check_integer("traversals", traversals, least=1)
    measure = image_distance(distance)
    generator = np.random.default_rng(seed)
    sets = {
        name: _traversals_of(data, factor, traversals, generator)
        for factor, name in enumerate(data.factor_names)
    }
    sets[RANDOM] = [generator.integers(len(data), size=32) for _ in range(traversals)]
    outputs = None if model is None else _outputs(model)
    return {name: _distances(data, outputs, some, measure) for name, some in sets.items()}


def image_distance(distance: str | likelihoods.Likelihood | ImageDistance) -> ImageDistance:
    """A function from two arrays of images to their distances.

    Args:
        distance: one of
            `"mse"`, `"mae"`: mean squared or absolute error, over pixels and channels;
            a likelihood, or its name: what the reconstruction loss of images b rises by, in nats per image, when
            the decoder's mean is the images a and not b: log p(b|b) - log p(b|a). It must take decoder outputs as
            its mean, such as `'gaussian(activation="linear")'`;
            a function `f(a, b)` of two arrays `(n, height, width, channels)` in [0, 1], which gives `(n,)`.

    Raises:
        ValueError: it is none of these.

    Example:
        >>> black, grey = np.zeros((1, 2, 2, 1), "float32"), np.full((1, 2, 2, 1), 0.5, "float32")
        >>> image_distance("mse")(black, grey), image_distance("mae")(black, grey)
        (array([0.25], dtype=float32), array([0.5], dtype=float32))
        >>> image_distance("gaussian(scale=1, activation='linear')")(black, grey)  # squared error / 2
        array([0.5], dtype=float32)
    """
    if callable(distance) and not isinstance(distance, likelihoods.Likelihood):
        return distance
    if distance in ERRORS:
        return ERRORS[distance]
    name = registry.parse_call(distance)[0] if isinstance(distance, str) else None
    known = registry.names("likelihoods")
    if name is not None and name not in known:
        raise ValueError(registry.unknown("distance", name, [*ERRORS, *known]))
    return _LossDistance(likelihoods.get(distance))


def mean_squared_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean over pixels and channels of (a - b)^2, `(n,)`."""
    return ((a - b) ** 2).mean(axis=(1, 2, 3))


def mean_absolute_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean over pixels and channels of |a - b|, `(n,)`."""
    return np.abs(a - b).mean(axis=(1, 2, 3))


ERRORS = {"mse": mean_squared_error, "mae": mean_absolute_error}


class _LossDistance:
    """log p(b|b) - log p(b|a) under a likelihood."""

    def __init__(self, likelihood: likelihoods.Likelihood):
        self.likelihood = likelihood

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Distances in nats, `(n,)`."""
        a, b = tf.constant(a, tf.float32), tf.constant(b, tf.float32)
        mean = self.likelihood(a).mean() if self.likelihood.outputs_per_value == 1 else None
        if mean is None or not np.allclose(mean, a, atol=1e-5):
            raise ValueError(
                "Expected a likelihood that takes decoder outputs as its mean, such as "
                "'gaussian(activation=\"linear\")'. Received: "
                f"{type(self.likelihood).__name__}, which does not. Set its activation, or pass a function."
            )
        return (self.likelihood(b).log_prob(b) - self.likelihood(a).log_prob(b)).numpy()


def _traversals_of(data, factor: int, count: int, generator: np.random.Generator) -> list:
    """Indices of the images of some random traversals of one factor, `(values,)` each."""
    rows = generator.integers(len(data), size=count)
    found = []
    for start in data.factors(rows):
        along = np.repeat(start[None], data.factor_sizes[factor], axis=0)
        along[:, factor] = np.arange(len(along))
        found.append(data.index(along))
    return found


def _outputs(model) -> Callable:
    """A compiled function of images: their codes and reconstructions."""
    return tf.function(
        lambda images: (model.codes(model.encode(images).mode()), model(images)),
        autograph=False,
        reduce_retracing=True,
    )


def _distances(data, outputs, sets: list[np.ndarray], measure: ImageDistance) -> Distances:
    kinds = [_of_set(data, outputs, indices, measure) for indices in sets]
    columns = zip(*kinds, strict=True)
    return Distances(*(None if column[0] is None else np.stack(column) for column in columns))


def _of_set(data, outputs, indices: np.ndarray, measure: ImageDistance) -> tuple:
    """Matrices of the four kinds of distance between some images, `(images, images)` or None."""
    images = data.images(indices)
    scale = 255 if images.dtype == np.uint8 else 1
    inputs = _manhattan(data.factors(indices)), _matrix(images / np.float32(scale), measure)
    if outputs is None:
        return *inputs, None, None
    codes, reconstructions = (output.numpy() for output in outputs(images))
    return *inputs, _manhattan(codes), _matrix(reconstructions, measure)


def _manhattan(rows: np.ndarray) -> np.ndarray:
    return np.abs(rows[:, None] - rows).sum(axis=-1).astype(np.float64)


def _matrix(images: np.ndarray, measure: ImageDistance) -> np.ndarray:
    """Distances of all ordered pairs, `(images, images)`."""
    first, second = np.indices((len(images), len(images))).reshape(2, -1)
    found = [
        np.asarray(measure(images[first[part]], images[second[part]]), np.float64)
        for part in (slice(k, k + _PAIRS) for k in range(0, len(first), _PAIRS))
    ]
    return np.concatenate(found).reshape(len(images), -1)


def _rounded(distances: np.ndarray) -> np.ndarray:
    return np.round(distances * (8192 / (np.abs(distances).max() or 1.0)))


def _estimate(values: np.ndarray) -> Estimate:
    """The mean, and its standard error, which one set alone does not tell: infinite."""
    count = len(values)
    error = float(values.std(ddof=1) / np.sqrt(count)) if count > 1 else float("inf")
    return Estimate(float(values.mean()), error)
