"""The command: exit codes, messages, and that it starts without TensorFlow."""

import json
import shutil
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from zoo import models, runs
from zoo.cli import main
from zoo.deliver import presets
from zoo.measure import evaluation
from zoo.utils import registry

SMALL = ["--steps", "2", "--batch-size", "8", "--latent-dim", "2"]


def zoo(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "run"
    likelihood = ("--likelihood", "gaussian(scale='learned')")
    result = zoo(
        "train",
        "beta_vae",
        "--data",
        "digits",
        *likelihood,
        "--set",
        "beta=2",
        *SMALL,
        "--out",
        out,
    )
    assert result.exit_code == 0, result.output
    return out, result.stdout


@pytest.mark.parametrize(
    "code", ["import zoo", "import zoo.cli", "from zoo.cli import main; main(['--help'])"]
)
def test_the_start_loads_nothing_heavy(code):
    heavy = ["tensorflow", "keras", "numpy", "scipy", "sklearn", "matplotlib"]
    check = f"import sys, atexit; atexit.register(lambda: print([m for m in {heavy} if m in sys.modules])); {code}"
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_lists_commands_in_the_order_of_the_work_with_whole_sentences():
    text = zoo("--help").output.partition("Commands:")[2]
    listed = [line.split()[0] for line in text.splitlines()
              if line.startswith("  ") and line[2] != " "]  # fmt: skip
    assert listed == ["list", "show", "train", "evaluate", "traverse", "explore", "study", "pack", "unpack",
                      "export", "make-preset", "rescore", "presets", "download", "serve-config"]  # fmt: skip
    assert "..." not in text
    words = " ".join(text.split())
    for command in main.commands.values():
        assert " ".join(command.help.split()) in words


def test_train_prints_scores_and_names_every_file(run):
    out, output = run
    assert "explicitness" in output
    assert "bits_per_dimension" in output
    for path in out.rglob("*"):
        if path.is_file():
            assert str(path.relative_to(out)) in output


def test_evaluate_traverse_and_export_take_a_run_or_a_file(run, tmp_path, monkeypatch):
    out, output = run
    monkeypatch.chdir(tmp_path)
    evaluated = zoo("evaluate", out.absolute())
    assert evaluated.exit_code == 0
    for line in output.partition("\n\n")[0].splitlines():
        assert " ".join(line.split()) in " ".join(evaluated.stdout.split())
    assert "Written: scores.json" in evaluated.stdout
    file = out / "model.keras"
    names = ("--metrics", "mig(bins=5,samples=100),irs", "--out", "mig.json")
    assert zoo("evaluate", file, "--data", "digits", *names).exit_code == 0
    written = json.loads((tmp_path / "mig.json").read_text())
    assert {"reconstruction", "mig", "irs"} <= set(written["scores"])
    how = written["how"]
    assert how["metrics"]["mig"]["parameters"] == {"bins": 5, "samples": 100, "seed": 0}
    assert how["metrics"]["irs"]["seconds"] > 0
    assert "scikit-learn" in how["versions"]
    assert zoo("traverse", out, "--out", tmp_path / "a.png").exit_code == 0
    assert (
        zoo(
            "traverse", file, "--data", "digits", "--index", "3", "--out", tmp_path / "b.png"
        ).exit_code
        == 0
    )
    moving = zoo("traverse", out, "--animate", "--columns", "3", "--span", "1")
    assert "Written: traversals.gif" in moving.stdout
    assert (tmp_path / "traversals.gif").read_bytes().startswith(b"GIF89a")
    refused = zoo("traverse", out, "--animate", "--out", "moving.png")
    assert refused.exit_code == 2
    assert "written as .gif or .webp" in refused.stderr
    assert zoo("export", out, "--out", tmp_path / "1").exit_code == 0
    assert (tmp_path / "1" / "saved_model.pb").exists()
    again = zoo("export", out, "--out", tmp_path / "1")
    assert again.exit_code == 2
    assert "exists" in again.stderr


@pytest.mark.parametrize("room", ["models", "likelihoods", "datasets", "metrics"])
def test_list_shows_every_member(room):
    listed = zoo("list", room).output
    assert [line.split()[0] for line in listed.splitlines()] == registry.names(room)


def test_list_datasets_shows_size_shape_factors_and_source():
    lines = dict(line.split(None, 1) for line in zoo("list", "datasets").output.splitlines())
    assert lines["digits"] == "1,797 images 8×8×1 float32; digit 10; Alpaydin & Kaynak 1998"
    assert lines["shapes2d"].startswith("737,280 images 64×64×1 float32; shape 3, scale 6, ")
    assert all(line[-4:].isdigit() for line in lines.values()), "a source has no year"


def test_show_draws_a_dataset(tmp_path):
    out = tmp_path / "sheets" / "xy.png"
    result = zoo("show", "noisy(xysinglesquare(spacing=2))", "--columns", "3", "--out", out)
    assert result.exit_code == 0, result.output
    assert str(out) in result.output
    with Image.open(out) as sheet:
        assert sheet.width > 3 * 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shape2d"], 'Did you mean "shapes2d"?'),
        (
            ["digits", "--columns", "1"],
            "`columns` must be an integer from 2 to 500. Received: columns=1",
        ),
        (["digits", "--seed", "-1"], "`seed` must be an integer >= 0"),
    ],
)
def test_show_explains_what_it_cannot_draw(arguments, message, tmp_path):
    result = zoo("show", *arguments, "--out", tmp_path / "sheet.png")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


def images_file(folder, images):
    path = folder / "images.npz"
    np.savez(path, images=images)
    return path


GOOD = np.zeros((4, 8, 8, 1), "float32")
DOTS = np.eye(64, dtype="float32").reshape(64, 8, 8, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vaee", "--data", "digits"], 'Unknown model "vaee". Did you mean "vae"?'),
        (["vae", "--data", "digitz"], 'Did you mean "digits"?'),
        (["vae", "--data", "xysquares(spacing=9)"], "`spacing` must be an integer from 1 to 8"),
        (["vae", "--data", "xysquares(spcing=1)"], "Its arguments: spacing"),
        (["vae", "--data", "missing.npz"], "missing.npz"),
        (["vae", "--data", "digits", "--likelihood", "gausian"], 'Did you mean "gaussian"?'),
        (["vae", "--data", "digits", "--latent-dim", "-1"], "Received: latent_dim=-1"),
        (["vae", "--data", "digits", "--set", "beta=1"], 'Unknown setting of vae "beta"'),
        (["vae", "--data", "digits", "--set", "beta"], "name=value"),
        (["beta_vae", "--data", "digits", "--set", "beta=-1"], "`beta` must be a number >= 0"),
        (["beta_vae", "--data", "digits", "--set", "bta=1"], 'Did you mean "beta"?'),
        (["vae", "--data", "digits", "--precision", "float31"], 'Did you mean "float32"?'),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, tmp_path):
    result = zoo("train", *arguments, "--out", tmp_path / "run")
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("images", "part"),
    [
        (np.full_like(GOOD, 2), "[0, 1]"),
        (np.full_like(GOOD, np.nan), "NaN"),
        (np.zeros((4, 8), "float32"), "shape"),
        (GOOD.astype("int64"), "dtype"),
    ],
)
def test_bad_images_are_refused(images, part, tmp_path):
    path = images_file(tmp_path, images)
    result = zoo("train", "vae", "--data", path, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert part in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_grey_values_under_bernoulli_are_one_line_of_warning(tmp_path):
    command = [
        sys.executable,
        "-m",
        "zoo",
        "train",
        "vae",
        "--data",
        "digits",
        *SMALL,
        "--out",
        tmp_path / "run",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.replace("\r", "\n").splitlines()
    warned = [line for line in lines if "arning" in line]
    assert len(warned) == 1
    assert warned[0].startswith("zoo: warning: ")
    assert "ContinuousBernoulli" in warned[0]
    # Nothing but progress bars and the warning: TensorFlow's own notes stay out.
    assert all(
        line.startswith(("train:", "encode:", "score:", "zoo:")) for line in lines if line.strip()
    )


def one_line(result, message):
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--columns", "0"], "`columns` must be an integer from 2 to 500. Received: columns=0"),
        (["--columns", "-1"], "Received: columns=-1"),
        (["--columns", "1000000000"], "Received: columns=1000000000"),
        (["--span", "0"], "`span` must be a number > 0. Received: span=0"),
        (["--span", "-1"], "Received: span=-1.0"),
        (["--span", "nan"], "Received: span=nan"),
        (["--span", "inf"], "Received: span=inf"),
        (["--index", "1797"], "`index` must be an integer from 0 to 1796"),
        (["--out", "a.xyz"], "Expected a picture, such as .png"),
        (["--out", "."], "Expected `out` to be a file"),
    ],
)
def test_traverse_refuses_what_is_out_of_range(run, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one_line(zoo("traverse", run[0], *arguments), message)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["onnx", "--precision", "float16"], "`precision` is no option of ONNX files"),
        (["onnx", "--batch", "2"], "`batch` is no option of ONNX files"),
        (["saved_model", "--precision", "float16"], "`precision` is no option of a SavedModel"),
        (["saved_model", "--tolerance", "0.1"], "`tolerance` is no option of a SavedModel"),
        (["litert", "--tolerance", "nan"], "`tolerance` must be a number >= 0"),
        (["onnx", "--tolerance", "-1"], "`tolerance` must be a number >= 0"),
    ],
)
def test_export_refuses_options_of_other_forms(run, arguments, message, tmp_path):
    one_line(zoo("export", run[0], "--out", tmp_path / "new", "--format", *arguments), message)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", [".", "..", "FOREIGN", "RUN"])
def test_export_overwrites_nobodys_folder(run, path, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("years")
    monkeypatch.chdir(tmp_path / "here")
    path = {"FOREIGN": tmp_path / "thesis", "RUN": run[0]}.get(path, path)
    before = sorted(run[0].rglob("*"))
    for form in ("saved_model", "onnx", "litert"):
        result = zoo("export", run[0], "--out", path, "--overwrite", "--format", form)
        one_line(result, f"{path} is not replaced")
    assert (tmp_path / "thesis" / "thesis.tex").read_text() == "years"
    assert before == sorted(run[0].rglob("*"))


@pytest.mark.parametrize("name", ["sheet", "sheet.PNG", "sheet.pdf", "my.sheet/sheet"])
def test_a_picture_is_written_under_the_name_that_was_given(name, tmp_path):
    result = zoo("show", "digits", "--columns", "2", "--out", tmp_path / name)
    assert result.exit_code == 0, result.output
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / name]
    start = b"%PDF" if name.endswith("pdf") else b"\x89PNG"
    assert (tmp_path / name).read_bytes().startswith(start)


def test_a_tilde_in_a_path_is_the_home_folder(run, tmp_path, monkeypatch):
    home = tmp_path / "home"
    shutil.copytree(run[0], home / "run")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    few = ("--samples", "100", "--metrics", "sap")
    for arguments in (
        ("evaluate", "~/run", *few, "--out", "~/scores.json"),
        ("evaluate", "~/run/model.keras", "--data", "digits", *few, "--out", "~/new/scores.json"),
        ("traverse", "~/run", "--columns", "2", "--out", "~/t.png"),
        ("show", "digits", "--columns", "2", "--out", "~/d.png"),
        ("export", "~/run", "--out", "~/sm/1"),
        ("serve-config", "~/sm", "--out", "~/serving"),
    ):
        result = zoo(*arguments)
        assert result.exit_code == 0, result.output
    runs.load("~/run").save_to_preset("~/preset")
    assert presets.from_preset("~/preset").latent_dim == 2
    assert presets.is_preset("~/preset")
    made = {"scores.json", "new", "t.png", "d.png", "sm", "serving", "preset", "run"}
    assert {path.name for path in home.iterdir()} == made
    assert list(tmp_path.iterdir()) == [home]


@pytest.mark.parametrize("command", ["evaluate", "traverse", "export"])
def test_a_model_that_is_not_the_zoos_is_named(command, tmp_path):
    file = tmp_path / "plain.keras"
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()]).save(file)
    result = zoo(command, file, "--data", "digits", "--out", tmp_path / "out.png")
    one_line(result, f"Expected a model of the zoo. Received: {file}, which holds a Sequential")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ["config.json", "metadata.json", "model.weights.h5", "more"])
def test_an_archive_that_unpacks_to_far_more_than_it_is_is_refused(name, run, tmp_path):
    file = tmp_path / "bomb.keras"
    with zipfile.ZipFile(run[0] / "model.keras") as good:
        members = {member: good.read(member) for member in good.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bomb:
        for member, content in {**members, name: bytes(2 * 10**8)}.items():
            bomb.writestr(member, content)
    one_line(zoo("evaluate", file, "--data", "digits"), "is no model: it unpacks to")


def test_a_model_that_was_packed_anew_is_read(run, tmp_path):
    file = tmp_path / "packed.keras"
    with (
        zipfile.ZipFile(run[0] / "model.keras") as good,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for member in good.namelist():
            packed.writestr(member, good.read(member))
    assert runs.load(file).latent_dim == 2


def test_a_run_folder_with_the_name_of_a_preset_is_the_run(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run[0], tmp_path / "vae_digits")
    result = zoo("evaluate", "vae_digits", "--samples", "100", "--metrics", "sap")
    assert result.exit_code == 0, result.output
    assert type(runs.load("vae_digits")).__name__ == "BetaVAE"


def test_serve_config_leaves_another_projects_files(model_file, tmp_path):
    out = tmp_path / "project"
    out.mkdir()
    (out / "compose.yaml").write_text("services: {}")
    runs.load(model_file).export(tmp_path / "vae" / "1")
    result = zoo("serve-config", tmp_path / "vae", "--out", out)
    one_line(result, "compose.yaml is not the zoo's, and is not replaced")
    assert list(out.iterdir()) == [out / "compose.yaml"]


def test_evaluate_names_an_unknown_metric(run):
    result = zoo("evaluate", run[0], "--metrics", "mgi")
    assert result.exit_code == 2
    assert 'Did you mean "mig"?' in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metrics", "dci(jobs=4)"], "--jobs"),
        (["--metrics", "mig(bins='x')"], "mig: `bins` must be an integer >= 0. Received: bins='x'"),
        (["--seed", "-1"], "`seed` must be an integer >= 0. Received: seed=-1"),
        (["--samples", "0"], "`samples` must be an integer >= 1. Received: samples=0"),
        (["--data", "BARE", "--metrics", "mig"], "--metrics unsupervised"),
        (["--out", "FOLDER"], "Expected `out` to be a file"),
        (["--out", "BARE/scores.json"], "in a folder that can be written to"),
    ],
)
def test_evaluate_refuses_in_one_line_and_writes_nothing(run, arguments, message, tmp_path):
    bare = images_file(tmp_path, GOOD)
    places = {"BARE": str(bare), "FOLDER": str(tmp_path)}
    for place, path in places.items():
        arguments = [argument.replace(place, path) for argument in arguments]
    result = zoo("evaluate", run[0], "--out", tmp_path / "new" / "scores.json", *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert ".partial" not in result.stderr
    assert list(tmp_path.iterdir()) == [bare]


@pytest.mark.filterwarnings("default")
def test_evaluate_writes_what_it_has_of_failing_metrics(run, tmp_path):
    out = tmp_path / "new" / "scores.json"
    calls = "irs(quantile=2.0), mig(bins=5, samples=100),"
    result = zoo("evaluate", run[0], "--metrics", calls, "--samples", "200", "--out", out)
    assert result.exit_code == 1, result.output
    assert result.stderr.splitlines()[-1].startswith("zoo: irs is not scored: `quantile` must be")
    assert any(line.split()[:3] == ["irs", "not", "scored"] for line in result.stdout.splitlines())
    written = json.loads(out.read_text())
    assert "mig" in written["scores"]
    metrics = written["how"]["metrics"]
    assert metrics["irs"]["failed"].startswith("`quantile` must be")
    assert (metrics["irs"]["entries"], metrics["mig"]["failed"]) == ([], None)


@pytest.mark.filterwarnings("default")
def test_evaluate_without_factors(run, tmp_path):
    bare, out = images_file(tmp_path, DOTS), tmp_path / "scores.json"
    for metrics, stderr in (("unsupervised", ""), ("all", "has no factors. Left out are")):
        result = zoo("evaluate", run[0], "--data", bare, "--metrics", metrics, "--out", out)
        assert result.exit_code == 0, result.output
        assert stderr in result.stderr
        written = json.loads(out.read_text())
        assert {"reconstruction", "unsupervised"} <= set(written["scores"])
        assert list(written["how"]["metrics"]) == ["unsupervised"]
        assert written["how"]["samples"] == 64


@pytest.mark.filterwarnings("default")
def test_evaluate_says_what_metrics_warn_of(run, tmp_path):
    factors = np.arange(64)[:, None] % 4 * [1, 0]
    data, out = tmp_path / "labelled.npz", tmp_path / "scores.json"
    np.savez(data, images=DOTS, factors=factors)
    result = zoo("evaluate", run[0], "--data", data, "--metrics", "mig", "--out", out)
    assert result.exit_code == 0, result.output
    text = "Factor 1 is not scored: its only value is 0."
    assert f"zoo: warning: mig: {text}" in result.stderr
    assert json.loads(out.read_text())["how"]["metrics"]["mig"]["warnings"] == [text]


def test_evaluate_encodes_as_many_images_as_python_does():
    samples = next(
        option for option in main.commands["evaluate"].params if option.name == "samples"
    )
    assert samples.default == evaluation.SAMPLES


@pytest.mark.filterwarnings("ignore:.*A single factor is scored")
def test_all_metrics_in_two_processes(run, tmp_path):
    out = tmp_path / "scores.json"
    result = zoo("evaluate", run[0], "--metrics", "all", "--jobs", "2", "--seed", "3", "--out", out)
    assert result.exit_code == 0, result.output
    written = json.loads(out.read_text())
    how = written["how"]
    assert (how["samples"], how["seed"], how["jobs"]) == (1797, 3, 2)
    assert list(how["metrics"]) == registry.names("metrics")
    for metric, row in how["metrics"].items():
        assert row["parameters"]["seed"] == 3
        assert "jobs" not in row["parameters"]
        assert row["seconds"] > 0
        assert row["failed"] is None
        assert metric in row["entries"]
        assert set(row["entries"]) <= set(written["scores"])
    assert {"zoo", "tensorflow", "keras", "numpy", "scikit-learn"} <= set(how["versions"])


def test_a_file_that_is_no_run(tmp_path):
    result = zoo("evaluate", tmp_path / "nothing")
    assert result.exit_code == 2
    assert "nothing" in result.stderr


# Delivery.


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("model") / "small.keras"
    models.VAE((8, 8, 1), 2, likelihood="continuous_bernoulli", seed=0).save(file)
    return str(file)


def command(*arguments):
    done = zoo(*arguments)
    return done.exit_code, done.output


def test_export_says_how_exact_a_file_is(model_file, tmp_path):
    out = tmp_path / "model.tflite"
    options = ("--data", "digits", "--out", out, "--format", "litert")
    code, text = command("export", model_file, *options, "--precision", "float16")
    assert (code, out.exists()) == (0, True), text
    assert "decode.images: differs from the model by at most" in text
    code, text = command("export", model_file, *options)
    assert code == 2
    assert "--overwrite" in text
    code, text = command("export", model_file, *options, "--overwrite", "--tolerance", "0")
    assert code == 2
    assert "Nothing was written" in text
    code, text = command("export", model_file, "--out", tmp_path / "onnx", "--format", "onnx")
    assert code == 2
    assert "--data NAME" in text


def test_a_preset_serves_wherever_a_run_does(model_file, tmp_path, monkeypatch):
    monkeypatch.delenv("ZOO_PRESETS", raising=False)
    preset = tmp_path / "offered" / "small"
    runs.load(model_file).save_to_preset(preset)
    code, text = command("evaluate", preset, "--data", "digits", "--metrics", "mig", "--samples", 200,
                         "--out", tmp_path / "scores.json")  # fmt: skip
    assert code == 0, text
    code, text = command("download", "small", "--address", preset.parent, "--out", tmp_path / "got")
    assert code == 0, text
    assert (tmp_path / "got" / "1" / "saved_model.pb").exists()
    code, text = command("download", "other", "--address", preset.parent, "--out", tmp_path / "x")
    assert (code, (tmp_path / "x").exists()) == (2, False)
    code, text = command("serve-config", preset, "--out", tmp_path / "serving")
    assert code == 0, text
    assert "small version 1" in text
    code, text = command("presets")
    assert code == 0
    assert text.startswith("name")


def test_the_list_of_presets_shows_no_scores_of_a_single_factor():
    from zoo.deliver import presets

    code, text = command("presets")
    assert code == 0, text
    cells = {line.split()[0]: line.split() for line in text.splitlines()[1:]}
    assert {name: len(row) == 6 for name, row in cells.items()} == {
        name: row["factors"] > 1 for name, row in presets.table().items()
    }
    assert presets.table()["vae_digits"]["factors"] == 1


def test_a_preset_is_made_of_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        code, text = command("train", "vae", "--data", "digits", "--steps", 2, "--latent-dim", 2,
                             "--likelihood", "continuous_bernoulli", "--seed", seed, "--out", f"run{seed}")  # fmt: skip
        assert code == 0, text
    made = tmp_path / "saved_models" / "tiny"
    few = ("--metrics", "mig,sap", "--samples", 300)
    code, text = command("make-preset", "run0", "run1", "--out", made, *few)
    assert code == 0, text
    assert f"Written: {made}" in text
    assert "the one with the highest `elbo`" in (made / "card.md").read_text(encoding="utf-8")
    code, text = command("make-preset", "run0", "--out", made)
    assert code == 2
    assert "exists" in text
    code, text = command("rescore", made, "--metrics", "mig(bins=5)", "--samples", 300)
    assert (code, text.strip().endswith(f"Scored: {made}")) == (0, True), text
    assert "mig(bins=5)" in (made / "card.md").read_text(encoding="utf-8").replace(
        "samples=10000, ", ""
    )
    code, text = command("rescore", "run0")
    assert code == 2
    assert "SHA256SUMS" in text


def test_the_table_of_presets_is_made_of_the_folder(tmp_path, monkeypatch):
    from zoo.deliver.presets import _fetch, _publish, _table

    model = models.VAE((8, 8, 1), 2, seed=0)
    model.save_to_preset(tmp_path / "saved_models" / "tiny")
    monkeypatch.setattr(_publish, "own_folders", lambda: [tmp_path / "saved_models"])
    monkeypatch.setattr(_fetch, "own_folders", lambda: [tmp_path / "saved_models"])
    for module in (_publish, _table):
        monkeypatch.setattr(module, "FILE", tmp_path / "table.json")
    code, text = command("presets", "--update")
    assert code == 0, text
    assert "tiny" in text
    assert "VAE" in text
