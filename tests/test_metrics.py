"""What every metric must do and refuse, and the mathematics of the FactorVAE score, MIG and what all share."""

import subprocess
import sys
import warnings
from importlib import import_module

import numpy as np
import pytest
import threadpoolctl
from sklearn.metrics import mutual_info_score

from zoo.metrics import base, factor_vae_score, mig
from zoo.utils import registry

MEMBERS = registry.members("metrics")
# Arguments that keep a metric quick.
SMALL = {
    "dci": {"trees": 2, "train_samples": 400, "test_samples": 200},
    "dci_forest": {"trees": 2, "train_samples": 400, "test_samples": 200},
    "dci_lasso": {"train_samples": 400, "test_samples": 200},
    "distances": {"repeats": 16},
    "downstream": {"train_samples": [50, 200], "test_samples": 200, "trees": 2, "iterations": 5},
    "explicitness": {"iterations": 20},
    "infomec": {"iterations": 5},
    "mig_posterior": {"samples": 64, "log_variances": -2.0},
}


def small(name):
    """The metric as a function of codes and factors, with quick defaults."""

    def metric(codes, factors, **arguments):
        return MEMBERS[name](codes, factors, **{**SMALL.get(name, {}), **arguments})

    return metric


every_metric = pytest.mark.parametrize("name", MEMBERS)
every_metric_of_factors = pytest.mark.parametrize(
    "name", [n for n in MEMBERS if n != "unsupervised"]
)
votes = import_module("zoo.metrics.factor_vae_score")


def grid(*sizes):
    return np.indices(sizes).reshape(len(sizes), -1).T


FACTORS = grid(4, 5, 6, 10)
SHAPES = grid(3, 6, 40, 32, 32)


def entropy(values):
    shares = np.unique(values, return_counts=True)[1] / len(values)
    return -np.sum(shares * np.log(shares))


def noisy_code(factors, seed=0, noise=1.0, extra=2):
    """Each factor in a latent of its own, with noise, and `extra` latents of noise alone."""
    generator = np.random.default_rng(seed)
    signal = factors / factors.std(axis=0)
    signal = np.concatenate([signal, np.zeros((len(factors), extra))], axis=1)
    return signal + noise * generator.normal(size=signal.shape)


def rotated(codes, degrees):
    turn = np.deg2rad(degrees)
    return codes @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])


# Known answers


def test_perfect_code():
    scores = factor_vae_score(FACTORS, FACTORS)
    assert scores == {
        "factor_vae_score": 1.0,
        "factor_vae_score_unpruned": 1.0,
        "active_dimensions": 4.0,
    }
    assert mig(FACTORS, FACTORS)["mig"] == pytest.approx(1, abs=1e-12)


def test_perfect_code_beside_noise():
    codes = np.concatenate([FACTORS, noisy_code(FACTORS)[:, -2:]], axis=1)
    assert factor_vae_score(codes, FACTORS)["factor_vae_score"] == 1
    assert 0.9 < mig(codes, FACTORS)["mig"] < 1


def test_mig_ceiling_of_factors_with_more_values_than_bins():
    binned = np.stack([np.minimum(v * 20 // v.max(), 19) for v in SHAPES.T], axis=1)
    ceiling = np.mean([entropy(b) / entropy(v) for b, v in zip(binned.T, SHAPES.T, strict=True)])
    assert 0.9 < ceiling < 0.95
    assert mig(SHAPES, SHAPES, samples=len(SHAPES))["mig"] == pytest.approx(ceiling, abs=1e-12)
    assert mig(SHAPES, SHAPES, samples=len(SHAPES), bins=40)["mig"] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("metric", [factor_vae_score, mig])
@pytest.mark.parametrize(
    "change",
    [
        lambda codes: codes[:, [3, 0, 5, 1, 4, 2]],
        lambda codes: -codes,
        lambda codes: codes * np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0]),
        lambda codes: codes + 100.0,
    ],
    ids=["permuted", "sign", "scaled", "shifted"],
)
def test_invariance(metric, change):
    codes = noisy_code(FACTORS)
    before, after = metric(codes, FACTORS), metric(change(codes), FACTORS)
    assert 0.1 < next(iter(before.values())) < 0.99
    assert after == pytest.approx(before, abs=1e-9)


def test_rotation_of_two_equal_factors():
    factors = grid(20, 20, 5)
    codes = [np.c_[rotated(factors[:, :2] - 9.5, angle), factors[:, 2]] for angle in (0, 20, 45)]
    gaps = [mig(code, factors)["mig"] for code in codes]
    assert gaps[0] == pytest.approx(1, abs=1e-12)
    assert 0.45 < gaps[1] < 0.75
    assert gaps[2] == pytest.approx(1 / 3, abs=0.01)  # only the third factor has a gap
    scores = [factor_vae_score(code, factors)["factor_vae_score"] for code in codes]
    assert scores[0] == 1
    assert scores[2] == pytest.approx(2 / 3, abs=0.05)  # the first two are told apart by chance


def test_mig_of_a_full_mix_is_zero():
    factors = grid(32, 32)
    assert mig(rotated(factors - 15.5, 45), factors)["mig"] < 0.01


def test_constant_code():
    codes = np.full((len(FACTORS), 3), 0.1)  # not a binary fraction: its mean is rounded
    assert mig(codes, FACTORS) == {"mig": 0.0}
    assert set(factor_vae_score(codes, FACTORS).values()) == {0.0}


def test_duplicated_code():
    """Two latents that know a factor equally close the gap; the vote does not mind which wins."""
    codes = np.concatenate([FACTORS, 3.0 * FACTORS], axis=1)
    assert mig(codes, FACTORS)["mig"] == 0
    assert factor_vae_score(codes, FACTORS)["factor_vae_score"] == 1
    assert factor_vae_score(codes, FACTORS)["active_dimensions"] == 8


def test_single_latent_has_no_second_best():
    assert mig(FACTORS[:, :1], FACTORS[:, :1])["mig"] == pytest.approx(1, abs=1e-12)
    assert mig(FACTORS[:, :1], FACTORS)["mig"] == pytest.approx(1 / 4, abs=1e-12)


def test_constant_latents_cannot_win_a_vote():
    codes = np.concatenate([np.full((len(FACTORS), 2), 0.1), FACTORS], axis=1)
    scores = factor_vae_score(codes, FACTORS)
    assert scores["factor_vae_score_unpruned"] == scores["factor_vae_score"] == 1
    assert scores["active_dimensions"] == 4


def test_pruning_saves_the_vote_from_dead_latents():
    """A latent that hardly ever moves has no variance in most batches, whatever is fixed."""
    dead = 0.01 * (np.random.default_rng(0).random((len(FACTORS), 3)) < 0.005)
    codes = np.concatenate([noisy_code(FACTORS, noise=0.3, extra=0), dead], axis=1)
    scores = factor_vae_score(codes, FACTORS)
    assert scores["factor_vae_score"] > 0.99
    assert scores["factor_vae_score_unpruned"] < 0.7
    assert scores["active_dimensions"] == 4
    kept = factor_vae_score(codes, FACTORS, min_std=0.0)
    assert kept["active_dimensions"] == 7
    assert kept["factor_vae_score"] == scores["factor_vae_score_unpruned"]


def test_all_latents_pruned():
    scores = factor_vae_score(1e-3 * FACTORS, FACTORS)
    assert scores["factor_vae_score"] == scores["active_dimensions"] == 0
    assert scores["factor_vae_score_unpruned"] == 1


def test_pruning_looks_at_the_standard_deviation():
    codes = FACTORS / FACTORS.std(axis=0) * [0.04, 0.049, 0.051, 0.2]
    assert factor_vae_score(codes, FACTORS)["active_dimensions"] == 2


def test_noise_is_at_chance():
    codes = np.random.default_rng(0).normal(size=(len(SHAPES), 10))
    assert factor_vae_score(codes, SHAPES)["factor_vae_score"] == pytest.approx(1 / 5, abs=0.025)
    assert 0 <= mig(codes, SHAPES)["mig"] < 0.003


# Re-computations


def test_mig_by_hand():
    """I(z; v) = H(v) - H(v | z): z = 0 leaves no doubt of v, z = 1 one bit."""
    codes = np.array([[0, 5], [0, 5], [1, 5], [1, 5]], float)
    factors = np.array([[0], [0], [0], [1]])
    entropy_v = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    expected = (entropy_v - 0.5 * np.log(2)) / entropy_v
    assert mig(codes, factors)["mig"] == pytest.approx(expected, abs=1e-15)
    assert expected == pytest.approx(0.383689, abs=1e-6)


def test_mutual_information_agrees_with_sklearn():
    generator = np.random.default_rng(0)
    binned, value = generator.integers(0, 20, (500, 6)), generator.integers(0, 40, 500)
    binned[:, 0], binned[:, 1] = value % 20, 7
    expected = [mutual_info_score(value, column) for column in binned.T]
    np.testing.assert_allclose(base.mutual_information(binned, value), expected, atol=1e-13)


def test_bins_agree_with_numpy():
    codes = np.random.default_rng(0).normal(size=(1000, 3))
    codes[:, 2] = np.arange(1000) % 21  # each value on an edge
    binned = base.bin_codes(codes, 20)
    assert binned.min() == 0
    assert binned.max() == 19
    for code, mine in zip(codes.T, binned.T, strict=True):
        counts, edges = np.histogram(code, 20)
        np.testing.assert_array_equal(np.bincount(mine, minlength=20), counts)
        np.testing.assert_array_equal(mine, np.digitize(code, edges[:-1]) - 1)


def test_sampled_rows_are_different_and_from_everywhere():
    rows = base.sample_rows(np.random.default_rng(0), 100_000, 10_000)
    assert len(set(rows)) == 10_000
    np.testing.assert_allclose(np.histogram(rows, 10, (0, 100_000))[0], 1000, atol=150)


def test_groups_agree_with_numpy():
    generator = np.random.default_rng(0)
    for factor in (generator.integers(-4, 9, 200), generator.integers(-(2**62), 2**62, 200)):
        groups = base.group_rows(factor)
        np.testing.assert_array_equal(groups.values, np.unique(factor))
        for value, start, size in zip(groups.values, groups.starts, groups.sizes, strict=True):
            rows = groups.rows[start : start + size]
            np.testing.assert_array_equal(rows, np.flatnonzero(factor == value))


def literal_factor_vae_score(codes, factors, seed, train, test):
    """The algorithm of section 4 as it is written, one vote after the other."""
    generator = np.random.default_rng(seed)
    spread = codes.var(axis=0)
    counts, right = np.zeros((codes.shape[1], factors.shape[1])), 0
    for vote in range(train + test):
        factor = generator.integers(factors.shape[1])
        value = generator.choice(np.unique(factors[:, factor]))
        batch = codes[generator.choice(np.flatnonzero(factors[:, factor] == value), 64)]
        winner = np.argmin(batch.var(axis=0) / spread)
        if vote < train:
            counts[winner, factor] += 1
        else:
            right += counts[winner].argmax() == factor
    return right / test


def test_score_agrees_with_a_literal_loop():
    factors = grid(3, 4, 5, 8)
    codes = noisy_code(factors, noise=2.5)
    mine = factor_vae_score(codes, factors)["factor_vae_score"]
    literal = literal_factor_vae_score(codes, factors, seed=1, train=4000, test=4000)
    assert 0.35 < literal < 0.9
    assert mine == pytest.approx(literal, abs=0.045)  # four standard errors of the difference


def test_votes_agree_with_a_literal_loop():
    factors = grid(3, 4, 5)
    codes = noisy_code(factors)
    groups = [base.group_rows(column) for column in factors.T]
    fixed = np.arange(90) % 3
    variance = codes.var(axis=0)
    drawn = np.concatenate(
        list(votes._batches(np.random.default_rng(5), fixed, groups, 8, codes.shape[1]))
    )
    masks = np.array([[True] * 5, [False, True, True, False, True]])
    winners = votes._votes(np.random.default_rng(5), codes, groups, masks, variance, fixed, 8)
    for vote, rows in enumerate(drawn):
        assert len(set(factors[rows, fixed[vote]])) == 1
        ratio = codes[rows].var(axis=0) / variance
        assert winners[0, vote] == ratio.argmin()
        assert winners[1, vote] == min([1, 2, 4], key=lambda latent: ratio[latent])


def test_votes_draw_every_value_and_row_alike():
    """Of two values, one in 10 rows and one in 90, each is drawn half of the time."""
    factor = np.repeat([3, 8], [10, 90])
    groups = [base.group_rows(factor)]
    (rows,) = votes._batches(np.random.default_rng(0), np.zeros(4000, int), groups, 50, 1)
    assert np.mean(factor[rows[:, 0]] == 3) == pytest.approx(0.5, abs=0.04)
    share = np.bincount(rows.ravel(), minlength=100) / rows.size
    np.testing.assert_allclose(share[:10], 0.05, rtol=0.1)
    np.testing.assert_allclose(share[10:], 0.5 / 90, rtol=0.15)


def test_votes_in_small_chunks(monkeypatch):
    codes = noisy_code(FACTORS)
    whole = factor_vae_score(codes, FACTORS)
    monkeypatch.setattr(votes, "_CHUNK", 64 * 6 * 7)  # seven votes at a time
    assert factor_vae_score(codes, FACTORS) == pytest.approx(whole, abs=0.03)


def test_random_sample_of_a_grid_scores_as_the_grid():
    codes = noisy_code(SHAPES, noise=2.0, extra=5)
    rows = np.random.default_rng(3).choice(len(SHAPES), 20_000, replace=False)
    whole, sample = factor_vae_score(codes, SHAPES), factor_vae_score(codes[rows], SHAPES[rows])
    assert 0.3 < whole["factor_vae_score"] < 0.95
    assert sample == pytest.approx(whole, abs=0.04)
    whole, sample = mig(codes, SHAPES)["mig"], mig(codes[rows], SHAPES[rows])["mig"]
    assert 0.03 < whole < 0.3
    assert sample == pytest.approx(whole, abs=0.01)


# Contract


@every_metric
def test_plain_floats_headline_first(name):
    scores = small(name)(noisy_code(FACTORS).astype(np.float32), FACTORS.astype(np.float32))
    assert next(iter(scores)) == name
    assert {type(value) for value in scores.values()} == {float}


@every_metric
def test_seed_alone_decides(name):
    # The whole grid, which `distances` needs; for the exact posterior over all rows a part of it.
    factors = SHAPES[::37] if name == "mig_posterior" else SHAPES
    metric, codes = small(name), noisy_code(factors)
    np.random.seed(1)
    first, state = metric(codes, factors, seed=3), np.random.get_state()[1].copy()
    np.random.seed(2)
    second = metric(codes, factors, seed=3)
    np.random.seed(1)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert first == second
    assert first != metric(codes, factors, seed=4)


@every_metric
def test_inputs_are_not_written(name):
    codes, factors = noisy_code(FACTORS), FACTORS.copy()
    codes.setflags(write=False)
    factors.setflags(write=False)
    small(name)(codes, factors)


@every_metric
def test_factor_values_are_only_names(name):
    metric, codes = small(name), noisy_code(FACTORS)
    assert metric(codes, FACTORS * 1000 - 7) == metric(codes, FACTORS)
    assert metric(codes, FACTORS.astype(np.uint8)) == metric(codes, FACTORS)


@every_metric_of_factors
def test_factor_with_one_value_is_left_out(name):
    factors = np.insert(FACTORS, 2, 9, axis=1)
    metric, codes = small(name), noisy_code(FACTORS)
    with pytest.warns(UserWarning, match="Factor 2 is not scored: its only value is 9") as caught:
        scores = metric(codes, factors)
    assert scores == metric(codes, FACTORS)
    assert caught[0].filename == __file__


def test_groups_of_one_row_do_not_vote():
    factors = np.array([[0, 0], [0, 1], [0, 2], [5, 3], [7, 4], [7, 5]])
    with (
        pytest.warns(UserWarning, match="Factor 0 is scored on 2 of its 3 values"),
        pytest.warns(UserWarning, match="Factor 1 is not scored: each of its values is seen in"),
    ):
        (groups,) = base.repeated_groups(factors)
    np.testing.assert_array_equal(groups.values, [0, 7])
    np.testing.assert_array_equal(groups.sizes, [3, 2])


def test_groups_of_one_row_are_told_of():
    factors = np.r_[np.arange(50), [50, 50], [51, 51]][:, None]
    with pytest.warns(
        UserWarning,
        match="Factor 0 is scored on 2 of its 52 values: the others are seen in one row only",
    ) as caught:
        (groups,) = base.repeated_groups(factors)
    assert len(caught) == 1
    np.testing.assert_array_equal(groups.values, [50, 51])


def test_two_repeated_values_may_be_needed():
    factors = np.array([[0, 0], [0, 1], [1, 1], [2, 0]])
    with pytest.warns(UserWarning, match="Factor 0 is not scored: all but one of its values"):
        (groups,) = base.repeated_groups(factors, least=2)
    np.testing.assert_array_equal(groups.values, [0, 1])
    with (
        pytest.warns(UserWarning, match="not scored"),
        pytest.raises(ValueError, match="at least two values, two of them in two rows"),
    ):
        base.repeated_groups(factors[:, :1], least=2)


def test_small_groups_vote_well():
    """Two rows of each value of the first factor: fewer than a batch."""
    factors = np.c_[np.repeat(np.arange(50), 2), np.tile([0, 1], 50)]
    assert factor_vae_score(factors, factors)["factor_vae_score"] == 1


@every_metric_of_factors
@pytest.mark.filterwarnings("ignore:Factor")
def test_nothing_to_score(name):
    with pytest.raises(ValueError, match="Expected a factor with at least two values"):
        small(name)(FACTORS, np.ones_like(FACTORS))


def broken(value):
    codes = noisy_code(FACTORS)
    codes[7, 2] = codes[9, 0] = value
    return codes


BAD = {
    "nan": (broken(np.nan), FACTORS, "2 NaN or infinite values, the first in row 7, latent 2"),
    "infinite": (broken(np.inf), FACTORS, "2 NaN or infinite values"),
    "enormous": (broken(-1.1e18), FACTORS, "from -1e[+]18 to 1e[+]18.*of size 1.1e[+]18"),
    "large whole numbers": (FACTORS * 10**18, FACTORS, "Received: one of size 9e[+]18"),
    "complex": (FACTORS * 1j, FACTORS, "real numbers. Received: dtype complex128"),
    "lengths": (FACTORS[:9], FACTORS, "9 rows of codes and 1200 of factors"),
    "codes rank": (FACTORS[:, 0], FACTORS, r"`codes` of shape \(n, latents\).*\(1200,\)"),
    "factors rank": (FACTORS, FACTORS[:, 0], r"`factors` of shape \(n, factors\).*\(1200,\)"),
    "no latents": (FACTORS[:, :0], FACTORS, "at least one column"),
    "fraction": (FACTORS, FACTORS + 0.5, "whole numbers. Received: 0.5 in row 0, factor 0"),
    "nan factor": (FACTORS, np.where(FACTORS == 3, np.nan, FACTORS), "Received: nan in row"),
    "text": (FACTORS, FACTORS.astype(str), "Number the values of each factor from 0"),
    "rows": (FACTORS[:1], FACTORS[:1], "at least 2 rows. Received: 1"),
}


@every_metric
@pytest.mark.parametrize("case", BAD)
def test_bad_tables(name, case):
    codes, factors, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        small(name)(codes, factors)


@every_metric
def test_bad_arguments(name):
    """Every argument that is a whole number refuses fractions and numbers below its least, by name."""
    whole = {k for k, v in MEMBERS[name].__kwdefaults__.items() if type(v) is int}
    for argument in whole:
        for value in (-1, 0, 2.5, "3", True):
            if (argument, value) != ("seed", 0):
                message = f"`{argument}` must be an integer.*{argument}="
                with pytest.raises(ValueError, match=message):
                    small(name)(FACTORS, FACTORS, **{argument: value})


@every_metric
def test_bad_fractions(name):
    """Every other number refuses text, NaN and what is negative, by name."""
    real = {k for k, v in MEMBERS[name].__kwdefaults__.items() if type(v) is float}
    for argument in real:
        for value in ("a", float("nan"), float("inf"), -1, None):
            with pytest.raises(ValueError, match=f"`{argument}` must be a .*number.*{argument}="):
                small(name)(FACTORS, FACTORS, **{argument: value})


def ragged_table(seed=0):
    """A code of 200 random rows, no grid: one value of a factor is seen once, one factor is skewed."""
    generator = np.random.default_rng(seed)
    factors = np.c_[
        generator.integers(0, 4, 200), generator.geometric(0.4, 200), np.zeros(200, int)
    ]
    factors[17, 2] = 1
    factors[100:, 2] = 2
    return noisy_code(factors, extra=1), factors


ODD = {
    "no grid": ragged_table,
    "fewer latents than factors": lambda: (ragged_table()[0][:, :2], ragged_table()[1]),
    "one latent": lambda: (ragged_table()[0][:, :1], ragged_table()[1]),
    "constant latents": lambda: (ragged_table()[0] * [0.1, 0, 0, 1], ragged_table()[1]),
    "all constant": lambda: (np.full((200, 3), 0.1), ragged_table()[1]),
    "100 latents": lambda: (noisy_code(ragged_table()[1], extra=97), ragged_table()[1]),
    "one factor": lambda: (ragged_table()[0], ragged_table()[1][:, :1]),
    "twelve rows": lambda: (FACTORS[::100] + 0.1, FACTORS[::100]),
    "largest codes": lambda: (
        1e18 * ragged_table()[0] / np.abs(ragged_table()[0]).max(),
        ragged_table()[1],
    ),
    "largest codes in float32": lambda: (
        (9e17 * ragged_table()[0] / np.abs(ragged_table()[0]).max()).astype("float32"),
        ragged_table()[1],
    ),
    "huge codes": lambda: (1e6 * ragged_table()[0] + 1e7, ragged_table()[1]),
    "tiny codes": lambda: (1e-6 * ragged_table()[0], ragged_table()[1]),
}


ALONE = (
    "A single factor is scored: with no other to be mixed with, every code that varies scores 1."
)
DCI = ("dci", "dci_forest", "dci_lasso")
COMPARING = ("beta_vae_score", "factor_vae_score", "modularity", *DCI)


def told(name, factors):
    """What a metric must say of a table that it looks at whole, by the definitions; a set of messages."""
    expected = {ALONE} if factors.shape[1] == 1 and name in COMPARING else set()
    for factor, column in enumerate(factors.T):
        values, sizes = np.unique(column, return_counts=True)
        if name == "unsupervised":
            continue
        if len(values) == 1:
            expected.add(f"Factor {factor} is not scored: its only value is {values[0]}.")
        elif name in ("beta_vae_score", "factor_vae_score", "infomec", "irs") and sizes.min() == 1:
            kept = f"scored on {np.sum(sizes > 1)} of its {len(values)} values: the others are"
            none = "not scored: each of its values is"
            expected.add(
                f"Factor {factor} is {kept if sizes.max() > 1 else none} seen in one row only."
            )
    return expected


@every_metric
@pytest.mark.parametrize("case", ODD)
def test_odd_tables_are_scored(name, case):
    """Numbers come back, and whatever is left out is told of in a `UserWarning`, nothing else."""
    codes, factors = ODD[case]()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scores = small(name)(codes, factors)
    assert {(each.category, each.filename) for each in caught} <= {(UserWarning, __file__)}
    messages = [str(each.message) for each in caught]
    assert len(messages) == len(set(messages))
    if name in ("sap", "explicitness", "downstream", *DCI):  # it depends on which rows are drawn
        assert all(message.startswith("Factor ") for message in messages if message != ALONE)
        assert (ALONE in messages) == (case == "one factor" and name in DCI)
    elif name == "distances":
        left_out = any(message.startswith("Traversals hold ") for message in messages)
        assert left_out == (
            case not in ("one factor", "twelve rows")
        )  # these have whole traversals
        assert left_out == ("axis_ratio" not in scores)
    else:
        assert set(messages) == told(name, factors)
    assert scores == scores  # no NaN
    unbounded = ("active", "nats", "error")
    bounded = [v for key, v in scores.items() if not any(word in key for word in unbounded)]
    assert name == "unsupervised" or max(bounded) <= 1 + 1e-9


@pytest.mark.parametrize("name", [n for n in MEMBERS if "jobs" in MEMBERS[n].__kwdefaults__])
def test_jobs_do_not_change_a_bit(name):
    codes = noisy_code(SHAPES[::500])
    assert small(name)(codes, SHAPES[::500], jobs=2) == small(name)(codes, SHAPES[::500])


@every_metric
def test_threads_do_not_change_a_bit(name):
    """Nor does it matter how many threads the caller has given to linear algebra."""
    codes = noisy_code(FACTORS, extra=20)
    with threadpoolctl.threadpool_limits(1):
        alone = small(name)(codes, FACTORS)
    with threadpoolctl.threadpool_limits(2):
        assert small(name)(codes, FACTORS) == alone


def test_no_tensorflow():
    code = "import sys, zoo.metrics; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
