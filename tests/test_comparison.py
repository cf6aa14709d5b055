"""Comparison of runs: coefficients as SciPy's, by hand, with gaps; and tables read from folders."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import zoo
from zoo import models, runs
from zoo.measure import plots
from zoo.runs import comparison
from zoo.runs.comparison import agreement, read_runs


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(0)
    quality = generator.normal(size=40)
    columns = {"mig": 0.5, "dci": 1.0, "sap": 3.0}
    return {name: quality + spread * generator.normal(size=40) for name, spread in columns.items()}


def test_coefficients_are_scipys(table):
    found = agreement(table)
    assert found.names == ["mig", "dci", "sap"]
    assert (found.runs == 40).all()
    functions = {
        "Pearson": stats.pearsonr,
        "Kendall": stats.kendalltau,
        "Spearman": stats.spearmanr,
    }
    assert list(found.coefficients) == list(found.p_values) == list(functions)
    for name, function in functions.items():
        for i, a in enumerate(table.values()):
            for j, b in enumerate(table.values()):
                coefficient, p_value = function(a, b)
                assert found.coefficients[name][i, j] == pytest.approx(coefficient, abs=1e-12)
                assert found.p_values[name][i, j] == pytest.approx(p_value, abs=1e-12)


def test_by_hand():
    """Of the six pairs of 1 2 3 4 against 1 3 2 4 one is turned round."""
    found = agreement({"a": [1, 2, 3, 4], "b": [1, 3, 2, 4]})
    assert found.coefficients["Pearson"][0, 1] == pytest.approx(0.8)
    assert found.coefficients["Spearman"][0, 1] == pytest.approx(0.8)
    assert found.coefficients["Kendall"][0, 1] == pytest.approx((5 - 1) / 6)
    # Of the 24 orders, 4 have at most one pair turned round, and 4 at least five.
    assert found.p_values["Kendall"][0, 1] == pytest.approx(8 / 24)
    np.testing.assert_allclose(np.diag(found.coefficients["Kendall"]), 1)


def test_ranks_see_order_alone(table):
    bent = {**table, "mig": np.exp(5 * table["mig"])}
    for name in ("Kendall", "Spearman"):
        np.testing.assert_allclose(
            agreement(bent).coefficients[name], agreement(table).coefficients[name]
        )
    assert (
        agreement(bent).coefficients["Pearson"][0, 1]
        < agreement(table).coefficients["Pearson"][0, 1]
    )


def test_runs_without_a_metric_are_left_out_of_its_pairs(table):
    gaps = {name: list(column) for name, column in table.items()}
    gaps["mig"][3], gaps["mig"][7] = None, math.nan
    found = agreement(gaps)
    np.testing.assert_array_equal(found.runs, [[38, 38, 38], [38, 40, 40], [38, 40, 40]])
    keep = np.delete(np.arange(40), [3, 7])
    expected = stats.kendalltau(table["mig"][keep], table["sap"][keep])[0]
    assert found.coefficients["Kendall"][0, 2] == pytest.approx(expected)
    whole = agreement(table)
    assert found.coefficients["Pearson"][1, 2] == whole.coefficients["Pearson"][1, 2]


def test_what_does_not_vary_has_no_coefficient(table):
    found = agreement({**table, "still": [0.5] * 40, "rare": [0.1, 0.2, *[None] * 38]})
    for matrix in (*found.coefficients.values(), *found.p_values.values()):
        assert np.isnan(matrix[3:]).all()
        assert np.isnan(matrix[:, 3:]).all()
        assert np.isfinite(matrix[:3, :3]).all()
    assert plots.agreement(found.coefficients, names=found.names, p_values=found.p_values)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"a": [1, 2, 3]}, "at least two columns"),
        ({"a": [1, 2], "b": [1, 2]}, "at least 3 runs. Received: {'a': 2, 'b': 2}"),
        ({"a": [1, 2, 3], "b": [1, 2]}, "one length"),
        ({"a": [1, 2, 3], "b": ["x", 2, 3]}, "numbers in column 'b'"),
    ],
)
def test_bad_tables(scores, message):
    with pytest.raises(ValueError, match=message):
        agreement(scores)


# Folders


def write_run(folder, beta, scores, model="beta_vae", seed=0):
    config = runs.Config(
        model=model,
        data="digits",
        steps=5,
        batch_size=8,
        latent_dim=3,
        likelihood="bernoulli",
        settings={} if beta is None else {"beta": beta},
        seed=seed,
        precision="float32",
        learning_rate=1e-3,
    )
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(dataclasses.asdict(config)))
    if scores is not None:
        (folder / "scores.json").write_text(json.dumps({"scores": scores, "how": {}}))
    return folder


def test_runs_make_a_table(tmp_path):
    folders = [
        write_run(tmp_path / "a", 1, {"mig": 0.1, "reconstruction": 20.0}),
        write_run(tmp_path / "b", 4, {"mig": 0.3, "reconstruction": 30.0, "dci": 0.5}),
        write_run(tmp_path / "c", None, {"reconstruction": 25.0}),
    ]
    table = read_runs(folders)
    assert table["folder"] == [str(folder) for folder in folders]
    assert table["model"] == ["beta_vae"] * 3
    assert table["beta"] == [1, 4, 4.0]
    assert table["mig"] == [0.1, 0.3, None]
    assert table["dci"] == [None, 0.5, None]
    assert table["reconstruction"] == [20, 30, 25]
    assert "settings" not in table
    figure = plots.trade_off(table["reconstruction"][:2], table["mig"][:2], table["beta"][:2])
    assert len(figure.axes[0].collections) == 2


def test_udr_of_runs_is_that_of_their_codes(tmp_path, digits):
    folders, trained = [], []
    for seed in range(2):
        folders.append(write_run(tmp_path / f"{seed}", 4, None, seed=seed))
        trained.append(models.BetaVAE((8, 8, 1), latent_dim=3, beta=4, seed=seed))
        trained[-1].compile()
        trained[-1].save(folders[-1] / "model.keras")
    found = comparison.udr(folders, samples=500, seed=3, similarity="spearman")
    tables = [zoo.encode(model, "digits", samples=500, seed=3) for model in trained]
    np.testing.assert_array_equal(tables[0].indices, tables[1].indices)
    kl = [table.latent_kl.mean(axis=0) for table in tables]
    codes = [table.codes for table in tables]
    assert found == zoo.metrics.udr(codes, kl, seed=3, similarity="spearman")
    same = comparison.udr([folders[0]] * 2, samples=500, similarity="spearman")
    assert 0 < found["udr"] < same["udr"]


def test_model_centrality_of_runs_is_that_of_their_images(tmp_path):
    folders, trained = [], []
    for seed in range(3):
        folders.append(write_run(tmp_path / f"{seed}", 4, None, seed=seed))
        trained.append(models.BetaVAE((8, 8, 1), latent_dim=3, beta=4, seed=seed))
        trained[-1].compile()
        trained[-1].save(folders[-1] / "model.keras")
    how = {"groups": 30, "images": 20, "samples": 100}
    with pytest.raises(ValueError, match="`seed` must be an integer >= 0"):
        comparison.model_centrality(folders, seed=-1)
    with pytest.raises(ValueError, match=r"at least the number of latents, 3.*groups=2"):
        comparison.model_centrality(folders, groups=2)
    found = comparison.model_centrality(folders, seed=3, **how)
    assert found == comparison.model_centrality(folders, seed=3, **how)
    assert found != comparison.model_centrality(folders, seed=4, **how)
    assert list(found) == ["model_centrality", *(f"model_centrality_{n}" for n in range(3))]
    # The literal procedure with images of its own, held to the sampling error of 30 votes.
    generator, fixed, codes, anything = np.random.default_rng(0), np.arange(30) % 3, [], []
    for maker in trained:
        latents = generator.normal(size=(30, 20, 3)).astype("float32")
        for group, latent in zip(latents, fixed, strict=True):
            group[:, latent] = group[0, latent]
        images = maker.decode(latents.reshape(-1, 3)).mean()
        others = maker.decode(generator.normal(size=(100, 3))).mean()
        codes.append([m.encode(images).mean().numpy().reshape(30, 20, 3) for m in trained])
        anything.append([m.encode(others).mean().numpy() for m in trained])
    literal = zoo.metrics.model_centrality(codes, anything, [fixed] * 3)
    assert found["model_centrality"] == pytest.approx(literal["model_centrality"], abs=0.15)


def test_model_centrality_needs_continuous_latents_with_a_prior(tmp_path):
    folders = []
    for seed in range(2):
        folders.append(write_run(tmp_path / f"{seed}", None, None, "autoencoder", seed=seed))
        model = models.Autoencoder((8, 8, 1), latent_dim=3, seed=seed)
        model.compile()
        model.save(folders[-1] / "model.keras")
    with pytest.raises(ValueError, match=r"latents are all continuous\. Received: Autoencoder"):
        comparison.model_centrality(folders)
    with pytest.raises(ValueError, match="`groups` must be an integer >= 1"):
        comparison.model_centrality(folders, groups=0)


@pytest.mark.parametrize(
    "compare", [comparison.udr, comparison.model_centrality, comparison.read_runs]
)
@pytest.mark.parametrize("folders", ["runs/a", Path("runs/a"), 3, [3, 4]])
def test_a_single_folder_is_no_list_of_letters(compare, folders):
    with pytest.raises(ValueError, match=r"Expected a list of paths\. Received: "):
        compare(folders)


def test_udr_takes_runs_of_one_kind(tmp_path):
    folders = [write_run(tmp_path / "a", 1, None), write_run(tmp_path / "b", 4, None)]
    with pytest.raises(ValueError, match=r"differ in their seed alone. Received: .*a and .*b"):
        comparison.udr(folders)
    with pytest.raises(ValueError, match=r"Expected the folders of runs\. Received: none"):
        comparison.udr([])


def test_runs_with_gaps_can_be_drawn(tmp_path):
    """Runs with the default, a number and schedules, one of which lacks a score."""
    schedule = {
        "module": "zoo.schedules",
        "class_name": "Linear",
        "config": {"end": 8.0, "steps": 10, "start": 0.0},
        "registered_name": "zoo>Linear",
    }
    betas = [None, 2, "linear(4,1000)", schedule, 2.0]
    folders = [
        write_run(tmp_path / str(number), beta, {"reconstruction": 20.0 + number, "mig": 0.1})
        for number, beta in enumerate(betas)
    ]
    folders.append(write_run(tmp_path / "vae", None, {"reconstruction": 19.0, "mig": 0.2}, "vae"))
    folders.append(write_run(tmp_path / "unscored", 2, {"reconstruction": 30.0}))
    (folders[0] / "history.csv").write_text("step,loss\n1,2.0\n")
    table = read_runs(folders)
    annealed = "linear(end=8.0, steps=10, start=0.0)"
    assert table["beta"] == [4.0, 2, "linear(4, 1000)", annealed, 2.0, None, 2]
    with pytest.warns(UserWarning, match="1 of 7 runs are left out"):
        figure = plots.trade_off(table["reconstruction"], table["mig"], table["beta"])
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == ["2", "4", "None", "linear(4, 1000)", annealed]


def test_settings_that_were_not_given_are_the_models_defaults(tmp_path):
    names = ("dip_vae", "ada_gvae", "info_gan", "joint_vae")
    folders = [write_run(tmp_path / name, None, {"mig": 0.1}, name) for name in names]
    table = read_runs(folders)
    assert table["lambda_od"] == [10.0, None, None, None]
    assert table["beta"] == [None, 1.0, None, None]  # not beta-VAE's 4
    assert table["categories"] == [None, None, (), (3,)]
    assert table["free_bits"] == [0.0] * 4
    assert table["latent_dim"] == [3] * 4
    assert not {"encoder", "decoder", "discriminator", "kwargs", "settings"} & table.keys()


def test_runs_of_zoo_train_can_be_read(tmp_path):
    import zoo

    run = zoo.train(
        "vae",
        "digits",
        steps=2,
        likelihood="continuous_bernoulli",
        out=tmp_path / "run",
        show_progress=False,
    )
    table = read_runs([run.folder])
    assert table["steps"] == [2]
    assert {name: table[name][0] for name in run.scores} == run.scores


def test_folders_without_runs_or_scores(tmp_path):
    with pytest.raises(ValueError, match=r"without config\.json"):
        read_runs([tmp_path])
    folder = write_run(tmp_path / "a", 1, None)
    with pytest.raises(ValueError, match=r"Expected a scored run.*without scores\.json. Score it"):
        read_runs([folder])
    (folder / "scores.json").write_text("{")
    with pytest.raises(ValueError, match=r"scores\.json is damaged"):
        read_runs([folder])
    twice = write_run(tmp_path / "b", 1, {"seed": 3.0})
    with pytest.raises(ValueError, match="seed names a setting and a score"):
        read_runs([twice])
    assert read_runs([]) == {}
    assert comparison.LEAST_RUNS == 3
