"""TF Serving: the folder, and the real protocol, spoken by the client that the zoo writes."""

import concurrent.futures
import contextlib
import json
import os
import runpy
import shutil
import socket
import subprocess
import time
from urllib.parse import unquote, urlsplit

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from zoo import models
from zoo.deliver import presets, serving

SHAPE = (8, 8, 1)
NAME = "small_vae"


@pytest.fixture(scope="module")
def model(binary_digits):
    model = models.VAE(SHAPE, 3, seed=0)
    model.compile()
    model.fit(binary_digits, verbose=0)
    return model


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / NAME
    model.export(folder / "1")
    return folder


@pytest.fixture
def laid_out(exported, tmp_path):
    serving.configure([exported], tmp_path / "serving")
    return tmp_path / "serving"


class Answers(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers from the SavedModel by the signature's own names and dtypes, as the server does."""

    def __init__(self, folder):
        self.folder = folder / "models" / NAME / "1"
        self.loaded = tf.saved_model.load(str(self.folder))

    def Predict(self, request, context):
        signature = self.loaded.signatures[request.model_spec.signature_name or "serving_default"]
        _, specs = signature.structured_input_signature
        if set(request.inputs) != set(specs):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"inputs must be {sorted(specs)}")
        inputs = {
            name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()
        }
        for name, value in inputs.items():
            if value.dtype != specs[name].dtype or not specs[name].shape.is_compatible_with(
                value.shape
            ):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{name} must be {specs[name]}")
        answer = predict_pb2.PredictResponse()
        for name, value in signature(**inputs).items():
            answer.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return answer

    def GetModelMetadata(self, request, context):
        saved = saved_model_pb2.SavedModel()
        saved.ParseFromString((self.folder / "saved_model.pb").read_bytes())
        found = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in saved.meta_graphs[0].signature_def.items():
            found.signature_def[name].CopyFrom(signature)
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.metadata["signature_def"].Pack(found)
        return answer


@contextlib.contextmanager
def python_server(folder):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Answers(folder), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


@contextlib.contextmanager
def real_server(folder):
    program = shutil.which("tensorflow_model_server")
    if program is None:
        pytest.skip("tensorflow_model_server is not on the PATH")
    config = (folder / "models.config").read_text().replace("/models/", f"{folder}/models/")
    (folder / "local.config").write_text(config)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, f"--port={port}", "--rest_api_port=0"]
    process = subprocess.Popen([*command, f"--model_config_file={folder}/local.config"])
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.2)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("server", [python_server, real_server])
def test_the_client_gets_the_models_numbers(server, laid_out, model, binary_digits):
    call = runpy.run_path(str(laid_out / "client.py"))["call"]
    images = binary_digits[:5]
    with server(laid_out) as address:
        encoded = call(address, NAME, "encode", images=images)
        decoded = call(address, NAME, "decode", latents=encoded["mean"])
        reconstructed = call(address, NAME, "reconstruct", images=images)
        raw = call(address, NAME, "encode_uint8", images=(images * 255).astype("uint8"))
        sampled = call(address, NAME, "sample", n=np.int32(4), seed=np.int32(7))
        with pytest.raises(grpc.RpcError):
            call(address, NAME, "encode", pictures=images)
    posterior = model.encode(images)
    np.testing.assert_array_equal(encoded["mean"], posterior.mean())
    np.testing.assert_array_equal(raw["mean"], posterior.mean())
    np.testing.assert_array_equal(decoded["images"], model.decode(posterior.mean()).mean())
    np.testing.assert_array_equal(reconstructed["images"], model(images))
    np.testing.assert_array_equal(sampled["images"], model.sample(4, seed=7)[0])


@pytest.mark.parametrize("server", [python_server, real_server])
def test_metadata_names_every_signature(server, laid_out):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = NAME
    with server(laid_out) as address, grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answer = stub.GetModelMetadata(request, 30)
    found = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(found)
    encode = found.signature_def["encode"]
    images = encode.inputs["images"]
    assert encode.method_name == "tensorflow/serving/predict"
    assert [size.size for size in images.tensor_shape.dim] == [-1, *SHAPE]
    assert images.dtype == tf.float32.as_datatype_enum
    assert found.signature_def["serving_default"].inputs["images"].dtype == images.dtype
    as_bytes = found.signature_def["encode_uint8"].inputs["images"]
    assert as_bytes.dtype == tf.uint8.as_datatype_enum
    assert set(encode.outputs) == {"mean", "log_variance"}


def test_the_config_is_the_servers_own_format(laid_out):
    config = text_format.Parse(
        (laid_out / "models.config").read_text(), model_server_config_pb2.ModelServerConfig()
    )
    [entry] = config.model_config_list.config
    assert (entry.name, entry.base_path, entry.model_platform) == (
        NAME,
        f"/models/{NAME}",
        "tensorflow",
    )
    assert entry.model_version_policy.HasField("all")


def test_warm_up_requests_can_be_answered(laid_out):
    folder = laid_out / "models" / NAME / "1"
    loaded = tf.saved_model.load(str(folder))
    seen = []
    for record in tf.data.TFRecordDataset(str(folder / serving.WARMUP)):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        loaded.signatures[request.model_spec.signature_name](**inputs)
        assert request.model_spec.name == NAME
        seen.append(request.model_spec.signature_name)
    assert seen == list(serving.WARMED)


@pytest.mark.parametrize("signature", ["encode", "decode", "reconstruct"])
def test_a_rows_answer_does_not_depend_on_its_batch(exported, binary_digits, signature):
    """The server may put the rows of several requests into one batch."""
    run = tf.saved_model.load(str(exported / "1")).signatures[signature]
    name = "latents" if signature == "decode" else "images"
    latents = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    rows = latents if signature == "decode" else binary_digits[:6]
    together = run(**{name: tf.constant(rows)})
    for output, value in together.items():
        alone = np.concatenate(
            [run(**{name: tf.constant(rows[i : i + 1])})[output] for i in range(6)]
        )
        np.testing.assert_allclose(value, alone, atol=1e-5)


def test_a_new_version_stands_beside_the_old(laid_out, exported, tmp_path):
    again = serving.configure([exported], laid_out)
    assert [(model.name, model.version) for model in again] == [(NAME, 1)]
    other = models.VAE(SHAPE, 3, seed=1)
    other.export(tmp_path / "other" / NAME / "1")
    [new] = serving.configure([tmp_path / "other" / NAME], laid_out)
    assert new.version == 2
    assert sorted(path.name for path in (laid_out / "models" / NAME).iterdir()) == ["1", "2"]


def test_several_models_and_a_run_folder(exported, tmp_path):
    shutil.copytree(exported / "1", tmp_path / "my_run" / "saved_model" / "1")
    made = serving.configure([exported, tmp_path / "my_run"], tmp_path / "serving")
    assert [model.name for model in made] == [NAME, "my_run"]
    text = (tmp_path / "serving" / "client.sh").read_text()
    assert "my_run:predict" in text
    request = json.loads((tmp_path / "serving" / "request-my_run.json").read_text())
    assert np.shape(request["inputs"]["latents"]) == (1, 3)
    subprocess.run(["sh", "-n", tmp_path / "serving" / "client.sh"], check=True)


def test_bad_folders_are_refused(exported, tmp_path):
    with pytest.raises(ValueError, match="numbered SavedModels"):
        serving.configure([tmp_path], tmp_path / "serving")
    with pytest.raises(ValueError, match="twice"):
        serving.configure([exported, exported], tmp_path / "serving")
    assert not (tmp_path / "serving").exists()


NAMES = [
    "my run",
    'the "best"',
    "o'clock",
    "$(touch x)",
    "`touch x`",
    "a;touch x",
    "-n",
    "50%",
    "naïve & größer",
    "{a,b}",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_may_have_any_printable_name(exported, tmp_path, name):
    """The shell runs none of it, and each file means the same folder by it."""
    shutil.copytree(exported, tmp_path / name)
    out = tmp_path / "serving"
    [made] = serving.configure([tmp_path / name], out)
    assert made.name == name
    text = (out / "models.config").read_text(encoding="utf-8")
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    [entry] = config.model_config_list.config
    assert (entry.name, entry.base_path) == (name, f"/models/{name}")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "curl").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "bin" / "curl").chmod(0o755)
    paths = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    told = subprocess.run(
        ["sh", "client.sh", "http://x"],
        cwd=out,
        env={"PATH": paths},
        capture_output=True,
        check=True,
    )
    _, metadata, _, _, data, predict = told.stdout.decode().splitlines()
    assert unquote(urlsplit(metadata).path) == f"/v1/models/{name}/metadata"
    assert unquote(urlsplit(predict).path) == f"/v1/models/{name}:predict"
    assert data == f"@request-{name}.json"
    assert json.loads((out / data[1:]).read_text())["signature_name"] == "decode"
    assert not list(tmp_path.rglob("x"))


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "\x1b31m", "a\\b", "[a]", "a*", "a?"])
def test_a_name_that_no_model_can_have_is_refused(exported, tmp_path, name):
    shutil.copytree(exported, tmp_path / name)
    with pytest.raises(ValueError, match="printable"):
        serving.configure([tmp_path / name], tmp_path / "serving")
    assert not (tmp_path / "serving").exists()


def test_stray_files_among_the_served_models_are_passed_over(laid_out, exported):
    models_folder = laid_out / "models"
    (models_folder / ".DS_Store").write_bytes(b"?")
    (models_folder / "notes.txt").write_text("?")
    (models_folder / "empty").mkdir()
    (models_folder / "half" / ".partial-1-1").mkdir(parents=True)
    (models_folder / "half" / "1").mkdir()
    (models_folder / NAME / "1.bak").mkdir()
    (models_folder / NAME / "²").mkdir()
    [again] = serving.configure([exported], laid_out)
    assert (again.name, again.version) == (NAME, 1)
    assert (laid_out / "models.config").read_text().count("config {") == 1
    assert not (laid_out / "request-notes.txt.json").exists()


def test_what_file_managers_leave_behind_is_not_served(exported, tmp_path):
    source = shutil.copytree(exported, tmp_path / "mine")
    (source / "1" / ".DS_Store").write_bytes(b"?")
    [made] = serving.configure([source], tmp_path / "serving")
    assert not (made.folder / ".DS_Store").exists()
    (source / "1" / ".DS_Store").write_bytes(b"!")
    [again] = serving.configure([source], tmp_path / "serving")
    assert again.version == 1


@pytest.fixture
def preset(model, tmp_path):
    model.save_to_preset(tmp_path / "mine")
    return tmp_path / "mine"


def replaced_saved_model(preset, outside):
    shutil.rmtree(preset / "1")
    shutil.copytree(outside, preset / "1")


def flipped_bit(preset, outside):
    file = preset / "1" / "variables" / "variables.data-00000-of-00001"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def missing_variables(preset, outside):
    shutil.rmtree(preset / "1" / "variables")


def lost_list(preset, outside):
    (preset / "SHA256SUMS").unlink()


def linked_folder(preset, outside):
    (preset / "1" / "assets.extra").symlink_to(outside)


@pytest.mark.parametrize(
    "change", [replaced_saved_model, flipped_bit, missing_variables, lost_list, linked_folder]
)
def test_a_preset_is_verified_before_tensorflow_reads_it(preset, tmp_path, monkeypatch, change):
    other = models.VAE(SHAPE, 3, seed=1)
    other.export(tmp_path / "other")
    change(preset, tmp_path / "other")
    monkeypatch.setattr(tf.saved_model, "load", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(presets.Damaged):
        serving.configure([preset], tmp_path / "serving")
    assert not (tmp_path / "serving").exists()


def test_a_preset_and_its_download_are_served(preset, tmp_path):
    presets.fetch("mine", tmp_path / "fetched", only="1/", address=str(tmp_path))
    made = serving.configure([preset, tmp_path / "fetched"], tmp_path / "serving")
    assert [model.name for model in made] == ["mine", "fetched"]
    flipped_bit(tmp_path / "fetched", None)
    with pytest.raises(presets.Damaged, match=r"variables\.data"):
        serving.configure([tmp_path / "fetched"], tmp_path / "serving")


def test_links_in_a_run_are_not_followed(exported, tmp_path):
    run = shutil.copytree(exported, tmp_path / "run" / "saved_model")
    (tmp_path / "private").mkdir()
    (run / "1" / "assets.extra").symlink_to(tmp_path / "private")
    with pytest.raises(ValueError, match=r"assets\.extra, a link"):
        serving.configure([tmp_path / "run"], tmp_path / "serving")


@pytest.mark.parametrize("damage", [flipped_bit, missing_variables])
def test_a_damaged_saved_model_of_a_run_is_one_line(exported, tmp_path, damage):
    run = shutil.copytree(exported, tmp_path / "run" / "saved_model")
    damage(run, None)
    with pytest.raises(ValueError, match=r"^[^\n]*no SavedModel that TensorFlow can load[^\n]*$"):
        serving.configure([tmp_path / "run"], tmp_path / "serving")
    assert not list((tmp_path / "serving").rglob("saved_model.pb"))


def test_a_saved_model_of_others_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "theirs" / "1"))
    with pytest.raises(ValueError, match="Expected a SavedModel of the zoo"):
        serving.configure([tmp_path / "theirs"], tmp_path / "serving")
