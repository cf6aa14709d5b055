"""One way in: a dataset from its name, a file, a folder, TensorFlow Datasets or arrays."""

import os
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.datasets import _containers, _idx
from zoo.datasets._arrays import Arrays
from zoo.datasets._folder import load_folder
from zoo.datasets._tfds import PREFIX, load_tfds
from zoo.datasets.base import Dataset
from zoo.utils import registry
from zoo.utils.files import path_of

PART = re.compile(r"(.+\))\[(\d{1,9})\]", re.DOTALL)
CALLS: dict[str, Callable] = {}  # What a text may call beside the names of datasets.


def written(name: str) -> Callable[[Callable], Callable]:
    """Makes a function one that a text can call: `load("split(digits, 0.5, 0.5)[0]")`."""

    def known(function: Callable) -> Callable:
        CALLS[name] = function
        return function

    return known


@written("read")
def load(spec: Any, **arguments: Any) -> Dataset:
    """A dataset from its name, a file, a folder, TensorFlow Datasets or arrays.

    As text it takes what the command takes:

    - a name, `"shapes2d"`, or a call of it, `"xysquares(spacing=1)"`;
    - `"images.npz"`, `.npy` or `.h5`: a file of arrays, see `Arrays.from_file`;
    - `"train-images-idx3-ubyte.gz"`: an IDX file, with its labels beside it;
    - `"faces/"`: a folder of pictures, with `size`, `crop`, `grey`, `labels` and `background`;
    - `"tfds:mnist"`, `"tfds:mnist[test]"`: a set of images of TensorFlow Datasets, with `size`, `crop`, `grey` and
      `data_dir`;
    - `"read('faces/', size=64)"`: any of these with its arguments;
    - `"split(shapes2d, 0.8, 0.2)[0]"`, `"held_out(shapes2d, shape=2, x=[30, 31])[1]"`: a part, see `split`
      and `held_out`.

    Args:
        spec: such a text or path; an array of images; a tuple `(images, factors)`; or a `Dataset`, which is
            returned as it is.
        **arguments: further arguments of the dataset.

    Raises:
        ValueError: there is no such dataset or file, or its content is not images and factors.

    Example:
        >>> load("xysquares", spacing=1).spacing
        1
        >>> load(np.zeros((10, 8, 8, 1), "uint8"))
        <arrays: 10 images 8×8×1 uint8; no factors>
        >>> len(load("split(digits, 0.5, 0.5)[0]"))
        898
    """
    if isinstance(spec, Dataset):
        if arguments:
            raise ValueError(f"{spec} is a dataset already. Received arguments: {arguments}")
        return spec
    if isinstance(spec, np.ndarray):
        return registry.call("arrays", Arrays, [spec], arguments)
    if isinstance(spec, tuple) and len(spec) == 2:
        return registry.call("arrays", Arrays, spec, arguments)
    if isinstance(spec, (str, os.PathLike)):
        data = _from_text(os.fspath(spec), arguments)
        if isinstance(data, Dataset):
            return data
        raise ValueError(f"{spec} has {len(data)} parts: write which, for instance {spec}[0].")
    raise ValueError(
        "Expected the name of a dataset, a path to a file or folder of images, an array of images, "
        f"(images, factors) or a Dataset. Received: {type(spec).__name__}"
    )


def _from_text(text: str, arguments: dict[str, Any]) -> Dataset | tuple[Dataset, ...]:
    reader = _reader(text)
    if reader:
        return registry.call(text, reader, [text], arguments)
    part = PART.fullmatch(text.strip())
    if part:
        return _part(text, _from_text(part[1], arguments), int(part[2]))
    name, positional, named = registry.parse_call(text)
    if name in CALLS:
        return registry.call(name, CALLS[name], positional, {**named, **arguments})
    return registry.build("datasets", text, **arguments)


def _reader(text: str) -> Callable[..., Dataset] | None:
    """What reads a path; `None` for text that is none."""
    if text.startswith(PREFIX):
        return load_tfds
    if text.lower().endswith(_containers.SUFFIXES):
        return Arrays.from_file
    if _idx.PATTERN.search(text):
        return _idx.load_idx
    if text in registry.names("datasets"):
        return None
    names_a_path = (os.sep in text or "\\" in text) and "(" not in text
    return load_folder if names_a_path or os.path.isdir(path_of(text)) else None


def _part(text: str, parts: Any, number: int) -> Dataset:
    if not isinstance(parts, tuple) or number >= len(parts):
        count = f"{len(parts)} parts" if isinstance(parts, tuple) else "one dataset"
        raise ValueError(f"There is no part {number} of {count}. Received: {text!r}")
    return parts[number]
