"""The zoo's datasets as builders of TensorFlow Datasets, for programs that read their data there.

`import zoo.tfds` makes every dataset of the zoo one of the builders of TensorFlow Datasets. Nothing is downloaded: the
images are rendered when the builder is prepared, which writes them as PNG, some thousand a second.

    import tensorflow_datasets as tfds
    import zoo.tfds

    squares = tfds.load("xysquares", split="train")
    close = tfds.load("xysquares/spacing=1", split="train")
"""

import dataclasses
import functools
import inspect
import io
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from zoo.utils import registry

__all__ = ["NAMES"]  # and all builders, by name

NAMES = {"shapes3d": "shapes3d_raycast"}  # where TensorFlow Datasets has another set of that name
BATCH = 256  # images rendered and encoded at once
THREADS = 2
OWN = {"file_format", *inspect.signature(tfds.core.DatasetBuilder).parameters}


@dataclasses.dataclass
class Config(tfds.core.BuilderConfig):
    """A choice of a dataset's arguments."""

    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A dataset of the zoo, in the order of its indices; files are shuffled where the reader asks for it.

    Arguments that are not the builder's are the dataset's; each choice of them is a configuration.
    """

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, config=None, **arguments):
        given = {key: arguments.pop(key) for key in list(arguments) if key not in OWN}
        if given:
            text = "-".join(f"{key}-{value}" for key, value in sorted(given.items()))
            config = Config(re.sub(r"[^\w.-]+", "-", text), arguments=given)
        super().__init__(config=config, **arguments)

    @functools.cached_property
    def data(self):
        """The dataset."""
        arguments = getattr(self.builder_config, "arguments", {})
        return registry.build("datasets", self.dataset, **arguments)

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description=inspect.getdoc(type(self.data)),
            features=tfds.features.FeaturesDict(_features(self.data)),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        return _examples(self.data)

    def _as_dataset(self, split, decoders=None, read_config=None, shuffle_files=False):
        if shuffle_files:  # whoever asks for it wants no order; the library refuses it else
            read_config = read_config or tfds.ReadConfig()
            read_config = read_config.replace(enable_ordering_guard=False)
        return super()._as_dataset(split, decoders, read_config, shuffle_files)


def _features(data: Any) -> dict[str, Any]:
    """The image and, for each factor, `label_FACTOR` and, where it stands for a number, `value_FACTOR`."""
    found = {"image": tfds.features.Image(shape=data.image_shape, encoding_format="png")}
    for name, values in zip(data.factor_names, data.factor_values, strict=True):
        if values.dtype.kind == "U":
            found[f"label_{name}"] = tfds.features.ClassLabel(names=values.tolist())
        else:
            found[f"label_{name}"] = tfds.features.ClassLabel(num_classes=len(values))
            found[f"value_{name}"] = tfds.features.Scalar(np.float32)
    return found


def _examples(data: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Index and features of each image; float images become bytes."""

    def encoded(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images = data.render(indices)
        if data.image_dtype != "uint8":
            images = tf.cast(tf.round(255 * images), tf.uint8)
        return indices, tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.string)

    batches = tf.data.Dataset.range(len(data)).batch(BATCH)
    for indices, pictures in batches.map(encoded, num_parallel_calls=THREADS).prefetch(THREADS):
        factors = data.factors(indices.numpy())
        rows = zip(indices.numpy().tolist(), pictures.numpy(), factors.tolist(), strict=True)
        for index, picture, row in rows:
            example = {"image": io.BytesIO(picture)}
            for name, values, level in zip(data.factor_names, data.factor_values, row, strict=True):
                example[f"label_{name}"] = level
                if values.dtype.kind != "U":
                    example[f"value_{name}"] = np.float32(values[level])
            yield index, example


def _register() -> None:
    """Makes a builder of each dataset, an attribute of this module, where a pickle looks for its class."""
    for dataset in registry.names("datasets"):
        name = NAMES.get(dataset, dataset)
        try:
            globals()[name] = type(
                name, (Builder,), {"name": name, "dataset": dataset, "__module__": __name__}
            )
        except ValueError as error:
            warnings.warn(f"{dataset} is no builder of TensorFlow Datasets: {error}", stacklevel=2)


_register()
