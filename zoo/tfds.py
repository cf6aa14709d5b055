"""The zoo's datasets as builders of TensorFlow Datasets, for programs that read their data there.

`import zoo` is enough: once TensorFlow Datasets is imported too, before or after, every dataset of the zoo is one of
its builders. Nothing is downloaded: the images are rendered when the builder is prepared, which writes them as PNG,
some thousand a second.

    import tensorflow_datasets as tfds
    import zoo

    squares = tfds.load("xysquares", split="train")
    close = tfds.load("xysquares/spacing=1", split="train")
"""

import importlib
from typing import Any

from zoo.when_imported import when_imported

LIBRARY = "tensorflow_datasets"
NAMES = {"shapes3d": "shapes3d_raycast"}  # where TensorFlow Datasets has another set of that name
BATCH = 256  # images rendered and encoded at once
THREADS = 2


def register_when_imported() -> None:
    """Registers the builders as soon as TensorFlow Datasets is imported: now, later or never."""
    when_imported(LIBRARY, register)


def register() -> None:
    """Makes a builder of TensorFlow Datasets of each of the zoo's datasets."""
    import warnings

    from zoo import registry

    base = _builder()
    for dataset in registry.names("datasets"):
        name = NAMES.get(dataset, dataset)
        try:
            # An attribute of this module, where a pickle of a builder looks for its class.
            globals()[name] = type(
                name, (base,), {"name": name, "dataset": dataset, "__module__": __name__}
            )
        except ValueError as error:
            warnings.warn(f"{dataset} is no builder of TensorFlow Datasets: {error}", stacklevel=2)


def __getattr__(name: str) -> Any:
    """A builder's class by its name, for a pickle that is read before TensorFlow Datasets is imported."""
    from zoo import registry

    if name == "Config" or name in {*registry.names("datasets"), *NAMES.values()} - set(NAMES):
        importlib.import_module(LIBRARY)
        if name in globals():
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _builder() -> type:
    """The class of all builders; made late, since it derives from a class of TensorFlow Datasets."""
    import dataclasses
    import functools
    import inspect
    import re

    import tensorflow_datasets as tfds

    from zoo import registry

    @dataclasses.dataclass
    class Config(tfds.core.BuilderConfig):
        arguments: dict[str, Any] = dataclasses.field(default_factory=dict)

    Config.__module__, Config.__qualname__ = __name__, "Config"
    globals()["Config"] = Config  # for pickles, too
    own = {"file_format", *inspect.signature(tfds.core.DatasetBuilder).parameters}

    class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        """A dataset of the zoo, in the order of its indices; files are shuffled where the reader asks for it.

        Arguments that are not the builder's are the dataset's; each choice of them is a configuration.
        """

        VERSION = tfds.core.Version("1.0.0")

        def __init__(self, *, config=None, **arguments):
            given = {key: arguments.pop(key) for key in list(arguments) if key not in own}
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

    return Builder


def _features(data: Any) -> dict[str, Any]:
    """The image and, for each factor, `label_FACTOR` and, where it stands for a number, `value_FACTOR`."""
    import numpy as np
    from tensorflow_datasets import features

    found = {"image": features.Image(shape=data.image_shape, encoding_format="png")}
    for name, values in zip(data.factor_names, data.factor_values, strict=True):
        if values.dtype.kind == "U":
            found[f"label_{name}"] = features.ClassLabel(names=values.tolist())
        else:
            found[f"label_{name}"] = features.ClassLabel(num_classes=len(values))
            found[f"value_{name}"] = features.Scalar(np.float32)
    return found


def _examples(data: Any):
    """Index and features of each image; float images become bytes."""
    import io

    import numpy as np
    import tensorflow as tf

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
