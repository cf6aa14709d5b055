"""Studies whose worker, second machine or driver is killed end with the results of one that nobody killed."""

import contextlib
import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import signals

from zoo import runs, studies

pytestmark = pytest.mark.slow

CELLS = ["beta_vae/beta=1-seed0", "beta_vae/beta=4-seed0"]
COMMAND = [
    *(sys.executable, "-m", "zoo", "study", "beta_vae", "--data", "digits", "--grid", "beta=1,4"),
    *("--seeds", "0", "--likelihood", "continuous_bernoulli", "--latent-dim", "3"),
    *("--batch-size", "16", "--steps", "150", "--checkpoint-every", "50", "--metrics", "mig,irs"),
]
QUIET = {**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
SECONDS = 400


def begin(out, *options):
    with signals.heeded():
        return subprocess.Popen(
            [*COMMAND, "--out", str(out), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=QUIET,
        )


def ended(process, code=0):
    try:
        said, errors = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert process.returncode == code, f"{said}\n{errors}"
    return said + errors


def waits_for(found, process=None):
    until = time.monotonic() + SECONDS
    while not (result := found()):
        if process is not None and process.poll() is not None:
            pytest.fail("".join(process.communicate()))
        assert time.monotonic() < until
        time.sleep(0.05)
    return result


def in_training(out, holders=None):
    """A cell with a checkpoint that a process trains, and that process; of certain ones, if they are told."""
    for cell in CELLS:
        folder = out / "cells" / cell
        try:
            holder = int(re.search(r"process (\d+)", (folder / ".lock").read_text())[1])
        except (OSError, TypeError):
            continue
        # A killed one leaves its signature.
        holds = Path(f"/proc/{holder}").exists() and (holders is None or holder in holders)
        if holds and runs.checkpoints(folder):
            return cell, holder
    return None


def past(out, cell):
    """Rows of a cell's history up to its last checkpoint, with the seconds that they took."""
    folder = out / "cells" / cell
    last = int(re.search(r"\d+", runs.checkpoints(folder)[-1].name)[0])
    return [row for row in runs.read_history(folder) if row["step"] <= last]


def assert_same(out, reference, cell, before):
    assert (out / "results.csv").read_bytes() == (reference / "results.csv").read_bytes()
    assert before
    # A cell that had begun anew would have taken other seconds.
    assert runs.read_history(out / "cells" / cell)[: len(before)] == before


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A study that nobody killed, one cell after another."""
    out = tmp_path_factory.mktemp("reference") / "study"
    ended(begin(out, "--jobs", "1"))
    with (out / "results.csv").open() as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["finished"] * 2
    return out


def test_a_killed_worker_of_ray_costs_no_result(reference, tmp_path):
    out = tmp_path / "study"
    study = begin(out, "--jobs", "2")
    cell, worker = waits_for(lambda: in_training(out), study)
    before = past(out, cell)
    os.kill(worker, signal.SIGKILL)
    said = ended(study)
    assert f"{cell}: its worker is gone" in said
    assert "goes on from its last checkpoint" in said
    assert_same(out, reference, cell, before)


def test_a_killed_process_of_a_study_without_ray_costs_no_result(reference, tmp_path):
    out = tmp_path / "study"
    study = begin(out, "--jobs", "1")
    cell, worker = waits_for(lambda: in_training(out), study)
    before = past(out, cell)
    os.kill(worker, signal.SIGKILL)
    assert "signal SIGKILL" in ended(study)
    assert_same(out, reference, cell, before)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_killed_driver_is_started_again_by_the_same_command(reference, tmp_path, jobs):
    out = tmp_path / "study"
    study = begin(out, "--jobs", jobs)
    cell, _ = waits_for(lambda: in_training(out), study)
    os.kill(study.pid, signal.SIGKILL)
    study.communicate()
    waits_for(lambda: in_training(out) is None)
    before = past(out, cell)
    assert cell in studies.status(out).stopped
    ended(begin(out, "--jobs", jobs))
    assert_same(out, reference, cell, before)


def test_ctrl_c_is_clean_and_the_same_command_goes_on(reference, tmp_path):
    out = tmp_path / "study"
    study = begin(out, "--jobs", "2")
    cell, _ = waits_for(lambda: in_training(out), study)
    study.send_signal(signal.SIGINT)
    said = ended(study, code=130)
    assert "The same command goes on" in said
    assert "Traceback" not in said
    waits_for(lambda: in_training(out) is None)
    before = past(out, cell)
    ended(begin(out, "--jobs", "2"))
    assert_same(out, reference, cell, before)


# Two nodes of Ray on this machine


def node(*options, hidden=None):
    """A node of Ray as processes of its own; one that does not see a folder, if that is to be hidden."""
    ray = [str(Path(sys.executable).parent / "ray"), "start", "--num-cpus", "1", *options]
    if hidden is not None:
        words = " ".join(ray)
        ray = ["unshare", "-m", "sh", "-c", f"mount -t tmpfs none '{hidden}' && {words}"]
    subprocess.run(ray, check=True, env=QUIET, capture_output=True, timeout=120)


def processes(mark):
    """Numbers of the processes whose command line has a mark, and of all that they started."""
    found, parents = set(), {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            pid = int(folder.name)
            parents[pid] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if mark.encode() in (folder / "cmdline").read_bytes() and pid != os.getpid():
                found.add(pid)
        except OSError:
            continue
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def stop_node(port):
    kill(processes(f":{port}") | processes(f"port={port}"))


def kill(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def second_node(port):
    """All processes of the node that is not the head: its raylet and workers, by their socket."""
    code = (
        f"import ray; ray.init('127.0.0.1:{port}', log_to_driver=False, logging_level=50)\n"
        "print([n['RayletSocketName'] for n in ray.nodes() if n['Alive'] "
        "and 'node:__internal_head__' not in n['Resources']][0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=QUIET, check=True
    )
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize(("is_seen", "port"), [(True, 6401), (False, 6402)])
def test_a_killed_second_node_costs_no_result(reference, tmp_path, is_seen, port):
    """Where it sees the study's folder, and where its runs are fetched through Ray."""
    out = tmp_path / "shared" / "study"
    out.parent.mkdir()
    if not is_seen and subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("a folder cannot be hidden from a process here")
    try:
        node("--head", "--port", str(port), "--include-dashboard=false")
        node("--address", f"127.0.0.1:{port}", hidden=None if is_seen else out.parent)
        socket = second_node(port)
        study = begin(out, "--address", f"127.0.0.1:{port}")
        if is_seen:
            cell, _ = waits_for(lambda: in_training(out, processes(socket)), study)
        else:
            cell = waits_for(lambda: handed_over(out), study)
        before = past(out, cell)
        kill(processes(socket))
        said = ended(study)
        assert re.search(rf"{re.escape(cell)}: its (machine|worker) is gone", said)
        assert_same(out, reference, cell, before)
    finally:
        stop_node(port)


def handed_over(out):
    """A cell with a checkpoint that nobody who sees the folder trains."""
    for cell in CELLS:
        folder = out / "cells" / cell
        if runs.checkpoints(folder) and not (folder / ".lock").exists():
            time.sleep(0.2)
            if runs.checkpoints(folder) and not (folder / ".lock").exists():
                return cell
    return None
