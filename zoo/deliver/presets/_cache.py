"""The user's cache of presets: folders that appear whole, and one process at a time that fills them."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from zoo.deliver.presets import _integrity as integrity
from zoo.deliver.presets._integrity import Damaged
from zoo.deliver.presets._transfer import Unavailable
from zoo.utils.files import PARTIAL, not_written

try:
    import fcntl
except ImportError:  # Windows, where the later of two fetches at once finds its place taken.
    fcntl = None

CACHE, OFFLINE = "ZOO_CACHE", "ZOO_OFFLINE"
MOST_BYTES = 2**30  # of a preset that the zoo's table does not list
STALE = 24 * 3600  # seconds after which an unfinished download has no owner


def cache_folder() -> Path:
    """The user's cache: the environment variable `ZOO_CACHE`, else where the system keeps caches."""
    import pooch

    return Path(os.environ.get(CACHE) or pooch.os_cache("zoo")) / "presets"


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Lets one process at a time fill a folder of the cache; a dead one holds up nobody."""
    locks = folder.parent.parent / "locks"
    try:
        locks.mkdir(parents=True, exist_ok=True)
        lock = (locks / folder.name).open("w")
    except OSError as error:
        raise cannot_write(folder, error) from error
    with lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def staging(out: Path) -> Iterator[Path]:
    """A folder beside `out` to fill; removed at the end, with what killed processes left of theirs."""
    out.parent.mkdir(parents=True, exist_ok=True)
    for left in out.parent.glob(f"{PARTIAL}*"):
        with contextlib.suppress(FileNotFoundError):  # Another process may remove it, too.
            if time.time() - left.stat().st_mtime > STALE:
                shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=out.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def settle(folder: Path, out: Path, only: str = "") -> None:
    """Gives the folder its name, unless another process was first with the same."""
    folder.chmod(0o755)
    try:
        folder.rename(out)
    except OSError:
        if not out.is_dir():
            raise
        try:
            integrity.verify(out, only)
            if integrity.read_sums(out) == integrity.read_sums(folder):
                return
        except Damaged:
            pass
        raise FileExistsError(
            f"{out} was made by something else meanwhile. Choose another path, or remove it."
        ) from None


def cannot_write(out: Path, error: OSError) -> Unavailable:
    return Unavailable(not_written(out, error, f"folder (environment variable {CACHE})"))
