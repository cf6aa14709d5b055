"""Perceived distance: published numbers, brute force on a small grid, and any loss of the zoo."""

import numpy as np
import pytest
from scipy import stats

from zoo import datasets, likelihoods, models
from zoo.measure import perceived_distance
from zoo.measure.perceived_distance import Distances, image_distance, perceived_distances
from zoo.utils import registry

SHAPE = (8, 8, 1)

# Published correlations of ground-truth with pixel distance along a factor, spacing 8, 7, ... 1.
PEARSON = [0.52, 0.60, 0.67, 0.72, 0.75, 0.86, 0.94, 1.00]
SPEARMAN = [0.58, 0.85, 0.85, 0.85, 0.85, 0.95, 0.99, 1.00]
# Published mean squared error of two different images of a traversal of 2D Shapes.
SHAPES2D = {
    "shape": 0.0214,
    "scale": 0.0250,
    "orientation": 0.0172,
    "x": 0.0559,
    "y": 0.0584,
    "random": 0.0754,
}


@pytest.fixture(scope="module")
def grid():
    """12 random images, one for each combination of factors of 4 and 3 values."""
    factors = np.indices((4, 3)).reshape(2, -1).T
    images = np.random.default_rng(0).random((12, *SHAPE)).astype("float32")
    return datasets.load((images, factors), factor_names=["a", "b"])


@pytest.fixture(scope="module")
def model():
    return models.VAE(SHAPE, 3, likelihood="continuous_bernoulli", seed=0)


@pytest.mark.parametrize("spacing", range(1, 9))
def test_published_correlations_of_xysquares(spacing):
    found = perceived_distances(f"xysquares(spacing={spacing})", traversals=1, seed=spacing)
    for name in ("x_R", "y_B"):
        pearson, spearman = found[name].correlations()["ground_truth", "data"]
        assert round(pearson, 2) == PEARSON[8 - spacing]
        assert round(spearman, 2) == SPEARMAN[8 - spacing]
    steps = np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    expected = 16 * np.minimum(8, steps * spacing) / 12288
    np.testing.assert_allclose(found["y_R"].matrices()["data"], expected, rtol=1e-5)


@pytest.mark.parametrize("loss", ["gaussian(scale=0.3", "laplace(scale=0.3"])
def test_losses_pixel_by_pixel_see_xysquares_alike(loss):
    """Squares that do not overlap are equally far apart, also where float32 rounds a loss of thousands of nats."""
    found = perceived_distances("xysquares", distance=loss + ", activation='linear')", traversals=2)
    pearson, spearman = found["x_G"].correlations()["ground_truth", "data"]
    assert round(pearson, 2) == PEARSON[0]
    assert round(spearman, 2) == SPEARMAN[0]


def test_a_blurred_loss_sees_the_order_of_xysquares():
    found = perceived_distances(
        "xysquares", distance="filtered_gaussian(activation='linear')", traversals=2
    )
    assert min(found["y_R"].correlations()["ground_truth", "data"]) > 0.95


def test_published_distances_of_shapes2d():
    found = perceived_distances("shapes2d", traversals=24, seed=1)
    for name, published in SHAPES2D.items():
        estimate = found[name].mean()["data"]
        assert abs(estimate.value - published) < 3 * estimate.standard_error + 0.0005, (
            name,
            estimate,
        )
        assert estimate.standard_error < 0.1 * published
    means = {name: one.mean()["data"].value for name, one in found.items()}
    small, large = ("shape", "scale", "orientation"), ("x", "y")
    assert max(means[n] for n in small) < min(means[n] for n in large) < means["random"]


def test_matrices_agree_with_brute_force(grid, model):
    found = perceived_distances(grid, model, traversals=60, seed=3)
    images = grid.images(np.arange(12))
    codes, outputs = model.encode(images).mean().numpy(), model(images).numpy()
    # Every traversal of "a" occurs; the average over many is that over its three contexts.
    by_context = {"data": [], "latent": [], "reconstruction": []}
    for b in range(3):
        line = np.arange(4) * 3 + b
        by_context["data"].append(pairwise(images[line], lambda x, y: np.mean((x - y) ** 2)))
        by_context["latent"].append(pairwise(codes[line], lambda x, y: np.abs(x - y).sum()))
        by_context["reconstruction"].append(
            pairwise(outputs[line], lambda x, y: np.mean((x - y) ** 2))
        )
    matrices = found["a"].matrices()
    steps = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    np.testing.assert_array_equal(matrices["ground_truth"], steps)
    for name, contexts in by_context.items():
        each = getattr(found["a"], name)
        assert each.shape == (60, 4, 4)
        near = [np.abs(each - context).max(axis=(1, 2)) for context in contexts]
        assert np.min(near, axis=0).max() < 1e-4 * np.max(contexts)
        share = [np.mean(n < 1e-4 * np.max(contexts)) for n in near]
        np.testing.assert_allclose(share, 1 / 3, atol=0.2)
        np.testing.assert_allclose(matrices[name], each.mean(axis=0))


def pairwise(rows, function):
    return np.array([[function(x, y) for y in rows] for x in rows])


def test_random_images_are_compared_over_all_factors(grid):
    found = perceived_distances(grid, traversals=30)["random"]
    assert found.ground_truth.shape == found.data.shape == (30, 32, 32)
    assert found.latent is None
    assert found.reconstruction is None
    # Two independent values of 4 differ by 5/4 on average, of 3 by 8/9.
    estimate = found.mean()["ground_truth"]
    assert abs(estimate.value - (5 / 4 + 8 / 9)) < 4 * estimate.standard_error
    assert set(found.matrices()) == {"ground_truth", "data"}


def test_means_and_correlations_by_hand():
    ground = np.array([[[0.0, 1.0], [1.0, 0.0]], [[0.0, 3.0], [3.0, 0.0]]])
    data = np.array([[[0.0, 4.0], [2.0, 0.0]], [[0.0, 5.0], [5.0, 0.0]]])
    found = Distances(ground, data, np.zeros_like(data), None)
    assert found.mean()["data"].value == 4
    assert found.mean()["data"].standard_error == pytest.approx(1)  # means 3 and 5
    pearson, spearman = found.correlations()["ground_truth", "data"]
    assert pearson == pytest.approx(stats.pearsonr(ground.ravel(), data.ravel())[0])
    assert spearman == pytest.approx(stats.spearmanr(ground.ravel(), data.ravel())[0])
    assert found.correlations()["data", "latent"] == (0.0, 0.0)
    assert list(found.correlations()) == [
        ("ground_truth", "data"),
        ("ground_truth", "latent"),
        ("data", "latent"),
    ]


def test_one_traversal_has_no_standard_error(grid):
    assert perceived_distances(grid, traversals=1)["a"].mean()["data"].standard_error == float(
        "inf"
    )


def test_seed_decides(grid):
    first, again, other = (perceived_distances(grid, traversals=5, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first["random"].data, again["random"].data)
    assert (first["random"].data != other["random"].data).any()


# Losses


A = np.random.default_rng(1).random((5, *SHAPE)).astype("float32")
B = np.random.default_rng(2).random((5, *SHAPE)).astype("float32")
SQUARED = np.sum((A - B) ** 2, axis=(1, 2, 3))


def test_errors():
    np.testing.assert_allclose(image_distance("mse")(A, B), SQUARED / 64, rtol=1e-5)
    absolute = np.abs(A - B).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(image_distance("mae")(A, B), absolute / 64, rtol=1e-5)


@pytest.mark.parametrize("scale", [0.1, 2.0])
def test_a_likelihoods_loss(scale):
    """A normal likelihood's loss rises by the squared error over 2 scale^2."""
    measure = image_distance(f'gaussian(scale={scale}, activation="linear")')
    np.testing.assert_allclose(measure(A, B), SQUARED / (2 * scale**2), rtol=1e-3)
    np.testing.assert_allclose(measure(A, A), 0, atol=1e-3)


@pytest.mark.parametrize("name", ["gaussian", "laplace", "filtered_gaussian"])
def test_a_name_takes_images_as_the_mean(name):
    linear = image_distance(f'{name}(activation="linear")')
    pairs = ((A, B), (np.round(A), np.round(B)))  # 0 and 1, which no sigmoid reaches
    for a, b in pairs:
        np.testing.assert_allclose(image_distance(name)(a, b), linear(a, b), rtol=1e-3, atol=0.01)
    per_nat = {"gaussian": SQUARED / 0.02, "laplace": np.abs(A - B).sum(axis=(1, 2, 3)) / 0.1}
    if name in per_nat:
        np.testing.assert_allclose(image_distance(name)(A, B), per_nat[name], rtol=1e-3)


def test_a_learned_scale_is_heeded():
    likelihood = likelihoods.get('gaussian(scale="learned")')
    likelihood.log_scale.assign(0.0)
    scale = 1 + np.exp(-6)
    found = image_distance(likelihood)(A, B)
    np.testing.assert_allclose(found, SQUARED / (2 * scale**2), rtol=1e-3)


def test_bernoulli_is_the_divergence_of_its_means():
    a, b = (images.clip(0.01, 0.99).astype(float) for images in (A, B))
    expected = (b * np.log(b / a) + (1 - b) * np.log((1 - b) / (1 - a))).sum(axis=(1, 2, 3))
    found = image_distance("bernoulli")(a.astype("float32"), b.astype("float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    # A pixel that is wrong altogether costs the log odds of half a level of bytes.
    a, b = np.round(A), np.round(B)
    np.testing.assert_allclose(
        image_distance("bernoulli")(a, b), np.sum(a != b, axis=(1, 2, 3)) * np.log(509), rtol=1e-3
    )


def test_continuous_bernoulli_is_the_divergence_of_its_means():
    def log_prob(x, logit):
        return x * logit - np.log(np.expm1(logit) / logit)

    logits = np.random.default_rng(0).uniform(-30, 30, size=(2, 5, *SHAPE))
    a, b = 1 / -np.expm1(-logits) - 1 / logits
    expected = (log_prob(b, logits[1]) - log_prob(b, logits[0])).sum(axis=(1, 2, 3))
    found = image_distance("continuous_bernoulli")(a.astype("float32"), b.astype("float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_means_are_inverted():
    means = np.r_[np.linspace(1 / 510, 1 - 1 / 510, 2001), 0.5, 0.5 + 1e-6]
    for name in ("bernoulli", "continuous_bernoulli"):
        outputs = perceived_distance.LOSSES[name](means)[None, :, None, None]
        back = likelihoods.get(name)(outputs.astype("float32")).mean().numpy().ravel()
        np.testing.assert_allclose(back, means, atol=1e-6)
        assert np.isfinite(perceived_distance.LOSSES[name](np.array([0.0, 1.0]))).all()


@pytest.mark.parametrize("name", perceived_distance.LOSSES)
def test_losses_are_distances(name):
    """Of an image to itself 0, to others more, whether grey, black or white."""
    measure = image_distance(name)
    for a, b in ((A, B), (np.round(A), np.round(B)), (A, np.round(B))):
        assert (measure(a, b) > 0).all()
        np.testing.assert_allclose(measure(b, b), 0, atol=1e-3)


@pytest.mark.parametrize(
    ("distance", "reason"),
    [
        ("beta", "Beta, which takes 2 decoder outputs for each value"),
        ("categorical", "Categorical, which takes 256 decoder outputs"),
        ("discretized_logistic", "DiscretizedLogistic, which takes 2 decoder outputs"),
        ("discretized_logistic_mixture", "takes 15 decoder outputs"),
        ("gaussian(scale='per_pixel')", "Gaussian, which takes 2 decoder outputs"),
        ("laplace(scale='optimal')", "Laplace, which takes its scale from the batch"),
    ],
)
def test_likelihoods_that_a_mean_does_not_define(distance, reason):
    with pytest.raises(ValueError, match=f"{reason}.*one of: mse, mae, l1, l2, bernoulli, cont"):
        image_distance(distance)


def test_every_likelihood_works_or_is_refused_with_a_reason():
    for name in registry.names("likelihoods"):
        if name in perceived_distance.LOSSES:
            assert np.isfinite(image_distance(name)(A, B)).all()
        else:
            with pytest.raises(ValueError, match="that its mean alone defines"):
                image_distance(name)


def test_a_likelihood_of_ones_own():
    class Squared(likelihoods.Likelihood):
        def call(self, decoder_outputs):
            return likelihoods.get('gaussian(scale=1, activation="linear")')(
                decoder_outputs + self.shift
            )

    likelihood = Squared()
    likelihood.shift = 0.0
    np.testing.assert_allclose(image_distance(likelihood)(A, B), SQUARED / 2, rtol=1e-3)
    likelihood.shift = 0.1
    with pytest.raises(ValueError, match=r"outputs as its mean\. Received: Squared"):
        image_distance(likelihood)(A, B)


def test_norms():
    np.testing.assert_allclose(
        image_distance("l1")(A, B), 64 * image_distance("mae")(A, B), rtol=1e-5
    )
    np.testing.assert_allclose(image_distance("l2")(A, B), np.sqrt(SQUARED), rtol=1e-5)


@pytest.mark.parametrize(
    ("function", "came"),
    [
        (lambda a, b: np.mean((a - b) ** 2), r"shape \(\), dtype float32"),
        (lambda a, b: (a - b) ** 2, r"shape \(\d+, 8, 8, 1\)"),
        (lambda a, b: ["near"] * len(a), "dtype <U4"),
    ],
)
def test_a_function_that_gives_no_distances(grid, function, came):
    with pytest.raises(ValueError, match=rf"a number for each pair.*{came}.*axis=\(1, 2, 3\)"):
        perceived_distances(grid, distance=function)


def test_a_function_of_ones_own(grid):
    found = perceived_distances(grid, distance=lambda a, b: np.abs(a - b).max(axis=(1, 2, 3)))
    images = grid.images(np.arange(12))
    assert found["random"].data.max() == pytest.approx(
        pairwise(images, lambda x, y: np.abs(x - y).max()).max()
    )


def test_many_pairs_are_compared_in_parts(grid):
    sizes = []

    def watched(a, b):
        sizes.append(len(a))
        return perceived_distance.mean_squared_error(a, b)

    found = perceived_distances(grid, traversals=1, distance=watched)
    assert max(sizes) <= 256
    expected = perceived_distances(grid, traversals=1)["random"].data
    np.testing.assert_array_equal(found["random"].data, expected)


def test_bytes_are_scaled(grid):
    images = np.round(grid.images(np.arange(12)) * 255).astype("uint8")
    factors = grid.factors(np.arange(12))
    found = perceived_distances((images, factors), traversals=3)
    floats = perceived_distances((images / np.float32(255), factors), traversals=3)
    np.testing.assert_allclose(found["random"].data, floats["random"].data, rtol=1e-5)


def test_what_is_refused(grid, digits, model):
    with pytest.raises(ValueError, match="Expected a dataset with factors"):
        perceived_distances(digits)
    with pytest.raises(ValueError, match=r"images of shape \(8, 8, 1\)"):
        perceived_distances("xysquares", model)
    with pytest.raises(ValueError, match="`traversals` must be an integer >= 1"):
        perceived_distances(grid, traversals=0)
    with pytest.raises(ValueError, match=r'Unknown distance "msee". Did you mean "mse"'):
        perceived_distances(grid, distance="msee")
    with pytest.raises(
        ValueError,
        match=r"Known: bernoulli, continuous_bernoulli, fil.*, l1, l2, laplace, mae, mse\.$",
    ):
        perceived_distances(grid, distance="nothing")
    images, factors = grid.images(np.arange(12)), grid.factors(np.arange(12))
    with pytest.raises(ValueError, match="No image of"):
        perceived_distances((images[1:], factors[1:]), traversals=20)


def test_table_of_mean_distances():
    def along(*distances):
        matrices = np.array([[[0, d], [d, 0]] for d in distances], float)
        return perceived_distance.Distances(np.ones_like(matrices), matrices, None, None)

    found = {"random": along(9, 9), "x": along(1, 1), "shape": along(3, 5)}
    assert perceived_distance.table(found).splitlines() == [
        "| factor | ground_truth | data |",
        "| --- | --- | --- |",
        "| shape | 1 ± 0 | 4 ± 1 |",
        "| x | 1 ± 0 | 1 ± 0 |",
        "| random | 1 ± 0 | 9 ± 0 |",
    ]
