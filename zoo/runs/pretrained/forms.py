"""Size and latency of the forms that a model is delivered in."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from zoo.deliver import export
from zoo.utils import files

Call = Callable[[], object]
UNCOUNTED = 3  # first calls, which plan and allocate


def forms(
    model, folder: Path, images: np.ndarray, *, repeats: int = 20
) -> dict[str, dict[str, Any]]:
    """Bytes, and milliseconds to encode and to decode one image, of a preset's SavedModel, LiteRT files and ONNX.

    ONNX, which no preset holds, is measured where its packages are installed.

    Args:
        model: in float32.
        folder: with the SavedModel in `1/` and the LiteRT files, for one image at a time.
        images: some of the model's data.
        repeats: calls of each form, in turns, of which the median counts.

    Returns:
        By form `bytes`, `encode_ms` and `decode_ms`.
    """
    latents = model.encode(images[:1]).mode().numpy()
    inputs = {"images": as_floats(images[:1]), "latents": latents}
    made = {"SavedModel": (folder / "1", saved_model_calls)}
    for file in sorted(folder.glob("*.tflite"), key=lambda file: -file.stat().st_size):
        made[f"LiteRT {file.stem}"] = (file, litert_calls)
    with tempfile.TemporaryDirectory() as scratch:
        if find_spec("tf2onnx") and find_spec("onnxruntime"):
            made["ONNX"] = (export.onnx(model, Path(scratch) / "onnx", images).path, onnx_calls)
        calls = {name: start(path, inputs) for name, (path, start) in made.items()}
        taken = medians(calls, repeats)
        return {
            name: {
                "bytes": files.size_of(path) if path.is_dir() else path.stat().st_size,
                **{f"{call}_ms": taken[name, call] for call in calls[name]},
            }
            for name, (path, _) in made.items()
        }


def as_floats(images: np.ndarray) -> np.ndarray:
    """Images as float32 in [0, 1]."""
    return images / np.float32(255) if images.dtype == np.uint8 else images.astype(np.float32)


def saved_model_calls(folder: Path, inputs: Mapping[str, np.ndarray]) -> dict[str, Call]:
    """`encode` and `decode` of a SavedModel."""
    import tensorflow as tf

    signatures = tf.saved_model.load(str(folder)).signatures
    images, latents = tf.constant(inputs["images"]), tf.constant(inputs["latents"])
    return {
        "encode": lambda: signatures["encode"](images=images)["mean"].numpy(),
        "decode": lambda: signatures["decode"](latents=latents)["images"].numpy(),
    }


def litert_calls(file: Path, inputs: Mapping[str, np.ndarray]) -> dict[str, Call]:
    """`encode` and `decode` of a LiteRT file."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file), num_threads=os.cpu_count())
    encode, decode = (interpreter.get_signature_runner(name) for name in ("encode", "decode"))
    return {
        "encode": lambda: encode(images=inputs["images"]),
        "decode": lambda: decode(latents=inputs["latents"]),
    }


def onnx_calls(folder: Path, inputs: Mapping[str, np.ndarray]) -> dict[str, Call]:
    """`encode` and `decode` of a folder of ONNX files."""
    import onnxruntime

    encoder, decoder = (
        onnxruntime.InferenceSession(folder / f"{name}.onnx", providers=["CPUExecutionProvider"])
        for name in ("encoder", "decoder")
    )
    return {
        "encode": lambda: encoder.run(None, {"images": inputs["images"]}),
        "decode": lambda: decoder.run(None, {"latents": inputs["latents"]}),
    }


def medians(calls: Mapping[Any, Mapping[str, Call]], repeats: int) -> dict[tuple[Any, str], float]:
    """Milliseconds of each call, taken in turns, so that a noisy machine troubles all alike."""
    timed = {(key, name): call for key, named in calls.items() for name, call in named.items()}
    taken = {key: [] for key in timed}
    for turn in range(repeats + UNCOUNTED):
        for key, call in timed.items():
            start = time.perf_counter()
            call()
            if turn >= UNCOUNTED:
                taken[key].append(1000 * (time.perf_counter() - start))
    return {key: round(statistics.median(values), 3) for key, values in taken.items()}
