"""Pretrained models by name: found, fetched, verified, loaded, saved, published.

What loads or saves a model needs TensorFlow; what finds, fetches and lists does not, and does not load it.
"""

from zoo.presets._fetch import Unavailable as Unavailable
from zoo.presets._fetch import fetch as fetch
from zoo.presets._fetch import find as find
from zoo.presets._fetch import is_folder_of_preset as is_folder_of_preset
from zoo.presets._fetch import is_preset as is_preset
from zoo.presets._hub import upload as upload
from zoo.presets._integrity import Damaged as Damaged
from zoo.presets._integrity import copy as copy
from zoo.presets._integrity import plain_files as plain_files
from zoo.presets._integrity import verify as verify
from zoo.presets._integrity import write_sums as write_sums
from zoo.presets._publish import facts as facts
from zoo.presets._publish import publish as publish
from zoo.presets._publish import update_table as update_table
from zoo.presets._table import table as table


def __getattr__(name: str):
    if name in ("from_preset", "save", "write"):
        from zoo.presets import _store as store

        return getattr(store, name)
    if name == "why_unreadable":
        from zoo.presets._unreadable import why_unreadable

        return why_unreadable
    raise AttributeError(f"module 'zoo.presets' has no attribute {name!r}")
