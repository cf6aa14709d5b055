"""Runs a LiteRT file; started as a process of its own, which a faulty file may end.

It needs NumPy and ai-edge-litert alone: `python -P _litert_process.py FOLDER BATCH` reads `model.tflite` and
`inputs.npz` of the folder and writes `outputs.npz`, with names such as `encode.images`.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

MODEL, INPUTS, OUTPUTS = "model.tflite", "inputs.npz", "outputs.npz"


def batches(arguments: Mapping[str, np.ndarray], size: int) -> Iterator[dict[str, np.ndarray]]:
    """Full batches; the last one begins again with the first rows."""
    count = len(next(iter(arguments.values())))
    for start in range(0, count, size):
        rows = np.arange(start, start + size) % count
        yield {name: value[rows] for name, value in arguments.items()}


def flat(values: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """`{"encode": {"images": ...}}` as `{"encode.images": ...}`."""
    return {f"{name}.{key}": value for name, part in values.items() for key, value in part.items()}


def nested(values: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """The other way."""
    found = {}
    for name, value in values.items():
        signature, _, key = name.partition(".")
        found.setdefault(signature, {})[key] = value
    return found


def run(folder: Path, batch: int) -> None:
    """Runs each signature on its inputs."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(folder / MODEL), num_threads=os.cpu_count())
    with np.load(folder / INPUTS) as inputs:
        given = nested(inputs)
    found = {}
    for name, arguments in given.items():
        signature = interpreter.get_signature_runner(name)
        parts = [signature(**part) for part in batches(arguments, batch)]
        count = len(next(iter(arguments.values())))
        found[name] = {
            key: np.concatenate([part[key] for part in parts])[:count] for key in parts[0]
        }
    np.savez(folder / OUTPUTS, **flat(found))


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]))
