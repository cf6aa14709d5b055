"""Another dataset, image by image: what a subclass does not say otherwise is as it is there."""

import numpy as np
import tensorflow as tf

from zoo.datasets.base import Dataset


class Wrapped(Dataset):
    """A dataset with the images and factors of another, in its order, under the name of the class and the other's.

    Args:
        data: the other dataset.
    """

    def __init__(self, data: Dataset):
        self.data = data
        self.name = f"{type(self).name}({data.name})"
        self.factor_names, self.factor_sizes = data.factor_names, data.factor_sizes
        self.factor_values = data.factor_values
        self.correlations = data.correlations

    def __len__(self) -> int:
        return len(self.data)

    def factors(self, indices: np.ndarray) -> np.ndarray:
        """Factors of some images, shape `(n, factors)`; see `Dataset.factors`."""
        return self.data.factors(indices)

    def index(self, factors: np.ndarray) -> np.ndarray:
        """Indices of the images with the given factors, shape `(n,)`; see `Dataset.index`."""
        return self.data.index(factors)

    def grid_order(self) -> np.ndarray | None:
        """Indices in the order of all combinations of factors; see `Dataset.grid_order`."""
        return self.data.grid_order()

    def render(self, indices: tf.Tensor) -> tf.Tensor:
        """Images as TensorFlow operations; see `Dataset.render`."""
        return self.data.render(indices)
