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

from zoo import saved_classes, tfds

__version__ = "0.1.0"

_MODULES = (
    "callbacks",
    "comparison",
    "datasets",
    "evaluation",
    "export",
    "information",
    "likelihoods",
    "log_likelihood",
    "metrics",
    "models",
    "networks",
    "optimizers",
    "perceived_distance",
    "plots",
    "presets",
    "registry",
    "report",
    "runs",
    "schedules",
    "serving",
    "tfds",
    "training",
)
_FUNCTIONS = {
    "encode": "evaluation",
    "evaluate": "evaluation",
    "traverse": "evaluation",
    "from_preset": "presets",
    "load": "runs",
    "train": "training",
}

__all__ = sorted([*_MODULES, *_FUNCTIONS])


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"zoo.{name}")
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"zoo.{_FUNCTIONS[name]}"), name)
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


saved_classes.register_when_imported()
tfds.register_when_imported()
