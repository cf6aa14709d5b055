"""SavedModels: whole, small, and usable without Keras or the zoo."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from zoo import export, files, models

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
