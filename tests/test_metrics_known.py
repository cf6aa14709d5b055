"""Known answers: perfect, rotated, scaled, permuted, flipped, constant, duplicated, dead, noise; and tables by hand."""

import itertools
import re
import sys
from importlib import import_module

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import log_loss, mutual_info_score
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from zoo.metrics import (
    base,
    beta_vae_score,
    dci,
    downstream,
    explicitness,
    importance_matrix,
    infomec,
    irs,
    modularity,
    sap,
    udr,
    unsupervised,
)
from zoo.utils import registry

pairs = import_module("zoo.metrics.beta_vae_score")._pairs
purity = import_module("zoo.metrics._purity").weighted_purity
modularities = import_module("zoo.metrics.modularity")._modularities
regression = import_module("zoo.metrics.downstream")._logistic_regression
agreement = import_module("zoo.metrics._udr")._agreement
explicit = import_module("zoo.metrics.infomec")._explicitness


def grid(*sizes):
    return np.indices(sizes).reshape(len(sizes), -1).T


FACTORS = np.repeat(grid(3, 4, 5), 20, axis=0)
PERFECT = FACTORS / FACTORS.std(axis=0) - 1
SMALL = {
    "dci": {"trees": 5},
    "dci_forest": {"trees": 20},
    "downstream": {"train_samples": [400], "trees": 5},
    "mig_posterior": {"log_variances": -5.0},
}


def score(name, codes, factors=FACTORS, **arguments):
    return registry.get("metrics", name)(codes, factors, **{**SMALL.get(name, {}), **arguments})


def headline(name, codes, factors=FACTORS, **arguments):
    return score(name, codes, factors, **arguments)[name]


def noisy(noise=0.5, seed=0):
    return PERFECT + noise * np.random.default_rng(seed).normal(size=PERFECT.shape)


def turned():
    """The last two latents turned by 45 degrees."""
    half = np.sqrt(0.5)
    return PERFECT @ np.array([[1, 0, 0], [0, half, -half], [0, half, half]])


CODES = {
    "perfect": PERFECT,
    "turned": turned(),
    "constant": np.full((len(FACTORS), 3), 0.1),
    "duplicated": np.concatenate([PERFECT, PERFECT], axis=1),
    "dead": np.concatenate([PERFECT, np.full((len(FACTORS), 1), 0.1)], axis=1),
    "noise": np.random.default_rng(0).normal(size=(len(FACTORS), 4)),
}
# Least and greatest value of each code's headline. A third of the factors is untouched by the turn.
KNOWN = {
    "beta_vae_score": {
        "perfect": (1, 1),
        "turned": (0.6, 0.75),  # both latents differ alike, whichever of the two factors is shared
        "constant": (0.28, 0.4),
        "duplicated": (1, 1),
        "dead": (1, 1),
        "noise": (0.28, 0.4),
    },
    "dci": {
        "perfect": (0.9999, 1),
        "turned": (0.3, 0.8),
        "constant": (0, 0),
        "duplicated": (0.9999, 1),  # each copy matters for one factor; see completeness
        "dead": (0.9999, 1),
        "noise": (0, 0.15),
    },
    "dci_forest": {
        "perfect": (0.7, 1),
        "turned": (0.2, 0.8),
        "constant": (0, 0),
        "duplicated": (0.7, 1),
        "dead": (0.7, 1),
        "noise": (0, 0.15),
    },
    "dci_lasso": {
        "perfect": (0.9999, 1),
        "turned": (
            0.5,
            0.65,
        ),  # 1, and 1 - log 2 / log 3 of two latents: weights 1, sqrt 2 and sqrt 2
        "constant": (0, 0),
        "duplicated": (0.9999, 1),
        "dead": (0.9999, 1),
        "noise": (0, 1),  # hardly a weight is left, and what is left may be of one factor
    },
    "dcimig": {
        "perfect": (1, 1),
        "turned": (0.27, 0.7),
        "constant": (0, 0),
        "duplicated": (1, 1),  # both copies know of one factor alone
        "dead": (1, 1),
        "noise": (0, 0.05),
    },
    "downstream": {
        "perfect": (1, 1),
        "constant": (0.15, 0.35),
        "duplicated": (1, 1),
        "dead": (1, 1),
        "noise": (0.15, 0.35),
    },
    "explicitness": {
        "perfect": (0.9999, 1),
        "constant": (0.5, 0.5),
        "turned": (0.9999, 1),
        "duplicated": (0.9999, 1),
        "dead": (0.9999, 1),
        "noise": (0.45, 0.56),
    },
    "infomec": {
        "perfect": (0.95, 1),
        "turned": (0.3, 0.9),
        "constant": (-1e-4, 1e-4),
        "duplicated": (0.75, 0.81),  # compactness is 0.4
        "dead": (0.95, 1),
        "noise": (0, 0.7),
    },
    "irs": {
        "perfect": (1, 1),
        "turned": (1 / 3, 0.8),
        "constant": (0, 0),
        "duplicated": (1, 1),
        "dead": (1, 1),
        "noise": (0, 0.4),
    },
    "jemmig": {
        "perfect": (1, 1),
        "turned": (0.4, 0.75),
        "constant": (0.629, 0.631),  # the mean of log 10 / log (10 * values)
        "duplicated": (0.629, 0.631),  # no gap: JEMMIG is the factor's entropy
        "dead": (1, 1),
        "noise": (0, 0.15),
    },
    "mig_posterior": {
        "perfect": (0.95, 1.0001),
        "turned": (0.33, 0.8),
        "constant": (0, 1e-9),
        "duplicated": (0, 0.05),
        "dead": (0.95, 1.0001),
        "noise": (0, 0.1),
    },
    "modularity": {
        "perfect": (1, 1),
        "turned": (1 / 3, 0.9),
        "constant": (0, 0),
        "duplicated": (1, 1),
        "dead": (0.75, 0.75),  # a dead latent counts as 0
        "noise": (0, 0.75),
    },
    "sap": {
        "perfect": (0.4, 0.8),
        "turned": (0.1, 0.5),
        "constant": (0, 0),
        "duplicated": (0, 0),
        "dead": (0.4, 0.8),
        "noise": (0, 0.05),
    },
    "sap_r2": {
        "perfect": (1, 1),
        "turned": (1 / 3, 0.34),  # the two turned factors have two latents of R² 1/2 each
        "constant": (0, 0),
        "duplicated": (0, 1e-12),
        "dead": (1, 1),
        "noise": (0, 0.02),
    },
    "unsupervised": {
        "perfect": (0, 1e-12),
        "turned": (0, 1e-12),  # the latents stay uncorrelated
        "constant": (0, 0),
        "duplicated": (np.inf, np.inf),
        "dead": (0, 1e-12),
        "noise": (1e-5, 0.02),
    },
}


@pytest.mark.parametrize(("name", "case"), [(n, c) for n, cases in KNOWN.items() for c in cases])
def test_known_answer(name, case):
    low, high = KNOWN[name][case]
    assert low - 1e-12 <= headline(name, CODES[case]) <= high + 1e-12


def test_every_metric_has_known_answers():
    elsewhere = {"factor_vae_score", "mig", "distances"}
    assert set(KNOWN) | elsewhere == set(registry.members("metrics"))


EXACT = ["modularity", "irs", "explicitness", "infomec", "unsupervised"]
CHANGES = {
    "permuted": lambda codes: codes[:, [2, 0, 1]],
    "sign": lambda codes: -codes,
    "scaled": lambda codes: 3.0 * codes,
    "shifted": lambda codes: codes + 100.0,
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("change", CHANGES)
def test_invariance(name, change):
    before, after = score(name, noisy()), score(name, CHANGES[change](noisy()))
    before.pop("unsupervised_wasserstein", None), after.pop("unsupervised_wasserstein", None)
    assert after == pytest.approx(before, abs=2e-3 if name in ("infomec", "explicitness") else 1e-9)


@pytest.mark.parametrize("name", ["irs", "modularity", "explicitness", "dci"])
def test_each_latent_has_its_own_scale(name):
    codes = noisy()
    if name == "irs":  # latents weigh as much as they deviate
        codes = PERFECT
    before, after = headline(name, codes), headline(name, codes * [2.0, 0.5, 8.0])
    assert after == pytest.approx(before, abs=1e-3)


@pytest.mark.parametrize("name", ["beta_vae_score", "dci", "downstream", "sap"])
@pytest.mark.parametrize("change", ["permuted", "sign"])
def test_near_invariance_of_what_is_learned(name, change):
    before, after = headline(name, noisy()), headline(name, CHANGES[change](noisy()))
    assert after == pytest.approx(before, abs=0.02)


def test_trees_do_not_mind_monotone_rescaling():
    codes = noisy()
    assert headline("dci", np.exp(codes)) == pytest.approx(headline("dci", codes), abs=0.01)


def test_penalties_mind_the_scale():
    """As published: the classifiers of the β-VAE score and SAP see codes as they are."""
    codes = noisy(2.0)
    assert headline("beta_vae_score", 0.003 * codes) < headline("beta_vae_score", codes) - 0.02
    assert abs(headline("sap", 1e-4 * codes) - headline("sap", codes)) > 0.02


# β-VAE score.


def test_pairs_are_two_rows_of_one_value():
    groups = base.group_rows(np.repeat([3, 8, 9], [2, 30, 60]))
    first, second = pairs(np.random.default_rng(0), groups, (400, 50))
    factor = np.repeat([3, 8, 9], [2, 30, 60])
    np.testing.assert_array_equal(factor[first], factor[second])
    assert (first != second).all()
    for rows in (first, second):
        share = np.bincount(rows.ravel(), minlength=92) / rows.size
        np.testing.assert_allclose(share[:2], 1 / 6, rtol=0.06)
        np.testing.assert_allclose(share[2:32], 1 / 90, rtol=0.2)
        np.testing.assert_allclose(share[32:], 1 / 180, rtol=0.3)


def test_points_in_small_chunks(monkeypatch):
    codes = noisy(2.0)
    whole = beta_vae_score(codes, FACTORS)["beta_vae_score"]
    monkeypatch.setattr(import_module("zoo.metrics.beta_vae_score"), "_CHUNK", 64 * 3 * 100)
    assert beta_vae_score(codes, FACTORS)["beta_vae_score"] == pytest.approx(whole, abs=0.04)


# DCI.


def test_purity_by_hand():
    weights = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 0.0]])
    assert purity(weights) == pytest.approx(0.5)  # (1 * 1 + 1 * 0) / 2; the dead row has no weight
    third = np.log(3 / 2) * 2 / 3 + np.log(3) / 3  # entropy of (2/3, 1/3)
    weights = np.array([[2.0, 1.0], [0.0, 1.0]])
    assert purity(weights) == pytest.approx((3 * (1 - third / np.log(2)) + 1) / 4)
    assert purity(np.zeros((3, 2))) == 0
    assert purity(np.array([[0.3], [0.7]])) == 1


def test_completeness_of_copies():
    """Where a factor is in two of six latents it is at least log(2)/log(6) incomplete if both are used."""
    scores = dci(CODES["duplicated"], FACTORS, trees=20)
    assert 1 - np.log(2) / np.log(6) - 0.02 < scores["dci_completeness"] < 0.75
    assert scores["dci_informativeness_test"] == scores["dci_informativeness_train"] == 1


@pytest.mark.parametrize("booster", ["gradient_boosting", "lightgbm"])
def test_boosters_tell_the_same_story(booster):
    scores = dci(noisy(), FACTORS, booster=booster, trees=20)
    published = dci(noisy(), FACTORS, trees=20)
    assert 0.3 < published["dci"] < 0.95
    for entry, value in published.items():
        assert scores[entry] == pytest.approx(value, abs=0.1)


def test_lightgbm_survives_leaves_without_doubt():
    """Perfect codes drive its second derivatives to zero."""
    assert dci(PERFECT, FACTORS, booster="lightgbm")["dci"] > 0.999


def test_boosters_are_found_by_name(monkeypatch):
    with pytest.raises(ValueError, match=r'Unknown booster "lightgmb"\. Did you mean "lightgbm"'):
        dci(PERFECT, FACTORS, booster="lightgmb")
    with pytest.raises(ValueError, match=r'tells how much each latent matters\. Received: "hist_'):
        dci(PERFECT, FACTORS, booster="hist_gradient_boosting")
    monkeypatch.setitem(sys.modules, "lightgbm", None)  # as if it were not installed
    with pytest.raises(ValueError, match=r'"lightgbm" needs the package.*pip install "vae-zoo\['):
        dci(PERFECT, FACTORS, booster="lightgbm")


# SAP.


def test_sap_of_two_coins():
    """The right latent is always right, the other one at chance: the gap is a half."""
    coins = np.repeat(grid(2, 2), 2000, axis=0)
    assert sap(coins - 0.5, coins)["sap"] == pytest.approx(0.5, abs=0.03)
    assert sap(coins[:, :1] - 0.5, coins[:, :1])["sap"] == pytest.approx(0.5, abs=0.03)


# Modularity.


def test_modularity_by_hand():
    information = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    np.testing.assert_allclose(modularities(information), [1 - 1 / 8, 1, 0, 0])
    np.testing.assert_allclose(modularities(np.array([[0.2], [0.0]])), [1, 0])


def test_modularity_agrees_with_sklearns_information():
    codes = noisy(4.0)
    information = np.array(
        [[mutual_info_score(c, v) for v in FACTORS.T] for c in base.bin_codes(codes, 20).T]
    )
    squares = np.sort(information**2, axis=1)
    expected = np.mean(1 - squares[:, :-1].sum(axis=1) / (2 * squares[:, -1]))
    assert modularity(codes, FACTORS)["modularity"] == pytest.approx(expected, abs=1e-9)
    assert 0.3 < expected < 0.999


# IRS.


def test_irs_by_hand():
    """Codes 0, 1, 3, 4 deviate from their mean by 2 at most; with the first factor held, by 1/2."""
    factors = grid(2, 2)
    codes = factors @ [[3.0], [1.0]]
    assert irs(codes, factors, quantile=1.0)["irs"] == pytest.approx(1 - 0.5 / 2)
    weighted = np.concatenate([codes, 10 * factors[:, 1:]], axis=1)  # deviates by 5, always robust
    assert irs(weighted, factors, quantile=1.0)["irs"] == pytest.approx((2 * 0.75 + 5 * 1) / 7)


def test_irs_of_values_seen_once():
    factors = np.c_[np.repeat([0, 1], 50), np.r_[np.arange(50), np.zeros(50, int)]]
    codes = np.random.default_rng(0).normal(size=(100, 1))
    with pytest.warns(UserWarning, match="Factor 1 is scored on 1 of its 50 values"):
        assert irs(codes, factors)["irs"] < 0.5  # 49 rows of their own would look robust


# Unsupervised.


def with_covariance(covariance, rows=500):
    """Codes whose covariance is exactly this one."""
    white = np.random.default_rng(0).normal(size=(rows, len(covariance)))
    white = np.linalg.qr(white - white.mean(axis=0))[0] * np.sqrt(rows - 1)
    return white @ np.linalg.cholesky(covariance).T


@pytest.mark.parametrize("r", [0.0, 0.5, -0.9])
def test_correlations_of_two_latents(r):
    codes = with_covariance(np.array([[4.0, 2 * r], [2 * r, 1.0]]))
    scores = unsupervised(codes, np.zeros((500, 1), int))
    assert scores["unsupervised"] == pytest.approx(-0.5 * np.log(1 - r**2), abs=1e-9)
    # D^1/2 S D^1/2 = [[16, 4r], [4r, 1]]: its root has the trace sqrt(17 + 2 sqrt(16 - 16 r^2)).
    expected = 2 * 5 - 2 * np.sqrt(17 + 8 * np.sqrt(1 - r**2))
    assert scores["unsupervised_wasserstein"] == pytest.approx(expected, abs=1e-9)
    assert scores["unsupervised_wasserstein_normalised"] == pytest.approx(expected / 5, abs=1e-9)


def test_total_correlation_is_a_kl():
    """KL(N(0, S) || N(0, D)) by its formula, with an inverse and determinants."""
    s = np.array([[2.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 0.5]])
    d = np.diag(np.diag(s))
    kl = 0.5 * (np.trace(np.linalg.inv(d) @ s) - 3 + np.log(np.linalg.det(d) / np.linalg.det(s)))
    assert unsupervised(with_covariance(s), np.zeros((500, 1), int))[
        "unsupervised"
    ] == pytest.approx(kl)


def test_information_between_latents_is_sklearns():
    codes = noisy()[:, [0, 1, 2, 0]]
    binned = base.bin_codes(codes, 20).T
    expected = np.mean([mutual_info_score(a, b) for a, b in itertools.combinations(binned, 2)])
    scores = unsupervised(codes, FACTORS)
    assert scores["unsupervised_mutual_information"] == pytest.approx(expected, abs=1e-9)
    assert expected > 0.3


# Explicitness.


def test_area_is_the_share_of_ordered_pairs():
    codes, factors = noisy(1.5)[::4, 1:2], FACTORS[::4, 1:2]
    split = base.split_table(np.random.default_rng(3), codes, factors, 10_000, 5_000)
    train, test = split.factors[0]
    mean, spread = split.train.mean(axis=0), split.train.std(axis=0)
    model = LogisticRegression().fit((split.train - mean) / spread, train)
    probabilities = model.predict_proba((split.test - mean) / spread)
    areas = []
    for value in range(4):
        hit, miss = probabilities[test == value, value], probabilities[test != value, value]
        gap = hit[:, None] - miss
        areas.append(np.mean((gap > 0) + 0.5 * (gap == 0)))
    assert 0.6 < np.mean(areas) < 0.9
    assert explicitness(codes, factors, seed=3)["explicitness"] == pytest.approx(
        np.mean(areas), abs=1e-3
    )


def test_values_missing_from_the_split_are_told_of():
    factors = np.array(FACTORS)
    factors[5, 1] = 99
    with pytest.warns(UserWarning, match="Factor 1 is scored on 4 of its 5 values") as caught:
        scores = [explicitness(noisy(), factors, seed=seed)["explicitness"] for seed in range(6)]
    assert 0 < len(caught) < 6  # else the row was among those to score on
    assert caught[0].filename == __file__
    np.testing.assert_allclose(scores, explicitness(noisy(), FACTORS)["explicitness"], atol=0.06)


def test_nothing_to_rank():
    with (
        pytest.warns(UserWarning, match="not scored"),
        pytest.raises(ValueError, match="Pass more"),
    ):
        explicitness([[0.0], [1.0]], [[0], [1]])


# InfoMEC.


def test_compactness_of_copies():
    """Half of the information in each of two latents of six: (1/2 - 1/6) / (1 - 1/6)."""
    scores = infomec(CODES["duplicated"], FACTORS)
    assert scores["infomec_compactness"] == pytest.approx(0.4, abs=0.02)
    assert scores["infomec_active_latents"] == 6


def test_concentration_by_hand():
    weights = np.array([[2.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 5.0, 0.0]])
    np.testing.assert_allclose(base.concentration(weights), [(1 / 2 - 1 / 3) / (2 / 3), 0, 1])
    np.testing.assert_allclose(base.concentration(np.array([[0.3], [0.0]])), [1, 0])


def test_active_latents_have_a_twentieth_of_the_largest_range():
    codes = PERFECT / np.ptp(PERFECT, axis=0) * [1.0, 0.051, 0.049]
    assert infomec(codes, FACTORS)["infomec_active_latents"] == 2
    assert infomec(codes, FACTORS, active_range=0.04)["infomec_active_latents"] == 3


@pytest.mark.parametrize("values", [240, 200])
def test_infomec_of_values_seen_once_is_that_of_the_other_rows(values):
    """With every value seen once, as with row numbers, the factor is left out."""
    generator = np.random.default_rng(0)
    second = np.r_[np.arange(values), generator.integers(3, size=240 - values)]
    factors = np.c_[np.arange(240) % 3, second]
    codes = np.c_[factors[:, 0], second % 5] + 0.3 * generator.normal(size=(240, 2))
    told = "not scored: each of its" if values == 240 else "scored on 3 of its 200 values"
    with pytest.warns(UserWarning, match=f"Factor 1 is {told}") as caught:
        scores = infomec(codes, factors)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    if values == 240:
        assert scores == infomec(codes, factors[:, :1])
        return
    twice = second < 3
    numbers = second[twice]
    expected = explicit(StandardScaler().fit_transform(codes)[twice], numbers, 100)
    alone = infomec(codes, factors[:, :1])["infomec_explicitness"]
    assert scores["infomec_explicitness"] == pytest.approx((alone + expected) / 2, abs=1e-6)


def test_infomec_divides_by_the_entropy_of_the_rows_it_looks_at(monkeypatch):
    """A perfect code of two values in 100 rows knows all of them, whatever 100 others are."""
    seen = []
    concentration = base.concentration
    monkeypatch.setattr(base, "concentration", lambda w: seen.append(w) or concentration(w))
    factors = np.r_[np.arange(100) % 2, np.arange(2, 102)][:, None]
    with pytest.warns(UserWarning, match="Factor 0 is scored on 2 of its 102 values"):
        infomec(factors.astype(float), factors)
    np.testing.assert_allclose(seen[0], 1.0, atol=0.1)


@pytest.mark.filterwarnings("ignore:Factor", "ignore:A single factor")
def test_tiny_tables_are_scored_or_refused_in_our_own_words():
    generator, refusals = np.random.default_rng(0), []
    for rows in (2, 3, 4, 5):
        for _ in range(6):
            factors = generator.integers(0, 2, size=(rows, 2))
            factors[:2] = [[0, 0], [1, 1]]
            for metric in (infomec, dci, sap):
                try:
                    scores = metric(generator.normal(size=(rows, 3)), factors)
                except ValueError as error:
                    refusals.append(str(error))
                else:
                    assert np.isfinite(list(scores.values())).all()
    assert refusals
    assert all(re.search("^Expected .*Received: .*Pass more rows", text) for text in refusals)


def test_explicitness_without_codes_is_zero():
    """The authors' null model, a regression on zeros, gives log(values) nats for any shares of values."""
    skewed = np.repeat([0, 1, 2], [5, 20, 75])
    zeros = np.zeros((100, 2))
    null = LogisticRegression(C=np.inf, class_weight="balanced").fit(zeros, skewed)
    assert log_loss(skewed, null.predict_proba(zeros)) == pytest.approx(np.log(3), abs=1e-4)
    assert explicit(zeros, skewed, 100) == pytest.approx(0, abs=1e-4)


# Downstream.


@pytest.mark.filterwarnings("ignore")  # scikit-learn's of its own future defaults
def test_penalty_is_chosen_as_scikit_learn_does():
    codes, numbers = noisy(1.5)[::3], FACTORS[::3, 2]
    order = np.random.default_rng(0).permutation(len(codes))
    codes, numbers = codes[order], numbers[order]
    theirs = LogisticRegressionCV(Cs=10, cv=KFold(5)).fit(codes, numbers)
    mine = regression(100, codes, numbers)
    assert np.ravel(mine.C_)[0] == np.ravel(theirs.C_)[0]
    assert 1e-4 < np.ravel(mine.C_)[0] < 1e4
    np.testing.assert_array_equal(mine.predict(codes), theirs.predict(codes))


@pytest.mark.parametrize("numbers", [[0, 1], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0, 0], [0, 1, 2]])
def test_logistic_regression_on_few_rows_with_folds_of_one_value(numbers):
    codes = np.arange(len(numbers), dtype=np.float64)[:, None]
    assert set(regression(100, codes, np.array(numbers)).predict(codes)) <= set(numbers)


def test_dci_of_float64_codes_is_that_of_float32_codes():
    generator = np.random.default_rng(0)
    exact = FACTORS[:, ::-1] / 3
    shaken = exact * (1 + 1e-15 * generator.normal(size=exact.shape))
    assert (shaken != exact).any()
    scores = [dci(codes, FACTORS, trees=5) for codes in (exact, shaken, exact.astype(np.float32))]
    assert scores[0] == scores[1] == scores[2]


def test_few_samples_with_values_missing():
    scores = downstream(noisy(), FACTORS, train_samples=[1, 2, 7, 800], trees=5)
    assert list(scores)[1:3] == ["downstream_trees_1", "downstream_trees_2"]
    assert scores["downstream"] == scores["downstream_trees_800"]
    for name in ("trees", "logistic"):
        few, many = scores[f"downstream_{name}_1"], scores[f"downstream_{name}_800"]
        assert 0.15 < few < 0.35 < 0.5 < many
    with pytest.raises(ValueError, match="Expected at least one number in `train_samples`"):
        downstream(noisy(), FACTORS, train_samples=[])


def test_downstream_names_how_many_rows_were_learned_from():
    scores = downstream(noisy(), FACTORS, train_samples=[100, 1000, 10_000], trees=2, iterations=5)
    sizes = [f"downstream_{kind}_{rows}" for kind in ("trees", "logistic") for rows in (100, 800)]
    assert list(scores) == ["downstream", *sizes]
    assert scores["downstream"] == scores["downstream_trees_800"]


def test_downstream_refuses_one_number_of_samples():
    with pytest.raises(ValueError, match=r"sequence of integers >= 1, such as \[100\].*=100"):
        downstream(noisy(), FACTORS, train_samples=100)


# UDR.

ORTHOGONAL = grid(3, 4, 5) / grid(3, 4, 5).std(axis=0)


def test_agreement_up_to_order_and_sign():
    """Uncorrelated latents: a Lasso of penalty 0.1 shrinks each weight of 1 to 0.9, and 0.9^2 / 0.9 is left."""
    other = -ORTHOGONAL[:, [2, 0, 1]]
    assert udr([ORTHOGONAL, other], similarity="spearman")["udr"] == pytest.approx(1)
    scores = udr([ORTHOGONAL, other, 7 * ORTHOGONAL])
    assert scores == pytest.approx(dict.fromkeys(["udr", "udr_0", "udr_1", "udr_2"], 0.9), abs=1e-4)


def test_agreement_of_turned_latents():
    """Two latents turned by 45 degrees: weights (sqrt(1/2) - 0.1), half of a row's each."""
    latents = ORTHOGONAL[:, :2] - ORTHOGONAL[:, :2].mean(axis=0)
    half = np.sqrt(0.5)
    scores = udr([latents, latents @ [[half, -half], [half, half]]])
    assert scores["udr"] == pytest.approx((half - 0.1) / 2, abs=1e-3)


def test_agreement_by_hand():
    similar = np.array([[0.9, 0.3], [0.0, 0.6]])
    expected = (0.81 / 1.2 + 0.36 / 0.6 + 0.81 / 0.9 + 0.36 / 0.9) / 4
    codes = np.zeros((5, 2))
    assert agreement(codes, codes, lambda *_: similar) == pytest.approx(expected)
    assert agreement(codes, codes, lambda *_: np.zeros((2, 2))) == 0
    assert agreement(codes[:, :0], codes, lambda *_: similar) == 0


def test_udr_of_a_model_is_the_median_over_the_others():
    noise = np.random.default_rng(0).normal(size=(60, 3))
    scores = udr([ORTHOGONAL, -ORTHOGONAL, noise, ORTHOGONAL[:, ::-1]], similarity="spearman")
    assert scores["udr_0"] == pytest.approx(1)  # two of the three others agree
    assert scores["udr_2"] < 0.3
    assert scores["udr"] == pytest.approx(1)


def test_udr_leaves_out_latents_without_information():
    noise = np.random.default_rng(0).normal(size=(60, 1))
    wide = np.concatenate([ORTHOGONAL, 0.01 * noise], axis=1)
    kl = [[2.0, 1.0, 0.5], [2.0, 1.0, 0.5, 0.009]]
    assert udr([ORTHOGONAL, wide], kl, similarity="spearman")["udr"] == pytest.approx(1)
    assert udr([ORTHOGONAL, wide], similarity="spearman")["udr"] < 0.95
    constant = np.concatenate([ORTHOGONAL, np.ones((60, 1))], axis=1)
    assert udr([ORTHOGONAL, constant], similarity="spearman")["udr"] == pytest.approx(1)
    assert udr([ORTHOGONAL, np.ones((60, 2))]) == {"udr": 0.0, "udr_0": 0.0, "udr_1": 0.0}


def test_udr_of_noise_is_low_and_leaves_no_trace():
    generator = np.random.default_rng(0)
    codes = [generator.normal(size=(1000, 4)) for _ in range(3)]
    state = np.random.get_state()[1].copy()
    assert udr(codes)["udr"] == 0  # the penalty leaves no weight
    assert udr(codes, similarity="spearman")["udr"] < 0.1
    assert udr([noisy(seed=seed) for seed in range(3)], samples=300, seed=5) == udr(
        [noisy(seed=seed) for seed in range(3)], samples=300, seed=5
    )
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize(
    ("codes", "arguments", "message"),
    [
        ([ORTHOGONAL], {}, "at least 2 models. Received: 1"),
        ([ORTHOGONAL, ORTHOGONAL[:9]], {}, "60, 9 rows"),
        ([ORTHOGONAL, ORTHOGONAL * np.nan], {}, "NaN"),
        ([ORTHOGONAL] * 2, {"kl": [[1, 1, 1], [1, 1]]}, r"`kl`.*Received: \[\(3,\), \(2,\)\]"),
        ([ORTHOGONAL] * 2, {"similarity": "spearmen"}, 'Did you mean "spearman"'),
        ([ORTHOGONAL] * 2, {"kl": [np.ones((60, 3))] * 2}, "take the mean over images"),
        ([ORTHOGONAL] * 2, {"min_kl": "1"}, "`min_kl` must be a finite number >= 0"),
        ([ORTHOGONAL] * 2, {"seed": 1.5}, "`seed` must be an integer >= 0"),
        ([ORTHOGONAL] * 2, {"samples": 1}, "`samples` must be an integer >= 2"),
    ],
)
def test_udr_refuses(codes, arguments, message):
    with pytest.raises(ValueError, match=message):
        udr(codes, **arguments)


def test_udr_may_pass_one():
    """The small difference of two latents of correlation 0.92 takes weights of 1.25."""
    u, v = (ORTHOGONAL[:, :2] - ORTHOGONAL[:, :2].mean(axis=0)).T
    turn = np.arccos(0.92) / 2
    both = np.c_[u * np.cos(turn) + v * np.sin(turn), u * np.cos(turn) - v * np.sin(turn)]
    assert udr([both, v[:, None]])["udr_1"] == pytest.approx(1.25 * 2.5 / 3, abs=1e-3)


# Factors without two values to learn from.


@pytest.mark.parametrize("metric", [dci, sap])
def test_a_factor_that_cannot_be_learned_is_named_and_left_out(metric):
    """Its second value is in one row, which the split of seed 1 scores on."""
    numbers, arguments = np.arange(len(FACTORS))[:, None], SMALL.get(metric.__name__, {})
    split = base.split_table(base.random_generator(1), numbers, FACTORS, 10_000, 5_000)
    factors = np.c_[FACTORS, numbers == split.test[0]]
    with pytest.warns(UserWarning, match="Factor 3 is not scored: all rows drawn to learn") as told:
        scores = metric(noisy(), factors, seed=1, **arguments)
    assert told[0].filename == __file__
    assert scores == metric(noisy(), FACTORS, seed=1, **arguments)


# The importances of DCI as a matrix.


def test_dci_follows_from_the_matrix_of_importances():
    generator = np.random.default_rng(0)
    factors = generator.integers([3, 4, 5], size=(600, 3))
    codes = factors @ generator.normal(size=(3, 4)) + 0.3 * generator.normal(size=(600, 4))
    options = {"trees": 5, "seed": 3}
    matrix = importance_matrix(codes, factors, **options)
    assert matrix.shape == (3, 4)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    totals = matrix.sum(axis=0)
    entropies = np.array([stats.entropy(column / column.sum()) for column in matrix.T])
    disentanglement = np.average(1 - entropies / np.log(3), weights=totals)
    completeness = np.mean([1 - stats.entropy(row) / np.log(4) for row in matrix])
    scores = dci(codes, factors, **options)
    assert scores["dci"] == pytest.approx(disentanglement)
    assert scores["dci_completeness"] == pytest.approx(completeness)


def test_a_factor_of_one_value_has_no_importances():
    factors = np.random.default_rng(0).integers([3, 1, 4], size=(300, 3))
    with pytest.warns(UserWarning, match="its only value is 0"):
        matrix = importance_matrix(factors[:, ::-1] + 0.0, factors, trees=2)
    np.testing.assert_allclose(matrix, [[0, 0, 1], [0, 0, 0], [1, 0, 0]], atol=1e-9)
