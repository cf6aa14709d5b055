"""Losses as people write them, against the β and the σ that `equivalent_beta` says they are."""

import itertools
import math
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf

import zoo
from zoo.likelihoods import Gaussian, Laplace, equivalent_beta
from zoo.utils import registry

SHAPE, LATENTS, BATCH = (4, 3, 2), 5, 6
PAGE = Path(zoo.likelihoods.__file__).parent / "README.md"


def kl_of_latents(mean, log_variance):
    return -0.5 * (1 + log_variance - mean**2 - tf.exp(log_variance))


def squared_sum(x, y, kl):
    """`F.mse_loss(y, x, reduction="sum") + torch.sum(kl)`"""
    return tf.reduce_sum((x - y) ** 2) + tf.reduce_sum(kl)


def half_squared(x, y, kl):
    return tf.reduce_mean(0.5 * tf.reduce_sum((x - y) ** 2, (1, 2, 3)) + tf.reduce_sum(kl, 1))


def mean_of_all(x, y, kl):
    return tf.reduce_mean((x - y) ** 2) + tf.reduce_mean(tf.reduce_sum(kl, 1))


def mean_of_both(x, y, kl):
    return tf.reduce_mean((x - y) ** 2) + 0.1 * tf.reduce_mean(kl)


def mean_and_sum_over_the_batch(x, y, kl):
    return tf.reduce_mean((x - y) ** 2) + tf.reduce_sum(kl)


def sum_over_the_batch_and_mean(x, y, kl):
    return tf.reduce_sum((x - y) ** 2) + tf.reduce_mean(tf.reduce_sum(kl, 1))


def weight_on_reconstruction(x, y, kl):
    return 1000 * tf.reduce_mean((x - y) ** 2) + tf.reduce_mean(tf.reduce_sum(kl, 1))


def batch_over_data(x, y, kl):
    return tf.reduce_mean((x - y) ** 2) + BATCH / 600 * tf.reduce_mean(tf.reduce_sum(kl, 1))


def from_minus_one_to_one(x, y, kl):
    x, y = 2 * x - 1, 2 * y - 1
    return tf.reduce_mean(tf.reduce_sum((x - y) ** 2, (1, 2, 3)) + tf.reduce_sum(kl, 1))


def absolute_mean(x, y, kl):
    return tf.reduce_mean(tf.abs(x - y)) + 0.5 * tf.reduce_mean(tf.reduce_sum(kl, 1))


def cross_entropy_times_pixels(x, y, kl):
    entropy = tf.reduce_mean(keras.losses.binary_crossentropy(x, y)) * math.prod(SHAPE[:2])
    return entropy + tf.reduce_mean(tf.reduce_sum(kl, 1))


def cross_entropy_of_the_keras_example(x, y, kl):
    entropy = tf.reduce_sum(keras.losses.binary_crossentropy(x, y), axis=(1, 2))
    return tf.reduce_mean(entropy) + tf.reduce_mean(tf.reduce_sum(kl, axis=1))


WRITTEN = [
    (squared_sum, {}),
    (half_squared, {"reconstruction_weight": 0.5}),
    (mean_of_all, {"reconstruction": "mean"}),
    (mean_of_both, {"reconstruction": "mean", "kl": "mean", "kl_weight": 0.1}),
    (mean_and_sum_over_the_batch, {"reconstruction": "mean", "kl": [], "batch_size": BATCH}),
    (sum_over_the_batch_and_mean, {"reconstruction": (), "kl": "sum", "batch_size": BATCH}),
    (weight_on_reconstruction, {"reconstruction": "mean", "reconstruction_weight": 1000}),
    (batch_over_data, {"reconstruction": "mean", "kl_weight": BATCH / 600}),
    (from_minus_one_to_one, {"span": 2}),
    (absolute_mean, {"loss": "absolute_error", "reconstruction": "mean", "kl_weight": 0.5}),
    (
        cross_entropy_times_pixels,
        {
            "loss": "cross_entropy",
            "reconstruction": "mean",
            "reconstruction_weight": math.prod(SHAPE[:2]),
        },
    ),
    (
        cross_entropy_of_the_keras_example,
        {"loss": "cross_entropy", "reconstruction": ["batch", "channels"]},
    ),
]


def flat_gradient(model, loss):
    """The direction in which a loss of the model's terms moves its networks, a unit vector."""
    images = np.random.default_rng(1).random((BATCH, *SHAPE)).round().astype("float32")
    with tf.GradientTape() as tape:
        terms = model.elbo_terms(images, seed=(1, 2))
        value = loss(images, terms)
    weights = [*model.encoder.trainable_weights, *model.decoder.trainable_weights]
    flat = np.concatenate([np.ravel(part) for part in tape.gradient(value, weights)])
    return flat.astype("float64") / np.linalg.norm(flat)


def tiny(cls, **arguments):
    keras.utils.set_random_seed(0)
    return cls(
        SHAPE,
        LATENTS,
        encoder=zoo.networks.dense_encoder(SHAPE, 2 * LATENTS, units=(8,)),
        decoder=zoo.networks.dense_decoder(LATENTS, SHAPE, units=(8,)),
        **arguments,
    )


def direction_of(model):
    return flat_gradient(model, lambda _, terms: tf.reduce_mean(model.objective(terms)["loss"]))


def direction_as_written(model, written):
    def loss(images, terms):
        mean, variance = terms.posterior.mean(), terms.posterior.variance()
        images_again = tf.sigmoid(model.decoder(terms.latents))
        return written(images, images_again, kl_of_latents(mean, tf.math.log(variance)))

    return flat_gradient(model, loss)


@pytest.mark.parametrize(
    ("written", "arguments"), WRITTEN, ids=lambda case: getattr(case, "__name__", "")
)
def test_a_loss_moves_the_networks_where_the_answered_models_move_them(written, arguments):
    """Its gradient is proportional to that of -ELBO at the answered σ, and to that of the β-VAE."""
    scales = [None] if arguments.get("loss") == "cross_entropy" else [None, 0.1]
    for scale in scales:
        answer = equivalent_beta(SHAPE, LATENTS, scale=scale, **arguments)
        model = tiny(zoo.models.BetaVAE, beta=answer.beta, likelihood=answer.likelihood)
        expected = direction_as_written(model, written)
        np.testing.assert_allclose(direction_of(model), expected, atol=3e-6)
    if answer.sigma is not None:
        cls = Laplace if arguments.get("loss") == "absolute_error" else Gaussian
        model = tiny(zoo.models.VAE, likelihood=cls(scale=answer.sigma))
        np.testing.assert_allclose(direction_of(model), expected, atol=3e-6)
    wrong = tiny(zoo.models.BetaVAE, beta=1.3 * answer.beta, likelihood=answer.likelihood)
    assert np.abs(direction_of(wrong) - expected).max() > 1e-4


def test_all_reductions_by_enumeration():
    """Every set of averaged axes of both terms, against the weights counted one value at a time."""
    height, width, channels = SHAPE
    sizes = {"batch": BATCH, "pixels": height * width, "channels": channels, "latents": LATENTS}

    def sets(*axes):
        return [set(some) for n in range(len(axes) + 1) for some in itertools.combinations(axes, n)]

    for averaged, averaged_kl in itertools.product(
        sets("batch", "pixels", "channels"), sets("batch", "latents")
    ):
        answer = equivalent_beta(
            SHAPE, LATENTS, reconstruction=averaged, kl=averaged_kl, batch_size=BATCH
        )
        squares = 1 / math.prod(sizes[axis] for axis in averaged)
        divergence = 1 / math.prod(sizes[axis] for axis in averaged_kl)
        assert answer.sigma**2 == pytest.approx(divergence / (2 * squares))
        assert answer.beta == pytest.approx(answer.sigma**2)


def test_mean_instead_of_sum_on_coloured_images_of_64():
    """The KL weighs 12,288 times as much as beside the sums."""
    shape = (64, 64, 3)
    squares = equivalent_beta(shape, 10, reconstruction="mean")
    assert squares.beta / equivalent_beta(shape, 10).beta == 12_288
    assert squares.beta == 6144
    assert squares.sigma == pytest.approx(math.sqrt(6144))
    entropy = equivalent_beta(shape, 10, loss="cross_entropy", reconstruction="mean")
    assert (entropy.beta, entropy.sigma) == (12_288, None)


@pytest.mark.parametrize("shape", [(64, 64, 3), (28, 28, 1), (8, 6, 2)])
def test_means_of_both_terms_are_a_normalized_beta_of_one(shape):
    answer = equivalent_beta(shape, 7, loss="cross_entropy", reconstruction="mean", kl="mean")
    assert answer.normalized_beta == pytest.approx(1)
    model = zoo.models.BetaVAE(shape, 7, beta=answer.normalized_beta, normalized=True)
    assert model.weight() == pytest.approx(answer.beta)


def test_pixels_of_bytes_weigh_as_their_squares():
    small = equivalent_beta((28, 28, 1), 10)
    large = equivalent_beta((28, 28, 1), 10, span=255)
    assert small.sigma / large.sigma == pytest.approx(255)


@pytest.mark.parametrize("sigma", [0.03, 0.1, 2.0])
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_the_weight_for_a_sigma_gives_that_sigma(loss, sigma):
    arguments = {"loss": loss, "reconstruction": "mean", "kl": "mean"}
    weight = equivalent_beta(SHAPE, LATENTS, kl_weight=3, **arguments).kl_weight_for(sigma=sigma)
    again = equivalent_beta(SHAPE, LATENTS, kl_weight=weight, **arguments)
    assert again.sigma == pytest.approx(sigma)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "cross_entropy"])
def test_the_weight_for_a_beta_gives_that_beta(loss):
    weight = equivalent_beta(SHAPE, LATENTS, loss=loss, kl_weight=3).kl_weight_for(beta=4)
    assert equivalent_beta(SHAPE, LATENTS, loss=loss, kl_weight=weight).beta == pytest.approx(4)


@pytest.mark.parametrize(("cls", "power"), [(Gaussian, 2), (Laplace, 1)])
def test_the_most_probable_scale_is_the_root_mean_power_of_the_errors(cls, power):
    """σ = RMSE and b = mean absolute error: by minimisation, by the learned scale, and by the optimal one."""
    rng = np.random.default_rng(0)
    mean = rng.uniform(0.2, 0.8, (9, *SHAPE)).astype("float32")
    images = np.clip(mean + rng.normal(0, 0.07, mean.shape), 0, 1).astype("float32")
    error = np.mean(np.abs(images - mean).astype("float64") ** power) ** (1 / power)

    def cost(likelihood):
        return -tf.reduce_mean(likelihood(mean).log_prob(images))

    def cost_at(log_scale):
        return float(cost(cls(scale=math.exp(log_scale), activation="linear")))

    found = scipy.optimize.minimize_scalar(cost_at, bracket=(-4, -1))
    assert math.exp(found.x) == pytest.approx(error, rel=2e-3)
    learned, optimizer = cls(scale="learned", activation="linear"), keras.optimizers.Adam(0.05)
    for _ in range(150):
        with tf.GradientTape() as tape:
            value = cost(learned)
        optimizer.apply(tape.gradient(value, learned.trainable_weights), learned.trainable_weights)
    deviation = float(tf.reduce_mean(learned(mean).stddev()))
    assert deviation == pytest.approx(error * (1 if power == 2 else math.sqrt(2)), rel=1e-2)
    best = float(cost(cls(scale="optimal", activation="linear")))
    assert best == pytest.approx(found.fun, rel=1e-4)
    assert all(best < cost_at(math.log(error) + step) for step in (-0.3, -0.03, 0.03, 0.3))


def test_the_answer_in_words_names_likelihoods_that_models_take():
    for arguments in [{}, {"loss": "absolute_error"}, {"loss": "cross_entropy"}, {"scale": 0.1}]:
        answer = equivalent_beta(SHAPE, LATENTS, reconstruction_weight=2, **arguments)
        specs = re.findall(r"likelihood='([^']*)'", str(answer))
        assert answer.likelihood in specs
        assert len(specs) == (1 if answer.sigma is None else 2)
        said = [zoo.likelihoods.get(spec).get_config().get("scale") for spec in specs]
        exact = None if answer.sigma is None else pytest.approx(answer.sigma, rel=1e-5)
        assert said == ([exact] if exact is None else [exact, answer.scale])


def test_only_a_sigma_larger_than_any_error_is_warned_of():
    assert "Plain grey" in str(equivalent_beta((64, 64, 3), 10, reconstruction="mean"))
    assert "Plain grey" not in str(equivalent_beta((64, 64, 3), 10, reconstruction_weight=2.1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "square_error"}, 'Unknown loss "square_error". Did you mean "squared_error"?'),
        ({"reconstruction": "average"}, '`reconstruction` must be "sum", "mean", or a list of the'),
        ({"reconstruction": ["latents"]}, 'of "batch", "pixels", "channels". Received'),
        ({"kl": ["pixels"]}, '`kl` must be "sum", "mean", or a list of the axes'),
        ({"kl": 2}, "Received: kl=2"),
        ({"kl": []}, "`batch_size` must be given where `reconstruction` is averaged over the"),
        ({"reconstruction": []}, "`kl` is averaged over the batch and `reconstruction` summed"),
        ({"batch_size": 0}, "`batch_size` must be an integer >= 1. Received: batch_size=0"),
        ({"kl_weight": 0}, "`kl_weight` must be a number from 1e-30 to 1e+30"),
        ({"kl_weight": "4"}, "Received: kl_weight='4'"),
        ({"reconstruction_weight": -1.0}, "`reconstruction_weight` must be a number from 1e-30"),
        ({"reconstruction_weight": math.nan}, "Received: reconstruction_weight=nan"),
        ({"kl_weight": 1e-300}, "Received: kl_weight=1e-300"),
        ({"scale": 0}, "`scale` must be a number from 1e-30"),
        ({"span": True}, "`span` must be a number from 1e-30"),
        ({"loss": "cross_entropy", "scale": 0.1}, "The cross entropy has no scale"),
        ({"loss": "cross_entropy", "span": 255}, "The cross entropy has no scale"),
        ({"image_shape": (64, 64)}, "`image_shape` must be (height, width, channels)"),
        ({"latent_dim": 0}, "`latent_dim` must be an integer >= 1"),
    ],
)
def test_what_makes_no_sense_is_named(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        equivalent_beta(**{"image_shape": SHAPE, "latent_dim": LATENTS, **arguments})


@pytest.mark.parametrize("wanted", [{}, {"beta": 1, "sigma": 1}, {"beta": 0}, {"sigma": -1}])
def test_the_weight_for_nothing_is_refused(wanted):
    with pytest.raises(ValueError, match="Received: "):
        equivalent_beta(SHAPE, LATENTS).kl_weight_for(**wanted)
    with pytest.raises(ValueError, match="Received: "):
        equivalent_beta(SHAPE, LATENTS, loss="cross_entropy").kl_weight_for(sigma=1)


def test_the_helper_is_no_member():
    assert not [name for name in registry.members("likelihoods") if "equivalent" in name]


def as_in_the_table(value):
    if value is None:
        return "–"
    return f"{value:,.4g}" if value < 1e4 else f"{value:,.0f}"


def test_the_table_of_the_readme_is_what_the_function_answers():
    """Each row's arguments, put into the function, give the row's numbers."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if "kl=" in line]
    assert len(lines) >= 6
    for line in lines:
        _, arguments, *numbers = (cell.strip(" `") for cell in line.strip("|").split(" | "))
        answer = eval(f"equivalent_beta((64, 64, 3), 10, {arguments})", globals())
        found = answer.beta, answer.normalized_beta, answer.sigma
        assert numbers == [as_in_the_table(value) for value in found], line
