"""Checksums: a preset is whole, or it is not used."""

import hashlib
import os
import re
from pathlib import Path

from zoo.files import path_of

SUMS = "SHA256SUMS"
LINE = re.compile(r"([0-9a-f]{64})  ([\w.\-]+(?:/[\w.\-]+)*)")


class Damaged(ValueError):
    """A preset is not what its checksums say."""


def write_sums(folder: str | os.PathLike) -> None:
    """Writes `SHA256SUMS` of all files of a folder, in the form that `sha256sum --check` reads."""
    folder = path_of(folder)
    names = sorted(path.relative_to(folder).as_posix() for path in _files(folder))
    lines = [f"{digest(folder / name)}  {name}\n" for name in names if name != SUMS]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def parse_sums(text: str) -> dict[str, str]:
    """File name to SHA-256, from the text of `SHA256SUMS`.

    Raises:
        Damaged: it is no such list, or a name leads out of the preset's folder.

    Example:
        >>> parse_sums("0" * 64 + "  ../evil")
        Traceback (most recent call last):
        zoo.presets._integrity.Damaged: Expected lines of a SHA-256 and a file name inside the preset. ...
    """
    found = {}
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        if match is None or {".", ".."} & set(match[2].split("/")):
            raise Damaged(
                "Expected lines of a SHA-256 and a file name inside the preset. "
                f"Received: {line[:120]!r} in {SUMS}."
            )
        found[match[2]] = match[1]
    if not found:
        raise Damaged(f"Expected a list of files. Received: an empty {SUMS}.")
    return found


def verify(folder: str | os.PathLike) -> dict[str, str]:
    """Checks every file of a preset's folder against `SHA256SUMS`.

    Returns:
        File name to SHA-256.

    Raises:
        Damaged: a file is missing, changed, not in the list, or there is no list.
    """
    folder = path_of(folder)
    sums = read_sums(folder)
    for name, expected in sums.items():
        path = folder / name
        if not path.is_file():
            raise Damaged(f"{folder}: {name} is missing. {REMEDY}")
        if path.is_symlink() or digest(path) != expected:
            raise Damaged(f"{folder}: {name} is not the file that {SUMS} lists. {REMEDY}")
    listed = {*sums, SUMS}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if name not in listed:
            raise Damaged(f"{folder}: {name} is not listed in {SUMS}. {REMEDY}")
    return sums


REMEDY = "Remove the folder; it is fetched again where there is an address to fetch it from."


def read_sums(folder: Path) -> dict[str, str]:
    """The list of a folder.

    Raises:
        Damaged: there is none, or it is none.
    """
    try:
        return parse_sums((folder / SUMS).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise Damaged(f"Expected a preset. Received: {folder}, without {SUMS}.") from None
    except UnicodeDecodeError:
        raise Damaged(f"{folder}: {SUMS} is no text. {REMEDY}") from None


def digest(path: str | os.PathLike) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]
