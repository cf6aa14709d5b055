"""Models with a layer that a form has no operation for."""

import re

from zoo.deliver.export._fidelity import Inexact


class Unsupported(Inexact):
    """A form has no translation of one of the model's operations."""


def unsupported(form: str, model, operations: dict[str, str]) -> Unsupported:
    """The error for operations that have no translation, by the names of their nodes in TensorFlow's graph.

    Args:
        form: such as `"ONNX"`.
        model: whose layers these nodes are of.
        operations: name of each node to its operation.
    """
    found = dict.fromkeys(
        f"{operation} of {layer_of(node, model)}" for node, operation in operations.items()
    )
    return failed(form, f"has no translation of {', '.join(found)}")


def failed(form: str, why: str) -> Unsupported:
    """The error for a model that cannot be written in a form; only the first line of `why` is told."""
    first = next(iter(why.strip().splitlines()), "")[:300]
    return Unsupported(
        f"{form} {first.rstrip('.')}. Nothing was written. Replace the layer in the model, or export a SavedModel, "
        "which takes every layer."
    )


def layer_of(node: str, model) -> str:
    """The innermost layer that a node's name tells of, in words.

    TensorFlow names a node by the layers around it, with a number after a name that it has seen before.

    Example:
        >>> import keras
        >>> inner = keras.Sequential([keras.layers.Dense(2, name="dense_1")])
        >>> layer_of("encoder_1/dense_1_1/Gelu/Erfc", keras.Sequential([inner]))
        'layer "dense_1" (Dense)'
    """
    layers = {layer.name: layer for layer in model._flatten_layers(include_self=False)}
    for part in reversed(node.split("/")):
        for name in (part, re.sub(r"_\d+$", "", part)):
            if name in layers:
                return f'layer "{name}" ({type(layers[name]).__name__})'
    return f'node "{node}"'
