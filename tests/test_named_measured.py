"""Named studies that measure: perceived distances, total correlation, and densities of grey images."""

from pathlib import Path

import keras
import numpy as np
import pytest
from scipy import integrate, linalg

import zoo
from zoo.measure import information
from zoo.studies import named
from zoo.studies.named import (
    ContinuousBernoulli,
    HiddenTotalCorrelation,
    PerceivedDistances,
    _alone,
    _grey,
)
from zoo.studies.named import continuous_bernoulli as grey_study
from zoo.studies.named import hidden_total_correlation as hidden_study
from zoo.studies.named import perceived_distances as distance_study
from zoo.studies.named import total_correlation as tc_study
from zoo.studies.named._numbers import columns_of, groups, where

FACTORS = ("x_R", "y_R", "x_G", "y_G", "x_B", "y_B")
SMALL = "split(digits, 0.8, 0.2, seed=0)"


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distance_study, "TRAVERSALS", {"small": 2})
        patch.setattr(distance_study, "SPACINGS", (8, 1))
        return PerceivedDistances().rows("small")


def test_distances_of_all_factors_are_measured_and_judged(measured):
    verdict = PerceivedDistances().judge(measured)
    assert verdict.word == "shown"
    assert "0.00 at spacing 8 and 1.00 at spacing 1, of 6 factors" in verdict.because
    data = zoo.datasets.load("shapes2d")
    factors = where(measured, lambda row: row["spearman"] is not None, data="shapes2d")
    assert factors["factor"] == list(data.factor_names)


def test_the_study_made_again_comes_to_the_verdict_that_is_kept(measured):
    kept = Path(__file__).parent.parent / "notebooks/studies/perceived_distances/small"
    assert named.judged(kept).verdict.word == PerceivedDistances().judge(measured).word


def test_the_matrix_of_a_factor_stands_in_the_rows(measured):
    rows = where(measured, data="xysquares(spacing=1)", factor="y_G")
    values = where(rows, lambda row: row["value"] is not None)
    matrix = np.array([values[f"to_{value}"] for value in range(8)], float)
    steps = np.abs(np.subtract.outer(range(8), range(8)))
    np.testing.assert_allclose(matrix, 16 * np.minimum(8, steps) / 12288, rtol=1e-4)


def test_published_means_and_correlations_are_met(measured):
    table = PerceivedDistances().tables(measured)["Factor distance and perceived distance"]
    line = next(
        line for line in table.splitlines() if line.startswith("| xysquares(spacing=8) | p")
    )
    assert line.endswith("| x_R, y_R, x_G, y_G, x_B, y_B | 0.01042 | – | 0.5222 | 0.5804 | 0 |")
    assert "| shapes3d | pixels, MSE | wall_hue |" in table
    assert "| 0.1122 |" in table


def test_distances_are_drawn_from_their_rows_alone(measured):
    drawn = PerceivedDistances().figures(measured)
    assert list(drawn) == ["over_spacing", "shapes2d", "shapes3d", "xysquares"]
    assert [axes.get_title() for axes in drawn["shapes2d"].axes] == [
        "shape",
        "scale",
        "orientation",
        "x",
        "y",
    ]
    assert len(drawn["xysquares"].axes) == 18


def orders(far, near):
    """The first factors as told, and the others ordered at spacing 1 alone."""
    far, near = (*far, *[0.0] * 4), (*near, *[1.0] * 4)
    cases = {"xysquares(spacing=8)": far, "xysquares(spacing=1)": near}
    return columns_of(
        {
            "data": data,
            "loss": "mse",
            "factor": factor,
            "spearman": 0.5,
            "spearman_of_different": value,
        }
        for data, values in cases.items()
        for factor, value in zip(FACTORS, values, strict=True)
    )


@pytest.mark.parametrize(
    ("far", "near", "word"),
    [
        ((0.0, 0.0), (1.0, 0.95), "shown"),
        ((0.0, 0.1), (1.0, 1.0), "not shown"),
        ((0.0, 0.0), (1.0, 0.5), "not shown"),
        ((0.0, 0.9), (1.0, 0.8), "refuted"),
        ((0.0, 0.0), (1.0, 0.0), "refuted"),
    ],
)
def test_the_order_of_distances_decides(far, near, word):
    assert PerceivedDistances().judge(orders(far, near)).word == word


def test_distances_without_one_of_the_spacings_are_named():
    columns = where(orders((0.0, 0.0), (1.0, 1.0)), data="xysquares(spacing=8)")
    with pytest.raises(ValueError, match=r"spacing=1\)\. Received: 6 and 0"):
        PerceivedDistances().judge(columns)


@pytest.mark.parametrize("logit", [-300.0, -3.0, -1e-4, 0.0, 2e-3, 0.5, 40.0])
def test_the_normalizer_makes_the_bernoulli_formula_a_density(logit):
    whole = integrate.quad(
        lambda x: np.exp(x * logit - np.logaddexp(0, logit)), 0, 1, points=[0.01, 0.99]
    )[0]
    assert _grey.log_normalizer(logit) == pytest.approx(-np.log(whole), abs=1e-7)


def test_densities_of_images_are_those_of_the_likelihoods():
    generator = np.random.default_rng(0)
    logits = generator.normal(scale=20, size=(3, 4, 4, 1)).astype("float32")
    images = generator.random((3, 4, 4, 1)).astype("float32")
    for name in ("bernoulli", "continuous_bernoulli"):
        expected = zoo.likelihoods.get(name)(logits).log_prob(images)
        np.testing.assert_allclose(getattr(_grey, name)(logits, images), expected, rtol=1e-4)


def test_frechet_distance_is_that_of_the_matrix_root():
    generator = np.random.default_rng(1)
    a, b = generator.random((40, 2, 2, 1)), generator.random((30, 2, 2, 1)) ** 2
    flat = [part.reshape(len(part), -1) for part in (a, b)]
    gap = flat[0].mean(axis=0) - flat[1].mean(axis=0)
    spreads = [np.cov(part.T) for part in flat]
    root = np.real(linalg.sqrtm(spreads[0] @ spreads[1]))
    expected = gap @ gap + np.trace(spreads[0] + spreads[1] - 2 * root)
    assert _grey.frechet(a, b) == pytest.approx(expected)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a Bernoulli's run of a few updates."""
    folder = tmp_path_factory.mktemp("runs") / "bernoulli"
    how = {"steps": 3, "settings": {"beta": 4}, "show_progress": False, "metrics": ["mig"]}
    with pytest.warns(UserWarning, match="grey"):
        zoo.train("beta_vae", f"{SMALL}[0]", out=folder, likelihood="bernoulli", **how)
    return folder


def test_what_a_finished_run_is_worth_on_images_held_out(trained):
    found = ContinuousBernoulli().look(trained)
    model = zoo.load(trained)
    bound = zoo.evaluate(model, f"{SMALL}[1]", metrics=["mig"])
    assert found["held_out_kl"] == pytest.approx(bound["kl"], rel=1e-4)
    assert found["held_out_elbo"] == pytest.approx(bound["elbo"], abs=0.5)
    assert found["density_by_logits"] == pytest.approx(
        found["held_out_elbo"] + found["missing_normalizer"], abs=1e-3
    )
    assert found["density_elbo"] == max(found["density_by_logits"], found["density_by_mean"])
    assert 0 < found["frechet_of_training"] < found["frechet"]


def test_a_likelihood_that_is_a_density_is_taken_as_it_is():
    images = zoo.datasets.load("digits").images(range(20))
    for likelihood in ("continuous_bernoulli", "beta"):
        model = zoo.models.BetaVAE((8, 8, 1), likelihood=likelihood, seed=0)
        found = grey_study._bounds(model, images)
        assert list(found) == ["held_out_elbo", "density_elbo", "held_out_kl"]
        assert found["density_elbo"] == found["held_out_elbo"]


def test_a_run_without_images_held_out_is_named(trained, monkeypatch):
    monkeypatch.setattr(grey_study, "HELD_OUT", {"tfds:mnist[train]": "tfds:mnist[test]"})
    with pytest.raises(ValueError, match=r"Expected runs on tfds:mnist.* Received: 'split\(digits"):
        ContinuousBernoulli().look(trained)


def runs_of(**densities):
    """Three seeds a setting; by likelihood, densities of β = 1 and 4 and the Fréchet distance of β = 1."""
    return columns_of(
        {
            "cell": f"{name} {beta} {seed}",
            "setting": f"{name} {beta}",
            "model": "beta_vae",
            "likelihood": name,
            "beta": beta,
            "held_out_elbo": density + seed,
            "density_elbo": density + seed,
            "frechet": far + 0.01 * seed,
            "held_out_error": 0.1,
        }
        for name, (one, four, far) in densities.items()
        for beta, density in ((1, one), (4, four))
        for seed in range(3)
    )


@pytest.mark.parametrize(
    ("bernoulli", "continuous_bernoulli", "word"),
    [
        ((50, 70, 2.0), (100, 90, 1.0), "shown"),
        ((50, 70, 2.0), (100, 100, 1.0), "shown"),  # another β that is as good is not needed
        ((50, 70, 1.0), (100, 90, 1.0), "not shown"),  # samples are alike
        ((50, 70, 2.0), (100, 110, 1.0), "not shown"),  # another β helps, but less
        ((50, 60, 2.0), (100, 130, 1.0), "refuted"),  # another β helps more
        ((50, 70, 1.0), (100, 90, 2.0), "refuted"),  # samples are farther
        ((150, 70, 2.0), (100, 90, 1.0), "refuted"),  # the density is worse
    ],
)
def test_density_samples_and_beta_decide(bernoulli, continuous_bernoulli, word):
    columns = runs_of(bernoulli=bernoulli, continuous_bernoulli=continuous_bernoulli)
    study = ContinuousBernoulli()
    assert study.judge(columns).word == word
    assert "| continuous Bernoulli |" in study.tables(columns)["Which β is best"]


def test_likelihoods_are_drawn_over_beta():
    columns = runs_of(bernoulli=(50, 70, 2.0), continuous_bernoulli=(100, 90, 1.0))
    (figure,) = ContinuousBernoulli().figures(columns).values()
    assert [axes.get_xlabel() for axes in figure.axes] == ["β, weight of the KL"] * 3
    assert [text.get_text() for text in figure.axes[2].get_legend().get_texts()] == [
        "Bernoulli",
        "continuous Bernoulli",
    ]


def test_runs_of_one_likelihood_are_named():
    columns = runs_of(continuous_bernoulli=(100, 90, 1.0))
    with pytest.raises(ValueError, match="Received: continuous_bernoulli"):
        ContinuousBernoulli().judge(columns)


def test_every_cell_has_images_held_out():
    for budget in ContinuousBernoulli().budgets().values():
        cells = columns_of({"data": cell.config.data} for cell in budget.study.cells())
        assert set(groups(cells, "data")) <= set(grey_study.HELD_OUT)


@pytest.mark.filterwarnings(r"ignore:I\(x; z\) of N")
@pytest.mark.parametrize(("width", "least", "most"), [(0.8, 0.0, 0.1), (0.02, 2.0, 3.0)])
def test_true_total_correlation_of_some_images_brackets_that_of_all(
    width, least, most, monkeypatch
):
    """Of wide posteriors a tenth of the images tell all, of narrow ones what log of their number cuts off is open."""
    count, some = 5000, 500
    one = np.random.default_rng(0).normal(size=(count, 2)) @ [[1.0, 0.6], [0.0, 0.8]]
    table = one, np.full_like(one, 2 * np.log(width))

    def parts(model, data, samples):
        assert samples == some
        return information.gaussian_kl_parts(*(each[:some] for each in table), draws=None)

    monkeypatch.setattr(tc_study, "IMAGES", some)
    monkeypatch.setattr(tc_study.information, "kl_parts", parts)
    monkeypatch.setattr(tc_study.datasets, "load", lambda name: range(count))
    monkeypatch.setattr(tc_study.runs, "load", lambda folder: None)
    monkeypatch.setattr(tc_study.runs, "load_config", lambda folder: tc_study)
    monkeypatch.setattr(tc_study.runs, "read_history", lambda folder: [{}])
    monkeypatch.setattr(tc_study, "data", "grid", raising=False)
    found = tc_study.parts_of(Path())
    truth = information.gaussian_kl_parts(*table, draws=2000).total_correlation
    top, range_ = found[tc_study.TRUE], found[tc_study.EXCESS]
    noise = 4 * truth.standard_error + 0.05
    assert top - range_ - noise < truth.value < top + noise
    assert least <= range_ <= most


def two_signs():
    """A FactorVAE whose two latents are ±2 with the image's sign, of standard deviation exp(-1)."""
    encoder = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(4)]
    )
    encoder.layers[-1].set_weights(
        [
            np.repeat([[4 / 64, 4 / 64, 0, 0]], 64, axis=0),
            np.array([-2.0, -2.0, -2.0, -2.0]),
        ]
    )
    return zoo.models.FactorVAE((8, 8, 1), 2, encoder=encoder, discriminator_layers=1, seed=0)


def test_a_discriminator_alone_comes_to_the_total_correlation():
    """Two latents that share their sign and nothing else: log 2 nats."""
    images = np.repeat([0.0, 1.0], 32)[:, None, None, None] * np.ones((64, 8, 8, 1))
    data = zoo.datasets.load(images.astype("float32"))
    model = two_signs()
    kept = [weight.numpy() for weight in model.encoder.weights + model.decoder.weights]
    found = _alone.trained_alone(
        model, data, updates=1500, batch_size=32, learning_rate=1e-4, seed=0
    )
    assert found == pytest.approx(np.log(2), abs=0.2)
    for weight, before in zip(model.encoder.weights + model.decoder.weights, kept, strict=True):
        np.testing.assert_array_equal(weight, before)


def test_total_correlation_by_blur_of_a_finished_run(tmp_path, monkeypatch):
    how = {"steps": 3, "settings": {"gamma": 4}, "metrics": ["mig"], "batch_size": 8}
    how |= {"likelihood": "continuous_bernoulli", "show_progress": False}
    zoo.train("factor_vae", "digits", out=tmp_path / "run", **how)
    monkeypatch.setattr(hidden_study, "UPDATES", 2)
    monkeypatch.setattr(_alone, "BATCHES", 2)
    study = HiddenTotalCorrelation()
    found = study.look(tmp_path / "run")
    assert set(study.scores) - {"kl"} == set(found)
    model, data = zoo.load(tmp_path / "run"), zoo.datasets.load("digits")
    whole = {"samples": None, "draws": hidden_study.DRAWS}
    plain = information.kl_parts(model, data, **whole)
    assert found["true_tc"] == pytest.approx(plain.total_correlation.value)
    assert found["mutual_information"] == pytest.approx(plain.mutual_information.value)
    correlations = [found[name] for name in hidden_study.BLURS.values()]
    assert correlations == sorted(correlations, reverse=True)
    assert np.isfinite([found["discriminator_tc"], found["discriminator_tc_alone"]]).all()


def test_a_run_without_a_discriminator_is_blurred_all_the_same(trained):
    found = HiddenTotalCorrelation().look(trained)
    assert set(found) == {*hidden_study.BLURS.values(), "mutual_information", "dimension_wise_kl"}
