"""What a study shows of itself while it runs: live on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TextIO

from zoo.studies.folder import Progress

REDRAW_SECONDS, LOG_SECONDS = 1.0, 30.0
UP, CLEAR = "\x1b[{}A", "\x1b[J"


class Screen:
    """The state of a study, for people.

    Args:
        steps: updates of each cell, by name.
        done: cells that are finished already.
        out: where it is shown; default: standard output. None shows nothing.
    """

    def __init__(self, steps: Mapping[str, int], done: int, out: TextIO | None):
        self.steps, self.out = steps, out
        self.done, self.before, self.failed = done, done, 0
        self.is_live = out is not None and out.isatty()
        self.began = time.monotonic()
        self._first: dict[str, tuple[float, int]] = {}
        self._drawn, self._next = 0, 0.0

    def say(self, text: str) -> None:
        """Prints a line that stays."""
        if self.out is not None:
            self._erase()
            print(text, file=self.out, flush=True)

    def ended(self, name: str, reason: str = "") -> None:
        """Counts a cell that is finished or, with a reason, failed."""
        self.done += not reason
        self.failed += bool(reason)
        self._first.pop(name, None)
        self.say(f"{name}: failed: {reason}" if reason else f"{name}: finished")

    def show(self, names: Iterable[str], progress_of: Callable[[str], Progress]) -> None:
        """Shows the cells that run, if it is time to."""
        now = time.monotonic()
        if self.out is None or now < self._next:
            return
        running = {name: progress_of(name) for name in names}
        for name, progress in running.items():
            self._first.setdefault(name, (now, progress.step))
        self._next = now + (REDRAW_SECONDS if self.is_live else LOG_SECONDS)
        lines = [self._line(name, progress, now) for name, progress in running.items()]
        lines.append(self._sum(running, now))
        self._erase()
        print("\n".join(lines), file=self.out, flush=True)
        self._drawn = len(lines) if self.is_live else 0

    def _erase(self) -> None:
        if self._drawn:
            self.out.write(UP.format(self._drawn) + CLEAR)
            self._drawn = 0

    def _line(self, name: str, progress: Progress, now: float) -> str:
        steps = self.steps[name]
        parts = [f"  {name}: step {progress.step:,} of {steps:,}"]
        if progress.loss is not None:
            parts.append(f"loss {progress.loss:.4g}")
        since, first = self._first[name]
        if progress.step >= steps:
            parts.append("being scored and drawn")
        elif progress.step > first:
            left = (steps - progress.step) * (now - since) / (progress.step - first)
            parts.append(f"{duration(left)} left")
        return ", ".join(parts)

    def _sum(self, running: Mapping[str, Progress], now: float) -> str:
        total = len(self.steps)
        to_go = total - self.done - self.failed - len(running)
        text = (
            f"{self.done} of {total} cells done, {self.failed} failed, {len(running)} running, "
            f"{to_go} to go"
        )
        ended = self.done - self.before
        if ended:
            shares = sum(progress.step / self.steps[name] for name, progress in running.items())
            rate = (now - self.began) / (ended + shares)
            text += f"; about {duration((to_go + len(running) - shares) * rate)} left"
        return text


def duration(seconds: float) -> str:
    """Seconds in words.

    Example:
        >>> duration(42), duration(400), duration(9000)
        ('42 s', '7 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def standard_output() -> TextIO:
    """Where progress is shown."""
    return sys.stdout
