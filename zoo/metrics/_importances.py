"""How much each latent matters to trees that predict a factor."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from zoo.metrics import _boosters, base
from zoo.metrics._purity import weighted_purity
from zoo.utils.checks import check_integer


class Learned(NamedTuple):
    """What trees found, for each factor that was predicted.

    Attributes:
        factors: which columns these are, `(predicted,)`.
        importances: `(predicted, latents)`; a row adds to 1, or is 0 where no latent tells anything.
        trained: share of right answers on the rows that were learned from, `(predicted,)`.
        tested: on other rows, `(predicted,)`.
    """

    factors: np.ndarray
    importances: np.ndarray
    trained: np.ndarray
    tested: np.ndarray


def importance_matrix(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    train_samples: int = 10_000,
    test_samples: int = 5_000,
    booster: str = "gradient_boosting",
    trees: int = 100,
    depth: int = 3,
    jobs: int = 1,
) -> np.ndarray:
    """Importance of each latent for each factor, as in DCI, for a heat map: `zoo.plots.heat_map`.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample and of the trees.
        train_samples: as for `dci`.
        test_samples: as for `dci`, which scores on rows that are drawn with these.
        booster: as for `dci`.
        trees: as for `dci`.
        depth: as for `dci`.
        jobs: processes; does not change the numbers.

    Returns:
        `(factors, latents)`; a row adds to 1. It is 0 where no latent tells anything of the factor, or where
        the factor has a single value, in the table or in the rows to learn from, with a `UserWarning`.

    Raises:
        ValueError: an argument is not as described, or no factor can be scored.

    Example:
        >>> factors = np.indices((3, 4)).reshape(2, -1).T.repeat(10, axis=0)
        >>> importance_matrix(factors[:, ::-1], factors, trees=5).round(3)
        array([[0., 1.],
               [1., 0.]])

    Reference:
        Eastwood and Williams 2018, "A Framework for the Quantitative Evaluation of Disentangled
        Representations", section 2.
    """
    make = boosted(booster, trees, depth)
    found = learn(codes, factors, seed, train_samples, test_samples, make, jobs)
    matrix = np.zeros((np.shape(factors)[1], found.importances.shape[1]))
    matrix[found.factors] = found.importances
    return matrix


def dci_scores(name: str, found: Learned) -> dict[str, float]:
    """Disentanglement, under the metric's `name`, completeness and informativeness; a single factor is warned of."""
    base.warn_of_one(found.factors)
    weights = found.importances.T
    return {
        name: weighted_purity(weights),
        f"{name}_completeness": weighted_purity(weights.T),
        f"{name}_informativeness_test": float(np.mean(found.tested)),
        f"{name}_informativeness_train": float(np.mean(found.trained)),
    }


def boosted(booster: str, trees: int, depth: int) -> Callable[[int], Any]:
    """What makes the trees called `booster` from a seed; their settings are checked, and that they tell importances."""
    check_integer("trees", trees, least=1)
    check_integer("depth", depth, least=1)
    return functools.partial(_boosters.find(booster, importances=True), trees, depth)


def learn(codes, factors, seed, train_samples, test_samples, make, jobs) -> Learned:
    """A model for every factor that has several values; `make` makes one from a seed, others as for `dci`."""
    codes, factors = base.check_table(codes, factors)
    generator = base.random_generator(seed)
    split = base.split_table(generator, codes, factors, train_samples, test_samples)
    split = base.learnable(split)
    seeds = generator.integers(2**31, size=len(split.factors)).tolist()
    tasks = [
        (make(tree_seed), split.train, train, split.test, test)
        for tree_seed, (train, test) in zip(seeds, split.factors.values(), strict=True)
    ]
    costs = [train.max() for train, _ in split.factors.values()]
    columns = zip(*base.each(_learn, tasks, costs, jobs), strict=True)
    return Learned(np.array(list(split.factors)), *(np.stack(column) for column in columns))


def _learn(model, train, train_numbers, test, test_numbers) -> tuple[np.ndarray, float, float]:
    """Importances of the latents for one factor, and accuracies on the two sets of rows."""
    model = base.fit(model, train, train_numbers)
    importances = np.asarray(model.feature_importances_, np.float64)
    return (
        importances / (importances.sum() or 1.0),
        float(np.mean(model.predict(train) == train_numbers)),
        float(np.mean(model.predict(test) == test_numbers)),
    )
