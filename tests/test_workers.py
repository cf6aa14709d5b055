"""`zoo train --workers`: two processes on this machine train one run, one is killed, and both go on. A minute long."""

import json
import os
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

import zoo

pytestmark = pytest.mark.slow

RUN = ["vae", "--data", "digits", "--likelihood", "continuous_bernoulli", "--latent-dim", "2"]
RUN += ["--batch-size", "16", "--steps", "60", "--checkpoint-every", "5", "--metrics", "mig"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def start(index, addresses, out, *more):
    task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    return subprocess.Popen(
        [sys.executable, "-m", "zoo", "train", *RUN, "--workers", "--out", out, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CONFIG": json.dumps(task)},
    )


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder of a run whose second worker was killed, which went on, and what the first one said of it."""
    out = tmp_path_factory.mktemp("workers") / "run"
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    first, second = (start(index, addresses, out) for index in range(2))
    end = time.monotonic() + 200
    while not list(out.glob("checkpoints/*.keras")) and time.monotonic() < end:
        time.sleep(0.05)
    second.kill()
    second.communicate()
    said = first.communicate(timeout=200)[1]
    stopped = first.returncode, said, len(list(out.glob("checkpoints/*.keras")))
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    workers = [start(index, addresses, out, "--resume") for index in range(2)]
    ends = [(worker.communicate(timeout=300), worker.returncode) for worker in workers]
    return out, stopped, ends


def test_a_worker_that_loses_another_ends_with_one_line(killed):
    _, (code, said, checkpoints), _ = killed
    assert code == 2
    assert checkpoints
    assert "Another worker has stopped" in said.strip().splitlines()[-1]


def test_workers_that_go_on_end_with_the_weights_of_one_process(killed, tmp_path):
    out, _, ends = killed
    assert [code for _, code in ends] == [0, 0], ends
    assert "The first worker writes" in ends[1][0][0]
    one = zoo.train(
        "vae",
        "digits",
        likelihood="continuous_bernoulli",
        latent_dim=2,
        batch_size=16,
        steps=60,
        metrics="mig",
        show_progress=False,
        out=tmp_path / "one",
    )
    for own, other in zip(one.model.get_weights(), zoo.load(out).get_weights(), strict=True):
        assert np.max(np.abs(own - other)) < 1e-5
    assert (out / "scores.json").exists()
