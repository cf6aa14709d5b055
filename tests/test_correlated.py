"""Datasets whose factors hang together in training: against the exact distribution, by χ²."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

import zoo
from zoo.datasets import Correlated, _correlated_pairs, _correlations, _pairs
from zoo.datasets.base import GridDataset
from zoo.runs._fingerprint import fingerprint
from zoo.utils import registry


class Factors(GridDataset):
    """Images whose pixels are the factors."""

    name = "factors"
    image_dtype = "uint8"

    def __init__(self, *sizes):
        self.factor_sizes = sizes
        self.factor_names = tuple("abcdef"[: len(sizes)])
        self.image_shape = (1, len(sizes), 1)

    def draw(self, factors):
        return tf.cast(factors, tf.uint8)[:, None, :, None]


def exact(sizes, weight):
    """p of each combination of levels scaled to [0, 1], by a loop over the definition."""
    p = np.zeros(sizes)
    for levels in itertools.product(*map(range, sizes)):
        p[levels] = weight(*(level / (size - 1) for level, size in zip(levels, sizes, strict=True)))
    return p / p.sum()


def bell(one, other, sigma):
    return np.exp(-((one - other) ** 2) / (2 * sigma**2))


def drawn(data, count, batch_size=2000, **arguments):
    batches = data.batches(batch_size, **arguments).take(count)
    return np.concatenate(list(batches))[:, 0, :, 0].astype(int)


def follows(rows, p):
    """χ² of rows of levels against p; rare combinations together."""
    counts = np.zeros(p.shape)
    np.add.at(counts, tuple(rows.T), 1)
    assert not counts[p == 0].any()
    rare = p * len(rows) < 5
    seen = [*counts[~rare], *([counts[rare].sum()] if p[rare].sum() * len(rows) > 1 else [])]
    expected = [*p[~rare], *([p[rare].sum()] if p[rare].sum() * len(rows) > 1 else [])]
    expected = np.array(expected) / np.sum(expected) * np.sum(seen)
    return stats.chisquare(seen, expected).pvalue > 1e-3


SIZES = (3, 6, 5)
CASES = {
    "strong": ("a:b", 0.2, lambda a, b, c: bell(a, b, 0.2)),
    "medium": ("b:c", 0.4, lambda a, b, c: bell(b, c, 0.4)),
    "weak, named the other way round": ("c:a", 0.7, lambda a, b, c: bell(a, c, 0.7)),
    "falling": ("a:-b", 0.2, lambda a, b, c: bell(a, 1 - b, 0.2)),
    "two ties": (
        ["a:b", "b:-c"],
        [0.2, 0.4],
        lambda a, b, c: bell(a, b, 0.2) * bell(b, 1 - c, 0.4),
    ),
    "an observed confounder": ("b:*", 0.2, lambda a, b, c: bell(b, a, 0.2) * bell(b, c, 0.2)),
    "an observed confounder of what falls": (
        "b:-*",
        0.4,
        lambda a, b, c: bell(b, 1 - a, 0.4) * bell(b, 1 - c, 0.4),
    ),
    "a hidden confounder": (
        "a+b+c",
        0.3,
        lambda *f: integrate.quad(lambda h: np.prod([bell(x, h, 0.3) for x in f]), 0, 1)[0],
    ),
}
every_case = pytest.mark.parametrize("case", CASES)


@every_case
def test_batches_follow_the_exact_distribution(case):
    ties, strength, weight = CASES[case]
    data, p = Correlated(Factors(*SIZES), ties, strength), exact(SIZES, weight)
    np.testing.assert_allclose(data.probabilities().reshape(SIZES), p, rtol=1e-4, atol=1e-12)
    rows = drawn(data, 10, seed=1)
    assert follows(rows, p)
    assert not follows(drawn(Factors(*SIZES), 10), p)


@every_case
@pytest.mark.parametrize("change", ["differ", "resampled"])
def test_pairs_follow_it_given_what_stays(case, change):
    ties, strength, weight = CASES[case]
    data, p = Correlated(Factors(*SIZES), ties, strength), exact(SIZES, weight)
    batches = data.pairs(2000, k=(1, 2), change=change, labels=True, seed=2).take(4)
    first, second, changed = (np.concatenate(part) for part in zip(*batches, strict=True))
    first, second = first[:, 0, :, 0].astype(int), second[:, 0, :, 0].astype(int)
    assert follows(first, p)
    np.testing.assert_array_equal(second[~changed], first[~changed])
    if change == "differ":
        np.testing.assert_array_equal(changed, first != second)
    # All second images that the first one and the choice allow, by enumeration: each has its exact probability.
    expected = np.zeros(SIZES)
    for start, moves in zip(first, changed, strict=True):
        allowed = [
            [v for v in range(size) if (v != s if change == "differ" else True)] if moving else [s]
            for size, s, moving in zip(SIZES, start, moves, strict=True)
        ]
        cells = np.ix_(*allowed)
        expected[cells] += p[cells] / p[cells].sum()
    assert follows(second, expected / expected.sum())


def test_the_other_factors_stay_independent():
    rows = drawn(Correlated(Factors(4, 4, 4), "a:b", 0.1), 10)
    assert stats.chi2_contingency(np.histogram2d(rows[:, 0], rows[:, 2], 4)[0]).pvalue > 1e-3
    assert follows(rows[:, 2:], np.full(4, 0.25))
    assert np.corrcoef(rows[:, 0], rows[:, 1])[0, 1] > 0.9


def test_batches_and_pairs_resume_exactly():
    data = Correlated(Factors(4, 5, 3), "a:b", 0.3)
    whole = drawn(data, 6, 7, seed=3)
    np.testing.assert_array_equal(drawn(data, 2, 7, seed=3, start_step=4), whole[-14:])
    tf.random.set_seed(5)
    np.testing.assert_array_equal(drawn(data, 6, 7, seed=3), whole)
    assert (drawn(data, 6, 7, seed=4) != whole).any()
    pairs = [np.stack(pair) for pair in data.pairs(7, k=2, seed=3).take(5)]
    resumed = next(iter(data.pairs(7, k=2, seed=3, start_step=4)))
    np.testing.assert_array_equal(np.stack(resumed), pairs[4])
    assert (pairs[3] != pairs[4]).any()


def test_evaluation_stays_on_the_full_grid():
    plain = zoo.datasets.load("xysquares(spacing=2)")
    data = zoo.datasets.load("correlated(xysquares(spacing=2), 'x_R:y_B', 0.2)")
    assert data.facts == plain.facts
    assert data.name == "correlated(xysquares)"
    assert data.is_grid()
    indices = np.random.default_rng(0).integers(len(data), size=20)
    np.testing.assert_array_equal(data.factors(indices), plain.factors(indices))
    np.testing.assert_array_equal(data.index(data.factors(indices)), indices)
    np.testing.assert_array_equal(data.images(indices), plain.images(indices))
    np.testing.assert_array_equal(data.traversals([7], 2), plain.traversals([7], 2))


def test_parts_and_variants_draw_by_it_as_well():
    data = Correlated(Factors(6, 6), "a:b", 0.1)
    p = exact((6, 6), lambda a, b: bell(a, b, 0.1))
    part, _ = zoo.datasets.held_out(data, a=0)
    assert follows(drawn(part, 10), np.where(np.arange(6)[:, None] > 0, p, 0) / p[1:].sum())
    half, _ = zoo.datasets.split(data, 0.5, 0.5, seed=1)
    kept = np.zeros((6, 6))
    kept[tuple(half.factors(range(len(half))).T)] = 1
    assert follows(drawn(half, 10), kept * p / (kept * p).sum())
    noisy = zoo.datasets.Noisy(data, strength=0.0)
    batches = np.concatenate(list(noisy.batches(2000).take(5)))[:, 0, :, 0]
    assert follows(np.round(batches * 255).astype(int), p)


def test_ties_of_ties_multiply():
    inner = Correlated(Factors(4, 4, 3), "a:b", 0.3)
    both = Correlated(Factors(4, 4, 3), ["a:b", "b:c"], [0.3, 0.2])
    nested = Correlated(inner, "b:c", 0.2)
    np.testing.assert_allclose(nested.probabilities(), both.probabilities(), rtol=1e-12)


def test_values_too_improbable_for_a_float_are_still_drawn_where_nothing_else_is_left():
    data = Correlated(Factors(2, 2), "a:b", 0.01)
    first, second = next(iter(data.pairs(200, k=1)))
    assert (first[:, 0, 0] == first[:, 0, 1]).numpy().all()
    assert (second[:, 0, 0] != second[:, 0, 1]).numpy().all()


def test_images_of_arrays_keep_their_fingerprint():
    images = np.random.default_rng(0).integers(256, size=(6, 4, 4, 1), dtype="uint8")
    plain = zoo.datasets.load((images, np.indices((2, 3)).reshape(2, -1).T))
    one, other = plain.factor_names
    data = Correlated(plain, f"{one}:{other}", 0.5)
    assert fingerprint(data) == fingerprint(plain) is not None
    assert (
        len({image.tobytes() for image in data.batches(100).take(1).unbatch().as_numpy_iterator()})
        == 6
    )


def test_a_model_is_trained_and_scored_on_correlated_factors(tmp_path):
    text = "correlated(xysinglesquare(spacing=2, positions=4, square=2, side=8), 'x:y', 0.2)"
    how = {"batch_size": 4, "seed": 1, "show_progress": False, "metrics": ["mig"]}
    run = zoo.train("vae", text, steps=4, out=tmp_path / "whole", **how)
    assert run.scores["mig"] >= 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ties": "a:z"}, 'Unknown factor of factors "z".*In the tie'),
        ({"ties": "a"}, "A tie is a text such as 'scale:x'.*Received: 'a'"),
        ({"ties": "a:b:c"}, "A tie is a text"),
        ({"ties": [3]}, "A tie is a text.*Received: 3"),
        ({"ties": []}, "Expected ties such as"),
        ({"ties": 3}, "Expected ties such as.*Received: ties=3"),
        ({"ties": None}, "Expected ties such as.*Received: ties=None"),
        ({"ties": {"a:b": 0.4}}, "Expected ties such as.*Received: ties={'a:b': 0.4}"),
        ({"ties": "a:a"}, "two different factors. Received: 'a:a'"),
        ({"ties": "a+b+a"}, "Expected different factors"),
        ({"ties": "a:d"}, 'Factor "d" has a single value'),
        (
            {"ties": "a:b", "strength": 0},
            "`strength` must be a number above 0, from .* Received: strength=0",
        ),
        ({"ties": "a:b", "strength": float("nan")}, "strength=nan"),
        (
            {"ties": "a:b", "strength": "a"},
            "`strength` must be a number, or one for each of 1 ties",
        ),
        ({"ties": ["a:b", "b:c"], "strength": [0.1]}, "one for each of 2 ties"),
        ({"ties": ["a:b", "b:c"], "strength": [0.1, [0.2]]}, r"strength=\[0.2\]"),
        ({"ties": "a:b", "strength": 1e-200}, "from 1e-06 to 1e\\+06. Received: strength=1e-200"),
        ({"ties": "a+b", "strength": 1e300}, "from 1e-06 to 1e\\+06. Received: strength=1e\\+300"),
    ],
)
def test_wrong_ties_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Correlated(Factors(3, 4, 5, 1), **arguments)


@pytest.mark.parametrize("ties", ["a:b", "a:-b", "a+b+c", "a:*"])
@pytest.mark.parametrize("strength", [1e-6, 1e-3, 1e3, 1e6])
def test_ties_of_any_strength_are_probabilities(ties, strength):
    p = Correlated(Factors(3, 5, 2), ties, strength).probabilities()
    assert p.sum() == pytest.approx(1)
    if strength < 1:  # only what is nearest is left
        assert p.max() > 1 / 10
    else:
        np.testing.assert_allclose(p, 1 / 30, rtol=1e-5)


@pytest.mark.parametrize("sigma", [0.003, 0.1, 0.7, 30.0])
@pytest.mark.parametrize("sizes", [(2, 5), (3, 4, 6)])
def test_a_hidden_cause_is_integrated_out(sizes, sigma):
    found = _correlations.of_hidden_cause(sizes, range(len(sizes)), sigma).logs
    for levels in itertools.product(*map(range, sizes)):
        f = np.array([level / (size - 1) for level, size in zip(levels, sizes, strict=True)])
        nearest = np.clip(f.mean(), 0, 1)
        largest = -((f - nearest) ** 2).sum() / (2 * sigma**2)

        def of(c, f=f, largest=largest):
            return np.exp(-((f - c) ** 2).sum() / (2 * sigma**2) - largest)

        near = [np.clip(nearest + sign * 8 * sigma, 0, 1) for sign in (-1, 1)]
        expected = largest + np.log(integrate.quad(of, *near)[0])
        assert found[levels] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_a_hidden_cause_of_all_factors_needs_no_more_memory_than_their_combinations():
    data = Correlated("shapes2d", "shape+scale+orientation+x+y", 0.3)
    [tie] = data.correlations
    assert tie.logs.shape == data.factor_sizes
    ends = integrate.quad(lambda c: np.prod([bell(f, c, 0.3) for f in (0, 1, 0, 1, 0)]), 0, 1)[0]
    assert tie.logs[0, -1, 0, -1, 0] == pytest.approx(np.log(ends), abs=1e-6)


def test_images_without_factors_have_no_ties():
    with pytest.raises(ValueError, match=r'a dataset with factors\. Received: "arrays"'):
        Correlated(np.zeros((4, 8, 8, 1), "uint8"), "a:b")


def test_lists_of_ties_and_strengths_may_be_arrays():
    one, other = (
        Correlated(Factors(3, 4, 5), make(["a:b", "b:c"]), make([0.2, 0.4]))
        for make in (list, np.array)
    )
    np.testing.assert_array_equal(one.probabilities(), other.probabilities())


def test_joined_correlations_have_no_factor_in_common():
    sizes = (2, 3, 4, 5, 2)
    pairs = [(0, 1), (2, 3), (1, 4)]
    ties = [_correlations.of_two(sizes, *pair, 0.3, True) for pair in pairs]
    parts = _correlations.joined(ties)
    assert sorted(part.columns for part in parts) == [(0, 1, 4), (2, 3)]
    everything = np.indices(sizes).reshape(5, -1).T
    np.testing.assert_allclose(
        _correlations.weights(everything, ties),
        _correlations.weights(everything, parts),
        rtol=1e-12,
    )


@pytest.mark.parametrize(
    ("case", "model"),
    [
        ("two ties", "factor_vae"),
        ("an observed confounder", "vae"),
        ("a hidden confounder", "vae"),
    ],
)
def test_a_portable_job_draws_the_images_of_batches(case, model):
    from zoo.runs.portable import batches

    ties, strength, weight = CASES[case]
    data = Correlated(Factors(*SIZES), ties, strength)
    made = registry.get("models", model)((8, 8, 1), seed=0)
    needs = batches.needs_of(made, data, 500, seed=1)
    assert needs.offsets == []
    images = tf.function(lambda t: needs.images(t, []), autograph=False, jit_compile=True)
    found = [tf.nest.flatten(images(tf.constant(t, tf.int64))) for t in range(8)]
    stream = made.training_batches(made.stream(data, 500, seed=1))
    for each, expected in zip(found, stream.take(8), strict=True):
        for leaf, other in zip(each, tf.nest.flatten(expected), strict=True):
            np.testing.assert_array_equal(leaf, other)
    rows = np.concatenate([each[0] for each in found])[:, 0, :, 0].astype(int)
    assert follows(rows, exact(SIZES, weight))


@pytest.mark.parametrize(
    ("case", "at_once", "how"),
    [
        ("two ties", 2**22, {"k": (1, 3), "change": "resampled"}),
        ("a hidden confounder", 60, {"k": 2}),
    ],
)
def test_a_portable_job_draws_the_pairs_of_the_dataset(case, at_once, how, monkeypatch):
    """All pairs at once, and in groups, as of large tables."""
    monkeypatch.setattr(_correlated_pairs, "AT_ONCE", at_once)
    ties, strength, _ = CASES[case]
    data = Correlated(Factors(*SIZES), ties, strength)
    pairs = _pairs.drawn(data, 200, **how, labels=True, seed=5, compiled=True)
    pairs = tf.function(pairs, autograph=False, jit_compile=True)
    for number, expected in enumerate(data.pairs(200, **how, labels=True, seed=5).take(3)):
        for found, other in zip(pairs(tf.constant(number, tf.int64)), expected, strict=True):
            np.testing.assert_array_equal(found, other)


def test_compiled_pairs_take_improbable_values_where_nothing_else_is_left():
    data = Correlated(Factors(2, 2), "a:b", 0.01)
    first, second = _pairs.drawn(data, 200, compiled=True)(tf.constant(0, tf.int64))
    assert (second[:, 0, 0] != second[:, 0, 1]).numpy().all()
    assert (first[:, 0, 0] == first[:, 0, 1]).numpy().all()
