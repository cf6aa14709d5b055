"""Pretrained models by name: found, fetched, verified, loaded, saved, published.

What loads or saves a model needs TensorFlow; what finds, fetches and lists does not, and does not load it.
"""

import importlib

from zoo.deliver.presets._fetch import fetch as fetch
from zoo.deliver.presets._fetch import find as find
from zoo.deliver.presets._fetch import is_folder_of_preset as is_folder_of_preset
from zoo.deliver.presets._fetch import is_preset as is_preset
from zoo.deliver.presets._hub import upload as upload
from zoo.deliver.presets._integrity import Damaged as Damaged
from zoo.deliver.presets._integrity import copy as copy
from zoo.deliver.presets._integrity import plain_files as plain_files
from zoo.deliver.presets._integrity import verify as verify
from zoo.deliver.presets._integrity import write_sums as write_sums
from zoo.deliver.presets._publish import facts as facts
from zoo.deliver.presets._publish import publish as publish
from zoo.deliver.presets._publish import update_table as update_table
from zoo.deliver.presets._table import table as table
from zoo.deliver.presets._transfer import Unavailable as Unavailable

_LATER = {
    "from_preset": "_store",
    "save": "_store",
    "write": "_store",
    "why_unreadable": "_unreadable",
}


def __getattr__(name: str):
    if name not in _LATER:
        raise AttributeError(f"module 'zoo.deliver.presets' has no attribute {name!r}")
    home = importlib.import_module(f"zoo.deliver.presets.{_LATER[name]}")
    return globals().setdefault(name, getattr(home, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
