"""Presets made of runs: the rule, the faults, the card; and the presets that the zoo gives away."""

import dataclasses
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import runs
from zoo.deliver import presets
from zoo.measure import evaluation
from zoo.runs import pretrained, training
from zoo.runs.pretrained import forms
from zoo.utils import files

ROOT = Path(__file__).parent.parent
OWN = sorted(path.parent for path in (ROOT / "saved_models").glob("*/SHA256SUMS"))
MOST_BYTES = 70 * 2**20
BESIDE = (
    ROOT.resolve().parent / "shared" / "data"
)  # real images, where they lie beside the checkout


@pytest.fixture(scope="module")
def made_runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for seed in range(2):
        training.train(
            "vae", "digits", steps=3, latent_dim=3, seed=seed, out=folder / f"{seed}",
            likelihood="continuous_bernoulli", show_progress=False,
        )  # fmt: skip
    return [folder / "0", folder / "1"]


@pytest.fixture(scope="module")
def made(made_runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "tiny"
    return pretrained.make(made_runs, out, metrics=["mig", "sap"], precisions=["float32", "int8"])


# Making.


def test_a_made_preset_is_whole_and_its_model_is_the_best_run(made, made_runs):
    presets.verify(made)
    elbo = [files.read_json(run / "scores.json")["scores"]["elbo"] for run in made_runs]
    best = runs.load(made_runs[int(np.argmax(elbo))])
    for kept, weight in zip(zoo.from_preset(made).weights, best.weights, strict=False):
        np.testing.assert_array_equal(kept, weight)
    facts = files.read_json(made / "scores.json")["how"]["training"]
    assert facts["rule"] == "elbo"  # of one factor the FactorVAE score is 1
    assert facts["candidates"] == [{"seed": s, "value": v} for s, v in enumerate(elbo)]
    assert facts["config"]["seed"] == int(np.argmax(elbo))


def test_the_rule_can_be_chosen(made_runs, tmp_path):
    worst = shutil.copytree(made_runs[0], tmp_path / "run")
    scores = files.read_json(worst / "scores.json")
    scores["scores"]["mig"] = 2.0
    files.write_json(worst / "scores.json", scores)
    out = pretrained.make([worst, made_runs[1]], tmp_path / "out", rule="mig", metrics=[], precisions=[])  # fmt: skip
    facts = files.read_json(out / "scores.json")["how"]["training"]
    assert (facts["rule"], facts["config"]["seed"]) == ("mig", 0)


def test_evaluating_a_preset_gives_its_scores_again(made):
    written = files.read_json(made / "scores.json")["scores"]
    assert zoo.evaluate(zoo.from_preset(made), "digits", ["mig", "sap"]) == written


def test_the_card_is_written_from_the_scores_alone(made, tmp_path):
    copy = tmp_path / "tiny"
    copy.mkdir()
    shutil.copy(made / "scores.json", copy)
    text = (made / "card.md").read_text(encoding="utf-8")
    assert pretrained.card(copy) == text
    written = files.read_json(made / "scores.json")
    for name, value in written["scores"].items():
        assert f"| {name} | {value:.4g} |" in text
    for figure in ("curves", "factors", "traversals", "reconstructions"):
        assert f"figures/{figure}.png" in text
        assert (made / "figures" / f"{figure}.png").exists()


def test_a_refused_file_stands_among_the_failures(made):
    found = files.read_json(made / "scores.json")["how"]["files"]
    assert set(found) == {"float32.tflite", "int8.tflite"}
    assert (made / "float32.tflite").stat().st_size == found["float32.tflite"]["size"]
    refused = "refused" in found["int8.tflite"]
    assert refused == (not (made / "int8.tflite").exists())
    assert refused == ("- No `int8.tflite`" in (made / "card.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("fault", ["none", "unfinished", "other settings", "no such score"])
def test_runs_that_make_no_preset_are_refused(made_runs, tmp_path, fault):
    first, second = (shutil.copytree(run, tmp_path / run.name) for run in made_runs)
    rule, folders = None, [first, second]
    if fault == "none":
        folders, message = [], "Received: none"
    elif fault == "unfinished":
        (second / "scores.json").unlink()
        message = "not finished"
    elif fault == "other settings":
        config = json.loads((second / "config.json").read_text())
        (second / "config.json").write_text(json.dumps({**config, "steps": 9}))
        message = "seed alone"
    else:
        rule, message = "beauty", "no score `beauty`"
    with pytest.raises(ValueError, match=message):
        pretrained.make(folders, tmp_path / "out", rule=rule)
    assert not (tmp_path / "out").exists()


def test_an_unknown_precision_is_refused_before_any_work(made_runs, tmp_path):
    with pytest.raises(ValueError, match='Did you mean "float16"'):
        pretrained.make(made_runs, tmp_path / "out", precisions=["float61"])


def test_nothing_is_replaced_unasked(made_runs, made):
    with pytest.raises(FileExistsError, match="exists"):
        pretrained.make(made_runs, made)


def test_what_a_run_tells_of_its_origin_stands_on_the_card(made_runs, tmp_path):
    told = [shutil.copytree(run, tmp_path / run.name) for run in made_runs]
    for run in told:
        (run / "provenance.md").write_text("Trained elsewhere, on paper.\n", encoding="utf-8")
    out = pretrained.make(told, tmp_path / "out", metrics=[], precisions=[], samples=100)
    facts = files.read_json(out / "scores.json")["how"]["training"]
    assert facts["provenance"] == "Trained elsewhere, on paper."
    card = (out / "card.md").read_text(encoding="utf-8")
    training_section = card.split("## Training")[1].split("## Scores")[0]
    assert "\nTrained elsewhere, on paper.\n" in training_section
    assert files.read_json(tmp_path / "out" / "scores.json")["how"]["files"] == {}


def test_held_out_images_and_the_licence_of_the_data_stand_beside(made_runs, tmp_path):
    data, text = "split(digits, 0.8, 0.2, seed=0)[1]", "CC0, nobody"
    out = pretrained.make(
        made_runs, tmp_path / "out", metrics=[], precisions=[], held_out=data, data_licence=text
    )
    found = files.read_json(out / "scores.json")
    expected = zoo.evaluate(zoo.from_preset(out), data, [])
    assert found["how"]["held_out"]["scores"] == expected
    assert found["how"]["held_out"]["samples"] == len(zoo.datasets.load(data))
    card = (out / "card.md").read_text(encoding="utf-8")
    assert f"`{data}` was held out" in card
    assert f"| elbo | {expected['elbo']:.4g} |" in card
    assert text in card
    assert pretrained.rescore(out, metrics=[]) == out
    assert files.read_json(out / "scores.json")["how"]["held_out"] == found["how"]["held_out"]
    assert (out / "card.md").read_text(encoding="utf-8") == card


@pytest.mark.parametrize(
    ("data", "licence"),
    [
        ("digits", "CC BY 4.0"),
        ("split(digits, 0.8, 0.2)[0]", "CC BY 4.0"),
        ("xysquares(spacing=1)", "rendered by the zoo"),
        ("split(xysinglesquare, 0.5, 0.5)[1]", "rendered by the zoo"),
        (np.zeros((4, 8, 8, 1), "uint8"), "not told"),
    ],
)
def test_the_licence_of_data_is_told_where_it_is_known(data, licence):
    assert pretrained.licence_of(zoo.datasets.load(data)).startswith(licence)


def test_float32_is_left_out_where_float16_is_near_enough(made_runs, tmp_path):
    out = pretrained.make(made_runs, tmp_path / "out", metrics=[], precisions=["float32", "float16"])  # fmt: skip
    found = files.read_json(out / "scores.json")["how"]
    kept = {file for file, row in found["files"].items() if "size" in row}
    assert kept == {path.name for path in out.glob("*.tflite")} != set()
    assert len(kept) == 1
    assert {"SavedModel", *(f"LiteRT {file.removesuffix('.tflite')}" for file in kept)} <= set(
        found["forms"]
    )


def test_a_learned_sigma_stands_beside_the_error_that_it_should_equal(tmp_path):
    from zoo.runs.pretrained._scale import learned_scale

    grey = np.full((300, 8, 8, 1), 0.5, "float32")
    images = np.clip(grey + np.random.default_rng(0).normal(0, 0.1, grey.shape), 0, 1)
    images = images.astype("float32")
    likelihood = zoo.likelihoods.Gaussian(scale="learned")
    model = zoo.models.VAE((8, 8, 1), 2, likelihood=likelihood, seed=0)
    model.compile(zoo.optimizers.Adam(3e-3))
    model.fit(images, epochs=60, verbose=0)
    found = learned_scale(model, zoo.datasets.load(images), samples=300)
    assert found["scale"] == pytest.approx(found["root_mean_square_error"], rel=0.1)
    assert found["root_mean_square_error"] == pytest.approx(0.1, rel=0.15)
    assert learned_scale(zoo.models.VAE((8, 8, 1), 2), "digits", samples=9) is None


# Scoring anew.


def test_a_preset_scored_anew_keeps_its_model_and_training(made, tmp_path):
    copy = shutil.copytree(made, tmp_path / "tiny")
    before = files.read_json(copy / "scores.json")
    assert pretrained.rescore(copy, metrics=["mig(bins=5)"], samples=500, seed=3) == copy
    presets.verify(copy)
    after = files.read_json(copy / "scores.json")
    expected = zoo.evaluate(zoo.from_preset(made), "digits", ["mig(bins=5)"], samples=500, seed=3)
    assert after["scores"] == expected != before["scores"]
    assert after["how"]["samples"] == 500
    for name in ("training", "measured", "files", "forms", "licence"):
        assert after["how"][name] == before["how"][name]
    assert after["how"]["metrics"]["mig"]["parameters"]["bins"] == 5
    assert (copy / "card.md").read_text(encoding="utf-8") == pretrained.card(copy)
    assert "mig(" in (copy / "card.md").read_text(encoding="utf-8")
    changed = {"scores.json", "card.md", "SHA256SUMS", "figures/factors.png"}
    for path in (path for path in made.rglob("*") if path.is_file()):
        name = path.relative_to(made).as_posix()
        assert name in changed or (copy / name).read_bytes() == path.read_bytes(), name


def test_a_damaged_preset_is_not_scored(made, tmp_path):
    copy = shutil.copytree(made, tmp_path / "tiny")
    (copy / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"config\.json is not the file"):
        pretrained.rescore(copy)


def test_an_unknown_metric_leaves_a_preset_as_it_is(made, tmp_path):
    copy = shutil.copytree(made, tmp_path / "tiny")
    with pytest.raises(ValueError, match='Unknown metric "migg"'):
        pretrained.rescore(copy, metrics=["migg"])
    presets.verify(copy)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


# Faults, on codes whose faults are known.


class Grid:
    factor_names = ("shape", "x")
    factor_values = (np.array(["square", "heart"]), np.arange(4) / 3)


def table(codes, kl=None, reconstruction=None):
    factors = np.indices((2, 4)).reshape(2, -1).T
    rows = len(factors)
    return evaluation.Table(
        np.asarray(codes(factors), float),
        factors,
        np.arange(rows),
        np.zeros(rows) if reconstruction is None else reconstruction(factors),
        np.ones((rows, 2)) if kl is None else np.tile(kl, (rows, 1)),
    )


def test_a_perfect_code_has_no_faults():
    found = pretrained.faults(table(lambda factors: factors), Grid)
    assert found.sentences() == []
    assert [(row["latent"], row["share"]) for row in found.factors] == [
        (0, pytest.approx(1)),
        (1, pytest.approx(1)),
    ]


def test_what_one_latent_tells_of_a_factor():
    # z0 tells the first half of x from the second: ln 2 of ln 4; of shape nothing is told.
    found = pretrained.faults(table(lambda f: np.stack([f[:, 1] // 2, 0 * f[:, 0]], 1)), Grid)
    shares = {row["name"]: row["share"] for row in found.factors}
    assert shares == {"shape": pytest.approx(0, abs=1e-9), "x": pytest.approx(math.log(2) / math.log(4))}  # fmt: skip
    assert any("`shape` is not in one latent" in text for text in found.sentences())


def test_a_latent_of_two_factors_is_mixed_and_a_factor_of_two_latents_split():
    mixed = pretrained.faults(table(lambda f: np.stack([f[:, 0] * 4 + f[:, 1], 0 * f[:, 0]], 1)), Grid)  # fmt: skip
    assert "z0 mixes `shape` and `x`: it is the best latent of each." in mixed.sentences()
    split = pretrained.faults(table(lambda f: f[:, [1, 1]]), Grid)
    assert "`x` is told twice: by z0 and z1." in split.sentences()


def test_unused_latents_and_dear_images():
    found = pretrained.faults(
        table(lambda f: f, kl=[2.0, 0.001], reconstruction=lambda f: 10.0 * f[:, 0]), Grid
    )
    assert found.latents == pytest.approx([2.0, 0.001])
    assert found.sentences() == [
        "z1 is not used (< 0.01 nats).",
        "Images with `shape` heart are reconstructed worst: 5.0 nats above the mean.",
    ]


def test_faults_go_through_json():
    found = pretrained.faults(table(lambda f: f[:, :1]), Grid)
    again = json.loads(json.dumps(dataclasses.asdict(found)))
    assert pretrained.Faults(**again).sentences() == found.sentences()
    assert found.factors[0]["second_latent"] is None


# The presets of the zoo.


def test_the_table_lists_what_is_there():
    assert presets.table() == {folder.name: presets.facts(folder) for folder in OWN}


def test_the_presets_are_small():
    assert files.size_of(ROOT / "saved_models") < MOST_BYTES


def test_table_csv_and_readmes_are_written_from_the_scores():
    from zoo.deliver.presets import _results as results

    found = {folder.name: files.read_json(folder / "scores.json") for folder in OWN}
    sizes = {folder.name: files.size_of(folder) for folder in OWN}
    written = (ROOT / "saved_models" / "results.csv").read_text(encoding="utf-8")
    assert written == results.results_csv(found, sizes)
    for file, sections in results.tables(ROOT, found, sizes).items():
        text = file.read_text(encoding="utf-8")
        for name, table in sections.items():
            assert results.replaced(text, name, table) == text
            assert len(table.splitlines()) > 2


def test_results_hold_every_headline_with_its_parameters():
    import csv

    with (ROOT / "saved_models" / "results.csv").open(newline="", encoding="utf-8") as lines:
        rows = {row["preset"]: row for row in csv.DictReader(lines)}
    for folder in OWN:
        found, row = files.read_json(folder / "scores.json"), rows[folder.name]
        for metric, called in found["how"]["metrics"].items():
            assert float(row[metric]) == found["scores"][called["entries"][0]]
            assert all(f"{name}=" in row[f"{metric} parameters"] for name in called["parameters"])
        assert float(row["SavedModel bytes"]) > 0
        assert float(row["SavedModel encode_ms"]) > 0


def test_published_numbers_name_their_source_and_a_preset_that_exists_or_none():
    published = json.loads((ROOT / "saved_models" / "published.json").read_text(encoding="utf-8"))
    names = {folder.name for folder in OWN}
    for study in published:
        assert study["source"]
        assert study["differs"]
        assert study["preset"] is None or study["preset"] in names
        assert study["scores"]


def load(data, monkeypatch):
    """A preset's dataset; its files, if it has any, lie beside the checkout or there is none."""
    if "mnist" in data and BESIDE.exists():
        monkeypatch.chdir(BESIDE)
    elif "mnist" in data:
        pytest.skip("the images are not here")
    return zoo.datasets.load(data)


# Of models that are built alike one is scored; scoring the others, 15,000 images each, takes minutes.
SCORED = {"factor_vae_shapes2d", "ada_gvae_shapes3d", "joint_vae_mnist", "vae_digits"}


def each_scored():
    for folder in OWN:
        marks = [] if folder.name in SCORED else [pytest.mark.slow]
        yield pytest.param(folder, id=folder.name, marks=marks)


@pytest.mark.parametrize("folder", [*each_scored()])
def test_the_scores_come_again(folder, monkeypatch):
    found = files.read_json(folder / "scores.json")
    how, expected = found["how"], found["scores"]
    load(how["data"], monkeypatch)
    seen = {"samples": how["samples"], "seed": how["seed"]}
    scores = zoo.evaluate(zoo.from_preset(folder.name), how["data"], **seen)
    # Another processor rounds otherwise, and may move a code to another bin.
    assert scores == pytest.approx({name: expected[name] for name in scores}, rel=1e-3, abs=5e-3)


@pytest.mark.parametrize("folder", OWN, ids=lambda folder: folder.name)
class TestOwn:
    def test_the_card_is_generated(self, folder):
        assert (folder / "card.md").read_text(encoding="utf-8") == pretrained.card(folder)

    def test_no_commit_is_dirty(self, folder):
        for name in ("card.md", "scores.json"):
            assert "-dirty" not in (folder / name).read_text(encoding="utf-8")

    def test_tensorflow_alone_gives_the_same_to_the_bit(self, folder, tmp_path, monkeypatch):
        model = zoo.from_preset(folder.name)
        data = load(files.read_json(folder / "scores.json")["how"]["data"], monkeypatch)
        images = forms.as_floats(data.images(np.arange(0, len(data), len(data) // 7)[:7]))
        np.save(tmp_path / "images.npy", images)
        script = """
import sys
sys.modules.update(dict.fromkeys(["keras", "zoo", "tensorflow_probability"]))  # None: cannot be imported
import numpy as np
import tensorflow as tf
folder, out = sys.argv[1:]
model = tf.saved_model.load(folder + "/1").signatures
images = tf.constant(np.load(out + "/images.npy"))
codes = model["encode"](images=images)["mean"]
made = {"codes": codes, "decoded": model["decode"](latents=codes)["images"],
        "reconstructed": model["reconstruct"](images=images)["images"]}
model["sample"](n=tf.constant(2), seed=tf.constant(0))
np.savez(out + "/made.npz", **made)
"""
        command = [sys.executable, "-c", script, str(folder), str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        # As graphs: TensorFlow rounds some operations otherwise when it runs them one by one.
        codes = tf.function(lambda images: model.encode(images).mean())(images)
        decoded = tf.function(lambda codes: model.decode(codes).mean())(codes)
        with np.load(tmp_path / "made.npz") as made:
            np.testing.assert_array_equal(made["codes"], codes)
            np.testing.assert_array_equal(made["decoded"], decoded)
            np.testing.assert_array_equal(made["reconstructed"], model.predict(images, verbose=0))

    def test_litert_is_within_what_the_card_says(self, folder, monkeypatch):
        from ai_edge_litert.interpreter import Interpreter

        model = zoo.from_preset(folder.name)
        how = files.read_json(folder / "scores.json")["how"]
        data = load(how["data"], monkeypatch)
        images = forms.as_floats(zoo.report.measured_images(data))
        expected = model.encode(images).mean().numpy()
        for file, facts in how["files"].items():
            if "refused" in facts:
                continue
            encode = Interpreter(str(folder / file)).get_signature_runner("encode")
            means = np.concatenate([encode(images=image[None])["mean"] for image in images])
            error = np.abs(means - expected).max()
            assert error <= 1.5 * facts["errors"]["encode.mean"] + 1e-5, file
            assert b"READ_VARIABLE" not in (folder / file).read_bytes()
