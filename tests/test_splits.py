"""Parts of datasets: random splits and combinations of factors that are held out."""

import itertools

import numpy as np
import pytest
from scipy import stats

import zoo
from zoo.datasets import Part, held_out, split

load = zoo.datasets.load


def numbered(n, **arguments):
    """n one-pixel images whose value is their index."""
    return load(np.arange(n, dtype="uint8").reshape(n, 1, 1, 1), **arguments)


@pytest.fixture(scope="module")
def shapes2d():
    return load("shapes2d")


# Views.


def test_part_is_a_view(shapes2d):
    indices = np.random.default_rng(0).choice(len(shapes2d), 500, replace=False)
    part = Part(shapes2d, indices)
    chosen = np.random.default_rng(1).integers(500, size=100)
    np.testing.assert_array_equal(part.images(chosen), shapes2d.images(indices[chosen]))
    np.testing.assert_array_equal(part.factors(chosen), shapes2d.factors(indices[chosen]))
    np.testing.assert_array_equal(part.index(shapes2d.factors(indices)), np.arange(500))
    for name in ("factor_names", "factor_sizes", "factor_values", "image_shape", "image_dtype"):
        assert getattr(part, name) is getattr(shapes2d, name)
    assert repr(part).startswith("<part of shapes2d: 500 images 64×64×1 float32; shape 3")


def test_batches_of_a_part_are_its_images_alone():
    part = Part(numbered(50), [3, 20, 40, 41])
    lines = np.stack([batch.numpy().ravel() for batch in part.batches(4, seed=1).take(20)])
    np.testing.assert_array_equal(np.sort(lines), np.tile([3, 20, 40, 41], (20, 1)))
    [resumed] = [batch.numpy().ravel() for batch in part.batches(4, seed=1, start_step=7).take(1)]
    np.testing.assert_array_equal(resumed, lines[7])


def test_part_of_a_part_and_of_repeated_factors():
    """Of several images with the same factors, the first that the part has."""
    data = numbered(6, factors=[0, 1, 0, 1, 0, 2])
    part = Part(data, [2, 3, 4])
    np.testing.assert_array_equal(part.index([[0], [1]]), [0, 1])
    inner = Part(part, [2, 1])
    assert inner.images([0, 1]).ravel().tolist() == [4, 3]
    assert inner.name == "part of part of arrays"
    with pytest.raises(ValueError, match=r"No image in this part of arrays .* {'factor_0': 2}"):
        part.index([[2]])


def test_part_without_factors():
    part = Part(numbered(5), [4, 2])
    assert part.images([0, 1]).ravel().tolist() == [4, 2]
    with pytest.raises(ValueError, match="has no factors"):
        part.factors([0])


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([], "must have images. Received: no indices"),
        ([1, 2, 1], "must have each image once"),
        ([5], "must be from 0 to 4, for 5 images. Received: 5"),
        ([0.5], "must be integers"),
    ],
)
def test_wrong_parts(indices, message):
    with pytest.raises(ValueError, match="must") as error:
        Part(numbered(5), indices)
    assert message in str(error.value)


def test_training_and_scoring_on_parts():
    rest, held = held_out("digits", digit=[3, 5])
    model = zoo.models.VAE(rest.image_shape, 3, likelihood="continuous_bernoulli", seed=0)
    model.compile()
    model.fit(rest.batches(16), steps_per_epoch=2, verbose=0)
    scores = zoo.evaluate(model, held, metrics=[], samples=100)
    assert np.isfinite(scores["elbo"])


# Random splits.


@pytest.mark.parametrize(
    "fractions", [(0.8, 0.2), (0.5,), (1,), (0.1,) * 10, (1 / 3, 1 / 3, 1 / 3)]
)
def test_split_shares_no_image(fractions):
    data = numbered(101)
    parts = split(data, *fractions, seed=3)
    chosen = [part.images(range(len(part))).ravel() for part in parts]
    together = np.concatenate(chosen)
    assert len(np.unique(together)) == len(together) == round(101 * sum(fractions))
    for part, fraction in zip(chosen, fractions, strict=True):
        assert abs(len(part) - 101 * fraction) < 1
        assert (np.diff(part.astype(int)) > 0).all()


def test_split_depends_on_its_seed_alone():
    data = numbered(100)
    first, again, other = (split(data, 0.5, seed=seed)[0].indices for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    state = np.random.get_state()[1].copy()
    split(data, 0.5)
    np.testing.assert_array_equal(state, np.random.get_state()[1])


def test_split_is_uniform():
    """All pairs of 6 images are equally frequent among seeds."""
    data = numbered(6)
    pairs = [tuple(split(data, 1 / 3, seed=seed)[0].indices) for seed in range(1500)]
    count = [pairs.count(pair) for pair in itertools.combinations(range(6), 2)]
    assert sum(count) == 1500
    assert stats.chisquare(count).pvalue > 1e-3


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ((), "Received: ()"),
        ((0.8, 0.3), "whose sum is at most 1"),
        ((0, 1), "Received: (0, 1)"),
        ((-0.5,), "numbers in (0, 1]"),
        (("0.5",), "numbers in (0, 1]"),
        ((float("nan"),), "numbers in (0, 1]"),
        ((0.9, 0.01), "The split of 0.01 of the 10 images of arrays is empty."),
    ],
)
def test_wrong_splits(fractions, message):
    with pytest.raises(ValueError, match=r"fractions|empty") as error:
        split(numbered(10), *fractions)
    assert message in str(error.value)


# Combinations held out.


def test_held_out_by_brute_force(shapes2d):
    rest, held = held_out(shapes2d, shape=2, x=range(16, 32))
    assert len(rest) + len(held) == len(shapes2d)
    assert len(held) == len(shapes2d) / 6
    table = held.factors(np.arange(len(held)))
    assert (table[:, 0] == 2).all()
    assert (table[:, 3] >= 16).all()
    table = rest.factors(np.arange(len(rest)))
    assert not ((table[:, 0] == 2) & (table[:, 3] >= 16)).any()
    # Each value of each factor is still seen in training, alone: only the combination is new.
    for column, size in enumerate(shapes2d.factor_sizes):
        assert len(np.unique(table[:, column])) == size


def test_held_out_of_a_table():
    data = numbered(5, factors=[[0, 0], [0, 1], [1, 0], [1, 1], [1, 1]], factor_names=["a", "b"])
    rest, held = held_out(data, a=1, b=[1])
    assert held.images(range(2)).ravel().tolist() == [3, 4]
    assert rest.images(range(3)).ravel().tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({}, "Expected factors that are held out, of digit. Received: none"),
        ({"digits": 1}, 'Unknown factor of digits "digits". Did you mean "digit"?'),
        ({"digit": 10}, "`digit` must be an integer from 0 to 9. Received: digit=10"),
        ({"digit": [0, -1]}, "Received: digit=-1"),
        ({"digit": 1.5}, "Received: digit=1.5"),
        ({"digit": "range(3)"}, "Received: digit='range(3)'"),
        ({"digit": range(10)}, "holds out every image"),
        ({"digit": []}, "holds out no image"),
    ],
)
def test_wrong_held_out(factors, message):
    with pytest.raises(ValueError, match=r"digit") as error:
        held_out("digits", **factors)
    assert message in str(error.value)


# As text.


def test_parts_as_text():
    whole = split("digits", 0.7, 0.3, seed=5)
    for number, expected in enumerate(whole):
        part = load(f"split('digits', 0.7, 0.3, seed=5)[{number}]")
        np.testing.assert_array_equal(part.indices, expected.indices)
    rest = load("held_out('digits', digit=[3, 4])[0]")
    assert set(rest.factors(range(len(rest)))[:, 0]) == {0, 1, 2, 5, 6, 7, 8, 9}
    nested = load("noisy(split(held_out(digits, digit=3)[0], 0.5)[0])")
    assert nested.name == "noisy(part of part of digits)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("split('digits', 0.5, 0.5)[2]", "There is no part 2 of 2 parts."),
        ("shapes2d()[0]", "There is no part 0 of one dataset."),
        ("split('digits', 0.5, 0.5)", "has 2 parts: write which"),
        ("split('digit', 0.5)[0]", 'Unknown dataset "digit". Did you mean "digits"'),
        ("split('digits', 0.5, sed=1)[0]", "unexpected keyword argument 'sed'"),
        ("split('digits', 0.5[0]", "Expected a name, or a call"),
    ],
)
def test_wrong_parts_as_text(text, message):
    with pytest.raises(ValueError, match=r"\S") as error:
        load(text)
    assert message in str(error.value)
