"""`zoo.train` on several devices and in several processes, each in processes of their own: TensorFlow starts once."""

import json
import os
import socket
import subprocess
import sys

import pytest

from zoo.runs import _workers, training

COMMAND = [sys.executable, "-m", "zoo", "train", "--workers"]
SCRIPT = """
import json, sys
import numpy as np
import zoo
from zoo.runs import training

folder = sys.argv[1]
settings = {"model": "factor_vae", "data": "digits", "latent_dim": 2, "batch_size": 16, "metrics": "mig",
            "likelihood": "continuous_bernoulli", "settings": {"discriminator_layers": 1}, "show_progress": False}
found = {}
for name, wrong in {"batch": {"batch_size": 15}, "text": {"devices": "none"}, "zero": {"devices": 0}}.items():
    try:
        zoo.train(out=f"{folder}/wrong", **{**settings, "devices": 2, **wrong})
    except ValueError as error:
        found[name] = str(error)
two = zoo.train(steps=4, checkpoint_every=2, devices=2, out=f"{folder}/two", **settings)
two = zoo.train(steps=8, resume=True, devices=2, out=f"{folder}/two", **settings)
other = zoo.train(steps=4, devices=2, out=f"{folder}/other", **settings)
other = zoo.train(steps=8, resume=True, out=f"{folder}/other", **settings)
one = zoo.train(steps=8, out=f"{folder}/one", **settings)
weights = {"one": one, "two": two, "other": other}
weights = {name: [w.tolist() for w in run.model.get_weights()] for name, run in weights.items()}
for name in ("two", "other"):
    pairs = zip(weights[name], weights["one"])
    found[name] = max(float(np.max(np.abs(np.subtract(a, b)))) for a, b in pairs if np.size(a))
found["files"] = [str(path.relative_to(two.folder)) for path in two.files]
found["configs"] = [json.load(open(f"{folder}/{name}/config.json")) for name in ("one", "two")]
try:
    zoo.train(steps=8, devices=3, out=f"{folder}/wrong", **settings)
except ValueError as error:
    found["late"] = str(error)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, folder],
        capture_output=True,
        text=True,
        timeout=500,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {**json.loads(done.stdout.strip().splitlines()[-1]), "folder": folder}


def test_two_devices_train_to_the_weights_of_one(found):
    assert found["two"] < 1e-5


def test_a_run_goes_on_with_another_number_of_devices(found):
    assert found["other"] < 1e-5


def test_the_number_of_devices_is_no_part_of_a_run(found):
    assert found["configs"][0] == {**found["configs"][1]}
    assert {"model.keras", "scores.json", "saved_model/1/saved_model.pb"} <= set(found["files"])


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("batch", "must be a multiple of 2. Received: batch_size=15"),
        ("text", 'must be a number >= 1 or "all"'),
        ("zero", "must be an integer >= 1"),
        ("late", "TensorFlow has already started here with 2 CPU devices"),
    ],
)
def test_devices_that_cannot_be_had_are_one_line(found, what, words):
    assert words in found[what]
    assert "\n" not in found[what]
    assert not (found["folder"] / "wrong").exists()


def config(addresses=("127.0.0.1:1", "127.0.0.1:2"), job="worker", **task):
    return json.dumps(
        {
            "cluster": {job: list(addresses)},
            "task": {"type": job, "index": 0, **task},
        }
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "needs the environment variable TF_CONFIG"),
        ("{", "must be JSON"),
        ("[1]", "must be an object"),
        ("{}", "must name workers"),
        (config(job="ps"), "nothing but chief and worker"),
        (config(index=2), "which of its 2 workers"),
        (config(type="evaluator"), "which of its 2 workers"),
        (config(addresses=["127.0.0.1"]), "host:port"),
        (config(addresses=["127.0.0.1:1", "127.0.0.1:1"]), "address of its own"),
    ],
)
def test_a_wrong_tf_config_is_one_line(monkeypatch, text, words):
    monkeypatch.delenv(_workers.VARIABLE, raising=False)
    if text is not None:
        monkeypatch.setenv(_workers.VARIABLE, text)
    with pytest.raises(ValueError, match=words):
        _workers.from_environment()


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_the_command_ends_where_a_worker_is_missing(tmp_path):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    done = subprocess.run(
        [*COMMAND, "vae", "--data", "digits", "--wait", "0.5", "--out", tmp_path / "run"],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, _workers.VARIABLE: config(addresses)},
    )
    assert done.returncode == 2
    assert f"does not answer within 0.5 seconds: {addresses[1]}" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("several", [{"devices": 2}, {"workers": True}])
def test_jax_is_not_asked_for_several_devices(tmp_path, several):
    with pytest.raises(ValueError, match="are for the runtime tensorflow"):
        training.train("vae", "digits", runtime="jax", out=tmp_path / "run", **several)
    assert not (tmp_path / "run").exists()
