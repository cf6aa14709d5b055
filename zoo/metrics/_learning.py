"""Classifiers that metrics learn, and work on several processes."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import joblib
import numpy as np
import threadpoolctl
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning

from zoo.utils.checks import check_integer


def fit(model: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """Fits a scikit-learn classifier; of a single class, one that always answers with it.

    There is no warning of a solver that stops at its published number of iterations, nor of few
    rows for many values.
    """
    if y.min() == y.max():
        return DummyClassifier(strategy="most_frequent", random_state=0).fit(x, y)
    with few_rows_for_many_values():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y)


@contextmanager
def few_rows_for_many_values() -> Iterator[None]:
    """Within it, scikit-learn does not warn of a factor that has nearly as many values as rows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes is greater")
        yield


def one_thread() -> AbstractContextManager:
    """Within it, linear algebra runs on one thread: sums in another order have other last bits."""
    return threadpoolctl.threadpool_limits(1)


def each(function: Callable, tasks: Sequence[tuple], costs: Iterable[float], jobs: int) -> list:
    """`function(*task)` for each task, in processes of one thread each; the longest come first.

    Args:
        function: of a module, so that another process can find it.
        tasks: the arguments of each call.
        costs: how long each takes, in any unit.
        jobs: how many processes; does not change the results.

    Example:
        >>> each(divmod, [(7, 2), (9, 4)], costs=[1, 1], jobs=1)
        [(3, 1), (2, 1)]
    """
    jobs = check_integer("jobs", jobs, least=1)
    order = np.argsort(-np.asarray(list(costs)), kind="stable")
    calls = (joblib.delayed(_alone)(function, tasks[task]) for task in order)
    jobs = min(jobs, max(1, len(tasks)))
    done = joblib.Parallel(n_jobs=jobs, batch_size=1, pre_dispatch="all")(calls)
    return [done[place] for place in np.argsort(order)]


def _alone(function: Callable, task: tuple) -> Any:
    with one_thread():
        return function(*task)
