"""The distance family: closed forms, published numbers, literal loops, and tables with holes."""

import math

import numpy as np
import pytest
import threadpoolctl
from scipy import stats

from zoo.metrics import distances

# Correlation of ground-truth with pixel distance of a square that moves on 8 positions, spacing 8 ... 1.
PEARSON = [0.52, 0.60, 0.67, 0.72, 0.75, 0.86, 0.94, 1.00]
SPEARMAN = [0.58, 0.85, 0.85, 0.85, 0.85, 0.95, 0.99, 1.00]


def grid(*sizes):
    return np.indices(sizes).reshape(len(sizes), -1).T


FACTORS = grid(4, 5, 6)
NOISE = np.random.default_rng(0).normal(size=(len(FACTORS), 4))
RANDOM = ["distances", "rank_random_l2", "linear_random_l1", "linear_random_l2"]
CORRELATIONS = [*RANDOM, *(f"{k}_factor_{n}" for k in ("rank", "linear") for n in ("l1", "l2"))]
SHAPES = ["flatness_l1", "flatness_l2", "axis_ratio", "linear_ratio", "axis_alignment"]


def rotated(codes, degrees):
    turn = np.deg2rad(degrees)
    return codes @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])


def test_entries_and_their_order():
    assert list(distances(FACTORS, FACTORS)) == [*CORRELATIONS, *SHAPES, "coverage"]


def test_perfect_code():
    """L1 distances of the codes are those of the factors; L2 ones only along a factor."""
    scores = distances(3.0 * FACTORS, FACTORS)
    for name in ["distances", "linear_random_l1", *CORRELATIONS[4:], *SHAPES, "coverage"]:
        assert scores[name] == pytest.approx(1, abs=1e-12), name
    assert 0.9 < scores["rank_random_l2"] < 0.99
    assert 0.9 < scores["linear_random_l2"] < 0.99


@pytest.mark.parametrize("degrees", [0, 10, 30, 45, 80])
def test_rotation_keeps_the_line_and_turns_the_axis(degrees):
    """A line at an angle a in two latents has the shares cos^2 a, sin^2 a: ratio |cos 2a|."""
    factors = grid(9, 9)
    scores = distances(rotated(factors, degrees), factors)
    ratio = abs(math.cos(math.radians(2 * degrees)))
    assert scores["axis_ratio"] == pytest.approx(ratio, abs=1e-12)
    assert scores["linear_ratio"] == pytest.approx(1, abs=1e-12)
    assert scores["axis_alignment"] == pytest.approx(ratio, abs=1e-12)
    assert scores["linear_factor_l2"] == pytest.approx(1, abs=1e-12)
    assert scores["flatness_l2"] == pytest.approx(1, abs=1e-12)
    assert (scores["distances"] == pytest.approx(1)) == (degrees == 0)


def test_constant_code():
    codes = np.full((len(FACTORS), 3), 0.1)  # not a binary fraction: its mean is rounded
    scores = distances(codes, FACTORS)
    assert scores.pop("coverage") == 1
    assert set(scores.values()) == {0.0}


def test_noise():
    factors = grid(8, 8, 8, 8)
    codes = np.random.default_rng(1).normal(size=(len(factors), 6))
    scores = distances(codes, factors)
    # Not 0 even so: a row and itself are at distance 0 in both.
    assert 0.02 < scores["distances"] < 0.2
    assert scores["axis_ratio"] < 0.2
    assert scores["flatness_l2"] < 0.5


def test_one_latent():
    factors = grid(7, 3)
    scores = distances(factors[:, :1], factors[:, :1])
    assert {scores[name] for name in SHAPES[2:]} == {1.0}
    with_dead = distances(factors[:, :1] * 1.0, factors)
    assert with_dead["axis_ratio"] == pytest.approx(
        0.5
    )  # 1 along the first factor, 0 along the second
    assert with_dead["distances"] < 1


def test_permuted_and_mirrored_latents():
    before = distances(NOISE, FACTORS)
    after = distances(-NOISE[:, [2, 0, 3, 1]], FACTORS)
    assert after == pytest.approx(before, abs=1e-12)
    assert distances(1000 * NOISE + 5, FACTORS) == pytest.approx(before, abs=1e-9)


def test_dead_latents_change_no_distance():
    before = distances(FACTORS, FACTORS)
    after = distances(np.c_[FACTORS, np.ones((len(FACTORS), 7))], FACTORS)
    assert after == pytest.approx(before, abs=1e-12)


@pytest.mark.parametrize("spacing", range(1, 9))
def test_published_correlations_of_a_moving_square(spacing):
    """A square's row of pixels as the code: d = 2 min(8, |i - j| spacing)."""
    start = spacing * np.arange(8)[:, None]
    pixels = (start <= np.arange(64)) & (np.arange(64) < start + 8)
    factor = np.arange(8)[:, None]
    scores = distances(pixels.astype(float), factor)
    i, j = np.indices((8, 8)).reshape(2, -1)
    pixel, ground = 2 * np.minimum(8, abs(i - j) * spacing), abs(i - j)
    assert scores["linear_factor_l1"] == pytest.approx(np.corrcoef(pixel, ground)[0, 1], abs=0.01)
    assert scores["linear_factor_l1"] == pytest.approx(PEARSON[8 - spacing], abs=0.015)
    assert scores["rank_factor_l1"] == pytest.approx(SPEARMAN[8 - spacing], abs=0.015)


def test_flatness_of_an_arc_and_of_a_circle():
    """A half circle is 2 wide and pi long; a closed circle leaves out its longest step."""
    angle = np.linspace(0, np.pi, 200)
    factor = np.arange(200)[:, None]
    scores = distances(np.c_[np.cos(angle), np.sin(angle)], factor, repeats=1)
    assert scores["flatness_l2"] == pytest.approx(2 / np.pi, abs=1e-4)
    angle = np.arange(8) * np.pi / 4
    scores = distances(np.c_[np.cos(angle), np.sin(angle)], factor[:8], repeats=1)
    assert scores["flatness_l2"] == pytest.approx(2 / (7 * 2 * np.sin(np.pi / 8)))
    assert scores["axis_ratio"] == pytest.approx(0, abs=1e-12)


def test_flatness_by_hand():
    """0, 2, 1, 5: 5 wide; the steps are 2, 1, 4 and 5, of which 5 closes."""
    scores = distances(np.array([[0.0], [2.0], [1.0], [5.0]]), np.arange(4)[:, None], repeats=1)
    assert scores["flatness_l1"] == scores["flatness_l2"] == pytest.approx(5 / 7)


def literal(codes, factors, repeats, triplets, rows, seed):
    """The definitions, one traversal and one triplet after the other, on a full grid."""
    generator = np.random.default_rng(seed)
    where = {tuple(row): number for number, row in enumerate(factors)}
    n = codes.shape[1]
    scores = {}

    def correlations(pairs, kind):
        ground, l1, l2 = np.array(pairs).T
        for norm, latent in (("l1", l1), ("l2", l2)):
            scores.setdefault(f"rank_{kind}_{norm}", []).append(stats.spearmanr(ground, latent)[0])
            scores.setdefault(f"linear_{kind}_{norm}", []).append(stats.pearsonr(ground, latent)[0])

    def draw(z, v):
        found = []
        for _ in range(triplets):
            a, p, m = generator.integers(len(z), size=3)
            for b in (p, m):
                d = np.abs(z[a] - z[b])
                found.append((np.abs(v[a] - v[b]).sum(), d.sum(), np.sqrt(d @ d)))
        return found

    pairs = []
    for _ in range(repeats):
        some = generator.integers(len(codes), size=rows)
        pairs += draw(codes[some], factors[some])
    correlations(pairs, "random")
    for factor in range(factors.shape[1]):
        pairs, measured = [], []
        for _ in range(repeats):
            at = factors[generator.integers(len(factors))].copy()
            line = []
            for value in range(factors[:, factor].max() + 1):
                at[factor] = value
                line.append(where[tuple(at)])
            z = codes[line]
            pairs += draw(z, np.arange(len(line))[:, None])
            covariance = np.cov(z.T)
            shares = [np.diag(covariance).max(), np.linalg.eigvalsh(covariance).max()]
            axis, linear = [(s / np.trace(covariance) - 1 / n) / (1 - 1 / n) for s in shares]
            found = [axis, linear, axis / linear]
            for power in (1, 2):
                gaps = np.linalg.norm(z[:, None] - z, ord=power, axis=-1)
                steps = np.linalg.norm(z - np.roll(z, -1, axis=0), ord=power, axis=-1)
                found += [gaps.max(), np.sort(steps)[:-1].sum()]
            measured.append(found)
        correlations(pairs, "factor")
        axis, linear, aligned, w1, l1, w2, l2 = np.mean(measured, axis=0)
        shape = [w1 / l1, w2 / l2, axis, linear, aligned]
        for name, value in zip(SHAPES, shape, strict=True):
            scores.setdefault(name, []).append(value)
    scores["distances"] = scores.pop("rank_random_l1")
    return {name: np.mean(values) for name, values in scores.items()}


def test_agrees_with_a_literal_loop():
    factors = grid(3, 4, 6)
    codes = np.c_[factors, np.zeros(len(factors))] + np.random.default_rng(2).normal(size=(72, 4))
    mine = distances(codes, factors, repeats=2000)
    theirs = literal(codes, factors, repeats=400, triplets=32, rows=32, seed=5)
    assert mine.pop("coverage") == 1
    assert mine == pytest.approx(theirs, abs=0.02)
    assert 0.2 < theirs["distances"] < 0.8
    assert 0.2 < theirs["axis_alignment"] < 0.9


def test_distances_of_a_longer_run_of_rows_do_not_need_memory(monkeypatch):
    from importlib import import_module

    whole = distances(NOISE, FACTORS)
    monkeypatch.setattr(import_module("zoo.metrics.distances"), "_CHUNK", 500)
    assert distances(NOISE, FACTORS) == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("scale", "offset"), [(0.1, 0), (0.1, 100), (-3e-4, 1), (1e12, 7e12)])
def test_equal_distances_have_equal_ranks_however_codes_are_rounded(kind, scale, offset):
    factors = grid(8, 8, 8)
    scores = distances((scale * factors + offset).astype(kind), factors)
    for name in ("rank_factor_l1", "rank_factor_l2", "distances"):
        assert scores[name] == pytest.approx(1, abs=5e-4), name


def test_eigenvalues_are_taken_on_one_thread(monkeypatch):
    """Two threads of one busy core wait for each other: 170 seconds instead of 8."""
    threads, eigenvalues = [], np.linalg.eigvalsh

    def spied(matrices):
        threads.extend(pool["num_threads"] for pool in threadpoolctl.threadpool_info())
        return eigenvalues(matrices)

    monkeypatch.setattr(np.linalg, "eigvalsh", spied)
    with threadpoolctl.threadpool_limits(2):
        distances(NOISE, FACTORS, repeats=2)
    assert set(threads) == {1}


# Tables that are no grid


def test_several_rows_of_one_combination():
    factors = np.repeat(FACTORS, 7, axis=0)
    codes = np.repeat(NOISE, 7, axis=0)
    assert distances(codes, factors) == pytest.approx(distances(NOISE, FACTORS), abs=0.03)


def test_a_random_part_of_a_grid():
    """Distances between random rows are those of the grid; those along holes are left out."""
    factors = grid(6, 6, 6, 6)
    codes = factors + np.random.default_rng(0).normal(size=factors.shape)
    rows = np.random.default_rng(1).choice(len(factors), 500, replace=False)
    whole = distances(codes, factors)
    with pytest.warns(UserWarning, match="Traversals hold 47% of a factor's values") as caught:
        part = distances(codes[rows], factors[rows])
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert list(part) == [*RANDOM, "coverage"]
    assert {k: part[k] for k in RANDOM} == pytest.approx({k: whole[k] for k in RANDOM}, abs=0.03)
    assert 0.4 < part["coverage"] < 0.6
    assert whole["coverage"] == 1


def test_most_of_a_grid_is_scored_along_its_whole_traversals():
    factors = grid(8, 8, 8, 8)
    codes = factors + np.random.default_rng(0).normal(size=factors.shape)
    kept = np.random.default_rng(1).random(len(factors)) < 0.8
    whole, part = distances(codes, factors), distances(codes[kept], factors[kept])
    assert part["coverage"] == 1  # of 512 traversals of a factor some 86 are whole
    assert part == pytest.approx(whole, abs=0.03)


def test_the_least_covered_factor_decides():
    """The first has two of three values beside each of the others, and these are all whole."""
    factors = grid(3, 10, 10)
    factors = factors[factors[:, 0] != factors[:, 1] % 3]
    with pytest.warns(UserWarning, match="Traversals hold 6[67]%"):
        scores = distances(factors.astype(float), factors)
    assert list(scores) == [*RANDOM, "coverage"]
    assert scores["coverage"] == pytest.approx(2 / 3, abs=0.01)


def along_all(codes, factors):
    """Codes along every traversal of each factor of a whole grid."""
    sizes = factors.max(axis=0) + 1
    table = codes.reshape(*sizes, -1)
    return [
        np.moveaxis(table, factor, -2).reshape(-1, size, codes.shape[1])
        for factor, size in enumerate(sizes)
    ]


def test_whole_traversals_stand_in_for_those_of_the_table():
    factors = grid(6, 5, 6, 7)
    codes = factors + np.random.default_rng(0).normal(size=factors.shape)
    whole = distances(codes, factors)
    some = np.random.default_rng(1).choice(len(factors), 300, replace=False)
    part = distances(codes[some], factors[some], traversals=along_all(codes, factors))
    assert list(part) == list(whole)
    assert part["coverage"] == 1
    assert part == pytest.approx(whole, abs=0.03)


def test_given_traversals_of_a_perfect_code_are_straight():
    factors = grid(4, 5, 1)
    codes = np.c_[3.0 * factors[:, 0], factors[:, 1]]
    with pytest.warns(UserWarning, match="Factor 2 is not scored"):
        scores = distances(codes[::3], factors[::3], traversals=along_all(codes, factors))
    for name in [*CORRELATIONS[4:], *SHAPES, "coverage"]:
        assert scores[name] == pytest.approx(1), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda given: given[:-1],
            r"3 arrays, one for each factor, of shape \(traversals, values, 4\)",
        ),
        (
            lambda given: [codes[..., 1:] for codes in given],
            r"Received: 3 of shapes \[\(\d+, \d, 3\)",
        ),
        (lambda given: [codes[0] for codes in given], "3 arrays, one for each factor"),
        (lambda given: [codes[:0] for codes in given], "3 arrays, one for each factor"),
        (lambda given: [codes * np.nan for codes in given], "Expected finite `codes`"),
    ],
)
def test_traversals_that_do_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        distances(NOISE, FACTORS, traversals=change(along_all(NOISE, FACTORS)))


def test_holes_keep_the_order_of_values():
    """A value missing beside each context: traversals are straight however far their steps."""
    factors = grid(20, 20)
    factors = factors[factors[:, 0] != factors[:, 1]]
    codes = np.c_[factors[:, 0] ** 2.0, factors[:, 1] ** 3.0]
    scores = distances(codes, factors)
    assert scores["flatness_l1"] == pytest.approx(1)
    assert scores["coverage"] == pytest.approx(19 / 20)


def test_a_factor_without_traversals_is_named():
    """The first two change together alone."""
    factors = np.c_[np.arange(6) // 3, np.arange(6) // 3, np.arange(6) % 3]
    with pytest.warns(UserWarning, match="is not scored: no two of its values") as caught:
        scores = distances(factors.astype(float), factors)
    assert [str(each.message)[:8] for each in caught] == ["Factor 0", "Factor 1"]
    assert caught[0].filename == __file__
    assert scores["coverage"] == 1
    assert scores["axis_ratio"] == pytest.approx(1)


def test_no_traversals_at_all_leaves_the_random_scores():
    factors = np.stack([np.arange(50), np.arange(50)], axis=1)
    with pytest.warns(UserWarning, match="is not scored: no two of its values") as caught:
        scores = distances(factors.astype(float), factors)
    assert len(caught) == 2
    assert list(scores) == RANDOM
    assert scores["distances"] == pytest.approx(1)


def test_factor_of_one_value_is_left_out():
    factors = np.insert(FACTORS, 1, 9, axis=1)
    with pytest.warns(UserWarning, match="Factor 1 is not scored: its only value is 9") as caught:
        scores = distances(NOISE, factors)
    assert caught[0].filename == __file__
    assert scores == distances(NOISE, FACTORS)


@pytest.mark.filterwarnings("ignore:Factor")
def test_nothing_to_score():
    with pytest.raises(ValueError, match="Expected a factor with at least two values"):
        distances(NOISE, np.ones_like(FACTORS))


def test_values_of_factors_are_numbered():
    assert distances(NOISE, FACTORS**2 * 1000 - 7) == distances(NOISE, FACTORS)


def test_a_hundred_latents_and_fewer_latents_than_factors():
    wide = np.random.default_rng(0).normal(size=(len(FACTORS), 100))
    for codes in (wide, wide[:, :2], wide[:, :1]):
        scores = distances(codes, FACTORS, repeats=50)
        assert np.isfinite(list(scores.values())).all()
        assert {type(value) for value in scores.values()} == {float}


@pytest.mark.filterwarnings("ignore:Factor")
def test_many_factors_do_not_overflow():
    factors = np.random.default_rng(0).integers(0, 1000, size=(40, 12))
    factors[:, 0] = 0
    factors = np.concatenate([factors, factors + np.eye(12, dtype=int)[0]])
    scores = distances(factors.astype(float), factors, repeats=50)
    assert scores["coverage"] == 1
    assert scores["axis_ratio"] == pytest.approx(1)


# Contract


def test_seed_alone_decides():
    state = np.random.get_state()[1].copy()
    first = distances(NOISE, FACTORS, seed=3)
    np.random.default_rng(0).normal(size=10)
    assert distances(NOISE, FACTORS, seed=3) == first
    assert distances(NOISE, FACTORS, seed=4) != first
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_inputs_are_not_written():
    codes, factors = NOISE.copy(), FACTORS.copy()
    codes.setflags(write=False)
    factors.setflags(write=False)
    distances(codes, factors)


@pytest.mark.parametrize(
    ("argument", "value"), [("repeats", 0), ("triplets", 1.5), ("rows", 1), ("rows", True)]
)
def test_bad_arguments(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}` must be an integer.*{argument}={value}"):
        distances(FACTORS, FACTORS, **{argument: value})


def test_bad_codes():
    codes = NOISE.copy()
    codes[7, 2] = np.nan
    with pytest.raises(ValueError, match="1 NaN or infinite values, the first in row 7, latent 2"):
        distances(codes, FACTORS)
