"""Pairs of images that differ in k factors, against counting and the exact distribution."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import zoo
from zoo.datasets import _pairs
from zoo.datasets.base import GridDataset


class Factors(GridDataset):
    """Images whose pixels are the factors, so that a pair shows what changed."""

    name = "factors"
    image_dtype = "uint8"

    def __init__(self, *sizes):
        self.factor_sizes = sizes
        self.factor_names = tuple(f"f{number}" for number in range(len(sizes)))
        self.image_shape = (1, len(sizes), 1)

    def draw(self, factors):
        return tf.cast(factors, tf.uint8)[:, None, :, None]


def take(data, batch_size, count=1, **arguments):
    """Factors of the first images, of the second ones and labels, each `(count * batch_size, factors)`."""
    batches = data.pairs(batch_size, labels=True, **arguments).take(count)
    first, second, changed = (np.concatenate(part) for part in zip(*batches, strict=True))
    return first[:, 0, :, 0].astype(int), second[:, 0, :, 0].astype(int), changed


def is_uniform(counts):
    return stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_exactly_k_factors_differ_and_the_labels_say_which(k):
    first, second, changed = take(Factors(2, 3, 5, 4), 500, k=k)
    np.testing.assert_array_equal(changed, first != second)
    np.testing.assert_array_equal(changed.sum(axis=1), k)


def test_every_pair_that_differs_in_k_factors_is_equally_likely():
    """All first images, subsets and new values: for sizes 2, 3, 4 and k = 2 counted by brute force."""
    sizes, k = (2, 3, 4), 2
    first, second, _ = take(Factors(*sizes), 10_000, 4, k=k)
    images = list(itertools.product(*map(range, sizes)))
    for subset in itertools.combinations(range(3), k):
        chosen = ((first != second) == np.isin(np.arange(3), subset)).all(axis=1)
        # A subset is as likely as any other, whatever the sizes of its factors.
        assert abs(chosen.sum() - 40_000 / 3) < 4 * np.sqrt(40_000 * 2 / 9)
        pairs = [
            (a, b)
            for a, b in itertools.product(images, images)
            if {j for j in range(3) if a[j] != b[j]} == set(subset)
        ]
        number = {pair: row for row, pair in enumerate(pairs)}
        seen = zip(map(tuple, first[chosen]), map(tuple, second[chosen]), strict=True)
        counts = np.bincount([number[pair] for pair in seen], minlength=len(pairs))
        assert is_uniform(counts)


def test_resampled_factors_may_stay():
    """The paper's: a chosen factor is drawn anew, so that one of s values stays with probability 1/s."""
    first, second, changed = take(Factors(2, 5), 20_000, change="resampled")
    assert (changed.sum(axis=1) == 1).all()
    assert not ((first != second) & ~changed).any()
    for factor, size in enumerate((2, 5)):
        mine = changed[:, factor]
        cells = np.ravel_multi_index((first[mine, factor], second[mine, factor]), (size, size))
        assert is_uniform(np.bincount(cells, minlength=size**2))


def simple_dynamics(first, sizes, k, random):
    """Second images as disentanglement_lib draws them, one by one, and which factors it chose."""
    second, chosen = first.copy(), np.zeros(first.shape, bool)
    for row, marks in zip(second, chosen, strict=True):
        observed = random.randint(1, len(sizes)) if k == "random" else k
        index_list = random.choice(len(sizes), random.choice([1, observed]), replace=False)
        for index in index_list:
            row[index] = random.choice(range(sizes[index]))
            marks[index] = True
    return second, chosen


@pytest.mark.parametrize("k", ["random", 1, 3])
def test_pairs_of_the_published_library(k):
    """How many factors are chosen, and how many then differ, as in its code drawn pair by pair."""
    sizes = (3, 2, 4, 5)
    first, second, chosen = take(Factors(*sizes), 10_000, k=k, change="disentanglement_lib")
    assert not ((first != second) & ~chosen).any()
    theirs, marks = simple_dynamics(first, sizes, k, np.random.RandomState(0))
    for mine, other in [(chosen, marks), (first != second, first != theirs)]:
        cells = [np.ravel_multi_index(table.T.astype(int), (2,) * 4) for table in (mine, other)]
        counts = np.stack([np.bincount(cell, minlength=16) for cell in cells])
        counts = counts[:, counts.sum(axis=0) > 0]
        assert counts.shape[1] == 1 or stats.chi2_contingency(counts).pvalue > 1e-3
    if k == 3:
        assert set(chosen.sum(axis=1)) == {1, 3}
        assert np.mean(chosen.sum(axis=1) == 1) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("k", "numbers"), [("random", [1, 2, 3]), ((2, 4), [2, 3, 4]), ([1, 1], [1])]
)
def test_random_k_is_uniform_in_its_range(k, numbers):
    _, _, changed = take(Factors(3, 3, 3, 3), 3000, k=k)
    values, counts = np.unique(changed.sum(axis=1), return_counts=True)
    assert values.tolist() == numbers
    assert len(numbers) == 1 or is_uniform(counts)


def test_a_factor_of_one_value_never_changes():
    first, second, changed = take(Factors(1, 2, 1, 2), 300, k=2)
    assert not changed[:, [0, 2]].any()
    assert changed[:, [1, 3]].all()
    assert (first != second)[:, [1, 3]].all()
    _, _, changed = take(Factors(1, 2), 300, k="random")
    np.testing.assert_array_equal(changed, [[False, True]] * 300)


def test_a_pair_batch_depends_on_seed_and_step_alone():
    data = Factors(4, 5, 6)
    straight = take(data, 7, 6, k=2, seed=3)
    resumed = take(data, 7, 2, k=2, seed=3, start_step=4)
    for whole, rest in zip(straight, resumed, strict=True):
        np.testing.assert_array_equal(whole[-14:], rest)
    tf.random.set_seed(123)
    np.testing.assert_array_equal(straight[0], take(data, 7, 6, k=2, seed=3)[0])
    assert (straight[0] != take(data, 7, 6, k=2, seed=4)[0]).any()
    assert (straight[0][:7] != straight[0][7:14]).any()


def test_large_seeds_and_steps_are_told_apart():
    data = Factors(50, 50)
    first = [
        take(data, 8, seed=seed, start_step=step)[0].tobytes()
        for seed, step in [(0, 0), (2**32, 0), (0, 2**32), (2**32, 2**32)]
    ]
    assert len(set(first)) == 4


@pytest.mark.parametrize("name", ["shapes2d", "xysquares"])
def test_pairs_are_the_images_of_their_factors(name):
    data = zoo.datasets.load(name)
    pairs = data.pairs(32, k=2, seed=5)
    spec = tf.TensorSpec((32, *data.image_shape), data.image_dtype)
    assert pairs.element_spec == (spec, spec)
    assert pairs.cardinality() == tf.data.INFINITE_CARDINALITY
    assert not pairs.options().autotune.enabled
    first, second = next(iter(pairs))
    drawn = _pairs.draw_pairs(32, data.factor_sizes, range(2, 3), "differ", (5, 0))
    for images, factors in zip((first, second), drawn[:2], strict=True):
        np.testing.assert_array_equal(images, data.images(data.index(factors.numpy())))


def test_images_in_any_order_have_pairs_where_they_are_a_whole_grid():
    sizes = (3, 4)
    table = np.random.default_rng(0).permutation(np.indices(sizes).reshape(2, -1).T)
    images = table.astype("uint8")[:, None, :, None]
    first, second, changed = take(zoo.datasets.load((images, table)), 200, k=1)
    np.testing.assert_array_equal(changed, first != second)
    assert len(np.unique(np.concatenate([first, second], axis=1), axis=0)) > 50


def test_datasets_that_are_no_grid_are_refused():
    images = np.zeros((6, 8, 8, 1), "float32")
    hole = np.array([[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 1]])
    for data in (images, (images, hole), "digits", (images[:5], hole[:5])):
        with pytest.raises(ValueError, match="one image for each combination of factors"):
            zoo.datasets.load(data).pairs(4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 4}, r"`k` must be an integer from 1 to 3.*Factors that can change: f0, f1, f3"),
        ({"k": 0}, "`k` must be an integer from 1 to 3"),
        ({"k": "two"}, "\"random\".*Received: k='two'"),
        ({"k": (1, 2, 3)}, r"Received: k=\(1, 2, 3\)"),
        ({"k": (1, 4)}, r"Received: k=\(1, 4\)"),
        ({"k": (2, 1)}, "least <= most"),
        ({"k": 1.5}, r"Received: k=1\.5"),
        ({"k": True}, "Received: k=True"),
        ({"change": "redrawn"}, 'Unknown change "redrawn"'),
        ({"batch_size": 0}, "`batch_size` must be an integer >= 1"),
        ({"seed": -1}, "`seed` must be an integer >= 0"),
        ({"start_step": -1}, "`start_step` must be an integer >= 0"),
    ],
)
def test_wrong_pairs_arguments(arguments, message):
    with pytest.raises(ValueError, match=message) as error:
        Factors(2, 3, 1, 4).pairs(**{"batch_size": 4, **arguments})
    assert "\n" not in str(error.value)


def test_without_a_factor_that_can_change_there_are_no_pairs():
    with pytest.raises(ValueError, match="a factor of two values or more"):
        Factors(1, 1).pairs(4)
