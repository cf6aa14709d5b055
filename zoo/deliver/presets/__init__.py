"""Pretrained models by name: found, fetched, verified, loaded, saved, published.

What loads or saves a model needs TensorFlow; what finds, fetches and lists does not, and does not load it.
"""

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


def __getattr__(name: str):
    if name in ("from_preset", "save", "write"):
        from zoo.deliver.presets import _store as store

        return getattr(store, name)
    if name == "why_unreadable":
        from zoo.deliver.presets._unreadable import why_unreadable

        return why_unreadable
    raise AttributeError(f"module 'zoo.deliver.presets' has no attribute {name!r}")
