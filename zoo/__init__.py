"""Variational autoencoders that learn disentangled representations, in Keras 3 and TensorFlow.

    import zoo

    data = zoo.datasets.load("shapes2d")
    model = zoo.models.FactorVAE(data.image_shape)
    model.compile()
    model.fit(data.batches(64), steps_per_epoch=1000)
    zoo.evaluate(model, data, metrics=["factor_vae_score", "mig"])
    model.export("saved_model")

Names are loaded when they are first used: `import zoo` loads no TensorFlow.
"""

import importlib
import os

from zoo.utils import saved_classes

__version__ = "0.1.0"

_ROOMS = (
    "datasets",
    "deliver",
    "likelihoods",
    "measure",
    "metrics",
    "models",
    "networks",
    "optimizers",
    "runs",
    "schedules",
    "studies",
    "tfds",
    "utils",
)
# Short names, which are also those of before the rooms were made.
_MODULES = {
    "callbacks": "runs.callbacks",
    "comparison": "runs.comparison",
    "evaluation": "measure.evaluation",
    "explore": "runs.explore",
    "export": "deliver.export",
    "information": "measure.information",
    "log_likelihood": "measure.log_likelihood",
    "perceived_distance": "measure.perceived_distance",
    "plots": "measure.plots",
    "portable": "runs.portable",
    "presets": "deliver.presets",
    "pretrained": "runs.pretrained",
    "registry": "utils.registry",
    "report": "runs.report",
    "serving": "deliver.serving",
    "training": "runs.training",
}
_FUNCTIONS = {
    "encode": "measure.evaluation",
    "evaluate": "measure.evaluation",
    "traverse": "measure.evaluation",
    "from_preset": "deliver.presets",
    "load": "runs",
    "train": "runs.training",
}

__all__ = sorted([*_ROOMS, *_MODULES, *_FUNCTIONS])


__doc__ += "\nShort names of modules:\n\n" + "".join(
    f"- `zoo.{short}` is `zoo.{home}`\n" for short, home in _MODULES.items()
)


def _check_backend() -> None:
    """Raises `ImportError` unless Keras is set, by the environment, to compute with TensorFlow."""
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":
        raise ImportError(
            f'Expected KERAS_BACKEND to be "tensorflow" or not set. Received: KERAS_BACKEND="{backend}". '
            "The zoo's models are written in TensorFlow: unset it before Python starts."
        )


def __getattr__(name: str):
    if name in _ROOMS:
        return importlib.import_module(f"zoo.{name}")
    if name in _MODULES:
        return importlib.import_module(f"zoo.{_MODULES[name]}")
    if name in _FUNCTIONS:
        found = getattr(importlib.import_module(f"zoo.{_FUNCTIONS[name]}"), name)
        return globals().setdefault(name, found)
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


_check_backend()
saved_classes.register_if_imported()
# `import zoo.evaluation`, of before the rooms were made, finds a module that stands for the new one.
__path__.append(os.path.join(__path__[0], "utils", "_old_names"))
