"""Models for ONNX runtimes: servers, desktops, browsers."""

import os
from pathlib import Path

import numpy as np

from zoo import files
from zoo.export import _fidelity, _functions
from zoo.export._fidelity import Exported
from zoo.export._float32 import in_float32
from zoo.extras import need

OPSET = 18
PARTS = {"encoder": "encode", "decoder": "decode"}
TOLERANCE = 1e-4


def onnx(
    model,
    path: str | os.PathLike,
    images: np.ndarray,
    *,
    tolerance: float = TOLERANCE,
    overwrite: bool = False,
) -> Exported:
    """Writes a folder with `encoder.onnx` and `decoder.onnx`, for any batch.

    Inputs and outputs are named and shaped as those of the signatures `encode` and `decode` of `saved_model`. Before
    they are written, the files are run on `images` and compared with the model.

    Args:
        model: any model of the zoo, trained in any precision.
        path: the new folder.
        images: `(n, *image_shape)`, float in [0, 1] or uint8: some that the model was trained for.
        tolerance: largest absolute difference from the model, of any output.
        overwrite: whether an existing folder is replaced.

    Raises:
        zoo.export.Inexact: a file differs by more than `tolerance`. Nothing is written.
        FileExistsError: the folder exists and `overwrite` is false.
        ImportError: tf2onnx or onnxruntime is not installed: `pip install "vae-zoo[onnx]"`.

    Example:
        >>> import tempfile, zoo
        >>> model = zoo.models.VAE((8, 8, 1), latent_dim=2, seed=0)
        >>> images = zoo.datasets.load("digits").images(range(8))
        >>> made = onnx(model, Path(tempfile.mkdtemp()) / "onnx", images)
        >>> sorted(file.name for file in made.path.iterdir())
        ['decoder.onnx', 'encoder.onnx']
    """
    path = Path(path)
    files.check_new(path, overwrite)
    need("tf2onnx", "onnxruntime", extra="onnx")
    model = in_float32(model)
    functions = _functions.of(model)
    protos = {part: _converted(functions[name]) for part, name in PARTS.items()}
    given = _fidelity.inputs(model, images, list(PARTS.values()))
    errors = _fidelity.measure(model, _runner(protos), given)
    _fidelity.check(errors, tolerance, "The ONNX file")
    with files.whole_folder(path, overwrite=overwrite) as folder:
        for part, content in protos.items():
            (folder / f"{part}.onnx").write_bytes(content)
    return Exported(path, sum(map(len, protos.values())), errors)


def _converted(function) -> bytes:
    import tf2onnx

    proto, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=OPSET)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return proto.SerializeToString()


def _runner(protos: dict[str, bytes]) -> _fidelity.Runner:
    import onnxruntime

    sessions = {
        PARTS[part]: onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        for part, content in protos.items()
    }

    def run(name, arguments):
        session = sessions[name]
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, dict(arguments)), strict=True))

    return run
