"""Evaluation: encoded once, seeded, and the ELBO's numbers from their formulas."""

import dataclasses
import math
import warnings

import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import models
from zoo.measure import evaluation
from zoo.measure.evaluation import _evaluate, _metrics
from zoo.utils import registry

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def model():
    return models.VAE(SHAPE, 3, likelihood="continuous_bernoulli", seed=0)


@pytest.fixture(scope="module")
def labelled(digits):
    labels = np.arange(64) % 4
    return digits, np.stack([labels, np.arange(64) // 4 % 3], axis=1)


def test_elbo_scores_follow_their_formulas():
    table = evaluation.Table(
        codes=np.array([[0.0, 1.0], [0.0, 3.0], [0.19, 5.0], [0.0, 7.0]]),
        factors=None,
        indices=np.arange(4),
        reconstruction=np.array([10.0, 20.0, 30.0, 40.0]),
        latent_kl=np.array([[1.0, 2.0]] * 4),
    )
    scores = evaluation.elbo_scores(table, (2, 2, 1), is_density=False)
    assert scores == {
        "reconstruction": 25.0,
        "kl": 3.0,
        "elbo": -28.0,
        "bits_per_dimension": pytest.approx(28 / (4 * math.log(2))),
        "active_units": 1.0,
    }
    density = evaluation.elbo_scores(table, (2, 2, 1), is_density=True)
    assert density["bits_per_dimension"] == pytest.approx(scores["bits_per_dimension"] + 8)


def test_uniform_bytes_cost_eight_bits(digits):
    """A decoder of zeros under the continuous Bernoulli is the uniform density: 8 bits a byte."""
    model = models.VAE(SHAPE, 2, likelihood="continuous_bernoulli", seed=0)
    model.decoder.set_weights([np.zeros_like(weight) for weight in model.decoder.get_weights()])
    table = evaluation.encode(model, digits)
    assert evaluation.elbo_scores(table, SHAPE, True)["bits_per_dimension"] == pytest.approx(
        8 + table.latent_kl.sum(axis=1).mean() / (64 * math.log(2)), abs=1e-5
    )


def test_encode_gives_the_posteriors_means(model, digits):
    table = evaluation.encode(model, digits, batch_size=10)
    posterior = model.encode(digits)
    np.testing.assert_allclose(table.codes, posterior.mean(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(table.latent_kl, model.latent_kl(posterior), rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(table.indices, np.arange(64))
    assert table.factors is None


def test_samples_are_distinct_images_with_their_factors(model):
    table = evaluation.encode(model, "digits", samples=100, seed=5)
    assert len(set(table.indices)) == 100
    data = zoo.datasets.load("digits")
    np.testing.assert_array_equal(table.factors, data.factors(table.indices))
    codes = model.encode(data.images(table.indices)).mean()
    np.testing.assert_allclose(table.codes, codes, rtol=1e-4, atol=1e-6)


def test_same_seed_same_scores_and_no_trace(model, labelled):
    state = model.seed_generator.state.numpy().copy()
    numpy_state = np.random.get_state()[1].copy()
    first = zoo.evaluate(model, labelled, seed=3)
    assert first == zoo.evaluate(model, labelled, seed=3)
    assert first != zoo.evaluate(model, labelled, seed=4)
    np.testing.assert_array_equal(model.seed_generator.state.numpy(), state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)


def test_metrics_are_those_of_the_table(model, labelled):
    scores = zoo.evaluate(model, labelled, metrics=["mig", "factor_vae_score"], seed=1)
    table = zoo.encode(model, labelled, seed=1)
    assert scores["mig"] == zoo.metrics.mig(table.codes, table.factors, seed=1)["mig"]
    assert "factor_vae_score_unpruned" in scores


def test_no_factors_no_metrics(model, digits):
    assert "mig" not in zoo.evaluate(model, digits)
    with pytest.raises(ValueError, match=r"Expected a dataset with factors"):
        zoo.evaluate(model, digits, ["mig"])


def test_bad_requests_are_named(model, digits):
    with pytest.raises(ValueError, match=r'Unknown metric "migg"\. Did you mean "mig"'):
        zoo.evaluate(model, "digits", ["migg"])
    with pytest.raises(ValueError, match=r"images of shape \(8, 8, 1\).*shapes2d"):
        zoo.evaluate(model, "shapes2d")
    with pytest.raises(ValueError, match="`samples` must be an integer >= 1"):
        zoo.encode(model, digits, samples=0)
    with pytest.raises(ValueError, match="`index` must be an integer from 0 to 63"):
        zoo.traverse(model, digits, index=64)


def test_traversal_moves_one_latent_and_sorts_by_kl(model, digits):
    traversal = zoo.traverse(model, digits, index=5, span=1.5, columns=7)
    np.testing.assert_allclose(traversal.values, np.linspace(-1.5, 1.5, 7))
    mean_kl = evaluation.encode(model, digits).latent_kl.mean(axis=0)
    np.testing.assert_allclose(traversal.kl, np.sort(mean_kl)[::-1], rtol=1e-5)
    assert sorted(traversal.latents) == [0, 1, 2]
    code = model.encode(digits[5:6]).mean().numpy()
    for row, latent in enumerate(traversal.latents):
        moved = code.copy()
        moved[0, latent] = -1.5
        expected = model.decode(moved).mean().numpy()[0]
        np.testing.assert_allclose(traversal.images[row, 0], expected, atol=1e-5)


def test_reconstructions_stand_beside_their_inputs(model, digits):
    inputs, outputs, indices = evaluation.reconstruct(model, digits, count=6)
    np.testing.assert_array_equal(inputs, digits[indices])
    np.testing.assert_allclose(outputs, model(digits[indices]), atol=1e-6)
    as_bytes = np.round(digits * 255).astype("uint8")
    assert evaluation.reconstruct(model, as_bytes)[0].max() <= 1


def test_default_metrics_are_quick_ones_that_exist(model, labelled):
    assert set(evaluation.QUICK) <= set(registry.members("metrics"))
    found = evaluation.evaluate_in_detail(model, labelled, samples=40)
    assert [scored.metric for scored in found.metrics] == list(evaluation.QUICK)
    assert list(found.scores)[5] == evaluation.QUICK[0]
    assert all(scored.seconds > 0 for scored in found.metrics)


def test_what_a_single_factor_makes_perfect_is_not_taken_unasked(model, digits, labelled):
    one = (digits, labelled[1][:, :1])
    found = evaluation.evaluate_in_detail(model, one)
    taken = {scored.metric for scored in found.metrics}
    assert set(evaluation.QUICK) - taken == {"factor_vae_score", "beta_vae_score", "modularity"}
    assert not any(scored.warnings for scored in found.metrics)
    noise = np.random.default_rng(0).normal(size=(64, 3))
    for name in ("factor_vae_score", "beta_vae_score", "modularity", "dci"):
        with pytest.warns(UserWarning, match="A single factor is scored"):
            assert registry.get("metrics", name)(noise, one[1])[name] == 1


def test_metrics_by_call_tell_their_parameters(model, labelled):
    calls = ["mig(bins=7)", "dci(trees=2, seed=5)"]
    found = evaluation.evaluate_in_detail(model, labelled, calls, seed=3, jobs=2)
    table = zoo.encode(model, labelled, seed=3)
    mig, dci = found.metrics
    assert mig.parameters == {"bins": 7, "samples": 10_000, "seed": 3}
    assert mig.scores == zoo.metrics.mig(table.codes, table.factors, seed=3, bins=7)
    assert dci.scores == zoo.metrics.dci(table.codes, table.factors, seed=5, trees=2)
    assert dci.parameters["booster"] == "gradient_boosting"
    assert "jobs" not in dci.parameters


@pytest.fixture(scope="module")
def grid():
    """Images of one pixel a factor, in no order."""
    factors = np.random.default_rng(0).permutation(np.indices((4, 5, 6)).reshape(3, -1).T)
    images = np.zeros((len(factors), *SHAPE), np.float32)
    images[:, 0, :3, 0] = factors / 5
    return zoo.datasets.load((images, factors))


def test_traversals_are_those_of_the_dataset(model, grid):
    found = evaluation.encode_traversals(model, grid, 3, seed=1)
    assert [codes.shape for codes in found] == [(3, 4, 3), (3, 5, 3), (3, 6, 3)]
    every = zoo.encode(model, grid, samples=None).codes
    for factor, codes in enumerate(found):
        for along in codes:
            rows = [np.abs(every - code).sum(axis=1).argmin() for code in along]
            np.testing.assert_allclose(every[rows], along, atol=1e-5)
            factors = grid.factors(rows)
            assert factors[:, factor].tolist() == list(range(grid.factor_sizes[factor]))
            assert (np.delete(factors, factor, axis=1) == np.delete(factors[0], factor)).all()


def test_part_of_a_grid_is_scored_along_whole_traversals(model, grid):
    part = evaluation.evaluate_in_detail(model, grid, ["mig", "distances"], samples=60).metrics
    whole = evaluation.evaluate_in_detail(model, grid, ["distances"], samples=None).metrics
    assert part[1].parameters["traversals"] == evaluation.LEAST_TRAVERSALS
    assert "traversals" not in whole[0].parameters
    assert "traversals" not in part[0].parameters
    assert part[1].scores["coverage"] == 1
    assert part[1].scores == pytest.approx(whole[0].scores, abs=0.1)
    assert whole[0].scores["axis_ratio"] > 0.3


def test_traversals_are_not_encoded_in_vain(monkeypatch, model, grid, labelled):
    monkeypatch.setattr(_evaluate, "encode_traversals", None)
    evaluation.evaluate(model, grid, ["mig"], samples=60)
    evaluation.evaluate(model, grid, ["distances"], samples=None)
    evaluation.evaluate(model, labelled, ["distances"], samples=30)


def test_traversals_grow_with_the_table(model, grid):
    table = evaluation.encode(model, grid, samples=60)
    many = dataclasses.replace(table, indices=np.zeros(100_000))
    more = dataclasses.replace(table, indices=np.zeros(750))
    assert _evaluate._traversals_for(["distances"], grid, many) == evaluation.MOST_TRAVERSALS
    assert _evaluate._traversals_for(["distances"], grid, more) == 750 // (4 + 5 + 6)


def test_metrics_of_samples_get_the_models_variances(model, labelled):
    found = evaluation.evaluate_in_detail(model, labelled, ["mig_posterior(samples=50)"], seed=2)
    variance = model.encode(labelled[0][found.table.indices]).variance()
    np.testing.assert_allclose(found.table.log_variances, np.log(variance), atol=1e-5)
    expected = zoo.metrics.mig_posterior(
        found.table.codes,
        found.table.factors,
        seed=2,
        samples=50,
        log_variances=found.table.log_variances,
    )
    assert found.metrics[0].scores == expected
    assert found.metrics[0].parameters == {"seed": 2, "samples": 50, "without": ()}


@pytest.mark.parametrize("name", ["autoencoder", "joint_vae"])
def test_models_without_a_gaussian_posterior_have_no_mig_of_samples(name, labelled):
    model = registry.get("models", name)(labelled[0].shape[1:], 3, seed=0)
    assert evaluation.encode_log_variances(model, labelled, np.arange(9)) is None
    with pytest.raises(ValueError, match="a model whose latents are all Gaussian"):
        zoo.evaluate(model, labelled, ["mig_posterior"])


def test_all_metrics_of_a_model_without_a_gaussian_posterior(monkeypatch, labelled):
    known = {name: registry.get("metrics", name) for name in ("mig", "mig_posterior")}
    monkeypatch.setattr(registry, "names", lambda room: list(known))
    model = registry.get("models", "autoencoder")(labelled[0].shape[1:], 3, seed=0)
    with pytest.warns(UserWarning, match="Left out are the metrics that sample it: mig_posterior"):
        scores = zoo.evaluate(model, labelled, "all")
    assert "mig" in scores
    assert "mig_posterior" not in scores


def test_traversals_need_every_combination(model, labelled):
    with pytest.raises(ValueError, match="Expected one image for each combination"):
        evaluation.encode_traversals(model, labelled, 2)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (
            ["distances(traversals=4)"],
            "`traversals` is no argument of a metric here: they are drawn",
        ),
        (["mig(bin=7)"], r"mig: its arguments are named, and are: seed, samples, bins"),
        (["mig(7)"], r"its arguments are named"),
        (["dci(jobs=4)"], r"dci: `jobs` is no argument of a metric here.*--jobs"),
        (["dci(tree=4)"], r"and are: seed, train_samples, test_samples, booster, trees, depth\. "),
        (["mig(bins='many')"], r"mig: `bins` must be an integer >= 0\. Received: bins='many'"),
        (["mig(seed=-1)"], r"mig: `seed` must be an integer >= 0"),
        (["sap(penalty='high')"], r"sap: `penalty` must be a number\. Received: penalty='high'"),
        (
            ["downstream(train_samples=5)"],
            r"`train_samples` must be several values, such as \(100, 1000, 10000\)",
        ),
        ("mig, sapp", 'Unknown metric "sapp"'),
        (["mig", "mig(bins=7)"], "Expected each metric once.*another rule of one in a call"),
        ("mig,model_centrality(groups=9)", r"zoo.comparison.model_centrality\(folders\)"),
        (["udr"], r'Unknown metric "udr" .* zoo.comparison.udr\(folders\)'),
    ],
)
def test_bad_calls_are_known_before_any_work(monkeypatch, model, labelled, metrics, message):
    monkeypatch.setattr(_evaluate, "encode", None)
    with pytest.raises(ValueError, match=message):
        zoo.evaluate(model, labelled, metrics)


@pytest.mark.parametrize("metrics", ["mig, irs", " mig,,irs, ", ["mig, irs"], ("mig", " irs ")])
def test_names_may_stand_in_one_text(labelled, metrics):
    data = zoo.datasets.load(labelled)
    assert evaluation.metric_names(metrics, data) == ["mig", "irs"]


def test_a_text_is_split_outside_of_brackets(labelled):
    data = zoo.datasets.load(labelled)
    call = "downstream(test_samples=50, train_samples=(10, 20))"
    assert evaluation.metric_names(f"{call}, mig", data) == [call, "mig"]
    assert evaluation.metric_names("", data) == []
    assert evaluation.metric_names(" all", data) == evaluation.metric_names(["all"], data)


def test_one_name_is_no_list_of_letters(model, labelled):
    assert zoo.evaluate(model, labelled, "mig") == zoo.evaluate(model, labelled, ["mig"])


def test_by_default_there_are_as_many_codes_as_metrics_take(labelled):
    for name in ("sap", "dci", "explicitness", "downstream"):
        _, _, parameters = _metrics.parsed(name)
        most = np.max(parameters["train_samples"])
        assert most + parameters["test_samples"] <= evaluation.SAMPLES


@pytest.mark.parametrize("take", [zoo.evaluate, zoo.encode, zoo.traverse, evaluation.reconstruct])
def test_a_bad_seed_is_named(model, labelled, take):
    with pytest.raises(ValueError, match=r"`seed` must be an integer >= 0\. Received: seed=-1"):
        take(model, labelled, seed=-1)


# Metrics that fail, warn, or need no factors.


@pytest.fixture
def unscorable(digits):
    """Images whose only factor has one value: most metrics cannot be taken."""
    return digits, np.zeros((len(digits), 1), int)


def test_a_failing_metric_leaves_the_others_as_they_are(model, labelled):
    calls = ["mig", "irs(quantile=2.0)", "sap"]
    with pytest.warns(UserWarning, match="irs is not scored: `quantile` must be"):
        found = evaluation.evaluate_in_detail(model, labelled, calls)
    mig, irs, sap = found.metrics
    assert found.failed == {"irs": irs.failed}
    assert irs.failed.startswith("`quantile` must be")
    assert (irs.scores, irs.parameters["quantile"]) == ({}, 2.0)
    assert {**mig.scores, **sap.scores} == {
        name: found.scores[name]
        for name in zoo.evaluate(model, labelled, ["mig", "sap"])
        if name not in found.bound
    }


def test_a_failing_metric_raises_where_it_was_named(model, labelled):
    with pytest.raises(ValueError, match="`quantile` must be"):
        zoo.evaluate(model, labelled, ["mig", "irs(quantile=2.0)"])
    with pytest.raises(ValueError, match="`quantile` must be"):
        evaluation.evaluate_in_detail(model, labelled, "irs(quantile=2.0)", keep_failed=False)


@pytest.mark.filterwarnings("default")
def test_a_failing_metric_that_was_not_named_is_left_out(model, unscorable):
    with pytest.warns(UserWarning, match="mig is not scored: Expected a factor with at least two"):
        scores = zoo.evaluate(model, unscorable)
    assert {"elbo", "unsupervised"} <= set(scores)
    assert "mig" not in scores


def test_what_a_metric_warns_of_is_kept_and_shown(model, labelled):
    images, factors = labelled
    data = images, np.concatenate([factors, np.zeros_like(factors[:, :1])], axis=1)
    text = "Factor 2 is not scored: its only value is 0."
    with pytest.warns(UserWarning, match=f"mig: {text}") as shown:
        found = evaluation.evaluate_in_detail(model, data, ["mig", "unsupervised"])
    assert [row.warnings for row in found.metrics] == [(text,), ()]
    assert len(shown) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert evaluation.evaluate_in_detail(model, data, "mig").metrics[0].warnings == (text,)


def test_warnings_before_a_failure_are_shown(model, unscorable):
    table = zoo.encode(model, unscorable)
    with (
        pytest.warns(UserWarning, match="its only value is 0"),
        pytest.raises(ValueError, match="none that varies"),
    ):
        evaluation.score(table, "mig")


def test_without_factors_there_are_metrics_that_need_none(model, digits):
    scores = zoo.evaluate(model, digits, "unsupervised")
    codes = zoo.encode(model, digits).codes
    expected = zoo.metrics.unsupervised(codes, np.zeros((len(codes), 1), int))
    assert {name: scores[name] for name in expected} == expected
    with pytest.raises(ValueError, match=r"for mig\. .*has none.*\(--metrics unsupervised\)"):
        zoo.evaluate(model, digits, "mig, unsupervised")
    with pytest.raises(ValueError, match="Expected a table with factors for mig"):
        evaluation.score(zoo.encode(model, digits), "mig")


def test_all_metrics_without_factors(model, digits):
    with pytest.warns(
        UserWarning, match="has no factors. Left out are .*: beta_vae_score, .*, sap"
    ):
        scores = zoo.evaluate(model, digits, "all")
    assert {"elbo", "unsupervised"} <= set(scores)
    assert "mig" not in scores


def test_all_metrics_are_all_of_the_room(monkeypatch, model, labelled):
    taken = []
    monkeypatch.setattr(
        _evaluate,
        "score",
        lambda table, name, **_: taken.append(name) or evaluation.Scored(name, {}, {}, 0.0),
    )
    zoo.evaluate(model, labelled, "all")
    assert taken == registry.names("metrics")


def test_codes_alone_are_the_same_codes(model, labelled):
    whole = zoo.encode(model, labelled, seed=3, batch_size=10)
    alone = zoo.encode(model, labelled, seed=3, batch_size=10, terms=False)
    np.testing.assert_allclose(alone.codes, whole.codes, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(alone.factors, whole.factors)
    assert alone.reconstruction is alone.latent_kl is None


def test_models_that_are_encoded_one_after_another_bring_no_warning_of_traces(caplog):
    """Not even in parts of several sizes, which are traced twice each."""
    tf.get_logger().addHandler(caplog.handler)
    try:
        for seed in range(4):
            model = zoo.models.VAE((8, 8, 1), latent_dim=2, seed=seed)
            for terms in (True, False):
                table = zoo.encode(model, "digits", samples=20, batch_size=7, terms=terms)
    finally:
        tf.get_logger().removeHandler(caplog.handler)
    assert table.codes.shape == (20, 2)
    assert "retracing" not in caplog.text
