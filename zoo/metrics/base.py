"""What the metrics share: checks, samples, bins, groups of rows, mutual information."""

import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import joblib
import numpy as np
import threadpoolctl
from scipy import special
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning

from zoo.utils.checks import check_integer, is_number

LARGEST_CODE = 1e18  # its square, and the sum of hundreds of them, are numbers of float32


def check_table(codes: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes and factors as arrays that a metric can trust.

    Args:
        codes: `(n, latents)`, numbers from -1e18 to 1e18: the encoder's mean for each of n images.
        factors: `(n, factors)`, whole numbers: the value that each factor had.

    Returns:
        The codes in a floating type, and the factors in 64-bit integers; copied only if they were
        not.

    Raises:
        ValueError: a shape, type or value is not as above, or there are fewer than two rows.

    Example:
        >>> codes, factors = check_table([[0.5], [1.5]], [[0.0], [1.0]])
        >>> factors.dtype
        dtype('int64')
    """
    codes, factors = check_codes(codes), np.asarray(factors)
    _check_shape("factors", "factors", factors)
    if len(codes) != len(factors):
        raise ValueError(
            "Expected a row of `factors` for each row of `codes`. "
            f"Received: {len(codes)} rows of codes and {len(factors)} of factors."
        )
    return codes, _integral(factors)


def check_codes(codes: np.ndarray) -> np.ndarray:
    """Codes in a floating type, copied only if they were in another one.

    Raises:
        ValueError: they are not `(n, latents)` numbers from -1e18 to 1e18, or there are fewer than
            two rows.
    """
    codes = np.asarray(codes)
    _check_shape("codes", "latents", codes)
    if len(codes) < 2:
        raise ValueError(f"Expected at least 2 rows. Received: {len(codes)}.")
    return _floating(codes)


def _check_shape(name: str, columns: str, array: np.ndarray) -> None:
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(
            f"Expected `{name}` of shape (n, {columns}), with at least one column. "
            f"Received: shape {array.shape}."
        )


def _floating(codes: np.ndarray) -> np.ndarray:
    if codes.dtype.kind not in "fiub":
        raise ValueError(f"Expected `codes` to be real numbers. Received: dtype {codes.dtype}.")
    if codes.dtype.kind != "f":
        codes = codes.astype(np.float64)
    finite = np.isfinite(codes)
    if not finite.all():
        row, latent = np.argwhere(~finite)[0]
        raise ValueError(
            f"Expected finite `codes`. Received: {np.sum(~finite)} NaN or infinite values, "
            f"the first in row {row}, latent {latent}. Check the model that made them."
        )
    _check_size(codes)
    return codes


def _check_size(codes: np.ndarray) -> None:
    largest = max(-float(codes.min()), float(codes.max()))
    if largest > LARGEST_CODE:
        raise ValueError(
            f"Expected `codes` from -{LARGEST_CODE:g} to {LARGEST_CODE:g}, so that their squares "
            f"are finite in float32. Received: one of size {largest:g}. Check the model that made "
            "them, or scale them down."
        )


def _integral(factors: np.ndarray) -> np.ndarray:
    if factors.dtype.kind in "iub":
        return factors.astype(np.int64, copy=False)
    if factors.dtype.kind != "f":
        raise ValueError(
            f"Expected `factors` to be whole numbers. Received: dtype {factors.dtype}. "
            "Number the values of each factor from 0."
        )
    whole = np.isfinite(factors) & (factors == np.round(factors))
    if not whole.all():
        row, factor = np.argwhere(~whole)[0]
        raise ValueError(
            f"Expected `factors` to be whole numbers. Received: {factors[row, factor]} in "
            f"row {row}, factor {factor}. Bin a continuous factor and pass the number of the bin."
        )
    return factors.astype(np.int64)


def random_generator(seed: int) -> np.random.Generator:
    """The random numbers of a metric's `seed`, an integer >= 0: the same seed, the same numbers.

    Raises:
        ValueError: it is none.

    Example:
        >>> random_generator(1.5)
        Traceback (most recent call last):
        ValueError: `seed` must be an integer >= 0. Received: seed=1.5
    """
    return np.random.default_rng(check_integer("seed", seed, least=0))


def check_number(name: str, value: float, least: float = 0.0, above: bool = False) -> float:
    """`value` as a finite float that is at least `least`, or above it.

    Raises:
        ValueError: it is none.

    Example:
        >>> check_number("min_std", 0.05)
        0.05
        >>> check_number("penalty", 0, above=True)
        Traceback (most recent call last):
        ValueError: `penalty` must be a finite number > 0. Received: penalty=0
    """
    if (
        not is_number(value)
        or not math.isfinite(value)
        or value < least
        or (above and value == least)
    ):
        raise ValueError(
            f"`{name}` must be a finite number {'>' if above else '>='} {least:g}. "
            f"Received: {name}={value!r}"
        )
    return float(value)


def sample_rows(generator: np.random.Generator, rows: int, count: int) -> np.ndarray:
    """Numbers of `count` different rows out of `rows`, or of all where there are no more.

    Example:
        >>> sample_rows(np.random.default_rng(0), rows=3, count=10)
        array([0, 1, 2])
    """
    if rows <= count:
        return np.arange(rows)
    return generator.choice(rows, size=count, replace=False, shuffle=False)


def scored_factors(factors: np.ndarray) -> dict[int, np.ndarray]:
    """The factors that vary, by column, each as `(n,)` numbers of its values.

    Warns of a factor with a single value, of which no score can be taken.

    Raises:
        ValueError: every factor has a single value.

    Example:
        >>> scored_factors(np.array([[7, 5], [3, 9]]))
        {0: array([1, 0]), 1: array([0, 1])}
    """
    scored = {}
    for factor, column in enumerate(factors.T):
        values, numbers = number_values(column)
        if len(values) > 1:
            scored[factor] = numbers
        else:
            warn_not_scored(factor, f"its only value is {values[0]}")
    if not scored:
        raise ValueError("Expected a factor with at least two values. Received: none that varies.")
    return scored


class Split(NamedTuple):
    """Rows to learn from and others to score on.

    Attributes:
        train: `(train, latents)`, codes to learn from.
        test: `(test, latents)`, codes to score on.
        factors: by column of each scored factor the numbers of its values, `(train,)`, `(test,)`.
    """

    train: np.ndarray
    test: np.ndarray
    factors: dict[int, tuple[np.ndarray, np.ndarray]]


def split_table(
    generator: np.random.Generator,
    codes: np.ndarray,
    factors: np.ndarray,
    train_samples: int,
    test_samples: int,
) -> Split:
    """Draws rows to learn from and others to score on; no row is both.

    Of a table with fewer rows than both need, a third or what is not learned from is scored on.

    Example:
        >>> table = np.arange(9)[:, None]
        >>> split = split_table(np.random.default_rng(0), table, table, 10_000, 5_000)
        >>> split.train.shape, split.test.shape
        ((6, 1), (3, 1))
    """
    train_samples = check_integer("train_samples", train_samples, least=1)
    test_samples = check_integer("test_samples", test_samples, least=1)
    test = min(test_samples, max(1, len(codes) // 3, len(codes) - train_samples))
    train = min(train_samples, len(codes) - test)
    rows = generator.permutation(sample_rows(generator, len(codes), train + test))
    drawn = codes[rows].astype(np.float64)
    numbered = {k: (n[:train], n[train:]) for k, n in scored_factors(factors[rows]).items()}
    return Split(drawn[:train], drawn[train:], numbered)


def learnable(split: Split) -> Split:
    """The split with only those factors that vary in the rows to learn from.

    Warns of the others, of which nothing can be learned.

    Raises:
        ValueError: no factor is left.
    """
    kept = {}
    for factor, (train, test) in split.factors.items():
        if train.min() < train.max():
            kept[factor] = train, test
        else:
            warn_not_scored(factor, "all rows drawn to learn it from have one value")
    if not kept:
        raise ValueError(
            "Expected two values of a factor among the rows to learn from. Received: "
            f"{len(split.train)} rows to learn from, in which no factor varies. Pass more rows."
        )
    return split._replace(factors=kept)


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


def top_gap(scores: np.ndarray) -> float:
    """The largest of some scores less the second largest.

    Example:
        >>> top_gap(np.array([1.0, 4.0, 2.5]))
        1.5
    """
    second, first = np.sort(scores)[-2:]
    return float(first - second)


class Groups(NamedTuple):
    """The rows of a table grouped by the value of one factor.

    Attributes:
        values: `(groups,)`, the values that occur, ascending.
        rows: `(n,)`, row numbers, those of the first value first.
        starts: `(groups,)`, where in `rows` each group begins.
        sizes: `(groups,)`, how many rows each group has.
    """

    values: np.ndarray
    rows: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray


def group_rows(factor: np.ndarray) -> Groups:
    """Groups rows by the value of one factor.

    Args:
        factor: `(n,)`, 64-bit whole numbers.

    Example:
        >>> groups = group_rows(np.array([7, 3, 7]))
        >>> groups.values, groups.rows, groups.sizes
        (array([3, 7]), array([1, 0, 2]), array([1, 2]))
    """
    low, high = factor.min(), factor.max()
    # NumPy sorts 16-bit numbers by radix, ten times faster than 64-bit ones.
    key = (factor - low).astype(np.uint16) if int(high) - int(low) < 2**16 else factor
    rows = np.argsort(key, kind="stable")
    ordered = key[rows]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    return Groups(factor[rows[starts]], rows, starts, np.diff(starts, append=len(rows)))


def repeated_groups(factors: np.ndarray, least: int = 1) -> list[Groups]:
    """For each factor that can be scored, its groups of at least two rows.

    Warns of a factor with a single value, or with fewer than `least` values seen twice, which is
    left out; and of one of whose values some are seen in one row only: these have no group.

    Raises:
        ValueError: no factor is left.
    """
    scored = []
    for factor, column in enumerate(factors.T):
        groups = group_rows(column)
        seen_twice = groups.sizes > 1
        if len(groups.values) == 1:
            warn_not_scored(factor, f"its only value is {groups.values[0]}")
        elif not seen_twice.any():
            warn_not_scored(factor, "each of its values is seen in one row only")
        elif seen_twice.sum() < least:
            warn_not_scored(factor, "all but one of its values are seen in one row only")
        else:
            if not seen_twice.all():
                warn_partly_scored(factor, seen_twice, "are seen in one row only")
            values, starts, sizes = (
                column[seen_twice] for column in (groups.values, groups.starts, groups.sizes)
            )
            scored.append(Groups(values, groups.rows, starts, sizes))
    if not scored:
        raise ValueError(
            f"Expected a factor with at least two values, {('one', 'two')[least - 1]} of them in two "
            "rows or more. Received: none. Pass more rows, or bin the factors."
        )
    return scored


def number_values(factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values of one factor, and for each row the number of its value.

    Args:
        factor: `(n,)`, whole numbers.

    Returns:
        Ascending values `(v,)`, and `(n,)` numbers in 0..v-1.

    Example:
        >>> number_values(np.array([7, 3, 7]))
        (array([3, 7]), array([1, 0, 1]))
    """
    return np.unique(factor, return_inverse=True)


def bin_codes(codes: np.ndarray, bins: int) -> np.ndarray:
    """Numbers of equal-width bins between the least and the greatest code of each latent.

    A bin holds its lower edge, the last one both edges. A constant latent falls into one bin.

    Args:
        codes: `(n, latents)`.
        bins: how many bins a latent has.

    Returns:
        `(n, latents)`, whole numbers in 0..bins-1.

    Example:
        >>> bin_codes(np.array([[0.0], [0.9], [1.0], [2.0]]), bins=2).ravel()
        array([0, 0, 1, 1])
    """
    codes = codes.astype(np.float64)
    edges = np.linspace(codes.min(axis=0), codes.max(axis=0), bins + 1)[1:-1]
    columns = zip(edges.T, codes.T, strict=True)
    return np.stack([np.searchsorted(edge, code, side="right") for edge, code in columns], axis=1)


def mutual_information(binned: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Mutual information of each column with one discrete variable, in nats.

        I(a; b) = sum_ab p(a, b) log(p(a, b) / (p(a) p(b))),    p: shares of the rows

    Args:
        binned: `(n, columns)`, whole numbers >= 0, such as `bin_codes` makes.
        numbers: `(n,)`, whole numbers >= 0, such as `number_values` makes.

    Returns:
        `(columns,)`, in nats; of a variable with its own copy, the entropy.

    Example:
        >>> coin = np.array([0, 0, 1, 1])
        >>> mutual_information(coin[:, None], coin) / np.log(2)
        array([1.])
    """
    rows, columns = binned.shape
    shape = (columns, int(binned.max()) + 1, int(numbers.max()) + 1)
    cell = (np.arange(columns) * shape[1] + binned) * shape[2] + numbers[:, None]
    joint = np.bincount(cell.ravel(), minlength=np.prod(shape)).reshape(shape).astype(np.float64)
    # Counts, not shares: their products are exact, so that independence gives 0.0 and not 1e-17.
    independent = joint.sum(axis=2, keepdims=True) * joint.sum(axis=1, keepdims=True)
    return special.rel_entr(rows * joint, independent).sum(axis=(1, 2)) / rows**2


def concentration(weights: np.ndarray) -> np.ndarray:
    """How much of each row's weight is in its largest entry: 0 if spread evenly, 1 if alone.

        (max_j w_j / sum_j w_j - 1/n) / (1 - 1/n),    n entries

    A row without any weight has 0; a single entry with some weight 1.

    Args:
        weights: `(rows, n)`, >= 0.

    Example:
        >>> concentration(np.array([[1.0, 1.0], [3.0, 1.0], [2.0, 0.0], [0.0, 0.0]]))
        array([0. , 0.5, 1. , 0. ])
    """
    entries = weights.shape[1]
    total = weights.sum(axis=1)
    if entries <= 1:
        return (total > 0).astype(np.float64)
    largest = weights.max(axis=1) / np.where(total > 0, total, 1)
    return np.where(total > 0, (largest - 1 / entries) / (1 - 1 / entries), 0.0)


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation of two columns `(n,)`; 0 where one of them is constant.

    Example:
        >>> pearson(np.array([1, 2, 3]), np.array([2, 4, 6])), pearson(np.ones(3), np.arange(3))
        (1.0, 0.0)
    """
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def rounded(distances: np.ndarray) -> np.ndarray:
    """Distances as whole numbers of 1/8192 of the largest, so that ranks take equal ones as equal.

    What rounding in float32 sets apart, or a factor that is no binary fraction, is closer than that.

    Args:
        distances: of any shape.

    Example:
        >>> rounded(np.array([0.1 + 0.2, 0.3, 0.6]))
        array([4096., 4096., 8192.])
    """
    return np.round(distances / (np.abs(distances).max() or 1.0) * 8192)


def warn_not_scored(factor: int, why: str) -> None:
    """Tells the metric's caller that a factor is left out of the score, and why."""
    warn(f"Factor {factor} is not scored: {why}.")


def warn_partly_scored(factor: int, scored: np.ndarray, others: str) -> None:
    """Tells that only some of a factor's values count: those where `scored` `(values,)` is true."""
    warn(
        f"Factor {factor} is scored on {np.sum(scored)} of its {len(scored)} values: "
        f"the others {others}."
    )


def warn_of_one(scored: Sized) -> None:
    """Tells of a score that sets factors apart that it has one factor alone."""
    if len(scored) == 1:
        warn(
            "A single factor is scored: with no other to be mixed with, every code that varies scores 1."
        )


def warn(message: str) -> None:
    """A warning that points at the line which called the metric."""
    level, frame = 1, sys._getframe()
    while frame.f_globals["__name__"].startswith("zoo.metrics"):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)
