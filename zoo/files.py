"""Files and folders that are written whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

PARTIAL = ".partial-"


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """A path to write to; the file takes its name when the block ends well, and is removed otherwise.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> with whole_file(target) as path:
        ...     _ = path.write_text("all of it")
        >>> target.read_text()
        'all of it'
    """
    path = Path(path)
    partial = _partial(path)
    try:
        yield partial
        _flush(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike, *, overwrite: bool = False) -> Iterator[Path]:
    """A folder to fill; it takes its name when the block ends well, and is removed otherwise.

    Raises:
        FileExistsError: `path` exists and `overwrite` is false.
    """
    path = Path(path)
    check_new(path, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    partial.mkdir()
    try:
        yield partial
        for file in partial.rglob("*"):
            _flush(file)
        _move_folder(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_new(path: str | os.PathLike, overwrite: bool = False) -> None:
    """Raises `FileExistsError` if the path exists and `overwrite` is false."""
    if Path(path).exists() and not overwrite:
        raise FileExistsError(
            f"{path} exists. Choose another path, remove it, or pass overwrite=True (--overwrite)."
        )


def size_of(folder: str | os.PathLike) -> int:
    """Bytes of all files in a folder and below."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text file whole."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def remove_partials(folder: str | os.PathLike) -> None:
    """Removes what a killed process left behind in a folder and below."""
    for partial in list(Path(folder).rglob(f"{PARTIAL}*")):
        shutil.rmtree(partial) if partial.is_dir() else partial.unlink(missing_ok=True)


def _partial(path: Path) -> Path:
    # The suffix stays at the end: some writers choose their format by it.
    return path.with_name(f"{PARTIAL}{os.getpid()}-{path.name}")


def _flush(path: Path) -> None:
    """Makes the file's content reach the disk before its name does."""
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _move_folder(source: Path, target: Path) -> None:
    if not target.exists():
        source.rename(target)
        return
    old = target.with_name(f"{PARTIAL}{os.getpid()}-old-{target.name}")
    target.rename(old)
    source.rename(target)
    shutil.rmtree(old)
