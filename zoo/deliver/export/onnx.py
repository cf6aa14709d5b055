"""Models for ONNX runtimes: servers, desktops, browsers."""

import os

import numpy as np

from zoo.deliver.export import _fidelity, _functions
from zoo.deliver.export._fidelity import Exported
from zoo.deliver.export._float32 import in_float32
from zoo.deliver.export._unsupported import failed, unsupported
from zoo.utils import files, layouts
from zoo.utils.extras import need

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
        zoo.export.Unsupported: a layer computes something that ONNX has no operation for. Nothing is written.
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
    protos = {part: _converted(functions[name], model) for part, name in PARTS.items()}
    given = _fidelity.inputs(model, images, list(PARTS.values()), tolerance)
    errors = _fidelity.measure(model, _runner(protos), given)
    _fidelity.check(errors, tolerance, "The ONNX file")
    with files.whole_folder(path, overwrite=overwrite, layout=layouts.ONNX) as folder:
        for part, content in protos.items():
            (folder / f"{part}.onnx").write_bytes(content)
    return Exported(path, sum(map(len, protos.values())), errors)


def _converted(function, model) -> bytes:
    import onnx as standard
    import tf2onnx

    traced = function.get_concrete_function()
    try:
        proto, _ = tf2onnx.convert.from_function(
            function, function.input_signature, opset=OPSET, custom_op_handlers=HANDLERS
        )
    except Exception as error:  # of any kind: tf2onnx fails where an operation surprises it
        raise failed("ONNX", f"files cannot be made: {error}") from error
    unknown = {
        node.name: node.op_type
        for node in proto.graph.node
        if not node.domain and not standard.defs.has(node.op_type)
    }
    if unknown:
        raise unsupported("ONNX", model, unknown)
    _keep_captured(proto.graph, traced)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return proto.SerializeToString()


def _keep_captured(graph, traced) -> None:
    """Stores the constants that layers hold as tensors, such as Normalization's mean; tf2onnx makes them inputs."""
    from onnx import numpy_helper

    held = {inner.name: outer for outer, inner in traced.graph.captures}
    used = {name for node in graph.node for name in node.input}
    for value in [value for value in graph.input if value.name in held]:
        graph.input.remove(value)
        if value.name in used:
            constant = held[value.name].numpy()
            graph.initializer.append(numpy_helper.from_array(constant, value.name))


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


def _erfc(graph, node, name, args):
    """erfc(x) = 1 - erf(x)."""
    erf = graph.make_node("Erf", [node.input[0]]).output[0]
    _replace(graph, node, "Sub", [_scalar(graph, 1.0), erf])


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
    "Erfc": (_erfc, []),
    "BroadcastArgs": (_broadcast_args, []),
}


def _runner(protos: dict[str, bytes]) -> _fidelity.Runner:
    import onnxruntime

    def start(content: bytes):
        try:
            return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has a class for each of its own codes
            raise failed("ONNX", f"Runtime cannot load the file: {error}") from error

    sessions = {PARTS[part]: start(content) for part, content in protos.items()}

    def run(name, arguments):
        session = sessions[name]
        names = [output.name for output in session.get_outputs()]
        try:
            outputs = session.run(names, dict(arguments))
        except Exception as error:
            raise failed("ONNX", f"Runtime cannot run the file: {error}") from error
        return dict(zip(names, outputs, strict=True))

    return run
