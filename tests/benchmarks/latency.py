"""Size and latency of a preset's forms: SavedModel, LiteRT and ONNX, on images and codes of its data.

    python tests/benchmarks/latency.py vae_shapes2d

All forms take turns in one process, each with all cores, so that a noisy machine troubles them alike; a number is the
median of `--repeats` calls in milliseconds.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

BATCHES = (1, 32)
PRECISIONS = ("float32", "float16", "dynamic_int8")
Call = Callable[[], object]


def saved_model_calls(folder: Path, inputs: dict[str, np.ndarray]) -> dict[str, Call]:
    import tensorflow as tf

    signatures = tf.saved_model.load(str(folder)).signatures
    images, latents = tf.constant(inputs["images"]), tf.constant(inputs["latents"])
    return {
        "encode": lambda: signatures["encode"](images=images)["mean"].numpy(),
        "decode": lambda: signatures["decode"](latents=latents)["images"].numpy(),
    }


def litert_calls(file: Path, inputs: dict[str, np.ndarray]) -> dict[str, Call]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file), num_threads=os.cpu_count())
    encode, decode = (interpreter.get_signature_runner(name) for name in ("encode", "decode"))
    return {
        "encode": lambda: encode(images=inputs["images"]),
        "decode": lambda: decode(latents=inputs["latents"]),
    }


def onnx_calls(folder: Path, inputs: dict[str, np.ndarray]) -> dict[str, Call]:
    import onnxruntime

    encoder, decoder = (
        onnxruntime.InferenceSession(folder / f"{name}.onnx", providers=["CPUExecutionProvider"])
        for name in ("encoder", "decoder")
    )
    return {
        "encode": lambda: encoder.run(None, {"images": inputs["images"]}),
        "decode": lambda: decoder.run(None, {"latents": inputs["latents"]}),
    }


def size_of(path: Path) -> int:
    from zoo import files

    return files.size_of(path) if path.is_dir() else path.stat().st_size


def calls(model, images: np.ndarray, folder: Path) -> dict[tuple[str, int], tuple[int, dict]]:
    """Bytes and calls of every form at every batch; their files lie in `folder`."""
    from zoo import export

    export.saved_model(model, folder / "1")
    export.onnx(model, folder / "onnx", images)
    latents = model.encode(images).mean().numpy()
    found = {}
    for batch in BATCHES:
        inputs = {"images": images[:batch], "latents": latents[:batch]}
        made = {
            "SavedModel": (folder / "1", saved_model_calls),
            "ONNX": (folder / "onnx", onnx_calls),
        }
        for precision in PRECISIONS:
            file = folder / f"{precision}-{batch}.tflite"
            export.litert(model, file, images, precision=precision, batch=batch)
            made[f"LiteRT {precision}"] = (file, litert_calls)
        for form, (path, start) in made.items():
            found[form, batch] = (size_of(path), start(path, inputs))
    return found


def medians(found: dict, repeats: int) -> dict[tuple[str, int, str], float]:
    """Milliseconds of each call, taken in turns."""
    timed = {
        (*key, name): call for key, (_, named) in found.items() for name, call in named.items()
    }
    taken = {key: [] for key in timed}
    for round_ in range(repeats + 3):
        for key, call in timed.items():
            start = time.perf_counter()
            call()
            if round_ >= 3:  # the first calls plan and allocate
                taken[key].append(1000 * (time.perf_counter() - start))
    return {key: statistics.median(values) for key, values in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("preset", help="name, or folder")
    parser.add_argument("--repeats", type=int, default=100)
    options = parser.parse_args()
    import zoo

    model = zoo.from_preset(options.preset)
    data = zoo.datasets.load(zoo.presets.facts(options.preset)["data"])
    images = zoo.report.measured_images(data).astype(np.float32)
    if data.image_dtype == np.uint8:
        images /= 255
    with tempfile.TemporaryDirectory() as folder:
        found = calls(model, images, Path(folder))
        taken = medians(found, options.repeats)
    columns = [(name, batch) for name in ("encode", "decode") for batch in BATCHES]
    print(f"| form | MB | {' | '.join(f'{name} {batch}, ms' for name, batch in columns)} |")
    print("|---|" + "---:|" * (1 + len(columns)))
    for form in dict.fromkeys(form for form, _ in found):
        times = " | ".join(f"{taken[form, batch, name]:.2f}" for name, batch in columns)
        print(f"| {form} | {found[form, 1][0] / 1e6:.2f} | {times} |")


if __name__ == "__main__":
    main()
