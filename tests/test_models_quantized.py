"""Models with discrete latents, and HFS-VAE: against brute force, gradients by hand and literal estimates."""

import itertools
import math
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy.stats import norm
from sklearn.metrics import mutual_info_score

import zoo
from zoo import metrics, models, networks
from zoo.deliver.export import _fidelity
from zoo.measure import evaluation
from zoo.models import _codebook, _hessian, _kernel_density, _quantized, _support
from zoo.utils.precisions import float32_products

SHAPE, LATENTS = (8, 8, 1), 3
PIXELS = 64
DISCRETE = [models.QLAE, models.FSQAE, models.Tripod]

every_discrete = pytest.mark.parametrize("cls", DISCRETE, ids=lambda cls: cls.__name__)


def black_and_white(n=12, seed=0):
    return (np.random.default_rng(seed).random((n, *SHAPE)) > 0.5).astype("float32")


def linear_networks():
    """One dense layer to the code, one to the logits."""
    weights = [keras.initializers.GlorotNormal(seed=seed) for seed in (1, 2)]
    encoder = keras.Sequential(
        [keras.Input(SHAPE), layers.Flatten(), layers.Dense(LATENTS, kernel_initializer=weights[0])]
    )
    decoder = keras.Sequential(
        [
            keras.Input((LATENTS,)),
            layers.Dense(PIXELS, kernel_initializer=weights[1], bias_initializer="ones"),
            layers.Reshape(SHAPE),
        ]
    )
    return {"encoder": encoder, "decoder": decoder}


def linear(cls, **arguments):
    return cls(SHAPE, LATENTS, seed=0, **linear_networks(), **arguments)


def step_of(model, images, *optimizers):
    """What one update by plain gradient descent at rate 1 takes from each variable: the gradient, by name."""
    model.compile(*(optimizers or [keras.optimizers.SGD(1.0) for _ in range(2)]))
    before = [variable.numpy() for variable in model.trainable_variables]
    model.train_on_batch(images)
    after = [variable.numpy() for variable in model.trainable_variables]
    return [a - b for a, b in zip(before, after, strict=True)]


# Values and gradients.


@pytest.mark.parametrize("shape", [(7, 1, 2), (20, 3, 10), (5, 12, 4)])
def test_codes_go_to_the_nearest_value(shape):
    rows, latents, count = shape
    random = np.random.default_rng(0)
    codes = random.normal(size=(rows, latents)).astype("float32")
    values = random.normal(size=(latents, count)).astype("float32")  # in no order
    found = _codebook.nearest(tf.constant(codes), tf.constant(values)).numpy()
    for row, latent in itertools.product(range(rows), range(latents)):
        nearest = min(values[latent], key=lambda value: abs(value - codes[row, latent]))
        assert found[row, latent] == nearest


@every_discrete
def test_codes_are_values_of_their_latent_to_the_bit(cls, binary_digits):
    model = cls(SHAPE, LATENTS, seed=0)
    model.compile()
    model.fit(binary_digits, verbose=0)
    for codes in (model.encode(binary_digits).mode(), model.measure_codes(binary_digits)):
        for column, values in zip(np.asarray(codes).T, model.latent_values, strict=True):
            assert set(column) <= set(values)
    sampled = model.sample(200, seed=0)[1].numpy()
    assert [set(column) for column in sampled.T] == [set(row) for row in model.latent_values]
    assert (np.diff(model.latent_values) > 0).all()


def test_gradients_of_qlae_are_those_by_hand():
    images, weights = black_and_white(), (0.02, 0.03)
    model = linear(models.QLAE, quantization_weight=weights[0], commitment_weight=weights[1])
    x = images.reshape(len(images), -1)
    encoder, bias, decoder, offset = (w.numpy() for w in model.elbo_variables)
    values = model.codebook.values.numpy()
    z = x @ encoder + bias
    number = np.abs(z[:, :, None] - values).argmin(axis=-1)
    q = np.take_along_axis(values[None], number[..., None], axis=2)[..., 0]
    of_logits = 1 / (1 + np.exp(-(q @ decoder + offset))) - x
    of_codes = of_logits @ decoder.T + PIXELS * weights[1] * 2 * (z - q) / LATENTS
    of_values = np.zeros_like(values)
    pull = PIXELS * weights[0] * 2 * (q - z) / LATENTS
    for row, latent in np.ndindex(*z.shape):
        of_values[latent, number[row, latent]] += pull[row, latent]
    expected = [x.T @ of_codes, of_codes.sum(0), q.T @ of_logits, of_logits.sum(0), of_values]
    found = step_of(model, images)
    assert len(found) == len(expected)
    for ours, by_hand in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, by_hand / len(images), rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("levels", [2, 5, 12])
def test_gradients_of_fsq_pass_the_rounding(levels):
    images = black_and_white()
    model = linear(models.FSQAE, levels=levels)
    x = images.reshape(len(images), -1)
    encoder, bias, decoder, offset = (w.numpy() for w in model.elbo_variables)
    z = np.tanh(x @ encoder + bias)
    grid = np.linspace(-1, 1, levels)
    q = grid[np.abs(z[:, :, None] - grid).argmin(axis=-1)]
    np.testing.assert_allclose(model.encode(images).mean(), q, atol=1e-6)
    np.testing.assert_allclose(model.latent_values, np.tile(grid, (LATENTS, 1)), atol=1e-6)
    of_logits = 1 / (1 + np.exp(-(q @ decoder + offset))) - x
    of_outputs = (of_logits @ decoder.T) * (1 - z**2)
    found = step_of(model, images, keras.optimizers.SGD(1.0))
    np.testing.assert_allclose(found[0], x.T @ of_outputs / len(images), rtol=1e-3, atol=2e-5)


def test_the_loss_of_qlae_is_the_papers_times_the_pixels():
    images = black_and_white()
    model = linear(models.QLAE)
    terms = model.elbo_terms(images)
    values = model.objective(terms)
    z, q = model.encoder(images).numpy(), terms.latents.numpy()
    error = np.square(z - q).mean(axis=1)
    mean_of_pixels = values["reconstruction"].numpy() / PIXELS
    np.testing.assert_allclose(values["loss"], PIXELS * (mean_of_pixels + 0.02 * error), rtol=1e-5)
    np.testing.assert_allclose(values["quantization_error"], error, rtol=1e-5)


# Optimizers.


def test_weight_decay_spares_biases_also_after_a_file(tmp_path):
    def optimizers():
        return keras.optimizers.SGD(0.1, weight_decay=0.5), keras.optimizers.SGD(0.1)

    images = black_and_white()
    plain = step_of(linear(models.QLAE), images, *[keras.optimizers.SGD(0.1) for _ in range(2)])
    model = linear(models.QLAE)
    model.compile(*optimizers())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, loaded):
        before = [variable.numpy() for variable in one.trainable_variables]
        one.train_on_batch(images)
        for variable, old, step in zip(one.trainable_variables, before, plain, strict=True):
            decays = variable.name == "kernel"
            expected = old - step - decays * 0.1 * 0.5 * old
            np.testing.assert_allclose(variable.numpy(), expected, atol=1e-6)


def test_what_the_user_spares_from_weight_decay_stays_so():
    model = linear(models.FSQAE)
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    model.compile(optimizer)
    decays = {v.name: optimizer._use_weight_decay(v) for v in model.elbo_variables}
    assert decays == {"kernel": False, "bias": True}


@pytest.mark.parametrize("gradient", [1e-9, 0.3, 40.0])
def test_updates_of_the_sum_over_pixels_are_those_of_their_mean(gradient):
    paper = keras.optimizers.AdamW(1e-3, weight_decay=0.1, epsilon=1e-8, clipvalue=1.0)
    ours = _quantized.adam_per_pixel(1e-3, PIXELS, weight_decay=0.1, clipvalue=float(PIXELS))
    moved = []
    for optimizer, scale in ((paper, 1), (ours, PIXELS)):
        variable = keras.Variable([1.0])
        for sign in (1, -1, 1):
            optimizer.apply([tf.constant([sign * scale * gradient])], [variable])
        moved.append(float(variable.numpy()[0]))
    assert moved[0] == pytest.approx(moved[1], abs=2e-7)
    assert moved[0] != 1


def test_one_optimizer_for_both_is_refused():
    optimizer = keras.optimizers.Adam(1e-3)
    with pytest.raises(ValueError, match="codebook_optimizer"):
        linear(models.QLAE).compile(optimizer, optimizer)


def test_the_codebook_learns_alike_in_float16():
    images, moved = black_and_white(), []
    for policy in ("float32", "mixed_float16"):
        model = models.QLAE(SHAPE, LATENTS, seed=0, dtype=policy, quantization_weight=1.0)
        moved.append(step_of(model, images)[-1])
    assert np.abs(moved[0]).max() > 0.01
    np.testing.assert_allclose(moved[1], moved[0], atol=0.05 * np.abs(moved[0]).max())


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("cls", [models.QLAE, models.Tripod], ids=lambda cls: cls.__name__)
def test_own_networks_train_in_half_the_precision(cls, policy, binary_digits):
    settings = {"filters": 2, "units": 4}
    of_decoder = "float32" if cls is models.Tripod else policy
    model = cls(
        SHAPE,
        LATENTS,
        encoder=networks.normalized_encoder(SHAPE, LATENTS, seed=0, dtype=policy, **settings),
        decoder=networks.modulated_decoder(LATENTS, SHAPE, seed=1, dtype=of_decoder, **settings),
        seed=0,
    )
    model.compile()
    before = [variable.numpy() for variable in model.trainable_variables]
    history = model.fit(binary_digits, batch_size=16, epochs=4, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    after = [variable.numpy() for variable in model.trainable_variables]
    assert all((a != b).any() for a, b in zip(before, after, strict=True))
    codes = model.encode(binary_digits[:4]).mean()
    assert codes.dtype == model.decode(codes).mean().dtype == tf.float32


@pytest.mark.parametrize("arguments", [{"values": 1}, {"values": 2.5}, {"commitment_weight": -1}])
def test_qlae_refuses(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        models.QLAE(SHAPE, LATENTS, **arguments)


# Tripod.


@pytest.mark.parametrize("shape", [(2, 1), (9, 2), (64, 5)])
def test_multiinformation_is_that_of_kernel_estimates(shape):
    n, dims = shape
    points = np.random.default_rng(0).normal(size=shape) * np.arange(1, dims + 1)
    spread = points.std(axis=0)
    factor = (4 / (dims + 2)) ** (1 / (dims + 4)) * n ** (-1 / (dims + 4))
    expected = []
    for point in points:
        joint = np.mean([norm.pdf(point, other, spread * factor).prod() for other in points])
        alone = np.mean([norm.pdf(point, other, spread) for other in points], axis=0)
        expected.append(math.log(joint) - np.log(alone).sum())
    points = tf.constant(points, tf.float32)
    deviations = _kernel_density.deviations(points)
    np.testing.assert_allclose(deviations, spread, rtol=1e-5)
    found = _kernel_density.multiinformation(points, deviations)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(("batch", "nats"), [(32, 5.8), (64, 5.6), (256, 5.2)])
def test_multiinformation_of_independent_codes_is_what_tripod_says(batch, nats):
    random = np.random.default_rng(0)
    found = []
    for _ in range(20):
        codes = tf.constant(random.integers(0, 12, (batch, 10)), tf.float32)
        found.append(_kernel_density.multiinformation(codes, _kernel_density.deviations(codes)))
    assert np.mean(found) == pytest.approx(nats, abs=0.05)
    assert re.search(rf"{nats}( nats)? in batches of {batch}", models.Tripod.__doc__)


def test_multiinformation_tells_copies_from_independent_latents():
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, 200, 1)).astype("float32")
    apart, alike = (
        float(
            tf.reduce_mean(_kernel_density.multiinformation(pair, _kernel_density.deviations(pair)))
        )
        for pair in (tf.concat([one, other], 1), tf.concat([one, one], 1))
    )
    assert alike > apart + 0.5


class Squares(layers.Layer):
    """Sums of products of latents, z^T A z, for several A."""

    def __init__(self, forms):
        super().__init__()
        self.forms = self.add_weight(
            shape=np.shape(forms), initializer=lambda shape, dtype: tf.constant(forms, dtype)
        )

    def call(self, z):
        return tf.einsum("bi,fij,bj->bf", z, self.forms, z)


def penalty(layer, latents, deviations, seed=(3, 4)):
    network = keras.Sequential([keras.Input((latents.shape[1],)), layer])
    return _hessian.normalized_penalty(network, latents, deviations, seed).numpy()


def test_hessian_penalty_of_quadratic_forms_is_that_by_hand():
    random = np.random.default_rng(0)
    forms = random.normal(size=(5, LATENTS, LATENTS))
    latents = tf.constant(random.normal(size=(6, LATENTS)), tf.float32)
    deviations = np.array([0.5, 1.0, 2.0], "float32")
    seed = (3, 4)
    kinds = [
        make(latents.shape, seed).numpy()[:, ::2] for make in (_hessian._signs, _hessian._gaussian)
    ]
    assert set(np.unique(kinds[0])) == {-1.0, 1.0}
    variances = []
    for directions in kinds:
        steps = deviations * directions.astype(float)
        curved = 2 * np.einsum("bdi,fij,bdj->bdf", steps, forms, steps)
        variances.append(curved.var(axis=1).mean(axis=1))
    np.testing.assert_allclose(
        penalty(Squares(forms), latents, deviations, seed), variances[0] / variances[1], rtol=1e-2
    )


def test_hessian_penalty_is_zero_where_latents_do_not_interact():
    latents = tf.constant(np.random.default_rng(0).normal(size=(6, LATENTS)), tf.float32)
    deviations = tf.constant([0.5, 1.0, 2.0])
    diagonal = np.stack([np.diag([1.0, 2.0, 3.0]), np.diag([-1.0, 0.5, 0.0])])
    assert penalty(Squares(diagonal), latents, deviations).max() < 1e-3
    mixed = np.stack([np.eye(3)[[1, 0, 2]], np.eye(3)[[2, 1, 0]]])
    alone = penalty(Squares(mixed), latents, deviations)
    assert alone.min() > 1e-2
    np.testing.assert_allclose(penalty(Squares(mixed * 50), latents, deviations), alone, rtol=1e-2)


def test_second_differences_are_no_matrix_products_whose_factors_a_gpu_rounds():
    """TF32 has 11 bits: of points 0.1 deviations apart, little but rounding would be left."""
    network = keras.Sequential([keras.Input((LATENTS,)), layers.Activation("softplus")])

    @tf.function(input_signature=[tf.TensorSpec((6, LATENTS))])
    def traced(latents):
        return _hessian.normalized_penalty(network, latents, tf.ones(LATENTS), (3, 4))

    kinds = {operation.type for operation in traced.get_concrete_function().graph.get_operations()}
    assert "Softplus" in kinds
    assert not {kind for kind in kinds if "MatMul" in kind or "Einsum" in kind}


@pytest.mark.parametrize("cls", [models.Tripod, models.FSQAE])
@pytest.mark.parametrize("verb", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_verbs_of_tripod_compute_without_tf32(cls, verb, monkeypatch):
    seen = []
    rounds = tf.config.experimental.tensor_float_32_execution_enabled
    owner = next(each for each in keras.Model.__mro__ if verb in vars(each))
    monkeypatch.setattr(owner, verb, lambda *_, **__: seen.append(rounds()))
    model = cls(SHAPE, LATENTS, seed=0)
    model.compile()
    getattr(model, verb)(black_and_white())
    assert seen == [cls is models.FSQAE]
    assert rounds()


def test_tf32_is_back_after_an_error():
    with pytest.raises(KeyError), float32_products(exact=True):
        raise KeyError
    assert tf.config.experimental.tensor_float_32_execution_enabled()


def test_tripod_adds_what_it_reports_in_the_papers_weights():
    model = models.Tripod(SHAPE, LATENTS, seed=0, information_weight=0.5, hessian_weight=0.25)
    values = model.objective(model.elbo_terms(black_and_white()))
    added = 0.5 * values["multiinformation"] + 0.25 * values["hessian_penalty"]
    np.testing.assert_allclose(values["loss"], values["reconstruction"] + PIXELS * added, rtol=1e-5)


def test_tripod_learns_of_images_that_are_all_alike():
    model = models.Tripod(SHAPE, LATENTS, seed=0)
    model.compile()
    history = model.fit(np.zeros((4, *SHAPE)), epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_tripod_looks_at_the_layers_that_are_named():
    model = models.Tripod(SHAPE, LATENTS, seed=0, penalized_layers=("dense_1", "dense_0"))
    looked_at = _hessian.hidden_layers(model.decoder, model.penalized_layers)
    assert [output.shape[1:] for output in looked_at.outputs] == [
        model.decoder.get_layer(name).output.shape[1:] for name in ("dense_1", "dense_0")
    ]
    every = _hessian.hidden_layers(model.decoder).outputs
    assert len(every) == len([layer for layer in model.decoder.layers if layer.weights]) - 1
    assert type(model).from_config(model.get_config()).penalized_layers == ("dense_1", "dense_0")


def test_tripod_takes_the_name_of_a_single_layer():
    model = models.Tripod(SHAPE, LATENTS, seed=0, penalized_layers="dense_0")
    assert model.penalized_layers == ("dense_0",)
    assert type(model).from_config(model.get_config()).penalized_layers == ("dense_0",)


@pytest.mark.parametrize("names", [["dense_9"], ["dense_0", "nothing"], [], "dense_9", 3, [0]])
def test_tripod_refuses_layers_that_are_not_there(names):
    with pytest.raises(ValueError, match="penalized_layers"):
        models.Tripod(SHAPE, LATENTS, penalized_layers=names)


def test_tripod_refuses_a_decoder_without_a_graph():
    class Opaque(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.reshape = layers.Dense(PIXELS), layers.Reshape(SHAPE)

        def call(self, inputs):
            return self.reshape(self.dense(inputs))

    with pytest.raises(ValueError, match="functional `decoder`"):
        models.Tripod(SHAPE, LATENTS, decoder=Opaque())


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_tripod_refuses_a_decoder_in_half_the_precision(policy):
    decoder = networks.convolutional_decoder(LATENTS, SHAPE, dtype=policy)
    with pytest.raises(ValueError, match="dtype='float32'"):
        models.Tripod(SHAPE, LATENTS, decoder=decoder)


def test_tripods_decoder_computes_in_float32_in_any_precision():
    model = models.Tripod(SHAPE, LATENTS, seed=0, dtype="mixed_bfloat16")
    assert {layer.compute_dtype for layer in model.decoder.layers} == {"float32"}
    assert model.encoder.layers[1].compute_dtype == "bfloat16"


# HFS-VAE.


def brute_force(means, i, j):
    """The Hausdorff distance, squared, of a pair's factorized support."""
    return max(
        min((a - x) ** 2 + (c - y) ** 2 for x, y in zip(means[:, i], means[:, j], strict=True))
        for a, c in itertools.product(means[:, i], means[:, j])
    )


@pytest.mark.parametrize("shape", [(1, 2), (5, 3), (9, 4)])
def test_support_distance_is_that_by_brute_force(shape):
    means = np.random.default_rng(0).normal(size=shape).astype("float32")
    model = models.HFSVAE(SHAPE, shape[1], seed=0, pairs=None, combinations=None)
    expected = sum(brute_force(means, *pair) for pair in itertools.combinations(range(shape[1]), 2))
    found = float(model.support_distance(tf.constant(means), (0, 1)))
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_support_distance_of_some_combinations_is_theirs():
    random = np.random.default_rng(0)
    means = random.normal(size=(8, 3)).astype("float32")
    pairs = np.array([[0, 2], [1, 2]])
    rows = random.integers(8, size=(5, 2, 2))
    found = _support.hausdorff(tf.constant(means), tf.constant(pairs), tf.constant(rows)).numpy()
    for number, (i, j) in enumerate(pairs):
        furthest = max(
            min((means[a, i] - m[i]) ** 2 + (means[c, j] - m[j]) ** 2 for m in means)
            for a, c in rows[:, number]
        )
        assert found[number] == pytest.approx(furthest, rel=1e-5)
        assert found[number] <= brute_force(means, i, j) * (1 + 1e-5)


def test_support_distance_is_zero_where_every_value_is_beside_every_other():
    means = tf.constant(list(itertools.product([0.0, 1.0, 3.0], [-1.0, 2.0])))
    model = models.HFSVAE(SHAPE, 2, seed=0)
    assert float(model.support_distance(means, (0, 1))) == 0
    assert float(model.support_distance(means[:-1], (0, 1))) > 0


@pytest.mark.parametrize("count", [1, 3, 6, 100, None])
def test_pairs_of_an_update_differ_from_each_other(count):
    pairs = [tuple(pair) for pair in _support.drawn_pairs(4, count, (0, 1)).numpy()]
    assert len(set(pairs)) == len(pairs) == min(count or 6, 6)
    assert set(pairs) <= set(itertools.combinations(range(4), 2))


def test_hfs_vae_without_its_penalty_is_a_beta_vae():
    images = black_and_white()
    losses = [
        model.objective(model.elbo_terms(images, seed=(0, 1)))["loss"].numpy()
        for model in (
            models.HFSVAE(SHAPE, LATENTS, gamma=0.0, beta=2.0, seed=0),
            models.BetaVAE(SHAPE, LATENTS, beta=2.0, seed=0),
        )
    ]
    np.testing.assert_array_equal(*losses)


# Codes in metrics, traversals, exports.


@pytest.mark.parametrize("levels", [2, 4, 9])
def test_infomec_counts_the_information_of_discrete_codes(levels):
    random = np.random.default_rng(0)
    factors = random.integers(0, 3, size=(3000, 2))
    noisy = np.where(
        random.random(len(factors)) < 0.7, factors[:, 0], random.integers(0, 3, len(factors))
    )
    other = (factors[:, 1] + random.integers(0, levels, len(factors))) % levels
    codes = np.stack([noisy, other], axis=1).astype("float32")
    scores = metrics.infomec(codes, factors, samples=len(codes), discrete=True)
    shares = np.array(
        [
            [
                mutual_info_score(factor, code) / mutual_info_score(factor, factor)
                for code in codes.T
            ]
            for factor in factors.T
        ]
    )
    expected = [((table.max(1) / table.sum(1) - 0.5) / 0.5).mean() for table in (shares.T, shares)]
    assert scores["infomec_modularity"] == pytest.approx(expected[0], abs=1e-9)
    assert scores["infomec_compactness"] == pytest.approx(expected[1], abs=1e-9)


def test_infomec_of_discrete_codes_does_not_see_their_order():
    random = np.random.default_rng(0)
    factors = random.integers(0, 4, size=(1000, 2))
    codes = factors + random.integers(0, 2, size=factors.shape)
    shuffled = np.array([7.0, -1.0, 3.0, 0.0, 5.0])[codes]
    first, second = (
        metrics.infomec(table.astype(float), factors, discrete=True) for table in (codes, shuffled)
    )
    assert first == pytest.approx(second, abs=1e-3)
    one_hot = metrics.infomec(shuffled, factors, discrete=True)["infomec_explicitness"]
    assert one_hot > metrics.infomec(shuffled, factors)["infomec_explicitness"] + 0.1


def test_infomec_refuses_continuous_codes_as_discrete():
    random = np.random.default_rng(0)
    factors = random.integers(0, 3, size=(1000, 1))
    with pytest.raises(ValueError, match="at most 256 values"):
        metrics.infomec(random.normal(size=(1000, 2)), factors, discrete=True)


@pytest.mark.parametrize("cls", [*DISCRETE, models.VAE], ids=lambda cls: cls.__name__)
def test_evaluation_says_whether_codes_are_discrete(cls):
    found = evaluation.evaluate_in_detail(
        cls(SHAPE, LATENTS, seed=0), "digits", "infomec(iterations=3)", samples=300
    )
    [scored] = found.metrics
    assert scored.parameters["discrete"] == (cls in DISCRETE)
    table = found.table
    again = metrics.infomec(
        table.codes, table.factors, seed=0, iterations=3, discrete=scored.parameters["discrete"]
    )
    assert again == scored.scores


@every_discrete
def test_traversals_walk_the_values(cls, digits):
    model = cls(SHAPE, LATENTS, seed=0, likelihood="continuous_bernoulli")
    drawn = evaluation.traverse(model, digits, columns=4, span=2.0, index=5)
    values = model.latent_values
    assert list(drawn.values) == list(range(values.shape[1]))
    assert (drawn.filled == values.shape[1]).all()
    np.testing.assert_array_equal(drawn.settings, values[drawn.latents])
    code = model.encode(digits[5:6]).mode().numpy()[0]
    code[drawn.latents[0]] = values[drawn.latents[0], -1]
    np.testing.assert_allclose(drawn.images[0, -1], model.decode(code[None]).mean()[0], atol=1e-6)


def test_exports_draw_from_the_codebook(tmp_path, binary_digits):
    model = models.QLAE(SHAPE, LATENTS, seed=0)
    model.codebook.values.assign(np.random.default_rng(0).normal(size=(LATENTS, 10)))
    model.export(tmp_path / "1")
    loaded = tf.saved_model.load(tmp_path / "1").signatures
    for latents in (
        loaded["sample"](n=tf.constant(50), seed=tf.constant(0))["latents"],
        loaded["encode"](images=tf.constant(binary_digits))["mean"],
    ):
        for column, values in zip(latents.numpy().T, model.latent_values, strict=True):
            assert set(column) <= set(values)


@pytest.mark.parametrize(
    "cls", [*DISCRETE, models.Autoencoder, models.VAE], ids=lambda cls: cls.__name__
)
def test_a_single_latent_keeps_its_size_in_graphs(cls):
    model = cls(SHAPE, 1, seed=0)

    @tf.function(input_signature=[tf.TensorSpec((None, *SHAPE))])
    def traced(images):
        posterior = model.encode(images)
        found = posterior.mean(), posterior.mode(), posterior.sample(seed=1), model(images)
        assert [each.shape[1:] for each in found] == [(1,), (1,), (1,), SHAPE]
        return found

    images = black_and_white(4)
    np.testing.assert_array_equal(traced(images)[0], model.encode(images).mean())


def test_a_model_of_a_single_latent_of_two_values_is_exported(tmp_path):
    model = models.QLAE(SHAPE, 1, values=2, seed=0)
    model.export(tmp_path / "1")
    loaded = tf.saved_model.load(tmp_path / "1").signatures
    images = black_and_white(20)
    codes = loaded["encode"](images=tf.constant(images))["mean"]
    np.testing.assert_array_equal(codes, model.encode(images).mean())
    drawn = loaded["sample"](n=tf.constant(50), seed=tf.constant(0))["latents"]
    assert sorted(set(drawn.numpy().ravel())) == sorted(model.latent_values.ravel())


def test_exports_are_measured_on_images_whose_codes_are_no_ties():
    model = linear(models.FSQAE, levels=2)  # a tie at 0, which black images give
    images = np.concatenate([np.zeros((3, *SHAPE)), black_and_white(5)]).astype("float32")
    given = _fidelity.inputs(model, images, ["encode"], tolerance=1e-4)["encode"]["images"]
    np.testing.assert_array_equal(given, images[3:])
    only_ties = _fidelity.inputs(model, images[:3], ["encode"], tolerance=1e-4)
    assert len(only_ties["encode"]["images"]) == 3


# The networks.


@pytest.mark.parametrize("shape", [(64, 64, 3), (8, 8, 1), (5, 7, 2), (3, 3, 1)])
def test_networks_of_qlae_fit_images_of_any_size(shape):
    encoder = networks.normalized_encoder(shape, 6, filters=2, units=5, seed=0)
    decoder = networks.modulated_decoder(6, shape, 2, filters=2, units=5, seed=1)
    assert encoder.output_shape == (None, 6)
    assert decoder.output_shape == (None, *shape[:2], 2 * shape[2])
    images = decoder.predict(np.eye(6, dtype="float32"), verbose=0)
    assert all((images[0] != other).any() for other in images[1:])


def test_networks_of_qlae_are_as_deep_and_wide_as_the_papers():
    encoder = networks.normalized_encoder((64, 64, 3), 12)
    widths = [layer.filters for layer in encoder.layers if isinstance(layer, layers.Conv2D)]
    assert widths == [width for width in (32, 64, 128, 256) for _ in range(3)]
    decoder = networks.modulated_decoder(12, (64, 64, 3))
    assert tuple(decoder.get_layer("constant").map.shape) == (4, 4, 256)
    maps = [layer for layer in decoder.layers if layer.name.startswith("modulation")]
    assert [layer.output.shape[-1] for layer in maps] == widths[::-1]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_instances_are_normalised_each_by_itself(policy):
    from zoo.networks._modulation import InstanceNormalization

    maps = np.random.default_rng(0).normal(3, 5, size=(4, 6, 5, 2)).astype("float32")
    found = InstanceNormalization(dtype=policy)(maps)
    mean, spread = (take(axis=(1, 2), keepdims=True) for take in (maps.mean, maps.std))
    tolerance = 1e-4 if policy == "float32" else 0.03
    np.testing.assert_allclose(tf.cast(found, tf.float32), (maps - mean) / spread, atol=tolerance)


def test_networks_of_qlae_are_kept_in_presets_and_files(tmp_path, binary_digits):
    model = models.QLAE(
        SHAPE,
        LATENTS,
        encoder=networks.normalized_encoder(SHAPE, LATENTS, filters=2, units=4, seed=0),
        decoder=networks.modulated_decoder(LATENTS, SHAPE, filters=2, units=4, seed=1),
        seed=0,
    )
    model.save_to_preset(tmp_path / "preset")
    model.save(tmp_path / "model.keras")
    expected = model(binary_digits[:4])
    for again in (
        zoo.from_preset(tmp_path / "preset"),
        keras.models.load_model(tmp_path / "model.keras"),
    ):
        np.testing.assert_array_equal(again(binary_digits[:4]), expected)
