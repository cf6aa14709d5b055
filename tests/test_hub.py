"""Presets on a hub: a local server that speaks the few calls which its client makes."""

import base64
import contextlib
import hashlib
import http.server
import json
import threading
import time
from urllib.parse import unquote

import numpy as np
import pytest

import zoo
from zoo import models
from zoo.deliver import presets
from zoo.deliver.presets import _cache as caching
from zoo.deliver.presets import _hub as hub

SHAPE = (8, 8, 1)
PLACE = "hf://someone/tiny"


class Hub:
    """Repositories in memory, by name: path to content, the newest commit alone."""

    def __init__(self):
        self.repositories, self.asked = {}, []

    def answer(self, method, path, body):
        """Status, headers and body of an answer."""
        path = unquote(path.partition("?")[0]).strip("/")
        parts = path.split("/")
        self.asked.append((method, path))
        if path == "api/repos/create":
            named = json.loads(body)
            name = f"{named.get('organization') or 'someone'}/{named['name'].rpartition('/')[2]}"
            self.repositories.setdefault(name, {})
            return 200, {}, json.dumps({"url": f"{self.address}/{name}", "name": name}).encode()
        if path == "api/validate-yaml":
            return 200, {}, json.dumps({"errors": [], "warnings": []}).encode()
        if parts[:2] == ["api", "models"] and parts[4:5] == ["preupload"]:
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return 200, {}, json.dumps({"files": files}).encode()
        if parts[:2] == ["api", "models"] and parts[4:5] == ["commit"]:
            return self.commit("/".join(parts[2:4]), body)
        if parts[2:3] == ["resolve"]:
            return self.file("/".join(parts[:2]), "/".join(parts[4:]))
        return 404, {"X-Error-Code": "EntryNotFound"}, b"{}"

    def commit(self, name, body):
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                content = base64.b64decode(entry["value"]["content"])
                self.repositories[name][entry["value"]["path"]] = content
        url = f"{self.address}/{name}/commit/1"
        return 200, {}, json.dumps({"commitUrl": url, "commitOid": "1" * 40}).encode()

    def file(self, name, path):
        if name not in self.repositories:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        if path not in self.repositories[name]:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": "1" * 40}, b""
        content = self.repositories[name][path]
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        return 200, {"ETag": tag, "X-Repo-Commit": "1" * 40}, content


@contextlib.contextmanager
def serving():
    found = Hub()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, answer = found.answer(self.command, self.path, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

        do_GET = do_HEAD = do_POST = do

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        found.address = f"http://127.0.0.1:{server.server_port}"
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    for name in ("HF_HUB_OFFLINE", "ZOO_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_test")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")


@pytest.fixture
def server(monkeypatch):
    pytest.importorskip("huggingface_hub")
    with serving() as found:
        monkeypatch.setenv("HF_ENDPOINT", found.address)
        yield found


@pytest.fixture(scope="module")
def model():
    return models.FactorVAE(SHAPE, 3, discriminator_layers=1, seed=0)


def test_a_shared_model_comes_back_to_the_bit(server, model, binary_digits, monkeypatch):
    model.save_to_preset(PLACE)
    kept = server.repositories["someone/tiny"]
    assert {"README.md", "SHA256SUMS", "config.json", "discriminator.npz"} <= set(kept)
    assert kept["README.md"].startswith(b"---\nlibrary_name: vae-zoo\n")
    loaded = zoo.from_preset(PLACE)
    np.testing.assert_array_equal(
        model.encode(binary_digits[:5]).mean(), loaded.encode(binary_digits[:5]).mean()
    )
    assert isinstance(models.FactorVAE.from_preset(PLACE), models.FactorVAE)
    with pytest.raises(ValueError, match='"tiny" is a FactorVAE'):
        models.BetaVAE.from_preset(PLACE)
    # What has not changed is not fetched again: the list alone is looked at.
    server.asked.clear()
    zoo.from_preset(PLACE)
    assert {path for _, path in server.asked} == {"someone/tiny/resolve/main/SHA256SUMS"}
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save_to_preset(PLACE)


@pytest.mark.parametrize("variable", ["ZOO_OFFLINE", "HF_HUB_OFFLINE", None])
def test_offline_takes_what_is_there_and_asks_nobody(server, model, variable, monkeypatch):
    model.save_to_preset(PLACE)
    zoo.from_preset(PLACE)
    server.asked.clear()
    if variable:
        monkeypatch.setenv(variable, "1")
    offline = None if variable else True
    zoo.from_preset(PLACE, offline=offline)
    with pytest.raises(presets.Unavailable, match=r"not in the cache .* and offline mode"):
        zoo.from_preset("hf://someone/other", offline=offline)
    assert server.asked == []


def test_a_changed_preset_is_fetched_anew(server, model):
    model.save_to_preset(PLACE)
    zoo.from_preset(PLACE)
    other = models.VAE(SHAPE, 4, seed=1)
    server.repositories["someone/tiny"].clear()
    other.save_to_preset(PLACE)
    assert zoo.from_preset(PLACE).latent_dim == 4


@pytest.mark.parametrize("file", ["config.json", "1/saved_model.pb", "SHA256SUMS"])
def test_what_its_checksums_do_not_say_is_refused(server, model, file, tmp_path):
    model.save_to_preset(PLACE)
    server.repositories["someone/tiny"][file] += b" "
    with pytest.raises(presets.Damaged):
        zoo.from_preset(PLACE)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_what_is_too_large_for_a_preset_is_not_fetched(server, model, monkeypatch, tmp_path):
    model.save_to_preset(PLACE)
    monkeypatch.setattr(caching, "MOST_BYTES", 10_000)
    with pytest.raises(presets.Unavailable, match="no preset has more than 10,000"):
        zoo.from_preset(PLACE)
    fetched = {path for method, path in server.asked if method == "GET"}
    assert fetched == {"someone/tiny/resolve/main/SHA256SUMS"}
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_what_is_not_there_is_a_clear_error(server, model):
    with pytest.raises(presets.Unavailable, match="no such preset on the Hub"):
        zoo.from_preset("hf://someone/nothing")
    model.save_to_preset(PLACE)
    del server.repositories["someone/tiny"]["config.json"]
    with pytest.raises(presets.Unavailable, match="no such preset"):
        zoo.from_preset(PLACE)


def test_a_silent_hub_leaves_the_cache_and_says_so(server, model, monkeypatch):
    model.save_to_preset(PLACE)
    zoo.from_preset(PLACE)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(time, "sleep", lambda _: None)  # the client waits half a minute in all
    with pytest.warns(UserWarning, match="does not answer.*Taken as it was fetched before"):
        zoo.from_preset(PLACE)
    with pytest.raises(presets.Unavailable, match="does not answer"):
        zoo.from_preset("hf://someone/other")


@pytest.mark.parametrize(
    "place", ["hf://", "hf://tiny", "hf://a/b/c", "hf://../b", "hf://a/..", "hf://a/b@", "hf://a b/c"]
)  # fmt: skip
def test_a_place_that_is_none_is_refused(place, model):
    with pytest.raises(ValueError, match="Expected hf://USER/NAME"):
        zoo.from_preset(place)
    with pytest.raises(ValueError, match="Expected hf://USER/NAME"):
        model.save_to_preset(place)


def test_revisions_are_kept_apart():
    assert hub.parse("hf://a/b@v1.0") == ("a/b", "v1.0")
    assert hub.parse("hf://a/b") == ("a/b", None)


def test_without_its_client_the_hub_says_what_to_install(monkeypatch, model):
    monkeypatch.setattr("zoo.utils.extras.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "vae-zoo\[hub\]"'):
        zoo.from_preset(PLACE)
    with pytest.raises(ImportError, match="huggingface_hub"):
        model.save_to_preset(PLACE)
