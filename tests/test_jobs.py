"""A training as a portable program: what JAX computes of it, its file, what runs it, and the run it becomes."""

import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow.compat.v2 as tf_of_probability
from click.testing import CliRunner
from jax import export

import zoo
from zoo import datasets, runs
from zoo.cli import main
from zoo.datasets import _random
from zoo.datasets._pipelines import permutation
from zoo.runs import _model, portable, training
from zoo.runs.portable import batches, variables
from zoo.runs.portable.job import command, program, results
from zoo.runs.portable.job import training as job_training
from zoo.runs.portable.job.updates import Updates
from zoo.runs.portable.lower import lowered
from zoo.runs.portable.program import program_of
from zoo.utils import registry

OPTIONS = {"likelihood": "continuous_bernoulli", "latent_dim": 3, "batch_size": 16}
TINY = [
    *("--likelihood", "continuous_bernoulli", "--latent-dim", "3", "--batch-size", "16"),
    *("--steps", "30"),
]
SETTINGS = {
    "factor_vae": {"discriminator_layers": 1},
    "adversarial_autoencoder": {"discriminator_layers": 1},
    "joint_vae": {"capacity": "linear(5, 30)"},
}
RANDOM = ("stateless_uniform", "stateless_normal", "fold_in", "split")


@pytest.fixture(scope="module")
def grid():
    """A dataset of a whole grid of 8x8 images, for batches and pairs alike."""
    images = (np.random.default_rng(0).random((60, 8, 8, 1)) > 0.5).astype("float32")
    return datasets.Arrays(images, factor_names=["a", "b", "c"], factor_sizes=(3, 4, 5))


def config_of(model, **changes):
    settings = {**registry.get("models", model).short_run, **SETTINGS.get(model, {})}
    fields = {
        **{"model": model, "data": "grid", "steps": 20, "batch_size": 16, "latent_dim": 4},
        **{"likelihood": "bernoulli", "settings": settings, "seed": 3},
        **{"precision": "float32", "learning_rate": 1e-4},
    }
    return runs.Config(**{**fields, **changes})


def packed(model, data, config):
    return program_of(model, data, config, log_every=100, checkpoint_every=500)


def values(model):
    return [variable.numpy() for variable in variables.of_model(model)]


@pytest.fixture
def same_noise(monkeypatch):
    """Random numbers that TensorFlow's kernels and XLA draw alike, in place of those that they do not."""

    def uniform(shape, seed, minval=0, maxval=None, dtype=tf.float32, name=None, alg=None):
        seed = tf.cast(seed, tf.int64)
        if dtype != tf.float32:
            found = _random.integers(shape, seed)
            if minval is None:
                return tf.cast(found, dtype)
            low, high = (tf.cast(end, tf.int64) for end in (minval, maxval))
            return tf.cast(low + tf.math.floormod(found, high - low), dtype)
        low, high = float(minval or 0), float(1 if maxval is None else maxval)
        return low + (high - low) * _random.uniform(shape, seed)

    def normal(shape, seed, mean=0.0, stddev=1.0, dtype=tf.float32, name=None, alg=None):
        seed = tf.cast(seed, tf.int64)
        radius = tf.sqrt(-2 * tf.math.log(1 - _random.uniform(shape, seed + 1000)))
        return mean + stddev * radius * tf.cos(2 * math.pi * _random.uniform(shape, seed + 2000))

    def small(shape, seed):
        return tf.math.floordiv(_random.integers(shape, tf.cast(seed, tf.int64)), 2**34)

    def fold_in(seed, data, alg=None):
        pair = tf.stack([small((1,), seed)[0], tf.cast(data, tf.int64)])
        return tf.cast(pair, tf.convert_to_tensor(seed).dtype)

    def split(seed, num=2, alg=None):
        return tf.cast(small((num, 2), seed), tf.convert_to_tensor(seed).dtype)

    for module in {id(each): each for each in (tf.random, tf_of_probability.random)}.values():
        for name, function in zip(RANDOM, (uniform, normal, fold_in, split), strict=True):
            monkeypatch.setattr(module, name, function)


class Logs(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.last = dict(logs)


def small_model(config, data):
    """A model of the configuration with small dense networks, of which XLA makes short work."""
    cls = registry.get("models", config.model)
    known = registry.arguments(cls)
    settings = {name: _model._setting(value) for name, value in config.settings.items()}
    if "dataset_size" in known:
        settings["dataset_size"] = len(data)
    shape, made = data.image_shape, training.make_model(config, data)
    networks = {
        "encoder": zoo.networks.dense_encoder(shape, made.encoder_outputs, units=(16,), seed=1),
        "decoder": zoo.networks.dense_decoder(made.decoder_inputs, shape, units=(16,), seed=2),
    }
    if "discriminator" in known and "discriminator_layers" not in known:
        networks["discriminator"] = zoo.networks.dense_encoder(shape, 1, units=(16,), seed=3)
    model = cls(shape, config.latent_dim, seed=config.seed, **settings, **networks)
    model.compile()
    for optimizer in model.optimizers:
        optimizer.learning_rate = config.learning_rate
        # A gradient of 0 is rounding's alone, as that of a critic's last bias: Adam would make steps of it.
        optimizer.epsilon = 1e-4
    return model


QUICK = ("autoencoder", "factor_vae", "ada_gvae", "info_wgan_gp", "joint_vae")
ALL = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
    for name in registry.names("models")
]


@pytest.mark.parametrize("name", ["vae as a run makes it", *ALL])
def test_twenty_updates_by_jax_are_those_by_tensorflow(name, grid, same_noise):
    """TensorFlow's own way, `fit` on the dataset's stream without XLA, from equal weights with equal noise."""
    make = training.make_model if " " in name else small_model
    check_twenty_updates(config_of(name.partition(" ")[0]), grid, make)


@pytest.mark.parametrize(
    "name",
    [
        *("hfs_vae", "ada_gvae"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("beta_vae", "factor_vae")),
    ],
)
def test_twenty_updates_on_correlated_factors_are_those_by_tensorflow(name, grid, same_noise):
    data = datasets.Correlated(grid, ["a:b", "b:-c"], 0.3)
    check_twenty_updates(config_of(name), data, small_model)


def check_twenty_updates(config, grid, make):
    by_tensorflow = make(config, grid)
    updates = Updates(packed(make(config, grid), grid, config))
    before, logs = values(by_tensorflow), Logs()
    stream = _model.stream(by_tensorflow, grid, config)
    by_tensorflow.fit(stream, steps_per_epoch=20, verbose=0, callbacks=[logs])
    updates.advance(7)
    updates.advance(13)

    known = variables.of_model(by_tensorflow)
    is_weight = [id(each) in set(map(id, by_tensorflow.trainable_variables)) for each in known]
    pairs = list(zip(is_weight, values(by_tensorflow), updates.state(), before, strict=True))
    assert max(np.abs(now - then).max() for weight, now, _, then in pairs if weight) > 1e-3
    for weight, expected, found, _ in pairs[: len(by_tensorflow.weights)]:
        if weight:
            np.testing.assert_allclose(found, expected, atol=1e-4)
    means = updates.means()
    assert list(means) == [each for each in by_tensorflow.tracked() if each in logs.last]
    for column, mean in means.items():
        assert mean == pytest.approx(logs.last[column], rel=1e-4, abs=1e-4), column


def test_random_state_and_counts_of_updates_travel(grid):
    config = config_of("factor_vae")
    model = training.make_model(config, grid)
    program_ = packed(model, grid, config)
    updates = Updates(program_)
    updates.advance(3)
    variables.restore(model, updates.state())
    assert int(model.optimizer.iterations) == int(model.discriminator_optimizer.iterations) == 3
    assert model.seed_generator.state.numpy()[1] == 3


def compiled(function):
    return tf.function(function, autograph=False, jit_compile=True)


@pytest.mark.parametrize(("images", "seed"), [(1, 0), (7, 3), (1797, 2**40 + 5), (5000, 1)])
def test_order_of_an_epoch_is_the_same_by_xla(images, seed):
    order = compiled(lambda epoch: permutation(images, seed, epoch))
    for epoch in (0, 1, 2**33):
        expected = permutation(images, seed, tf.constant(epoch, tf.int64))
        np.testing.assert_array_equal(order(tf.constant(epoch, tf.int64)), expected)


@pytest.mark.parametrize(("size", "images"), [(16, 60), (64, 60), (7, 60), (60, 60)])
def test_images_of_updates_are_those_of_batches(size, images):
    """Across epochs, from any step on, and where a batch is larger than the dataset."""
    numbers = np.arange(images, dtype="float32").reshape(-1, 1, 1, 1) / images
    data = datasets.Arrays(numbers)
    needs = batches.needs_of(zoo.models.VAE((8, 8, 1), seed=0), data, size, seed=4)
    assert (needs.stride, needs.offsets) == (1, [0])

    def seen(first, count):
        made = lowered(
            lambda epoch: [tf.cast(permutation(images, 4, epoch), tf.int32)],
            [tf.TensorSpec((), tf.int64)],
        )
        step = lowered(
            lambda number, indices, total: [tf.reshape(data.render(indices), (-1,))],
            [tf.TensorSpec((), tf.int64), tf.TensorSpec((size,), tf.int64), tf.TensorSpec((size,))],
        )
        plan = {
            **{"images": images, "batch_size": size, "stride": 1, "offsets": [0], "log_every": 9},
            **{"arguments": [["number", 0], ["batch", 0], ["state", 0], ["constant", 0]]},
        }
        from zoo.runs.portable import stablehlo

        blobs = [bytes(stablehlo.exported(each.hlo, "f").serialize()) for each in (step, made)]
        start = [np.zeros(size, np.float32)]
        updates = Updates(program.Program(plan, *blobs, start, step.captured[:1]), done=first)
        found = []
        for _ in range(count):
            updates.advance(1)
            found.append(updates.state()[0])
        return np.stack(found)

    expected = [batch.numpy().ravel() for batch in data.batches(size, seed=4).take(12)]
    np.testing.assert_array_equal(seen(0, 12), expected)
    np.testing.assert_array_equal(seen(10, 2), expected[10:])


@pytest.mark.parametrize(
    "options", [{"k": 1}, {"k": "random"}, {"k": (1, 2), "change": "resampled"}]
)
def test_pairs_by_xla_are_those_of_the_dataset(grid, options):
    from zoo.datasets import _pairs

    drawn = compiled(_pairs.drawn(grid, 16, seed=5, **options))
    for number, pair in enumerate(grid.pairs(16, seed=5, **options).take(3)):
        for found, expected in zip(drawn(tf.constant(number, tf.int64)), pair, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "data", ["shapes2d", "xysquares", "shapes3d", "noisy('xysquares')", "split('digits', 0.5)[0]"]
)
def test_images_by_xla_are_those_of_the_dataset(data):
    data = datasets.load(data)
    indices = tf.constant(np.arange(0, len(data), len(data) // 7)[:8])
    found = compiled(lambda indices: batches.rendered(data, indices))(indices)
    difference = np.abs(data.images(indices.numpy()).astype("f8") - found.numpy().astype("f8"))
    most = 1 if data.image_dtype == "uint8" else 1e-6
    assert difference.max() <= most
    assert (difference > 1e-6).mean() < 0.01


@pytest.mark.parametrize(
    ("model", "stride", "offsets"),
    [("vae", 1, [0]), ("factor_vae", 1, [0, 1]), ("info_wgan_gp", 2, [0, 1]), ("ada_gvae", 1, [])],
)
def test_batches_that_an_update_takes_are_read_from_the_model(grid, model, stride, offsets):
    made = training.make_model(config_of(model), grid)
    needs = batches.needs_of(made, grid, 8, seed=0)
    assert (needs.stride, needs.offsets) == (stride, offsets)


# The file, and what runs it.


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A job of 30 updates, which has its rows and checkpoints every 10."""
    path = tmp_path_factory.mktemp("jobs") / "vae.zip"
    return portable.pack("vae", "digits", path, steps=30, checkpoint_every=10, **OPTIONS)


def run(job, *arguments):
    return command.main(str(job), list(map(str, arguments)))


def arrays(folder):
    with np.load(folder / "state.npz") as content:
        return {name: content[name] for name in content.files if name != "facts"}


def rows(folder):
    with open(folder / "history.csv", newline="") as file:
        return [{**row, "seconds": None} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def done(job, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "done"
    assert run(job, "--out", folder) == 0
    return folder


def test_job_of_factor_vae_is_small(tmp_path):
    """The discriminator's five million weights, without the moments, which are zero."""
    path = portable.pack("factor_vae", "digits", tmp_path / "job.zip", **OPTIONS)
    assert 15 * 2**20 < path.stat().st_size < 25 * 2**20


def test_job_runs_by_python_without_tensorflow_and_without_the_zoo(job, done, tmp_path):
    shutil.copy(job, tmp_path)
    blocked = "import sys; sys.modules.update(tensorflow=None, keras=None, zoo=None); "
    code = (
        blocked
        + "import runpy; sys.argv = ['vae.zip']; runpy.run_path('vae.zip', run_name='__main__')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert found.returncode == 0, found.stderr
    assert "30 of 30 updates, loss " in found.stdout
    for name, array in arrays(done).items():
        np.testing.assert_array_equal(arrays(tmp_path / "vae-results")[name], array)


def test_job_goes_on_where_it_stopped_to_the_bit(job, done, tmp_path):
    for steps in (4, 17):
        assert run(job, "--steps", steps, "--out", tmp_path) == 0
    assert [row["step"] for row in rows(tmp_path)] == ["4", "10", "17"]
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    assert run(job, "--seconds", 1e-6, "--out", tmp_path) == 0
    assert rows(tmp_path) == []
    assert run(job, "--out", tmp_path) == 0
    assert rows(tmp_path) == rows(done)
    for name, array in arrays(done).items():
        np.testing.assert_array_equal(arrays(tmp_path)[name], array)


def test_finished_job_says_so_and_a_larger_number_prolongs_it(job, done, tmp_path, capsys):
    shutil.copytree(done, tmp_path / "results")
    assert run(job, "--out", tmp_path / "results") == 0
    assert "30 updates are made already" in capsys.readouterr().out
    assert run(job, "--out", tmp_path / "results", "--steps", 40) == 0
    assert [row["step"] for row in rows(tmp_path / "results")] == ["10", "20", "30", "40"]


def test_interrupted_job_keeps_what_it_has(job, tmp_path):
    child = subprocess.Popen(
        [sys.executable, str(job), "--steps", "10000000", "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "vae on digits" in child.stdout.readline()
    time.sleep(1.5)
    child.send_signal(signal.SIGINT)
    _, error = child.communicate(timeout=60)
    assert child.returncode == 130
    assert error.startswith("zoo: Interrupted: ")
    assert len(error.splitlines()) == 1
    with np.load(tmp_path / "state.npz") as content:
        assert json.loads(content["facts"].item())["done"] > 0


def test_diverging_job_stops_with_the_term_that_did(job, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Updates, "means", lambda self: {"loss": math.nan, "kl": math.inf})
    assert run(job, "--out", tmp_path) == 1
    assert "step 10: kl is inf" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--steps", "0"], "must be > 0"),
        (["--steps", "many"], "invalid number value: 'many'"),
        (["--seconds", "-1"], "must be > 0"),
        (["--step", "3", "--fast"], "unrecognized arguments: --fast"),
        (["more"], "unrecognized arguments: more"),
    ],
)
def test_unknown_options_of_a_job_are_one_line(job, arguments, said, tmp_path, capsys):
    assert run(job, *arguments, "--out", tmp_path / "new") == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def _cut(path):
    path.write_bytes(path.read_bytes()[:-2000])


def _spoil(path):
    content = bytearray(path.read_bytes())
    middle = content.index(b"update.bin") + 3000
    content[middle : middle + 50] = bytes(50)
    path.write_bytes(content)


def _empty(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "no job")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_cut, "which is no zip archive"),
        (_spoil, "is damaged"),
        (_empty, "without plan.json"),
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_text("text"), "which is no zip archive"),
    ],
)
def test_file_that_is_no_job_or_damaged_is_one_line(job, spoil, said, tmp_path, capsys):
    path = tmp_path / "bad.zip"
    shutil.copy(job, path)
    spoil(path)
    assert run(path) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    found = CliRunner().invoke(main, ["unpack", str(path), "--out", str(tmp_path / "run")])
    assert (found.exit_code, said in found.output) == (2, True)
    assert not (tmp_path / "run").exists()


def test_results_of_another_job_are_refused(job, done, tmp_path, capsys):
    other = portable.pack("vae", "digits", tmp_path / "other.zip", steps=30, seed=1, **OPTIONS)
    before = (done / "state.npz").read_bytes()
    assert run(other, "--out", done) == 2
    assert "holds results of another job" in capsys.readouterr().err
    assert (done / "state.npz").read_bytes() == before


def test_damaged_results_are_one_line(job, done, tmp_path, capsys):
    folder = tmp_path / "results"
    shutil.copytree(done, folder)
    _cut(folder / "state.npz")
    assert run(job, "--out", folder) == 2
    assert "state.npz is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("jax", "said"),
    [("None", "This needs JAX"), ("types.SimpleNamespace(__version__='0.4.2')", "Found: 0.4.2")],
)
def test_missing_or_old_jax_is_one_line(job, jax, said):
    code = (
        f"import sys, types; sys.modules['jax'] = {jax}; sys.argv = [{str(job)!r}]; import runpy; "
        f"runpy.run_path({str(job)!r}, run_name='__main__')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 2
    assert said in found.stderr
    assert len(found.stderr.splitlines()) == 1


# The run that it becomes.


def test_results_become_a_run_that_tensorflow_prolongs(job, done, tmp_path):
    made = portable.unpack(job, tmp_path / "run", results_in=done, show_progress=False)
    assert runs.load_config(made.folder).steps == 30
    names = {str(file.relative_to(made.folder)) for file in made.files}
    assert {"card.md", "history.csv", "model.keras", "scores.json", "figures/curves.png"} <= names
    assert [row["step"] for row in runs.read_history(made.folder)] == [10, 20, 30]
    model = zoo.load(made.folder)
    with np.load(done / "state.npz") as content:
        for number, value in enumerate(values(model)[: len(model.weights)]):
            np.testing.assert_array_equal(value, content[str(number)])
    more = {**OPTIONS, "checkpoint_every": 10, "show_progress": False}
    longer = training.train("vae", "digits", steps=35, out=made.folder, resume=True, **more)
    assert runs.read_history(longer.folder)[-1]["step"] == 35
    assert int(longer.model.optimizer.iterations) == 35


def test_unfinished_job_becomes_a_run_of_as_many_updates(job, tmp_path):
    results_in = tmp_path / "results"
    assert run(job, "--out", results_in, "--seconds", 1e-6) == 0
    with pytest.warns(UserWarning, match="has made 1 of its 30 updates"):
        made = portable.unpack(job, tmp_path / "run", results_in=results_in, show_progress=False)
    assert runs.load_config(made.folder).steps == 1
    assert [row["step"] for row in runs.read_history(made.folder)] == [1]


@pytest.mark.slow
def test_scores_of_a_job_are_those_of_seeds(tmp_path):
    """ELBO of 400 updates: by JAX within three standard deviations of three seeds by TensorFlow."""
    options = {**OPTIONS, "steps": 400}
    found = []
    for seed in range(3):
        out = tmp_path / str(seed)
        made = training.train("vae", "digits", seed=seed, out=out, show_progress=False, **options)
        found.append(made.scores["elbo"])
    by_jax = training.train(
        "vae", "digits", out=tmp_path / "jax", runtime="jax", show_progress=False, **options
    )
    spread = max(np.std(found, ddof=1), 0.01 * abs(np.mean(found)))
    assert abs(by_jax.scores["elbo"] - np.mean(found)) < 3 * spread


def test_run_by_jax_is_resumed_to_the_bit(tmp_path):
    how = {**OPTIONS, "runtime": "jax", "checkpoint_every": 5, "show_progress": False}
    straight = training.train("vae", "digits", steps=12, out=tmp_path / "a", **how)
    training.train("vae", "digits", steps=5, out=tmp_path / "b", **how)
    resumed = training.train("vae", "digits", steps=12, out=tmp_path / "b", resume=True, **how)
    for one, other in zip(values(straight.model), values(resumed.model), strict=True):
        np.testing.assert_array_equal(one, other)
    steps = [row["step"] for row in runs.read_history(straight.folder)]
    assert steps == [row["step"] for row in runs.read_history(resumed.folder)] == [5, 10, 12]


def test_unpacking_without_results_says_what_to_do(job, tmp_path):
    found = CliRunner().invoke(main, ["unpack", str(job), "--out", str(tmp_path / "run")])
    assert found.exit_code == 2
    assert "python" in found.output
    assert not (tmp_path / "run").exists()


def test_command_packs_with_the_options_of_train(tmp_path):
    out = tmp_path / "job.zip"
    arguments = ["pack", "beta_vae", "--data", "digits", "--set", "beta=linear(1, 30)", *TINY]
    found = CliRunner().invoke(main, [*arguments, "--out", str(out)])
    assert found.exit_code == 0, found.output
    assert "MiB). Run it where JAX is" in found.output
    plan = program.read(out).plan
    assert plan["config"]["settings"]["beta"] == "linear(1, 30)"
    assert plan["steps"] == 30


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--set", "gamma=3"], "Unknown setting of vae"),
        (["--data", "no_such_data"], "no_such_data"),
        (["--steps", "0"], "`steps` must be"),
        (["--resume"], "No such option"),
    ],
)
def test_bad_input_of_pack_writes_nothing(tmp_path, change, said):
    out = tmp_path / "job.zip"
    arguments = ["pack", "vae", "--data", "digits", "--out", str(out), *change]
    found = CliRunner().invoke(main, arguments)
    assert (found.exit_code, said in found.output) == (2, True), found.output
    assert not out.exists()


def test_update_that_xla_has_no_form_of_is_refused_by_name(grid):
    model = training.make_model(config_of("vae"), grid)
    step = model.train_step

    def in_python(data):
        return step(tf.ensure_shape(tf.numpy_function(np.copy, [data], tf.float32), data.shape))

    model.train_step = in_python
    with pytest.raises(ValueError, match=r"vae on grid cannot be packed: .*PyFunc"):
        packed(model, grid, config_of("vae"))


@pytest.mark.parametrize(("name", "exact"), [("tripod", True), ("vae", False)])
def test_products_of_a_job_are_exact_where_the_loss_needs_them(grid, name, exact):
    model = small_model(config_of(name), grid)
    module = export.deserialize(bytearray(packed(model, grid, config_of(name)).update))
    products = [line for line in module.mlir_module().splitlines() if " stablehlo.dot" in line]
    assert products
    assert {"HIGHEST, HIGHEST" in line for line in products} == {exact}
    assert tf.config.experimental.tensor_float_32_execution_enabled()


def test_pace_of_a_job_is_looked_at_every_second():
    assert job_training.row_after({"log_every": 100, "checkpoint_every": 70}, 60, 500) == 70
    assert job_training.row_after({"log_every": 100, "checkpoint_every": 70}, 70, 500) == 100
    assert job_training.row_after({"log_every": 100, "checkpoint_every": 70}, 490, 495) == 495


def test_default_folder_of_results_is_beside_the_job(tmp_path):
    assert results.default_folder(tmp_path / "job.zip") == tmp_path / "job-results"
