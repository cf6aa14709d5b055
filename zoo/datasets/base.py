"""What every dataset shares: an index names an image, and batches follow from a seed and a step."""

import abc
import functools
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from zoo.datasets import _correlations, _pairs, _pipelines
from zoo.datasets._integers import checked_integers
from zoo.utils.checks import check_integer

# Images rendered at once by `images`, so that a long list of indices costs little memory.
CHUNK = 256


class Dataset(abc.ABC):
    """Images that are known by an index, and the factors that made them.

    A subclass sets the attributes and implements `__len__`, `factors`, `index` and `render`. Datasets that hold
    every combination of their factors derive from `GridDataset` instead, which leaves them `draw` alone.

    Attributes:
        name: what `zoo.datasets.load` calls it.
        factor_names: one name per factor; `()` where the factors are unknown.
        factor_sizes: how many values each factor takes: they are 0, 1, …, size - 1.
        factor_values: what these stand for, an array of length size per factor: angles in radians, scales,
            positions, hues or words; the numbers themselves where a dataset says nothing else.
        image_shape: `(height, width, channels)`.
        image_dtype: `"float32"`, with values in [0, 1], or `"uint8"`.
        part: how many images are rendered at once for a batch of a multiple of as many, where rendering needs more
            memory than the images; None renders whole batches.
        correlations: how factors hang together in training, see `Correlated`; `()` where all images are alike.

    Example:
        >>> import zoo
        >>> data = zoo.datasets.load("xysquares")
        >>> len(data), data.image_shape, data.factor_sizes
        (262144, (64, 64, 3), (8, 8, 8, 8, 8, 8))
        >>> batch = next(iter(data.batches(32, seed=1)))
        >>> batch.shape
        TensorShape([32, 64, 64, 3])
    """

    name: str
    factor_names: tuple[str, ...]
    factor_sizes: tuple[int, ...]
    image_shape: tuple[int, int, int]
    image_dtype: str = "float32"
    part: int | None = None
    correlations: tuple[_correlations.Correlation, ...] = ()

    @functools.cached_property
    def factor_values(self) -> tuple[np.ndarray, ...]:
        """What the values 0, 1, …, size - 1 of each factor stand for."""
        return tuple(np.arange(size) for size in self.factor_sizes)

    @abc.abstractmethod
    def __len__(self) -> int:
        """Number of images."""

    @abc.abstractmethod
    def factors(self, indices: np.ndarray) -> np.ndarray:
        """Factors of some images.

        Args:
            indices: integers in [0, len), shape `(n,)`.

        Returns:
            int64 array, shape `(n, factors)`.

        Raises:
            ValueError: an index is out of range, or the factors are unknown.
        """

    @abc.abstractmethod
    def index(self, factors: np.ndarray) -> np.ndarray:
        """Indices of the images with the given factors: the inverse of `factors`.

        Args:
            factors: integers, shape `(n, factors)`.

        Returns:
            int64 array, shape `(n,)`. Of several images with the same factors, the first.

        Raises:
            ValueError: no image has these factors.
        """

    @abc.abstractmethod
    def render(self, indices: tf.Tensor) -> tf.Tensor:
        """Images as TensorFlow operations: what `batches` runs in the graph.

        Args:
            indices: int64 tensor in [0, len), shape `(n,)`; not checked.

        Returns:
            Tensor of dtype `image_dtype`, shape `(n, height, width, channels)`.
        """

    def images(self, indices: np.ndarray) -> np.ndarray:
        """Images as an array, rendered a chunk at a time.

        Args:
            indices: integers in [0, len), shape `(n,)`.

        Returns:
            Array of dtype `image_dtype`, shape `(n, height, width, channels)`.

        Raises:
            ValueError: an index is out of range.
        """
        indices = self.checked_indices(indices)
        images = np.empty((len(indices), *self.image_shape), self.image_dtype)
        for start in range(0, len(indices), CHUNK):
            part = slice(start, start + CHUNK)
            images[part] = self.rendered(indices[part]).numpy()
        return images

    def rendered(self, indices: np.ndarray) -> tf.Tensor:
        """Images as a tensor, rendered a chunk at a time; whole chunks of 256 by a compiled function.

        Args:
            indices: int64 in [0, len), shape `(n,)`; not checked.

        Returns:
            Tensor of dtype `image_dtype`, shape `(n, height, width, channels)`.
        """
        starts = range(0, max(len(indices), 1), CHUNK)
        chunks = [indices[start : start + CHUNK] for start in starts]
        with tf.device("CPU:0"):
            return tf.concat([self._rendered_chunk(chunk) for chunk in chunks], axis=0)

    def _rendered_chunk(self, indices: np.ndarray) -> tf.Tensor:
        render = self._compiled_render if len(indices) == CHUNK else self.render
        return render(tf.constant(indices, tf.int64))

    @functools.cached_property
    def _compiled_render(self):
        # Of one size alone: for sizes that it does not know the compiler rounds otherwise.
        return tf.function(self.render, autograph=False)

    def batches(self, batch_size: int, *, seed: int = 0, start_step: int = 0) -> tf.data.Dataset:
        """Shuffled batches without end, each image once an epoch.

        Batch k holds positions k·batch_size, k·batch_size + 1, … of one long line: the epochs end to end, each a
        permutation of all images that depends on `(seed, epoch)` alone. So batch k depends on `(seed, k)` alone,
        and a run that stopped before step k goes on with `start_step=k`. A batch may span epochs.

        Of a dataset with `correlations` each image is drawn by them, with replacement; there are no epochs.

        Args:
            batch_size: images per batch; may exceed the number of images.
            seed: integer >= 0.
            start_step: the k of the first batch.

        Returns:
            A `tf.data.Dataset` of tensors `(batch_size, height, width, channels)`.

        Raises:
            ValueError: an argument is out of range.

        Example:
            >>> import zoo
            >>> data = zoo.datasets.load("digits")
            >>> third = list(data.batches(8, seed=1).take(3))[2]
            >>> resumed = next(iter(data.batches(8, seed=1, start_step=2)))
            >>> bool(tf.reduce_all(third == resumed))
            True
        """
        batch_size = check_integer("batch_size", batch_size, 1)
        seed = check_integer("seed", seed, 0)
        start_step = check_integer("start_step", start_step, 0)
        make = _pipelines.drawn if self.correlations else _pipelines.shuffled
        return make(self, batch_size, seed, start_step)

    def pairs(
        self,
        batch_size: int,
        *,
        k: int | str | Sequence[int] = 1,
        change: str = "differ",
        labels: bool = False,
        seed: int = 0,
        start_step: int = 0,
    ) -> tf.data.Dataset:
        """Batches of pairs of images that share all but k factors, without end.

        The first image of a pair is any image, the factors that change are any k that can, and their new values are
        any: all uniformly, and with replacement, or by `correlations` where the dataset has them. Batch j depends on
        `(seed, j)` alone, so a run that stopped before step j goes on with `start_step=j`.

        Args:
            batch_size: pairs per batch.
            k: how many factors change: a number; `(least, most)`, both included, drawn anew for each pair; or
                `"random"`, which is from 1 to all changeable factors but one, as in the paper.
            change: `"differ"`: a factor that changes takes another value, so that exactly k factors differ.
                `"resampled"`: it is drawn anew, as in the paper, and may come out as it was.
                `"disentanglement_lib"`: as in that library, drawn anew, and a pair's k is 1 instead half of the time.
            labels: whether a third tensor says which factors were chosen to change: bool `(batch_size, factors)`.
            seed: integer >= 0.
            start_step: the j of the first batch.

        Returns:
            A `tf.data.Dataset` of `(first, second)` or `(first, second, labels)`; images are tensors
            `(batch_size, height, width, channels)`.

        Raises:
            ValueError: an argument is out of range, or the dataset has not one image for each combination of its
                factors.

        Example:
            >>> import zoo
            >>> data = zoo.datasets.load("xysquares")
            >>> first, second, changed = next(iter(data.pairs(4, k=2, labels=True)))
            >>> first.shape, tf.reduce_sum(tf.cast(changed, tf.int32), axis=1).numpy()
            (TensorShape([4, 64, 64, 3]), array([2, 2, 2, 2], dtype=int32))

        Reference: Locatello et al., Weakly-Supervised Disentanglement Without Compromises, 2020, sections 3 and 5;
        `simple_dynamics` of disentanglement_lib.
        """
        batch_size = check_integer("batch_size", batch_size, 1)
        seed = check_integer("seed", seed, 0)
        start_step = check_integer("start_step", start_step, 0)
        batch = _pairs.drawn(self, batch_size, k=k, change=change, labels=labels, seed=seed)
        return _pipelines.paired(batch, start_step)

    def traversals(self, indices: np.ndarray, factor: int) -> np.ndarray:
        """Indices of the images that differ from some in one factor alone.

        Args:
            indices: integers in [0, len), shape `(n,)`.
            factor: the number of the factor that moves.

        Returns:
            int64 array, shape `(n, values)`: one image for each value of the factor, in their order.

        Raises:
            ValueError: an argument is out of range, or no image has these factors.

        Example:
            >>> import zoo
            >>> data = zoo.datasets.load("xysquares")
            >>> data.traversals([3], factor=5)
            array([[0, 1, 2, 3, 4, 5, 6, 7]])
        """
        starts = self.factors(indices)
        factor = check_integer("factor", factor, 0, len(self.factor_names) - 1)
        values = np.arange(self.factor_sizes[factor])
        along = np.repeat(starts, len(values), axis=0)
        along[:, factor] = np.tile(values, len(starts))
        return self.index(along).reshape(len(starts), len(values))

    def is_grid(self) -> bool:
        """Whether there is one image for each combination of factors."""
        try:
            self.grid_order()
        except ValueError:
            return False
        return True

    def grid_order(self) -> np.ndarray | None:
        """Indices of the images in the order of all combinations of factors, the last factor fastest.

        Returns:
            int64 array, shape `(len,)`, or None where the images are in that order.

        Raises:
            ValueError: there is not one image for each combination.
        """
        combinations = math.prod(self.factor_sizes) if self.factor_names else 0
        cells = np.zeros(0, np.int64)
        if combinations == len(self):
            factors = self.factors(np.arange(len(self)))
            cells = np.unique(np.ravel_multi_index(tuple(factors.T), self.factor_sizes), True)[1]
        if len(cells) != len(self):
            raise ValueError(
                f'Expected one image for each combination of factors. Received: "{self.name}" with {len(self):,} '
                f"images and {combinations:,} combinations."
            )
        return cells

    def checked_indices(self, indices: np.ndarray) -> np.ndarray:
        """Indices as an int64 array.

        Raises:
            ValueError: they are no integers in [0, len) of shape `(n,)`.
        """
        indices = checked_integers("indices", indices, ndim=1, expected="of shape (n,)")
        outside = (indices < 0) | (indices >= len(self))
        if outside.any():
            raise ValueError(
                f"`indices` must be from 0 to {len(self) - 1}, for {len(self)} images. "
                f"Received: {indices[outside][0]}"
            )
        return indices

    def checked_factors(self, factors: np.ndarray) -> np.ndarray:
        """Factors as an int64 array.

        Raises:
            ValueError: they are no integers of shape `(n, factors)`, each in [0, size).
        """
        expected = f"of shape (n, {len(self.factor_names)}), for {self.factor_names}"
        factors = checked_integers("factors", factors, ndim=2, expected=expected)
        if factors.shape[1] != len(self.factor_names):
            raise ValueError(f"`factors` must be {expected}. Received: shape {factors.shape}")
        for name, size, column in zip(self.factor_names, self.factor_sizes, factors.T, strict=True):
            outside = (column < 0) | (column >= size)
            if outside.any():
                raise ValueError(
                    f'Factor "{name}" must be from 0 to {size - 1}. Received: {column[outside][0]}'
                )
        return factors

    @property
    def facts(self) -> str:
        """Number, shape and dtype of the images, names and sizes of the factors, in a line."""
        sizes = zip(self.factor_names, self.factor_sizes, strict=True)
        factors = ", ".join(f"{name} {size}" for name, size in sizes) or "no factors"
        shape = "×".join(map(str, self.image_shape))
        return f"{len(self):,} images {shape} {self.image_dtype}; {factors}"

    def __repr__(self) -> str:
        return f"<{self.name}: {self.facts}>"


class GridDataset(Dataset):
    """A dataset with one image for every combination of its factors.

    The index counts through the combinations with the last factor fastest. A subclass says the factors' names
    and sizes, the image's shape, and how to `draw`.
    """

    @abc.abstractmethod
    def draw(self, factors: tf.Tensor) -> tf.Tensor:
        """Images of the given factors, as TensorFlow operations.

        Args:
            factors: int32 tensor, shape `(n, factors)`, each in [0, size).

        Returns:
            Tensor of dtype `image_dtype`, shape `(n, height, width, channels)`.
        """

    def __len__(self) -> int:
        return math.prod(self.factor_sizes)

    def factors(self, indices: np.ndarray) -> np.ndarray:
        """Factors of some images, shape `(n, factors)`; see `Dataset.factors`."""
        return np.stack(np.unravel_index(self.checked_indices(indices), self.factor_sizes), axis=1)

    def index(self, factors: np.ndarray) -> np.ndarray:
        """Indices of the images with the given factors, shape `(n,)`; see `Dataset.index`."""
        factors = self.checked_factors(factors)
        return np.ravel_multi_index(tuple(factors.T), self.factor_sizes)

    def grid_order(self) -> None:
        """None: the index counts through the combinations; see `Dataset.grid_order`."""
        return

    def render(self, indices: tf.Tensor) -> tf.Tensor:
        """Images as TensorFlow operations; see `Dataset.render`."""
        sizes = np.array(self.factor_sizes)
        strides = len(self) // np.cumprod(sizes)
        return self.draw(tf.cast(indices[:, None] // strides % sizes, tf.int32))
