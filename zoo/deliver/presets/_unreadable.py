"""Why a `.keras` file does not load, and what it wants."""

import json
import zipfile
from pathlib import Path

from zoo.deliver.presets import _trusted as trusted
from zoo.utils.texts import first_line

HDF5 = b"\x89HDF\r\n\x1a\n"
LONGEST_REASON = 120
RESTORE = "Restore it from a copy. An earlier checkpoint of a run is used when the later one is moved away."


def why_unreadable(file: Path, error: Exception) -> str:
    """What is wrong with a file that Keras did not load, and what to do.

    Args:
        file: it exists.
        error: what Keras raised.
    """
    reason = first_line(error)[:LONGEST_REASON]
    try:
        with file.open("rb") as content:
            start = content.read(len(HDF5))
        is_archive = zipfile.is_zipfile(file)
    except OSError as failure:
        return f"{file} cannot be read: {failure.strerror or failure}."
    if start == HDF5:
        return (
            f"{file} is an HDF5 file. Expected a .keras file, as by model.save. Weights alone go into a model that is "
            "made first: model.load_weights(file). A whole model in HDF5: keras.models.load_model(file)."
        )
    if not is_archive:
        return f"{file} cannot be read: it is truncated, damaged, or no .keras file. {RESTORE}"
    if file.suffix != ".keras":
        return f"Expected a file whose name ends in .keras. Received: {file}. Rename it."
    return _of_archive(file, reason)


def _of_archive(file: Path, reason: str) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            wants = list(trusted.foreign(json.loads(archive.read("config.json"))))
    except Exception:
        wants = []
    for found in wants:
        if found.is_code:
            return (
                f"{file} holds Python code: {found}. If you trust the file: keras.models.load_model(file, "
                "safe_mode=False)."
            )
        if found.is_unregistered:
            name = found.asked.rpartition(">")[2].rpartition(".")[2]
            return (
                f"{file} wants a class or function that is not registered here: {found}. Import the module that "
                f"registers it with {trusted.REGISTER}, or pass it: "
                f'zoo.load(file, custom_objects={{"{name}": {name}}}).'
            )
    return f"{file} cannot be read: it is damaged, or of another version of Keras or the zoo ({reason}). {RESTORE}"
