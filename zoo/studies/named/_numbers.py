"""Columns of `results.csv`: choosing rows, means over seeds, differences and how sure they are."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from scipy import stats

from zoo.runs.comparison import columns_of as columns_of
from zoo.utils.texts import markdown_table

Columns = Mapping[str, Sequence]
SURE = 2.0  # standard errors


def rows_of(columns: Columns) -> list[dict]:
    """Rows from columns."""
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def where(columns: Columns, test: Callable[[dict], bool] | None = None, **equal) -> dict[str, list]:
    """The rows of which columns have these values, or of which a test holds.

    Example:
        >>> where({"model": ["vae", "beta_vae"], "mig": [0.1, 0.2]}, model="vae")
        {'model': ['vae'], 'mig': [0.1]}
    """
    kept = [
        row
        for row in rows_of(columns)
        if all(row.get(name) == value for name, value in equal.items())
        and (test is None or test(row))
    ]
    return {name: [row[name] for row in kept] for name in columns}


def groups(columns: Columns, name: str = "setting") -> dict:
    """The columns of the rows of each value of a column, in order; rows without a value are left out."""
    values = dict.fromkeys(value for value in columns.get(name, []) if value is not None)
    return {value: where(columns, **{name: value}) for value in values}


def known(columns: Columns, *names: str, what: str = "rows") -> dict[str, list]:
    """The rows that have a number in all of these columns, so that their numbers belong together.

    Args:
        columns: a table.
        *names: of columns.
        what: the rows, for the error.

    Raises:
        ValueError: there are none.

    Example:
        >>> known({"mig": [0.1, None, 0.3], "dci": [0.2, 0.3, 0.4]}, "mig", "dci")
        {'mig': [0.1, 0.3], 'dci': [0.2, 0.4]}
    """
    rows = where(columns, lambda row: all(_is_known(row.get(name)) for name in names))
    if not any(rows.values()):
        raise ValueError(f"Expected {what} with {' and '.join(names)}. Received: none.")
    return rows


def numbers(columns: Columns, name: str) -> np.ndarray:
    """A column's known numbers, float64.

    Raises:
        ValueError: there are none.
    """
    known = [value for value in columns.get(name, []) if _is_known(value)]
    if not known:
        raise ValueError(f"Expected rows with {name}. Received: none.")
    return np.array(known, np.float64)


def has(columns: Columns, name: str) -> bool:
    """Whether a column has a number."""
    return any(_is_known(value) for value in columns.get(name, []))


def mean_and_std(columns: Columns, name: str) -> str:
    """`0.71 ± 0.05` over a column's numbers, of n - 1; a dash where there are none."""
    if not has(columns, name):
        return "–"
    found = numbers(columns, name)
    spread = f" ± {found.std(ddof=1):.2g}" if len(found) > 1 else ""
    return f"{found.mean():.4g}{spread}"


def difference(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """The difference of two means, a - b, and its standard error, without assuming equal variances.

    One number alone tells nothing of its spread: with it the error is infinite.

    Example:
        >>> difference([2.0, 4.0], [1.0, 1.0])
        (2.0, 1.0)

    Reference: Welch, The Generalization of "Student's" Problem, 1947.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    gap = float(a.mean() - b.mean())
    if min(len(a), len(b)) < 2:
        return gap, math.inf
    return gap, float(math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))


def leads(
    columns: Columns, name: str, score: str, beside: Sequence[float]
) -> list[tuple[float, float, float]]:
    """For each value of a setting: it, its runs' mean score less that of `beside`, and the difference's standard error.

    Example:
        >>> leads({"beta": [4, 4], "mig": [2.0, 4.0]}, "beta", "mig", beside=[1.0, 1.0])
        [(4, 2.0, 1.0)]
    """
    return [
        (value, *difference(numbers(rows, score), beside))
        for value, rows in groups(columns, name).items()
    ]


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """Spearman's correlation and its p-value; 0 and 1 for fewer than three pairs, or where one does not vary.

    Example:
        >>> round(rank_correlation([1, 2, 3], [0.1, 0.2, 0.2])[0], 3), rank_correlation([1, 2, 3], [1, 1, 1])
        (0.866, (0.0, 1.0))
    """
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0, 1.0
    found = stats.spearmanr(a, b)
    return float(found.statistic), float(found.pvalue)


def word_of(gap: float, error: float, least: float = 0.0) -> str:
    """A verdict's word on a claimed difference: shown above `least` by two standard errors, refuted below 0 by two.

    Example:
        >>> word_of(0.1, 0.02), word_of(0.1, 0.2), word_of(-0.1, 0.02)
        ('shown', 'not shown', 'refuted')
    """
    if gap - SURE * error > least:
        return "shown"
    return "refuted" if gap + SURE * error < 0 else "not shown"


def word_of_all(words: Iterable[str]) -> str:
    """A verdict's word on a claim of several parts: shown if all of them are, refuted if one is.

    Example:
        >>> word_of_all(["shown", "shown"]), word_of_all(["shown", "not shown"]), word_of_all(["shown", "refuted"])
        ('shown', 'not shown', 'refuted')
    """
    words = set(words)
    if "refuted" in words:
        return "refuted"
    return "shown" if words == {"shown"} else "not shown"


def means_table(columns: Columns, scores: Iterable[str], by: str = "setting") -> str:
    """Mean ± standard deviation of the scores over each setting's rows, in Markdown."""
    scores = [name for name in scores if has(columns, name)]
    lines = [
        [str(value), str(len(rows["cell"])), *(mean_and_std(rows, name) for name in scores)]
        for value, rows in groups(columns, by).items()
    ]
    numeric = range(1, len(scores) + 2)
    return markdown_table([by, "runs", *scores], lines, numeric)


def _is_known(value) -> bool:
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return is_number and math.isfinite(value)
