"""β-VAE score."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from zoo.metrics import base
from zoo.utils.checks import check_integer

_CHUNK = 2**22  # numbers gathered at once: 32 MiB


def beta_vae_score(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    batch_size: int = 64,
    train_points: int = 10_000,
    test_points: int = 5_000,
    iterations: int = 100,
) -> dict[str, float]:
    """β-VAE score: do differences within pairs tell a linear classifier which factor they share?

        point = mean over `batch_size` pairs of |z_1 - z_2|,    both rows of a pair have the same
                value of one factor, which is the class of the point
        score = accuracy of a logistic regression on points that it has not seen

    A point draws a factor; a pair draws one of its values, then two different rows that have it,
    each uniformly. Two images drawn from a full grid may be one and the same, once in thousands;
    here they are not, as in a small table such pairs would give the factor away. A value seen in
    one row makes no pair. A factor with a single value, or with no value seen twice, is not scored.
    A `UserWarning` tells of both, and of a single factor to score: the only answer is then right.

    The classifier is scikit-learn's with its own settings, as published: its penalty is on weights
    of codes as they are, so that a code scaled by 0.01 scores lower.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the draws; the same seed gives the same bits.
        batch_size: pairs of a point.
        train_points: points that the classifier learns from.
        test_points: further points that score it.
        iterations: of the solver, at most.

    Returns:
        `beta_vae_score`, the accuracy between 0 and 1 (chance: about 1 in the number of factors),
        and `beta_vae_score_train`, that on the points it has learned from.

    Raises:
        ValueError: an argument is not as described, or no factor can be scored.

    Example:
        >>> factors = np.indices((4, 5, 6)).reshape(3, -1).T
        >>> beta_vae_score(2.0 * factors, factors)
        {'beta_vae_score': 1.0, 'beta_vae_score_train': 1.0}

    Reference:
        Higgins et al. 2017, "beta-VAE", section 3; settings as in Locatello et al. 2019,
        "Challenging Common Assumptions", whose classifier is this one.
    """
    codes, factors = base.check_table(codes, factors)
    check_integer("batch_size", batch_size, least=1)
    check_integer("train_points", train_points, least=1)
    check_integer("test_points", test_points, least=1)
    check_integer("iterations", iterations, least=1)
    groups = base.repeated_groups(factors)
    base.warn_of_one(groups)
    generator = base.random_generator(seed)
    shared = generator.integers(len(groups), size=train_points + test_points)
    points = _points(generator, codes, groups, shared, batch_size)
    with base.one_thread():
        model = LogisticRegression(max_iter=iterations, random_state=0)
        model = base.fit(model, points[:train_points], shared[:train_points])
        right = model.predict(points) == shared
    return {
        "beta_vae_score": float(right[train_points:].mean()),
        "beta_vae_score_train": float(right[:train_points].mean()),
    }


beta_vae_score.least_factors = 2


def _points(
    generator: np.random.Generator,
    codes: np.ndarray,
    groups: list[base.Groups],
    shared: np.ndarray,
    batch_size: int,
) -> np.ndarray:
    """A point for each shared factor, `(points, latents)`."""
    points = np.empty((len(shared), codes.shape[1]))
    chunk = max(1, _CHUNK // (batch_size * codes.shape[1]))
    for number, group in enumerate(groups):
        mine = np.flatnonzero(shared == number)
        for start in range(0, len(mine), chunk):
            places = mine[start : start + chunk]
            first, second = _pairs(generator, group, (len(places), batch_size))
            apart = np.subtract(codes[first], codes[second], dtype=np.float64)
            points[places] = np.abs(apart, out=apart).mean(axis=1)
    return points


def _pairs(
    generator: np.random.Generator, group: base.Groups, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of pairs with one value in common, two arrays of a shape."""
    value = generator.integers(len(group.values), size=shape)
    start, size = group.starts[value], group.sizes[value]
    first = generator.integers(size)
    second = (first + generator.integers(1, size)) % size
    return group.rows[start + first], group.rows[start + second]
