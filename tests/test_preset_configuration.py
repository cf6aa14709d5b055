"""What a preset's configuration may hold: what Keras loads in safe mode, refused before it is written otherwise."""

import copy
import json
import sys

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo
from zoo import models
from zoo.deliver import presets
from zoo.deliver.presets import _integrity as integrity

SHAPE, CODES = (4, 4, 1), 4
IMAGES = np.random.default_rng(0).uniform(size=(3, *SHAPE)).astype("float32")


@keras.saving.register_keras_serializable("tests")
class Scale(layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return self.factor * x

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable("tests")
class Forgetful(layers.Layer):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return self.factor * x

    def get_config(self):
        return super().get_config()


@keras.saving.register_keras_serializable("tests")
class Whole(keras.Model):
    """A network as a class of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flat, self.dense = layers.Flatten(), layers.Dense(CODES)
        self.build((None, *SHAPE))

    def build(self, shape):
        self.dense.build((None, 16))
        self.built = True

    def call(self, x):
        return self.dense(self.flat(x))


class Unregistered(layers.Layer):
    def call(self, x):
        return x


@keras.saving.register_keras_serializable("tests")
class NoConfig(layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)

    def call(self, x):
        return x


@keras.saving.register_keras_serializable("tests")
def double(x):
    return 2 * x


def plain(x):
    return 2 * x


def network(middle, **dense):
    inputs = keras.Input(SHAPE)
    return keras.Model(inputs, layers.Dense(CODES, **dense)(layers.Flatten()(middle(inputs))))


def compiled_sequence():
    network = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(CODES)])
    network.compile("adam", "mse")
    return network


def adapted():
    layer = layers.Normalization()
    layer.adapt(IMAGES)
    return layer


def nested(x):
    inner = keras.Sequential([layers.Conv2D(2, 3), layers.BatchNormalization()])
    return layers.TimeDistributed(layers.Dense(2))(inner(x))


ALLOWED = {
    "sequential": compiled_sequence,
    "arithmetic": lambda: network(lambda x: 1 - x * 2),
    "ops": lambda: network(lambda x: ops.concatenate([ops.relu(x - 0.5), ops.sum(x, 2, keepdims=True)], 2)),
    "slices": lambda: network(lambda x: x[:, 1:, ::2]),
    "regularizers": lambda: network(
        lambda x: x,
        kernel_regularizer=keras.regularizers.L1L2(1e-4, 1e-3),
        bias_constraint=keras.constraints.MaxNorm(2.0),
        kernel_initializer=keras.initializers.Orthogonal(seed=1),
        activity_regularizer="l2",
    ),
    "nested": lambda: network(nested),
    "adapted": lambda: network(adapted()),
    "adapted, nested": lambda: network(keras.Sequential([adapted()])),
    "user layer": lambda: network(Scale(3.0), activation=double),
    "user model": Whole,
    "lambda of a registered function": lambda: network(layers.Lambda(double)),
    "spectral norm": lambda: network(layers.SpectralNormalization(layers.Conv2D(2, 3))),
    "leaky": lambda: network(lambda x: x, activation=layers.LeakyReLU(0.3)),
}  # fmt: skip


@pytest.mark.parametrize("kind", ALLOWED)
def test_a_network_that_keras_loads_safely_is_read_back(kind, tmp_path):
    model = models.VAE(SHAPE, CODES // 2, encoder=ALLOWED[kind](), seed=0)
    model.save_to_preset(tmp_path / "mine")
    loaded = zoo.from_preset(tmp_path / "mine")
    np.testing.assert_array_equal(model.encode(IMAGES).mean(), loaded.encode(IMAGES).mean())
    np.testing.assert_array_equal(model(IMAGES), loaded(IMAGES))
    assert "optimizer" not in (tmp_path / "mine" / "config.json").read_text()


REFUSED = {
    "lambda": (lambda: network(layers.Lambda(lambda x: x, name="mine")), "a Python lambda"),
    "activation": (lambda: network(layers.Dense(2, activation=lambda x: x, name="mine")), "lambda"),
    "function": (lambda: network(layers.Lambda(plain, name="mine")), "'plain', which is not registered"),
    "op as activation": (lambda: network(layers.Dense(2, activation=ops.sin, name="mine")), "'sin'"),
    "layer": (lambda: network(Unregistered(name="mine")), "Unregistered', which is not registered"),
    "no config": (lambda: network(NoConfig(object(), name="mine")), "get_config"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_network_that_cannot_be_read_back_is_refused_by_its_layers_name(kind, tmp_path):
    make, reason = REFUSED[kind]
    model = models.VAE(SHAPE, CODES // 2, encoder=make(), seed=0)
    with pytest.raises(ValueError, match=rf'layer "mine"[^\n]*{reason}'):
        model.save_to_preset(tmp_path / "deep" / "mine")
    assert list(tmp_path.iterdir()) == []


def test_a_layer_that_forgets_its_arguments_is_found_out(tmp_path):
    model = models.VAE(SHAPE, CODES // 2, encoder=network(Forgetful(30.0)), seed=0)
    with pytest.raises(ValueError, match=r"`get_config\(\)` of each layer"):
        model.save_to_preset(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_draws_lots_can_be_saved(tmp_path):
    noise = network(lambda x: layers.Dropout(0.5)(x, training=True))
    models.VAE(SHAPE, CODES // 2, encoder=noise, seed=0).save_to_preset(tmp_path / "mine")
    presets.verify(tmp_path / "mine")


# Reading what others wrote.


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets") / "mine"
    user = keras.Sequential([keras.Input(SHAPE), Scale(2.0), layers.Flatten(), layers.Dense(CODES)])
    decoder = zoo.networks.dense_decoder(CODES // 2, SHAPE, units=(3,), seed=0)
    model = models.BetaVAE(SHAPE, CODES // 2, encoder=user, decoder=decoder, seed=0)
    model.save_to_preset(folder)
    return folder


def written(folder, config):
    (folder / "config.json").write_text(json.dumps(config))
    integrity.write_sums(folder)
    return folder


def test_a_layer_that_is_not_registered_here_is_named(saved):
    del keras.saving.get_custom_objects()["tests>Scale"]
    try:
        with pytest.raises(
            presets.Damaged, match=r"'tests>Scale', which is not registered\. Decor.* import it"
        ):
            zoo.from_preset(saved)
    finally:
        keras.saving.register_keras_serializable("tests")(Scale)


INNOCENT = {"registered_name": "zoo>Bernoulli"}
EVIL = {
    "function": {"class_name": "function", "module": "os", "config": "system"},
    "lambda": {"class_name": "__lambda__", "module": None, "config": {"value": ["4wE=", None, None]}},
    "old lambda": {"class_name": "Lambda", "config": {"function": ["4wE=", None, None]}},
    "type": {"class_name": "__typespec__", "module": "os", "spec_name": "system", "config": []},
    "saved model": {"class_name": "TFSMLayer", "module": "keras.layers", "registered_name": None,
                    "config": {"filepath": "x"}},
    "torch": {"class_name": "TorchModuleWrapper", "module": "keras.layers", "registered_name": None, "config": {}},
    "file": {"class_name": "get_file", "module": "keras.utils", "registered_name": None, "config": {}},
    "module": {"class_name": "partial", "module": "functools", "registered_name": None, "config": {}},
}  # fmt: skip


@pytest.mark.parametrize("kind", EVIL)
@pytest.mark.parametrize("place", ["likelihood", "seed"])
def test_what_calls_itself_the_zoos_is_looked_at_all_the_same(saved, tmp_path, kind, place):
    config = json.loads((saved / "config.json").read_text())
    config["config"][place] = {**INNOCENT, **EVIL[kind]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    from zoo.deliver.presets import _configuration as configuration

    with pytest.raises(presets.Damaged, match="asks for"):
        configuration.read(tmp_path)


def test_nothing_is_imported_because_a_file_says_so(saved, tmp_path):
    config = json.loads((saved / "config.json").read_text())
    config["config"]["seed"] = {
        "class_name": "X", "module": "keras.src.applications.nowhere", "registered_name": None, "config": {},
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    from zoo.deliver.presets import _configuration as configuration

    with pytest.raises(presets.Damaged):
        configuration.read(tmp_path)
    assert "keras.src.applications.nowhere" not in sys.modules


def test_a_model_larger_than_its_weights_is_refused_before_it_is_allocated(saved, tmp_path):
    config = json.loads((saved / "config.json").read_text())
    dense = config["config"]["encoder"]["config"]["layers"][-1]
    dense["config"]["units"] = 10**12
    folder = tmp_path / "mine"
    presets.copy(saved, folder, presets.plain_files(saved))
    with pytest.raises(presets.Damaged, match=r"at most [\d,]+ bytes of weights"):
        zoo.from_preset(written(folder, config))


WRONG = [None, True, -1, 0.5, 10**12, "x", [], [None], {}, {"class_name": []}, "zoo>VAE"]


def places(value, path=()):
    yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in items:
        yield from places(item, (*path, key))


def variants(config, count):
    """Configurations in which one value is another's, or is missing."""
    rng = np.random.default_rng(0)
    paths = [path for path in places(config) if path]
    for path in (paths[i] for i in rng.choice(len(paths), count, replace=False)):
        found = copy.deepcopy(config)
        inner = found
        for key in path[:-1]:
            inner = inner[key]
        choice = rng.integers(len(WRONG) + 1)
        if choice == len(WRONG):
            del inner[path[-1]]
        else:
            inner[path[-1]] = WRONG[choice]
        yield found


def test_any_wrong_value_in_a_configuration_works_or_is_one_line(saved, tmp_path):
    folder = tmp_path / "mine"
    presets.copy(saved, folder, presets.plain_files(saved))
    config = json.loads((saved / "config.json").read_text())
    refused = []
    for variant in [*variants(config, 40), [], "x", None, 7, {"class_name": "BetaVAE"}]:
        try:
            zoo.from_preset(written(folder, variant))(IMAGES)
        except presets.Damaged as error:
            refused.append(str(error))
    assert 15 < len(refused) < 45
    for message in refused:
        assert message.startswith(f"{folder}/")
        assert "\n" not in message
        assert len(message) < 600
