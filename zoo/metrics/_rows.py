"""Rows of a table: drawn, split into those to learn from and those to score on, grouped by a factor's value."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from zoo.metrics._warnings import warn_not_scored, warn_partly_scored
from zoo.utils.checks import check_integer


def sample_rows(generator: np.random.Generator, rows: int, count: int) -> np.ndarray:
    """Numbers of `count` different rows out of `rows`, or of all where there are no more.

    Example:
        >>> sample_rows(np.random.default_rng(0), rows=3, count=10)
        array([0, 1, 2])
    """
    if rows <= count:
        return np.arange(rows)
    return generator.choice(rows, size=count, replace=False, shuffle=False)


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


def scored_factors(
    factors: np.ndarray, columns: Iterable[int] | None = None
) -> dict[int, np.ndarray]:
    """The factors that vary, by column, each as `(n,)` numbers of its values; of some columns, or of all.

    Warns of a factor with a single value, of which no score can be taken.

    Raises:
        ValueError: every factor has a single value.

    Example:
        >>> scored_factors(np.array([[7, 5], [3, 9]]))
        {0: array([1, 0]), 1: array([0, 1])}
    """
    scored = {}
    for factor in range(factors.shape[1]) if columns is None else columns:
        values, numbers = number_values(factors[:, factor])
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
