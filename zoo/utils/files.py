"""Files and folders that are written whole or not at all, and never over what is somebody else's."""

import contextlib
import errno
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from zoo.utils.layouts import Layout
from zoo.utils.texts import first_line

PARTIAL = ".partial-"
REPLACED = ".replaced-"
# What JSON has no numbers for.
NO_NUMBERS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
# Errors of a disk, whoever writes to it.
DISK = tuple(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO")
    if hasattr(errno, name)
)


def path_of(path: str | os.PathLike) -> Path:
    """A path as the user means it: `~` is the home folder.

    Example:
        >>> path_of("~/runs") == Path.home() / "runs", path_of("runs")
        (True, PosixPath('runs'))
    """
    return Path(os.path.expanduser(path))


def paths_of(paths: Iterable[str | os.PathLike]) -> list[Path]:
    """Several paths as the user means them; see `path_of`.

    Raises:
        ValueError: it is a single path, whose letters would be taken for paths, or no paths at all.

    Example:
        >>> paths_of("runs")
        Traceback (most recent call last):
        ValueError: Expected a list of paths. Received: 'runs'
    """
    is_one = isinstance(paths, str | bytes | os.PathLike) or not isinstance(paths, Iterable)
    found = [] if is_one else list(paths)
    if is_one or not all(isinstance(path, str | os.PathLike) for path in found):
        raise ValueError(f"Expected a list of paths. Received: {(paths if is_one else found)!r}")
    return [path_of(path) for path in found]


def target_of(path: str | os.PathLike) -> Path:
    """Where a file or folder of this name is written: absolute, with `~` and links followed.

    Raises:
        ValueError: the links go round in a circle.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()).resolve()
        >>> (folder / "latest").symlink_to("run7")
        >>> target_of(folder / "latest") == folder / "run7"
        True
    """
    path = path_of(path)
    if is_stream(path):
        return path.absolute()  # /dev/stdout leads to what is no path
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise ValueError(f"Expected a place to write to. Received: {path}, a link to itself.")
    return target


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """A path to write to; the file takes its name when the block ends well, and is removed otherwise.

    A link stays, and what it points to is written. A pipe or a terminal gets the content when the block ends.

    Raises:
        ValueError: the path is a folder, or a device that holds data.
        OSError: it cannot be written, or nobody reads the pipe.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> with whole_file(target) as path:
        ...     _ = path.write_text("all of it")
        >>> target.read_text()
        'all of it'
    """
    target = check_file(path)
    if is_stream(target):
        with _streamed(path, target) as partial:
            yield partial
        return
    partial = _partial(target)
    try:
        with _disk_errors(path):
            yield partial
            _flush(partial)
            os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(
    path: str | os.PathLike, *, overwrite: bool = False, layout: Layout | None = None
) -> Iterator[Path]:
    """A folder to fill; it takes its name when the block ends well, and is removed otherwise.

    Args:
        path: the folder. A link stays, and what it points to is written.
        overwrite: whether a folder of the same layout is replaced.
        layout: what the folder holds.

    Raises:
        FileExistsError: `path` exists and `overwrite` is false, or it holds what is not of this layout.
    """
    check_new(path, overwrite, layout)
    target = target_of(path)
    with _disk_errors(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = _partial(target)
        partial.mkdir()
        try:
            yield partial
            for file in partial.rglob("*"):
                _flush(file)
            _move_folder(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def check_file(path: str | os.PathLike) -> Path:
    """Where a file of this name is written.

    Raises:
        ValueError: there is a folder, or a device that holds data, such as a disk.
    """
    target = target_of(path)
    if not is_file_place(target):
        kind = "a folder" if target.is_dir() else "a device or socket"
        raise ValueError(f"Expected the path of a file. Received: {path}, {kind}.")
    return target


def is_file_place(path: Path) -> bool:
    """Whether a file can be written under this name: there is no folder, no socket and no device that holds data."""
    return not (path.is_dir() or path.is_block_device() or path.is_socket())


def is_stream(path: Path) -> bool:
    """Whether a path is a pipe, a terminal or another device that takes what is written as it comes."""
    return path.is_fifo() or path.is_char_device()


def check_new(
    path: str | os.PathLike, overwrite: bool = False, layout: Layout | None = None
) -> None:
    """Checks that writing to a path costs nobody anything.

    Args:
        path: the new file or folder.
        overwrite: whether what is there may be replaced, if it is of the layout or empty.
        layout: of what is written; without it nothing is replaced.

    Raises:
        FileExistsError: the path exists, and `overwrite` is false, or it holds what the zoo did not write.
    """
    target = target_of(path)
    if not target.exists():
        return
    if not overwrite or layout is None:
        raise FileExistsError(
            f"{path} exists. Choose another path, remove it, or pass overwrite=True (--overwrite)."
        )
    if Path.cwd().is_relative_to(target):
        raise FileExistsError(
            f"{path} is not replaced: it is the folder that this runs in, or one above it. Choose one in it."
        )
    found = layout.foreign(target)
    if found:
        raise FileExistsError(
            f"{path} is not replaced: expected {layout.what} of the zoo. Received: {found}. Choose another path, or "
            "remove it yourself."
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
    try:
        return _mapped(json.loads(Path(path).read_text(encoding="utf-8")), _as_number)
    except RecursionError:
        raise ValueError(f"{path} holds JSON that is nested too deep.") from None


def kept_json(path: str | os.PathLike) -> dict[str, Any]:
    """The object in a file that `write_json` wrote; an empty one where there is no such file, or another one."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


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


def is_partial(path: str | os.PathLike) -> bool:
    """Whether this is what a process has not finished writing, or was killed at."""
    return Path(path).name.startswith(PARTIAL)


def remove_partials(folder: str | os.PathLike) -> None:
    """Removes what a killed process left behind in a folder and below."""
    for partial in list(Path(folder).rglob(f"{PARTIAL}*")):
        shutil.rmtree(partial) if partial.is_dir() else partial.unlink(missing_ok=True)


def disk_error(text: str, path: str | os.PathLike | None = None) -> OSError | None:
    """The error of a disk that a message tells of, for libraries that raise others than `OSError`.

    Args:
        text: the message.
        path: what was to be written.

    Example:
        >>> disk_error("RESOURCE_EXHAUSTED: model/variables; No space left on device").strerror
        'No space left on device'
        >>> disk_error("shapes do not match")
    """
    for code in DISK:
        if os.strerror(code).lower() in text.lower():
            return OSError(code, os.strerror(code), path)
    return None


def reason_of(error: OSError) -> str:
    """Why something was not written, without the names of files that are no user's."""
    known = disk_error(str(error)) or error
    return known.strerror or first_line(error)


def not_written(path: str | os.PathLike, error: OSError, place: str = "place") -> str:
    """What to tell of a file or folder that the disk did not take; `place` says what else can be chosen.

    Example:
        >>> not_written("a.png", OSError(28, "No space left on device"))
        'Cannot write a.png: No space left on device. Nothing was written. Make room, or choose another place.'
    """
    return f"Cannot write {path}: {reason_of(error)}. Nothing was written. Make room, or choose another {place}."


@contextlib.contextmanager
def _disk_errors(path: str | os.PathLike) -> Iterator[None]:
    """Says of an error of the disk what was to be written, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK and disk_error(str(error)) is None:
            raise
        raise OSError(not_written(path, error)) from error


def _partial(path: Path) -> Path:
    # The suffix stays at the end: some writers choose their format by it.
    return path.with_name(f"{PARTIAL}{os.getpid()}-{path.name}")


@contextlib.contextmanager
def _streamed(path: str | os.PathLike, target: Path) -> Iterator[Path]:
    """A file to write, whose content goes into a pipe or a device afterwards."""
    try:
        # Without waiting for a reader, which may never come.
        stream = os.open(target, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        reason = "nobody reads it" if error.errno == errno.ENXIO else reason_of(error)
        raise OSError(f"Cannot write to {path}, a pipe or device: {reason}.") from error
    with _disk_errors(path), open(stream, "wb") as out, tempfile.TemporaryDirectory() as folder:
        os.set_blocking(stream, True)
        partial = Path(folder) / target.name
        yield partial
        with partial.open("rb") as content:
            shutil.copyfileobj(content, out)


def _flush(path: Path) -> None:
    """Makes the file's content reach the disk before its name does."""
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _move_folder(source: Path, target: Path) -> None:
    """Gives a folder its name; what has it goes only when that succeeded, and comes back when it did not."""
    if not target.exists():
        source.rename(target)
        return
    # No partial as yet: whoever is killed now leaves a folder that nobody removes.
    old = target.with_name(f"{REPLACED}{os.getpid()}-{target.name}")
    target.rename(old)
    try:
        source.rename(target)
    except BaseException:
        old.rename(target)
        raise
    gone = old.with_name(f"{PARTIAL}{os.getpid()}-old-{target.name}")
    old.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
