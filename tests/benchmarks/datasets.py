"""Images per second, start and memory of every dataset, against the same images in memory, in one run.

    python tests/benchmarks/datasets.py

Each dataset is a process of its own. Batches of 64 and 256 come by turns, in short blocks in random order, from
`data.batches` and from `from_tensor_slices` of 4,096 of its images, shuffled alike, so that a busy machine slows all
alike; medians of blocks are compared. "start" is from `load` to the first batch, without the import of TensorFlow;
"CPU" the processor's time in it, which other programs on the machine do not lengthen. "unhindered" is images for each
second of the processors' time, times their number: what a quiet machine could reach at best. "memory" is what the
process holds after batches of both sizes above what it held when TensorFlow had made its first batch, of numbers.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time

DATASETS = (
    "shapes2d",
    "shapes3d",
    "xysquares",
    "xysinglesquare",
    "xycolumns",
    "xyobject",
    "xyobjectshaded",
    "xyblocks",
    "coloured",
    "noisy",
    "textured",
    "cropped",
    "digits",
)
# Images per second on two quiet cores.
GOALS = {"shapes3d": 30_000} | dict.fromkeys(
    ("shapes2d", "xysquares", "xysinglesquare", "xycolumns", "xyblocks"), 60_000
)
BATCHES = (64, 256)
IN_MEMORY = 4096
MIB = 2**20


def resident() -> int:
    """Bytes that this process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def rate(iterator, batch_size: int, seconds: float) -> tuple[float, float]:
    """Images per second for a while, and images per second of the processors' time, times their number."""
    began, cpu, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < seconds:
        next(iterator)
        count += batch_size
    cpu = time.process_time() - cpu
    return count / (time.perf_counter() - began), os.cpu_count() * count / cpu


def slices(images, batch_size: int):
    """The images as one would feed them from memory, in a random order each epoch."""
    import tensorflow as tf

    from zoo.datasets._pipelines import pipeline_options

    data = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).repeat()
    batches = data.batch(batch_size, drop_remainder=True, num_parallel_calls=2).prefetch(2)
    return iter(batches.with_options(pipeline_options()))


def measure(name: str, rounds: int, seconds: float) -> dict:
    """All figures of one dataset."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import numpy as np
    import tensorflow as tf

    import zoo

    with tf.device("CPU:0"):
        next(iter(tf.data.Dataset.range(256).map(lambda i: i + 1).batch(64)))
    before = resident()

    began, cpu = time.perf_counter(), time.process_time()
    data = zoo.datasets.load(name)
    sources = {("zoo", size): iter(data.batches(size)) for size in BATCHES}
    next(sources["zoo", BATCHES[0]])
    start, cpu = time.perf_counter() - began, time.process_time() - cpu
    for size in BATCHES:
        rate(sources["zoo", size], size, seconds)
    memory = resident() - before

    images = data.images(np.random.default_rng(0).permutation(len(data))[:IN_MEMORY])
    sources |= {("memory", size): slices(images, size) for size in BATCHES}
    rates = {key: [] for key in sources}
    for _ in range(rounds):
        for key in random.sample(list(sources), len(sources)):
            rates[key].append(rate(sources[key], key[1], seconds))
    found = {"start": start, "cpu": cpu, "memory": memory / MIB}
    for (kind, size), blocks in rates.items():
        found[f"{kind} {size}"], found[f"{kind} {size} unhindered"] = (
            statistics.median(column) for column in zip(*blocks, strict=True)
        )
    return found


def main() -> None:
    """Parses the command line and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", default=DATASETS, metavar="NAME")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each block")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(measure(arguments.worker, arguments.rounds, arguments.seconds)))
        return
    print(
        f"{os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}. Images per second; ratio to memory.\n"
    )
    heads = [f"{size}: zoo | memory | ratio | unhindered" for size in BATCHES]
    print(f"| dataset | {' | '.join(heads)} | goal | start s | CPU s | memory MiB |")
    print("|---" * (5 + 4 * len(BATCHES)) + "|")
    for name in arguments.datasets:
        command = [sys.executable, __file__, "--worker", name]
        command += ["--rounds", str(arguments.rounds), "--seconds", str(arguments.seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"Failed: {' '.join(command)}\n{done.stderr[-2000:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        cells = []
        for size in BATCHES:
            ours, theirs = found[f"zoo {size}"], found[f"memory {size}"]
            cells += [f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}"]
            cells += [f"{found[f'zoo {size} unhindered']:,.0f}"]
        goal = f"{GOALS[name]:,}" if name in GOALS else ""
        print(
            f"| {name} | {' | '.join(cells)} | {goal} | {found['start']:.1f} | {found['cpu']:.1f} "
            f"| {found['memory']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
