"""Trains a program to a number of updates: rows of history, checkpoints, and stops between updates."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # It loads JAX, which may be missing.
    from zoo.runs.portable.job.updates import Updates

PATIENCE = 1.0  # seconds of updates between looks at the clock and at Ctrl-C


class Diverged(RuntimeError):
    """A mean of the history is no longer a finite number."""


def train(
    updates: "Updates",
    steps: int,
    *,
    on_row: Callable[[dict[str, float], float], None],
    on_pause: Callable[[float], bool],
) -> bool:
    """Makes updates until there are `steps`, or somebody says stop.

    Args:
        updates: goes on from where it stands.
        steps: updates in all.
        on_row: gets the means of each row of the history, and the seconds since the start, as `zoo.train` has rows:
            after every `log_every` and `checkpoint_every` updates, and the last one.
        on_pause: gets the seconds since the start, about every second and at every row; true ends the training.

    Returns:
        Whether all updates are made.
    """
    began, pace = time.monotonic(), None
    while updates.done < steps:
        count = min(row_after(updates.plan, updates.done, steps) - updates.done, _affordable(pace))
        before = time.monotonic()
        updates.advance(count)
        updates.wait()
        now = time.monotonic()
        pace = (now - before) / count
        if updates.done == row_after(updates.plan, updates.done - 1, steps):
            on_row(updates.means(), now - began)
        if on_pause(now - began) and updates.done < steps:
            return False
    return True


def row_after(plan: dict, done: int, steps: int) -> int:
    """The update at which the history has its next row."""
    every = (plan["log_every"], plan["checkpoint_every"])
    return min(steps, *(done - done % each + each for each in every))


def _affordable(pace: float | None) -> int:
    """How many updates take about a second, of a known pace; one as long as it is not known."""
    return 1 if pace is None else max(1, int(PATIENCE / max(pace, 1e-9)))


def check_finite(means: dict[str, float], step: int) -> None:
    """Raises `Diverged` if a mean of the history is not a finite number."""
    broken = [name for name, value in means.items() if not math.isfinite(value)]
    if broken:
        named = next((name for name in broken if name != "loss"), broken[0])
        raise Diverged(f"Training stopped at step {step}: {named} is {means[named]}.")
