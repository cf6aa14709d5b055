"""The zoo's classes under their names in Keras' registry, before they are imported.

`keras.models.load_model("model.keras")` asks the registry for `"zoo>FactorVAE"`. A stand-in answers: it has nothing
but the `from_config` by which Keras makes an object, and that imports the class. So after `import keras`, `import zoo`
is enough, and light. The class itself takes its stand-in's place when it is imported.
"""

import importlib
import re
import sys
from pathlib import Path
from typing import Any

PACKAGE = "zoo"
REGISTERED = re.compile(
    rf'^@keras\.saving\.register_keras_serializable\(package="{PACKAGE}"\)\n(?:@.*\n)*class (\w+)',
    re.MULTILINE,
)


def register_if_imported() -> None:
    """Registers the stand-ins if Keras is there; whoever imports it later imports `zoo.models` after it."""
    if "keras" in sys.modules:
        register()


def register() -> None:
    """Puts a stand-in into Keras' registry for each class of the zoo that it does not know yet."""
    import keras

    known = keras.saving.get_custom_objects()
    for name, module in modules().items():
        known.setdefault(f"{PACKAGE}>{name}", _stand_in(module, name))


def modules() -> dict[str, str]:
    """Name to module of every class of the zoo that Keras can save, read from the source.

    Example:
        >>> modules()["FactorVAE"]
        'zoo.models.factor_vae'
    """
    root = Path(__file__).parent.parent
    return {
        name: ".".join(["zoo", *file.relative_to(root).with_suffix("").parts])
        for file in sorted(root.rglob("*.py"))
        for name in REGISTERED.findall(file.read_text(encoding="utf-8"))
    }


def _stand_in(module: str, name: str) -> type:
    def from_config(config: dict[str, Any]) -> Any:
        return getattr(importlib.import_module(module), name).from_config(config)

    return type(name, (), {"__module__": module, "from_config": staticmethod(from_config)})
