"""Loading models from files: what is missing is said, and how to give it; `import zoo` is enough for Keras."""

import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo import models
from zoo.utils import saved_classes

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).uniform(size=(3, *SHAPE)).astype("float32")


class Mine(layers.Layer):
    def call(self, x):
        return 3 * x


def triple(x):
    return 3 * x


def model(middle):
    encoder = keras.Sequential([keras.Input(SHAPE), middle, layers.Flatten(), layers.Dense(4)])
    return models.VAE(SHAPE, 2, encoder=encoder, seed=0)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    file = tmp_path_factory.mktemp("plain") / "model.keras"
    models.FactorVAE(SHAPE, 2, discriminator_layers=1, seed=0).save(file)
    return file


OWN = {
    "layer": (lambda: Mine(name="mine"), {"Mine": Mine}),
    "function of a lambda layer": (lambda: layers.Lambda(triple, name="mine"), {"triple": triple}),
    "activation": (lambda: layers.Dense(3, activation=triple, name="mine"), {"triple": triple}),
}


@pytest.mark.parametrize("kind", OWN)
def test_a_file_that_wants_a_class_of_yours_says_how_to_give_it(kind, tmp_path):
    make, objects = OWN[kind]
    saved = model(make())
    saved.save(tmp_path / "model.keras")
    [name] = objects
    advice = rf'layer "mine"[^\n]*{name}\', which is not registered[^\n]*custom_objects=\{{"{name}": {name}\}}'
    with pytest.raises(ValueError, match=advice) as caught:
        zoo.load(tmp_path / "model.keras")
    assert "emove" not in str(caught.value)
    loaded = zoo.load(tmp_path / "model.keras", custom_objects=objects)
    np.testing.assert_array_equal(saved(IMAGES), loaded(IMAGES))


@pytest.mark.filterwarnings("ignore:.*lambda:UserWarning")
@pytest.mark.parametrize("kind", ["layer", "activation"])
def test_a_file_that_holds_a_lambda_says_how_to_trust_it(kind, tmp_path):
    lambdas = {
        "layer": lambda: layers.Lambda(lambda x: 3 * x, name="mine"),
        "activation": lambda: layers.Dense(2, activation=lambda x: 3 * x, name="mine"),
    }
    model(lambdas[kind]()).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"holds Python code[^\n]*safe_mode=False") as caught:
        zoo.load(tmp_path / "model.keras")
    assert "emove" not in str(caught.value)
    if kind == "layer":
        assert keras.models.load_model(tmp_path / "model.keras", safe_mode=False).latent_dim == 2


def test_weights_in_hdf5_say_where_they_go(tmp_path):
    models.VAE(SHAPE, 2, seed=0).save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match=r"HDF5[^\n]*load_weights") as caught:
        zoo.load(tmp_path / "model.weights.h5")
    assert "emove" not in str(caught.value)


def test_a_file_with_another_suffix_is_to_be_renamed(plain, tmp_path):
    (tmp_path / "model.zip").write_bytes(plain.read_bytes())
    with pytest.raises(ValueError, match=r"ends in \.keras[^\n]*Rename"):
        zoo.load(tmp_path / "model.zip")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_a_truncated_file_is_to_be_restored(plain, tmp_path, share):
    content = plain.read_bytes()
    (tmp_path / "model.keras").write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"^[^\n]*cannot be read[^\n]*Restore[^\n]*$"):
        zoo.load(tmp_path / "model.keras")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"class_name": 3}', "[" * 100_000])
def test_a_file_with_a_broken_configuration_is_one_line(plain, tmp_path, text):
    file = tmp_path / "model.keras"
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, text if name == "config.json" else old.read(name))
    with pytest.raises(ValueError, match=r"^[^\n]*model\.keras[^\n]*$"):
        zoo.load(file)


ALONE = """
import sys
import keras
import zoo
assert "zoo.models" not in sys.modules
model = keras.models.load_model(sys.argv[1])
print(type(model).__module__, type(model).__name__, model.latent_dim, type(model.likelihood).__module__)
"""


def test_keras_loads_a_model_after_import_zoo_alone(plain):
    told = subprocess.run([sys.executable, "-c", ALONE, plain], capture_output=True, text=True)
    made = ["zoo.models.factor_vae", "FactorVAE", "2", "zoo.likelihoods.bernoulli"]
    assert told.stdout.split() == made, told.stderr


def test_keras_imported_first_is_told_at_once(monkeypatch):
    known = keras.saving.get_custom_objects()
    monkeypatch.delitem(known, "zoo>Linear")
    saved_classes.register_if_imported()
    linear = {
        "module": "x",
        "class_name": "Linear",
        "registered_name": "zoo>Linear",
        "config": {"end": 4.0, "steps": 9},
    }
    made = keras.saving.deserialize_keras_object(
        {**linear, "config": {**linear["config"], "start": 1.0}}
    )
    assert type(made) is zoo.schedules.Linear


def test_every_class_that_keras_can_save_is_known_by_name():
    """The registry of a process that has imported all of them is what the source says."""

    known = keras.saving.get_custom_objects()
    own = {name.partition(">")[2]: cls for name, cls in known.items() if name.startswith("zoo>")}
    assert {name: cls.__module__ for name, cls in own.items()} == saved_classes.modules()
    assert all(getattr(sys.modules[cls.__module__], name) is cls for name, cls in own.items())


def test_importing_the_zoo_loads_nothing_heavy():
    code = "import sys, zoo; print([m for m in ('keras', 'tensorflow', 'numpy', 'pooch') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_a_file_without_the_weights_of_a_layer_is_refused_not_filled_up(plain, tmp_path):
    with zipfile.ZipFile(plain) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    (tmp_path / "weights.h5").write_bytes(parts["model.weights.h5"])
    with h5py.File(tmp_path / "weights.h5", "r+") as weights:
        weights.move("encoder", "elsewhere")
    parts["model.weights.h5"] = (tmp_path / "weights.h5").read_bytes()
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"cannot be read: it is damaged.*encoder"):
        zoo.load(tmp_path / "model.keras")
