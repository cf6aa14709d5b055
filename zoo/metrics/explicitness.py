"""Explicitness."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from zoo.metrics import base
from zoo.utils.checks import check_integer


def explicitness(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    train_samples: int = 10_000,
    test_samples: int = 5_000,
    iterations: int = 100,
    jobs: int = 1,
) -> dict[str, float]:
    """Explicitness: can a linear classifier read each factor off the whole code?

        explicitness = mean_k mean_c AUC(value c of factor k against the others)

    with the area under the ROC curve of the probabilities that a logistic regression on the
    standardised codes gives to a value, on rows that it has not seen. Equal probabilities count
    half.

    A value that is in none of the rows to score on has no curve and is left out of its factor's
    mean, as is the factor if these rows have one value; a `UserWarning` says so. A value that is in
    none of the rows to learn from is at chance, 0.5.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample; the same seed gives the same bits.
        train_samples: rows that the classifiers learn from; two thirds where the table is too small.
        test_samples: other rows, on which they are scored.
        iterations: of the solver, at most.
        jobs: processes; does not change the scores.

    Returns:
        `explicitness`, between 0 and 1 (chance: 0.5), and `explicitness_train`, that on the rows
        which the classifiers have learned from.

    Raises:
        ValueError: an argument is not as described, or no factor can be scored.

    Example:
        >>> factors = np.indices((2, 2)).reshape(2, -1).T.repeat(50, axis=0)
        >>> explicitness(2.0 * factors, factors)
        {'explicitness': 1.0, 'explicitness_train': 1.0}

    Reference:
        Ridgeway and Mozer 2018, "Learning Deep Disentangled Embeddings with the F-Statistic Loss",
        section 3; settings as in Locatello et al. 2019, "Challenging Common Assumptions".
    """
    codes, factors = base.check_table(codes, factors)
    check_integer("iterations", iterations, least=1)
    generator = base.random_generator(seed)
    split = base.split_table(generator, codes, factors, train_samples, test_samples)
    scaler = StandardScaler().fit(split.train)
    train, test = scaler.transform(split.train), scaler.transform(split.test)
    tasks = [(train, test, *numbers, iterations) for numbers in split.factors.values()]
    costs = [numbers.max() for numbers, _ in split.factors.values()]
    areas = base.each(_areas, tasks, costs, jobs)
    for (factor, numbers), (_, tested) in zip(split.factors.items(), areas, strict=True):
        _warn_of_missing(factor, np.unique(np.concatenate(numbers)), tested)
    trained, tested = zip(*areas, strict=True)
    return {"explicitness": _mean(tested), "explicitness_train": _mean(trained)}


def _areas(
    train: np.ndarray,
    test: np.ndarray,
    train_numbers: np.ndarray,
    test_numbers: np.ndarray,
    iterations: int,
) -> tuple[dict[int, float], dict[int, float]]:
    """For both sets of rows, the area under the curve of each value of a factor that has one."""
    model = base.fit(LogisticRegression(max_iter=iterations, random_state=0), train, train_numbers)
    return (
        _areas_of(model, train, train_numbers),
        _areas_of(model, test, test_numbers),
    )


def _areas_of(model: Any, codes: np.ndarray, numbers: np.ndarray) -> dict[int, float]:
    probabilities = dict(zip(model.classes_, model.predict_proba(codes).T, strict=True))
    unseen = np.zeros(len(codes))
    values = np.unique(numbers)
    return {
        value: float(roc_auc_score(numbers == value, probabilities.get(value, unseen)))
        for value in values.tolist()
        if len(values) > 1
    }


def _warn_of_missing(factor: int, values: np.ndarray, tested: dict[int, float]) -> None:
    if not tested:
        base.warn_not_scored(factor, "all rows drawn to score it on have one value")
    elif len(tested) < len(values):
        scored = np.isin(values, list(tested))
        base.warn_partly_scored(factor, scored, "are in no row drawn to score it on")


def _mean(areas: Iterable[dict[int, float]]) -> float:
    """Mean over factors of the mean over values."""
    means = [np.mean(list(of_factor.values())) for of_factor in areas if of_factor]
    if not means:
        raise ValueError(
            "Expected two values of a factor among the rows to score it on. Received: a table so "
            "small that there are none. Pass more rows."
        )
    return float(np.mean(means))
