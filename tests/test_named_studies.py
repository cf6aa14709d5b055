"""Named studies: claims, budgets that can be trained, verdicts from numbers counted by hand, and the engine."""

import csv
import dataclasses
import io
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from zoo.cli import main
from zoo.studies import _cell, named, results, session
from zoo.studies.named import _numbers, _pools, _settings, _variance
from zoo.studies.named import agreement_of_metrics as agreement
from zoo.studies.named import factor_vae_and_beta_vae as trade_off
from zoo.studies.named import seeds_against_methods as seeds
from zoo.studies.named import unsupervised_selection as selection
from zoo.studies.named.base import Budget, NamedStudy, Verdict
from zoo.studies.plan import Block, Study
from zoo.utils import registry

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"
COMMITTED = sorted((NOTEBOOKS / "studies").rglob("how.json"))
MEMBERS = registry.names("studies.named")
WORDS = ("shown", "not shown", "refuted")
MOST_BYTES = 150_000
SETTINGS = ("beta", "gamma", "noise_dim")


def zoo(*arguments):
    return CliRunner().invoke(main, [*map(str, arguments)])


def one_line(done, words):
    assert done.exit_code == 2, done.output
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr


# Rows as a study's `results.csv` has them, with numbers of a test's own


def run(model, seed=0, block=None, data="shapes2d", steps=2000, likelihood="bernoulli", **more):
    changed = {name: value for name, value in more.items() if name in SETTINGS}
    setting = ", ".join([block or model, *(f"{name} = {value}" for name, value in changed.items())])
    given = {
        "data": data,
        "steps": steps,
        "batch_size": 32,
        "latent_dim": 10,
        "likelihood": likelihood,
    }
    return {
        "cell": f"{setting}-{data}-{steps}-{likelihood}-seed{seed}", "block": block or model, "setting": setting,
        "state": "finished", "model": model, "seed": seed, "precision": "float32", "learning_rate": 0.0005,
        **given, **more,
    }  # fmt: skip


def repeated(model, scores, score="factor_vae_score", **more):
    """A run for each score, with seeds in order; other scores may be lists as well."""
    of = {name: value for name, value in more.items() if isinstance(value, list)}
    rest = {name: value for name, value in more.items() if name not in of}
    return [
        run(
            model, seed, **rest, **{score: value}, **{name: each[seed] for name, each in of.items()}
        )
        for seed, value in enumerate(scores)
    ]


def near(middle, by=0.01):
    """Three numbers about a middle, of standard deviation `by`."""
    return [round(middle + by * step, 6) for step in (-1, 0, 1)]


def table(*groups):
    return _numbers.columns_of(row for rows in groups for row in rows)


def beta_trade_off(word):
    costs, gains = {"shown": (20, 0.2), "not shown": (20, 0.001), "refuted": (20, -0.2)}[word]
    return table(
        repeated("beta_vae", near(0.4), beta=1, reconstruction=near(41, 1)),
        repeated("beta_vae", near(0.4 + gains), beta=4, reconstruction=near(41 + costs, 1)),
    )


def factor_vae_and_beta_vae(word):
    """β-VAE's line goes from (40, 0.5) to (60, 0.7): it is 0.6 at 50 nats."""
    gaps = {
        "shown": (0.10, 0.12, 0.14),
        "not shown": (-0.1, 0.0, 0.1),
        "refuted": (-0.10, -0.12, -0.14),
    }[word]
    return table(
        repeated("beta_vae", [0.49, 0.51], beta=1, reconstruction=40.0),
        repeated("beta_vae", [0.69, 0.71], beta=4, reconstruction=60.0),
        repeated("factor_vae", [0.6 + gap for gap in gaps], gamma=40, reconstruction=50.0),
    )  # fmt: skip


def info_wgan_gp_and_vaes(word):
    middle = {"shown": 0.3, "not shown": 0.6, "refuted": 0.9}[word]
    return table(
        repeated("info_wgan_gp", near(middle), noise_dim=5),
        repeated("beta_vae", near(0.6), beta=4),
        repeated("factor_vae", near(0.7), gamma=40),
    )


def total_correlation(word):
    """True TC 2 nats at the end with γ = 40; before, with γ = 0, and by the discriminator as told."""
    before, said = {"shown": (4, 0.5), "not shown": (2, 0.5), "refuted": (4, 3)}[word]
    rows = {(40, 2000): 2, (40, 250): before, (0, 2000): 6, (0, 250): 6}
    return table(
        *(
            repeated("factor_vae", near(middle, 0.1), "true_tc", gamma=gamma, steps=steps,
                     discriminator_tc=near(said, 0.1), dimension_wise_kl=10.0, kl=15.0)
            for (gamma, steps), middle in rows.items()
        )
    )  # fmt: skip


def hidden_total_correlation(word):
    """Of the largest γ the coarse part falls from 2 to 1 nats; the rest stays 1, or rises by 2, or falls by 0.8."""
    more = {"shown": 2, "not shown": 0, "refuted": -0.8}[word]
    rows = {(40, 250): (3, 2), (40, 2000): (2 + more, 1), (0, 2000): (12, 4)}
    return table(
        *(
            repeated("factor_vae", near(true, 0.1), "true_tc", gamma=gamma, steps=steps,
                     **{"tc_at_0.1": true - 0.1, "tc_at_0.2": coarse + 0.05, "tc_at_0.3": coarse, "tc_at_0.5": 0.1},
                     discriminator_tc=near(0.2), discriminator_tc_alone=near(0.3), dimension_wise_kl=0.5)
            for (gamma, steps), (true, coarse) in rows.items()
        )
    )  # fmt: skip


def discriminator_lag(word):
    lower = {"shown": 2, "not shown": 0.01, "refuted": -2}[word]
    return table(
        *(
            repeated("factor_vae", near(5 - less, 0.1), "true_tc", block=block, gamma=40,
                     factor_vae_score=near(0.7), dimension_wise_kl=10.0)
            for block, less in (("as it is", 0), ("VAE at 1e-4", lower), ("rising gamma", lower))
        )
    )  # fmt: skip


def correlated_factors(word):
    """DCI by the tie: the closest, two looser ones, none."""
    slope = {"shown": 0.1, "not shown": 0.0, "refuted": -0.1}[word]
    ties = ["correlated(shapes2d, 'scale:x', 0.2)", "correlated(shapes2d, 'scale:x', 0.4)",
            "correlated(shapes2d, 'scale:x', 0.7)", "shapes2d"]  # fmt: skip
    return table(
        *(
            repeated(model, near(0.5 + slope * rank), "dci", data=data, factor_vae_score=0.5)
            for model in ("beta_vae", "factor_vae", "hfs_vae", "ada_gvae")
            for rank, data in enumerate(ties)
        )
    )


def xysquares_overlap(word):
    one, blurred = {"shown": (0.7, 0.4), "not shown": (0.7, 0.02), "refuted": (-0.2, 0.4)}[word]
    pixels, filtered = "gaussian(scale=1)", "filtered_gaussian(scale=1)"
    places = [
        ("xysquares(spacing=8)", pixels, 0.02),
        ("xysquares(spacing=1)", pixels, one),
        ("xysquares(spacing=8)", filtered, blurred),
    ]
    return table(
        *(
            repeated(model, near(middle), "mig", data=data, likelihood=likelihood, dci=0.1)
            for model in ("beta_vae", "ada_gvae")
            for data, likelihood, middle in places
        )
    )


def agreement_of_metrics(word):
    """Twenty runs of five settings; the other score is the same, reversed, or goes up and down."""
    first = [round(0.3 + 0.01 * number, 2) for number in range(20)]
    second = {
        "shown": first,
        "not shown": [0.5 + 0.1 * (n % 2) for n in range(20)],
        "refuted": first[::-1],
    }[word]
    return table(
        *(
            repeated("beta_vae", first[4 * n : 4 * n + 4], beta=2**n, mig=0.1, beta_vae_score=second[4 * n : 4 * n + 4])
            for n in range(5)
        )
    )  # fmt: skip


def seeds_against_methods(word):
    """Models at one place or far apart; settings far apart or at one place; or two models of which nobody can say."""
    far = {"shown": 0.0, "not shown": 0.3, "refuted": 3.0}[word]
    spread = {"shown": 0.2, "not shown": 0.3, "refuted": 0.01}[word]
    models = ["beta_vae", "factor_vae", "beta_tc_vae", "dip_vae", "vae", "hfs_vae"]
    models = models[:2] if word == "not shown" else models
    return table(
        *(
            repeated(
                model,
                near(0.5 + far * number + spread * step),
                block=f"{model} {step}",
                mig=near(0.1),
            )
            for number, model in enumerate(models)
            for step in (-1, 0, 1)
        )
    )


def unsupervised_selection(word):
    sign = {"shown": 1, "not shown": 0, "refuted": -1}[word]
    scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    udr = [sign * score for score in scores] if sign else [0.3, 0.1, 0.2, 0.4, 0.2, 0.1, 0.3]
    others = {
        "udr": udr,
        "kl": [10 - 9 * score for score in scores],
        "elbo": [-90 - score for score in scores],
        "reconstruction": [80 + 10 * score for score in scores],
        "mig": scores,
    }
    return table(*(repeated(model, scores, **others) for model in ("beta_vae", "factor_vae")))


def learned_sigma(word):
    sigma, lead = {"shown": (0.1, -1.0), "not shown": (0.107, -1.0), "refuted": (0.1, 3.0)}[word]
    elbos = {"elbo_trained": near(40 + lead), "elbo_held_out": near(29.0)}
    of_sigma = {"elbo_trained": near(40.0), "elbo_held_out": near(30.0), "rmse": 0.1, "kl": 18.0}
    return table(
        repeated("vae", near(sigma, 0.0001), "sigma", **of_sigma),
        repeated("beta_vae", [0.1] * 3, "sigma", beta=0.01, rmse=0.1, kl=18.0, **elbos),
        repeated("beta_vae", [0.2] * 3, "sigma", beta=0.04, rmse=0.1, kl=12.0, **{name: near(20.0) for name in elbos}),
    )  # fmt: skip


# Every member


def perceived_distances(word):
    near = {"shown": 1.0, "not shown": 0.5, "refuted": 0.0}[word]
    return _numbers.columns_of(
        {
            "cell": f"{data} {factor}", "setting": data, "data": data, "loss": "mse", "factor": factor,
            "mean_distance": 0.01, "pearson": 0.5, "spearman": 0.6, "spearman_of_different": order,
        }
        for data, order in (("xysquares(spacing=8)", 0.0), ("xysquares(spacing=1)", near))
        for factor in ("x_R", "y_R", "x_G", "y_G", "x_B", "y_B")
    )  # fmt: skip


def continuous_bernoulli(word):
    """ELBO as a density of β = 1 and 4, and the samples' distance, of each likelihood."""
    other, far = {"shown": (90, 1), "not shown": (110, 1), "refuted": (90, 3)}[word]
    kinds = {"bernoulli": (50, 70, 2), "continuous_bernoulli": (100, other, far)}
    return table(
        *(
            repeated(
                "beta_vae", near(density), "density_elbo", beta=beta, likelihood=likelihood,
                held_out_elbo=near(density), frechet=near(distance), held_out_error=near(0.1),
            )
            for likelihood, (one, four, distance) in kinds.items()
            for beta, density in ((1, one), (4, four))
        )
    )  # fmt: skip


def test_every_member_has_its_numbers_here():
    assert [name for name in MEMBERS if name not in globals()] == []
    assert set(registry.members("studies.named")) - {"tiny"} == set(MEMBERS)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_says_what_it_claims_and_when_it_is_refuted(name):
    study = named.get(name)
    texts = [study.title, study.claim, study.published, study.rule]
    assert all(text and text == text.strip() and "  " not in text for text in texts)
    assert {"Shown", "Refuted"} <= set(re.findall(r"\w+", study.rule))
    assert "not shown" in study.rule.lower()
    assert study.scores
    assert registry.summary(type(study))


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_can_be_trained_small_and_as_published(name):
    budgets = named.get(name).budgets()
    assert {"small", "paper"} <= set(budgets)
    assert 0 < budgets["small"].minutes <= 40
    if budgets["small"].study is None:
        return
    for budget in budgets.values():
        cells = budget.study.cells()
        assert len({cell.name for cell in cells}) == len(cells)
        assert len({cell.config.seed for cell in cells}) > 1
        assert set(budget.study.metrics) <= set(registry.names("metrics"))
    assert (
        budgets["paper"].study.cells()[0].config.steps
        > budgets["small"].study.cells()[0].config.steps
    )


def test_what_members_train_would_be_begun():
    """Every kind of cell once, whichever members share it: a model, its likelihood, and settings that are text."""
    kinds = {}
    for name in MEMBERS:
        for budget in named.get(name).budgets().values():
            for cell in budget.study.cells() if budget.study else ():
                config = cell.config
                short = dataclasses.replace(
                    config, precision="float32", learning_rate=1e-4, steps=2, batch_size=4
                )
                texts = [key for key, value in config.settings.items() if isinstance(value, str)]
                key = (config.model, config.likelihood, *texts)
                kinds.setdefault(key, dataclasses.replace(cell, config=short))
    session.check(kinds.values(), ["mig"])


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_gives_each_verdict_on_numbers_made_for_it(name, word):
    study, columns = named.get(name), globals()[name](word)
    found = study.judge(columns)
    assert found.word == word, found.because
    assert found.because.endswith(".")
    tables = study.tables(columns)
    assert all(table.startswith("|") for table in tables.values())
    assert "nan" not in "".join(tables.values()) + found.because


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_draws_small_figures(name):
    for word in ("shown", "not shown"):
        drawn = named.get(name).figures(globals()[name](word))
        assert drawn
        for figure in drawn.values():
            panels = [panel for panel in figure.axes if panel.get_label() != "<colorbar>"]
            assert all(panel.get_ylabel() or panel.get_xlabel() or panel.images for panel in panels)
    for figure in drawn.values():
        content = io.BytesIO()
        figure.savefig(content, format="png")
        assert 1000 < len(content.getvalue()) < MOST_BYTES


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_asks_for_the_rows_that_are_missing(name):
    study = named.get(name)
    whole = globals()[name]("shown")
    for columns in (
        {},
        {key: [] for key in whole},
        table([run("vae", data="digits", mig=0.1), run("vae", 1, data="digits", mig=0.2)]),
        {key: column[:1] for key, column in whole.items()},
    ):
        with pytest.raises(ValueError, match=r"Expected .*Received"):
            named._report.judged(study, columns)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_run_without_scores_among_the_others_changes_no_verdict(name):
    columns = globals()[name]("shown")
    scores = {key for key in columns if key not in run("vae") and key not in SETTINGS}
    row = _numbers.rows_of(columns)[0]
    failed = {key: None if key in scores else value for key, value in row.items()}
    more = table(_numbers.rows_of(columns), [{**failed, "cell": "another", "seed": 99}])
    assert named.get(name).judge(more).word == "shown"


@pytest.mark.parametrize(
    ("name", "column"), [(name, column) for name in MEMBERS for column in named.get(name).alike]
)
def test_runs_on_two_data_sets_or_of_two_lengths_are_not_judged_as_one(name, column):
    columns = globals()[name]("shown")
    other = "xysquares" if column == "data" else 150_000
    columns[column] = [other, *columns[column][1:]]
    with pytest.raises(ValueError, match=rf"Expected runs o.*{column[:4]}.*Received: {other}, "):
        named._report.judged(named.get(name), columns)


def verdict_or_refusal(study, columns):
    try:
        return named._report.judged(study, columns)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_damaged_table_is_judged_or_refused_in_a_line(name):
    """Each column gone, emptied, of text, of no number, or with one entry of these."""
    study, whole = named.get(name), globals()[name]("shown")
    for column, values in whole.items():
        damaged = [{key: value for key, value in whole.items() if key != column}]
        for bad in (None, "x", math.nan, math.inf, True):
            damaged += [
                {**whole, column: [bad] * len(values)},
                {**whole, column: [bad, *values[1:]]},
            ]
        for columns in damaged:
            found = verdict_or_refusal(study, columns)
            words = r"Expected .*Received" if isinstance(found, str) else r"(?!.*nan).*\.$"
            assert re.match(words, getattr(found, "because", found)), (column, found)


DAMAGE = {
    "no setting": ("setting", None, "Expected a text in each row of the column 'setting'"),
    "no model": ("model", math.nan, "Expected a text in each row of the column 'model'"),
    "a word for a score": ("factor_vae_score", "high", "Expected numbers in the column"),
    "a truth for a score": ("reconstruction", True, "Expected numbers in the column"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_nothing_is_written_of_a_damaged_table(kind, tmp_path):
    column, bad, words = DAMAGE[kind]
    columns = beta_trade_off("shown")
    columns[column][2] = bad
    with pytest.raises(ValueError, match=words):
        named._report.write(tmp_path / "out", named.get("beta_trade_off"), columns, {})
    assert not (tmp_path / "out").exists()


def test_rows_that_stand_there_twice_make_no_verdict_surer():
    columns = {name: each * 2 for name, each in beta_trade_off("shown").items()}
    with pytest.raises(ValueError, match=r"each run once.*twice"):
        named._report.judged(named.get("beta_trade_off"), columns)


def test_a_score_of_no_number_is_left_out():
    columns = beta_trade_off("shown")
    columns["factor_vae_score"][0] = math.nan
    told = named._report.judged(named.get("beta_trade_off"), columns).because
    assert (
        told
        == named.get("beta_trade_off")
        .judge({name: each[1:] for name, each in columns.items()})
        .because
    )


def test_a_smaller_beta_that_scores_best_is_no_larger_one():
    more = repeated("beta_vae", near(0.9), beta=0.5, reconstruction=near(30, 1))
    columns = table(_numbers.rows_of(beta_trade_off("shown")), more)
    found = named.get("beta_trade_off").judge(columns)
    assert found.word == "not shown"
    assert "best mean score is that of β = 0.5" in found.because


def test_a_sure_lead_refutes_beside_a_larger_one_that_is_not_sure():
    """β = 0.04 leads by 3 ± .006 nats, β = 0.01 by 5 ± 5.8."""
    columns = learned_sigma("shown")
    columns["elbo_trained"][3:6] = [35.0, 45.0, 55.0]
    columns["elbo_trained"][6:9] = near(43.0)
    found = named.get("learned_sigma").judge(columns)
    assert found.word == "refuted"
    assert "β = 0.01, +5.00 ± 5.77" in found.because


def test_a_beta_that_surely_helps_counts_beside_a_better_one_that_is_not_sure():
    """Beside 100 nats at β = 1: 120 ± 23 at 4, and 110 ± .006 at 2."""
    more = {
        "likelihood": "continuous_bernoulli",
        "held_out_elbo": near(100),
        "frechet": near(1),
        "held_out_error": near(0.1),
    }
    columns = table(
        _numbers.rows_of(continuous_bernoulli("shown")),
        repeated("beta_vae", [80.0, 120.0, 160.0], "density_elbo", beta=8, **more),
        repeated("beta_vae", near(110), "density_elbo", beta=2, **more),
    )
    study = named.get("continuous_bernoulli")
    assert study.judge(columns).word == "not shown"
    rest = _numbers.where(columns, lambda row: row["beta"] != 2)
    assert study.judge(rest).word == "shown"


def test_runs_of_other_models_or_likelihoods_do_not_enter_the_likelihoods():
    study, columns = named.get("continuous_bernoulli"), continuous_bernoulli("shown")
    others = [
        {**row, "model": "ada_gvae", "density_elbo": 500.0}
        for row in _numbers.rows_of(columns)
        if row["likelihood"] == "bernoulli"
    ]
    laplace = [{**row, "model": "beta_vae", "likelihood": "laplace(scale=1)"} for row in others]
    more = table(_numbers.rows_of(columns), others, laplace)
    assert study.judge(more) == study.judge(columns)


def test_the_order_of_ties_needs_no_pairs():
    columns = _numbers.where(
        correlated_factors("shown"), lambda row: row["model"] in ("beta_vae", "factor_vae")
    )
    found = named.get("correlated_factors").judge(columns)
    assert found.word == "shown"
    assert "β-VAE +0.300 ± 0.008 (standard errors)." in found.because


def test_five_of_six_factors_are_not_all():
    columns = {name: each[:5] + each[6:11] for name, each in perceived_distances("shown").items()}
    with pytest.raises(ValueError, match=r"6 factors .* Received: 5 and 5"):
        named._report.judged(named.get("perceived_distances"), columns)


def test_a_vae_is_the_beta_vae_of_one():
    """At β = 1 two β-VAEs of .49 and .51, and a VAE of .80: their mean is .6 at 40 nats, and the line .65 at 50."""
    columns = table(
        _numbers.rows_of(factor_vae_and_beta_vae("shown")),
        repeated("vae", [0.80], reconstruction=40.0),
    )
    gaps, _ = trade_off.gaps_of(columns)
    assert gaps == pytest.approx([0.05, 0.07, 0.09])


# Numbers counted by hand


def test_the_gap_at_equal_reconstruction():
    """Gaps .10, .12, .14: mean .12, error .02 / √3 = .01155. β-VAE: four rests of .01 with two degrees of freedom,
    variance 2e-4, error √(2e-4 / 4) = .00707. Both: .01354."""
    columns = factor_vae_and_beta_vae("shown")
    gaps, spread = trade_off.gaps_of(columns)
    assert gaps == pytest.approx([0.10, 0.12, 0.14])
    assert spread == pytest.approx(0.0070711, rel=1e-4)
    assert "+0.120 ± 0.014" in named.get("factor_vae_and_beta_vae").judge(columns).because


def test_a_gap_that_leans_on_one_point_errs_as_this_point():
    """A seed's variance is 2e-4. All at 40 nats lean on two runs: √(2e-4 / 2) = .01; at 45 by three quarters on
    these, by one on the other two: √(2e-4 · (.5625 + .0625) / 2) = .0079057."""
    columns = factor_vae_and_beta_vae("shown")
    for place, error in ((40.0, 0.01), (45.0, 0.0079057)):
        columns["reconstruction"][-3:] = [place] * 3
        assert trade_off.gaps_of(columns)[1] == pytest.approx(error, rel=1e-4)


def test_a_run_beyond_the_line_is_left_out():
    columns = factor_vae_and_beta_vae("shown")
    columns["reconstruction"][-1] = 70.0
    found = named.get("factor_vae_and_beta_vae").judge(columns)
    assert (found.word, found.because[:6]) == ("not shown", "2 runs")


def test_the_price_of_beta_and_its_error():
    """Means .6 and .4, standard deviation .01 of three each: √(2 · .01² / 3) = .00816. Ranks 1 to 6 against 1, 1, 1,
    4, 4, 4: 13.5 / √(13.5 · 17.5) = .878."""
    told = named.get("beta_trade_off").judge(beta_trade_off("shown")).because
    assert "is 0.88 (p = 0.021)" in told
    assert "+0.200 ± 0.008" in told


def test_reconstruction_that_falls_with_beta_refutes_its_price():
    columns = beta_trade_off("shown")
    columns["reconstruction"].reverse()
    assert named.get("beta_trade_off").judge(columns).word == "refuted"


def test_a_change_that_lowers_the_score_as_well_is_not_shown():
    columns = discriminator_lag("shown")
    columns["factor_vae_score"][3:] = [0.2, 0.21, 0.22] * 2
    assert named.get("discriminator_lag").judge(columns).word == "not shown"


def test_a_discriminator_that_only_lags_refutes_that_it_cannot_see():
    columns = hidden_total_correlation("shown")
    columns["discriminator_tc_alone"] = [0.9 * value for value in columns["true_tc"]]
    assert named.get("hidden_total_correlation").judge(columns).word == "refuted"


def test_hidden_total_correlation_is_told():
    """Means 3 and 4, less 2 and 1; standard deviation .1 of three each: √(2 · .01 / 3) = .08."""
    told = named.get("hidden_total_correlation").judge(hidden_total_correlation("shown")).because
    assert "from 250 to 2,000 updates" in told
    assert "deviations changes by -1.00 ± 0.00 to 1.00 nats, finer by +2.00 ± 0.08 to 3.00" in told
    assert told.endswith("the discriminator says 0.20, and 0.30 after 500 updates alone.")


def test_hidden_total_correlation_of_one_length_is_refused():
    columns = _numbers.where(hidden_total_correlation("shown"), steps=2000)
    with pytest.raises(
        ValueError, match=r"two lengths with γ = 40\. Received: 2,000 updates alone"
    ):
        named.get("hidden_total_correlation").judge(columns)


def test_the_correlations_beside_the_published_ones():
    """1, 2, 3, 4 against 1, 3, 2, 4: Pearson and Spearman .8, Kendall (5 - 1) / 6 = .667. Within settings each pair's
    halves are ±.5 and ±1, then ±.5 and ±1: Spearman of (-, +, -, +) is 1."""
    scores = {"beta_vae_score": [1, 3], "mig": 0.1}
    columns = table(
        repeated("beta_vae", [1, 2], beta=1, **scores),
        repeated("beta_vae", [3, 4], beta=4, **{**scores, "beta_vae_score": [2, 4]}),
    )
    of, p = agreement.correlations(columns)
    assert of == pytest.approx({"Pearson": 0.8, "Kendall": 2 / 3, "Spearman": 0.8})
    assert p["Spearman"] == pytest.approx(0.2)
    assert agreement.within(columns)[0] == pytest.approx(1)
    found = named.get("agreement_of_metrics").judge(columns)
    assert found.word == "not shown"  # fewer than 20 runs
    assert "Pearson 0.800 (0.404), Kendall 0.667 (0.310), Spearman 0.800 (0.444)" in found.because


def test_two_data_sets_are_not_mixed_into_agreement():
    """On each the scores are opposed; together they would agree, since one data set is easier."""
    hard, easy = agreement_of_metrics("refuted"), agreement_of_metrics("refuted")
    easy["data"] = ["xysquares"] * 20
    easy["factor_vae_score"] = [value + 5 for value in easy["factor_vae_score"]]
    easy["beta_vae_score"] = [value + 5 for value in easy["beta_vae_score"]]
    both = table(_numbers.rows_of(hard), _numbers.rows_of(easy))
    assert np.corrcoef(both["factor_vae_score"], both["beta_vae_score"])[0, 1] > 0.9
    study = named.get("agreement_of_metrics")
    assert study.judge(both).word == "refuted"
    assert study.tables(both)["FactorVAE score and β-VAE score"].count("| 20 | -1.000 |") == 2


def test_variance_is_taken_apart_as_by_hand():
    """Two models of two settings of two seeds; within: 4 · 2 / 4 = 2. Settings' means 1, 5 and 2, 2: mean square
    (2 · (4 + 4) + 0) / 2 = 8, less 2, over 2: 3. Models' means 3 and 2: mean square 4 · 2 · .25 = 2; (2 - 8) / 4."""
    found = _variance.parts(
        {
            "a": [np.array([0.0, 2.0]), np.array([4.0, 6.0])],
            "b": [np.array([1.0, 3.0]), np.array([1.0, 3.0])],
        }
    )
    assert (found.seed, found.setting, found.model) == pytest.approx((2, 3, -1.5))
    assert found.shares == pytest.approx((0, 0.6, 0.4))


@pytest.mark.parametrize("sizes", [[[3, 3], [3, 3], [3, 3]], [[1, 2, 5], [4], [2, 2, 3, 9]]])
def test_variances_are_found_again_without_bias(sizes):
    """Means over many tables drawn run by run, of groups that are equal or not, within four standard errors."""
    true, random, found = np.array([0.5, 1.0, 2.0]), np.random.default_rng(1), []
    for _ in range(1500):
        model, setting, noise = np.sqrt(true)
        scores = {}
        for name, cells in enumerate(sizes):
            of_model = model * random.normal()
            scores[name] = [
                of_model + setting * random.normal() + noise * random.normal(size=size)
                for size in cells
            ]
        design = _variance.Design(scores)
        cells = [cell for each in scores.values() for cell in each]
        within = sum(((cell - cell.mean()) ** 2).sum() for cell in cells) / design.seeds
        found.append(design.parts(np.array([cell.mean() for cell in cells]), within))
    found = np.array(found)
    error = found.std(0) / len(found) ** 0.5
    assert (abs(found.mean(0) - true) < 4 * error).all()
    drawn = np.array(design.drawn(true, draws=20_000))
    assert drawn.mean(1) == pytest.approx(true, rel=0.15)
    assert drawn.std(1) == pytest.approx(found.std(0), rel=0.25)


@pytest.mark.parametrize(
    "scores",
    [
        {"a": [np.zeros(2), np.ones(2)]},
        {"a": [np.zeros(2)], "b": [np.ones(2)]},
        {"a": [np.zeros(1), np.ones(1)], "b": [np.ones(1)]},
    ],
    ids=["one model", "no model of two settings", "no setting of two seeds"],
)
def test_variance_of_too_few_is_refused(scores):
    with pytest.raises(ValueError, match=r"Expected runs of at least two models.*Received"):
        _variance.parts(scores)


def test_the_share_of_models_and_the_runs_it_is_of():
    """Models far apart, of three settings and seeds each; runs of another length stand aside."""
    columns = seeds_against_methods("refuted")
    short = repeated("vae", [0.1, 0.9], steps=10)
    told = named.get("seeds_against_methods").judge(table(_numbers.rows_of(columns), short))
    assert (told.word, "6 models, 18 settings, 54 runs" in told.because) == ("refuted", True)
    assert seeds.parts_of(columns, "factor_vae_score").seed == pytest.approx(0.01**2)


def test_what_each_rule_would_choose_and_lose():
    """UDR has the order of the scores and takes .7; the greatest ELBO and the least reconstruction take .1."""
    models = _numbers.groups(unsupervised_selection("shown"), "model")
    for rule, chosen, sign in (
        ("udr", 0.7, 1),
        ("elbo", 0.1, -1),
        ("reconstruction", 0.1, -1),
        ("kl", 0.7, 1),
    ):
        found = selection.choices(models, rule)
        assert set(found) == {"beta_vae", "factor_vae"}
        assert found["beta_vae"] == selection.Choice(
            pytest.approx(sign), chosen, 0.7, pytest.approx(0.4), 7
        )
        lost, gained = selection.lost_and_gained(found.values())
        assert (lost, gained) == pytest.approx((0.7 - chosen, chosen - 0.4))


def test_models_with_few_runs_are_not_ranked():
    columns = unsupervised_selection("shown")
    few = repeated("vae", [0.1, 0.2, 0.3], udr=[0.3, 0.2, 0.1])
    models = _numbers.groups(table(_numbers.rows_of(columns), few), "model")
    assert set(selection.choices(models, "udr")) == {"beta_vae", "factor_vae"}


# Columns


def test_rows_are_told_apart_by_values_that_some_lack():
    columns = {"model": ["a", "b", "a"], "beta": [4, None, 4.0], "mig": [0.1, None, 0.3]}
    assert _numbers.where(columns, beta=4)["mig"] == [0.1, 0.3]
    assert _numbers.where(columns, beta=None)["model"] == ["b"]
    assert list(_numbers.groups(columns, "beta")) == [4]
    assert _numbers.groups(columns, "gamma") == {}
    assert _numbers.known(columns, "beta", "mig")["model"] == ["a", "a"]


def test_settings_of_runs_that_follow_other_models_are_seen():
    """A column of a later model stands behind the scores of an earlier one."""
    rows = [
        run("beta_vae", beta=1, mig=0.1),
        run("factor_vae", gamma=10, mig=0.2),
        run("factor_vae", gamma=40, mig=0.3),
    ]
    assert _settings.settings_of(rows) == [
        "beta_vae",
        "factor_vae, gamma = 10",
        "factor_vae, gamma = 40",
    ]


def test_a_run_of_two_studies_is_one_run():
    """Whatever the studies call its setting; the row that knows more is kept."""
    once = run("beta_vae", beta=4, mig=0.1)
    again = {**run("beta_vae", block="plain", beta=4.0, mig=0.1), "udr": 0.5, "setting": "plain"}
    other = run("beta_vae", seed=1, beta=4, mig=0.1)
    kept = _settings.different([once, again, other])
    assert [(row["seed"], row.get("udr")) for row in kept] == [(0, 0.5), (1, None)]


def test_pools_say_nothing_that_all_their_runs_share():
    rows = [run("beta_vae", beta=beta, mig=0.1) for beta in (1, 4)]
    for row in rows:
        row["setting"] = (
            f"beta_vae, data = correlated(shapes2d, 'scale:x', 0.2), beta = {row['beta']}"
        )
    (pool,) = _pools.pools(table(rows), _pools.TRAINING, "mig").values()
    assert pool["setting"] == ["beta_vae, beta = 1", "beta_vae, beta = 4"]


# The engine


class Tiny(NamedStudy):
    """Whether a run of two updates has a MIG below one half."""

    __module__ = "zoo.studies.named.tiny"
    title = "Two updates"
    claim = "Two updates disentangle nothing."
    published = "Nothing."
    rule = "Shown: every MIG is below 0.5. Refuted: none is. Else: not shown."
    scores = ("reconstruction", "mig", "udr", "looked")

    def budgets(self):
        run = {"steps": 2, "batch_size": 8, "latent_dim": 2, "likelihood": "continuous_bernoulli"}
        block = Block("vae", "digits", seeds=range(2), run=run)
        return {"small": Budget(Study([block], ["mig"]), 1), "nothing": Budget(None, 0.1)}

    def rows(self, budget):
        return {"cell": ["a", "b"], "setting": ["s", "s"], "mig": [0.6, 0.7]}

    def look(self, folder):
        LOOKED.append(folder.name)
        return {"looked": 1.5}

    def judge(self, columns):
        low = _numbers.numbers(columns, "mig") < 0.5
        word = "shown" if low.all() else "not shown" if low.any() else "refuted"
        return Verdict(word, f"{low.sum()} of {len(low)} are below 0.5.")

    def figures(self, columns):
        return {"mig": named._figures.by_group(columns, ("mig",), "setting")}


LOOKED = []


class Here:
    """Trains cells in this process."""

    def __init__(self):
        self.capacity, self.begun, self.outcomes = 1, [], {}

    def start(self, job, folder):
        self.begun.append(job.name)
        self.outcomes[job.name] = _cell.train(job, folder)

    def wait(self, seconds):
        ended, self.outcomes = self.outcomes, {}
        return ended

    def stop(self):
        pass


@pytest.fixture(scope="module", autouse=True)
def tiny():
    """The zoo has one study more, and trains in this process; gives what was begun."""
    here = Here()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(named, "Tiny", Tiny, raising=False)
        patch.setattr(_cell, "ENVIRONMENT", {})
        patch.setattr(session, "_engine", lambda *_: here)
        yield here


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    """A folder of the tiny study, trained."""
    folder = tmp_path_factory.mktemp("named") / "out"
    answer = named.run("tiny", out=folder, jobs=1, show_progress=False)
    assert (answer.name, answer.folder, answer.verdict.word) == ("tiny", folder, "shown")
    return folder


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_study_is_trained_judged_and_told(trained):
    text = (trained / "report.md").read_text(encoding="utf-8")
    assert "**Verdict: shown.** 2 of 2 are below 0.5." in text
    assert "2 runs, 2 updates of 8 images, seeds 0, 1" in text
    assert "zoo study --named tiny --budget small --out studies/tiny" in text
    assert "![mig](mig.png)" in text
    assert set(content(trained)) == {"how.json", "report.md", "results.csv", "mig.png"}
    columns = results.read_csv(trained / "results.csv")
    assert columns["seed"] == [0, 1]
    assert columns["looked"] == [1.5, 1.5]
    assert all(-1 <= value <= 1 for value in columns["udr"])


def test_the_same_call_trains_and_looks_no_more(trained, tiny):
    begun, looked, before = list(tiny.begun), list(LOOKED), content(trained)
    assert begun == ["vae/seed0", "vae/seed1"]
    assert named.run("tiny", out=trained, jobs=1, show_progress=False).verdict.word == "shown"
    assert (tiny.begun, LOOKED) == (begun, looked)
    assert content(trained) == before


def test_finished_runs_take_the_place_of_training(trained, tiny, tmp_path):
    begun = len(tiny.begun)
    folders = sorted((trained / "study" / "cells" / "vae").iterdir())
    answer = named.run("tiny", out=tmp_path / "out", runs=folders)
    assert (answer.verdict.word, len(tiny.begun)) == ("shown", begun)
    found, first = (
        results.read_csv(folder / "results.csv") for folder in (tmp_path / "out", trained)
    )
    for name in ("mig", "seed", "setting", "udr", "looked", "reconstruction"):
        assert found[name] == first[name], name
    assert "folder" not in found
    assert "--runs runs/seed0 --runs runs/seed1" in (tmp_path / "out" / "report.md").read_text()
    assert str(tmp_path) not in (tmp_path / "out" / "results.csv").read_text()


def test_a_run_given_twice_is_one_run(trained, tmp_path):
    folders = sorted((trained / "study" / "cells" / "vae").iterdir())
    answer = named.run("tiny", out=tmp_path / "out", runs=[*folders, folders[0]])
    assert answer.verdict.because.startswith("2 of 2")


def test_only_figures_in_the_folder_are_taken_away(trained, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "mine.png").write_bytes(b"a picture of mine")
    told = json.loads((trained / "how.json").read_text()) | {"figures": ["../mine", "old", 7]}
    (folder / "how.json").write_text(json.dumps(told))
    (folder / "old.png").write_bytes(b"drawn before")
    (folder / "results.csv").write_bytes((trained / "results.csv").read_bytes())
    named.again(folder)
    assert (tmp_path / "mine.png").exists()
    assert not (folder / "old.png").exists()


def test_tables_of_other_studies_take_the_place_of_training(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(trained.parent)
    table = "out/results.csv"
    found = zoo("study", "--named", "tiny", "--tables", table, "--tables", trained / "study" / "results.csv",
                "--out", tmp_path / "out")  # fmt: skip
    assert found.exit_code == 0, found.output
    assert "tiny: shown. 2 of 2 are below 0.5." in found.output
    columns = results.read_csv(tmp_path / "out" / "results.csv")
    assert columns["looked"] == [1.5, 1.5]  # the table that knows more
    told = (tmp_path / "out" / "report.md").read_text()
    assert "--tables out/results.csv --tables out/study/results.csv" in told


def test_a_failed_cell_of_a_table_is_no_run(trained, tmp_path):
    columns = results.read_csv(trained / "results.csv")
    columns["state"][1], columns["mig"][1] = "failed", None
    results.write_csv(tmp_path / "some.csv", columns)
    answer = named.run("tiny", out=tmp_path / "out", tables=tmp_path / "some.csv")
    assert answer.verdict.because.startswith("1 of 1")


def test_a_study_may_make_its_rows_itself(tmp_path):
    answer = named.run("tiny", out=tmp_path / "out", budget="nothing")
    assert answer.verdict == Verdict("refuted", "0 of 2 are below 0.5.")
    assert "nothing is trained" in (tmp_path / "out" / "report.md").read_text()


def test_a_report_is_written_again_from_its_table_alone(trained, tmp_path):
    for name in ("how.json", "results.csv"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    (tmp_path / "mine.png").write_bytes(b"a picture of mine")
    columns = results.read_csv(tmp_path / "results.csv")
    columns["mig"] = [0.9, 0.1]
    results.write_csv(tmp_path / "results.csv", columns)
    assert named.judged(tmp_path).verdict.word == "not shown"
    assert set(content(tmp_path)) == {"how.json", "results.csv", "mine.png"}
    assert named.again(tmp_path).verdict.word == "not shown"
    assert set(content(tmp_path)) == {"how.json", "results.csv", "mine.png", "report.md", "mig.png"}
    how = [json.loads((folder / "how.json").read_text()) for folder in (trained, tmp_path)]
    assert how[0] == how[1]


def test_the_verdicts_in_one_table(trained, tmp_path, monkeypatch):
    (tmp_path / "studies" / "tiny").mkdir(parents=True)
    for name in ("small", "other"):
        place = tmp_path / "studies" / "tiny" / name
        place.mkdir()
        for file, text in content(trained).items():
            (place / file).write_bytes(text)
    done = zoo("study", "--verdicts", tmp_path / "studies")
    assert done.exit_code == 0, done.output
    rows = [line.strip("| ").split(" | ") for line in done.output.strip().splitlines()]
    assert rows[2] == [
        "Two updates",
        "[other](studies/tiny/other/report.md)",
        "**shown**. 2 of 2 are below 0.5.",
    ]
    assert (len(rows), rows[3][1]) == (4, "[small](studies/tiny/small/report.md)")
    assert named.verdict_table(tmp_path / "studies") == done.output.strip()
    monkeypatch.chdir(tmp_path / "studies")
    assert named.verdict_table(".") == done.output.strip()
    assert "[small](small/report.md)" in named.verdict_table(
        tmp_path / "studies" / "tiny" / "small"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--named", "tinny"], 'Did you mean "tiny"'),
        (["--named", "tiny", "--budget", "smal"], 'Did you mean "small"'),
        (["--named", "tiny", "--runs", "there", "--tables", "there.csv"], "Received: runs, tables"),
        (["--named", "tiny", "--budget", "small", "--runs", "there"], "Received: budget, runs"),
        (["vae", "--budget", "small"], "Expected --named NAME beside --budget"),
        (["vae", "--budget", ""], "Expected --named NAME beside --budget"),
        (["--named", "tiny", "--budget", ""], 'Unknown budget of tiny ""'),
        (["--named", "tiny", "--runs", "there"], "there"),
        (["--named", "tiny", "--tables", "there.csv"], "which is not there"),
        (["--named", "tiny", "--tables", "damaged.csv"], "is no table of results, or damaged"),
        (["--named", "tiny", "--tables", "empty.csv"], "is no table of results, or damaged"),
        (["--named", "tiny", "--tables", "binary.csv"], "is no table of results, or damaged"),
        (["--named", "tiny", "--tables", "other.csv"], "without cell, block, setting, state, model"),
        (["--named", "tiny", "--tables", "head.csv"], "Expected rows with mig"),
        (["--named", "tiny", "--tables", "unknown.csv"], 'Did you mean "beta_vae"'),
        (["--named", "tiny", "--tables", "."], "is no table of results"),
        (["--named", "beta_trade_off", "--tables", "head.csv"], "beta and reconstruction"),
        (["--named", "tiny", "beta_vae"], "Received beside it: beta_vae"),
        (["--named", "tiny", "--steps", "3", "--metrics", "mig"], "--steps"),
        (["--named", "tiny", "--tables", "twice.csv"], "two columns have one name"),
        (["vae", "--tables", "head.csv"], "Expected --named NAME beside --tables"),
        (["vae", "--runs", "a", "--budget", "paper"], "beside --budget, --runs"),
        (["--verdicts", "."], "Expected results of named studies"),
        (["--verdicts", "nowhere"], "Expected results of named studies"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_writes_nothing(arguments, words, tmp_path, monkeypatch, tiny):
    monkeypatch.chdir(tmp_path)
    row = run("beta_va", mig=0.1)
    Path("damaged.csv").write_text("cell,mig\na,0.1,7\n")
    Path("empty.csv").write_text("")
    Path("twice.csv").write_text("cell,mig,mig\na,0.1,0.2\n")
    Path("binary.csv").write_bytes(bytes(range(256)))
    Path("other.csv").write_text("row,seed,score\na,0,0.1\n")
    Path("head.csv").write_text(",".join(run("vae")) + "\n")
    results.write_csv(Path("unknown.csv"), table([row]))
    begun, before = list(tiny.begun), set(tmp_path.iterdir())
    out = [] if "--verdicts" in arguments else ["--out", "out"]
    one_line(zoo("study", *arguments, *out), words)
    assert (tiny.begun, set(tmp_path.iterdir())) == (begun, before)


@pytest.mark.parametrize("out", [[], ["--out", ""]])
def test_without_a_folder_a_claim_is_not_checked(out):
    one_line(zoo("study", "--named", "tiny", *out), "--out DIR")


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("report.md", "# Mine", "report.md of something else"),
        ("results.csv", "cell\n", "results.csv of something else"),
        ("how.json", "{", "how.json of something else"),
        ("how.json", '{"named": "beta_trade_off"}', "holds the results of beta_trade_off"),
        ("how.json", '{"brew": "four minutes"}', "how.json of something else"),
    ],
)
def test_what_somebody_else_wrote_is_not_replaced(file, text, words, tmp_path, tiny):
    (tmp_path / file).write_text(text)
    begun = list(tiny.begun)
    for source in ([], ["--budget", "nothing"]):
        one_line(zoo("study", "--named", "tiny", "--out", tmp_path, *source), words)
    assert (tiny.begun, content(tmp_path)) == (begun, {file: text.encode()})
    one_line(zoo("study", "--named", "tiny", "--out", tmp_path / file), "a file")


KNOWN = '"what": "", "command": "", "hardware": "", "commit": null'


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        "{}",
        '{"named": "tiny"}',
        f'{{"named": ["tiny"], "versions": {{}}, {KNOWN}}}',
        f'{{"named": "tiny", "versions": "2", {KNOWN}}}',
    ],
)
def test_a_folder_of_something_else_is_not_judged(text, tmp_path):
    (tmp_path / "how.json").write_text(text)
    for judge in (named.judged, named.again, named.found_in):
        with pytest.raises(ValueError, match=r"Expected .*results of (a )?named stud.*Received"):
            judge(tmp_path)
    assert set(content(tmp_path)) == {"how.json"}


def test_a_table_without_a_column_of_the_rule_is_named(trained, tmp_path):
    how = json.loads((trained / "how.json").read_text()) | {"named": "xysquares_overlap"}
    (tmp_path / "how.json").write_text(json.dumps(how))
    (tmp_path / "results.csv").write_text("cell,setting,mig\na,b,0.1\n")
    with pytest.raises(ValueError, match="with a column 'data'"):
        named.judged(tmp_path)


def test_studies_are_listed():
    done = zoo("list", "studies")
    assert done.exit_code == 0, done.output
    assert {line.split()[0] for line in done.output.splitlines()} == {*MEMBERS, "tiny"}


# What is committed


@pytest.mark.parametrize("how", COMMITTED, ids=lambda path: "/".join(path.parts[-3:-1]))
def test_a_committed_report_says_what_its_table_says(how):
    folder = how.parent
    answer = named.judged(folder)
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert f"**Verdict: {answer.verdict.word}.** {answer.verdict.because}" in text
    assert f"**Rule, set before the study was run.** {named.get(answer.name).rule}" in text
    for file in folder.iterdir():
        assert file.stat().st_size < (MOST_BYTES if file.suffix == ".png" else 10 * MOST_BYTES)
    for file in ("results.csv", "report.md", "how.json"):
        told = (folder / file).read_text(encoding="utf-8")
        assert not [
            mark
            for mark in ("/ro" + "ot/", "/ho" + "me/", "/wo" + "rk/", "/tm" + "p/")
            if mark in told
        ]
    assert {f"{name}.png" for name in re.findall(r"!\[(\w+)\]", text)} == {
        path.name for path in folder.glob("*.png")
    }


@pytest.mark.parametrize("how", COMMITTED, ids=lambda path: "/".join(path.parts[-3:-1]))
def test_committed_results_are_plain_tables(how):
    with (how.parent / "results.csv").open(newline="", encoding="utf-8") as lines:
        head, *rows = csv.reader(lines)
    assert {"cell", "setting"} <= set(head)
    assert len(head) == len(set(head))
    assert rows
    assert all(len(row) == len(head) for row in rows)


@pytest.mark.skipif(not COMMITTED, reason="no results are committed")
def test_the_page_of_notebooks_has_every_verdict():
    page = (NOTEBOOKS / "README.md").read_text(encoding="utf-8")
    assert named.verdict_table(NOTEBOOKS / "studies") in page
