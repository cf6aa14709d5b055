"""The page that shows what latents do: its server, its folder without one, and what a visitor does in a browser."""

import contextlib
import dataclasses
import functools
import http.client
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import zoo
from zoo import cli
from zoo.runs import explore
from zoo.runs.explore import _page, _runtime, _sheet

PAGE = Path(explore.__file__).parent / "page"
ATTACK = "<img src=x onerror=hacked=1>"
BYTES = "application/octet-stream"
TWO_LEVELS = 2 / 255  # as far as drawn pixels may be from Python's
TALL = (218, 178, 3)


# Models, loaded once.


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("explore")


def shown_of(*paths, samples=64, **more):
    return explore.load(list(map(str, paths)), samples=samples, **more)


@pytest.fixture(scope="module")
def digits():
    return shown_of("vae_digits", samples=256)[0]


@pytest.fixture(scope="module")
def rooms():
    """Two models of 64x64x3 images that share their dataset."""
    return shown_of("factor_vae_shapes3d", "ada_gvae_shapes3d")


@pytest.fixture(scope="module")
def joint():
    return shown_of("joint_vae_mnist", samples=256)[0]


@pytest.fixture(scope="module")
def tall(folder):
    """A model of 218x178x3 images, never trained, whose name, data and factors are an attack."""
    layers = zoo.networks.dense_encoder, zoo.networks.dense_decoder
    file = folder / f"{ATTACK}.keras"
    model = zoo.models.VAE(
        TALL,
        latent_dim=3,
        encoder=layers[0](TALL, 6, units=(4,), seed=0),
        decoder=layers[1](3, TALL, units=(4,), seed=1),
        seed=0,
    )
    model.save(file)
    generator = np.random.default_rng(0)
    images = generator.integers(256, size=(6, *TALL), dtype=np.uint8)
    names = np.array([ATTACK, "<b>tone</b>"])
    factors = np.stack(np.unravel_index(np.arange(6), (2, 3)), axis=1)
    data = folder / "tall.npz"
    np.savez(data, images=images, factors=factors, factor_names=names)
    [shown] = shown_of(file, data=str(data), samples=6)
    return dataclasses.replace(
        shown, facts=shown.facts | {"card": f"# {ATTACK}\n\n{ATTACK} | `{ATTACK}`"}
    )


@contextlib.contextmanager
def running(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def server(digits):
    with running(explore.Explorer([digits])) as started:
        yield started


def ask(server, method, path, body=None, headers=None):
    """Status, text or bytes, and headers of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=20)
    try:
        connection.request(method, path, body, {"Content-Type": BYTES, **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def floats(*shape, value=0.5):
    return np.full(shape, value, "<f4").tobytes()


# The server.


def test_the_server_gives_the_files_of_the_page_and_says_what_they_are(server):
    kinds = {"/": "text/html", "/main.js": "text/javascript", "/style.css": "text/css"}
    for path, kind in kinds.items():
        status, content, headers = ask(server, "GET", path)
        assert (status, headers["Content-Type"].split(";")[0]) == (200, kind)
        assert content == (PAGE / (path[1:] or "index.html")).read_bytes()
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_facts_sort_latents_by_their_kl_and_tell_range_and_factor(digits):
    latents = digits.facts["latents"]
    kl = [one["kl"] for one in latents]
    assert kl == sorted(kl, reverse=True)
    assert sorted(one["z"] for one in latents) == list(range(10))
    table = zoo.encode(digits.model, digits.data, samples=256)
    assert kl == pytest.approx(np.sort(table.latent_kl.mean(axis=0))[::-1], rel=1e-4)
    for one in latents:
        low, high = np.percentile(table.codes[:, one["z"]], (1, 99))
        assert (one["low"], one["high"]) == pytest.approx((low, high), abs=1e-4)
        assert one["told"][0] == "digit"


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/../setup.py",
            "/%2e%2e/setup.py",
            "//etc/passwd",
            "/page/main.js",
            "/main.js/",
            "/./main.js",
        ),
        *(
            "/image",
            "/image/",
            "/image/1",
            "/image/-1",
            "/image/0/../../x",
            "/facts",
            "/_server.py",
        ),
        *("/encode/0", "/decode/0", "/" + "a" * 9000, "/image/%D9%A3"),
    ],
)
def test_what_is_no_file_of_the_page_is_not_given(server, path):
    status, content, _ = ask(server, "GET", path)
    assert status == 404
    assert len(content) < 100


@pytest.mark.parametrize(
    "host",
    ["evil.example:{port}", "evil.example", "127.0.0.1", "localhost:1", "10.0.0.1:{port}", ""],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_requests_by_another_name_are_refused(server, host, method):
    headers = {"Host": host.format(port=server.server_address[1])}
    path = "/facts.json" if method == "GET" else "/decode/0"
    assert ask(server, method, path, floats(1, 10), headers)[0] == 403


def test_localhost_is_a_name_of_this_machine(server):
    headers = {"Host": f"localhost:{server.server_address[1]}"}
    assert ask(server, "GET", "/", headers=headers)[0] == 200


def test_calls_of_other_pages_are_refused(server):
    for origin in ("http://evil.example", "null", f"https://{server.url[7:-1]}"):
        assert ask(server, "POST", "/decode/0", floats(1, 10), {"Origin": origin})[0] == 403
    own = {"Origin": server.url.rstrip("/")}
    assert ask(server, "POST", "/decode/0", floats(1, 10), own)[0] == 200
    # What a form of another page can send without asking first.
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert ask(server, "POST", "/decode/0", floats(1, 10), {"Content-Type": kind})[0] == 415


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"])
def test_other_methods_are_refused(server, method):
    assert ask(server, method, "/")[0] == 501


@pytest.mark.parametrize(
    ("call", "body", "status", "why"),
    [
        ("decode/0", b"", 400, "Expected 1 to 64 times 40 bytes"),
        ("decode/0", floats(1, 9), 400, "(10,)"),
        ("decode/0", floats(65, 10), 413, "Received: 2,600"),
        ("decode/0", floats(1, 10, value=np.nan), 400, "finite"),
        ("decode/0", floats(1, 10, value=-np.inf), 400, "finite"),
        ("decode/0", floats(1, 10, value=3e38), 400, ""),
        ("encode/0", floats(1, 8, 8, 2), 200, ""),  # two images of one channel
        ("encode/0", floats(1, 8, 7, 1), 400, "(8, 8, 1)"),
        ("encode/0", floats(1, 8, 8, 1, value=1.5), 400, "from 0 to 1"),
        ("encode/0", floats(1, 8, 8, 1, value=-0.1), 400, "from 0 to 1"),
        ("encode/1", floats(1, 8, 8, 1), 404, "no such number"),
        ("encode/-1", floats(1, 8, 8, 1), 404, "no such number"),
        ("encode/", floats(1, 8, 8, 1), 404, "no such number"),
        ("sample/0", floats(1, 10), 404, "no such call"),
        ("main.js", floats(1, 10), 404, "no such call"),
    ],
)
def test_calls_check_what_they_get(server, call, body, status, why):
    got, content, _ = ask(server, "POST", f"/{call}", body)
    assert got == status
    if status != 200:
        assert why in content.decode()
        assert content.count(b"\n") == 1


@pytest.mark.parametrize(
    ("length", "status"),
    [("-40", 411), ("40.0", 411), ("٤٠", 411), ("9" * 30, 413), ("10000000000", 413), ("x", 411)],
)
def test_a_body_is_not_read_before_its_length_is_right(server, length, status):
    with socket.create_connection(server.server_address, timeout=10) as line:
        host = server.url[7:-1]
        head = f"POST /decode/0 HTTP/1.1\r\nHost: {host}\r\nContent-Type: {BYTES}\r\nContent-Length: {length}\r\n\r\n"
        line.sendall(head.encode())
        answer = line.recv(4096).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "Connection: close" in answer


def test_the_calls_are_those_of_the_model(server, digits):
    images = digits.data.images(range(3))
    codes = np.frombuffer(ask(server, "POST", "/encode/0", images.tobytes())[1], "<f4")
    expected = digits.model.encode(images).mode().numpy()
    np.testing.assert_allclose(codes.reshape(3, 10), expected, atol=1e-5)
    made = np.frombuffer(ask(server, "POST", "/decode/0", expected.tobytes())[1], "<f4")
    np.testing.assert_allclose(
        made.reshape(images.shape), digits.model.decode(expected).mean(), atol=1e-5
    )


def test_images_are_given_by_index_and_by_factors(server, digits):
    status, content, headers = ask(server, "GET", "/image/0?index=7")
    np.testing.assert_array_equal(np.frombuffer(content, "<f4"), digits.data.images([7]).ravel())
    assert (status, headers["X-Index"], headers["X-Factors"]) == (
        200,
        "7",
        str(digits.data.factors([7])[0, 0]),
    )
    found = ask(server, "GET", "/image/0?factors=4")[2]
    assert digits.data.factors([int(found["X-Index"])]).tolist() == [[4]]


@pytest.mark.parametrize(
    "query",
    [
        *(
            "",
            "index=",
            "index=-1",
            "index=1797",
            "index=x",
            "index=1,2",
            "index=1e3",
            f"index={'9' * 40}",
        ),
        *(
            "factors=",
            "factors=10",
            "factors=1,2",
            "factors=-1",
            "index=1&factors=1",
            "x=1",
            "index=nan",
        ),
    ],
)
def test_images_that_there_are_not_are_refused_in_a_line(server, query):
    status, content, _ = ask(server, "GET", f"/image/0?{query}")
    assert status == 400
    assert content.count(b"\n") == 1


def test_a_busy_port_is_told_in_a_line(server, digits):
    port = server.server_address[1]
    with pytest.raises(OSError, match=rf"^Port {port} is in use\. Choose another --port"):
        explore.Explorer([digits], port=port)
    result = zoo_command("no_such_preset", "--port", port)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"Port {port} is in use." in result.stderr
    with pytest.raises(OSError, match=r"Cannot listen at 203\.0\.113\.1: .*Leave --host out"):
        explore.Explorer([digits], host="203.0.113.1")


def test_it_listens_at_this_machine_alone_unless_asked(server, digits):
    assert server.server_address[0] == "127.0.0.1"
    with explore.Explorer([digits], host="0.0.0.0") as everywhere:
        port = everywhere.server_address[1]
        assert everywhere.url == f"http://127.0.0.1:{port}/"
        assert everywhere.knows(f"192.168.1.7:{port}")
        assert not everywhere.knows(f"evil.example:{port}")


# What cannot be shown.


def zoo_command(*arguments):
    return CliRunner().invoke(cli.main, ["explore", *map(str, arguments)])


def test_the_command_says_in_a_line_what_it_cannot_show(folder, digits):
    import keras

    other = folder / "other.keras"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(other)
    broken = folder / "broken.keras"
    broken.write_bytes(b"PK broken")
    for arguments, why in [
        ([other], "Expected a model of the zoo."),
        ([broken], "broken.keras"),
        (["no_such_preset"], "no_such_preset"),
        (["vae_digits"] * 9, "Expected 1 to 8 models."),
        (["vae_digits", "--data", "shapes2d"], "Expected images of shape (8, 8, 1)"),
        (["vae_digits", "--data", "no_such_data"], "no_such_data"),
        (["vae_digits", "--samples", "1"], "`samples` must be"),
        (["vae_digits", "--vendor", folder], "belong to --out"),
        (["vae_digits", "--out", folder / "x", "--port", "1"], "of the server"),
        (["vae_digits", "--out", folder], "exists"),
        (["vae_digits", "--out", folder, "--overwrite"], "expected a page of zoo explore"),
        (["vae_digits", "--out", folder / "x", "--vendor", folder], "Expected the npm package"),
    ]:
        result = zoo_command(*arguments)
        last = result.stderr.strip().splitlines()[-1]
        assert (result.exit_code, why in last) == (2, True), (arguments, result.stderr)
        assert not (folder / "x").exists()


def test_a_model_whose_codes_are_no_numbers_is_not_shown(folder):
    model = zoo.models.VAE((8, 8, 1), latent_dim=2, seed=0)
    model.encoder.set_weights(
        [np.full_like(weight, np.nan) for weight in model.encoder.get_weights()]
    )
    model.save(folder / "nan.keras")
    with pytest.raises(ValueError, match=r"finite numbers\. Received: nan"):
        shown_of(folder / "nan.keras", data="digits")


@pytest.mark.parametrize(
    ("kind", "settings", "prior", "sizes"),
    [
        ("InfoGAN", {"latent_dim": 5, "categories": (3,), "noise_dim": 2}, "uniform", [1, 1, 3]),
        ("Autoencoder", {"latent_dim": 2}, "normal", [1, 1]),
        ("JointVAE", {"latent_dim": 7, "categories": (3, 4)}, "normal", [3, 4]),
    ],
)
def test_models_without_kl_or_without_sliders_are_shown(folder, kind, settings, prior, sizes):
    model = getattr(zoo.models, kind)((8, 8, 1), seed=0, **settings)
    model.save(folder / f"{kind}.keras")
    [shown] = shown_of(folder / f"{kind}.keras", data="digits")
    latents = sorted(shown.facts["latents"], key=lambda one: one["z"])
    assert (shown.facts["prior"], [one["size"] for one in latents]) == (prior, sizes)
    assert [one["column"] for one in latents] == np.cumsum([0, *sizes])[:-1].tolist()
    assert (latents[0]["kl"] is None) == (kind != "JointVAE")
    images = shown.data.images(range(2))
    codes = shown.encode(images)
    np.testing.assert_allclose(codes, model.encode(images).mode(), atol=1e-5)
    np.testing.assert_allclose(shown.decode(codes), model.decode(codes).mean(), atol=1e-5)
    _page.as_json(_page.facts([shown]))  # strict: no NaN


def test_a_file_without_a_dataset_is_shown_on_what_it_makes_itself(folder):
    zoo.models.VAE((8, 8, 1), latent_dim=2, seed=0).save(folder / "alone.keras")
    [shown] = shown_of(folder / "alone.keras")
    assert "images of the prior of alone (it does not tell its dataset" in shown.origin
    assert len(shown.facts["latents"]) == 2
    assert shown.facts["shares"] == []


# The folder without a server.


def test_a_sheet_holds_every_image_where_there_are_few(tmp_path):
    for channels in (1, 2, 3, 5):
        images = np.random.default_rng(channels).integers(
            256, size=(7, 6, 4, channels), dtype=np.uint8
        )
        data = zoo.datasets.load((images, np.arange(7)[:, None] % 3))
        facts = _sheet.write(data, tmp_path, "sheet.webp", {"name": "seven", "factors": [{}]})
        assert facts["note"] == "All 7 images of seven."
        assert facts["sheet"]["factors"] == [[0], [1], [2], [0], [1], [2], [0]]
        sheet, columns = np.asarray(Image.open(tmp_path / "sheet.webp")), facts["sheet"]["columns"]
        for place, image in enumerate(images):
            across, down = place % columns, place // columns
            if channels == 3:
                tile = sheet[6 * down : 6 * down + 6, 4 * across : 4 * across + 4]
                np.testing.assert_array_equal(tile, image)
                continue
            high = 6 * channels
            tile = sheet[high * down : high * (down + 1), 4 * across : 4 * across + 4, 0]
            np.testing.assert_array_equal(tile.reshape(channels, 6, 4).transpose(1, 2, 0), image)


@pytest.mark.parametrize(
    "sizes", [(3, 6, 40, 32, 32), (8,) * 6, (10, 10, 10, 8, 4, 15), (100_000,), (2,) * 20]
)
def test_a_coarser_grid_keeps_both_ends_of_factors_as_long_as_it_can(sizes):
    levels = _sheet.coarser(sizes, 2000)
    count = np.prod([len(some) for some in levels])
    assert 200 < count <= 2000
    for some, size in zip(levels, sizes, strict=True):
        assert some == sorted(set(some))
        assert len(some) == 1 or (some[0], some[-1]) == (0, size - 1)


def test_a_page_says_which_images_its_sheet_holds():
    data = zoo.datasets.load("shapes3d")
    indices, levels = _sheet.chosen(data)
    factors = data.factors(indices)
    assert [sorted(set(column)) for column in factors.T] == levels
    note = _sheet._note(data, "shapes3d", len(indices), levels)
    assert note.startswith(
        "1,728 of the 480,000 images of shapes3d, a coarser grid: floor_hue 3 of 10,"
    )


def test_the_runtime_is_found_where_npm_puts_it(tmp_path):
    inner = tmp_path / "node_modules" / "onnxruntime-web"
    (inner / "dist").mkdir(parents=True)
    (inner / "package.json").write_text('{"name": "onnxruntime-web"}')
    with pytest.raises(ValueError, match="lacks dist/ort"):
        _runtime.package(tmp_path)
    for name in _runtime.PARTS.values():
        (inner / "dist" / name).write_bytes(b"1")
    for place in (inner, tmp_path, tmp_path / "node_modules"):
        assert _runtime.package(place) == inner
    (inner / "package.json").write_text("[1]")
    with pytest.raises(ValueError, match="Expected the npm package onnxruntime-web"):
        _runtime.package(tmp_path)


# The page's own files.


@pytest.mark.parametrize("file", sorted(PAGE.iterdir()), ids=lambda file: file.name)
def test_the_page_reads_no_text_as_html_or_code_and_asks_nobody(file):
    text = file.read_text(encoding="utf-8")
    wrong = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setHTML|localStorage|cookie"
    assert not re.findall(wrong, text)
    addresses = set(re.findall(r"https?://[^\s\"'\\/;)]+", text)) - {"http://www.w3.org"}
    assert addresses <= {"https://cdn.jsdelivr.net"}
    assert len(text.splitlines()) <= 500


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_the_scripts_are_valid():
    for file in sorted(PAGE.glob("*.js")):
        subprocess.run(["node", "--check", str(file)], check=True)


# A visitor, in a headless Chromium.


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if program is None:
        pytest.skip("there is no chromium on this machine")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser):
    """Opens a page as a visitor; the test fails if its console tells of an error."""
    contexts, faults = [], []
    own = "willReadFrequently"  # of the test, which reads what canvases show

    def opened(address, expected=(), before=None, **device):
        device.setdefault("viewport", {"width": 1300, "height": 900})
        context = browser.new_context(accept_downloads=True, **device)
        contexts.append(context)
        page = context.new_page()

        def told(message):
            if message.type in ("error", "warning") and not any(
                one in message.text for one in (own, *expected)
            ):
                faults.append(f"{message.text} {message.location}")

        page.on("console", told)
        page.on("pageerror", lambda error: faults.append(str(error)))
        if before is not None:
            before(page)
        page.goto(address)
        page.wait_for_selector("body[data-ready]", timeout=30_000)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not faults


def pixels(page, label="Decoded", panel=0):
    """What a canvas shows, `(height, width, 3)` in [0, 1]."""
    canvas = page.locator(".panel").nth(panel).locator(f"canvas[aria-label={label}]")
    found = canvas.evaluate(
        "c => [c.height, c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    return np.array(found[2:]).reshape(found[0], found[1], 4)[..., :3] / 255


def code_of(page, shown, panel=0):
    """The code that the page holds, as its copy button gives it."""
    page.evaluate("navigator.clipboard.writeText('')")
    page.locator(".panel").nth(panel).get_by_role("button", name="Copy code").click()
    until(page, "navigator.clipboard.readText().then(text => text.length > 0)")
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied["model"] == shown.name
    return np.array(copied["latents"], np.float32)


def until(page, expression, argument=None):
    """Waits until an expression holds. (The page's policy forbids Playwright's own way, which is `eval`.)"""
    for _ in range(200):
        if page.evaluate(expression, argument):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within 10 s: {expression}")


def settle(page):
    """Waits until nothing is worked on."""
    until(page, "document.querySelector('[aria-busy=true]') === null")


def shows(page, shown, code=None, panel=0):
    """Whether the decoded picture is what Python's decoder makes of the page's code."""
    code = code_of(page, shown, panel) if code is None else code
    expected = np.clip(shown.model.decode(code[None]).mean().numpy()[0], 0, 1)
    found = pixels(page, panel=panel)
    assert found.shape[:2] == expected.shape[:2]
    return np.abs(found - expected).max() <= TWO_LEVELS


def slide(page, selector, value, panel=0):
    place = page.locator(".panel").nth(panel) if panel is not None else page
    place.locator(selector).evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); }",
        str(value),
    )


CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


def test_the_first_picture_is_an_image_of_the_data_beside_its_reconstruction(visit, server, digits):
    page = visit(server.url, **CLIPBOARD)
    image = digits.data.images([_page.facts([digits])["datasets"][0]["start"]["index"]])
    assert np.abs(pixels(page, "Input") - image[0]).max() <= TWO_LEVELS
    np.testing.assert_allclose(
        code_of(page, digits), digits.model.encode(image).mode()[0], atol=1e-4
    )
    assert shows(page, digits)
    np.testing.assert_array_equal(pixels(page, "Reconstruction"), pixels(page))
    assert page.title() == "vae_digits – zoo explore"
    assert "elbo" in page.locator(".card summary").inner_text()


def test_a_slider_changes_the_picture_as_pythons_decoder_says(visit, server, digits, rooms, tall):
    with running(explore.Explorer(rooms[:1])) as second, running(explore.Explorer([tall])) as third:
        for one, shown in [(server, digits), (second, rooms[0]), (third, tall)]:
            page = visit(one.url, **CLIPBOARD)
            before, code = pixels(page), code_of(page, shown)
            latent = shown.facts["latents"][0]
            slide(page, f"[data-z='{latent['z']}'] input", latent["high"])
            settle(page)
            code[latent["column"]] = latent["high"]
            np.testing.assert_allclose(code_of(page, shown), code, rtol=1e-5, atol=1e-5)
            assert shows(page, shown)
            assert np.abs(pixels(page) - before).max() > 0
            assert len(page.query_selector_all(".latent")) == len(shown.facts["latents"])


DRAWN_IN_A_SECOND = """async count => {
    const panel = document.querySelector('.panel');
    const slider = panel.querySelector('.latent input');
    const once = step => new Promise(done => {
        const watcher = new MutationObserver(() => { watcher.disconnect(); done(); });
        watcher.observe(panel, {attributeFilter: ['data-drawn']});
        slider.value = Number(slider.min) + (slider.max - slider.min) * (step % 20) / 20;
        slider.dispatchEvent(new Event('input'));
    });
    const begin = performance.now();
    for (let step = 1; step <= count; step++) await once(step);
    return 1000 * count / (performance.now() - begin);
}"""


def test_a_slider_draws_twenty_images_a_second(visit, rooms):
    with running(explore.Explorer(rooms[:1])) as server:
        page = visit(server.url)
        assert max(page.evaluate(DRAWN_IN_A_SECOND, 20) for _ in range(3)) >= 20


def test_a_factors_slider_moves_the_latents_as_pythons_encoder_says(visit, rooms):
    shown = rooms[0]
    with running(explore.Explorer(rooms[:1])) as server:
        page = visit(server.url, **CLIPBOARD)
        start = server.shown and _page.facts(rooms[:1])["datasets"][0]["start"]["factors"]
        for name, value in {"orientation": 3, "floor_hue": 7}.items():
            factor = shown.data.factor_names.index(name)
            slide(page, f"[data-factor={name}]", value, panel=None)
            settle(page)
            start[factor] = value
            image = shown.data.images(shown.data.index(np.array([start])))
            assert np.abs(pixels(page, "Input") - image[0] / 255).max() == 0
            np.testing.assert_allclose(
                code_of(page, shown), shown.model.encode(image).mode()[0], atol=2e-4
            )
        page.locator("[data-factor=shape]").select_option("sphere")  # words are a list
        settle(page)
        start[shown.data.factor_names.index("shape")] = 2
        image = shown.data.images(shown.data.index(np.array([start])))
        np.testing.assert_allclose(
            code_of(page, shown), shown.model.encode(image).mode()[0], atol=2e-4
        )


def test_every_button_does_what_it_says(visit, server, digits, tmp_path):
    page = visit(server.url, **CLIPBOARD)
    first = code_of(page, digits)
    page.get_by_role("button", name="From the prior").click()
    settle(page)
    drawn = code_of(page, digits)
    assert not np.allclose(drawn, first)
    assert shows(page, digits)
    page.get_by_role("button", name="Reset").click()
    settle(page)
    np.testing.assert_allclose(code_of(page, digits), first, atol=1e-6)
    page.get_by_role("button", name="Random image").click()
    settle(page)
    other = np.float32(pixels(page, "Input")[..., :1])
    np.testing.assert_allclose(
        code_of(page, digits), digits.model.encode(other[None]).mode()[0], atol=0.05
    )
    assert not np.allclose(code_of(page, digits), first, atol=0.05)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save picture").click()
    assert download.value.suggested_filename == "vae_digits.png"
    download.value.save_as(tmp_path / "saved.png")
    saved = np.asarray(Image.open(tmp_path / "saved.png").convert("RGB"))
    np.testing.assert_array_equal(saved, np.round(255 * pixels(page)))


def test_play_sweeps_until_it_is_stopped(visit, server, digits):
    page = visit(server.url, **CLIPBOARD)
    first = code_of(page, digits)
    top = digits.facts["latents"][0]
    names = {"panel": ".stage .buttons button >> nth=0", "latent": ".latent >> nth=0 >> button"}
    cell = ".heatmap button >> nth=0"
    for start, stop in [(names["panel"],) * 2, (names["latent"],) * 2, (cell, names["latent"])]:
        page.locator(".panel").locator(start).click()
        assert page.locator(".panel [aria-pressed=true]").count() == 1
        until(page, "document.querySelector('.rate').textContent.includes('images/s')")
        page.locator(".panel").locator(stop).click()
        assert page.locator(".panel [aria-pressed=true]").count() == 0
        settle(page)
        moved = np.flatnonzero(~np.isclose(code_of(page, digits), first, atol=1e-5))
        assert set(moved) <= {top["column"]}
        assert shows(page, digits)
    factor = page.locator(".factor button")
    factor.click()
    page.wait_for_timeout(1500)
    factor.click()
    settle(page)
    assert not np.allclose(code_of(page, digits), first, atol=1e-3)


def test_the_keyboard_is_enough(visit, server, digits):
    page = visit(server.url, **CLIPBOARD)
    first = code_of(page, digits)
    z = digits.facts["latents"][0]["z"]
    page.locator(f"[data-z='{z}'] input").focus()
    page.keyboard.press("End")
    settle(page)
    assert code_of(page, digits)[z] == pytest.approx(digits.facts["latents"][0]["high"], abs=1e-4)
    page.keyboard.press("0")
    settle(page)
    np.testing.assert_allclose(code_of(page, digits), first, atol=1e-6)
    page.locator("body").press("p")
    settle(page)
    prior = code_of(page, digits)
    page.locator("body").press("r")
    settle(page)
    assert not np.allclose(prior, first)
    assert not np.allclose(prior, code_of(page, digits))
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(" ")
    page.wait_for_selector(".stage [aria-pressed=true]")
    page.keyboard.press("Escape")
    assert page.locator(".stage [aria-pressed=true]").count() == 0
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(document.activeElement.textContent || document.activeElement.ariaLabel).trim()"
            )
        )
    assert {
        "Random image",
        "From the prior",
        "Own picture …",
        "Reset",
        "Copy code",
        f"z{z}",
    } <= reached


def picture_file(folder, name, size=(30, 20), mode="RGB", **options):
    levels = np.random.default_rng(0).integers(256, size=(size[1], size[0], 4), dtype=np.uint8)
    file = folder / name
    Image.fromarray(levels).convert(mode).save(file, **options)
    return file


def test_a_picture_of_ones_own_is_encoded(visit, server, digits, tall, tmp_path):
    exact = tmp_path / "exact.png"
    levels = np.random.default_rng(1).integers(256, size=(8, 8), dtype=np.uint8)
    Image.fromarray(levels).save(exact)
    page = visit(server.url, **CLIPBOARD)
    page.locator("input[type=file]").set_input_files(exact)
    settle(page)
    np.testing.assert_array_equal(np.round(255 * pixels(page, "Input")[..., 0]), levels)
    expected = digits.model.encode(levels[None, ..., None]).mode()[0]
    np.testing.assert_allclose(code_of(page, digits), expected, atol=1e-3)
    for name in ("wide.jpg", "palette.gif", "clear.webp"):
        page.locator("input[type=file]").set_input_files(picture_file(tmp_path, name))
        settle(page)
        assert page.locator(".fault:visible").count() == 0
        assert shows(page, digits)


def drop(page, name, kind, content):
    """Drops a file on the page."""
    page.evaluate(
        """([name, kind, bytes]) => {
            const data = new DataTransfer();
            if (name) data.items.add(new File([new Uint8Array(bytes)], name, {type: kind}));
            document.body.dispatchEvent(
                new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: data}));
        }""",
        [name, kind, list(content)],
    )


def test_what_is_dropped_and_is_no_picture_is_told_on_the_page(visit, server, digits, tmp_path):
    page = visit(server.url, **CLIPBOARD)
    first, fault = code_of(page, digits), page.locator("#source .fault")
    whole = picture_file(tmp_path, "whole.png").read_bytes()
    for name, content, why in [
        ("notes.txt", b"text", "notes.txt is no picture that this browser can read."),
        ("cut.png", whole[:40], "cut.png is no picture that this browser can read."),
        ("empty.png", b"", "empty.png is no picture that this browser can read."),
        (ATTACK, b"1", f"{ATTACK} is no picture that this browser can read."),
        (None, b"", "That is no picture file"),
    ]:
        drop(page, name, "image/png", content)
        until(page, "t => document.querySelector('#source .fault').textContent.includes(t)", why)
        assert fault.is_visible()
        np.testing.assert_allclose(code_of(page, digits), first, atol=1e-6)
    drop(page, "whole.png", "image/png", whole)
    page.wait_for_selector("#source .fault", state="hidden")
    settle(page)
    assert not np.allclose(code_of(page, digits), first)


def test_a_phone_shows_all_in_its_width(visit, server, rooms):
    with running(explore.Explorer(rooms[:1])) as second:
        for address in (server.url, second.url):
            page = visit(
                address, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
            )
            page.locator("details.card").evaluate("card => card.open = true")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            outside = page.evaluate(
                """[...document.querySelectorAll('button, input, select, canvas')]
                    .filter(one => one.checkVisibility() && !one.closest('.scroll'))
                    .filter(one => {
                        const {left, right} = one.getBoundingClientRect();
                        return left < 0 || right > innerWidth; })
                    .map(one => one.outerHTML)"""
            )
            assert outside == []
            page.locator(".latent input").last.scroll_into_view_if_needed()
            page.wait_for_timeout(100)
            large = page.locator(".panel canvas").first.bounding_box()
            assert large["y"] >= 0  # the picture stays in sight of the sliders
            assert large["y"] + large["height"] < 740


def test_dark_mode_is_dark(visit, server):
    lightness = "Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    assert visit(server.url, color_scheme="dark").evaluate(lightness) < 60
    assert visit(server.url, color_scheme="light").evaluate(lightness) > 200


def test_three_models_show_the_same_image_and_the_same_code(visit, rooms, joint):
    shown = [*rooms, joint]
    with running(explore.Explorer(shown)) as server:
        page = visit(server.url, **CLIPBOARD)
        assert page.locator(".panel h2").all_inner_texts() == [one.name for one in shown]
        for panel, one in enumerate(rooms):
            np.testing.assert_array_equal(pixels(page, "Input", panel), pixels(page, "Input"))
            assert shows(page, one, panel=panel)
        assert pixels(page, "Input", 2).shape == (28, 28, 3)
        page.get_by_role("button", name="Random image").click()
        settle(page)
        np.testing.assert_array_equal(pixels(page, "Input", 1), pixels(page, "Input"))
        page.get_by_label("same code").check()
        page.get_by_role("button", name="From the prior").click()
        slide(page, "[data-z='3'] input", 0.5)
        settle(page)
        first, second, third = (code_of(page, one, panel) for panel, one in enumerate(shown))
        np.testing.assert_array_equal(first, second)
        assert first[3] == pytest.approx(0.5, abs=0.02)
        assert len(third) == 20
        for panel, one in enumerate(shown):
            assert shows(page, one, panel=panel)
        page.locator("#dataset").select_option("1")  # the images of the third model
        settle(page)
        assert page.locator(".factor").count() == 1  # the choice of the dataset itself


def test_categories_are_buttons(visit, joint):
    with running(explore.Explorer([joint])) as server:
        page = visit(server.url, **CLIPBOARD)
        for category in (3, 8):
            page.get_by_role("button", name=str(category), exact=True).first.click()
            settle(page)
            assert code_of(page, joint)[10:].tolist() == [float(k == category) for k in range(10)]
            assert shows(page, joint)
        page.get_by_role("button", name="From the prior").click()
        settle(page)
        assert sorted(code_of(page, joint)[10:]) == [0.0] * 9 + [1.0]


def test_values_of_quantized_latents_are_buttons(visit, folder):
    model = zoo.models.FSQAE((8, 8, 1), latent_dim=3, levels=4, seed=0)
    model.save(folder / "quantized.keras")
    [shown] = shown_of(folder / "quantized.keras", data="digits")
    values = model.latent_values[0].tolist()
    assert [(one["size"], one["values"]) for one in shown.facts["latents"]] == [(1, values)] * 3
    with running(explore.Explorer([shown])) as server:
        page = visit(server.url, **CLIPBOARD)
        latent = shown.facts["latents"][0]
        for number in (3, 1):
            page.get_by_role("button", name=str(number), exact=True).first.click()
            settle(page)
            moved = code_of(page, shown)[latent["column"]]
            assert moved == pytest.approx(values[number], abs=1e-6)
            assert shows(page, shown)
        page.get_by_role("button", name="From the prior").click()
        settle(page)
        assert np.abs(code_of(page, shown)[:, None] - values).min(axis=1).max() < 1e-6


def test_names_factors_and_cards_are_text(visit, tall):
    with running(explore.Explorer([tall])) as server:
        page = visit(server.url)
        page.locator("details.card").evaluate("card => card.open = true")
        page.wait_for_timeout(200)
        assert page.evaluate("typeof hacked") == "undefined"
        assert page.locator("#source .note").inner_text() == "Images of tall.npz."  # no folders
        assert page.locator("img, .card script, b b").count() == 0
        assert page.locator("h2", has_text=ATTACK).count() == 1
        assert page.locator(".factor .name").all_inner_texts() == [ATTACK, "<b>tone</b>"]
        assert page.locator(".card h4").inner_text() == ATTACK
        assert pixels(page).shape == TALL


def test_a_card_is_shown_as_it_is_meant(visit, digits):
    text = (
        "# A\n\n- one `x`\n- two\n  lines\n\n| a | b |\n| --- | --- |\n| 1 | [c](https://d.e) |\n\n"
    )
    text += "```python\n<b>code</b>\n```\n\n*so* **it** is [no](javascript:alert(1)) ![p](p.png)"
    card = dataclasses.replace(digits, facts=digits.facts | {"card": text, "scores": {}})
    with running(explore.Explorer([card])) as server:
        page = visit(server.url)
        page.locator("details.card").evaluate("card => card.open = true")
        shown = page.locator("details.card")
        assert shown.locator("li").all_inner_texts() == ["one x", "two lines"]
        assert shown.locator("td").all_inner_texts() == ["a", "b", "1", "c"]
        assert shown.locator("pre").inner_text() == "<b>code</b>"
        assert shown.locator("p").inner_text().strip() == "so it is no)"
        assert shown.locator("a").evaluate_all("all => all.map(a => a.href)") == ["https://d.e/"]


def test_the_page_says_that_its_server_has_gone(visit, server):
    page = visit(server.url, expected=["Failed to load"])
    page.route("**/decode/*", lambda route: route.abort("connectionrefused"))
    page.route("**/image/*", lambda route: route.abort("connectionrefused"))
    slide(page, ".latent >> nth=0 >> input", 0)
    page.get_by_role("button", name="Random image").click()
    for place in (".panel", "#source"):
        fault = page.locator(f"{place} .fault")
        fault.wait_for(state="visible")
        assert fault.inner_text() == "The server does not answer: is `zoo explore` still running?"


# The same without a server.


@pytest.fixture(scope="module")
def package(folder):
    """The npm package onnxruntime-web: that of ZOO_ORT_WEB, or one that npm fetches."""
    if os.environ.get("ZOO_ORT_WEB"):
        return _runtime.package(os.environ["ZOO_ORT_WEB"])
    if not shutil.which("npm"):
        pytest.skip("there is no npm, and ZOO_ORT_WEB names no copy of onnxruntime-web")
    command = [
        "npm",
        "install",
        "--no-save",
        "--ignore-scripts",
        "--fetch-retries=0",
        "--fetch-timeout=20000",
    ]
    wanted = f"{_runtime.FOLDER}@{_runtime.VERSION}"
    try:
        subprocess.run(
            [*command, "--prefix", folder, wanted], check=True, capture_output=True, timeout=90
        )
    except (subprocess.SubprocessError, OSError):
        pytest.skip("npm cannot fetch onnxruntime-web, and ZOO_ORT_WEB names no copy of it")
    return _runtime.package(folder)


@pytest.fixture(scope="module")
def written(folder, package, digits, joint):
    explore.write([digits, joint], folder / "page", vendor=package)
    return folder / "page"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def hosted(folder):
    """Any web server."""
    handler = functools.partial(Quiet, directory=str(folder))
    with running(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        yield f"http://127.0.0.1:{server.server_address[1]}/"


def blocked(page):
    """Lets nothing but this machine through."""
    page.route(re.compile(r"^(?!http://127\.0\.0\.1)"), lambda route: route.abort())


def test_the_folder_works_offline_on_any_web_server(visit, written, digits, joint):
    with hosted(written) as address:
        asked = []
        page = visit(
            address,
            before=lambda page: (blocked(page), page.on("request", lambda one: asked.append(one))),
            **CLIPBOARD,
        )
        assert {request.url.startswith((address, "blob:")) for request in asked} == {True}
        assert shows(page, digits)
        assert shows(page, joint, panel=1)
        z = digits.facts["latents"][0]["z"]
        slide(page, f"[data-z='{z}'] input", 0.25)
        settle(page)
        assert code_of(page, digits)[z] == pytest.approx(0.25, abs=0.02)
        assert shows(page, digits)
        page.locator(".panel >> nth=1").get_by_role("button", name="7", exact=True).first.click()
        settle(page)
        assert shows(page, joint, panel=1)
        slide(page, "[data-factor=digit]", 6, panel=None)
        settle(page)
        image = np.float32(pixels(page, "Input")[..., :1])
        np.testing.assert_allclose(
            code_of(page, digits), digits.model.encode(image[None]).mode()[0], atol=1e-3
        )
        rounded = digits.data.images(digits.data.index(np.array([[6]])))[0]
        assert np.abs(image - rounded).max() <= TWO_LEVELS
        page.get_by_role("button", name="Random image").click()
        page.get_by_role("button", name="From the prior").click()
        settle(page)
        assert shows(page, digits)


def test_the_folder_opened_as_a_file_says_what_it_needs(browser, written):
    page = browser.new_page()
    page.goto((written / "index.html").as_uri())
    assert "it needs a web server" in page.locator("#status").inner_text()
    page.close()


def test_the_pinned_hashes_are_those_of_the_package(package):
    if json.loads((package / "package.json").read_text())["version"] != _runtime.VERSION:
        pytest.skip(f"ZOO_ORT_WEB is another version than {_runtime.VERSION}")
    for part, name in _runtime.PARTS.items():
        assert _runtime.integrity_of(package / "dist" / name) == _runtime.INTEGRITY[part]


@pytest.mark.parametrize("tampered", [None, "ort.wasm.bundle.min.mjs"])
def test_the_runtime_of_the_network_is_taken_only_as_it_was_pinned(
    visit, written, package, folder, tampered
):
    copied = folder / f"network-{tampered}"
    shutil.copytree(written, copied)
    facts = json.loads((copied / "facts.json").read_text())
    facts["runtime"] = _runtime.of_cdn()
    (copied / "facts.json").write_text(json.dumps(facts))

    def network(route):
        name = route.request.url.rpartition("/")[2]
        if tampered not in (None, name):
            return  # and never answers
        content = (package / "dist" / name).read_bytes() + (b" " if tampered else b"")
        kind = "text/javascript" if name.endswith("js") else "application/wasm"
        headers = {"Access-Control-Allow-Origin": "*", "Content-Type": kind}
        route.fulfill(status=200, body=content, headers=headers)

    expected = ["integrity", "Failed to load"] if tampered else []
    with hosted(copied) as address:
        page = visit(address, expected, lambda page: page.route(f"{_runtime.ADDRESS}**", network))
        fault = page.locator(".panel .fault").first
        if tampered:
            assert tampered in fault.inner_text()
        else:
            assert not fault.is_visible()
            assert page.evaluate("document.querySelector('.panel').dataset.drawn") == "1"


def test_a_file_of_the_folder_that_is_not_as_it_was_written_is_told_where_it_is_used(
    visit, written, folder
):
    copied = folder / "damaged"
    shutil.copytree(written, copied)
    decoder = copied / "model-1" / "decoder.onnx"
    decoder.write_bytes(decoder.read_bytes()[:1000])
    with hosted(copied) as address:
        page = visit(address, expected=["integrity", "Failed to load"])
        first, second = page.locator(".panel .fault").all()
        assert not first.is_visible()
        assert second.inner_text().startswith(
            "model-1/decoder.onnx cannot be fetched, or is not the file"
        )
        assert page.evaluate("document.querySelector('.panel').dataset.drawn") == "1"
    # As somebody who writes hashes anew would leave it.
    facts = json.loads((copied / "facts.json").read_text())
    facts["models"][1]["files"]["decoder"] = _runtime.integrity_of(decoder)
    (copied / "facts.json").write_text(json.dumps(facts))
    (copied / "images-0.webp").unlink()
    with hosted(copied) as address:
        page = visit(address, expected=["integrity", "Failed to load", "onnxruntime", "ERR"])
        told = page.locator(".panel .fault").nth(1).inner_text()
        assert told.startswith("model-1/decoder.onnx cannot be run: ")
        assert "images-0.webp is missing" in page.locator("#source .fault").inner_text()
    wasm = copied / facts["runtime"]["wasm"]["file"]
    wasm.write_bytes(wasm.read_bytes()[:-1])
    with hosted(copied) as address:
        page = visit(address, expected=["integrity", "Failed to load"])
        for fault in page.locator(".panel .fault").all_inner_texts():
            assert fault.startswith("onnxruntime-web/ort-wasm-simd-threaded.wasm cannot be fetched")


def test_only_a_page_of_the_zoo_is_replaced(written, digits, package):
    with pytest.raises(FileExistsError, match="exists"):
        explore.write([digits], written, vendor=package)
    explore.check(written, vendor=package, overwrite=True)
    (written / "mine.txt").write_text("mine")
    with pytest.raises(
        FileExistsError,
        match=r"expected a page of zoo explore of the zoo\. Received: a folder with mine",
    ):
        explore.check(written, overwrite=True)
    (written / "mine.txt").unlink()
