"""Training runs: what they write, and that they resume exactly."""

import contextlib
import csv
import dataclasses
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import signals
import tensorflow as tf
from PIL import Image

import zoo
from zoo import datasets, runs
from zoo.runs import _fingerprint, _fitting, pretrained, report, training
from zoo.utils import hardware

# Small enough for a test, and with both optimizers.
OPTIONS = {
    "likelihood": "continuous_bernoulli",
    "latent_dim": 3,
    "batch_size": 16,
    "settings": {"discriminator_layers": 1, "gamma": 2},
    "checkpoint_every": 10,
    "show_progress": False,
}


def train(out, steps=30, **changes):
    options = {"data": "digits", **OPTIONS, **changes}
    return training.train("factor_vae", steps=steps, out=out, **options)


def command(out, steps):
    return [
        *(sys.executable, "-m", "zoo", "train", "factor_vae", "--data", "digits"),
        *("--likelihood", "continuous_bernoulli", "--latent-dim", "3", "--batch-size", "16"),
        *("--set", "discriminator_layers=1", "--set", "gamma=2", "--checkpoint-every", "10"),
        *("--steps", str(steps), "--out", str(out)),
    ]


def state(folder):
    """Every number of a run's final model, its optimizers and random state."""
    model = keras.models.load_model(folder / "model.keras")
    optimizers = model.optimizer.variables + model.discriminator_optimizer.variables
    return [
        variable.numpy() for variable in [*model.weights, *optimizers, model.seed_generator.state]
    ]


def history(folder):
    with (folder / "history.csv").open() as lines:
        return [{**row, "seconds": None} for row in csv.DictReader(lines)]


def assert_same_run(one, other):
    for a, b in zip(state(one), state(other), strict=True):
        np.testing.assert_array_equal(a, b)
    assert history(one) == history(other)
    scores = [json.loads((run / "scores.json").read_text()) for run in (one, other)]
    assert scores[0]["scores"] == scores[1]["scores"]
    assert scores[0]["how"].keys() == scores[1]["how"].keys()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of 60 updates that was never stopped."""
    return train(tmp_path_factory.mktemp("runs") / "whole", steps=60)


def test_run_folder_is_complete(whole):
    names = {str(path.relative_to(whole.folder)) for path in whole.files}
    assert {
        "config.json",
        "model.keras",
        "history.csv",
        "scores.json",
        "card.md",
        "figures/traversals.png",
        "figures/reconstructions.png",
        "figures/curves.png",
        "saved_model/1/saved_model.pb",
    } <= names
    assert any(name.startswith("tensorboard/events") for name in names)
    assert not any("partial" in name or "checkpoints" in name for name in names)
    assert set(names) == {
        str(p.relative_to(whole.folder)) for p in whole.folder.rglob("*") if p.is_file()
    }


def test_history_and_scores_say_the_same_as_the_run(whole):
    rows = history(whole.folder)
    assert [int(row["step"]) for row in rows] == [10, 20, 30, 40, 50, 60]
    assert list(rows[0])[:5] == ["step", "seconds", "loss", "reconstruction", "kl"]
    written = json.loads((whole.folder / "scores.json").read_text())
    assert written["scores"] == whole.scores
    assert written["how"]["seed"] == 0
    card = (whole.folder / "card.md").read_text()
    assert "# factor_vae on digits" in card
    assert f"| mig | {whole.scores['mig']:.4g} |" in card


def test_tensorboard_has_scalars_and_pictures(whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(whole.folder / "tensorboard"))
    events.Reload()
    assert {"traversals", "reconstructions", "loss", "kl"} <= set(events.Tags()["tensors"])


# Means outside of [0, 1] are drawn as well.
LINEAR = "gaussian(activation='linear')"


def test_a_run_on_images_of_five_channels_is_drawn(tmp_path):
    images = np.random.default_rng(0).random((20, 8, 8, 5)).astype("float32")
    np.savez(tmp_path / "many $x^$.npz", images=images)
    run = training.train(
        "vae",
        tmp_path / "many $x^$.npz",
        steps=2,
        batch_size=8,
        likelihood=LINEAR,
        checkpoint_every=1,
        show_progress=False,
        out=tmp_path / "run",
    )
    names = {path.name for path in run.files}
    assert {"traversals.png", "reconstructions.png", "curves.png", "card.md"} <= names


@pytest.mark.parametrize("channels", [2, 4])
def test_models_of_other_channels_are_drawn(channels):
    model = zoo.models.VAE((8, 8, channels), 2, likelihood=LINEAR, seed=0)
    images = np.random.default_rng(0).random((20, 8, 8, channels)).astype("float32")
    for figure in report.pictures(model, images, "mine $x^$").values():
        assert report.pixels(figure).shape[-1] == 3


DISK = tf.errors.ResourceExhaustedError(None, None, "disk full")
FAULTS = {
    "a font, and the log": (
        [(report, "pixels", RuntimeError("no font")), (tf.summary, "scalar", DISK)],
        ["What TensorBoard shows at step 1 is left out: no font", "log is left out: disk full"],
        3,
    ),
    "a file of a picture, and the log's start": (
        [(report, "save_figure", OSError("denied")), (tf.summary, "create_file_writer", DISK)],
        ["The figure of curves is left out: denied", "log is left out: disk full"],
        0,
    ),
    "pictures": (
        [(report, "pictures", ValueError("broken"))],
        ["What TensorBoard shows at step 1 is left out: broken", "The figures of traversals and"],
        1,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_drawn_ends_no_training(fault, monkeypatch, tmp_path):
    faults, sentences, drawn = FAULTS[fault]

    def failing(error):
        def fails(*_, **__):
            raise error

        return fails

    for where, name, error in faults:
        monkeypatch.setattr(where, name, failing(error))
    with pytest.warns(UserWarning, match="is left out") as caught:
        run = train(tmp_path / "run", steps=2, checkpoint_every=1)
    told = "\n".join(str(warning.message) for warning in caught)
    assert all(sentence in told for sentence in sentences)
    assert int(run.model.optimizer.iterations) == 2
    card = (run.folder / "card.md").read_text()
    assert card.count("](figures/") == drawn
    assert (run.folder / "figures" / "curves.png").exists() == ("curves.png" in card)


def test_evaluating_a_run_gives_its_scores_again(whole):
    assert report.score(whole.folder).scores == whole.scores
    assert report.score(whole.folder / "model.keras", "digits").scores == whole.scores


def stopped(out, steps, how):
    """A process that trains, stopped by a signal just after its second checkpoint."""
    with signals.heeded():
        process = subprocess.Popen(command(out, steps), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (out / "checkpoints" / "step-00000020.keras").exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, how)
    try:
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    return process.returncode, errors


def test_killed_run_resumes_to_the_same_bits(whole, tmp_path):
    out = tmp_path / "run"
    stopped(out, 60, signal.SIGKILL)
    assert not (out / "model.keras").exists()
    done = subprocess.run(
        [*command(out, 60), "--resume"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert_same_run(out, whole.folder)


def test_interrupt_says_how_to_go_on(tmp_path):
    code, errors = stopped(tmp_path / "run", 5000, signal.SIGINT)
    assert code == 130
    assert errors.splitlines()[-1].startswith("zoo: Interrupted.")
    assert "--resume" in errors.splitlines()[-1]


def test_an_interrupt_that_is_lost_on_the_way_ends_the_run_all_the_same(tmp_path, monkeypatch):
    def loses_it(*_):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(report, "pictures", lambda *_: loses_it() or {})
    with signals.heeded():
        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "run", steps=6, checkpoint_every=2)
        assert signal.getsignal(signal.SIGINT) is before
    assert [file.stem for file in runs.checkpoints(tmp_path / "run")] == ["step-00000002"]


@pytest.mark.parametrize(
    ("flags", "is_slow"), [("fpu avx2", True), ("fpu avx512_bf16 avx2", False), (None, False)]
)
def test_bfloat16_without_instructions_for_it_brings_a_warning(
    tmp_path, monkeypatch, flags, is_slow
):
    monkeypatch.setattr(hardware, "FACTS", tmp_path / "cpuinfo")
    if flags:
        (tmp_path / "cpuinfo").write_text(f"model name\t: some\nflags\t\t: {flags}\nbugs\t: none\n")
    expected = pytest.warns(UserWarning, match="no instructions for bfloat16")
    with expected if is_slow else contextlib.nullcontext():
        train(tmp_path / "run", steps=1, precision="mixed_bfloat16")


@pytest.mark.filterwarnings("ignore:This processor has no instructions for bfloat16")
def test_mixed_precision_run(tmp_path):
    run = train(tmp_path / "run", steps=2, precision="mixed_bfloat16")
    assert run.model.dtype_policy.name == "mixed_bfloat16"
    assert np.isfinite(list(run.scores.values())).all()


def test_killed_before_the_first_checkpoint_starts_again(tmp_path):
    train(tmp_path / "straight", steps=4)
    runs.open_folder(tmp_path / "run", runs.load_config(tmp_path / "straight"))
    (tmp_path / "run" / ".partial-1-model.keras").write_bytes(b"half")
    train(tmp_path / "run", steps=4, resume=True)
    assert_same_run(tmp_path / "run", tmp_path / "straight")
    assert not list((tmp_path / "run").glob(".partial*"))


@pytest.mark.parametrize("left", [[], [".partial-7-config.json"], [".lock"]])
def test_killed_while_its_configuration_is_written_starts_again(left, tmp_path):
    for number, resume in enumerate((True, False)):
        out = tmp_path / str(number)
        out.mkdir()
        for name in left:
            (out / name).write_bytes(b"half")
        assert runs.restore(out, None) is None
        if not resume:
            runs.check_free(out)
    if left:
        train(out, steps=1, resume=True)
        assert (out / "model.keras").exists()
        assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_one_process_trains_in_a_folder(whole, tmp_path):
    shutil.copytree(whole.folder, tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")}
    hold = "import sys, time; from zoo.utils.locks import alone_in; from pathlib import Path\n"
    hold += "with alone_in(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    for folder in (tmp_path / "run", tmp_path / "new"):
        command = [sys.executable, "-c", hold, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout.readline() == "held\n"
            for resume in (True, False):
                with pytest.raises(ValueError, match=f"in use by process {holder.pid} on "):
                    train(folder, steps=70, resume=resume)
            holder.kill()
    (tmp_path / "run" / runs.LOCK).unlink()
    assert before == {path: path.stat().st_mtime_ns for path in before}
    train(tmp_path / "new", steps=1, resume=True)
    assert not (tmp_path / "new" / runs.LOCK).exists()


def save_images(path, images):
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".npz":
        np.savez(path, images=images)
    elif path.suffix == ".npy":
        np.save(path, images)
    else:
        path.mkdir(exist_ok=True)
        for number, image in enumerate(images):
            Image.fromarray(image[..., 0]).save(path / f"{number}.png")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("images.npz", "{}"),
        ("images.npy", "{}"),
        ("pictures", "read('{}', grey=True)"),
        ("images.npz", "split('{}', 0.5, 0.5)[0]"),
        ("images.npz", "noisy('{}')"),
    ],
)
def test_other_images_have_another_fingerprint(name, text, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)

    def found(images):
        save_images(tmp_path / name, images)
        return training.fingerprint(datasets.load(text.format(tmp_path / name)))

    first = found(images)
    assert first == found(images)
    changed = images.copy()
    changed[19, 7, 7] ^= 1
    assert len({first, found(changed), found(images[::-1])}) == 3


def test_rendered_images_have_no_fingerprint_and_many_are_sampled(monkeypatch):
    assert training.fingerprint(datasets.load("xysquares")) is None
    digits = datasets.load("digits")
    whole = training.fingerprint(digits)
    monkeypatch.setattr(_fingerprint, "LOOKED_AT", 100 * 64 * 4)
    assert training.fingerprint(digits) not in (None, whole)


def test_resuming_on_other_images_is_refused_by_name(tmp_path):
    images = np.random.default_rng(0).random((20, 8, 8, 1), dtype=np.float32)
    file, out = tmp_path / "images.npz", tmp_path / "run"

    def trained(steps, **changes):
        options = {"likelihood": "continuous_bernoulli", "latent_dim": 2, "batch_size": 4}
        options |= {"show_progress": False, **changes}
        return training.train("vae", str(file), steps=steps, out=out, **options)

    save_images(file, images)
    trained(1)
    save_images(file, images[::-1])
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=r"The images of .*images\.npz are not those that .*run"):
        trained(2, resume=True)
    assert before == {path: path.stat().st_mtime_ns for path in before}
    save_images(file, images)
    assert [row["step"] for row in runs.read_history(trained(2, resume=True).folder)] == [1, 2]


def test_a_run_from_before_fingerprints_is_resumed(whole, tmp_path):
    config = json.loads((whole.folder / "config.json").read_text())
    assert len(config.pop("images")) == 64
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert runs.load_config(tmp_path) == runs.load_config(whole.folder)
    assert runs.restore(tmp_path, runs.load_config(whole.folder)) is None


@pytest.mark.parametrize(
    "text",
    ["a,b\n1,2\n", "step,seconds,loss\n1,x,3\n", "step,seconds,loss\n1\n", "step,loss\n1,2\n",
     "step,seconds\nnan,2\n", "step,seconds,loss\n1,2,3,4\n", '"', "\0"],
)  # fmt: skip
def test_a_damaged_history_is_named(text, whole, tmp_path):
    shutil.copy(whole.folder / "config.json", tmp_path)
    shutil.copy(whole.folder / "model.keras", tmp_path)
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(ValueError, match=r"history\.csv is (damaged: expected a column|missing)"):
        runs.restore(tmp_path, runs.load_config(tmp_path))


@pytest.mark.parametrize("text", ["", "step,seconds,loss\n", None])
def test_an_empty_history_begins_anew_and_a_finished_run_needs_it(text, whole, tmp_path):
    shutil.copy(whole.folder / "config.json", tmp_path)
    shutil.copy(whole.folder / "model.keras", tmp_path)
    shutil.copy(whole.folder / "scores.json", tmp_path)
    if text is not None:
        (tmp_path / "history.csv").write_text(text)
    config = runs.load_config(tmp_path)
    assert runs.restore(tmp_path, dataclasses.replace(config, steps=70)).latent_dim == 3
    with pytest.raises(ValueError, match=r"history\.csv is missing or empty"):
        runs.restore(tmp_path, config)
    with pytest.raises(ValueError, match=r"history\.csv is missing or empty"):
        pretrained.make([tmp_path], tmp_path / "preset", rule="elbo")


@pytest.mark.parametrize(
    "changes",
    [{"data": 5}, {"steps": "x"}, {"seed": 1.5}, {"settings": [1]}, {"learning_rate": None}, {"more": 1}],
)  # fmt: skip
def test_a_crafted_configuration_is_named(changes, whole, tmp_path):
    config = json.loads((whole.folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
    with pytest.raises(ValueError, match=r"^[^\n]*config\.json is damaged or of another version"):
        runs.load_config(tmp_path)
    for text in ("[]", "null", "5", "[" * 100_000):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(ValueError, match=r"^[^\n]*config\.json is damaged"):
            runs.load_config(tmp_path)


def test_large_seeds_train_score_and_draw(tmp_path):
    run = training.train(
        "vae", "split(digits, 0.2, 0.8)[0]", steps=1, latent_dim=2, batch_size=4, seed=2**31,
        likelihood="continuous_bernoulli", out=tmp_path / "run", show_progress=False,
    )  # fmt: skip
    assert {"elbo", "mig"} <= set(run.scores)
    found = {}
    for seed in (0, 2**31, 2**32, 2**63 - 1):
        calls = (
            "infomec, downstream(booster='hist_gradient_boosting', trees=2, train_samples=(100,))"
        )
        scores = report.score(run.folder, None, calls, seed=seed)
        assert not scores.failed
        found[seed] = scores.scores["elbo"]
        report.draw_traversals(run.folder, tmp_path / "a.png", seed=seed, columns=2)
        report.draw_dataset(
            f"split(digits, 0.5, 0.5, seed={seed})[0]", tmp_path / "b.png", seed=seed
        )
    assert len(set(found.values())) == 4


def test_a_seed_beyond_all_integers_is_refused_at_the_start(tmp_path):
    with pytest.raises(ValueError, match="`seed` must be an integer >= 0"):
        train(tmp_path / "run", seed=2**63)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "value"),
    [("latent_dim", 10**9), ("latent_dim", 2**63 - 1), ("batch_size", 10**13), ("batch_size", 2**63 - 1)],
)  # fmt: skip
def test_what_no_memory_holds_is_refused_at_the_start(name, value, tmp_path):
    with pytest.raises(MemoryError, match=rf"^`{name}`={value} takes [\d,]+ GiB of memory[^\n]*$"):
        train(tmp_path / "run", **{name: value})
    assert not list(tmp_path.iterdir())


def test_memory_that_gives_out_later_is_one_line(tmp_path, monkeypatch):
    def exhausted(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\nshape")

    monkeypatch.setattr(training, "make_model", exhausted)
    with pytest.raises(MemoryError, match=r"^The memory does not suffice[^\n]*--batch-size[^\n]*$"):
        train(tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_finished_run_can_be_prolonged(whole, tmp_path):
    train(tmp_path / "run", steps=40)
    train(tmp_path / "run", steps=60, resume=True)
    assert_same_run(tmp_path / "run", whole.folder)


def test_schedules_as_text(tmp_path):
    run = training.train(
        "beta_vae", "digits", steps=2, latent_dim=2, likelihood="continuous_bernoulli",
        settings={"beta": "linear(4, 10)"}, out=tmp_path / "run", show_progress=False,
    )  # fmt: skip
    assert run.model.beta.get_config() == {"end": 4.0, "steps": 10, "start": 0.0}


def test_a_fresh_process_loads_the_model(whole):
    code = f"import zoo; print(type(zoo.load({str(whole.folder)!r})).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "FactorVAE", done.stderr


def test_learning_rate_moves_all_optimizers_alike(whole, tmp_path):
    rates = [float(optimizer.learning_rate) for optimizer in whole.model.optimizers]
    assert rates == pytest.approx([5e-4, 5e-4])
    slow = train(tmp_path / "run", steps=1, learning_rate=1e-4)
    assert [float(o.learning_rate) for o in slow.model.optimizers] == pytest.approx([1e-4, 1e-4])


def test_short_runs_have_their_own_gamma(whole, tmp_path):
    assert whole.model.gamma == 2
    run = train(tmp_path / "run", steps=1, settings={"discriminator_layers": 1})
    assert run.model.gamma == 30
    assert runs.load_config(run.folder).settings == {"gamma": 30.0, "discriminator_layers": 1}


# Bad input: nothing is written.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "`steps` must be an integer >= 1"),
        ({"batch_size": -2}, "Received: batch_size=-2"),
        ({"latent_dim": 0}, "`latent_dim` must be"),
        ({"seed": -1}, "`seed` must be"),
        ({"learning_rate": 0.0}, "`learning_rate` must be > 0"),
        ({"precision": "float23"}, 'Did you mean "float32"?'),
        ({"likelihood": "beroulli"}, 'Did you mean "bernoulli"?'),
        ({"likelihood": "gaussian(scale=-1)"}, "`scale` must be"),
        ({"settings": {"gama": 1}}, 'Unknown setting of factor_vae "gama". Did you mean "gamma"?'),
        ({"settings": {"gamma": -1}}, "`gamma` must be a number >= 0"),
        ({"settings": {"gamma": "linaer(1, 2)"}}, 'Did you mean "linear"?'),
        ({"settings": {"gamma": "linear(1)"}}, "Schedule 'linear(1)'"),
        ({"checkpoint_every": 0}, "`checkpoint_every` must be"),
        ({"resume": True}, "without config.json"),
        (
            {"data": np.zeros((8, 8, 8, 1))},
            "ndarray of shape (8, 8, 8, 1). Save the images: np.save(",
        ),
        (
            {"data": [np.zeros((8, 8, 8, 1)), np.zeros((8, 1))]},
            "Received: list. Save them: np.savez(",
        ),
        ({"data": zoo.datasets.load("digits")}, 'that it is loaded by, such as "digits"'),
        ({"likelihood": np.zeros(3)}, "`likelihood` must be text, which the run keeps"),
        ({"settings": {"gamma": np.zeros(3)}}, "Setting `gamma` must be a plain value"),
        ({"settings": {"gamma": object()}}, "Received: object."),
        ({"learning_rate": "fast"}, "`learning_rate` must be a number"),
    ],
)
def test_bad_arguments_write_nothing(changes, message, tmp_path):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        train(tmp_path / "run", **changes)
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("data", [np.zeros((4, 8, 8, 1)), [1, 2], datasets.load("digits"), None])
def test_images_in_memory_are_refused_with_what_to_do(data, tmp_path):
    with pytest.raises(
        ValueError, match=r"Expected `data` as text, .*(np\.save|such as .digits.).*fit"
    ):
        training.train("vae", data, out=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_numbers_of_numpy_are_numbers(tmp_path):
    out = tmp_path / "latest"
    out.symlink_to("run")
    train(out, steps=np.int64(1), seed=np.uint8(3), latent_dim=np.int32(2))
    assert runs.load_config(tmp_path / "run").seed == 3
    assert out.is_symlink()


def test_a_folder_in_use_is_left_alone(whole, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in whole.files}
    with pytest.raises(ValueError, match="holds a run already"):
        train(whole.folder, steps=60)
    with pytest.raises(ValueError, match=r"started with latent_dim=3\. Received: latent_dim=4"):
        train(whole.folder, steps=60, latent_dim=4, resume=True)
    with pytest.raises(ValueError, match=r"started with steps=60\. Received: steps=20"):
        train(whole.folder, steps=20, resume=True)
    assert before == {path: path.stat().st_mtime_ns for path in whole.files}
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds other files"):
        train(tmp_path)


def test_a_truncated_checkpoint_is_named(whole, tmp_path):
    runs.open_folder(tmp_path, runs.load_config(whole.folder))
    content = (whole.folder / "model.keras").read_bytes()
    (tmp_path / "checkpoints").mkdir()
    broken = tmp_path / "checkpoints" / "step-00000020.keras"
    for size in (0, 100, len(content) // 2, len(content) - 1):
        broken.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"^[^\n]*step-00000020.keras cannot be read[^\n]*$"):
            train(tmp_path, steps=60, resume=True)


def test_an_out_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"Not a directory.*choose another --out"):
        train(tmp_path / "file" / "run")


def test_no_space_leaves_nothing_half_written(tmp_path):
    """A limit on the size of files stands in for a full disk."""
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)); "
    )
    run = f"{limited} sys.argv = sys.argv[1:]; from zoo.cli import main; main()"
    arguments = command(tmp_path / "run", 20)[3:]
    done = subprocess.run(
        [sys.executable, "-c", run, "zoo", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("zoo: Cannot write the run to ")
    assert not list((tmp_path / "run").rglob(".partial*"))
    assert not list((tmp_path / "run").rglob("*.keras"))


FILL = """
import os, sys
from pathlib import Path
import numpy as np
import zoo
from zoo import export, training
disk = Path(sys.argv[1])
model = zoo.models.VAE((8, 8, 1), 2, seed=0)
images = np.zeros((4, 8, 8, 1), "float32")
ways = {
    "saved_model": lambda path: model.export(path),
    "preset": lambda path: model.save_to_preset(path),
    "litert": lambda path: export.litert(model, path, images),
    "run": lambda path: training.train("vae", "digits", steps=1, out=path, show_progress=False),
}
for name, write in ways.items():
    try:
        write(disk / name)
    except OSError as error:
        print(error)
print(sorted(path.name for path in disk.rglob("*") if path.name.startswith(".") or path.suffix == ".keras"))
print(sorted(path.name for path in disk.iterdir()))
"""


@pytest.mark.parametrize("how", ["limit", "full disk"])
def test_no_space_is_one_line_wherever_models_are_written(how, tmp_path):
    script = [sys.executable, "-c", FILL, str(tmp_path)]
    if how == "limit":
        limits = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
        script[2] = f"{limits}\n{FILL}"
    else:
        mount = f"mount -t tmpfs -o size=100k tmpfs {shlex.quote(str(tmp_path))}"
        script = ["unshare", "--mount", "sh", "-c", f"{mount} && exec {shlex.join(script)}"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    if how == "full disk" and ("unshare" in done.stderr or "mount" in done.stderr):
        pytest.skip("no file system may be mounted here")
    *lines, halves, left = done.stdout.splitlines()
    assert len(lines) == 4, done.stdout + done.stderr
    reason = "File too large" if how == "limit" else "No space left on device"
    assert all(reason in line for line in lines)
    for line, name in zip(lines, ["saved_model", "preset", "litert", "run"], strict=True):
        # A LiteRT file is made in the system's folder for temporary files, which the limit is of as well.
        if (how, name) != ("limit", "litert"):
            assert line.startswith("Cannot write ")
            assert f"{tmp_path / name}: {reason}." in line
    assert (halves, left) == ("[]", "['run']")


def test_a_diverging_run_stops_with_the_term_and_the_last_checkpoint(tmp_path):
    with pytest.raises(training.Diverged, match=r"stopped at step \d+: .*learning rate"):
        train(tmp_path / "run", steps=50, learning_rate=1e12)
    assert not (tmp_path / "run" / "model.keras").exists()


def test_divergence_names_the_last_good_checkpoint(tmp_path, monkeypatch):
    good = _fitting.Recorder.on_train_batch_end

    def poisoned(self, batch, logs):
        good(self, batch, {**logs, "kl": np.nan if batch == 24 else logs["kl"]})

    monkeypatch.setattr(_fitting.Recorder, "on_train_batch_end", poisoned)
    with pytest.raises(training.Diverged, match=r"step 25: kl is nan.*step-00000020\.keras"):
        train(tmp_path / "run")


def test_load_explains_what_is_missing(tmp_path):
    with pytest.raises(ValueError, match=r"model\.keras is missing"):
        zoo.load(tmp_path)
    with pytest.raises(ValueError, match=r"nothing\.keras is missing"):
        zoo.load(tmp_path / "nothing.keras")
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(ValueError, match="cannot be read"):
        zoo.load(tmp_path / "text.keras")
