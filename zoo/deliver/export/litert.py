"""Models for phones and other small machines."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from zoo.deliver.export import _fidelity, _functions, _litert_process
from zoo.deliver.export._fidelity import Exported
from zoo.deliver.export._float32 import in_float32
from zoo.deliver.export._unsupported import Unsupported, failed, unsupported
from zoo.utils import files, layouts, registry
from zoo.utils.checks import check_integer
from zoo.utils.extras import need

SIGNATURES = ("encode", "decode", "reconstruct")
UNKNOWN = re.compile(r"'tf\.(\w+)' op is neither")
# Precisions, with the largest difference from the model that is let pass.
TOLERANCES = {"float32": 1e-4, "float16": 0.02, "dynamic_int8": 0.15, "int8": 0.15}


def litert(
    model,
    path: str | os.PathLike,
    images: np.ndarray,
    *,
    precision: str = "float32",
    batch: int = 1,
    tolerance: float | None = None,
    overwrite: bool = False,
) -> Exported:
    """Writes a LiteRT file (`.tflite`) with the signatures `encode`, `decode` and `reconstruct`.

    Inputs and outputs are named and shaped as those of `saved_model`, with a fixed batch: with an open one LiteRT
    leaves its fast kernels. Before it is written, the file is run on `images` and compared with the model.

    The file checks no values. An input of another rank, batch or number of channels is a RuntimeError of LiteRT, after
    which an interpreter may be of no more use; a size that comes to as many numbers after the convolutions, such as
    32 x 128 for 64 x 64, is answered. `get_signature_runner("encode").get_input_details()` tells the right shape.

    | precision | weights | arithmetic |
    |---|---|---|
    | `float32` | float32 | float32 |
    | `float16` | float16 | float32, or float16 where the machine has it |
    | `dynamic_int8` | int8 | int8, with scales found as it runs |
    | `int8` | int8 | int8, with scales found on `images`; inputs and outputs stay float32 |

    Args:
        model: any model of the zoo, trained in any precision.
        path: the new file.
        images: `(n, *image_shape)`, float in [0, 1] or uint8: some that the model was trained for.
        precision: of weights and arithmetic.
        batch: images, or latents, at a time.
        tolerance: largest absolute difference from the model, of any output; default by precision, see
            `zoo.export.litert.TOLERANCES`: 1e-4, 0.02, 0.15, 0.15. Pixels are in [0, 1], a latent's prior has
            standard deviation 1.
        overwrite: whether an existing LiteRT file of the zoo is replaced.

    Raises:
        zoo.export.Inexact: the file differs by more than `tolerance`, or does not run. Nothing is written.
        zoo.export.Unsupported: a layer computes something that LiteRT has no operation for. Nothing is written.
        FileExistsError: the file exists and `overwrite` is false, or it is no LiteRT file of the zoo.
        ImportError: ai-edge-litert is not installed: `pip install "vae-zoo[litert]"`.
        ValueError: an argument is out of range.

    Example:
        >>> import tempfile, zoo
        >>> from pathlib import Path
        >>> model = zoo.models.VAE((8, 8, 1), latent_dim=2, seed=0)
        >>> images = zoo.datasets.load("digits").images(range(8))
        >>> made = litert(model, Path(tempfile.mkdtemp()) / "model.tflite", images)
        >>> made.errors["decode.images"] < 1e-4
        True
    """
    path = files.path_of(path)
    registry.check_known("precision", precision, TOLERANCES)
    check_integer("batch", batch, least=1)
    files.check_new(path, overwrite, layouts.LITERT)
    need("ai_edge_litert", extra="litert")
    model = in_float32(model)
    tolerance = TOLERANCES[precision] if tolerance is None else tolerance
    given = _fidelity.inputs(model, images, list(SIGNATURES), tolerance)
    content = _converted(model, given, precision, batch)
    errors = _measured(model, content, given, precision, batch)
    _fidelity.check(errors, tolerance, f"The {precision} LiteRT file")
    files.target_of(path).parent.mkdir(parents=True, exist_ok=True)
    with files.whole_file(path) as partial:
        partial.write_bytes(content)
    return Exported(path, len(content), errors)


def _measured(model, content: bytes, given: Mapping, precision: str, batch: int) -> dict:
    try:
        outputs = _run(content, given, batch)
    except RuntimeError as error:
        # As when a divisor is rounded to zero.
        raise _fidelity.Inexact(
            f"The {precision} LiteRT file does not run ({error}). Nothing was written. Choose a finer precision."
        ) from None
    return _fidelity.measure(model, lambda name, _: outputs[name], given)


def _converted(model, given: Mapping, precision: str, batch: int) -> bytes:
    functions = _functions.of(model, batch)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Calibration runs TensorFlow's own interpreter, which announces its end.
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")
        _functions.write({name: functions[name] for name in SIGNATURES}, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, list(SIGNATURES))
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "int8":
            converter.representative_dataset = lambda: _calibration(given, batch)
        try:
            return converter.convert()
        except Exception as error:  # of several private kinds
            raise _refused(error, model) from error


def _refused(error: Exception, model) -> Unsupported:
    """What the converter has no operation for; its message tells that in the words of its compiler."""
    text = str(error)
    found = re.findall(r'fused\["(\w+):", "([^"@]+)@', text)
    operations = {
        node: operation for operation, node in found if operation in UNKNOWN.findall(text)
    }
    if operations:
        return unsupported("LiteRT", model, operations)
    return failed("LiteRT", f"files cannot be made: {text}")


def _calibration(given: Mapping, batch: int) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    for name, arguments in given.items():
        for part in _litert_process.batches(arguments, batch):
            yield name, part


def _run(content: bytes, given: Mapping, batch: int) -> dict[str, dict[str, np.ndarray]]:
    """What the file answers to the inputs of each signature.

    Raises:
        RuntimeError: it does not run. In a process of its own, for some files end the process that runs them.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / _litert_process.MODEL).write_bytes(content)
        np.savez(folder / _litert_process.INPUTS, **_litert_process.flat(given))
        command = [sys.executable, "-P", _litert_process.__file__, name, str(batch)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode < 0:
            raise RuntimeError(f"it ends its process by {signal.Signals(-done.returncode).name}")
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or ["no reason told"])[-1])
        with np.load(folder / _litert_process.OUTPUTS) as outputs:
            return _litert_process.nested(outputs)
