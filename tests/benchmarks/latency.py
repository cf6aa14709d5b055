"""Size and latency of a preset's forms: SavedModel, LiteRT and ONNX, on images and codes of its data.

    python tests/benchmarks/latency.py vae_shapes2d

All forms take turns in one process, each with all cores, so that a noisy machine troubles them alike; a number is the
median of `--repeats` calls in milliseconds.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from zoo.runs.pretrained.forms import (
    as_floats,
    litert_calls,
    medians,
    onnx_calls,
    saved_model_calls,
)

BATCHES = (1, 32)
PRECISIONS = ("float32", "float16", "dynamic_int8")


def size_of(path: Path) -> int:
    from zoo.utils import files

    return files.size_of(path) if path.is_dir() else path.stat().st_size


def calls(model, images: np.ndarray, folder: Path) -> dict[tuple[str, int], tuple[int, dict]]:
    """Bytes and calls of every form at every batch; their files lie in `folder`."""
    from zoo.deliver import export

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("preset", help="name, or folder")
    parser.add_argument("--repeats", type=int, default=100)
    options = parser.parse_args()
    import zoo

    model = zoo.from_preset(options.preset)
    data = zoo.datasets.load(zoo.presets.facts(options.preset)["data"])
    images = as_floats(zoo.report.measured_images(data))
    with tempfile.TemporaryDirectory() as folder:
        found = calls(model, images, Path(folder))
        named = {key: calls_of for key, (_, calls_of) in found.items()}
        taken = medians(named, options.repeats)
    columns = [(name, batch) for name in ("encode", "decode") for batch in BATCHES]
    print(f"| form | MB | {' | '.join(f'{name} {batch}, ms' for name, batch in columns)} |")
    print("|---|" + "---:|" * (1 + len(columns)))
    for form in dict.fromkeys(form for form, _ in found):
        times = " | ".join(f"{taken[(form, batch), name]:.2f}" for name, batch in columns)
        print(f"| {form} | {found[form, 1][0] / 1e6:.2f} | {times} |")


if __name__ == "__main__":
    main()
