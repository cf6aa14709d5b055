"""Which images each update of a model takes, read from the pipeline that it makes for `fit`."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from zoo.datasets import Dataset, _correlations, _pairs

LOOKED_AT = 4  # updates


@dataclasses.dataclass(frozen=True)
class Needs:
    """What an update takes.

    Attributes:
        stride: batches that an update uses up.
        offsets: update t takes the batches `stride * t + offset`; none where it makes its images from t alone.
        images: from t and the indices of each of these batches to what `train_step` takes, as TensorFlow operations.
    """

    stride: int
    offsets: list[int]
    images: Callable[[tf.Tensor, Sequence[tf.Tensor]], Any]


def needs_of(model: keras.Model, data: Dataset, batch_size: int, seed: int) -> Needs:
    """What an update of a model takes of a dataset.

    The model is handed a dataset whose batches hold their own number, and what it makes of them is looked at.

    Raises:
        ValueError: it takes its batches in no fixed pattern.
    """
    numbered = _Numbered(data, batch_size)
    stream = model.training_batches(model.stream(numbered, batch_size, seed=seed))
    rows = [tf.nest.flatten(element) for element in stream.take(LOOKED_AT)]
    starts = [[int(leaf[0]) for leaf in row] for row in rows]
    stride = starts[1][0] - starts[0][0]
    places = starts[0]
    if any(row != [place + stride * t for place in places] for t, row in enumerate(starts)):
        raise ValueError(f"{type(model).__name__} takes its batches in no fixed pattern.")
    structure = stream.element_spec
    if numbered.pairs_of is not None:
        return Needs(1, [], lambda number, _: numbered.pairs_of(number))
    offsets = sorted(set(places))
    draws = _correlations.batch_draws(data, batch_size, seed) if data.correlations else None

    def images(number, indices):
        if draws is not None:
            indices = [draws(stride * number + offset) for offset in offsets]
        batches = [rendered(data, batch) for batch in indices]
        leaves = [batches[offsets.index(place)] for place in places]
        return tf.nest.pack_sequence_as(structure, leaves)

    return Needs(stride, [] if draws else offsets, images)


def rendered(data: Dataset, indices: tf.Tensor) -> tf.Tensor:
    """A batch of images, in the parts that `Dataset.batches` renders it in."""
    size = indices.shape[0]
    part = data.part if data.part and size % data.part == 0 else size
    parts = [data.render(indices[start : start + part]) for start in range(0, size, part)]
    return tf.ensure_shape(tf.concat(parts, 0), (size, *data.image_shape))


class _Numbered:
    """Stands for a dataset; its batches hold their number in place of images."""

    def __init__(self, data: Dataset, batch_size: int):
        self._data, self._batch_size, self.pairs_of = data, batch_size, None

    def batches(self, batch_size: int, *, seed: int = 0, start_step: int = 0) -> tf.data.Dataset:
        """Batches without end, `(batch_size,)`."""
        counter = tf.data.Dataset.counter(start_step)
        return counter.map(lambda number: tf.fill((batch_size,), number))

    def pairs(self, batch_size: int, *, start_step: int = 0, **options) -> tf.data.Dataset:
        """Pairs of batches without end; how they are to be drawn is kept."""
        self.pairs_of = _pairs.drawn(self._data, batch_size, **options, compiled=True)
        numbers = self.batches(batch_size, start_step=start_step)
        return numbers.map(lambda numbers: (numbers, numbers))
