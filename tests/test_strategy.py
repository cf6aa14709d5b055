"""Training on two replicas of a strategy, in a process of its own, since devices are split before TensorFlow starts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.utils import registry

SCRIPT = """
import contextlib, json
import keras, numpy as np, tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from zoo import models

# One strategy for all: TensorFlow's collectives of a second one clash with those of the first.
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
images = (np.random.default_rng(0).random((16, 8, 8, 1)) > 0.5).astype("float32")
L2 = keras.regularizers.L2(0.01)


class HalfMeanSquare(keras.layers.Layer):
    def call(self, inputs):
        self.add_loss(0.5 * tf.reduce_mean(tf.square(inputs)))
        return inputs


def network(shape, outputs, reshape=None):
    weights = lambda seed: keras.initializers.GlorotUniform(seed=seed)
    regularizers = {"kernel_regularizer": L2, "activity_regularizer": L2}
    layers = [
        keras.layers.Flatten(),
        HalfMeanSquare(),
        keras.layers.Dense(6, kernel_initializer=weights(1), **regularizers),
        keras.layers.Dense(outputs, kernel_initializer=weights(2)),
    ]
    if reshape:
        layers.append(keras.layers.Reshape(reshape))
    return keras.Sequential([keras.Input(shape), *layers])


def autoencoder():
    # It draws nothing, so that two replicas do what one does.
    shape = (8, 8, 1)
    return models.Autoencoder(
        shape, 3, encoder=network(shape, 3), decoder=network((3,), 64, shape), seed=0
    )


found = {}
for name, scope in (("one", contextlib.nullcontext()), ("two", strategy.scope())):
    with scope:
        model = autoencoder()
        model.compile(keras.optimizers.SGD(1e-2, use_ema=True, ema_momentum=0.5))
    weights = np.linspace(0, 2, 16)
    history = model.fit(
        images, sample_weight=weights, batch_size=16, epochs=2, shuffle=False, verbose=0
    ).history
    scores = model.evaluate(images, batch_size=16, verbose=0, return_dict=True)
    sums = [float(np.sum(w)) for w in model.get_weights()]
    found[name] = {"history": history, "scores": scores, "weights": sums}

for name, scope in (("one", contextlib.nullcontext()), ("two", strategy.scope())):
    with scope:
        shape = (8, 8, 1)
        model = models.QLAE(
            shape, 3, encoder=network(shape, 3), decoder=network((3,), 64, shape), seed=0, quantization_weight=1.0
        )
        model.compile(keras.optimizers.SGD(1e-2), keras.optimizers.SGD(1e-2))
    before = model.codebook.values.numpy()
    model.fit(images, batch_size=16, epochs=2, shuffle=False, verbose=0)
    moved = (model.codebook.values.numpy() - before).ravel().tolist()
    found[f"codebook of {name}"] = {"moved": moved, "weights": [float(np.sum(w)) for w in model.get_weights()]}

with strategy.scope():
    shape = (8, 8, 1)
    model = models.InfoGAN(
        shape, 3, noise_dim=2, discriminator=network(shape, 1), decoder=network((5,), 64, shape), seed=0
    )
    model.compile(keras.optimizers.SGD(1e-2), keras.optimizers.SGD(1e-2))
parts = {"generator": model.elbo_variables, "discriminator": model.discriminator.trainable_variables}
before = {part: [v.numpy() for v in variables] for part, variables in parts.items()}
logs = model.fit(images, batch_size=16, verbose=0).history
for part, variables in parts.items():
    moved = [v.numpy() - w for v, w in zip(variables, before[part])]
    norm = float(np.sqrt(sum((move.astype("float64") ** 2).sum() for move in moved))) / 1e-2
    found[part] = {"reported": logs[f"{part}_gradient_norm"][0], "moved": norm}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=500,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_two_replicas_lower_the_loss_of_one_with_that_of_layers_and_weights(found):
    one, two = found["one"], found["two"]
    assert one["history"]["regularization"][0] > 0.1
    for name, values in one["history"].items():
        assert two["history"][name] == pytest.approx(values, rel=1e-5), name
    assert two["weights"] == pytest.approx(one["weights"], abs=1e-4)


def test_two_replicas_evaluate_as_one(found):
    assert found["two"]["scores"] == pytest.approx(found["one"]["scores"], rel=1e-5)


def test_two_replicas_learn_the_codebook_of_one(found):
    one, two = found["codebook of one"], found["codebook of two"]
    assert max(map(abs, one["moved"])) > 1e-3
    assert two["moved"] == pytest.approx(one["moved"], abs=1e-5)
    assert two["weights"] == pytest.approx(one["weights"], abs=1e-4)


@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_gradient_norms_are_of_all_replicas_together(found, part):
    """A step of plain gradient descent moves the weights by the rate times the norm."""
    assert found[part]["reported"] == pytest.approx(found[part]["moved"], rel=1e-3)


@pytest.fixture(scope="module")
def truth():
    script = Path(__file__).with_name("strategy_truth.py")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(script.parent.parent)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


EXTRA = [
    *("stratified", "free bits", "optimal scale"),
    *("clipped by norm", "clipped by global norm", "clipped by value"),
]


@pytest.mark.parametrize("case", [*registry.names("models"), *EXTRA])
def test_two_replicas_train_any_model_as_one_device_does(truth, case):
    """By plain gradient descent: Adam divides by moments near 0, which makes much of rounding."""
    assert truth[case]["losses"] < 1e-5
    assert truth[case]["weights"] < 1e-5


@pytest.mark.parametrize("name", ["autoencoder", "dip_vae", "info_wgan_gp"])
def test_a_last_batch_that_does_not_divide_is_trained_on(truth, name):
    assert truth[f"uneven {name}"]


def test_a_batch_smaller_than_the_number_of_replicas_is_one_line(truth):
    assert truth["too few"].startswith("Expected at least 2 images in each batch")
