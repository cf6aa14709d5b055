"""Models for ONNX runtimes: servers, desktops, browsers."""

import os

import numpy as np

from zoo import files, layouts
from zoo.export import _fidelity, _functions
from zoo.export._fidelity import Exported
from zoo.export._float32 import in_float32
from zoo.extras import need

OPSET = 18
PARTS = {"encoder": "encode", "decoder": "decode"}
TOLERANCE = 1e-4
INT64 = 7  # of onnx.TensorProto


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
        overwrite: whether an existing folder of such files is replaced.

    Raises:
        zoo.export.Inexact: a file differs by more than `tolerance`. Nothing is written.
        FileExistsError: the folder exists and `overwrite` is false, or it holds other files.
        ImportError: tf2onnx or onnxruntime is not installed: `pip install "vae-zoo[onnx]"`.

    Example:
        >>> import tempfile, zoo
        >>> from pathlib import Path
        >>> model = zoo.models.VAE((8, 8, 1), latent_dim=2, seed=0)
        >>> images = zoo.datasets.load("digits").images(range(8))
        >>> made = onnx(model, Path(tempfile.mkdtemp()) / "onnx", images)
        >>> sorted(file.name for file in made.path.iterdir())
        ['decoder.onnx', 'encoder.onnx']
    """
    path = files.path_of(path)
    files.check_new(path, overwrite, layouts.ONNX)
    need("tf2onnx", "onnxruntime", extra="onnx")
    model = in_float32(model)
    functions = _functions.of(model)
    protos = {part: _converted(functions[name]) for part, name in PARTS.items()}
    given = _fidelity.inputs(model, images, list(PARTS.values()))
    errors = _fidelity.measure(model, _runner(protos), given)
    _fidelity.check(errors, tolerance, "The ONNX file")
    with files.whole_folder(path, overwrite=overwrite, layout=layouts.ONNX) as folder:
        for part, content in protos.items():
            (folder / f"{part}.onnx").write_bytes(content)
    return Exported(path, sum(map(len, protos.values())), errors)


def _converted(function) -> bytes:
    import tf2onnx

    proto, _ = tf2onnx.convert.from_function(
        function, function.input_signature, opset=OPSET, custom_op_handlers=HANDLERS
    )
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return proto.SerializeToString()


def _expm1(graph, node, name, args):
    """exp(x) - 1 = 2 sinh(x/2) exp(x/2), exact near 0 as well."""
    half = graph.make_node("Mul", [node.input[0], _scalar(graph, 0.5)]).output[0]
    sinh, exp = (graph.make_node(op, [half]).output[0] for op in ("Sinh", "Exp"))
    doubled = graph.make_node("Mul", [sinh, _scalar(graph, 2.0)]).output[0]
    _replace(graph, node, "Mul", [doubled, exp])


def _log1p(graph, node, name, args):
    """log(1 + x) = 2 artanh(x / (2 + x)), exact near 0 as well."""
    below = graph.make_node("Add", [node.input[0], _scalar(graph, 2.0)]).output[0]
    ratio = graph.make_node("Div", [node.input[0], below]).output[0]
    artanh = graph.make_node("Atanh", [ratio]).output[0]
    _replace(graph, node, "Mul", [artanh, _scalar(graph, 2.0)])


def _broadcast_args(graph, node, name, args):
    """The shape of a sum of zeros of both shapes."""
    shapes = (graph.make_node("Cast", [one], attr={"to": INT64}).output[0] for one in node.input)
    zeros = [graph.make_node("ConstantOfShape", [shape]).output[0] for shape in shapes]
    shape = graph.make_node("Shape", [graph.make_node("Add", zeros).output[0]]).output[0]
    _replace(graph, node, "Cast", [shape], attr={"to": graph.get_dtype(node.output[0])})


def _scalar(graph, value: float) -> str:
    name = f"scalar_{value:g}"
    found = graph.get_node_by_name(name)
    return (found or graph.make_const(name, np.float32(value))).output[0]


def _replace(graph, node, op: str, inputs: list[str], attr: dict | None = None) -> None:
    shapes, dtypes = node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    graph.make_node(
        op, inputs, attr, outputs=node.output, name=node.name, shapes=shapes, dtypes=dtypes
    )


# TensorFlow's operations that tf2onnx does not know.
HANDLERS = {
    "Expm1": (_expm1, []),
    "Log1p": (_log1p, []),
    "BroadcastArgs": (_broadcast_args, []),
}


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
