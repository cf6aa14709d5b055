"""SavedModels: whole, small, and usable without Keras or the zoo."""

import json
import logging
import subprocess
import sys
from collections import defaultdict

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import models
from zoo.deliver import export
from zoo.deliver.export import _fidelity
from zoo.utils import files

SHAPE = (8, 8, 1)

BARE = """
import json, sys
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
images = np.load(sys.argv[2])
out = {}
s = model.signatures
out["mean"] = s["encode"](images=tf.constant(images))["mean"]
out["log_variance"] = s["serving_default"](images=tf.constant(images))["log_variance"]
out["bytes"] = s["encode_uint8"](images=tf.cast(images * 255, tf.uint8))["mean"]
out["reconstruction"] = s["reconstruct"](images=tf.constant(images))["images"]
out["decoded"] = s["decode"](latents=out["mean"])["images"]
out["sampled"] = s["sample"](n=tf.constant(4), seed=tf.constant(7))["images"]
out["called"] = model.encode(tf.constant(images))["mean"]
np.savez(sys.argv[3], **{name: value.numpy() for name, value in out.items()})
print(json.dumps([name for name in ("zoo", "tensorflow_probability") if name in sys.modules]))
"""


@pytest.fixture(scope="module")
def trained(binary_digits):
    model = models.FactorVAE(SHAPE, 3, discriminator_layers=1, seed=0)
    model.compile()
    model.fit(binary_digits, verbose=0)
    return model


def test_an_export_in_a_notebook_says_nothing_of_a_folder_that_is_gone(trained, tmp_path, caplog):
    """There TensorFlow's logger tells even what is no warning."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("INFO")
    logger.addHandler(caplog.handler)
    try:
        trained.export(tmp_path / "1")
        assert logger.isEnabledFor(logging.INFO)
    finally:
        logger.removeHandler(caplog.handler)
        logger.setLevel(level)
    assert [record.getMessage() for record in caplog.records] == []


def test_many_exports_in_one_process_bring_no_warning_of_traces(trained, binary_digits, caplog):
    given = _fidelity.inputs(trained, binary_digits[:2], ["encode"])
    tf.get_logger().addHandler(caplog.handler)
    try:
        for _ in range(6):
            found = _fidelity.measure(trained, lambda *_: defaultdict(int), given)
    finally:
        tf.get_logger().removeHandler(caplog.handler)
    assert found["encode.mean"] > 0
    assert "retracing" not in caplog.text


def test_bare_tensorflow_gives_the_same_bits(trained, binary_digits, tmp_path):
    trained.export(tmp_path / "1")
    np.save(tmp_path / "images.npy", binary_digits[:9])
    script = [
        sys.executable,
        "-c",
        BARE,
        *(str(tmp_path / name) for name in ("1", "images.npy", "out.npz")),
    ]
    done = subprocess.run(script, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
    out = np.load(tmp_path / "out.npz")
    posterior = trained.encode(binary_digits[:9])
    np.testing.assert_array_equal(out["mean"], posterior.mean())
    np.testing.assert_array_equal(out["called"], posterior.mean())
    np.testing.assert_array_equal(out["bytes"], posterior.mean())
    np.testing.assert_array_equal(out["log_variance"], tf.math.log(posterior.variance()))
    np.testing.assert_array_equal(
        out["reconstruction"], trained.predict(binary_digits[:9], verbose=0)
    )
    np.testing.assert_array_equal(out["decoded"], trained.decode(posterior.mean()).mean())
    np.testing.assert_array_equal(out["sampled"], trained.sample(4, seed=7)[0])


ATTACK = """
import json, sys
import numpy as np, tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
for name, inputs in json.loads(sys.argv[2]):
    _, specs = signatures[name].structured_input_signature
    given = {key: tf.constant(np.full(shape, float(value)).astype(specs[key].dtype.as_numpy_dtype))
             for key, (shape, value) in inputs.items()}
    try:
        answer = {key: list(value.shape) for key, value in signatures[name](**given).items()}
    except tf.errors.InvalidArgumentError as error:
        answer = str(error)
    print("ANSWER", json.dumps(answer), flush=True)
"""


def attacked(folder, requests):
    """What a process that serves a SavedModel answers: shapes, or the text of an error."""
    script = [sys.executable, "-c", ATTACK, str(folder), json.dumps(requests)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line[7:] for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    assert len(lines) == len(requests)
    return [json.loads(line) for line in lines]


IMAGE_SIGNATURES = ("encode", "encode_uint8", "reconstruct", "reconstruct_uint8", "serving_default")
WRONG_IMAGES = [(), (8,), (8, 8), SHAPE, (3, 64), (1, 1, *SHAPE), (1, 4, 16, 1), (1, 16, 16, 1),
                (1, 8, 8, 3), (1, 1, 8, 8), (0, 8, 8, 2), (1, 0, 8, 1)]  # fmt: skip
WRONG_LATENTS = [(), (7,), (2, 6), (2, 8), (1, 1, 7), (0, 6)]


def test_no_request_ends_the_process_that_serves(binary_digits, tmp_path):
    models.JointVAE(SHAPE, 7, categories=(3,), seed=0).export(tmp_path / "1")
    requests = [
        [name, {"images": [shape, 0]}] for name in IMAGE_SIGNATURES for shape in WRONG_IMAGES
    ]
    requests += [["decode", {"latents": [shape, 0]}] for shape in WRONG_LATENTS]
    requests += [["sample", {"n": [shape, 2], "seed": [(), 0]}] for shape in [(1,), (0,), (2,)]]
    for request, answer in zip(requests, attacked(tmp_path / "1", requests), strict=True):
        assert "is not compatible with expected shape" in answer, (request, answer)


def test_a_server_answers_an_empty_batch_with_an_empty_answer(tmp_path):
    models.JointVAE(SHAPE, 7, categories=(3,), seed=0).export(tmp_path / "1")
    requests = [[name, {"images": [(0, *SHAPE), 0]}] for name in IMAGE_SIGNATURES]
    requests += [["decode", {"latents": [(0, 7), 0]}], ["sample", {"n": [(), 0], "seed": [(), 1]}]]
    posterior = {"mean": [0, 7], "mode": [0, 7], "log_variance": [0, 4]}
    images = {"images": [0, *SHAPE]}
    assert attacked(tmp_path / "1", requests) == [
        posterior, posterior, images, images, posterior, images, {**images, "latents": [0, 7]},
    ]  # fmt: skip


def test_a_server_refuses_values_that_mean_nothing(tmp_path):
    models.VAE(SHAPE, 7, seed=0).export(tmp_path / "1")
    floats = [name for name in IMAGE_SIGNATURES if "uint8" not in name]
    requests = [
        [name, {"images": [(2, *SHAPE), value]}]
        for name in floats
        for value in ("nan", "inf", "-inf", -0.01, 1.01, 255)
    ]
    requests += [["decode", {"latents": [(2, 7), value]}] for value in ("nan", "-inf", 1e30)]
    requests += [["sample", {"n": [(), n], "seed": [(), 0]}] for n in (-1, 4097, 2**31 - 1)]
    for request, answer in zip(requests, attacked(tmp_path / "1", requests), strict=True):
        assert "Expected " in answer, (request, answer)


def test_one_bad_pixel_is_found_and_rounding_is_let_pass(trained, tmp_path, binary_digits):
    trained.export(tmp_path / "1")
    encode = tf.saved_model.load(tmp_path / "1").signatures["encode"]
    for value in (np.nan, 1.5):
        images = binary_digits[:33].copy()
        images[20, 3, 3, 0] = value
        with pytest.raises(tf.errors.InvalidArgumentError, match="Expected float images"):
            encode(images=tf.constant(images))
    assert encode(images=tf.fill((1, *SHAPE), 1.0000001))["mean"].shape == (1, 3)


def test_weights_are_stored_once_and_without_the_discriminator(trained, tmp_path):
    trained.export(tmp_path / "1")
    data = (tmp_path / "1" / "variables" / "variables.data-00000-of-00001").stat().st_size
    kept = sum(variable.numpy().nbytes for variable in trained.elbo_variables)
    assert kept <= data < kept + 20_000


def test_signatures_have_named_inputs_and_any_batch(trained, tmp_path):
    trained.export(tmp_path / "1")
    loaded = tf.saved_model.load(tmp_path / "1")
    _, inputs = loaded.signatures["encode"].structured_input_signature
    assert inputs["images"].shape == (None, *SHAPE)
    assert set(loaded.signatures) == {
        "encode", "encode_uint8", "decode", "reconstruct", "reconstruct_uint8", "sample", "serving_default",
    }  # fmt: skip
    for batch in (0, 1, 5):
        images = tf.zeros((batch, *SHAPE))
        assert loaded.signatures["reconstruct"](images=images)["images"].shape == (batch, *SHAPE)


def test_an_existing_folder_is_only_replaced_when_asked(trained, tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        trained.export(tmp_path / "1")
    assert (tmp_path / "1" / "notes.txt").read_text() == "mine"
    with pytest.raises(FileExistsError, match=r"not replaced: .*a folder with notes\.txt"):
        trained.export(tmp_path / "1", overwrite=True)
    (tmp_path / "1" / "notes.txt").rename(tmp_path / "notes.txt")
    trained.export(tmp_path / "1", overwrite=True)  # an empty folder
    trained.export(tmp_path / "1", overwrite=True)  # an export
    assert tf.saved_model.contains_saved_model(str(tmp_path / "1"))


def test_a_failed_export_leaves_nothing(trained, tmp_path, monkeypatch):
    def fail(module, folder, **_):
        (tmp_path / folder / "saved_model.pb").write_text("half")
        raise OSError("No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        export.saved_model(trained, tmp_path / "1")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_file_leaves_the_old_one(tmp_path):
    target = tmp_path / "notes.txt"
    target.write_text("old")

    def write():
        with files.whole_file(target) as path:
            path.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_copy_in_float32_scales_by_the_statistics_that_it_was_adapted_to(binary_digits):
    scaling = keras.layers.Normalization(dtype="mixed_bfloat16")
    scaling.adapt(binary_digits)
    encoder = keras.Sequential(
        [keras.Input(SHAPE), scaling, keras.layers.Flatten(), keras.layers.Dense(6)]
    )
    model = models.VAE(SHAPE, 3, encoder=encoder, seed=0)
    copy = export.in_float32(model)
    assert copy is not model
    np.testing.assert_allclose(
        copy.encode(binary_digits[:9]).mean(), model.encode(binary_digits[:9]).mean(), atol=0.05
    )
