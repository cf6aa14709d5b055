"""Presets: whole or not at all, from wherever they come."""

import base64
import concurrent.futures
import contextlib
import gzip
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from zoo import models
from zoo.deliver import presets
from zoo.deliver.presets import _cache as caching
from zoo.deliver.presets import _fetch as fetching
from zoo.deliver.presets import _integrity as integrity
from zoo.deliver.presets import _store as store
from zoo.deliver.presets import _transfer as transfer

SHAPE = (8, 8, 1)
NAME = "tiny"
FILES = ("config.json", "discriminator.npz", "1/saved_model.pb", "1/fingerprint.pb")


@pytest.fixture(scope="module")
def model(binary_digits):
    model = models.FactorVAE(SHAPE, 3, discriminator_layers=1, seed=0)
    model.compile()
    model.fit(binary_digits, verbose=0)
    return model


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets") / NAME
    model.save_to_preset(folder)
    return folder


@pytest.fixture
def preset(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "presets" / NAME)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZOO_PRESETS", raising=False)
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    monkeypatch.setattr(fetching, "RETRIES", 0)
    return tmp_path / "cache" / "presets"


@contextlib.contextmanager
def serving(folder, fault=None):
    """A static web server; `fault(handler, path)` may answer in its place and then returns True."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def do_GET(self):
            if not (fault and fault(self, self.path)):
                super().do_GET()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def answers(body, code=200, length=None):
    def answer(handler, path):
        handler.send_response(code)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)
        return True

    return answer


def only_for(ending, answer):
    return lambda handler, path: path.endswith(ending) and answer(handler, path)


def same(a, b, images):
    np.testing.assert_array_equal(a.encode(images).mean(), b.encode(images).mean())
    np.testing.assert_array_equal(a.predict(images, verbose=0), b.predict(images, verbose=0))


# Saving and loading.


def test_a_preset_is_its_model(model, saved, binary_digits):
    loaded = zoo.from_preset(saved)
    assert type(loaded) is models.FactorVAE
    assert not loaded.compiled
    same(model, loaded, binary_digits[:9])
    points = np.eye(3, dtype="f")
    # The discriminator, which no encoding needs, is kept in float16.
    np.testing.assert_allclose(
        model.total_correlation(points), loaded.total_correlation(points), atol=2e-3
    )
    assert isinstance(models.VAE.from_preset(saved), models.FactorVAE)


def test_a_loaded_preset_trains_on(saved, binary_digits):
    loaded = zoo.from_preset(saved)
    loaded.compile()
    assert np.isfinite(loaded.fit(binary_digits, verbose=0).history["loss"]).all()


def test_a_preset_computes_in_float32(binary_digits, tmp_path):
    mixed = models.VAE(SHAPE, 3, seed=0, dtype="mixed_bfloat16")
    mixed.save_to_preset(tmp_path / "mixed")
    loaded = zoo.from_preset(tmp_path / "mixed")
    assert loaded.encoder.compute_dtype == loaded.decoder.compute_dtype == "float32"
    same(zoo.export.in_float32(mixed), loaded, binary_digits[:9])


def test_each_weight_is_stored_once_and_nothing_else(model, saved):
    import tensorflow as tf

    kept = dict(tf.train.list_variables(str(saved / "1" / "variables" / "variables")))
    assert len([name for name in kept if name.startswith("weights/")]) == len(
        zoo.export.served(model)
    )
    with np.load(saved / "discriminator.npz") as beside:
        stored = [beside[name] for name in sorted(beside.files)]
    assert {value.dtype for value in stored} == {np.dtype("float16")}
    for value, weight in zip(stored, model.discriminator.weights, strict=True):
        np.testing.assert_array_equal(value, weight.numpy().astype("float16"))
    assert not list(saved.glob("*.h5"))


def test_whoever_does_not_train_can_leave_the_discriminator_where_it_is(
    model, saved, binary_digits
):
    loaded = zoo.from_preset(saved, discriminator=False)
    same(model, loaded, binary_digits[:9])
    points = np.eye(3, dtype="f")
    wrong = np.abs(model.total_correlation(points) - loaded.total_correlation(points))
    assert wrong.max() > 1e-2


def test_a_learned_scale_that_no_picture_shows_is_kept(digits, tmp_path):
    noisy = models.VAE(SHAPE, 3, likelihood=zoo.likelihoods.Gaussian(scale="learned"), seed=0)
    noisy.compile()
    noisy.fit(digits, verbose=0)
    noisy.save_to_preset(tmp_path / "noisy")
    loaded = zoo.from_preset(tmp_path / "noisy")
    for weight, other in zip(noisy.likelihood.weights, loaded.likelihood.weights, strict=True):
        np.testing.assert_array_equal(weight, other)
    assert noisy.likelihood.weights


def test_presets_of_before_with_their_weights_in_keras_form_still_load(
    model, preset, binary_digits
):
    shutil.rmtree(preset / "1")
    (preset / "discriminator.npz").unlink()
    model.save_weights(preset / "model.weights.h5")
    loaded = zoo.from_preset(tampered(preset, lambda config: None))
    same(model, loaded, binary_digits[:9])
    for weight, other in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(weight, other)


def test_a_wrong_class_is_refused_by_name(saved):
    with pytest.raises(
        ValueError, match=r'"tiny" is a FactorVAE, no BetaVAE. Use zoo.models.FactorVAE'
    ):
        models.BetaVAE.from_preset(saved)


def test_an_existing_preset_is_only_replaced_when_asked(model, preset):
    before = (preset / "SHA256SUMS").read_text()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save_to_preset(preset)
    assert (preset / "SHA256SUMS").read_text() == before
    model.save_to_preset(preset, overwrite=True)
    presets.verify(preset)


def test_sums_are_those_of_the_standard_tool(preset):
    tool = shutil.which("sha256sum")
    if tool is None:
        pytest.skip("sha256sum is not installed")
    subprocess.run([tool, "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=preset, check=True)


def test_an_unknown_name_is_a_clear_error():
    with pytest.raises(ValueError, match='Unknown preset "no_such"'):
        zoo.from_preset("no_such")


# Damage.


def all_files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "empty"])
def test_damage_in_any_file_is_found(preset, damage):
    for name in all_files(preset):
        file = preset / name
        content = file.read_bytes()
        middle = len(content) // 2
        if damage == "flip":
            file.write_bytes(
                content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            )
        elif damage == "truncate":
            file.write_bytes(content[:middle])
        elif damage == "empty":
            file.write_bytes(b"")
        else:
            file.unlink()
        with pytest.raises(presets.Damaged):
            zoo.from_preset(preset)
        file.write_bytes(content)
    presets.verify(preset)


def test_what_is_not_listed_is_refused(preset):
    (preset / "extra.bin").write_bytes(b"?")
    with pytest.raises(presets.Damaged, match=r"extra\.bin is not listed"):
        zoo.from_preset(preset)


STRAYS = (
    ".DS_Store",
    "1/.DS_Store",
    "Thumbs.db",
    "1/variables/desktop.ini",
    "__MACOSX/1/._x",
    "._config.json",
)


@pytest.mark.parametrize("name", STRAYS)
def test_what_file_managers_leave_behind_does_no_harm(preset, tmp_path, name):
    listed = presets.verify(preset)
    (preset / name).parent.mkdir(parents=True, exist_ok=True)
    (preset / name).write_bytes(b"?")
    zoo.from_preset(preset)
    assert presets.verify(preset) == listed
    presets.publish(tmp_path / "site", [preset])
    assert not (tmp_path / "site" / NAME / name).exists()
    (preset / "SHA256SUMS").unlink()
    integrity.write_sums(preset)
    assert presets.verify(preset) == listed


def link_to_a_folder(preset, outside):
    (preset / "figures").symlink_to(outside)


def link_to_a_file(preset, outside):
    (preset / ".DS_Store").symlink_to(outside / "private.txt")


def link_in_place_of_a_file(preset, outside):
    shutil.move(preset / "config.json", outside / "config.json")
    (preset / "config.json").symlink_to(outside / "config.json")


def link_in_place_of_a_folder(preset, outside):
    shutil.move(preset / "1", outside / "1")
    (preset / "1").symlink_to(outside / "1")


def loop(preset, outside):
    (preset / "1" / "again").symlink_to(preset)


def link_to_nothing(preset, outside):
    (preset / "gone").symlink_to(outside / "gone")


def empty_folder(preset, outside):
    (preset / "figures").mkdir()


def pipe(preset, outside):
    os.mkfifo(preset / "pipe")


def list_that_is_a_pipe(preset, outside):
    (preset / "SHA256SUMS").unlink()
    os.mkfifo(preset / "SHA256SUMS")


def list_that_is_a_link(preset, outside):
    shutil.move(preset / "SHA256SUMS", outside / "SHA256SUMS")
    (preset / "SHA256SUMS").symlink_to(outside / "SHA256SUMS")


ODDITIES = [
    link_to_a_folder, link_to_a_file, link_in_place_of_a_file, link_in_place_of_a_folder, loop, link_to_nothing,
    empty_folder, pipe, list_that_is_a_pipe, list_that_is_a_link,
]  # fmt: skip


@pytest.mark.parametrize("oddity", ODDITIES)
def test_links_empty_folders_and_special_files_are_refused_everywhere(
    preset, tmp_path, cache, oddity
):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "private.txt").write_text("private")
    oddity(preset, outside)
    assert presets.is_preset(preset)
    with pytest.raises(presets.Damaged):
        presets.verify(preset)
    with pytest.raises(presets.Damaged):
        zoo.load(preset)
    with pytest.raises(presets.Damaged):
        presets.publish(tmp_path / "site", [preset])
    assert not (tmp_path / "site").exists()
    if "list" not in oddity.__name__:
        with pytest.raises(presets.Damaged):
            integrity.write_sums(preset)


def test_a_name_that_the_list_cannot_hold_is_refused_when_it_is_written(preset):
    (preset / "my notes.txt").write_text("?")
    with pytest.raises(presets.Damaged, match=r"my notes\.txt"):
        integrity.write_sums(preset)


def test_a_preset_that_lost_its_list_is_no_other_folder(preset):
    (preset / "SHA256SUMS").unlink()
    with pytest.raises(presets.Damaged, match="without SHA256SUMS"):
        zoo.load(preset)


def test_a_checkout_with_other_line_ends_is_whole_or_says_why(preset, tmp_path):
    git = shutil.which("git")
    attributes = Path(zoo.__file__).parent.parent / ".gitattributes"
    if git is None or not attributes.exists():
        pytest.skip("git or a checkout is missing")
    source = tmp_path / "source"
    shutil.copytree(preset, source / "saved_models" / NAME)
    shutil.copytree(preset, source / "elsewhere" / NAME)
    shutil.copy(attributes, source)
    who = ("-c", "user.name=x", "-c", "user.email=x@x", "-c", "core.autocrlf=false")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "presets"]):
        subprocess.run([git, "-C", source, *who, *command], check=True)
    clone = [git, "clone", "-q", "-c", "core.autocrlf=true", source, tmp_path / "clone"]
    subprocess.run(clone, check=True)
    presets.verify(tmp_path / "clone" / "saved_models" / NAME)
    with pytest.raises(presets.Damaged, match=r"line ends.*autocrlf.*-text"):
        presets.verify(tmp_path / "clone" / "elsewhere" / NAME)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "a/../../x", "a//b", "", ".", "a\\b", "a\nb", "~/x", "c:x"]
)
def test_a_path_that_leads_out_is_refused(name):
    with pytest.raises(presets.Damaged):
        integrity.parse_sums("0" * 64 + "  " + name)


def tampered(preset, change):
    file = preset / "config.json"
    config = json.loads(file.read_text())
    change(config)
    file.write_text(json.dumps(config))
    (preset / "SHA256SUMS").unlink()
    integrity.write_sums(preset)
    return preset


def lambda_layer(config):
    layer = keras.layers.Lambda(lambda x: x)
    found = keras.saving.serialize_keras_object(layer)
    config["config"]["encoder"]["config"]["layers"].append(found)


def foreign_module(config):
    config["config"]["likelihood"] = {
        "class_name": "system", "module": "os", "registered_name": None, "config": {},
    }  # fmt: skip


def foreign_function(config):
    config["config"]["seed"] = {
        "class_name": "function", "module": "builtins", "registered_name": "function", "config": "eval",
    }  # fmt: skip


def other_model(config):
    config["registered_name"] = "Functional"


def not_a_model(config):
    config["registered_name"] = "zoo>Bernoulli"


def not_a_config(config):
    config.clear()


@pytest.mark.parametrize(
    "change",
    [lambda_layer, foreign_module, foreign_function, other_model, not_a_model, not_a_config],
)
def test_a_malicious_configuration_is_refused(preset, change):
    with pytest.raises(presets.Damaged, match=r"asks for|describes no model"):
        zoo.from_preset(tampered(preset, change))


@pytest.mark.parametrize("where", ["1", "discriminator.npz", "model.weights.h5"])
def test_weights_of_another_model_are_refused(preset, tmp_path, where):
    other = models.FactorVAE(SHAPE, 4, discriminator_layers=1, seed=0)
    other.save_to_preset(tmp_path / "other")
    other.save_weights(tmp_path / "other" / "model.weights.h5")
    if where == "1":
        shutil.rmtree(preset / where)
        shutil.copytree(tmp_path / "other" / where, preset / where)
    else:
        shutil.copy(tmp_path / "other" / where, preset)
    with pytest.raises(presets.Damaged, match="weights"):
        zoo.from_preset(tampered(preset, lambda config: None))


def test_a_small_file_that_unpacks_to_much_is_refused(preset, model):
    count = len(model.discriminator.weights)
    zeros = np.zeros(10**7, "float16")
    names = [f"{number:03d}" for number in range(count)]
    np.savez_compressed(preset / "discriminator.npz", **dict.fromkeys(names, zeros))
    assert (preset / "discriminator.npz").stat().st_size < 10**6
    with pytest.raises(presets.Damaged, match="bytes"):
        zoo.from_preset(tampered(preset, lambda config: None))


@pytest.mark.parametrize(
    "file", ["1/variables/variables.index", "1/variables/variables.data-00000-of-00001", "discriminator.npz"]
)  # fmt: skip
@pytest.mark.parametrize("content", [b"", b"no weights", None])
def test_weights_that_cannot_be_read_are_a_clear_error(preset, file, content):
    if content is None:
        (preset / file).unlink()
    else:
        (preset / file).write_bytes(content)
    with pytest.raises(presets.Damaged, match="weights"):
        zoo.from_preset(tampered(preset, lambda config: None))


# Fetching.


def test_a_preset_is_fetched_once(preset, cache, model, binary_digits):
    with serving(preset.parent) as address:
        loaded = zoo.from_preset(NAME, address=address)
    same(model, loaded, binary_digits[:9])
    assert all_files(cache / NAME) == all_files(preset)
    zoo.from_preset(NAME, offline=True)  # No server is left to ask.
    assert list(cache.iterdir()) == [cache / NAME]


def test_a_folder_is_an_address_too(preset, cache, monkeypatch):
    monkeypatch.setenv("ZOO_PRESETS", str(preset.parent))
    zoo.from_preset(NAME)
    presets.verify(cache / NAME)


def test_offline_says_what_is_missing(preset):
    with pytest.raises(presets.Unavailable, match=r'"tiny" is not here, and offline'):
        zoo.from_preset(NAME, address=str(preset.parent), offline=True)


def test_a_damaged_cache_is_repaired_or_reported(preset, cache):
    zoo.from_preset(NAME, address=str(preset.parent))
    (cache / NAME / "config.json").write_text("{}")
    with pytest.raises(presets.Damaged, match=r"config\.json"):
        zoo.from_preset(NAME)
    with pytest.raises(presets.Damaged, match=r"config\.json"):
        zoo.from_preset(NAME, address=str(preset.parent), offline=True)
    zoo.from_preset(NAME, address=str(preset.parent))
    presets.verify(cache / NAME)


FAULTS = {
    "404": (answers(b"no", 404), "404"),
    "500": (answers(b"oops", 500), "500"),
    "garbage": (answers(b"<html>hello</html>"), "checksum is wrong|offers no preset"),
    "half": (answers(b"x" * 10, length=100), "config.json|SHA256SUMS"),
    "nothing": (answers(b""), "checksum is wrong|offers no preset"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("file", ["config.json", "SHA256SUMS"])
def test_a_bad_server_leaves_nothing(preset, cache, fault, file):
    answer, message = FAULTS[fault]
    with (
        serving(preset.parent, only_for(file, answer)) as address,
        pytest.raises(presets.Unavailable, match=message),
    ):
        zoo.from_preset(NAME, address=address)
    assert not cache.exists() or list(cache.iterdir()) == []


@pytest.fixture
def impatient(monkeypatch):
    """Half a second without an answer is too long."""
    monkeypatch.setattr(transfer, "TIMEOUT", 0.5)


def endless(chunk, pause=0.0):
    def answer(handler, path):
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(10_000):
                handler.wfile.write(chunk)
                time.sleep(pause)
        return True

    return answer


def dripping_head(handler, path):
    with contextlib.suppress(OSError):
        for letter in b"HTTP/1.0 200 OK\r\nX: " + b"x" * 1000:
            handler.wfile.write(bytes([letter]))
            time.sleep(0.02)
    return True


def compressed(handler, path):
    body = gzip.compress(bytes(10**7))
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
    return True


ATTACKS = {
    "endless": (endless(bytes(2**16)), r"more than [\d,]+ bytes"),
    "long": (answers(b"", length=10**12), r"more than [\d,]+ bytes"),
    "dripping": (endless(b"x", 0.02), "too slow"),
    "silent": (endless(b"", 0.01), "time"),
    "dripping head": (dripping_head, "no answer within|time"),
    "compressed": (compressed, "compressed"),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("file", ["discriminator.npz", "SHA256SUMS"])
@pytest.mark.usefixtures("impatient")
def test_a_server_that_never_ends_is_left(preset, cache, monkeypatch, attack, file):
    answer, message = ATTACKS[attack]
    monkeypatch.setattr(caching, "MOST_BYTES", 2**22)
    start = time.monotonic()
    with serving(preset.parent, only_for(file, answer)) as address:
        with pytest.raises(presets.Unavailable, match=message):
            presets.find(NAME, address=address)
        assert time.monotonic() - start < 10
    assert list(cache.iterdir()) == []


def test_the_tables_sizes_bound_a_file(preset, cache, monkeypatch):
    row = presets.facts(preset)
    assert row["sizes"]["config.json"] == (preset / "config.json").stat().st_size
    assert row["size"] == sum(row["sizes"].values())
    monkeypatch.setattr(fetching, "table", lambda: {NAME: row})
    most = f"{row['sizes']['config.json']:,}"
    fault = only_for("config.json", endless(bytes(2**16)))
    with (
        serving(preset.parent, fault) as address,
        pytest.raises(presets.Unavailable, match=f"more than {most} bytes"),
    ):
        presets.find(NAME, address=address)
    with serving(preset.parent) as address:
        presets.find(NAME, address=address)


@pytest.mark.parametrize("code", [400, 403, 404, 429])
def test_a_refusal_is_not_asked_again(preset, monkeypatch, code):
    monkeypatch.setattr(fetching, "RETRIES", 3)
    asked = []

    def refuse(handler, path):
        asked.append(path)
        return answers(b"no", code)(handler, path)

    with (
        serving(preset.parent, refuse) as address,
        pytest.raises(presets.Unavailable, match=str(code)),
    ):
        presets.find(NAME, address=address)
    assert len(asked) == 1


def test_a_servers_fault_is_asked_again(preset, monkeypatch):
    monkeypatch.setattr(fetching, "RETRIES", 2)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    asked = []

    def fail(handler, path):
        asked.append(path)
        return answers(b"no", 503)(handler, path)

    with serving(preset.parent, fail) as address, pytest.raises(presets.Unavailable, match="503"):
        presets.find(NAME, address=address)
    assert len(asked) == 3


def test_a_name_and_password_in_the_address_are_sent(preset, cache):
    seen = []

    def note(handler, path):
        seen.append(handler.headers["Authorization"])
        return False

    with serving(preset.parent, note) as address:
        presets.find(NAME, address=address.replace("//", "//me:s%40cret@"))
    assert set(seen) == {"Basic " + base64.b64encode(b"me:s@cret").decode()}


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/x", "file:///tmp/x", "gopher://x"])
def test_other_kinds_of_addresses_are_refused(address):
    with pytest.raises(presets.Unavailable, match="https://"):
        presets.find(NAME, address=address)


def test_a_redirection_to_a_file_is_not_followed(preset, tmp_path):
    (tmp_path / "private").write_text("private")

    def redirect(handler, path):
        handler.send_response(302)
        handler.send_header("Location", f"file://{tmp_path}/private")
        handler.end_headers()
        return True

    with serving(preset.parent, redirect) as address, pytest.raises(presets.Unavailable):
        presets.find(NAME, address=address)


@pytest.mark.parametrize(
    "oddity",
    [link_to_a_folder, link_in_place_of_a_folder, list_that_is_a_link, list_that_is_a_pipe],
)
def test_links_and_pipes_of_a_folder_of_presets_are_not_fetched(preset, tmp_path, cache, oddity):
    (tmp_path / "outside").mkdir()
    oddity(preset, tmp_path / "outside")
    with pytest.raises(presets.Unavailable, match="Expected files"):
        presets.find(NAME, address=str(preset.parent))
    assert list(cache.iterdir()) == []


def test_no_server_is_a_clear_error():
    with pytest.raises(presets.Unavailable, match=r"127\.0\.0\.1"):
        zoo.from_preset(NAME, address="http://127.0.0.1:9")


def test_a_broken_line_is_tried_again(preset, cache, monkeypatch):
    monkeypatch.setattr(fetching, "RETRIES", 1)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    calls = []

    def once(handler, path):
        if path.endswith("config.json") and not calls:
            calls.append(path)
            return answers(b"x", length=50)(handler, path)
        return False

    with serving(preset.parent, once) as address:
        zoo.from_preset(NAME, address=address)
    assert calls
    presets.verify(cache / NAME)


def test_a_list_that_is_not_the_known_one_is_refused(preset, cache, monkeypatch):
    monkeypatch.setattr(fetching, "table", lambda: {NAME: {"sha256": "0" * 64}})
    with pytest.raises(presets.Unavailable, match="checksum is wrong"):
        zoo.from_preset(NAME, address=str(preset.parent))
    assert list(cache.iterdir()) == []


def test_a_list_that_leads_out_is_refused(preset, cache, tmp_path):
    with open(preset / "SHA256SUMS", "a") as sums:
        sums.write("0" * 64 + "  ../../evil\n")
    with pytest.raises(presets.Unavailable, match="inside the preset"):
        zoo.from_preset(NAME, address=str(preset.parent))
    assert not list(tmp_path.rglob("evil"))


def test_a_full_disk_leaves_nothing(preset, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetching, "_from_folder", full)
    with pytest.raises(presets.Unavailable, match="No space left on device"):
        zoo.from_preset(NAME, address=str(preset.parent))
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_a_clear_error(preset, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file"))
    with pytest.raises(presets.Unavailable, match="ZOO_CACHE"):
        zoo.from_preset(NAME, address=str(preset.parent))


FETCH = """
import sys
from zoo import presets
print(presets.find("tiny", address=sys.argv[1]), flush=True)
"""


def slow(handler, path):
    time.sleep(0.2)
    return False


def start(address):
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, address], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_two_fetches_at_once(preset, cache):
    with serving(preset.parent, slow) as address:
        both = [start(address), start(address)]
        done = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], done
    presets.verify(cache / NAME)
    assert list(cache.iterdir()) == [cache / NAME]


def test_three_repair_a_damaged_cache_at_once(preset, cache):
    presets.find(NAME, address=str(preset.parent))
    fetched = []

    def count(handler, path):
        fetched.append(path)
        return slow(handler, path)

    for _ in range(3):
        (cache / NAME / "config.json").write_text("{}")
        (cache / NAME / "extra").write_text("?")
        fetched.clear()
        three = concurrent.futures.ThreadPoolExecutor(3)
        with serving(preset.parent, count) as address, three as pool:
            found = pool.map(lambda _: presets.find(NAME, address=address), range(3))
            assert list(found) == [cache / NAME] * 3
        assert len(fetched) == len(set(fetched))
        presets.verify(cache / NAME)
        assert list(cache.iterdir()) == [cache / NAME]


def test_two_downloads_into_one_folder(preset, tmp_path):
    shutil.copytree(preset, preset.with_name("other"))
    out = tmp_path / "out"

    def download(name, address):
        return presets.fetch(name, out, only="1/", address=address)

    with serving(preset.parent, slow) as address, concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: download(NAME, address), range(2))) == [out, out]
    presets.verify(out, only="1/")
    with pytest.raises(FileExistsError):
        download(NAME, str(preset.parent))
    assert sorted(tmp_path.iterdir()) == [out, preset.parent]


def test_a_download_does_not_pass_for_another(preset, tmp_path, monkeypatch):
    """Something else takes the folder's name while a preset is downloaded."""
    retrieve, out = fetching._retrieve, tmp_path / "out"

    def meanwhile(*arguments):
        retrieve(*arguments)
        out.mkdir(exist_ok=True)
        (out / "mine.txt").write_text("mine")

    monkeypatch.setattr(fetching, "_retrieve", meanwhile)
    with pytest.raises(FileExistsError, match="something else"):
        presets.fetch(NAME, out, address=str(preset.parent))
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_a_kill_leaves_no_preset(preset, cache):
    with serving(preset.parent, slow) as address:
        process = start(address)
        deadline = time.monotonic() + 60
        while not list(cache.glob(".partial-*/*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (cache / NAME).exists()
        [left] = cache.iterdir()
        zoo.from_preset(NAME, address=address)
    presets.verify(cache / NAME)
    # What it left goes with a later fetch, when no living process can own it.
    os.utime(left, (0, 0))
    shutil.rmtree(cache / NAME)
    zoo.from_preset(NAME, address=str(preset.parent))
    assert list(cache.iterdir()) == [cache / NAME]


def test_the_saved_model_alone(preset, tmp_path):
    out = presets.fetch(NAME, tmp_path / "out", only="1/", address=str(preset.parent))
    assert (out / "1" / "saved_model.pb").exists()
    assert not (out / "discriminator.npz").exists()


def test_finding_needs_no_tensorflow(preset):
    code = "import sys; from zoo import presets; presets.find(sys.argv[1]); assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, str(preset)], check=True)


# Publishing.


def test_presets_of_one_name_are_not_published(preset, tmp_path):
    twin = shutil.copytree(preset, tmp_path / "elsewhere" / NAME)
    with pytest.raises(ValueError, match="different names"):
        presets.publish(tmp_path / "site", [preset, twin])
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("text", ["[]", "{}", '{"class_name": null}x', "null"])
def test_a_preset_that_does_not_say_what_it_is_is_not_published(preset, tmp_path, text):
    (preset / "config.json").write_text(text)
    integrity.write_sums(preset)
    with pytest.raises(presets.Damaged, match="does not say what it is"):
        presets.publish(tmp_path / "site", [preset])


def test_what_is_published_can_be_fetched(preset, tmp_path, cache):
    names = presets.publish(tmp_path / "site", [preset])
    assert names == [NAME]
    with serving(tmp_path / "site") as address:
        zoo.from_preset(NAME, address=address)
    index = json.loads((tmp_path / "site" / "index.json").read_text())
    assert index[NAME]["model"] == "FactorVAE"
    assert index[NAME]["sha256"] == integrity.digest(preset / "SHA256SUMS")


def test_a_damaged_preset_is_not_published(preset, tmp_path):
    (preset / "config.json").write_text("{}")
    with pytest.raises(presets.Damaged):
        presets.publish(tmp_path / "site", [preset])
    assert not (tmp_path / "site").exists()


# The zoo's own.


def own():
    root = Path(zoo.__file__).parent.parent / "saved_models"
    return sorted(path.parent for path in root.glob("*/SHA256SUMS"))


@pytest.mark.parametrize("folder", own(), ids=lambda folder: folder.name)
def test_own_presets_are_whole_and_in_the_table(folder):
    presets.verify(folder)
    row = presets.table()[folder.name]
    assert row["sha256"] == integrity.digest(folder / "SHA256SUMS")


def test_the_table_holds_no_more_than_there_is():
    assert sorted(presets.table()) == [folder.name for folder in own()]
    assert store.CONFIG in FILES
