"""Studies as portable jobs: packed, run, and unpacked as finished cells."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from zoo import runs, studies
from zoo.cli import main
from zoo.runs import portable, report
from zoo.runs.portable.job import command, program, results
from zoo.studies import Block, Study, session

ASKED = {
    **{"data": "digits", "seeds": "0-1", "metrics": ["mig"], "steps": 3, "batch_size": 4},
    **{"latent_dim": 2, "likelihood": "continuous_bernoulli"},
}
BLOCK = {
    **{name: ASKED[name] for name in ("data", "seeds")},
    "run": {name: ASKED[name] for name in ("steps", "batch_size", "latent_dim", "likelihood")},
}
OPTIONS = [
    *("vae", "--data", "digits", "--seeds", "0-1", "--metrics", "mig", "--steps", "3"),
    *("--batch-size", "4", "--latent-dim", "2", "--likelihood", "continuous_bernoulli"),
]
CELLS = ("vae/seed0", "vae/seed1")


def study(*arguments):
    return CliRunner().invoke(main, ["study", *map(str, arguments)])


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The jobs of two cells, of which the first has run, and what packing them said."""
    folder = tmp_path_factory.mktemp("packed")
    found = study(*OPTIONS, "--out", folder / "study", "--pack", folder / "jobs")
    assert found.exit_code == 0, found.output
    assert command.main(str(folder / "jobs" / "vae--seed0.zip"), []) == 0
    return folder, found.output


@pytest.fixture
def jobs(packed, tmp_path):
    """A copy of the study, which has no cell yet, and of its jobs."""
    shutil.copytree(packed[0], tmp_path, dirs_exist_ok=True)
    return tmp_path / "jobs"


@pytest.fixture
def nobody_trains(monkeypatch):
    def engine(*_):
        raise AssertionError("A cell was to be trained.")

    monkeypatch.setattr(session, "_engine", engine)


def unpacked(jobs):
    how = {"out": jobs.parent / "study", "jobs": jobs, "show_progress": False}
    return studies.unpack("vae", **ASKED, **how)


def test_packing_writes_a_job_for_each_cell_and_says_how_to_run_it(packed):
    folder, said = packed
    assert {file.name for file in (folder / "jobs").glob("*.zip")} == {
        "vae--seed0.zip",
        "vae--seed1.zip",
    }
    assert f"such as: python {folder}/jobs/vae--seed0.zip" in said
    assert f"--unpack {folder}/jobs" in said
    assert studies.status(folder / "study").to_go == list(CELLS)
    assert not (folder / "study" / "cells").exists()


def test_a_study_by_jobs_from_first_to_last(jobs, nobody_trains):
    out = jobs.parent / "study"
    found = study(*OPTIONS, "--out", out, "--unpack", jobs)
    assert found.exit_code == 0, found.output
    assert "vae/seed0: finished" in found.output
    assert f"vae/seed1: no results in {jobs}/vae--seed1-results" in found.output
    assert "1 cells have no results yet" in found.output
    assert "1 cells finished, 0 failed" in found.output
    status = studies.status(out)
    assert (status.finished, status.to_go) == (["vae/seed0"], ["vae/seed1"])

    before = (out / "cells" / "vae" / "seed0" / "scores.json").stat().st_mtime_ns
    how = {"out": out, "jobs": jobs, "show_progress": False}
    assert list(studies.pack("vae", **ASKED, **how).files) == ["vae/seed1"]
    assert command.main(str(jobs / "vae--seed1.zip"), []) == 0
    stopped = (
        out / "cells" / "vae" / "seed1"
    )  # half-way, here: the job's finished run takes its place
    runs.open_folder(stopped, Study([Block("vae", **BLOCK)]).cells()[1].config)
    (stopped / "checkpoints").mkdir()
    done = unpacked(jobs)
    assert {path.name for path in stopped.parent.iterdir()} == {"seed0", "seed1"}
    assert (done.waiting, done.failed) == ({}, {})
    assert done.results["state"] == ["finished"] * 2
    assert (out / "cells" / "vae" / "seed0" / "scores.json").stat().st_mtime_ns == before
    again = studies.run("vae", **ASKED, out=out, show_progress=False)
    assert again.results == done.results

    found = report.score(stopped, metrics="mig", seed=1).scores
    assert json.loads((stopped / "scores.json").read_text())["scores"] == found
    assert done.results["mig"][1] == found["mig"]
    assert "All cells are finished" in study(*OPTIONS, "--out", out, "--pack", jobs).output


@pytest.mark.parametrize(
    ("done", "waits", "said"),
    [(0, True, "no results in"), (2, True, "2 of 3 updates"), (5, False, "holds 5 updates")],
)
def test_a_job_that_is_not_at_its_end_is_waited_for(jobs, done, waits, said):
    file = jobs / "vae--seed0.zip"
    found = results.read(results.default_folder(file), program.read(file).plan)
    found.done = done
    results.write(results.default_folder(file), found)
    told = unpacked(jobs)
    assert said in (told.waiting if waits else told.failed)["vae/seed0"]
    assert not (jobs.parent / "study" / "cells").exists()


def test_jobs_and_results_of_something_else_are_named_and_stop_no_others(jobs):
    shutil.copy(jobs / "vae--seed1.zip", jobs / "vae--seed0.zip")
    (jobs / "vae--seed1-results").mkdir()
    np.savez(jobs / "vae--seed1-results" / "state.npz", facts="{}")
    done = unpacked(jobs)
    assert "seed0.zip is the job of another run" in done.failed["vae/seed0"]
    assert "is damaged" in done.failed["vae/seed1"]
    assert not (jobs.parent / "study" / "cells").exists()
    how = {"out": jobs.parent / "study", "jobs": jobs, "show_progress": False}
    again = studies.pack("vae", **ASKED, **how)
    assert list(again.files) == ["vae/seed1"]
    assert "another run" in again.refused["vae/seed0"]


def test_a_cell_that_cannot_be_packed_is_named_and_stops_no_others(tmp_path, monkeypatch):
    def pack(model, data, out, *, seed, **_):
        if seed == 0:
            raise ValueError("vae on digits cannot be packed: no form.")
        out.write_bytes(b"job")

    monkeypatch.setattr(portable, "pack", pack)
    found = study(*OPTIONS, "--out", tmp_path / "study", "--pack", tmp_path / "jobs")
    assert found.exit_code == 1
    assert "vae/seed0 is not packed: vae on digits cannot be packed: no form." in found.output
    assert [file.name for file in (tmp_path / "jobs").iterdir()] == ["vae--seed1.zip"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*OPTIONS, "--pack", "jobs", "--unpack", "jobs"], "--pack or --unpack. Received: both"),
        ([*OPTIONS, "--pack", "jobs", "--jobs", "2"], "Received beside it: --jobs"),
        ([*OPTIONS, "--unpack", "nowhere"], "Received: nowhere"),
        ([*OPTIONS[:3], "--pack", "jobs", "--set", "beta=3"], "beta"),
        (["--pack", "jobs"], "Expected models"),
        (["--named", "total_correlation", "--steps", "3", "--pack", "jobs"], "beside it: steps"),
        (["--named", "factor_vea", "--unpack", "jobs"], "factor_vea"),
    ],
)
def test_what_cannot_be_packed_or_unpacked_is_one_line(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = study(*arguments, "--out", "study")
    assert (found.exit_code, said in found.output) == (2, True), found.output
    assert not (tmp_path / "jobs").exists()
    assert not (tmp_path / "study").exists()
