"""Datasets that keep their factors in a table, one row per image."""

from collections.abc import Sequence

import numpy as np

from zoo.datasets._integers import checked_integers
from zoo.datasets.base import Dataset

MOST_VALUES = 10_000_000  # of a factor: its values are kept in an array


class Tabled(Dataset):
    """A dataset whose images are in any order and number, so that a table says the factors of each."""

    _factors: np.ndarray | None = None

    def keep_factors(
        self,
        factors: np.ndarray | None,
        names: Sequence[str] | None,
        sizes: Sequence[int] | None = None,
        values: np.ndarray | None = None,
    ) -> None:
        """Checks the factors of all images and keeps them.

        Args:
            factors: integers >= 0, shape `(len, factors)` or `(len,)`; `None` where they are unknown.
            names: one name per factor; by default `factor_0`, `factor_1`, ….
            sizes: how many values each factor takes; by default its largest value + 1. Without `factors`, the
                images are the whole grid of that many values, with the last factor fastest.
            values: what the factors stand for, image by image, shape `(len, factors)`.

        Raises:
            ValueError: wrong dtype, range or length.
        """
        if factors is None and sizes is not None:
            factors = whole_grid(sizes, len(self))
        self._factors = None if factors is None else checked_table(factors, len(self))
        columns = 0 if factors is None else self._factors.shape[1]
        self.factor_names = checked_names(names, columns)
        largest = self._factors.max(axis=0).tolist() if columns else []
        self.factor_sizes = checked_sizes(sizes, largest, self.factor_names)
        if values is not None:
            self.factor_values = values_by_level(self._table(), values, self.factor_sizes)

    def factors(self, indices: np.ndarray) -> np.ndarray:
        """Factors of some images, shape `(n, factors)`; see `Dataset.factors`."""
        return self._table()[self.checked_indices(indices)]

    def index(self, factors: np.ndarray) -> np.ndarray:
        """The first image with each of the given factors, shape `(n,)`; see `Dataset.index`."""
        table = self._table()
        wanted = self.checked_factors(factors)
        row = first_rows(table, wanted, self.factor_sizes)
        if (row < 0).any():
            missing = dict(zip(self.factor_names, wanted[row < 0][0].tolist(), strict=True))
            raise ValueError(f'No image of "{self.name}" has the factors {missing}.')
        return row

    def _table(self) -> np.ndarray:
        """All factors, shape `(len, factors)`."""
        if self._factors is None:
            raise ValueError(
                f'The dataset "{self.name}" has no factors. '
                "Pass `factors`, integers of shape (n, factors), with the images."
            )
        return self._factors


def first_rows(table: np.ndarray, wanted: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """The first row of a table that equals each wanted row, or -1.

    Args:
        table: integers in [0, size), shape `(rows, columns)`.
        wanted: the same, shape `(n, columns)`.
        sizes: of the columns.

    Returns:
        int64 array, shape `(n,)`.

    Example:
        >>> first_rows(np.array([[2, 0], [0, 1], [2, 0]]), np.array([[2, 0], [0, 1], [1, 1]]), [3, 2])
        array([ 0,  1, -1])
    """
    code = row_codes(np.concatenate([table, wanted]), sizes)
    known, first = np.unique(code[: len(table)], return_index=True)
    theirs = code[len(table) :]
    place = np.minimum(np.searchsorted(known, theirs), len(known) - 1)
    return np.where(known[place] == theirs, first[place], -1)


def row_codes(rows: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """One number per row, equal where the rows are, shape `(rows,)`.

    Example:
        >>> row_codes(np.array([[0, 2], [1, 0], [0, 2]]), [2, 3])
        array([2, 3, 2])
    """
    code, span = np.zeros(len(rows), np.int64), 1
    for column, size in zip(rows.T, sizes, strict=True):
        if span > np.iinfo(np.int64).max // size:  # ranks are smaller numbers
            code = levels(code)
            span = len(code)
        code, span = code * size + column, span * size
    return code


def levels(column: np.ndarray) -> np.ndarray:
    """Numbers as ranks among their different values: 0 for the least.

    Example:
        >>> levels(np.array([0.5, 0.1, 0.5]))
        array([1, 0, 1])
    """
    return np.unique(column, return_inverse=True)[1]


def values_by_level(
    table: np.ndarray, values: np.ndarray, sizes: Sequence[int]
) -> tuple[np.ndarray, ...]:
    """What each value of each factor stands for, from what it stands for in each image.

    Returns:
        One array of length size per factor; NaN where no image has that value.

    Example:
        >>> values_by_level(np.array([[1], [0], [1]]), np.array([[0.5], [0.1], [0.5]]), [3])
        (array([0.1, 0.5, nan]),)
    """
    values = as_array("factor_values", values)
    if values.ndim == 1:
        values = values[:, None]
    if values.dtype.kind not in "biuf":
        raise ValueError(f"`factor_values` must be numbers. Received: dtype {values.dtype}")
    if values.shape != table.shape:
        raise ValueError(
            f"`factor_values` must have the shape of the factors, {table.shape}. "
            f"Received: shape {values.shape}"
        )
    found = tuple(np.full(size, np.nan) for size in sizes)
    for array, column, value in zip(found, table.T, values.T, strict=True):
        array[column] = value
    return found


def whole_grid(sizes: Sequence[int], n: int) -> np.ndarray:
    """The factors of a grid whose last factor is the fastest, shape `(n, factors)`.

    Raises:
        ValueError: the grid has not n points.

    Example:
        >>> whole_grid((2, 2), 4).tolist()
        [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    sizes = checked_integers("factor_sizes", sizes, ndim=1, expected="of shape (factors,)")
    if len(sizes) == 0 or sizes.min() < 1 or np.prod(sizes) != n:
        raise ValueError(
            f"`factor_sizes` must be integers >= 1 whose product is the number of images, {n}, "
            f"where the factors are not given. Received: {tuple(sizes.tolist())}"
        )
    return np.stack(np.unravel_index(np.arange(n), sizes), axis=1)


def checked_table(factors: np.ndarray, n: int) -> np.ndarray:
    """Factors as an int64 array, shape `(n, factors)`.

    Raises:
        ValueError: they are no integers >= 0 with one row per image.
    """
    factors = as_array("factors", factors)
    if factors.ndim == 1:
        factors = factors[:, None]
    expected = "of shape (n, factors) or (n,), counted from 0"
    factors = checked_integers("factors", factors, ndim=2, expected=expected)
    if len(factors) != n:
        raise ValueError(
            f"`factors` must have one row per image. Received: {len(factors)} rows for {n} images"
        )
    if factors.shape[1] == 0 or factors.min() < 0:
        received = "no columns" if factors.shape[1] == 0 else f"a value of {factors.min()}"
        raise ValueError(f"`factors` must be integers {expected}. Received: {received}")
    if factors.max() >= MOST_VALUES:
        raise ValueError(
            f"`factors` must be integers {expected}, up to {MOST_VALUES - 1}. Received: a value of {factors.max()}. "
            "Count its values anew, by numpy.unique(factor, return_inverse=True)[1]."
        )
    return factors


def checked_names(names: Sequence[str] | None, columns: int) -> tuple[str, ...]:
    """One distinct name per factor.

    Raises:
        ValueError: there are too few or too many, or two are equal.
    """
    if names is None:
        return tuple(f"factor_{column}" for column in range(columns))
    names = (names,) if isinstance(names, str) else tuple(np.ravel(np.array(names, dtype=object)))
    names = tuple(n.decode(errors="replace") if isinstance(n, bytes) else n for n in names)
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"`factor_names` must be words. Received: {names}")
    if len(names) != columns or len(set(names)) != columns:
        raise ValueError(
            f"`factor_names` must be {columns} different names, one per factor. Received: {names}"
        )
    return names


def checked_sizes(
    sizes: Sequence[int] | None, largest: Sequence[int], names: Sequence[str]
) -> tuple[int, ...]:
    """How many values each factor takes.

    Args:
        sizes: what the user says, or `None`.
        largest: the largest value of each factor.
        names: of the factors.

    Raises:
        ValueError: a factor has values that its size excludes.
    """
    if sizes is None:
        return tuple(value + 1 for value in largest)
    expected = f"{len(largest)} integers, one per factor, at most {MOST_VALUES}"
    sizes = checked_integers("factor_sizes", sizes, ndim=1, expected=f"that are {expected}")
    sizes = tuple(sizes.tolist())
    if len(sizes) != len(largest) or max(sizes, default=0) > MOST_VALUES:
        raise ValueError(f"`factor_sizes` must be {expected}. Received: {sizes}")
    for name, size, value in zip(names, sizes, largest, strict=True):
        if value >= size:
            raise ValueError(f'Factor "{name}" must be from 0 to {size - 1}. Received: {value}')
    return sizes


def as_array(name: str, values: np.ndarray) -> np.ndarray:
    """`values` as a NumPy array of numbers.

    Raises:
        ValueError: they are ragged or objects.
    """
    try:
        array = np.asarray(values)
        ragged = array.dtype.kind == "O"
    except ValueError:
        ragged = True
    if ragged:
        raise ValueError(
            f"`{name}` must be one array of numbers. Received: objects, or rows of different lengths. "
            "Bring all to one shape, then numpy.stack them."
        )
    return array
