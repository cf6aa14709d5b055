"""Boosted trees from sorted codes against scikit-learn's, and against sums over every split."""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from zoo import metrics
from zoo.metrics._gradient_boosting import GradientBoosting, Node, in_units


def noisy(rows, classes, latents=4, seed=0):
    """Codes of which the first two say something of the class."""
    generator = np.random.default_rng(seed)
    numbers = generator.integers(classes, size=rows)
    codes = generator.normal(size=(rows, latents)).astype("float32").astype("float64")
    codes[:, 0] += numbers
    codes[:, 1] -= 0.3 * numbers
    return codes, numbers


def importances(codes, numbers, trees=5, depth=3, seed=0):
    return GradientBoosting(trees, depth, seed).fit(codes, numbers).feature_importances_


def published(codes, numbers, trees=5, depth=3, seed=0):
    model = GradientBoostingClassifier(n_estimators=trees, max_depth=depth, random_state=seed)
    return model.fit(codes, numbers)


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("depth", [1, 3])
def test_trees_are_those_of_scikit_learn(classes, depth):
    codes, numbers = noisy(3000, classes)
    ours = GradientBoosting(8, depth, 0).fit(codes, numbers)
    theirs = published(codes, numbers, 8, depth)
    # Nodes of a few rows tie: they weigh about a millionth.
    np.testing.assert_allclose(ours.feature_importances_, theirs.feature_importances_, atol=2e-6)
    others, _ = noisy(1000, classes, seed=1)
    np.testing.assert_array_equal(ours.predict(others), theirs.predict(others))


def test_where_splits_tie_it_is_as_far_from_scikit_learn_as_scikit_learn_from_itself():
    codes, numbers = noisy(600, 12)  # so few rows of a class that many splits set one of them apart
    ours = [importances(codes, numbers, seed=seed) for seed in range(4)]
    theirs = [published(codes, numbers, seed=seed).feature_importances_ for seed in range(4)]
    itself = max(np.abs(a - b).max() for a in theirs for b in theirs)
    assert np.abs(np.mean(ours, axis=0) - np.mean(theirs, axis=0)).max() < itself


def test_the_best_split_is_that_of_all_sums():
    generator = np.random.default_rng(3)
    codes, gradient = (
        generator.integers(4, size=(12, 3)).astype(float),
        generator.integers(-99, 99, 12),
    )

    def squared_error(rows):
        return np.sum((gradient[rows] - gradient[rows].mean()) ** 2) if rows.any() else 0.0

    everything = squared_error(np.ones(12, bool))
    gains = {
        (latent, value): everything
        - squared_error(codes[:, latent] <= value)
        - squared_error(codes[:, latent] > value)
        for latent in range(3)
        for value in range(3)
    }
    split = Node.of_all(codes).best_split(gradient, generator)
    assert split.gain == pytest.approx(max(gains.values()))
    assert (split.latent, np.floor(split.threshold)) == max(gains, key=gains.get)
    left, right = Node.of_all(codes).divide(split)
    goes_left = codes[:, split.latent] < split.threshold
    for node, rows in ((left, goes_left), (right, ~goes_left)):
        assert sorted(node.rows) == np.flatnonzero(rows).tolist()
        for latent in range(3):
            assert sorted(node.order[latent]) == sorted(node.rows)
            along = codes[node.order[latent], latent]
            np.testing.assert_array_equal(along, np.sort(codes[rows, latent]))
    for leaf, rows in zip(
        Node.of_all(codes).divide(split, leaves=True), (goes_left, ~goes_left), strict=True
    ):
        assert sorted(leaf.rows) == np.flatnonzero(rows).tolist()


@pytest.mark.parametrize("rows", [3, 1000, 100_000])
def test_units_are_as_fine_as_floating_point_and_do_not_overflow(rows):
    gradient = np.random.default_rng(0).uniform(-1, 1, rows)
    gradient[:2] = -1, 1
    units = in_units(gradient)
    one = units[1]
    assert one * rows < 2**62
    np.testing.assert_allclose(units / one, gradient, rtol=0, atol=2e-13)
    np.testing.assert_allclose(np.cumsum(units) / one, np.cumsum(gradient), rtol=1e-9, atol=1e-9)
    assert abs(int(in_units(np.ones(rows)).sum())) < 2**62


def test_a_leaf_takes_a_newton_step():
    codes, numbers = np.array([[0.0], [0.0], [0.0], [1.0]]), np.array([0, 0, 1, 1])
    model = GradientBoosting(1, 1, 0).fit(codes, numbers)
    # p = 1/2 at first: mean(y - p) / mean(p (1 - p)) is (1/3 - 1/2) / (1/4) on the left, 2 on the right.
    tree = model.rounds[0][0]
    np.testing.assert_allclose(tree.values(codes, depth=1), [-2 / 3, -2 / 3, -2 / 3, 2.0])


def test_equal_latents_share_what_they_tell():
    codes, numbers = noisy(400, 3)
    found = np.mean(
        [importances(codes[:, [0, 0, 3]], numbers, seed=seed) for seed in range(20)], axis=0
    )
    assert found[:2] == pytest.approx(found[:2].mean(), rel=0.1)
    assert found[2] < 0.2


def test_monotone_codes_and_tiny_codes_have_the_same_trees():
    codes, numbers = noisy(500, 4)
    expected = importances(codes, numbers)
    for changed in (np.exp(codes), 1e-30 * codes, 1e30 * codes):
        np.testing.assert_array_equal(importances(changed, numbers), expected)


def test_nothing_to_split():
    codes, numbers = np.zeros((6, 2)), np.array([0, 1, 2, 0, 1, 0])
    model = GradientBoosting(3, 3, 0).fit(codes, numbers)
    np.testing.assert_array_equal(model.feature_importances_, 0.0)
    np.testing.assert_array_equal(model.predict(codes), 0)


def test_names_of_classes_need_not_be_dense():
    codes, numbers = noisy(200, 3)
    model = GradientBoosting(2, 3, 0).fit(codes, 10 * numbers + 5)
    assert set(model.predict(codes)) <= {5, 15, 25}


def test_dci_is_that_of_scikit_learn():
    codes, numbers = noisy(3000, 4)
    factors = np.stack([numbers, numbers % 2], axis=1)
    fast, slow = (
        metrics.dci(codes, factors, trees=4, booster=booster)
        for booster in ("gradient_boosting", "scikit_learn")
    )
    assert fast == pytest.approx(slow, abs=1e-9)
