"""Studies: what is asked for, cells that are trained by workers that die, tables and the report."""

import csv
import importlib.util
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from zoo import runs, studies
from zoo.cli import main
from zoo.runs import training
from zoo.studies import _agreement, _elsewhere, _ray, report, session, toml
from zoo.studies._cell import BUSY, DIED, FAILED, FINISHED, Outcome
from zoo.studies.grid import parse_grid, parse_seeds
from zoo.studies.plan import Block, Study

SMALL = {"likelihood": "continuous_bernoulli", "latent_dim": 2, "batch_size": 8, "steps": 4}
OPTIONS = ("--likelihood", "continuous_bernoulli", "--latent-dim", "2", "--batch-size", "8",
           "--steps", "4", "--metrics", "mig,irs")  # fmt: skip


def zoo(*arguments):
    return CliRunner().invoke(main, ["study", *map(str, arguments)])


def block(**changes):
    given = {"models": "beta_vae", "data": "digits", "seeds": "0-1", "grid": {"beta": [1, 4]}}
    given |= {"run": SMALL, **changes}
    given["run"] = {
        name: value for name, value in given["run"].items() if name not in given["grid"]
    }
    return Block(**given)


def names(*blocks):
    return [cell.name for cell in Study(blocks).cells()]


@pytest.fixture(scope="module")
def with_ray():
    """Ray, started once for all tests that need workers."""
    ray = pytest.importorskip("ray")
    _ray.connect(ray, 2, None)
    yield ray
    ray.shutdown()


# What is asked for


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("beta=1,2,4.5", [1, 2, 4.5]),
        ("beta=linear(4, 1000),cyclical(4,100,ratio=0.5),1", ["linear(4, 1000)", "cyclical(4,100,ratio=0.5)", 1]),
        ("normalized=true,false", [True, False]),
        ("widths=[1,2],(3, 4)", [[1, 2], (3, 4)]),
        ("likelihood=bernoulli,gaussian(scale='a,b')", ["bernoulli", "gaussian(scale='a,b')"]),
        ("free_bits= 0 , 1e-3 ", [0, 1e-3]),
    ],
)  # fmt: skip
def test_commas_in_brackets_and_quotes_belong_to_a_value(text, values):
    assert list(parse_grid([text]).values()) == [values]


@pytest.mark.parametrize(
    ("text", "seeds"), [("0-4", [0, 1, 2, 3, 4]), ("3", [3]), ("0-1, 7", [0, 1, 7])]
)
def test_seeds_are_ranges_and_numbers(text, seeds):
    assert parse_seeds(text) == seeds


def test_cells_are_every_combination_with_the_seed_last():
    found = block(models=["vae", "annealed_vae"], grid={"latent_dim": [2, 3]}, seeds=[5])
    assert names(found) == [
        "vae+annealed_vae/vae-latent_dim=2-seed5",
        "vae+annealed_vae/vae-latent_dim=3-seed5",
        "vae+annealed_vae/annealed_vae-latent_dim=2-seed5",
        "vae+annealed_vae/annealed_vae-latent_dim=3-seed5",
    ]
    (cell, *_) = Study([found]).cells()
    assert (cell.config.latent_dim, cell.config.steps) == (2, 4)


def test_values_that_read_alike_have_folders_of_their_own():
    found = names(block(grid={"beta": ["linear(4, 100)", "linear(4.100, 1)", "linear(4,100,0.5)"]}))
    assert len(set(map(str.lower, found))) == len(found)
    twins = names(block(data=["split(digits, 0.5, 0.5)[0]", "split(digits, 0.5, 0.5)[1]"], grid={}))
    assert len(set(twins)) == len(twins)
    long = names(
        block(grid={"likelihood": ["gaussian(scale=0." + k * 200 + ")" for k in "12"]}, run={})
    )
    assert len(set(long)) == 4
    assert max(map(len, long)) < 200


def test_a_study_as_toml_is_read_back(tmp_path):
    first = block(
        name="first",
        grid={"beta": [1, 0.5, "linear(4, 1000)"], "free_bits": [0.0, 1.0]},
        seeds=[3, 1],
    )
    second = block(
        models="factor_vae",
        grid={},
        settings={"gamma": 10, "normalized": None, "t": [1, [2.5, True]]},
    )
    study = Study([first, second], ["mig", "dci(booster='lightgbm')"])
    (tmp_path / "study.toml").write_text(toml.text_of(study))
    assert studies.read(tmp_path / "study.toml") == study


def test_what_stands_above_the_blocks_is_for_all():
    study = toml.parse("""
        data = "digits"
        steps = 10
        seeds = "0-1"
        metrics = "mig, irs"
        [[block]]
        model = "vae"
        [[block]]
        model = "beta_vae"
        steps = 20
        grid.beta = [2, 4]
    """)
    assert study.metrics == ("mig", "irs")
    assert [cell.config.steps for cell in study.cells()] == [10, 10, 20, 20, 20, 20]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[block]]\nmodel='vae'\ndata='digits'\n[[block]]\nmodel='vae'\ndata='digits'", "two of the name 'vae'"),
        ("[a]\n[a]", "Expected TOML"),
        ("steps = 3", "at least one block"),
        ("[[block]]\nmodel='vae'", "Expected `data`"),
        ("[[block]]\nmodel='vae'\ndata='digits'\nsteeps=3", 'Did you mean "steps"'),
        ("block = 3", "Expected blocks"),
        ("[[block]]\nmodel='vae'\ndata='digits'\ngrid=3", "Expected grid.NAME"),
        ("[[block]]\nmodel='vae'\ndata='digits'\ngrid.latent_dim=3", "Expected values of 'latent_dim'"),
        ("[[block]]\nmodel='vae'\ndata='digits'\nseeds=[0, 0]", "different seeds"),
        ("[[block]]\nmodel='vae'\ndata='digits'\nname='../up'", "name of a block"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_study_is_refused_by_name(text, words, tmp_path):
    (tmp_path / "study.toml").write_text(text)
    done = zoo(tmp_path / "study.toml", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["beta_va", "--data", "digits"], 'Did you mean "beta_vae"'),
        (["beta_vae", "--data", "digit"], "digit"),
        (["beta_vae"], "Expected `data`"),
        ([], "Expected models"),
        (["beta_vae", "--data", "digits", "--grid", "bet=1,2"], 'Did you mean "beta"'),
        (["vae", "beta_vae", "--data", "digits", "--grid", "beta=1,2"], "setting of vae"),
        (["beta_vae", "--data", "digits", "--grid", "beta="], "Expected values of 'beta'"),
        (["beta_vae", "--data", "digits", "--grid", "beta"], "name=value"),
        (["beta_vae", "--data", "digits", "--grid", "beta=1", "--grid", "beta=2"], "one grid of 'beta'"),
        (["beta_vae", "--data", "digits", "--grid", "seed=1"], "--seeds"),
        (["beta_vae", "--data", "digits", "--grid", "beta=1", "--set", "beta=2"], "Received: both"),
        (["beta_vae", "--data", "digits", "--grid", "beta=1,-1"], "`beta` must be a number >= 0"),
        (["beta_vae", "--data", "digits", "--grid", "beta=1,liner(4, 10)"], "Unknown schedule"),
        (["beta_vae", "--data", "digits", "--grid", "latent_dim=2,0"], "`latent_dim` must be"),
        (["beta_vae", "--data", "digits", "--grid", "beta=4,4.0"], "the same run"),
        (["beta_vae", "--data", "digits", "--grid", "beta=linear(4,10),linear(4, 10)"], "the same run"),
        (["beta_vae", "--data", "digits", "--seeds", "4-0"], "from a lower to a higher"),
        (["beta_vae", "--data", "digits", "--seeds", "a"], "Expected seeds such as"),
        (["beta_vae", "--data", "digits", "--metrics", "migg"], 'Did you mean "mig"'),
        (["ada_gvae", "--data", "digits"], "ada_gvae: Expected"),
        (["beta_vae", "--data", "digits", "--jobs", "0"], "`jobs` must be"),
        (["beta_vae", "--data", "digits", "--steps", "0"], "`steps` must be"),
        (["beta_vae", "--data", "digits", "--checkpoint-every", "0"], "`checkpoint_every` must be"),
        (["none.toml"], "which is not there"),
        (["beta_vae", "--data", "digits", "--address", "127.0.0.1:1"], "There is no Ray at '127.0.0.1:1'"),
        (["beta_vae", "--data", "digits", "--address", "ray://there:10001"], "as HOST:PORT"),
        (["beta_vae", "--data", "digits", "--address", "nowhere.invalid:6379"], "There is no Ray at"),
        (["beta_vae", "--data", "digits", "--address", "there"], "as HOST:PORT"),
        (["beta_vae", "--data", "digits", "--gpus", "-1"], "`gpus` must be"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_trains_nothing(arguments, words, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "train", None)
    done = zoo(*arguments, "--out", tmp_path / "out")
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_without_a_folder_there_is_no_study():
    done = zoo("vae", "--data", "digits")
    assert (done.exit_code, "--out" in done.stderr) == (2, True)


# What the session does with workers, one of which is made up


class Workers:
    """Writes what a cell's training writes last, or ends as the script of the cell says."""

    def __init__(self, script=None, capacity=2):
        self.script = script or {}
        self.capacity, self.begun, self.outcomes, self.stopped = capacity, [], {}, 0

    def start(self, job, folder):
        self.begun.append(job.name)
        left = self.script.get(job.name)
        outcome = left.pop(0) if left else Outcome(FINISHED)
        if outcome.state == FINISHED:
            pretend(job, folder)
        self.outcomes[job.name] = outcome

    def wait(self, seconds):
        if not self.outcomes:
            return {}
        name = min(self.outcomes)
        outcome = self.outcomes.pop(name)
        if isinstance(outcome, KeyboardInterrupt):
            raise outcome
        return {name: outcome}

    def stop(self):
        self.stopped += 1


def pretend(job, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(job.config))
    beta, seed = job.config["settings"]["beta"], job.config["seed"]
    scores = {
        "reconstruction": 10 + beta,
        "kl": 1.0,
        "elbo": -11 - beta,
        "mig": round(0.1 * beta + 0.01 * seed, 3),
        "irs": 0.5 + seed,
    }
    how = {"metrics": {name: {"entries": [name]} for name in ("mig", "irs")}}
    (folder / "scores.json").write_text(json.dumps({"scores": scores, "how": how}))
    (folder / "card.md").write_text("card")


@pytest.fixture
def workers(monkeypatch):
    """Makes sessions use made-up workers: a function of their script."""
    monkeypatch.setattr(_agreement, "udr", lambda *_: {})
    drawn = report._draw
    monkeypatch.setattr(report, "_draw", lambda *arguments: drawn(*arguments) if make.draws else [])
    monkeypatch.setattr(session, "BUSY_PAUSE", 0.0)

    def make(script=None, **options):
        made = Workers(script, **options)
        monkeypatch.setattr(session, "_engine", lambda *_: made)
        return made

    make.draws = False
    return make


def run(out, *blocks, **options):
    options = {"metrics": ["mig", "irs"], "show_progress": False, **options}
    return studies.run(Study(blocks or [block()]), out=out, **options)


def test_the_tables_and_the_report_hold_every_cell(tmp_path, workers):
    workers.draws = True
    workers()
    done = run(tmp_path / "out")
    with (tmp_path / "out" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["cell"] for row in rows] == names(block()) == done.results["cell"]
    assert [(row["beta"], row["seed"], row["mig"]) for row in rows] == [
        ("1", "0", "0.1"), ("1", "1", "0.11"), ("4", "0", "0.4"), ("4", "1", "0.41")
    ]  # fmt: skip
    assert {"seconds", "folder"}.isdisjoint(rows[0])
    text = (tmp_path / "out" / "report.md").read_text()
    assert (
        "| beta_vae, beta = 1 | 2 | 11 ± 0 | 1 ± 0 | -12 ± 0 | 0.105 ± 0.0071 | 1 ± 0.71 |" in text
    )
    drawn = {path.stem for path in (tmp_path / "out" / "figures").iterdir()}
    assert drawn == {"trade_off-mig", "trade_off-irs", "seeds", "agreement"}
    assert set(re.findall(r"\(figures/(.*)\.png\)", text)) == drawn
    assert "Failed" not in text


def test_finished_cells_are_left_alone_and_the_file_is_the_same(tmp_path, workers):
    first = workers()
    run(tmp_path / "out")
    before = (tmp_path / "out" / "results.csv").read_bytes()
    second = workers()
    run(tmp_path / "out")
    assert (len(first.begun), second.begun) == (4, [])
    assert (tmp_path / "out" / "results.csv").read_bytes() == before


def test_the_order_in_which_cells_end_does_not_matter(tmp_path, workers):
    workers({names(block())[0]: [Outcome(DIED, "gone")]}, capacity=3)
    run(tmp_path / "one")
    workers(capacity=1)
    run(tmp_path / "other")
    one, other = ((tmp_path / name / "results.csv").read_bytes() for name in ("one", "other"))
    assert one == other


def test_a_cell_whose_worker_dies_goes_on(tmp_path, workers):
    first, *others = names(block())
    made = workers({first: [Outcome(DIED, "gone"), Outcome(DIED, "gone")]})
    done = run(tmp_path / "out")
    assert done.failed == {}
    assert [made.begun.count(name) for name in (first, *others)] == [3, 1, 1, 1]


def test_a_cell_that_kills_its_workers_fails_in_the_end(tmp_path, workers):
    first, *others = names(block())
    made = workers({first: [Outcome(DIED, "no memory left")] * 9})
    done = run(tmp_path / "out")
    assert done.failed == {first: "no memory left"}
    assert made.begun.count(first) == session.MOST_DEATHS
    assert done.results["state"] == ["failed", *["finished"] * len(others)]
    assert done.results["mig"][0] is None
    text = (tmp_path / "out" / "report.md").read_text()
    assert f"| {first} | no memory left |" in text


def test_a_cell_that_another_process_trains_is_waited_for(tmp_path, workers):
    first = names(block())[0]
    made = workers({first: [Outcome(BUSY, "in use by process 1")] * 3})
    assert run(tmp_path / "out").failed == {}
    assert made.begun.count(first) == 4


def test_a_diverged_cell_stays_failed_and_others_are_tried_again(tmp_path, workers):
    first, second, *_ = names(block())
    fails = Outcome(FAILED, "kl is nan", is_final=True), Outcome(FAILED, "no space left")
    workers({first: [fails[0]], second: [fails[1]]})
    assert run(tmp_path / "out").failed == {first: "kl is nan", second: "no space left"}
    made = workers()
    assert run(tmp_path / "out").failed == {first: "kl is nan"}
    assert made.begun == [second]


def test_ctrl_c_stops_the_workers_and_the_same_command_goes_on(tmp_path, workers):
    made = workers({names(block())[2]: [KeyboardInterrupt()]}, capacity=1)
    made.start_ = made.start

    def start(job, folder):
        if job.name == names(block())[2]:
            made.begun.append(job.name)
            made.outcomes[job.name] = KeyboardInterrupt()
        else:
            made.start_(job, folder)

    made.start = start
    arguments = ["beta_vae", "--data", "digits", "--grid", "beta=1,4", "--seeds", "0-1", *OPTIONS]
    stopped = zoo(*arguments, "--out", tmp_path / "out")
    assert stopped.exit_code == 130
    assert "The same command goes on" in stopped.stderr
    assert made.stopped == 1
    status = zoo("--status", tmp_path / "out").stdout
    assert "2 cells done, 0 failed, 0 running, 2 to go" in status
    again = workers()
    assert zoo(*arguments, "--out", tmp_path / "out").exit_code == 0
    assert again.begun == names(block())[2:]


def test_a_study_grows_by_seeds_and_values_and_is_no_other(tmp_path, workers):
    workers()
    run(tmp_path / "out")
    made = workers()
    run(tmp_path / "out", block(seeds="0-2", grid={"beta": [1, 2, 4]}))
    assert len(made.begun) == 9 - 4
    with pytest.raises(ValueError, match="holds another study"):
        run(tmp_path / "out", block(grid={"beta": [1, 2]}))
    with pytest.raises(ValueError, match="holds another study"):
        run(
            tmp_path / "out",
            block(seeds="0-2", grid={"beta": [1, 2, 4]}, run={**SMALL, "steps": 5}),
        )
    assert len(studies.status(tmp_path / "out").finished) == 9


def test_a_folder_of_something_else_is_left_alone(tmp_path, workers):
    workers()
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="which holds other files"):
        run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(ValueError, match=r"without study\.toml"):
        studies.status(tmp_path)


def test_progress_is_plain_lines_in_a_log(tmp_path, workers):
    workers(capacity=1)
    arguments = ["beta_vae", "--data", "digits", "--grid", "beta=1,4", "--seeds", "0-1", *OPTIONS]
    shown = zoo(*arguments, "--out", tmp_path / "out").stdout
    assert "\x1b" not in shown
    for name in names(block()):
        assert f"{name}: finished" in shown
    assert "4 cells finished, 0 failed" in shown
    assert "report.md" in shown


# What workers elsewhere hand over


def test_a_packed_run_is_whole_and_old_checkpoints_go(tmp_path):
    there, here = tmp_path / "there", tmp_path / "here"
    (there / "checkpoints").mkdir(parents=True)
    (there / "config.json").write_text("{}")
    (there / "checkpoints" / "step-00000020.keras").write_text("20")
    (there / ".lock").write_text("somebody")
    (there / ".partial-1-model.keras").write_text("half")
    (here / "checkpoints").mkdir(parents=True)
    (here / "checkpoints" / "step-00000010.keras").write_text("10")
    _elsewhere.unpack(_elsewhere.pack(there), here)
    found = sorted(path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file())
    assert found == ["checkpoints/step-00000020.keras", "config.json"]
    (there / "checkpoints" / "step-00000020.keras").unlink()
    (there / "model.keras").write_text("done")
    _elsewhere.unpack(_elsewhere.pack(there), here)
    assert not (here / "checkpoints").exists()


def test_what_a_lost_attempt_hands_over_is_not_kept(tmp_path):
    keeper = _elsewhere.Keeper(str(tmp_path))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "history.csv").write_text("new")
    archive = _elsewhere.pack(tmp_path / "run")
    lost, _ = keeper.begin("b/cell")
    current, _ = keeper.begin("b/cell")
    keeper.keep("b/cell", lost, archive)
    assert not (tmp_path / "cells" / "b" / "cell" / "history.csv").exists()
    keeper.keep("b/cell", current, archive)
    assert (tmp_path / "cells" / "b" / "cell" / "history.csv").read_text() == "new"


# Real training

ARGUMENTS = ["beta_vae", "--data", "digits", "--grid", "beta=2,1e38", "--seeds", "0", *OPTIONS]


@pytest.fixture(scope="module")
def by_ray(with_ray, tmp_path_factory):
    out = tmp_path_factory.mktemp("ray") / "study"
    return out, zoo(*ARGUMENTS, "--out", out)


def test_a_cell_that_diverges_costs_the_others_nothing_and_the_command_says_so(by_ray):
    out, done = by_ray
    assert done.exit_code == 1, done.output
    assert "beta=1e+38-seed0 failed: Training stopped at step 1" in done.stderr
    assert "1 cells finished, 1 failed" in done.stdout
    assert (
        "| beta_vae/beta=1e+38-seed0 | Training stopped at step 1"
        in (out / "report.md").read_text()
    )
    found = studies.status(out)
    assert found.finished == ["beta_vae/beta=2-seed0"]
    assert list(found.failed) == ["beta_vae/beta=1e+38-seed0"]
    assert {path.name for path in (out / "cells" / "beta_vae" / "beta=2-seed0").iterdir()} >= {
        "model.keras", "scores.json", "card.md", "history.csv", "saved_model"
    }  # fmt: skip


def test_without_ray_cells_train_one_after_another_to_the_same_bits(by_ray, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "zoo.utils.extras.find_spec", lambda name: None if name == "ray" else find(name)
    )
    done = zoo(*ARGUMENTS, "--out", tmp_path / "out")
    assert done.exit_code == 1, done.output
    assert "Ray is not installed: cells are trained one after another" in done.stdout
    assert 'pip install "vae-zoo[ray]"' in done.stdout
    expected = (by_ray[0] / "results.csv").read_bytes()
    assert (tmp_path / "out" / "results.csv").read_bytes() == expected
    refused = zoo(*ARGUMENTS, "--address", "auto", "--out", tmp_path / "other")
    assert (refused.exit_code, "pip install" in refused.stderr) == (2, True)


def test_a_search_stops_trials_early_on_scores_taken_during_training(with_ray, tmp_path):
    from ray import tune

    trainable = studies.trainable("beta_vae", "digits", every=2, metrics="mig", **SMALL)
    tuner = tune.Tuner(
        trainable,
        param_space={"beta": tune.grid_search([1, 8]), "learning_rate": 1e-3},
        tune_config=tune.TuneConfig(
            metric="mig",
            mode="max",
            scheduler=tune.schedulers.ASHAScheduler(
                "step", max_t=4, grace_period=2, reduction_factor=2
            ),
            max_concurrent_trials=1,
        ),
        run_config=tune.RunConfig(storage_path=str(tmp_path), name="search", verbose=0),
    )
    found = tuner.fit()
    assert not found.errors
    first, second = (result.metrics for result in found)
    assert first["step"] == 4
    # The second one goes on only where it is the better of the two after two updates.
    early = found[0].metrics_dataframe["mig"].iloc[0]
    assert second["step"] == (4 if found[1].metrics_dataframe["mig"].iloc[0] >= early else 2)
    best = runs.load_config(Path(found.get_best_result().checkpoint.path) / "run")
    assert best.settings["beta"] == found.get_best_result().config["beta"]
    assert best.learning_rate == 1e-3
    # Prolonged from score to score, it is the run that never stopped.
    whole = training.train(
        "beta_vae",
        "digits",
        settings={"beta": 1},
        learning_rate=1e-3,
        metrics="mig",
        out=tmp_path / "whole",
        show_progress=False,
        **SMALL,
    )
    assert first["mig"] == pytest.approx(whole.scores["mig"], abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": "beta_va"}, 'Did you mean "beta_vae"'),
        ({"bta": 3}, 'Did you mean "beta"'),
        ({"every": 0}, "`every` must be"),
        ({"metrics": "migg"}, 'Did you mean "mig"'),
        ({"beta": -1}, "`beta` must be a number >= 0"),
    ],
)
def test_a_search_that_cannot_start_is_refused_by_name(arguments, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        studies.trainable(**{"model": "beta_vae", "data": "digits", **arguments})
