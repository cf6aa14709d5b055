"""Perceived distance: how far a reconstruction loss sees images apart whose factors differ.

A VAE orders its latents by what its loss sees (Michlo et al. 2023). These functions measure that, along traversals of
each factor and between random images; `zoo.plots.heat_maps` draws the matrices.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
from scipy import stats

from zoo import datasets, likelihoods
from zoo.measure import evaluation
from zoo.measure._estimates import Estimate, estimate
from zoo.metrics import base
from zoo.utils import registry
from zoo.utils.checks import check_integer
from zoo.utils.texts import markdown_table

TRAVERSALS = 50
RANDOM = "random"
# Half a level of bytes: a Bernoulli's means are kept as far from 0 and 1, where its logit is infinite.
NEAREST = 1 / 510
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
        return {name: estimate(values) for name, values in means.items()}

    def correlations(self) -> dict[tuple[str, str], tuple[float, float]]:
        """Pearson's and Spearman's correlation of each two kinds of distance.

        Over all ordered pairs of images of a set, an image and itself included, and over all sets. A kind that does
        not vary has correlations of 0. Ranks take distances as equal that differ by less than 1/8192 of the largest,
        which the rounding of float32 would otherwise put into an order.
        """
        kinds = {name: kind.ravel() for name, kind in self._kinds().items()}
        ranks = {name: stats.rankdata(base.rounded(kind)) for name, kind in kinds.items()}
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
        name: list(data.traversals(generator.integers(len(data), size=traversals), factor))
        for factor, name in enumerate(data.factor_names)
    }
    sets[RANDOM] = [generator.integers(len(data), size=32) for _ in range(traversals)]
    outputs = None if model is None else _outputs(model)
    return {name: _distances(data, outputs, some, measure) for name, some in sets.items()}


def table(found: Mapping[str, Distances]) -> str:
    """The mean distances in Markdown: a row for each factor, the farthest images first, a column for each kind.

    Args:
        found: what `perceived_distances` gives; `"random"` comes last.

    Example:
        >>> print(table(perceived_distances("xysquares", distance="l1", traversals=2, seed=1)).splitlines()[0])
        | factor | ground_truth | data |

    Reference: Michlo, Klein & James 2023, the tables of perceived distances by factor.
    """
    means = {name: distances.mean() for name, distances in found.items()}
    kinds = list(next(iter(means.values())))
    order = sorted(means, key=lambda name: (name == RANDOM, -means[name]["data"].value))
    rows = [[name, *(str(means[name][kind]) for kind in kinds)] for name in order]
    return markdown_table(["factor", *kinds], rows)


def image_distance(distance: str | likelihoods.Likelihood | ImageDistance) -> ImageDistance:
    """A function from two arrays of images to their distances.

    Args:
        distance: one of
            `"mse"`, `"mae"`: mean squared or absolute error, over pixels and channels;
            `"l1"`, `"l2"`: the norms of the difference, sum |a - b| and sqrt(sum (a - b)^2);
            a likelihood, its name or a call such as `"gaussian(scale=1)"`: what the reconstruction loss of images b
            rises by, in nats per image, when the decoder's mean is the images a and not b: log p(b|b) - log p(b|a).
            Names that have it are `"gaussian"`, `"laplace"`, `"filtered_gaussian"`, `"bernoulli"` and
            `"continuous_bernoulli"`, of which the last two see no mean nearer to 0 or 1 than 1/510. A likelihood of
            one's own takes decoder outputs as its mean;
            a function `f(a, b)` of two arrays `(n, height, width, channels)` in [0, 1], which gives `(n,)`.

    Raises:
        ValueError: it is none of these, or a mean alone does not give the likelihood.

    Example:
        >>> black, grey = np.zeros((1, 2, 2, 1), "float32"), np.full((1, 2, 2, 1), 0.5, "float32")
        >>> image_distance("mse")(black, grey), image_distance("mae")(black, grey)
        (array([0.25], dtype=float32), array([0.5], dtype=float32))
        >>> image_distance("gaussian(scale=1)")(black, grey).round(3)  # squared error / 2
        array([0.5], dtype=float32)
    """
    if callable(distance) and not isinstance(distance, likelihoods.Likelihood):
        return _checked(distance)
    if isinstance(distance, str) and distance in ERRORS:
        return ERRORS[distance]
    name = registry.parse_call(distance)[0] if isinstance(distance, str) else None
    if name is not None and name not in registry.names("likelihoods"):
        raise ValueError(registry.unknown("distance", name, [*ERRORS, *LOSSES]))
    return _LossDistance(likelihoods.get(distance))


def mean_squared_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean over pixels and channels of (a - b)^2, `(n,)`."""
    return ((a - b) ** 2).mean(axis=(1, 2, 3))


def mean_absolute_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean over pixels and channels of |a - b|, `(n,)`."""
    return np.abs(a - b).mean(axis=(1, 2, 3))


def absolute_norm(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sum over pixels and channels of |a - b|, `(n,)`."""
    return np.abs(a - b).sum(axis=(1, 2, 3))


def euclidean_norm(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Square root of the sum over pixels and channels of (a - b)^2, `(n,)`."""
    return np.sqrt(((a - b) ** 2).sum(axis=(1, 2, 3)))


ERRORS = {
    "mse": mean_squared_error,
    "mae": mean_absolute_error,
    "l1": absolute_norm,
    "l2": euclidean_norm,
}


def logits_of(mean: np.ndarray, nearest: float = NEAREST) -> np.ndarray:
    """log(m / (1 - m)) of means m, which are kept `nearest` from 0 and 1.

    Example:
        >>> logits_of(np.array([0.0, 0.5])).round(3)
        array([-6.232,  0.   ])
    """
    mean = np.clip(np.asarray(mean, np.float64), nearest, 1 - nearest)
    return np.log(mean) - np.log1p(-mean)


# Logits 0 ... 40 of a continuous Bernoulli, and how far its mean is from the nearer of 0 and 1; beyond, 1 / logit.
_TILTS = np.linspace(0, 40, 40_001)
_FROM_END = np.concatenate([[0.5], 1 / _TILTS[1:] - 1 / np.expm1(_TILTS[1:])])


def tilts_of(mean: np.ndarray, nearest: float = NEAREST) -> np.ndarray:
    """The logits of a continuous Bernoulli of given means, which are kept `nearest` from 0 and 1.

        m = 1 / (1 - exp(-logit)) - 1 / logit,    solved by a table

    Example:
        >>> tilts_of(np.array([0.0, 0.5])).round(3) + 0.0
        array([-510.,    0.])

    Reference: Loaiza-Ganem & Cunningham, The continuous Bernoulli, 2019, section 3.
    """
    mean = np.clip(np.asarray(mean, np.float64), nearest, 1 - nearest)
    from_end = np.minimum(mean, 1 - mean)
    near = np.interp(from_end, _FROM_END[::-1], _TILTS[::-1])
    size = np.where(from_end < _FROM_END[-1], 1 / from_end, near)
    return np.copysign(size, mean - 0.5)


LOSSES = {
    "bernoulli": logits_of,
    "continuous_bernoulli": tilts_of,
    **dict.fromkeys(
        ("gaussian", "laplace", "filtered_gaussian"), lambda mean: logits_of(mean, nearest=1e-7)
    ),
}
"""By the name of a likelihood that a mean defines: the decoder outputs that have a mean."""


class _LossDistance:
    """log p(b|b) - log p(b|a) under a likelihood."""

    def __init__(self, likelihood: likelihoods.Likelihood):
        self.likelihood = likelihood
        self._check_mean_is_enough()
        is_linear = getattr(likelihood, "activation", None) == "linear"
        known = registry.members("likelihoods")
        names = [name for name in LOSSES if type(likelihood) is known[name] and not is_linear]
        self.outputs_of = LOSSES[names[0]] if names else np.asarray

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Distances in nats, `(n,)`."""
        around_a, around_b = (
            self.likelihood(tf.constant(self.outputs_of(images), tf.float32)) for images in (a, b)
        )
        if not np.allclose(around_a.mean(), a, atol=NEAREST + 1e-5):
            raise ValueError(
                "Expected a likelihood that takes decoder outputs as its mean. Received: "
                f"{type(self.likelihood).__name__}, which does not. Pass a function, or one of: {_known()}."
            )
        b = tf.constant(b, tf.float32)
        return (around_b.log_prob(b) - around_a.log_prob(b)).numpy()

    def _check_mean_is_enough(self) -> None:
        each, reason = self.likelihood.outputs_per_value, ""
        if each > 1:
            reason = f"takes {each} decoder outputs for each value, of which its mean tells one"
        elif getattr(self.likelihood, "scale", None) == "optimal":
            reason = (
                "takes its scale from the batch, so that a distance would depend on other pairs"
            )
        if reason:
            raise ValueError(
                "Expected a likelihood of images that its mean alone defines. Received: "
                f"{type(self.likelihood).__name__}, which {reason}. Pass a function, or one of: {_known()}."
            )


def _known() -> str:
    return ", ".join([*ERRORS, *LOSSES])


def _checked(distance: ImageDistance) -> ImageDistance:
    """A user's function, whose answer has to be a distance for each pair."""

    def checked(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        found = np.asarray(distance(a, b))
        if found.shape != (len(a),) or found.dtype.kind not in "fiub":
            raise ValueError(
                f"Expected `distance` to give a number for each pair of images, shape ({len(a)},). Received: shape "
                f"{found.shape}, dtype {found.dtype}. Reduce over height, width and channels alone: axis=(1, 2, 3)."
            )
        return found

    return checked


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
