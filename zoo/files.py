"""Files and folders that are written whole or not at all."""

import contextlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PARTIAL = ".partial-"
# What JSON has no numbers for.
NO_NUMBERS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


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


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Writes JSON whole, and strictly: what is no finite number stands as the text `"Infinity"`, `"NaN"`, ...

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "scores.json"
        >>> write_json(path, {"total_correlation": math.inf})
        >>> json.loads(path.read_text()), read_json(path)
        ({'total_correlation': 'Infinity'}, {'total_correlation': inf})
    """
    write_text(path, json.dumps(_mapped(value, _as_text), indent=2, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike) -> Any:
    """What `write_json` wrote.

    Raises:
        OSError: there is no such file.
        ValueError: it holds no JSON.
    """
    return _mapped(json.loads(Path(path).read_text(encoding="utf-8")), _as_number)


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {name: _mapped(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(item, change) for item in value]
    return change(value)


def _as_text(value: Any) -> Any:
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return next(text for text, known in NO_NUMBERS.items() if repr(known) == repr(float(value)))


def _as_number(value: Any) -> Any:
    return NO_NUMBERS.get(value, value) if isinstance(value, str) else value


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
