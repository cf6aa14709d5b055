"""LiteRT and ONNX files: the model's numbers, in programs that have neither TensorFlow nor the zoo."""

import json
import subprocess
import sys

import keras
import numpy as np
import onnx
import pytest

from zoo import models
from zoo.deliver import export
from zoo.deliver.export import _fidelity, _litert_process
from zoo.deliver.export.litert import TOLERANCES

SHAPE = (8, 8, 1)

LITERT = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(model_path=sys.argv[1])
images = np.load(sys.argv[2])
encode, decode, reconstruct = map(interpreter.get_signature_runner, ("encode", "decode", "reconstruct"))
rows = [encode(images=image[None]) for image in images]
out = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
out["decoded"] = np.concatenate([decode(latents=code[None])["images"] for code in out["mean"]])
out["reconstructed"] = np.concatenate([reconstruct(images=image[None])["images"] for image in images])
np.savez(sys.argv[3], **out)
assert not {"tensorflow", "keras", "zoo"} & set(sys.modules)
"""

LITERT_OF_OTHER_SIZES = """
import json, sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
answers = []
for name, argument, shape in json.loads(sys.argv[2]):
    ask = Interpreter(model_path=sys.argv[1]).get_signature_runner(name)
    try:
        answer = ask(**{argument: np.zeros(shape, "f")})
        answers.append([list(value.shape) for value in answer.values()])
    except RuntimeError:
        answers.append("refused")
print(json.dumps(answers))
"""

ONNX = """
import os, sys
import numpy as np, onnxruntime
files = (os.path.join(sys.argv[1], f"{part}.onnx") for part in ("encoder", "decoder"))
encoder, decoder = map(onnxruntime.InferenceSession, files)
images = np.load(sys.argv[2])
mean, log_variance = encoder.run(["mean", "log_variance"], {"images": images})
[decoded] = decoder.run(["images"], {"latents": mean})
np.savez(sys.argv[3], mean=mean, log_variance=log_variance, decoded=decoded)
assert not {"tensorflow", "keras", "zoo"} & set(sys.modules)
"""


def onnx_session(file):
    import onnxruntime

    return onnxruntime.InferenceSession(file)


@pytest.fixture(scope="module")
def model(binary_digits):
    model = models.BetaVAE(SHAPE, 3, seed=0)
    model.compile()
    model.fit(binary_digits, verbose=0, epochs=3)
    return model


def run_alone(script, file, images, tmp_path):
    np.save(tmp_path / "images.npy", images)
    paths = [str(path) for path in (file, tmp_path / "images.npy", tmp_path / "out.npz")]
    done = subprocess.run(
        [sys.executable, "-c", script, *paths],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    return np.load(tmp_path / "out.npz")


@pytest.mark.parametrize("precision", TOLERANCES)
def test_litert_alone_gives_the_models_numbers(model, binary_digits, tmp_path, precision):
    made = export.litert(model, tmp_path / "model.tflite", binary_digits[:40], precision=precision)
    images = binary_digits[40:49]  # Others than those that the file was measured on.
    out = run_alone(LITERT, made.path, images, tmp_path)
    posterior = model.encode(images)
    tolerance = 2 * TOLERANCES[precision]
    np.testing.assert_allclose(out["mean"], posterior.mean(), atol=tolerance)
    np.testing.assert_allclose(out["log_variance"], np.log(posterior.variance()), atol=tolerance)
    np.testing.assert_allclose(out["reconstructed"], model(images), atol=tolerance)
    np.testing.assert_allclose(out["decoded"], model.decode(out["mean"]).mean(), atol=tolerance)
    assert set(made.errors) == {
        "encode.mean", "encode.log_variance", "decode.images", "reconstruct.images",
    }  # fmt: skip
    assert made.size == made.path.stat().st_size


def test_litert_files_hold_their_weights(model, binary_digits, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    weights = sum(v.numpy().nbytes for v in model.elbo_variables)
    sizes = {}
    for precision in TOLERANCES:
        file = tmp_path / f"{precision}.tflite"
        sizes[precision] = export.litert(model, file, binary_digits, precision=precision).size
        interpreter = Interpreter(model_path=str(file))
        assert "READ_VARIABLE" not in {op["op_name"] for op in interpreter._get_ops_details()}
    assert sizes["float32"] > weights
    assert sizes["float16"] < 0.6 * sizes["float32"]
    assert sizes["dynamic_int8"] < 0.5 * sizes["float32"]


def test_litert_tells_its_fixed_batch_and_sizes(model, binary_digits, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    made = export.litert(model, tmp_path / "model.tflite", binary_digits[:10], batch=4)
    interpreter = Interpreter(model_path=str(made.path))
    for name, shape in (("encode", SHAPE), ("decode", (3,)), ("reconstruct", SHAPE)):
        [wanted] = interpreter.get_signature_runner(name).get_input_details().values()
        assert wanted["shape"].tolist() == [4, *shape]
    out = interpreter.get_signature_runner("encode")(images=binary_digits[:4])["mean"]
    np.testing.assert_allclose(out, model.encode(binary_digits[:4]).mean(), atol=1e-4)


def test_litert_refuses_other_ranks_and_batches_and_outlives_them(model, binary_digits, tmp_path):
    made = export.litert(model, tmp_path / "model.tflite", binary_digits[:10])
    refused = [
        ["encode", "images", shape]
        for shape in (
            [],
            [8, 8],
            [8, 8, 1],
            [1, 1, 8, 8, 1],
            [0, 8, 8, 1],
            [2, 8, 8, 1],
            [1, 8, 8, 3],
        )
    ]
    refused += [["reconstruct", "images", [1, 8, 16, 1]]]
    refused += [["decode", "latents", shape] for shape in ([1, 2], [1, 5], [2, 3])]
    right = ["decode", "latents", [1, 3]]
    # They come to as many numbers as the right ones: LiteRT cannot tell them apart, README says so.
    answered = [["encode", "images", [1, 4, 16, 1]], ["decode", "latents", [3]]]
    asked = json.dumps([*refused, *answered, right])
    done = subprocess.run(
        [sys.executable, "-c", LITERT_OF_OTHER_SIZES, made.path, asked],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    codes, image = [[1, 3], [1, 3]], [[1, *SHAPE]]
    expected = ["refused"] * len(refused) + [codes, image, image]
    assert json.loads(done.stdout.splitlines()[-1]) == expected


def test_a_model_trained_in_bfloat16_leaves_in_float32(binary_digits, tmp_path):
    mixed = models.VAE(SHAPE, 3, seed=0, dtype="mixed_bfloat16")
    exact = export.in_float32(mixed)
    made = export.litert(mixed, tmp_path / "model.tflite", binary_digits)
    out = run_alone(LITERT, made.path, binary_digits[:5], tmp_path)
    np.testing.assert_allclose(out["mean"], exact.encode(binary_digits[:5]).mean(), atol=1e-4)
    assert export.in_float32(exact) is exact


def test_an_inexact_file_is_refused(model, binary_digits, tmp_path):
    with pytest.raises(export.Inexact, match=r"allowed is 1e-12. Nothing was written"):
        export.litert(model, tmp_path / "model.tflite", binary_digits, tolerance=1e-12)
    with pytest.raises(export.Inexact, match="ONNX"):
        export.onnx(model, tmp_path / "onnx", binary_digits, tolerance=1e-12)
    assert list(tmp_path.iterdir()) == []
    export.litert(
        model, tmp_path / "model.tflite", binary_digits, precision="int8", tolerance=np.inf
    )


def test_nan_is_never_within_the_tolerance():
    with pytest.raises(export.Inexact, match="nan"):
        _fidelity.check({"a": 0.0, "b": float("nan")}, tolerance=float("inf"), what="A file")


def test_the_worst_error_is_the_one_that_counts(model, binary_digits):
    given = _fidelity.inputs(model, binary_digits, ["encode", "decode"])

    def run(name, arguments):
        if name == "decode":
            images = model.decode(arguments["latents"]).mean().numpy()
            images[3, 2, 1, 0] += 0.25
            return {"images": images}
        posterior = model.encode(arguments["images"])
        return {"mean": posterior.mean(), "log_variance": np.log(posterior.variance())}

    errors = _fidelity.measure(model, run, given)
    assert errors["decode.images"] == pytest.approx(0.25, abs=1e-5)
    assert errors["encode.mean"] < 1e-5
    with pytest.raises(export.Inexact, match=r"by 0\.25 in decode\.images"):
        _fidelity.check(errors, 0.1, "It")


def test_onnxruntime_alone_gives_the_models_numbers(model, binary_digits, tmp_path):
    made = export.onnx(model, tmp_path / "onnx", binary_digits[:40])
    for count in (1, 7):
        images = binary_digits[40 : 40 + count]
        out = run_alone(ONNX, made.path, images, tmp_path)
        posterior = model.encode(images)
        np.testing.assert_allclose(out["mean"], posterior.mean(), atol=1e-5)
        np.testing.assert_allclose(out["log_variance"], np.log(posterior.variance()), atol=1e-5)
        np.testing.assert_allclose(out["decoded"], model.decode(posterior.mean()).mean(), atol=1e-5)


def test_onnx_names_its_inputs_and_leaves_the_batch_open(model, binary_digits, tmp_path):
    import onnxruntime

    made = export.onnx(model, tmp_path / "onnx", binary_digits)
    [images] = onnxruntime.InferenceSession(made.path / "encoder.onnx").get_inputs()
    [latents] = onnxruntime.InferenceSession(made.path / "decoder.onnx").get_inputs()
    assert (images.name, images.shape) == ("images", ["batch", *SHAPE])
    assert (latents.name, latents.shape) == ("latents", ["batch", 3])


def normalization():
    return keras.layers.Normalization(mean=0.3, variance=0.1)


def resizing(interpolation):
    return lambda: keras.layers.Resizing(12, 12, interpolation=interpolation)


def with_layer(layer):
    """A model whose encoder has that layer."""
    images = keras.Input(SHAPE)
    x = layer()(keras.layers.Conv2D(3, 3, activation="relu")(images))
    x = keras.layers.Dense(4)(keras.layers.Flatten()(x))
    return models.VAE(SHAPE, 2, encoder=keras.Model(images, x), seed=0)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: keras.layers.Activation("gelu"),
        normalization,
        resizing("bicubic"),
        lambda: keras.layers.UpSampling2D(2, interpolation="bilinear"),
        lambda: keras.layers.GroupNormalization(1),
        lambda: keras.layers.SpectralNormalization(keras.layers.Conv2D(2, 3)),
        lambda: keras.layers.Activation("mish"),
    ],
    ids=["gelu", "normalization", "bicubic", "bilinear", "group", "spectral", "mish"],
)
def test_onnx_translates_layers_of_many_kinds(layer, binary_digits, tmp_path):
    made = export.onnx(with_layer(layer), tmp_path / "onnx", binary_digits, tolerance=1e-5)
    inputs = onnx_session(made.path / "encoder.onnx").get_inputs()
    assert [value.name for value in inputs] == ["images"]


@pytest.mark.parametrize("form", ["onnx", "litert"])
@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (resizing("lanczos3"), r'ScaleAndTranslate of layer "resizing(_\d+)?" \(Resizing\)'),
        (
            lambda: keras.layers.UpSampling2D(2, interpolation="lanczos5", name="larger"),
            r'ScaleAndTranslate of layer "larger" \(UpSampling2D\)',
        ),
    ],
    ids=["resizing", "upsampling"],
)
def test_a_layer_without_a_translation_is_named_with_its_operation(
    layer, name, form, binary_digits, tmp_path
):
    with pytest.raises(export.Unsupported, match=f"has no translation of {name}") as found:
        getattr(export, form)(with_layer(layer), tmp_path / "out", binary_digits)
    assert "\n" not in str(found.value)
    assert list(tmp_path.iterdir()) == []


def test_litert_names_bicubic_resizing(binary_digits, tmp_path):
    with pytest.raises(export.Unsupported, match=r"LiteRT has no translation of ResizeBicubic"):
        export.litert(with_layer(resizing("bicubic")), tmp_path / "m.tflite", binary_digits)


def test_the_onnx_decoder_keeps_height_and_width(model, binary_digits, tmp_path):
    made = export.onnx(model, tmp_path / "onnx", binary_digits)
    [images] = onnx_session(made.path / "decoder.onnx").get_outputs()
    assert images.shape == ["batch", *SHAPE]
    nodes = [node.op_type for node in onnx.load(made.path / "decoder.onnx").graph.node]
    assert not {"Shape", "Concat", "Gather"} & set(nodes)
    assert len(nodes) <= 14


def test_onnx_answers_an_empty_batch_and_refuses_other_sizes(model, binary_digits, tmp_path):
    made = export.onnx(model, tmp_path / "onnx", binary_digits)
    encoder, decoder = (onnx_session(made.path / f"{part}.onnx") for part in ("encoder", "decoder"))
    [mean, _] = encoder.run(["mean", "log_variance"], {"images": binary_digits[:0]})
    assert mean.shape == (0, 3)
    [images] = decoder.run(None, {"latents": mean})
    assert images.shape == (0, *SHAPE)
    for shape in (SHAPE, (1, 4, 16, 1), (1, 1, *SHAPE)):
        with pytest.raises(Exception, match=r"(?i)invalid"):
            encoder.run(None, {"images": np.zeros(shape, "f")})


def test_existing_files_are_only_replaced_when_asked(model, binary_digits, tmp_path):
    (tmp_path / "model.tflite").write_text("mine")
    (tmp_path / "onnx").mkdir()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        export.litert(model, tmp_path / "model.tflite", binary_digits)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        export.onnx(model, tmp_path / "onnx", binary_digits)
    assert (tmp_path / "model.tflite").read_text() == "mine"


def test_bad_arguments_are_clear_errors(model, binary_digits, tmp_path):
    with pytest.raises(ValueError, match='Unknown precision "int4"'):
        export.litert(model, tmp_path / "m.tflite", binary_digits, precision="int4")
    with pytest.raises(ValueError, match="`batch` must be"):
        export.litert(model, tmp_path / "m.tflite", binary_digits, batch=0)
    with pytest.raises(ValueError, match="Expected images to measure"):
        export.litert(model, tmp_path / "m.tflite", binary_digits[:0])
    with pytest.raises(ValueError, match="Expected images of shape"):
        export.onnx(model, tmp_path / "onnx", np.zeros((3, 9, 9, 1), "f"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["ai_edge_litert", "tf2onnx"])
def test_a_missing_package_is_named(model, binary_digits, tmp_path, monkeypatch, module):
    from zoo.utils import extras

    find = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == module else find(name))
    function = export.litert if module == "ai_edge_litert" else export.onnx
    with pytest.raises(ImportError, match=rf"{module}.*pip install \"vae-zoo\["):
        function(model, tmp_path / "out", binary_digits)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.abort()", "it ends its process by SIGABRT"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "it ends its process by SIGKILL",
        ),
        ("raise RuntimeError('division by zero')", "RuntimeError: division by zero"),
    ],
)
def test_a_litert_file_that_ends_the_process_that_runs_it_is_refused(
    code, reason, model, binary_digits, tmp_path, monkeypatch
):
    (tmp_path / "process.py").write_text(code)
    monkeypatch.setattr(_litert_process, "__file__", str(tmp_path / "process.py"))
    with pytest.raises(export.Inexact, match=rf"does not run \({reason}\)\. Nothing was written"):
        export.litert(model, tmp_path / "model.tflite", binary_digits)
    assert not (tmp_path / "model.tflite").exists()
