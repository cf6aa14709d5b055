"""What every public model, likelihood, dataset and metric must do. New members are found by themselves."""

import functools
import inspect
import io
import math
import operator
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import datasets, metrics, models
from zoo.deliver import export
from zoo.likelihoods import Likelihood
from zoo.measure import evaluation, plots
from zoo.runs import training
from zoo.utils import registry

SHAPE = (8, 8, 1)
LATENTS = 3

# Arguments that keep a member small or complete in a test.
SMALL = {
    "factor_vae": {"discriminator_layers": 1},
    "joint_vae": {"categories": (2,)},
    "adversarial_autoencoder": {"discriminator_layers": 1},
    "info_gan": {"noise_dim": 4},
    "info_wgan_gp": {"noise_dim": 4, "discriminator_steps": 2},
    "dci": {"trees": 3},
    "dci_forest": {"trees": 10},
    "downstream": {"train_samples": (100,), "trees": 3},
    "mig_posterior": {"samples": 300, "log_variances": -3.0},
}

MODELS = registry.members("models")
LIKELIHOODS = registry.members("likelihoods")
DATASETS = registry.members("datasets")
METRICS = registry.members("metrics")
MEMBERS = {**MODELS, **LIKELIHOODS, **DATASETS, **METRICS}

every_model = pytest.mark.parametrize("name", MODELS)
every_likelihood = pytest.mark.parametrize("name", LIKELIHOODS)
every_dataset = pytest.mark.parametrize("name", DATASETS)
every_metric = pytest.mark.parametrize("name", METRICS)


def make(name, **arguments):
    cls = MODELS[name]
    return cls(SHAPE, LATENTS, seed=0, **{**SMALL.get(name, {}), **arguments})


def pipeline(model, images, batch_size=24):
    """What the model learns from, as a `tf.data.Dataset`: images, or pairs of each with the one before it."""
    parts = {"batches": images, "pairs": (images, np.roll(images, 1, axis=0))}
    return tf.data.Dataset.from_tensor_slices(parts[model.trains_on]).batch(batch_size)


def fit(model, images, batch_size=64, **arguments):
    """`model.fit` on images, as an array where the model takes one."""
    if model.trains_on != "batches":
        return model.fit(pipeline(model, images, batch_size), verbose=0, **arguments)
    return model.fit(images, batch_size=batch_size, verbose=0, **arguments)


def refuses(name, likelihood):
    """A discriminator of images sees their means alone."""
    like = LIKELIHOODS[likelihood]()
    has_spread = like.outputs_per_value > 1 or bool(like.trainable_variables)
    return has_spread and issubclass(MODELS[name], models.InfoGAN)


def trained(name, images, **arguments):
    model = make(name, **arguments)
    model.compile()
    fit(model, images, batch_size=24)
    return model


def same_variables(a, b):
    return all(
        x.path.split("/")[-1] == y.path.split("/")[-1] and np.array_equal(x.numpy(), y.numpy())
        for x, y in zip(a.variables, b.variables, strict=True)
    )


def same_state(one, other) -> bool:
    """Whether the variables of two models and of all their optimizers have the same bits."""
    pairs = zip(one.optimizers, other.optimizers, strict=True)
    return same_variables(one, other) and all(same_variables(*pair) for pair in pairs)


# All members.


@pytest.mark.parametrize("name", MEMBERS)
def test_is_documented(name):
    member = MEMBERS[name]
    doc = inspect.getdoc(member)
    assert len(registry.summary(member)) > 15
    for part in ("Example", "Reference"):
        assert f"{part}:" in doc, f"{name} has no {part}"
    arguments = inspect.signature(member).parameters.values()
    for argument in arguments:
        if argument.kind not in (argument.VAR_KEYWORD, argument.VAR_POSITIONAL):
            assert (
                f"{argument.name}:" in doc
                or f"`{argument.name}`" in doc
                or (f"{argument.name}," in doc)
            ), f"{name} does not document {argument.name}"


def test_every_room_has_members():
    assert {"vae", "beta_vae", "factor_vae"} <= set(MODELS)
    assert {"bernoulli", "continuous_bernoulli", "gaussian"} <= set(LIKELIHOODS)
    assert {"shapes2d", "xysquares", "digits"} <= set(DATASETS)
    assert {"factor_vae_score", "mig"} <= set(METRICS)


@pytest.mark.parametrize("room", ["models", "likelihoods", "datasets", "metrics"])
def test_names_are_found_without_importing(room):
    assert registry.names(room) == list(registry.members(room))


# Models.


@every_model
def test_model_trains_and_reports(name, binary_digits):
    model = make(name)
    model.compile()
    before = [variable.numpy().copy() for variable in model.trainable_variables]
    validation = {"validation_data": binary_digits[:10]}
    history = fit(model, binary_digits[:50], batch_size=24, **validation).history
    assert set(model.tracked()) <= set(history)
    assert {"loss", "val_loss", "val_reconstruction"} <= set(history)
    assert ("kl" in model.tracked()) == model.has_elbo
    assert all(np.isfinite(values).all() for values in history.values())
    after = [variable.numpy() for variable in model.trainable_variables]
    assert all((a != b).any() for a, b in zip(before, after, strict=True))
    # Running means of batch normalisation count as well.
    weights = [variable.numpy().copy() for variable in model.weights]
    scores = model.evaluate(binary_digits, verbose=0, return_dict=True)
    assert {"loss", "reconstruction"} <= set(scores)
    for a, b in zip(weights, model.weights, strict=True):
        np.testing.assert_array_equal(a, b.numpy())


@every_model
def test_model_trains_on_pipelines(name, binary_digits):
    model = make(name)
    model.compile()
    data = pipeline(model, binary_digits)
    model.fit(data, epochs=2, verbose=0)
    model.fit(data.repeat(), steps_per_epoch=2, verbose=0)
    for optimizer in model.optimizers:
        assert int(optimizer.iterations) % 8 == 0
    assert int(model.optimizer.iterations) == 8


@every_model
def test_model_encodes_decodes_and_samples(name, binary_digits):
    model = make(name)
    posterior = model.encode(binary_digits[:5])
    assert (posterior.batch_shape, posterior.event_shape) == ((5,), (LATENTS,))
    images = model.decode(posterior.mean())
    assert (images.batch_shape, images.event_shape) == ((5,), SHAPE)
    reconstructions = model.predict(binary_digits[:5], verbose=0)
    assert reconstructions.shape == (5, *SHAPE)
    assert reconstructions.min() >= 0
    assert reconstructions.max() <= 1
    sampled, latents = model.sample(4, seed=1)
    assert (sampled.shape, latents.shape) == ((4, *SHAPE), (4, LATENTS))
    np.testing.assert_array_equal(sampled, model.sample(4, seed=1)[0])


@every_model
def test_model_config_is_its_constructor(name):
    model = make(name)
    config = model.get_config()
    arguments = {
        parameter
        for cls in type(model).__mro__
        if issubclass(cls, models.VAE)
        for parameter in inspect.signature(cls.__init__).parameters
    } - {"self", "kwargs"}
    assert arguments <= set(config)
    assert all(hasattr(model, argument) for argument in arguments)
    again = type(model).from_config(config)
    assert again.get_config() == config


@every_model
def test_model_names_all_its_optimizers(name):
    model = make(name)
    model.compile()
    found = [v for v in vars(model).values() if isinstance(v, keras.optimizers.Optimizer)]
    assert {id(optimizer) for optimizer in found} == {id(o) for o in model.optimizers}
    assert model.optimizers[0] is model.optimizer
    assert set(model.short_run) <= set(training.settings_of(type(model)))


@every_model
def test_model_survives_a_keras_file(name, binary_digits, holds_once):
    def trains_on_as_if_nothing_had_happened(folder) -> bool:
        model = trained(name, binary_digits)
        model.save(folder / "model.keras")
        loaded = keras.models.load_model(folder / "model.keras")
        assert same_state(model, loaded)
        for ours, theirs in zip(model.optimizers, loaded.optimizers, strict=True):
            assert ours.get_config() == theirs.get_config()
        for one in (model, loaded):
            fit(one, binary_digits, shuffle=False)
        return same_state(model, loaded)

    assert holds_once(trains_on_as_if_nothing_had_happened)


@every_model
def test_model_keeps_its_parts_where_older_files_have_them(name, tmp_path):
    model = make(name)
    model.compile()
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    parts = {part for part in ("discriminator", "codebook") if hasattr(model, part)}
    second = parts | {f"{part}_optimizer" for part in parts}
    assert set(weights) == {"encoder", "decoder", "layers", "optimizer", "vars", *second}


@every_model
def test_model_weights_file_and_backup(name, binary_digits, holds_once):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def trained_to_the_end(*callbacks):
        model = make(name)
        model.compile()
        fit(model, binary_digits, epochs=4, shuffle=False, callbacks=list(callbacks))
        return model

    def resumes(folder) -> bool:
        with pytest.raises(KeyboardInterrupt):
            trained_to_the_end(keras.callbacks.BackupAndRestore(folder), Interrupt())
        resumed = trained_to_the_end(keras.callbacks.BackupAndRestore(folder))
        return same_state(trained_to_the_end(), resumed)

    assert holds_once(resumes)


@every_model
def test_model_exports(name, binary_digits, tmp_path):
    model = trained(name, binary_digits)
    model.export(tmp_path / "1")
    loaded = tf.saved_model.load(tmp_path / "1")
    images = tf.constant(binary_digits[:7])
    encoded = loaded.signatures["encode"](images=images)
    posterior = model.posterior_tensors(model.encode(images))
    assert "mean" in posterior
    assert set(encoded) == set(posterior)
    for part, values in posterior.items():
        np.testing.assert_array_equal(encoded[part], values)
        assert np.isfinite(values).all()
    np.testing.assert_array_equal(
        loaded.signatures["reconstruct"](images=images)["images"], model(images)
    )
    weights = sum(v.numpy().nbytes for v in loaded.weights)
    stored = (tmp_path / "1" / "variables" / "variables.data-00000-of-00001").stat().st_size
    assert weights <= stored < 1.1 * weights + 20_000


@every_model
def test_model_survives_a_preset_and_leaves_for_other_programs(name, binary_digits, tmp_path):
    model = make(name)  # Not compiled: a preset needs no training.
    model.save_to_preset(tmp_path / "preset")
    loaded = type(model).from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(loaded(binary_digits[:5]), model(binary_digits[:5]))
    made = export.litert(model, tmp_path / "model.tflite", binary_digits[:8])
    assert max(made.errors.values()) <= 1e-4
    made = export.onnx(model, tmp_path / "onnx", binary_digits[:8])
    assert max(made.errors.values()) <= 1e-4


@every_model
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_model_trains_with_likelihood(name, likelihood, binary_digits):
    if refuses(name, likelihood):
        with pytest.raises(ValueError, match="of which a mean leaves other numbers open"):
            make(name, likelihood=likelihood)
        return
    model = trained(name, binary_digits, likelihood=likelihood)
    assert np.isfinite(model.evaluate(binary_digits, verbose=0)).all()


@pytest.mark.slow
@every_model
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_model_with_likelihood_is_kept_resumed_exported_and_drawn(
    name, likelihood, binary_digits, tmp_path
):
    if refuses(name, likelihood):
        pytest.skip("refused, as another test says")
    model = trained(name, binary_digits, likelihood=likelihood)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, loaded):
        fit(one, binary_digits, shuffle=False)
    assert same_variables(model, loaded)
    model.export(tmp_path / "1")
    exported = tf.saved_model.load(tmp_path / "1").signatures["reconstruct"]
    images = tf.constant(binary_digits[:7])
    np.testing.assert_array_equal(
        exported(images=images)["images"], tf.function(lambda images: model(images))(images)
    )
    drawn = evaluation.traverse(model, (binary_digits, None), columns=3).images
    assert 0 <= drawn.min() <= drawn.max() <= 1


@every_model
def test_reported_means_count_images_not_batches(name, binary_digits):
    steps = []

    class Steps(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append({term: float(np.mean(value)) for term, value in logs.items()})
            self.model.reset_metrics()

    def reported(*callbacks):
        model = make(name)
        model.compile()
        data = pipeline(model, binary_digits[:18], batch_size=16)
        return model, model.fit(data, verbose=0, callbacks=callbacks).history

    reported(Steps())
    model, history = reported()
    # A model that takes two batches for each step gets both sizes in each.
    images = [16, 2] if model.batches_per_step == 1 else [18, 18]
    for term in {"loss", "reconstruction", "kl", "discriminator_loss"} & set(history):
        values = [step[term] for step in steps]
        assert values[0] != values[1]
        expected = np.average(values, weights=images)
        assert history[term][0] == pytest.approx(expected, rel=1e-4), term


@every_model
def test_model_draws(name, digits):
    model = make(name, likelihood="continuous_bernoulli")
    traversal = evaluation.traverse(model, digits, columns=4)
    latents = model.codes(np.zeros((1, LATENTS), "float32")).shape[1]
    columns = 4 if model.latent_values is None else model.latent_values.shape[1]
    assert traversal.images.shape == (latents, columns, *SHAPE)
    assert (np.diff(traversal.kl if model.has_elbo else traversal.variance) <= 0).all()
    labels = [f"z{latent}" for latent in traversal.latents]
    plots.traversals(
        traversal.images, values=traversal.values, labels=labels, filled=traversal.filled
    )


# Likelihoods.


@every_likelihood
def test_likelihood_leaves_for_other_programs(name, binary_digits, tmp_path):
    model = models.VAE(SHAPE, LATENTS, likelihood=name, seed=0)
    for made in (
        export.litert(model, tmp_path / "model.tflite", binary_digits[:8]),
        export.onnx(model, tmp_path / "onnx", binary_digits[:8]),
    ):
        assert max(made.errors.values()) <= 1e-4


@every_likelihood
def test_likelihood_contract(name):
    like = LIKELIHOODS[name]()
    assert isinstance(like, Likelihood)
    random = np.random.default_rng(0)
    outputs = random.normal(size=(5, *SHAPE[:2], SHAPE[2] * like.outputs_per_value))
    images = random.integers(0, 2, size=(5, *SHAPE)).astype("float32")
    p = like(tf.constant(outputs, tf.float32))
    assert (p.batch_shape, p.event_shape) == ((5,), SHAPE)
    assert p.log_prob(images).shape == (5,)
    assert np.isfinite(p.log_prob(images)).all()
    assert 0 <= p.mean().numpy().min() <= p.mean().numpy().max() <= 1
    assert isinstance(like.is_density, bool)
    config = keras.saving.serialize_keras_object(like)
    again = keras.saving.deserialize_keras_object(config)
    np.testing.assert_array_equal(
        again(tf.constant(outputs, tf.float32)).log_prob(images), p.log_prob(images)
    )


# Datasets.


@every_dataset
def test_dataset_contract(name):
    data = DATASETS[name]()
    assert isinstance(data, datasets.Dataset)
    assert len(data.factor_names) == len(data.factor_sizes)
    assert tuple(map(len, data.factor_values)) == data.factor_sizes
    indices = np.random.default_rng(0).integers(len(data), size=20)
    images, factors = data.images(indices), data.factors(indices)
    assert images.shape == (20, *data.image_shape)
    assert images.dtype in (np.float32, np.uint8)
    assert 0 <= images.min() <= images.max() <= (255 if images.dtype == np.uint8 else 1)
    assert factors.shape == (20, len(data.factor_names))
    assert (factors >= 0).all()
    assert (factors < data.factor_sizes).all()
    first, second = [batch.numpy() for batch in data.batches(4, seed=1).take(2)]
    assert first.shape == (4, *data.image_shape)
    [resumed] = [batch.numpy() for batch in data.batches(4, seed=1, start_step=1).take(1)]
    np.testing.assert_array_equal(second, resumed)
    if math.prod(data.factor_sizes) == len(data):
        first, second, changed = next(iter(data.pairs(3, k=1, labels=True)))
        assert first.shape == second.shape == (3, *data.image_shape)
        np.testing.assert_array_equal(changed.numpy().sum(axis=1), 1)
    assert datasets.load(data) is data


# Metrics.


def grid(*sizes):
    return np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), -1).reshape(-1, len(sizes))


@every_metric
def test_metric_contract(name):
    metric = functools.partial(METRICS[name], **SMALL.get(name, {}))
    factors = np.repeat(grid(4, 5, 6), 20, axis=0)
    noise = np.random.default_rng(0).normal(size=(len(factors), 3))
    before = np.random.get_state()[1].copy()
    perfect = metric(factors.astype(float), factors)
    assert next(iter(perfect)) == name
    assert all(type(value) is float for value in perfect.values())
    assert all(math.isfinite(value) for value in perfect.values())
    assert metric(noise, factors, seed=1) == metric(noise, factors, seed=1)
    better = operator.lt if getattr(METRICS[name], "lower_is_better", False) else operator.gt
    assert better(perfect[name], metric(noise, factors)[name])
    np.testing.assert_array_equal(before, np.random.get_state()[1])
    parameters = inspect.signature(METRICS[name]).parameters
    assert list(parameters)[:2] == ["codes", "factors"]
    assert parameters["seed"].kind is inspect.Parameter.KEYWORD_ONLY
    with pytest.raises(ValueError, match="NaN"):
        metric(np.full_like(noise, np.nan), factors)


def test_metrics_load_no_tensorflow():
    for metric in METRICS.values():
        source = inspect.getsource(inspect.getmodule(metric))
        assert "tensorflow" not in source
    assert metrics
