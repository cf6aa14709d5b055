"""Cells an hour of a study: with one worker and with two, beside plain runs of `zoo.train` that have all cores.

    python tests/benchmarks/studies.py [--cells 4] [--steps 300]

A cell is a β-VAE on 2D Shapes: training, scores, figures and export; starting Ray and TensorFlow count.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

METRICS = "mig"


def study(cells: int, steps: int, jobs: int, folder: Path) -> float:
    """Seconds of a study."""
    out = str(folder / f"jobs{jobs}")
    grid = ("--grid", "beta=4", "--seeds", f"0-{cells - 1}")
    options = ("--steps", str(steps), "--metrics", METRICS, "--jobs", str(jobs), "--out", out)
    return timed("study", "beta_vae", "--data", "shapes2d", *grid, *options)


def one_by_one(cells: int, steps: int, folder: Path) -> float:
    """Seconds of as many runs, each with all cores."""
    options = ("--set", "beta=4", "--steps", str(steps), "--metrics", METRICS)
    return sum(
        timed("train", "beta_vae", "--data", "shapes2d", *options, "--seed", str(seed),
              "--out", str(folder / f"run{seed}"))
        for seed in range(cells)
    )  # fmt: skip


def timed(*arguments: str) -> float:
    """Seconds of a command."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "zoo", *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=4)
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    with tempfile.TemporaryDirectory() as scratch:
        how = (arguments.cells, arguments.steps)
        found = {
            "study --jobs 1": study(*how, 1, Path(scratch)),
            "study --jobs 2": study(*how, 2, Path(scratch)),
            "train, all cores": one_by_one(*how, Path(scratch)),
        }
    for name, seconds in found.items():
        print(f"{name:18} {seconds:7.0f} s  {3600 * arguments.cells / seconds:7.1f} cells an hour")
    first, second, *_ = found.values()
    print(f"two workers over one: {first / second:.2f}; load {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
