"""Parts of a dataset: seeded random splits, and combinations of factors held out of training."""

import functools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.datasets._load import load, written
from zoo.datasets._table import first_rows
from zoo.datasets.base import Dataset
from zoo.utils import registry
from zoo.utils.checks import check_integer


class Part(Dataset):
    """Some images of a dataset, as a dataset: a view, which holds their indices.

    Args:
        data: the dataset.
        indices: of the images, different integers in [0, len(data)), shape `(n,)`.

    Raises:
        ValueError: there are no indices, or one is out of range or comes twice.

    Example:
        >>> import zoo
        >>> part = Part(zoo.datasets.load("digits"), [5, 7])
        >>> part
        <part of digits: 2 images 8×8×1 float32; digit 10>
        >>> part.factors([1])
        array([[7]])
    """

    def __init__(self, data: Dataset, indices: np.ndarray):
        indices = data.checked_indices(indices)
        if len(indices) == 0:
            raise ValueError(f'A part of "{data.name}" must have images. Received: no indices')
        if len(np.unique(indices)) < len(indices):
            raise ValueError(f'A part of "{data.name}" must have each image once.')
        self.data = data
        self.name = f"part of {data.name}"
        self.factor_names, self.factor_sizes = data.factor_names, data.factor_sizes
        self.factor_values = data.factor_values
        self.correlations = data.correlations
        self.image_shape, self.image_dtype = data.image_shape, data.image_dtype
        self.indices = indices
        with tf.device("CPU:0"):  # a tensor, so that graphs refer to it and do not copy it
            self._indices = tf.constant(indices)

    def __len__(self) -> int:
        return len(self.indices)

    def factors(self, indices: np.ndarray) -> np.ndarray:
        """Factors of some images, shape `(n, factors)`; see `Dataset.factors`."""
        return self.data.factors(self.indices[self.checked_indices(indices)])

    def index(self, factors: np.ndarray) -> np.ndarray:
        """The first image with each of the given factors, shape `(n,)`; see `Dataset.index`."""
        wanted = self.checked_factors(factors)
        row = first_rows(self._table, wanted, self.factor_sizes)
        if (row < 0).any():
            missing = dict(zip(self.factor_names, wanted[row < 0][0].tolist(), strict=True))
            raise ValueError(f"No image in this {self.name} has the factors {missing}.")
        return row

    def render(self, indices: tf.Tensor) -> tf.Tensor:
        """Images as TensorFlow operations; see `Dataset.render`."""
        return self.data.render(tf.gather(self._indices, indices))

    @functools.cached_property
    def _table(self) -> np.ndarray:
        return self.data.factors(self.indices)


@written("split")
def split(data: Any, *fractions: float, seed: int = 0) -> tuple[Part, ...]:
    """Random parts of a dataset, which share no image.

    Args:
        data: anything that `zoo.datasets.load` takes.
        *fractions: of the images, one per part, each in (0, 1], together at most 1. Part k has
            `round(n·(f_1 + … + f_k)) - round(n·(f_1 + … + f_(k-1)))` of the n images.
        seed: decides which; integer >= 0.

    Returns:
        One dataset per fraction. Within it images keep their order.

    Raises:
        ValueError: fractions are out of range, or a part would be empty.

    Example:
        >>> train, test = split("digits", 0.8, 0.2, seed=0)
        >>> len(train), len(test)
        (1438, 359)
    """
    data = load(data)
    seed = check_integer("seed", seed, 0)
    numbers = [f for f in fractions if isinstance(f, (int, float)) and 0 < f <= 1]
    if not fractions or len(numbers) < len(fractions) or sum(fractions) > 1 + 1e-9:
        raise ValueError(
            "`fractions` must be numbers in (0, 1] whose sum is at most 1, for instance 0.8, 0.2. "
            f"Received: {fractions}"
        )
    n = len(data)
    ends = [round(n * math.fsum(fractions[: k + 1])) for k in range(len(fractions))]
    order = np.random.default_rng(seed).permutation(n)
    pieces = np.split(order, ends)[:-1]
    for fraction, piece in zip(fractions, pieces, strict=True):
        if len(piece) == 0:
            raise ValueError(
                f"The split of {fraction:g} of the {n} images of {data.name} is empty."
            )
    return tuple(Part(data, np.sort(piece)) for piece in pieces)


@written("held_out")
def held_out(data: Any, /, **factors: int | Iterable[int]) -> tuple[Part, Part]:
    """A dataset without some combinations of its factors, and these combinations: for tests of extrapolation.

    Args:
        data: anything that `zoo.datasets.load` takes.
        **factors: one or more values of a factor. An image is held out when all of the named factors have one of
            their values.

    Returns:
        The rest, and the images held out.

    Raises:
        ValueError: there is no such factor or value, or one of the two parts would be empty.

    Example:
        >>> rest, held = held_out("shapes2d", shape=2, x=range(16, 32))
        >>> len(rest) / len(held)  # a sixth is held out
        5.0
    """
    data = load(data)
    if not factors:
        known = ", ".join(data.factor_names)
        raise ValueError(f"Expected factors that are held out, of {known}. Received: none")
    table = data.factors(np.arange(len(data)))
    is_held = np.ones(len(data), bool)
    for name, values in factors.items():
        column, values = _values(data, name, values)
        is_held &= np.isin(table[:, column], values)
    if is_held.all() or not is_held.any():
        what = "every image" if is_held.all() else "no image"
        raise ValueError(f'{factors} holds out {what} of "{data.name}": one part would be empty.')
    return Part(data, np.flatnonzero(~is_held)), Part(data, np.flatnonzero(is_held))


def _values(data: Dataset, name: str, values: int | Iterable[int]) -> tuple[int, list[int]]:
    """The column of a factor, and its values as a list."""
    if name not in data.factor_names:
        raise ValueError(registry.unknown(f"factor of {data.name}", name, data.factor_names))
    column = data.factor_names.index(name)
    is_one = isinstance(values, str) or not isinstance(values, Iterable)
    values = [values] if is_one else list(values)
    most = data.factor_sizes[column] - 1
    return column, [check_integer(name, value, 0, most) for value in values]
