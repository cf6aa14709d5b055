"""Cells on machines that may not see the study's folder: trained in a folder there, and handed over as they go."""

import contextlib
import io
import shutil
import tarfile
import tempfile
import threading
from pathlib import Path

from zoo.studies._cell import Job, Outcome
from zoo.studies._cell import train as train_in
from zoo.utils import files, locks

EVERY = 2.0  # seconds from one look at what the training wrote to the next
LEFT_OUT = ("tensorboard",)  # of what is handed over during the training
FIRST = ("config.json", "history.csv")


def train(job: Job, folder: str, seen: tuple[str, str], keeper) -> Outcome:
    """Trains a cell in the study's folder, or in one of this machine if it does not see that one.

    Args:
        job: the cell.
        folder: its run folder.
        seen: a file of the study's folder and the text that it holds.
        keeper: the `Keeper` actor on the machine that has the folder; None where all is one machine.
    """
    if keeper is None or _sees(*seen):
        return train_in(job, folder)
    import ray

    scratch = Path(tempfile.mkdtemp(prefix="zoo-cell-"))
    try:
        here = scratch / "run"
        turn, before = ray.get(keeper.begin.remote(job.name))
        if before:
            unpack(before, here)
        with _handing_over(here, lambda *what: ray.get(keeper.keep.remote(job.name, turn, *what))):
            outcome = train_in(job, here)
        ray.get(keeper.keep.remote(job.name, turn, pack(here), True))
        return outcome
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _sees(file: str, text: str) -> bool:
    try:
        return Path(file).read_text(encoding="utf-8") == text
    except OSError:
        return False


class Keeper:
    """Writes into the study's folder what workers elsewhere hand over; runs as an actor of Ray.

    Args:
        folder: of the study.
    """

    def __init__(self, folder: str):
        self.cells = Path(folder) / "cells"
        self.turns: dict[str, int] = {}

    def begin(self, name: str) -> tuple[int, bytes]:
        """What there is of a cell, and the number of this attempt at it, before which all others are void."""
        self.turns[name] = self.turns.get(name, 0) + 1
        folder = self.cells / name
        return self.turns[name], pack(folder) if folder.exists() else b""

    def keep(self, name: str, turn: int, archive: bytes, is_last: bool = False) -> None:
        """Writes what an attempt handed over, unless a later one has begun."""
        if turn != self.turns.get(name):
            return
        folder = self.cells / name
        with locks.alone_in(folder):
            unpack(archive, folder)
        if is_last:
            mark_of(folder).unlink(missing_ok=True)
        else:
            mark_of(folder).touch()


def mark_of(folder: Path) -> Path:
    """The file whose age tells when a run was last heard of that is trained elsewhere."""
    return folder.with_name(f".elsewhere-{folder.name}")


def pack(
    folder: Path, *, only: tuple[str, ...] | None = None, leave_out: tuple[str, ...] = ()
) -> bytes:
    """The files of a run folder, those that others depend on first."""
    content = io.BytesIO()
    paths = [path for path in folder.rglob("*") if path.is_file()]
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in sorted(named, key=lambda name: (name not in FIRST, name == "card.md", name)):
            is_partial = any(files.is_partial(part) for part in Path(name).parts)
            is_asked = name in only if only else name.split("/")[0] not in leave_out
            if is_asked and not is_partial and name != locks.LOCK:
                with contextlib.suppress(FileNotFoundError):  # an old checkpoint that just went
                    archive.add(named[name], name)
    return content.getvalue()


def unpack(content: bytes, folder: Path) -> None:
    """Writes packed files into a folder, each whole, and removes checkpoints that are no longer among them."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        for member in members:
            target = folder / member.name
            if not target.resolve().is_relative_to(folder.resolve()):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with files.whole_file(target) as partial, archive.extractfile(member) as source:
                partial.write_bytes(source.read())
    kept = {folder / member.name for member in members}
    if folder / "config.json" in kept:
        checkpoints = folder / "checkpoints"
        for old in set(checkpoints.glob("*.keras")) - kept:
            old.unlink()
        with contextlib.suppress(OSError):
            checkpoints.rmdir()


@contextlib.contextmanager
def _handing_over(folder: Path, give):
    """Gives what the training in a folder writes, while it runs."""
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=[folder, give, over], daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(folder: Path, give, over: threading.Event) -> None:
    before = (0.0, [])
    while not over.wait(EVERY):
        now = (_stamp(folder / "history.csv"), sorted(folder.glob("checkpoints/*.keras")))
        with contextlib.suppress(Exception):  # the next look, or the end, gives it again
            if now[1] != before[1]:
                give(pack(folder, leave_out=LEFT_OUT))
            elif now != before:
                give(pack(folder, only=("history.csv",)))
            before = now


def _stamp(file: Path) -> float:
    return file.stat().st_mtime if file.exists() else 0.0
