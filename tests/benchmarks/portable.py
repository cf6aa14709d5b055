"""A training packed, run and unpacked: seconds and sizes, and milliseconds an update of the run.

    pip install -e ".[jax]"
    python tests/benchmarks/portable.py                       # VAE on digits, 8x8: a minute on two cores
    python tests/benchmarks/portable.py factor_vae shapes2d   # 64x64: for a GPU; on a CPU XLA takes seconds an update

Each part is a process of its own. With `--python`, the job runs under another Python, which has JAX and NumPy alone.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def timed(name: str, *command: str) -> str:
    """Runs a command and prints its seconds; what it printed."""
    began = time.monotonic()
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{name} failed: {done.stderr.strip()[-2000:]}")
    print(f"{name:8} {time.monotonic() - began:8.1f} s", flush=True)
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", nargs="?", default="vae")
    parser.add_argument("data", nargs="?", default="digits")
    parser.add_argument("--steps", default="2000")
    parser.add_argument("--python", default=sys.executable, help="what runs the job")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        job, results, out = (Path(folder) / name for name in ("job.zip", "results", "run"))
        zoo = (sys.executable, "-m", "zoo")
        likelihood = "continuous_bernoulli" if options.data == "digits" else "bernoulli"
        how = ("--data", options.data, "--likelihood", likelihood, "--steps", options.steps)
        timed("pack", *zoo, "pack", options.model, *how, "--out", str(job))
        print(f"{'':8} {job.stat().st_size / 2**20:8.2f} MiB")
        said = timed("run", options.python, str(job), "--out", str(results))
        pace = re.findall(r"([\d.]+) ms an update", said)
        print(f"{'':8} {pace[-1] if pace else '?':>8} ms an update; {said.splitlines()[0]}")
        print(f"{'':8} {(results / 'state.npz').stat().st_size / 2**20:8.2f} MiB of results")
        said = timed("unpack", *zoo, "unpack", str(job), "--from", str(results), "--out", str(out))
        print("\n".join(line for line in said.splitlines() if line.startswith(("elbo", "mig"))))


if __name__ == "__main__":
    main()
