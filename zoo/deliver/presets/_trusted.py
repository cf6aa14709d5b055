"""What a saved configuration may ask for: what Keras loads in safe mode, and no way to run or read more.

That is Keras' layers, operations, initializers, regularizers, constraints, schedules and dtype policies, and whatever
this process has registered with `keras.saving.register_keras_serializable`: the zoo's own classes and the user's.
"""

import dataclasses
import sys
from collections.abc import Iterator
from typing import Any

import keras

REGISTER = "keras.saving.register_keras_serializable"
PLAIN = {"__tensor__", "__numpy__", "__keras_tensor__", "__bytes__", "__ellipsis__", "__slice__"}
KINDS = (
    keras.Operation,
    keras.DTypePolicy,
    keras.Initializer,
    keras.Regularizer,
    keras.constraints.Constraint,
    keras.optimizers.schedules.LearningRateSchedule,
    keras.quantizers.Quantizer,
    keras.random.SeedGenerator,
)
# They run, or read from the disk, what a file says.
FORBIDDEN = (
    keras.layers.TFSMLayer,
    keras.layers.TorchModuleWrapper,
    keras.layers.JaxLayer,
    keras.layers.FlaxLayer,
)
# Where Keras looks for a function that it saved by its name alone.
FUNCTIONS = (keras.activations, keras.constraints, keras.initializers, keras.regularizers)


@dataclasses.dataclass(frozen=True)
class Foreign:
    """What a configuration asks for in vain.

    Attributes:
        layer: name of the innermost layer or model that asks; empty where none has a name.
        asked: the class, function or lambda, as the configuration calls it.
        is_code: whether it is Python code in the file itself, a lambda.
        is_unregistered: whether a class or function of that name would do, once it is registered.
    """

    layer: str
    asked: str
    is_code: bool = False
    is_unregistered: bool = False

    def __str__(self) -> str:
        where = f'layer "{self.layer}" asks for ' if self.layer else ""
        if self.is_code:
            return f"{where}a Python lambda"
        if self.is_unregistered:
            return f"{where}{self.asked!r}, which is not registered"
        return f"{where}{self.asked!r}, which a file may not ask for"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        if self.is_code:
            return f"Write it as a function or layer of its own, decorated with {REGISTER}."
        if self.is_unregistered:
            return f"Decorate it with {REGISTER}, and import it before the model is loaded."
        return "Use layers and functions of Keras, or your own, registered ones."


def foreign(config: Any, layer: str = "") -> Iterator[Foreign]:
    """Everything in a configuration that Keras' safe mode would not load, in the order of the file.

    Example:
        >>> layer = keras.saving.serialize_keras_object(keras.layers.Dense(3, name="codes"))
        >>> list(foreign(layer))
        []
        >>> layer["config"]["activation"] = {
        ...     "module": "builtins", "class_name": "function", "config": "mine", "registered_name": "mine"
        ... }
        >>> print(*foreign(layer))
        layer "codes" asks for 'mine', which is not registered
    """
    if isinstance(config, list | tuple):
        for item in config:
            yield from foreign(item, layer)
    if not isinstance(config, dict):
        return
    if _is_dumped(config):
        yield Foreign(layer, "__lambda__", is_code=True)
        return
    if "class_name" in config:
        inner = config.get("config")
        if isinstance(inner, dict) and isinstance(inner.get("name"), str):
            layer = inner["name"]
        found = _judged(config, layer)
        if found is not None:
            yield found
            return
    for item in config.values():
        yield from foreign(item, layer)


def _is_dumped(config: dict) -> bool:
    """Whether this is Keras' dump of a lambda that stands where a name should, as of an activation."""
    match config:
        case {"value": [str(), _, _]}:
            return len(config) == 1
    return False


def _judged(config: dict, layer: str) -> Foreign | None:
    name, module = config["class_name"], config.get("module")
    if not isinstance(name, str):
        return Foreign(layer, str(name))
    if name in PLAIN:
        return None
    # Without a module Keras takes a way of its old formats, which knows no safe mode.
    if name.startswith("__") or "module" not in config:
        return Foreign(layer, name, is_code=name == "__lambda__")
    is_function = name == "function"
    key = config.get("config") if is_function else config.get("registered_name") or name
    if not isinstance(key, str):
        return Foreign(layer, str(key))
    if keras.saving.get_registered_object(key) is not None:
        return None
    if is_function:
        if any(callable(getattr(room, key, None)) for room in FUNCTIONS):
            return None
        return Foreign(layer, key, is_unregistered=module == "builtins" or ">" in key)
    if not isinstance(module, str):
        return Foreign(layer, key, is_unregistered=module is None or ">" in key)
    if module.partition(".")[0] != "keras":
        asked = key if ">" in key else f"{module}.{name}"
        return Foreign(layer, asked, is_unregistered=config.get("registered_name") is not None)
    # Nothing is imported because a file says so.
    cls = getattr(sys.modules.get(module), name, None)
    if isinstance(cls, type) and issubclass(cls, KINDS) and not issubclass(cls, FORBIDDEN):
        return None
    return Foreign(layer, f"{module}.{name}")


def culprit(config: Any, layer: str = "") -> tuple[str, Exception] | None:
    """The innermost object of a configuration that cannot be made of it, and why; None where all can.

    Args:
        config: in which `foreign` found nothing.
        layer: name of what holds it.

    Returns:
        The name of the layer or model, or else of the class, and what Keras raised.
    """
    if isinstance(config, list | tuple):
        return next(filter(None, (culprit(item, layer) for item in config)), None)
    if not isinstance(config, dict):
        return None
    is_object = isinstance(config.get("class_name"), str) and config["class_name"] not in PLAIN
    if is_object and isinstance(config.get("config"), dict):
        layer = str(config["config"].get("name") or config["class_name"])
    found = next(filter(None, (culprit(item, layer) for item in config.values())), None)
    if found or not is_object:
        return found
    try:
        keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception as error:
        return layer, error
    return None
