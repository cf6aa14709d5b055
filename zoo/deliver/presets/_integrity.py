"""Checksums: a preset is whole, or it is not used."""

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from zoo.utils.files import path_of
from zoo.utils.layouts import STRAY

SUMS = "SHA256SUMS"
LINE = re.compile(r"([0-9a-f]{64})  ([\w.\-]+(?:/[\w.\-]+)*)")
MOST_LIST_BYTES = 2**20
REMEDY = "Remove the folder; it is fetched again where there is an address to fetch it from."
# TensorFlow writes it into every SavedModel.
EMPTY = "assets"


class Damaged(ValueError):
    """A preset is not what its checksums say, or not what a preset may be."""


def write_sums(folder: str | os.PathLike) -> None:
    """Writes `SHA256SUMS` of all files of a folder, in the form that `sha256sum --check` reads.

    Raises:
        Damaged: the folder holds a link, an empty folder or a special file, or a name that the list cannot hold.
    """
    folder = path_of(folder)
    names = [name for name in plain_files(folder) if name != SUMS]
    text = "".join(f"{digest(folder / name)}  {name}\n" for name in names)
    parse_sums(text)
    (folder / SUMS).write_text(text, encoding="utf-8")


def parse_sums(text: str) -> dict[str, str]:
    """File name to SHA-256, from the text of `SHA256SUMS`.

    Raises:
        Damaged: it is no such list, or a name leads out of the preset's folder.

    Example:
        >>> parse_sums("0" * 64 + "  ../evil")
        Traceback (most recent call last):
        zoo.deliver.presets._integrity.Damaged: Expected lines of a SHA-256 and a file name inside the preset. ...
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


def verify(folder: str | os.PathLike, only: str = "") -> dict[str, str]:
    """Checks every file of a preset's folder against `SHA256SUMS`.

    What file managers leave behind (`.DS_Store`, `Thumbs.db`, `desktop.ini`, ...) does not count.

    Args:
        folder: the preset's.
        only: files whose names begin with this must be there; others may be missing, as after `fetch` with `only`.

    Returns:
        File name to SHA-256, of the files that are there.

    Raises:
        Damaged: a file is missing, changed, a link or not in the list, or there is no list.
    """
    folder = path_of(folder)
    sums = read_sums(folder)
    present = plain_files(folder)
    for name in sorted({*sums} - {*present}):
        if name.startswith(only):
            raise Damaged(f"{folder}: {name} is missing. {REMEDY}")
    for name in present:
        if name not in sums and name != SUMS:
            raise Damaged(f"{folder}: {name} is not listed in {SUMS}. {REMEDY}")
    for name in {*sums} & {*present}:
        if digest(folder / name) != sums[name]:
            raise Damaged(_changed(folder, name, sums[name]))
    return {name: sums[name] for name in sums if name in present}


def _changed(folder: Path, name: str, expected: str) -> str:
    """The message for a file with a wrong checksum."""
    unix = (folder / name).read_bytes().replace(b"\r\n", b"\n")
    if hashlib.sha256(unix).hexdigest() == expected:
        return (
            f"{folder}: {name} has other line ends than {SUMS} says. Git's core.autocrlf does that: write "
            f"`{folder.name}/** -text` into .gitattributes beside the folder, and check it out anew."
        )
    return f"{folder}: {name} is not the file that {SUMS} lists. {REMEDY}"


def copy(folder: str | os.PathLike, target: str | os.PathLike, names: Iterable[str]) -> None:
    """Copies files of a folder, by their names within it, and makes the folders for them."""
    for name in names:
        file = Path(target) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(folder) / name, file)


def read_sums(folder: Path) -> dict[str, str]:
    """The list of a folder.

    Raises:
        Damaged: there is none, or it is none.
    """
    file = folder / SUMS
    try:
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_LIST_BYTES:
            raise Damaged(f"{folder}: {SUMS} is no list of files. {REMEDY}")
        return parse_sums(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise Damaged(f"Expected a preset. Received: {folder}, without {SUMS}.") from None
    except UnicodeDecodeError:
        raise Damaged(f"{folder}: {SUMS} is no text. {REMEDY}") from None


def digest(path: str | os.PathLike) -> str:
    """SHA-256 of a file, in hexadecimal."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise Damaged(f"{path} was removed while it was read. Try again.") from None


def plain_files(folder: str | os.PathLike) -> list[str]:
    """Names of the files in a folder and below, sorted, without what file managers leave behind.

    Raises:
        Damaged: there is a link, an empty folder, a device, a pipe or a socket among them.
    """
    found, waiting = [], [Path(folder)]
    while waiting:
        here = waiting.pop()
        try:
            entries = list(os.scandir(here))
        except FileNotFoundError:
            raise Damaged(f"{here} was removed while it was read. Try again.") from None
        if not entries and here != Path(folder) and here.name != EMPTY:
            raise _not_plain(folder, here, "an empty folder")
        for entry in entries:
            path = here / entry.name
            if entry.is_symlink():
                raise _not_plain(folder, path, "a link")
            if STRAY.fullmatch(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif entry.is_file(follow_symlinks=False):
                found.append(path.relative_to(folder).as_posix())
            else:
                raise _not_plain(folder, path, "a special file")
    return sorted(found)


def _not_plain(folder: str | os.PathLike, path: Path, what: str) -> Damaged:
    name = path.relative_to(folder).as_posix()
    return Damaged(
        f"Expected files and folders of files alone in {folder}. Received: {name}, {what}. Remove it."
    )
