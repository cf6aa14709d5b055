"""Downstream scores: what can be learned from the codes, with how many samples."""

import functools
import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import KFold

from zoo.metrics import _boosters, base
from zoo.utils.checks import check_integer

PENALTIES, STRONGEST = 10, 1e-4  # how many, from 1e-4 to 1e4
FOLDS = 5


def downstream(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    train_samples: Sequence[int] = (100, 1_000, 10_000),
    test_samples: int = 5_000,
    booster: str = "gradient_boosting",
    trees: int = 100,
    depth: int = 3,
    iterations: int = 100,
    jobs: int = 1,
) -> dict[str, float]:
    """Downstream scores: how well are factors predicted from the codes of few and many samples?

        score = mean over factors of the accuracy on rows that were not learned from

    of two classifiers: boosted trees, and logistic regression whose penalty is chosen from ten by
    accuracy in five folds, scikit-learn's `LogisticRegressionCV(Cs=10, cv=KFold(5))`. Smaller sets of rows to
    learn from are part of the larger ones.

    `booster` is `"gradient_boosting"`, the published trees; `"scikit_learn"`, the same from that
    library; `"hist_gradient_boosting"`, which with the same number and depth of trees splits latents
    at 255 quantiles rather than anywhere and takes half the time; or `"lightgbm"`, which needs its
    package.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample and of the trees; the same seed gives the same bits.
        train_samples: numbers of rows to learn from. Where the table has fewer rows, all that are
            not scored on (at least two thirds) take the place of a larger number.
        test_samples: other rows, on which the classifiers are scored.
        booster: which boosted trees.
        trees: rounds of boosting; each has a tree for every value of the factor.
        depth: of a tree.
        iterations: of logistic regression's solver, at most.
        jobs: processes; does not change the scores.

    Returns:
        `downstream`, which is that of boosted trees from the most samples; then for each number of
        samples `downstream_trees_100` and `downstream_logistic_100`, and so on, named by how many
        rows were learned from: of a table of 6,000 rows, `downstream_trees_4000` and not
        `downstream_trees_10000`. Accuracies between 0 and 1.

    Raises:
        ValueError: an argument is not as described, or every factor has a single value.

    Example:
        >>> factors = np.indices((2, 2)).reshape(2, -1).T.repeat(50, axis=0)
        >>> downstream(2.0 * factors, factors, train_samples=[100], trees=5)
        {'downstream': 1.0, 'downstream_trees_100': 1.0, 'downstream_logistic_100': 1.0}

    Reference:
        Locatello et al. 2019, "Challenging Common Assumptions", section 5.5.
    """
    codes, factors = base.check_table(codes, factors)
    asked = _check_sizes(train_samples)
    check_integer("trees", trees, least=1)
    check_integer("depth", depth, least=1)
    check_integer("iterations", iterations, least=1)
    make = _boosters.find(booster)
    generator = base.random_generator(seed)
    split = base.split_table(generator, codes, factors, max(asked), test_samples)
    sizes = list(dict.fromkeys(min(size, len(split.train)) for size in asked))
    tree_seed = int(generator.integers(2**31))
    learners = {
        "trees": functools.partial(_boosted_trees, make(trees, depth, tree_seed)),
        "logistic": functools.partial(_logistic_regression, iterations),
    }
    kinds = list(itertools.product(learners, sizes))
    tasks = [
        (learners[name], split, size, factor) for name, size in kinds for factor in split.factors
    ]
    costs = [size * split.factors[factor][0].max() for _, _, size, factor in tasks]
    accuracies = np.reshape(base.each(_accuracy, tasks, costs, jobs), (len(kinds), -1))
    means = accuracies.mean(axis=1).tolist()
    scores = {f"downstream_{name}_{size}": m for (name, size), m in zip(kinds, means, strict=True)}
    return {"downstream": scores[f"downstream_trees_{max(sizes)}"], **scores}


def _check_sizes(train_samples: Sequence[int]) -> list[int]:
    """The numbers of rows to learn from, at least one."""
    if not np.iterable(train_samples):
        raise ValueError(
            "`train_samples` must be a sequence of integers >= 1, such as [100]. "
            f"Received: train_samples={train_samples!r}"
        )
    sizes = [check_integer("train_samples", size, least=1) for size in train_samples]
    if not sizes:
        raise ValueError("Expected at least one number in `train_samples`. Received: none.")
    return sizes


def _accuracy(learn: Callable, split: base.Split, size: int, factor: int) -> float:
    """Accuracy for one factor of what was learned from the first `size` rows."""
    train_numbers, test_numbers = split.factors[factor]
    model = learn(split.train[:size], train_numbers[:size])
    return float(np.mean(model.predict(split.test) == test_numbers))


def _boosted_trees(model: Any, codes: np.ndarray, numbers: np.ndarray) -> Any:
    return base.fit(model, codes, numbers)


def _logistic_regression(iterations: int, codes: np.ndarray, numbers: np.ndarray) -> Any:
    """The published classifier: of ten penalties the one of best mean accuracy in five folds; of equals, the strongest.

    It starts the last fit from the mean of the folds' weights. Folds that leave a single value to learn from are
    passed over; where all do, the strongest penalty is taken.
    """
    folds = KFold(min(FOLDS, len(numbers))).split(codes) if len(numbers) > 1 else ()
    folds = [(kept, left) for kept, left in folds if numbers[kept].min() < numbers[kept].max()]
    if not folds:
        model = LogisticRegression(C=STRONGEST, max_iter=iterations)
        return base.fit(model, codes, numbers)
    model = LogisticRegressionCV(Cs=PENALTIES, cv=folds, scoring="accuracy", max_iter=iterations)
    with warnings.catch_warnings():
        # Of defaults that a later scikit-learn changes, but for `scoring` not to other numbers.
        warnings.filterwarnings("ignore", category=FutureWarning, module="sklearn")
        return base.fit(model, codes, numbers)
