"""`python job.zip`: trains what was packed, with JAX and NumPy alone."""

import argparse
import dataclasses
import signal
import sys
import time
from pathlib import Path

from zoo.runs.portable.job import program, results, training
from zoo.runs.portable.job.needs import check_jax

EVERY = 10.0  # seconds between checkpoints, at least
SHOWN = 30.0  # seconds between lines of progress, where they do not overwrite each other


def main(job: str, arguments: list[str]) -> int:
    """Trains a job.

    Returns:
        The exit code: 0 done or out of time, 1 diverged, 2 bad input, 130 interrupted.
    """
    try:
        return _main(job, arguments)
    except (ValueError, OSError, ImportError) as error:
        return _stop(str(error), 2)
    except training.Diverged as error:
        return _stop(f"{error} The last checkpoint is from before that.", 1)
    except KeyboardInterrupt:
        return _stop("Interrupted. The same command goes on from the last checkpoint.", 130)


def _main(job: str, arguments: list[str]) -> int:
    packed = program.read(job)
    options = _parser(packed.name, packed.plan["steps"]).parse_args(arguments)
    check_jax(packed.plan["made_by"]["jax"])
    folder = Path(options.out) if options.out else results.default_folder(job)
    found = results.read(folder, packed.plan)
    if found.done >= options.steps:
        print(f"{found.done:,} updates are made already, in {folder}.")
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    return _Session(packed, found, folder, options).run()


class _Session:
    """One call of the command: what is said, written and waited for while it trains."""

    def __init__(self, packed: program.Program, found: results.Results, folder: Path, options):
        from zoo.runs.portable.job.updates import Updates

        self.name, self.folder, self.options = packed.name, folder, options
        began = time.monotonic()
        self.updates = Updates(packed, found.done, found.state)
        self.compiling = time.monotonic() - began
        self.found = dataclasses.replace(found, **self.updates.runtime)
        self.start, self.before = found.done, found.seconds
        self.written = self.shown = time.monotonic()
        self.pace_from = None
        self.interrupted = False

    def run(self) -> int:
        """Trains; the exit code."""
        runtime = self.updates.runtime
        where = f"on {runtime['device']} with JAX {runtime['jax']}"
        print(f"{self.name}: from {self.start:,} to {self.options.steps:,} updates {where}")
        print(f"compiled in {self.compiling:.0f} s", flush=True)
        handler = signal.signal(signal.SIGINT, self._interrupt)
        try:
            is_done = training.train(
                self.updates, self.options.steps, on_row=self._row, on_pause=self._pause
            )
        finally:
            signal.signal(signal.SIGINT, handler)
        self._write()
        return self._end(is_done)

    def _interrupt(self, *_) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True

    def _row(self, means: dict[str, float], seconds: float) -> None:
        training.check_finite(means, self.updates.done)
        row = {"step": self.updates.done, "seconds": round(self.before + seconds, 1), **means}
        self.found.history.append(row)
        is_due = self.updates.done % self.updates.plan["checkpoint_every"] == 0
        if is_due and time.monotonic() - self.written > EVERY:
            self._write()

    def _pause(self, seconds: float) -> bool:
        self.found.done, self.found.seconds = self.updates.done, self.before + seconds
        self.pace_from = self.pace_from or (self.updates.done, seconds)
        self._show(seconds)
        limit = self.options.seconds
        return self.interrupted or (limit is not None and seconds >= limit)

    def _show(self, seconds: float) -> None:
        overwrites = sys.stdout.isatty()
        is_last = self.updates.done == self.options.steps
        if not (overwrites or is_last or time.monotonic() - self.shown > SHOWN):
            return
        self.shown = time.monotonic()
        done, total = self.updates.done, self.options.steps
        text = f"{done:,} of {total:,} updates"
        if self.found.history:
            text += f", loss {self.found.history[-1]['loss']:.1f}"
        made, since = done - self.pace_from[0], seconds - self.pace_from[1]
        if made:
            text += f", {1e3 * since / made:.2f} ms an update, {_duration((total - done) * since / made)} left"
        print(f"\r\x1b[K{text}" if overwrites else text, end="" if overwrites else "\n", flush=True)

    def _write(self) -> None:
        self.found.state = self.updates.state()
        results.write(self.folder, self.found)
        self.written = time.monotonic()

    def _end(self, is_done: bool) -> int:
        if sys.stdout.isatty():
            print()
        where = f"{self.updates.done:,} updates are in {self.folder}"
        if is_done:
            print(
                f"Done: {where}. Make a run of them with TensorFlow: zoo unpack {Path(sys.argv[0]).name}"
            )
            return 0
        if self.interrupted:
            return _stop(f"Interrupted: {where}. The same command goes on from there.", 130)
        print(f"Out of time: {where}. The same command goes on from there.")
        return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        """Without the usage, which would be further lines."""
        raise ValueError(f"{message}. --help lists what there is.")


def _parser(name: str, steps: int) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"python {Path(sys.argv[0]).name}",
        description=f"Train {name}, with JAX and NumPy alone; goes on from the results that are there.",
    )
    parser.add_argument(
        "--steps", type=_positive(int), default=steps, help=f"updates in all; default {steps:,}"
    )
    parser.add_argument(
        "--seconds", type=_positive(float), help="stop after as many; default: at the end"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="the folder of the results; default: beside the job"
    )
    return parser


def _positive(kind: type):
    def read(text: str):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"must be > 0, not {text}")
        return value

    read.__name__ = "number"
    return read


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _stop(message: str, code: int) -> int:
    print(f"zoo: {' '.join(message.split())}", file=sys.stderr)
    return code
