"""JointVAE and AdaGVAE against closed forms, brute force and NumPy."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import stats
from weights import same, values_of

import zoo
from zoo import models, schedules
from zoo.measure import evaluation
from zoo.models import _latents
from zoo.models._terms import ElboTerms
from zoo.runs import _finishing

tfd = tfp.distributions
SHAPE = (8, 8, 1)


def joint_vae(**arguments):
    return models.JointVAE(SHAPE, **{"latent_dim": 7, "categories": (2, 3), "seed": 0, **arguments})


def ada_gvae(**arguments):
    return models.AdaGVAE(SHAPE, **{"latent_dim": 4, "seed": 0, **arguments})


def softmax(logits):
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


# The Gumbel-softmax relaxation.

PROBABILITIES = np.array([0.5, 0.3, 0.2])


def relaxed_samples(temperature, probabilities=PROBABILITIES, count=20_000):
    logits = np.log(probabilities).astype("float32")
    relaxed = _latents.RelaxedCategorical(temperature, logits=logits)
    return relaxed.sample(count, seed=(1, 2)).numpy()


@pytest.mark.parametrize("temperature", [5.0, 0.67, 0.05])
def test_largest_entries_have_the_categorical_frequencies(temperature):
    counts = np.bincount(relaxed_samples(temperature).argmax(axis=1), minlength=3)
    assert stats.chisquare(counts, PROBABILITIES * counts.sum()).pvalue > 1e-3


def test_relaxed_samples_tend_to_one_hot_vectors_as_the_temperature_falls():
    temperatures = (10.0, 1.0, 0.1, 0.01)
    samples = [relaxed_samples(temperature) for temperature in temperatures]
    for sample in samples:
        np.testing.assert_allclose(sample.sum(axis=1), 1, atol=1e-5)
    largest = [sample.max(axis=1).mean() for sample in samples]
    assert largest == sorted(largest)
    assert largest[0] < 0.45
    assert largest[-1] > 0.99
    # The mean tends to the probabilities; a hot relaxation is near the uniform distribution.
    far, *_, near = (np.abs(sample.mean(axis=0) - PROBABILITIES).max() for sample in samples)
    assert near < 0.01
    assert far > 0.1


def test_relaxed_samples_of_two_categories_have_their_exact_distribution():
    """softmax of two is a sigmoid, and the difference of two Gumbels is logistic."""
    temperature, p = 0.67, 0.7
    samples = relaxed_samples(temperature, np.array([p, 1 - p]), count=5000)[:, 0]
    logit = np.log(p / (1 - p))

    def distribution(x):
        return stats.logistic.cdf(temperature * np.log(x / (1 - x)) - logit)

    assert stats.kstest(samples.astype(float), distribution).pvalue > 1e-3


def test_relaxed_categorical_stands_for_its_categorical():
    relaxed = _latents.RelaxedCategorical(0.67, logits=np.log(PROBABILITIES)[None])
    np.testing.assert_allclose(relaxed.mean()[0], PROBABILITIES, rtol=1e-5)
    np.testing.assert_allclose(
        relaxed.variance()[0], PROBABILITIES * (1 - PROBABILITIES), rtol=1e-5
    )
    np.testing.assert_array_equal(relaxed.mode()[0], [1, 0, 0])


@pytest.mark.parametrize("logits", [[0.0, 1.0, -2.0], [300.0, -300.0, 0.0], [0.0, 0.0, 0.0]])
def test_kl_of_a_categorical_equals_brute_force(logits):
    p = softmax(np.array(logits, np.float64))
    exact = sum(share * math.log(share * 3) for share in p if share > 0)
    variable = tf.constant([logits])
    with tf.GradientTape() as tape:
        tape.watch(variable)
        kl = _latents.uniform_kl(variable)
    assert kl.numpy()[0] == pytest.approx(exact, abs=1e-5)
    assert np.isfinite(tape.gradient(kl, variable)).all()


# Latent vectors.


def test_codes_and_traversals_of_latent_vectors():
    vector = np.array([0.5, -1.0, 0, 1, 0.2, 0.7, 0.1], "float32")
    np.testing.assert_array_equal(
        _latents.codes(tf.constant(vector[None]), (2, 3)), np.float32([[0.5, -1, 1, 1]])
    )
    np.testing.assert_array_equal(
        _latents.moved(vector, 1, [-2, 2], (2, 3))[:, :3], np.float32([[0.5, -2, 0], [0.5, 2, 0]])
    )
    moved = _latents.moved(vector, 3, [-2, 2], (2, 3))
    np.testing.assert_array_equal(moved[:, 4:], np.eye(3))
    np.testing.assert_array_equal(moved[:, :4], np.tile(vector[:4], (3, 1)))
    np.testing.assert_array_equal(_latents.moved(vector, 2, [], (2, 3))[:, 2:4], np.eye(2))


# JointVAE.


def numpy_posterior(model, images):
    """Means, standard deviations and probabilities of each block, from the encoder's numbers alone."""
    outputs = model.encoder(images).numpy().astype(np.float64)
    n = model.latent_dim - sum(model.categories)
    mean, log_variance, rest = np.split(outputs, [n, 2 * n], axis=1)
    blocks = np.split(rest, np.cumsum(model.categories)[:-1], axis=1)
    return mean, log_variance, [softmax(block) for block in blocks]


def numpy_kl(model, images):
    mean, log_variance, blocks = numpy_posterior(model, images)
    gaussian = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)
    discrete = [(p * np.log(p * p.shape[1])).sum(axis=1) for p in blocks]
    return np.concatenate([gaussian, np.stack(discrete, axis=1)], axis=1)


def test_kl_has_one_column_for_each_latent(binary_digits):
    model = joint_vae()
    model.encoder.get_layer("outputs").bias.assign(np.linspace(-2, 2, 9))
    terms = model.elbo_terms(binary_digits)
    exact = numpy_kl(model, binary_digits)
    assert exact.shape == (64, 4)
    np.testing.assert_allclose(terms.latent_kl, exact, rtol=1e-4, atol=1e-5)
    values = model.objective(terms)
    np.testing.assert_allclose(values["continuous_kl"], exact[:, :2].sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(
        values["discrete_kl"], exact[:, 2:].sum(axis=1), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(values["kl"], exact.sum(axis=1), rtol=1e-4)


def test_training_relaxes_and_everything_else_draws_categories(binary_digits):
    model = joint_vae()
    drawn = {
        training: model.elbo_terms(binary_digits, training=training).latents.numpy()[:, 2:]
        for training in (True, False)
    }
    for latents in drawn.values():
        np.testing.assert_allclose(latents[:, :2].sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(latents[:, 2:].sum(axis=1), 1, atol=1e-5)
    assert set(np.unique(drawn[False])) == {0, 1}
    assert ((drawn[True] > 0.01) & (drawn[True] < 0.99)).mean() > 0.5
    prior = model.prior.sample(50, seed=(0, 1)).numpy()
    assert set(np.unique(prior[:, 2:])) == {0, 1}


def test_temperature_follows_its_schedule_and_stays_positive(binary_digits):
    model = joint_vae(temperature=schedules.Linear(0.0, steps=10, start=2.0))
    model.compile()

    def temperature():
        return float(model.encode(binary_digits, training=True).blocks[0].temperature)

    assert temperature() == pytest.approx(2.0)
    model.optimizer.iterations.assign(5)
    assert temperature() == pytest.approx(1.0)
    model.optimizer.iterations.assign(100)
    assert temperature() == pytest.approx(0.01)
    assert np.isfinite(model.train_on_batch(binary_digits)).all()


def test_gradient_reaches_the_logits_through_the_samples(binary_digits):
    model = joint_vae(gamma=0.0)
    with tf.GradientTape() as tape:
        loss = model.objective(model.elbo_terms(binary_digits, training=True))["loss"]
    kernel = model.encoder.get_layer("outputs").kernel
    gradient = tape.gradient(loss, kernel.value).numpy()
    assert (np.abs(gradient).max(axis=0) > 0).all()


def test_elbo_of_categories_equals_the_sum_over_all_of_them(binary_digits):
    """With two categorical latents alone, everything is known by summing over their six combinations."""
    model = models.JointVAE(SHAPE, 5, categories=(2, 3), seed=0)
    model.encoder.get_layer("outputs").kernel.assign(
        5 * model.encoder.get_layer("outputs").kernel
    )  # posteriors far from uniform
    images = binary_digits[:8]
    _, _, (p, q) = numpy_posterior(model, images)
    cost, square, likelihood = np.zeros((3, 8))
    for i, j in itertools.product(range(2), range(3)):
        code = np.concatenate([np.eye(2)[i], np.eye(3)[j]])
        log_p = model.decode(np.tile(code, (8, 1))).log_prob(images).numpy()
        cost -= p[:, i] * q[:, j] * log_p
        square += p[:, i] * q[:, j] * log_p**2
        likelihood += np.exp(log_p.astype(np.float64)) / 6
    exact = cost + numpy_kl(model, images).sum(axis=1)
    measured = [
        terms[1] + tf.reduce_sum(terms[2], axis=1)
        for terms in (model.measure(images, tf.constant([3, seed])) for seed in range(600))
    ]
    error = np.sqrt((square - cost**2) / 600)
    assert (np.abs(np.mean(measured, axis=0) - exact) < 4 * error + 1e-4).all()
    assert error.max() < 0.5
    assert (exact >= -np.log(likelihood)).all()


def test_capacities_pull_each_group_from_both_sides(binary_digits):
    model = joint_vae(gamma=30.0, capacity=1.5, discrete_capacity=0.4)
    latent_kl = np.array([[1.0, 3.0, 0.1, 0.2], [0.0, 1.0, 0.0, 0.0]], "float32")
    terms = ElboTerms(None, None, tf.zeros(2), tf.constant(latent_kl))
    # Means over the batch first: 2.5 and 0.15 nats.
    assert float(model.regularizer(terms)) == pytest.approx(30 * (1.0 + 0.25), rel=1e-5)


def test_discrete_capacity_is_never_above_what_the_categories_carry():
    most = math.log(2) + math.log(3)
    terms = ElboTerms(None, None, tf.zeros(1), tf.constant([[0.0, 0.0, math.log(2), math.log(3)]]))
    full = joint_vae(gamma=1.0, capacity=0.0, discrete_capacity=25.0)
    assert float(full.regularizer(terms)) == pytest.approx(0.0, abs=1e-6)
    below = joint_vae(gamma=1.0, capacity=0.0, discrete_capacity=1.0)
    assert float(below.regularizer(terms)) == pytest.approx(most - 1, rel=1e-5)


def test_capacities_follow_the_updates():
    model = joint_vae(
        gamma=1.0,
        capacity=schedules.Linear(10.0, steps=100),
        discrete_capacity=schedules.Linear(1.0, steps=100),
    )
    model.compile()
    terms = ElboTerms(None, None, tf.zeros(1), tf.zeros((1, 4)))
    for step, distance in ((0, 0.0), (50, 5.5), (500, 11.0)):
        model.optimizer.iterations.assign(step)
        assert float(model.regularizer(terms)) == pytest.approx(distance, abs=1e-5)


def test_training_reaches_both_capacities(binary_digits):
    model = joint_vae(gamma=100.0, capacity=3.0, discrete_capacity=0.8)
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(binary_digits, batch_size=64, epochs=200, verbose=0)
    found = model.evaluate(binary_digits, verbose=0, return_dict=True)
    assert found["continuous_kl"] == pytest.approx(3.0, abs=0.5)
    assert found["discrete_kl"] == pytest.approx(0.8, abs=0.2)


def test_default_capacities_are_the_papers():
    model = models.JointVAE(SHAPE, seed=0)
    assert (model.continuous_dim, model.categories, model.gamma) == (7, (3,), 150.0)
    assert float(model.capacity(300_000)) == pytest.approx(40.0)
    assert float(model.discrete_capacity(300_000)) == pytest.approx(1.1)


def test_metrics_see_a_categorical_latent_as_one_column(binary_digits):
    model = joint_vae()
    data = (binary_digits, np.arange(64) % 4)
    table = evaluation.encode(model, data)
    mean, _, blocks = numpy_posterior(model, binary_digits)
    expected = np.column_stack([mean, *(p.argmax(axis=1) for p in blocks)])
    np.testing.assert_allclose(table.codes, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        table.latent_kl, numpy_kl(model, binary_digits), rtol=1e-3, atol=1e-5
    )
    scores = evaluation.elbo_scores(table, SHAPE, is_density=False)
    assert scores["active_units"] == (expected.var(axis=0) > 0.01).sum()
    assert scores["kl"] == pytest.approx(table.latent_kl.sum(axis=1).mean(), rel=1e-5)
    assert "mig" in zoo.evaluate(model, data, ["mig"])


def test_a_categorical_latent_that_is_the_factor_scores_a_perfect_mig():
    factors = np.tile(np.arange(3), 100)
    codes = _latents.codes(tf.constant(np.eye(3, dtype="float32")[factors]), (3,)).numpy()
    noise = np.random.default_rng(0).normal(size=(300, 1))
    table = np.concatenate([codes, noise], axis=1)
    assert zoo.metrics.mig(table, factors[:, None])["mig"] > 0.9


def test_traversals_go_through_the_categories(binary_digits):
    model = joint_vae()
    traversal = evaluation.traverse(model, binary_digits, index=3, columns=5)
    assert traversal.images.shape == (4, 5, *SHAPE)
    rows = dict(zip(traversal.latents, range(4), strict=True))
    assert [traversal.filled[rows[latent]] for latent in range(4)] == [5, 5, 2, 3]
    kept = model.encode(binary_digits[3:4]).mode().numpy()
    for category in range(3):
        moved = kept.copy()
        moved[0, 4:] = np.eye(3)[category]
        np.testing.assert_allclose(
            traversal.images[rows[3], category], model.decode(moved).mean()[0], atol=1e-5
        )
    assert (traversal.images[rows[3], 3:] == 1).all()
    figure = zoo.report.traversal_figure(traversal, model, "digits")
    assert len(figure.axes[0].images) == 5 + 5 + 2 + 3
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert [text.split()[0] for text in labels if "categories" in text] == [
        f"z{latent}" for latent in traversal.latents if latent >= 2
    ]


def test_traversals_have_room_for_many_categories(binary_digits):
    model = joint_vae(latent_dim=8, categories=7)
    traversal = evaluation.traverse(model, binary_digits, columns=3)
    assert traversal.images.shape == (2, 7, *SHAPE)
    assert traversal.filled.tolist() == [7, 7]
    assert len(traversal.values) == 7


def test_reconstructions_take_the_most_probable_category(binary_digits):
    model = joint_vae()
    mean, _, blocks = numpy_posterior(model, binary_digits)
    one_hot = [np.eye(p.shape[1])[p.argmax(axis=1)] for p in blocks]
    codes = np.concatenate([mean, *one_hot], axis=1)
    np.testing.assert_allclose(
        model(binary_digits), model.decode(codes).mean(), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        model.encode(binary_digits).mean(), np.concatenate([mean, *blocks], axis=1), atol=1e-5
    )


def test_exported_encoder_and_decoder_draw_nothing(binary_digits, tmp_path):
    model = joint_vae(temperature=schedules.Linear(0.5, steps=10, start=1.0))
    model.compile()
    model.fit(binary_digits, verbose=0)
    model.export(tmp_path / "1")
    signatures = tf.saved_model.load(tmp_path / "1").signatures
    for name in ("encode", "decode", "reconstruct"):
        graph = signatures[name].graph.as_graph_def()
        functions = [node for function in graph.library.function for node in function.node_def]
        operations = {node.op for node in (*graph.node, *functions)}
        assert not {op for op in operations if "Random" in op or "Multinomial" in op}
        assert "MatMul" in operations
    encoded = signatures["encode"](images=tf.constant(binary_digits))
    assert encoded["log_variance"].shape == (64, 2)
    np.testing.assert_allclose(encoded["mean"].numpy()[:, 4:].sum(axis=1), 1, atol=1e-5)
    images = signatures["decode"](latents=encoded["mode"])["images"]
    np.testing.assert_allclose(images, model(binary_digits), atol=1e-5)


def test_joint_vae_in_bfloat16(binary_digits):
    model = joint_vae(dtype="mixed_bfloat16")
    terms = model.elbo_terms(binary_digits, training=True)
    assert terms.latents.dtype == terms.latent_kl.dtype == tf.float32
    model.compile()
    assert np.isfinite(model.fit(binary_digits, verbose=0).history["loss"]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"categories": (2, 6)}, "counts the 8 numbers of the one-hot blocks.*latent_dim=7"),
        ({"categories": (1,)}, "`categories` must be an integer >= 2"),
        ({"categories": "3"}, "`categories` must be an integer >= 2"),
        ({"temperature": -1.0}, "`temperature` must be a number >= 0 or a schedule"),
        ({"discrete_capacity": -1.0}, "`discrete_capacity` must be a number >= 0"),
        ({"free_bits": 0.5}, "`free_bits` must be 0 for JointVAE"),
    ],
)
def test_bad_arguments_of_joint_vae(arguments, message):
    with pytest.raises(ValueError, match=message):
        joint_vae(**arguments)


# AdaGVAE: posteriors of pairs.


def posterior(mean, variance):
    scale = np.sqrt(np.asarray(variance, "float32"))
    return tfd.Independent(tfd.Normal(np.asarray(mean, "float32"), scale), 1)


def numpy_shared(mean, variance, averaging):
    """Pair by pair, latent by latent: means, variances and which latents are shared."""
    mean, variance = mean.astype(np.float64).copy(), variance.astype(np.float64).copy()
    n = len(mean) // 2
    shared = np.zeros((n, mean.shape[1]), bool)
    for a in range(n):
        b = n + a
        kl = [
            0.5 * (math.log(vb / va) + (va + (ma - mb) ** 2) / vb - 1)
            for ma, mb, va, vb in zip(mean[a], mean[b], variance[a], variance[b], strict=True)
        ]
        for j in range(mean.shape[1]):
            shared[a, j] = kl[j] < (min(kl) + max(kl)) / 2
            if shared[a, j] and averaging == "gvae":
                mean[[a, b], j] = (mean[a, j] + mean[b, j]) / 2
                variance[[a, b], j] = (variance[a, j] + variance[b, j]) / 2
            elif shared[a, j]:
                wa, wb = 1 / variance[a, j], 1 / variance[b, j]
                mean[[a, b], j] = (wa * mean[a, j] + wb * mean[b, j]) / (wa + wb)
                variance[[a, b], j] = 2 / (wa + wb)
    return mean, variance, shared


@pytest.mark.parametrize("averaging", ["gvae", "ml"])
def test_shared_posteriors_equal_numpy(averaging):
    random = np.random.default_rng(0)
    mean, variance = random.normal(size=(80, 6)), np.exp(random.normal(size=(80, 6)))
    model = ada_gvae(latent_dim=6, averaging=averaging)
    found = model.shared(posterior(mean, variance))
    exact_mean, exact_variance, shared = numpy_shared(mean, variance, averaging)
    np.testing.assert_allclose(found.mean(), exact_mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.variance(), exact_variance, rtol=1e-4)
    # The cases are there: some are shared, not always the same number, and the other direction differs.
    assert len(set(shared.sum(axis=1))) > 2
    swapped = numpy_shared(*(np.roll(x, 40, axis=0) for x in (mean, variance)), averaging)[2]
    assert (swapped != shared).any()


def which_are_shared(mean, variance, symmetric, threshold):
    """Latents of pairs below the threshold, by the closed form of the KL, loop by loop; `(pairs, latents)`."""
    half = len(mean) // 2
    shared = np.zeros((half, mean.shape[1]), bool)
    for a in range(half):
        m, v = mean[[a, a + half]], variance[[a, a + half]]
        there = 0.5 * (v[0] / v[1] + (m[1] - m[0]) ** 2 / v[1] - 1 + np.log(v[1] / v[0]))
        back = 0.5 * (v[1] / v[0] + (m[1] - m[0]) ** 2 / v[0] - 1 + np.log(v[0] / v[1]))
        distance = (there + back) / 2 if symmetric else there
        shared[a] = distance < distance.min() + threshold * (distance.max() - distance.min())
    return shared


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("distance", ["kl", "symmetric_kl"])
def test_distance_and_threshold_decide_what_is_shared(distance, threshold):
    random = np.random.default_rng(0)
    mean, variance = random.normal(size=(200, 6)), np.exp(random.normal(size=(200, 6)))
    model = ada_gvae(latent_dim=6, distance=distance, threshold=threshold)
    found = model.shared(posterior(mean, variance)).mean().numpy()
    shared = which_are_shared(mean, variance, distance == "symmetric_kl", threshold)
    expected = np.where(shared, (mean[:100] + mean[100:]) / 2, mean[:100])
    np.testing.assert_allclose(found[:100], expected, atol=1e-5)
    other = which_are_shared(mean, variance, distance != "symmetric_kl", threshold)
    assert (shared != other).any()


def test_distances_thresholds_and_samplers_are_arguments():
    model = ada_gvae(distance="symmetric_kl", threshold=0.3, change="disentanglement_lib", k=2)
    config = model.get_config()
    assert (config["distance"], config["threshold"]) == ("symmetric_kl", 0.3)
    assert (config["change"], config["k"]) == ("disentanglement_lib", 2)
    data = zoo.datasets.load("xysinglesquare(spacing=2, positions=4, square=2, side=8)")
    mine = next(iter(model.stream(data, 8, seed=3)))
    expected = next(iter(data.pairs(8, k=2, change="disentanglement_lib", seed=3)))
    np.testing.assert_array_equal(np.stack(mine), np.stack(expected))
    for bad, message in [
        ({"distance": "l2"}, 'Unknown distance "l2"'),
        ({"threshold": 1.5}, "`threshold` must be a number from 0 to 1"),
        ({"change": 3}, "`change` must be a text"),
    ]:
        with pytest.raises(ValueError, match=message):
            ada_gvae(**bad)
    with pytest.raises(ValueError, match='Unknown change "often"'):
        ada_gvae(change="often").stream(data, 8)


@pytest.mark.parametrize("averaging", ["gvae", "ml"])
def test_exactly_the_shared_latents_of_a_constructed_pair_are_averaged(averaging):
    mean = [[0.0, 3.0, 1.0, -2.0], [0.2, -3.0, 1.4, 4.0]]
    variance = [[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]]
    found = ada_gvae(averaging=averaging).shared(posterior(mean, variance)).mean()
    np.testing.assert_allclose(found, [[0.1, 3, 1.2, -2], [0.1, -3, 1.2, 4]], atol=1e-6)


def test_averages_of_unequal_variances():
    """By hand: variances 1 and 4, means 0 and 5."""
    mean, variance = [[0.0, 0.0], [5.0, 90.0]], [[1.0, 1.0], [4.0, 1.0]]
    moments = ada_gvae(latent_dim=2).shared(posterior(mean, variance))
    np.testing.assert_allclose(moments.mean()[:, 0], [2.5, 2.5])
    np.testing.assert_allclose(moments.variance()[:, 0], [2.5, 2.5], rtol=1e-5)
    densities = ada_gvae(latent_dim=2, averaging="ml").shared(posterior(mean, variance))
    np.testing.assert_allclose(densities.mean()[:, 0], [1.0, 1.0], rtol=1e-5)
    np.testing.assert_allclose(densities.variance()[:, 0], [1.6, 1.6], rtol=1e-5)
    # The geometric mean of the two densities is proportional to the average's density.
    x = np.linspace(-3, 6, 10)
    product = 0.5 * (stats.norm.logpdf(x, 0, 1) + stats.norm.logpdf(x, 5, 2))
    difference = product - stats.norm.logpdf(x, 1.0, math.sqrt(1.6))
    np.testing.assert_allclose(difference, difference[0])


@pytest.mark.parametrize("averaging", ["gvae", "ml"])
def test_equal_posteriors_stay_what_they_are(averaging):
    """A bare product of the two densities would halve the variance."""
    mean, variance = [[1.0, 0.0, 2.0]] * 2, [[0.5, 2.0, 1.0]] * 2
    mean[1] = [1.0, 0.0, 5.0]
    found = ada_gvae(latent_dim=3, averaging=averaging).shared(posterior(mean, variance))
    np.testing.assert_allclose(found.mean(), mean, rtol=1e-6)
    np.testing.assert_allclose(found.variance(), variance, rtol=1e-6)


def test_the_threshold_belongs_to_each_pair():
    """Beside a pair that differs by much, one that differs by little still keeps its largest difference."""
    mean = [[0.0, 100.0], [0.0, 0.3], [0.0, -100.0], [0.1, -0.3]]
    found = ada_gvae(latent_dim=2).shared(posterior(mean, np.ones((4, 2)))).mean().numpy()
    np.testing.assert_allclose(found[[1, 3], 1], [0.3, -0.3], rtol=1e-6)
    np.testing.assert_allclose(found[[1, 3], 0], [0.05, 0.05], rtol=1e-6)


def test_gradients_pass_between_the_images_in_shared_latents_only():
    mean = tf.constant([[0.0, 3.0, 1.0], [0.2, -3.0, 1.4]])
    with tf.GradientTape() as tape:
        tape.watch(mean)
        both = tfd.Independent(tfd.Normal(mean, tf.ones((2, 3))), 1)
        of_second = tf.reduce_sum(ada_gvae(latent_dim=3).shared(both).mean()[1])
    np.testing.assert_allclose(tape.gradient(of_second, mean), [[0.5, 0, 0.5], [0.5, 1, 0.5]])


# AdaGVAE: training.


def pairs_of(first, second, batch_size=16):
    return tf.data.Dataset.from_tensor_slices((first, second)).batch(batch_size)


def test_loss_is_the_mean_of_both_images_weighted_elbo(binary_digits):
    model = ada_gvae(beta=3.0)
    model.encoder.get_layer("outputs").kernel.assign(4 * model.encoder.get_layer("outputs").kernel)
    first, second = binary_digits[:32], binary_digits[32:]
    terms = model.training_terms((first, second))
    outputs = model.encoder(binary_digits).numpy()
    mean, variance, shared = numpy_shared(outputs[:, :4], np.exp(outputs[:, 4:]), "gvae")
    assert shared.any(axis=0).all()
    images = np.concatenate([first, second])
    reconstruction = -model.decode(terms.latents).log_prob(images).numpy()
    np.testing.assert_allclose(terms.reconstruction, reconstruction, rtol=1e-4)
    kl = 0.5 * (mean**2 + variance - 1 - np.log(variance)).sum(axis=1)
    np.testing.assert_allclose(terms.kl, kl, rtol=1e-3)
    loss = float(tf.reduce_mean(model.objective(terms)["loss"]))
    assert loss == pytest.approx((reconstruction + 3 * kl).mean(), rel=1e-4)
    # Samples belong to the shared posteriors.
    noise = (terms.latents - mean) / np.sqrt(variance)
    assert abs(np.mean(noise)) < 0.25
    assert np.std(noise) == pytest.approx(1, abs=0.15)


def test_pairs_of_equal_images_train_a_beta_vae(binary_digits):
    """Nothing is shared where nothing differs, and the average of equals is the same: to the bit."""
    images = binary_digits[:32]
    ada, plain = ada_gvae(beta=2.0), models.BetaVAE(SHAPE, 4, beta=2.0, seed=0)
    for model in (ada, plain):
        model.compile()
    for _ in range(3):
        ada.train_on_batch(images, images)
        plain.train_on_batch(np.concatenate([images, images]))
    assert same(values_of(ada.trainable_variables), values_of(plain.trainable_variables))


def test_evaluation_takes_single_images_as_a_beta_vae_does(binary_digits):
    ada, plain = ada_gvae(beta=2.0), models.BetaVAE(SHAPE, 4, beta=2.0, seed=0)
    results = []
    for model in (ada, plain):
        model.compile()
        results.append(model.evaluate(binary_digits, verbose=0, return_dict=True))
    assert results[0] == results[1]
    assert set(results[0]) == {"loss", "reconstruction", "kl"}


def test_every_weight_gets_a_gradient(binary_digits):
    model = ada_gvae(averaging="ml")
    with tf.GradientTape() as tape:
        terms = model.training_terms((binary_digits[:32], binary_digits[32:]))
        loss = model.objective(terms)["loss"]
    gradients = tape.gradient(loss, [variable.value for variable in model.elbo_variables])
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


def test_pairs_may_be_bytes_and_carry_labels(digits):
    as_bytes = np.round(digits * 255).astype("uint8")
    model = ada_gvae(likelihood="continuous_bernoulli")
    model.compile()
    changed = np.zeros((64, 3), bool)
    pairs = tf.data.Dataset.from_tensor_slices((as_bytes, digits, changed)).batch(16)
    history = model.fit(pairs, validation_data=digits[:8], verbose=0).history
    assert {"loss", "val_loss"} <= set(history)
    np.testing.assert_array_equal(
        model.training_terms((as_bytes, as_bytes)).latent_kl,
        model.training_terms((as_bytes / np.float32(255), as_bytes)).latent_kl,
    )


def test_evaluating_pairs_counts_both_images(binary_digits):
    model = ada_gvae()
    model.compile()
    pairs = pairs_of(binary_digits[:16], binary_digits[16:32])
    both = tf.data.Dataset.from_tensor_slices(binary_digits[:32]).batch(32)
    found, expected = (
        model.evaluate(data, verbose=0, return_dict=True)["kl"] for data in (pairs, both)
    )
    assert found == pytest.approx(expected, rel=1e-5)


def test_pairs_of_different_lengths_are_named(binary_digits):
    model = ada_gvae()
    model.compile()
    with pytest.raises(ValueError, match="as many second images of pairs as first ones"):
        model.train_on_batch(binary_digits[:8], binary_digits[8:12])


@pytest.mark.parametrize("k", [0, -3, "many", 1.5, (2, 1), (1, 2, 3)])
def test_a_number_of_changed_factors_that_is_none_is_named(k):
    with pytest.raises(ValueError, match="`k` must be an integer"):
        ada_gvae(k=k)


def test_pairs_of_a_dataset_train(tmp_path):
    model = models.AdaGVAE((64, 64, 1), 3, seed=0, k="random")
    model.compile()
    data = zoo.datasets.load("shapes2d")
    assert [part.shape[0] for part in model.stream(data, 4).element_spec] == [4, 4]
    model.fit(data.pairs(4, k=2, labels=True), steps_per_epoch=1, verbose=0)
    assert int(model.optimizer.iterations) == 1


IMAGES = np.zeros((6, *SHAPE), "float32")


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (IMAGES, "Received: ndarray. Make pairs with data.pairs(64)"),
        ((IMAGES, IMAGES), "Received: tuple. Make pairs with data.pairs(64)"),
        (
            tf.data.Dataset.from_tensors(IMAGES),
            "a tf.data.Dataset of tensors of shape (6, 8, 8, 1)",
        ),
        (tf.data.Dataset.from_tensors({"image": IMAGES}), "a tf.data.Dataset of dicts"),
        (tf.data.Dataset.from_tensors((IMAGES, np.zeros(6))), "whose second part has shape (6,)"),
        (tf.data.Dataset.from_tensors((IMAGES, IMAGES[:, :4])), "Received: shape (6, 4, 8, 1)"),
        (tf.data.Dataset.from_tensors((IMAGES, IMAGES + 2)), "values from 2 to 2"),
        (tf.data.Dataset.from_tensors((IMAGES, IMAGES.astype(int))), "Received: dtype int64"),
        (tf.data.Dataset.from_tensors((IMAGES, IMAGES[:4])), "batches of the same length"),
        (tf.data.Dataset.from_tensor_slices((IMAGES, IMAGES)), "second part has shape (8, 8, 1)"),
    ],
)
def test_what_is_no_pair_is_refused_before_training(data, part):
    model = ada_gvae()
    model.compile()
    before = values_of(model.trainable_variables)
    with pytest.raises(ValueError, match="Expected") as caught:
        model.fit(data, verbose=0)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert same(before, values_of(model.trainable_variables))


def test_steps_and_arguments_that_are_wrong(binary_digits):
    model = ada_gvae()
    model.compile()
    with pytest.raises(ValueError, match=r"two batches of images.*train_on_batch\(first, second\)"):
        model.train_on_batch(binary_digits)
    with pytest.raises(ValueError, match="`batch_size` must not be given"):
        model.fit(pairs_of(IMAGES, IMAGES), batch_size=4, verbose=0)
    with pytest.raises(ValueError, match=r'Unknown averaging "gva"\. Did you mean "gvae"'):
        ada_gvae(averaging="gva")


def test_ada_gvae_in_bfloat16(binary_digits):
    model = ada_gvae(dtype="mixed_bfloat16")
    model.compile()
    pairs = pairs_of(binary_digits[:32], binary_digits[32:])
    assert np.isfinite(model.fit(pairs, verbose=0).history["loss"]).all()


# Runs. A metric may warn that 64 images are few.

few_images = pytest.mark.filterwarnings("ignore:Factor:UserWarning")


@pytest.fixture
def small_grid(tmp_path):
    """A file of 64 images: a whole grid of three factors."""
    factors = np.indices((4, 4, 4)).reshape(3, -1).T
    images = np.zeros((64, *SHAPE), "uint8")
    for image, (row, column, size) in zip(images, factors, strict=True):
        image[row : row + size + 1, column : column + size + 1] = 255
    file = tmp_path / "grid.npz"
    np.savez(file, images=images, factors=factors)
    return str(file)


def test_a_run_on_pairs_resumes_to_the_bit(small_grid, tmp_path, monkeypatch):
    monkeypatch.setattr(_finishing, "finish", lambda model, *_: model)  # no scores, no figures

    def run(steps, name, **arguments):
        settings = {"k": (1, 2), "averaging": "ml"}
        common = {"latent_dim": 3, "batch_size": 4, "settings": settings, "show_progress": False}
        out = tmp_path / name
        return zoo.train("ada_gvae", small_grid, steps=steps, out=out, **common, **arguments)

    straight = run(4, "straight")
    run(2, "stopped")
    resumed = run(4, "stopped", resume=True)
    assert same(values_of(straight.trainable_variables), values_of(resumed.trainable_variables))
    assert straight.k == resumed.k == (1, 2)
    assert int(resumed.optimizer.iterations) == 4


def test_a_run_on_data_without_pairs_says_so_and_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match="one image for each combination of factors"):
        zoo.train("ada_gvae", "digits", steps=2, out=tmp_path / "run", show_progress=False)
    assert not (tmp_path / "run").exists()


@few_images
def test_a_run_of_joint_vae_is_scored_and_drawn(small_grid, tmp_path):
    run = zoo.train(
        "joint_vae",
        small_grid,
        steps=2,
        latent_dim=5,
        batch_size=4,
        settings={"categories": (2,)},
        out=tmp_path / "run",
        show_progress=False,
    )
    assert run.model.categories == (2,)
    assert (tmp_path / "run" / "figures" / "traversals.png").exists()
    assert {"mig", "active_units"} <= set(run.scores)
