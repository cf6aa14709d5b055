"""What a `.keras` file must be before Keras opens it."""

import os
import zipfile
from pathlib import Path

# Keras stores its members as they are; whoever compresses them saves a little.
MOST_TIMES = 100
MOST_BYTES = 2**26  # up to which no ratio is looked at
MOST_TEXT = 2**26  # bytes of config.json, which for a network of a thousand layers is a few million
TEXTS = ("config.json", "metadata.json")


def check(file: str | os.PathLike) -> None:
    """Raises `ValueError` if a `.keras` file unpacks to far more than it is, which a model does not.

    What is no archive at all is for Keras to refuse.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "bomb.keras"
        >>> with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        ...     archive.writestr("model.weights.h5", bytes(2 * MOST_BYTES))
        >>> check(file)
        Traceback (most recent call last):
        ValueError: /.../bomb.keras is no model: it unpacks to 128.0 MiB of members, from 0.1 MiB. Load ...
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return
    size = os.path.getsize(file)
    total = sum(member.file_size for member in members)
    if total > max(MOST_BYTES, MOST_TIMES * size):
        raise ValueError(_bomb(file, total, "members", size))
    for member in members:
        if member.filename in TEXTS and member.file_size > MOST_TEXT:
            raise ValueError(_bomb(file, member.file_size, member.filename, size))


def _bomb(file: str | os.PathLike, unpacked: int, what: str, size: int) -> str:
    return (
        f"{Path(file)} is no model: it unpacks to {unpacked / 2**20:,.1f} MiB of {what}, from {size / 2**20:,.1f} "
        "MiB. Load files from sources that you trust alone."
    )
