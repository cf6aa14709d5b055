"""Sets of images that TensorFlow Datasets prepares, with their factors under the zoo's names."""

import difflib
import os
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import tensorflow as tf

from zoo.datasets._network import some_server_answers
from zoo.datasets._pictures import Fit
from zoo.datasets._pipelines import pipeline_options
from zoo.datasets._table import Tabled, values_by_level
from zoo.utils import progress
from zoo.utils.texts import one_line

PREFIX = "tfds:"
SPEC = re.compile(r"([^\[\]]+)(?:\[(.*)\])?")
SIZES = {"celeb_a": 64}  # what papers resize the pictures to
LARGEST = 4 * 2**30  # bytes of encoded pictures in memory
READ = 4096  # records parsed at once
DECODED = 1000  # pictures decoded at once
SLOW = 100_000  # binary pictures from which on a progress bar is drawn


class Records(Tabled):
    """Pictures of a prepared TFDS split: kept encoded in memory, decoded when they are used.

    Encoded they take a tenth of their pixels or less (dSprites 0.3 GiB instead of 2.8). Before training starts they
    are decoded up to the first pixel above 1: where there is none, 0 and 1 are black and white.

    Args:
        name: of the dataset.
        pictures: bytes of all pictures, a string tensor of shape `(n,)`.
        shape: of the pictures, as far as it is the same for all.
        fit: decodes them to one size.
    """

    image_dtype = "uint8"

    def __init__(self, name: str, pictures: tf.Tensor, shape: Sequence[int | None], fit: Fit):
        self.name = name
        self.image_shape = tuple(fit(pictures[0], shape).shape)
        self._pictures, self._decode = pictures, decoder(fit, shape, self.image_shape)
        self._white = 255 if self._largest_up_to(2) == 1 else 1

    def __len__(self) -> int:
        return int(self._pictures.shape[0])

    def render(self, indices: tf.Tensor) -> tf.Tensor:
        """Images as TensorFlow operations; see `Dataset.render`."""
        images = self._decode(tf.gather(self._pictures, indices))
        images = tf.ensure_shape(images, (indices.shape[0], *self.image_shape))
        return images if self._white == 1 else images * self._white

    def _largest_up_to(self, enough: int) -> int:
        """The largest value of all pixels, or the first one found that is enough."""
        largest, count = 0, len(self)
        starts = range(0, count, DECODED)
        with tf.device("CPU:0"):
            for start in progress.bar(iterable=starts, desc="check", disable=count < SLOW):
                images = self._decode(self._pictures[start : start + DECODED])
                largest = max(largest, int(tf.reduce_max(images)))
                if largest >= enough:
                    break
        return largest


def decoder(
    fit: Fit, shape: Sequence[int | None], image_shape: Sequence[int]
) -> Callable[[tf.Tensor], tf.Tensor]:
    """A graph that decodes many pictures of a shape; outside of graphs `map_fn` goes operation by operation."""

    def decode(pictures: tf.Tensor) -> tf.Tensor:
        signature = tf.TensorSpec(image_shape, tf.uint8)
        return tf.map_fn(
            lambda picture: fit(picture, shape), pictures, fn_output_signature=signature
        )

    return tf.function(decode).get_concrete_function(tf.TensorSpec([None], tf.string))


def load_tfds(
    name: str,
    split: str | None = None,
    size: int | Sequence[int] | None = None,
    crop: int | Sequence[int] | None = None,
    grey: bool = False,
    data_dir: str | os.PathLike | None = None,
) -> Records:
    """A set of images of TensorFlow Datasets; what is not prepared yet is downloaded first.

    Its factors are the features that are class labels or true or false, without `label_` and `_position` in their
    names: those of `dsprites` are shape, scale, orientation, x and y. Pictures are what that library decodes: it does
    not turn them by their EXIF data. Those of four channels are laid on black. Binary images that are stored as the
    bytes 0 and 1, as in `dsprites` and `binarized_mnist`, become 0 and 255.

    Args:
        name: a builder with a feature `image`, and its configuration: `"dsprites"`, `"emnist/letters"`; a split may
            follow, `"mnist[test]"`, `"celeb_a[train[:10%]]"`.
        split: by default `"train"`, or the first one where there is none of that name.
        size: height and width of the images, one number or two. A picture of other proportions loses what is too
            much at its sides, equally. `None` keeps the pictures' own size; `celeb_a` is resized to 64.
        crop: height and width of the central part that is used, before resizing; `None` for all of it.
        grey: whether colour is dropped.
        data_dir: where TFDS keeps its files; by default `TFDS_DATA_DIR` or `~/tensorflow_datasets`.

    Returns:
        A dataset of uint8 images, in the order of the files.

    Warns:
        UserWarning: pictures have a fourth channel, transparency.

    Raises:
        ValueError: there is no such builder, configuration or split; it holds no images, or none of one size, or
            more than 4 GiB of encoded ones; it is not prepared and there is no network.
    """
    label = PREFIX + name.removeprefix(PREFIX)
    matched = SPEC.fullmatch(name.removeprefix(PREFIX))
    if not matched or (matched[2] and split):
        raise ValueError(
            f'Expected "NAME", "NAME/CONFIG" or "NAME[SPLIT]", and the split once. Received: {name!r}'
            + (f" and split={split!r}" if split else "")
        )
    builder = _prepared(matched[1], data_dir)
    features = builder.info.features
    shape = _picture_shape(label, features)
    size = SIZES.get(builder.name) if size is None else size
    if size is None and None in shape[:2]:
        raise ValueError(
            f'The pictures of "{label}" differ in size: pass `size`, for instance size=64.'
        )
    if shape[-1] == 4:
        warnings.warn(f'"{label}": what is transparent in its pictures is black.', stacklevel=2)
    fit = Fit(size, crop, 1 if grey or shape[-1] == 1 else 3)
    labels = _labels_in(features)
    columns = dict.fromkeys(labels, tf.int64)
    columns |= {key: tf.float32 for key in map(_key_of_value, labels) if key in features}
    records = _read(label, _part(label, builder, matched[2] or split), columns)
    try:
        data = Records(label, records.pop("image"), shape, fit)
    except tf.errors.OpError as error:
        raise ValueError(
            f'Cannot decode a picture of "{label}": {one_line(error)} Prepare it again.'
        ) from None
    if not labels:
        data.keep_factors(None, None)
        return data
    table = np.stack([records[key] for key in labels], axis=1)
    data.keep_factors(table, [_uniform(key) for key in labels], _sizes(labels, records))
    data.factor_values = tuple(
        _values(feature, records, key, size)
        for (key, feature), size in zip(labels.items(), data.factor_sizes, strict=True)
    )
    return data


def _uniform(key: str) -> str:
    """A factor's name in the zoo.

    Example:
        >>> [_uniform(key) for key in ("label_x_position", "instance", "attributes/Smiling")]
        ['x', 'instance', 'Smiling']
    """
    return key.rpartition("/")[2].removeprefix("label_").removesuffix("_position")


def _key_of_value(key: str) -> str:
    """Where the records say what a label stands for: `value_x_position` for `label_x_position`."""
    return key.replace("label_", "value_", 1) if key.startswith("label_") else ""


def _sizes(labels: dict[str, Any], records: dict[str, np.ndarray]) -> list[int]:
    return [
        getattr(feature, "num_classes", 2) or int(records[key].max()) + 1
        for key, feature in labels.items()
    ]


def _values(feature: Any, records: dict[str, np.ndarray], key: str, size: int) -> np.ndarray:
    """What 0, 1, …, size - 1 stand for: numbers of the records, words of the feature, or themselves."""
    numbers = records.get(_key_of_value(key))
    if numbers is not None:
        return values_by_level(records[key][:, None], numbers[:, None], [size])[0]
    words = getattr(feature, "names", None)
    return np.array(words) if words and words[0] != "0" else np.arange(size)


def _labels_in(features: Any, prefix: str = "") -> dict[str, Any]:
    """Features that are class labels, or true or false, by their key in the records."""
    import tensorflow_datasets as tfds

    found = {}
    for name, feature in features.items():
        if isinstance(feature, tfds.features.FeaturesDict):
            found |= _labels_in(feature, f"{prefix}{name}/")
        elif isinstance(feature, tfds.features.ClassLabel) or (
            feature.shape == () and feature.np_dtype == np.bool_
        ):
            found[prefix + name] = feature
    return found


def _picture_shape(label: str, features: Any) -> tuple[int | None, ...]:
    import tensorflow_datasets as tfds

    is_dict = isinstance(features, tfds.features.FeaturesDict)
    image = features["image"] if is_dict and "image" in features else None
    if not isinstance(image, tfds.features.Image) or image.np_dtype != np.uint8:
        raise ValueError(
            f'"{label}" must have a feature "image" of bytes. Received: {", ".join(features) if is_dict else features}'
        )
    return tuple(image.shape)


def _part(label: str, builder: Any, split: str | None) -> Any:
    """The split of a prepared builder."""
    splits = builder.info.splits
    if split is None:
        split = "train" if "train" in splits else next(iter(splits))
    try:
        part = splits[split]
        count = part.num_examples
    except (ValueError, AssertionError, KeyError) as error:
        raise ValueError(
            f'"{label}" has no split {split!r}: {one_line(error)} It has {", ".join(splits)}.'
        ) from None
    if count == 0:
        raise ValueError(f'The split {split!r} of "{label}" is empty.')
    share = count / sum(info.num_examples for info in splits.values())
    size = share * sum(info.num_bytes for info in splits.values())
    if size > LARGEST:
        raise ValueError(
            f'The split {split!r} of "{label}" takes {size / 2**30:.1f} GiB of memory; at most '
            f'{LARGEST / 2**30:.0f} GiB are held. Take a part of it, for instance split="{split}[:10%]".'
        )
    if builder.info.file_format.value != "tfrecord":
        raise ValueError(
            f'"{label}" is prepared as {builder.info.file_format.value} files. Expected tfrecord: prepare it '
            "in another data_dir, without file_format."
        )
    return part


def _read(label: str, part: Any, columns: dict[str, tf.DType]) -> dict[str, Any]:
    """The encoded pictures of a split, a string tensor, and some of its columns, arrays, all by key."""
    columns = {"image": tf.string, **columns}
    parsing = {key: tf.io.FixedLenFeature((), dtype) for key, dtype in columns.items()}
    files = part.file_instructions
    with tf.device("CPU:0"):
        names = [os.fspath(file.filename) for file in files]
        bounds = np.array([(file.skip, file.take) for file in files], np.int64)
        slices = tf.data.Dataset.from_tensor_slices((names, *bounds.T))
        lines = slices.flat_map(_lines)
        records = lines.batch(READ).map(
            lambda batch: tf.io.parse_example(batch, parsing), num_parallel_calls=2
        )
        try:
            pieces = list(records.prefetch(2).with_options(pipeline_options()))
        except tf.errors.OpError as error:
            raise ValueError(
                f'Cannot read {_broken(files)} of "{label}": {one_line(error)} Prepare it again.'
            ) from None
        read = {key: tf.concat([piece.pop(key) for piece in pieces], axis=0) for key in parsing}
    return {key: tensor if key == "image" else tensor.numpy() for key, tensor in read.items()}


def _lines(file: Any, skip: Any, take: Any) -> tf.data.Dataset:
    """Some of the records of a file, as they are stored."""
    return tf.data.TFRecordDataset(file, buffer_size=2**23).skip(skip).take(take)


def _broken(files: Sequence[Any]) -> str:
    """The first of these files that cannot be read to its end."""
    for file in files:
        try:
            _lines(os.fspath(file.filename), file.skip, file.take).reduce(0, lambda count, _: count)
        except tf.errors.OpError:
            return os.fspath(file.filename)
    return "the records"


def _prepared(name: str, data_dir: str | os.PathLike | None) -> Any:
    """A builder whose files are there."""
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        shown = one_line(name)
        near = difflib.get_close_matches(shown, known, n=1)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise ValueError(
            f'TensorFlow Datasets has no "{shown}".{hint} Its catalog: '
            "https://www.tensorflow.org/datasets/catalog"
        ) from None
    except (ValueError, AssertionError, TypeError, RuntimeError) as error:
        raise ValueError(f'"{PREFIX}{name}": {one_line(error)}') from None
    if builder.is_prepared():
        return builder
    urls = list(builder.url_infos or ())
    if urls and not some_server_answers(urls):
        servers = ", ".join(sorted({urlsplit(url).netloc for url in urls}))
        raise ValueError(
            f'"{PREFIX}{name}" is not in {builder.data_path.parent.parent}, and there is no network to download it: '
            f'no answer from {servers}. Where there is one, run `python -c "import tensorflow_datasets as tfds; '
            f"tfds.load('{name}')\"`, copy the folder tensorflow_datasets it writes to, and pass it as data_dir or "
            "TFDS_DATA_DIR. `zoo list datasets` names sets that need no download."
        )
    try:
        builder.download_and_prepare()
    except Exception as error:  # whatever a builder or a server does
        raise ValueError(
            f'TensorFlow Datasets cannot prepare "{name}": {one_line(error)}'
        ) from error
    return builder
