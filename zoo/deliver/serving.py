"""A folder from which TF Serving offers models, with what a client needs to call them.

| file | content |
|---|---|
| `models/NAME/VERSION/` | SavedModels, with warm-up requests in `assets.extra` |
| `models.config` | which models there are |
| `compose.yaml` | starts the server: `docker compose up` |
| `client.sh`, `request-NAME.json` | REST calls with curl |
| `client.py` | the same through gRPC |
"""

import dataclasses
import filecmp
import json
import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

import numpy as np
import tensorflow as tf

from zoo.deliver import presets
from zoo.utils import files, layouts
from zoo.utils.extras import need
from zoo.utils.texts import first_line

WARMUP = Path("assets.extra") / "tf_serving_warmup_requests"
WARMED = ("encode", "decode", "reconstruct")
IMAGE = "tensorflow/serving:2.19.1"
GRPC_PORT, REST_PORT = 8500, 8501
LONGEST_REASON = 120
PATTERN = set("*?[]\\")


@dataclasses.dataclass(frozen=True)
class Served:
    """A model that a server offers.

    Attributes:
        name: of the model.
        version: number of the folder.
        folder: its SavedModel.
    """

    name: str
    version: int
    folder: Path


def configure(folders: Iterable[str | os.PathLike], out: str | os.PathLike) -> list[Served]:
    """Lays out a folder for TF Serving.

    A model that `out` holds already is served in a new version beside the old one, if it differs from it. Whatever is
    a preset is verified before TensorFlow reads it.

    Args:
        folders: each a preset's or a run's folder, or one of numbered SavedModels. The model takes the folder's name.
        out: where the models and the files around them go.

    Raises:
        Damaged: a preset is not whole, or there is a link, an empty folder or a special file in a SavedModel.
        ValueError: a folder holds no SavedModel of the zoo, its name no model can have, or two have one name.
        FileExistsError: a file of these names in `out` is not the zoo's.
        ImportError: the protocol is not installed: `pip install "vae-zoo[serving]"`.

    Example:
        >>> import tempfile, zoo
        >>> home = Path(tempfile.mkdtemp())
        >>> zoo.models.VAE((8, 8, 1), latent_dim=2, seed=0).export(home / "small_vae" / "1")
        >>> [(model.name, model.version) for model in configure([home / "small_vae"], home / "serving")]
        [('small_vae', 1)]
    """
    need("tensorflow_serving", extra="serving")
    out = files.path_of(out)
    sources = _sources(folders)
    changed = layouts.SERVING.changed(out)
    if changed:
        raise FileExistsError(
            f"{out / changed[0]} is not the zoo's, and is not replaced. Choose another --out, or move it away."
        )
    served = [
        _place(name, version, source, out / "models" / name)
        for name, versions in sources.items()
        for version, source in versions
    ]
    names = sorted(path.name for path in (out / "models").iterdir() if _versions(path))
    files.write_text(out / "models.config", models_config(names))
    files.write_text(out / "compose.yaml", COMPOSE)
    for name in names:
        _, newest = _versions(out / "models" / name)[-1]
        files.write_text(out / f"request-{name}.json", json.dumps(_rest_request(newest)) + "\n")
    files.write_text(out / "client.sh", CLIENT_SH + "".join(map(_curl, names)))
    files.write_text(out / "client.py", CLIENT_PY)
    return served


def models_config(names: Iterable[str]) -> str:
    """The text of `models.config`: every version of every model.

    Example:
        >>> print(models_config(["vae"]))
        model_config_list {
          config {
            name: "vae"
            base_path: "/models/vae"
            model_platform: "tensorflow"
            model_version_policy { all {} }
          }
        }
    """
    entries = (
        f"  config {{\n    name: {_quoted(name)}\n    base_path: {_quoted('/models/' + name)}\n"
        '    model_platform: "tensorflow"\n    model_version_policy { all {} }\n  }\n'
        for name in names
    )
    return f"model_config_list {{\n{''.join(entries)}}}\n"


def _quoted(text: str) -> str:
    """A string of protocol buffers' text format."""
    return json.dumps(text, ensure_ascii=False)


def _curl(name: str) -> str:
    """The calls of a model, for a shell."""
    return CURL.format(url=quote(name, safe=""), data=shlex.quote(f"@request-{name}.json"))


def _sources(folders: Iterable[str | os.PathLike]) -> dict[str, list[tuple[int, Path]]]:
    """Name to its numbered SavedModels."""
    found = {}
    for folder in map(files.path_of, folders):
        if presets.is_folder_of_preset(folder):
            presets.verify(folder, only="1/")
        versions = _versions(folder) or _versions(folder / "saved_model")
        if not versions:
            raise ValueError(
                f"Expected a folder with numbered SavedModels, such as {folder}/1. Received: {folder}, "
                "which has none. Give the folder of a preset or of a run."
            )
        name = folder.resolve().name
        if not name or not name.isprintable() or PATTERN & set(name):
            raise ValueError(
                "Expected a folder whose name can be a model's: printable, and without the characters "
                f"{' '.join(sorted(PATTERN))}, in which TensorFlow sees a pattern. Received: {name!r}."
            )
        if name in found:
            raise ValueError(f'Expected models of different names. Received "{name}" twice.')
        found[name] = versions
    return found


def _versions(folder: Path) -> list[tuple[int, Path]]:
    return sorted(
        (int(path.name), path)
        for path in folder.glob("[0-9]*")
        if re.fullmatch("[0-9]+", path.name) and (path / "saved_model.pb").exists()
    )


def _place(name: str, version: int, source: Path, target: Path) -> Served:
    """Copies a SavedModel, as the version it has, or as the next one where that is another model's."""
    present = _versions(target)
    for number, folder in present:
        if _same(source, folder):
            return Served(name, number, folder)
    if version in dict(present):
        version = present[-1][0] + 1
    with files.whole_folder(target / str(version)) as partial:
        presets.copy(source, partial, presets.plain_files(source))
        _write_warmup(name, partial)
    return Served(name, version, target / str(version))


def _same(a: Path, b: Path) -> bool:
    names = [name for name in presets.plain_files(a) if name != WARMUP.as_posix()]
    return all(
        (b / name).exists() and filecmp.cmp(a / name, b / name, shallow=False) for name in names
    )


def _write_warmup(name: str, folder: Path) -> None:
    """One request for each signature, which the server answers before it says that it is ready."""
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    signatures = _signatures(folder)
    (folder / WARMUP).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / WARMUP)) as writer:
        for signature in WARMED:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            for key, value in _blank(signatures[signature]).items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictLog(request=request)
            writer.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())


def _signatures(folder: Path) -> Mapping[str, Callable]:
    """Functions of a SavedModel of the zoo, by name."""
    try:
        found = tf.saved_model.load(str(folder)).signatures
    # Whatever its bytes made TensorFlow raise.
    except Exception as error:
        reason = first_line(error)[:LONGEST_REASON]
        raise ValueError(
            f"{folder} is no SavedModel that TensorFlow can load ({reason}). Export the model anew."
        ) from None
    missing = [name for name in WARMED if name not in found]
    if missing:
        raise ValueError(
            f"Expected a SavedModel of the zoo. Received: {folder}, without the signatures {', '.join(missing)}."
        )
    return found


def _blank(signature) -> dict[str, np.ndarray]:
    """Inputs of zeros for one image."""
    _, inputs = signature.structured_input_signature
    return {
        name: np.zeros((1, *spec.shape[1:]), spec.dtype.as_numpy_dtype)
        for name, spec in inputs.items()
    }


def _rest_request(folder: Path) -> dict:
    blank = _blank(_signatures(folder)["decode"])
    return {"signature_name": "decode", "inputs": {name: v.tolist() for name, v in blank.items()}}


COMPOSE = f"""\
services:
  serving:
    image: {IMAGE}
    command: ["--model_config_file=/serving/models.config", "--model_config_file_poll_wait_seconds=60"]
    ports: ["{GRPC_PORT}:8500", "{REST_PORT}:8501"]
    volumes:
      - ./models:/models:ro
      - ./models.config:/serving/models.config:ro
    restart: unless-stopped
"""

CLIENT_SH = f"""\
#!/usr/bin/env sh
# What the server says of each model, and an image decoded from a latent of zeros.
server=${{1:-http://localhost:{REST_PORT}}}
"""

CURL = """
curl --fail "$server/v1/models/{url}/metadata"
curl --fail --data {data} "$server/v1/models/{url}:predict"
"""

CLIENT_PY = f'''\
"""Calls a model through gRPC: pip install tensorflow-serving-api

    python client.py NAME images.npy            # float32, (n, height, width, channels), in [0, 1]
"""

import argparse

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

SECONDS = 30


def call(server: str, model: str, signature: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    """The outputs of a model's signature: encode, decode, reconstruct, sample."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    with grpc.insecure_channel(server) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answer = stub.Predict(request, SECONDS)
    return {{name: tf.make_ndarray(value) for name, value in answer.outputs.items()}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("images")
    parser.add_argument("--server", default="localhost:{GRPC_PORT}")
    options = parser.parse_args()
    images = np.load(options.images).astype("float32")
    for name, value in call(options.server, options.model, "encode", images=images).items():
        print(name, value, sep="\\n")
'''
