"""Cells one after another, each in a process of its own, where there is no Ray."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from zoo.studies._cell import DIED, Job, Outcome, text_of

LAST_WORDS = 2000  # characters of what a process said before it died
PATIENCE = 10.0  # seconds for a process to end by itself


class Serial:
    """An engine with one worker on this machine."""

    def __init__(self):
        self.capacity = 1
        self._running: dict[str, tuple[subprocess.Popen, Path]] = {}
        self._scratch = tempfile.TemporaryDirectory(prefix="zoo-study-")

    def start(self, job: Job, folder: Path) -> None:
        """Begins to train a cell."""
        out = Path(self._scratch.name) / "outcome.json"
        out.unlink(missing_ok=True)
        with open(Path(self._scratch.name) / "said", "wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "zoo.studies._cell", str(os.getpid()), str(out)],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
                # Ctrl-C reaches this process alone, which then ends that one.
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        with process.stdin as stdin, contextlib.suppress(BrokenPipeError):
            stdin.write(text_of(job, folder.absolute()).encode())
        self._running[job.name] = (process, out)

    def wait(self, seconds: float) -> dict[str, Outcome]:
        """What ended within some seconds, by the cell's name."""
        ended = {}
        until = time.monotonic() + seconds
        while not ended and self._running and time.monotonic() < until:
            time.sleep(0.05)
            for name, (process, out) in list(self._running.items()):
                if process.poll() is not None:
                    del self._running[name]
                    ended[name] = self._outcome(process, out)
        return ended

    def _outcome(self, process: subprocess.Popen, out: Path) -> Outcome:
        with contextlib.suppress(OSError, ValueError):
            return Outcome(**json.loads(out.read_text(encoding="utf-8")))
        said = (Path(self._scratch.name) / "said").read_text("utf-8", "replace")[-LAST_WORDS:]
        last = said.strip().splitlines()[-1:] or [""]
        how = process.returncode
        words = f"signal {signal.Signals(-how).name}" if how < 0 else f"exit code {how}"
        return Outcome(DIED, " ".join(f"its process ended with {words}. {last[0]}".split()))

    def stop(self) -> None:
        """Ends what still trains; its checkpoints stay."""
        for process, _ in self._running.values():
            process.terminate()
        for process, _ in self._running.values():
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()
        self._scratch.cleanup()
