"""One process at a time in a folder."""

import contextlib
import errno
import os
import platform
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

LOCK = ".lock"
TAKEN = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}
FAR = 2**30  # Windows lets nobody read locked bytes: the one that is locked is none of the text's.
TRIES = 100


class InUse(ValueError):
    """Another process holds the folder."""


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Holds a folder for this process; makes it, and removes it at the end if it stayed empty.

    The system frees the lock when its holder dies, by `kill -9` too. It is the file `.lock`, which tells the holder,
    and which goes when the block ends.

    Raises:
        InUse: another process, or another thread of this one, holds the folder. Nothing is written.
        OSError: the folder cannot be made.

    Warns:
        UserWarning: the file system has no locks.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with alone_in(folder), alone_in(folder):
        ...     pass
        Traceback (most recent call last):
        zoo.utils.locks.InUse: ... is in use by process ... Wait until it has ended, or choose another --out.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    with contextlib.ExitStack() as stack:
        stack.callback(_remove_empty, made)
        stack.enter_context(_taken(folder))
        # While it is held: whoever opened it meanwhile finds that it is no longer the folder's.
        stack.callback(_forget, folder / LOCK)
        yield


def _forget(lock: Path) -> None:
    with contextlib.suppress(OSError):
        lock.unlink()


def _remove_empty(folders: list[Path]) -> None:
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _taken(folder: Path) -> BinaryIO:
    """The folder's lock file, held."""
    for left in reversed(range(TRIES)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = open(folder / LOCK, "a+b")  # noqa: SIM115  It is held for longer.
            try:
                if not _hold(file):
                    raise InUse(_words(folder, file))
                if os.path.samestat(os.fstat(file.fileno()), os.stat(folder / LOCK)):
                    _sign(file)
                    return file
            except BaseException:
                file.close()
                raise
            file.close()
        except FileNotFoundError:  # The one before removed its empty folder.
            if not left:
                raise
    raise InUse(f"{folder} is in use by other processes. Choose another --out.")


def _hold(file: BinaryIO) -> bool:
    """Whether the lock is this process' now."""
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            file.seek(FAR)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno in TAKEN:
            return False
        warnings.warn(
            f"The file system of {file.name} has no locks ({error.strerror}): see to it yourself that no other "
            "process writes there.",
            UserWarning,
            stacklevel=5,
        )
    return True


def _sign(file: BinaryIO) -> None:
    text = f"process {os.getpid()} on {platform.node()}, since {time.ctime()}"
    with contextlib.suppress(OSError):  # on a full disk it holds unsigned
        file.truncate(0)
        os.write(file.fileno(), text.encode())


def _words(folder: Path, file: BinaryIO) -> str:
    file.seek(0)
    holder = file.read(200).decode("utf-8", "replace") or "another process"
    return f"{folder} is in use by {holder}. Wait until it has ended, or choose another --out."
