"""The page on this machine: its own files, images of datasets, and the two calls of each model."""

import contextlib
import errno
import http.server
import ipaddress
import math
import socket
import sys
import threading
import urllib.parse
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import ClassVar

import numpy as np
import tensorflow as tf

from zoo.runs.explore import _facts, _page
from zoo.runs.explore._shown import Shown
from zoo.utils.checks import check_integer

LOCAL = "127.0.0.1"
MOST_ROWS = 64  # images or latents of a call
IDLE = 60  # seconds that a silent connection stays open
BYTES = "application/octet-stream"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """A request that is not answered, with why."""

    def __init__(self, status: HTTPStatus, why: str):
        super().__init__(why)
        self.status = status


class Explorer(http.server.ThreadingHTTPServer):
    """A server of the page.

    | request | answer |
    |---|---|
    | `GET /`, `/main.js`, ... | the files of the page |
    | `GET /facts.json` | what is known of the models and datasets |
    | `GET /image/K?index=I`, `?factors=A,B,...` | an image of dataset K as float32; `X-Index` and `X-Factors` beside |
    | `POST /encode/M` | float32 images in, float32 latents of model M out |
    | `POST /decode/M` | float32 latents in, float32 images of model M out |

    Numbers are little-endian, rows one after the other, at most 64 of them.

    Args:
        shown: the models, of `load`.
        host: the address to listen at.
        port: 0 takes a free one.

    Raises:
        OSError: the port is in use, or the address is none of this machine.
    """

    daemon_threads = True

    def __init__(self, shown: Sequence[Shown], host: str = LOCAL, port: int = 0):
        check_integer("port", port, least=0, most=65535)
        self.host = host
        self.shown, self.data = list(shown), _page.datasets_of(shown)
        self.files = _page.files()
        self.files["facts.json"] = _page.as_json(_page.facts(shown, runtime=None))
        self.turn = (
            threading.Lock()
        )  # one call at a time: a flood of them waits, and takes no memory
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            raise _cannot_listen(error, host, port) from None

    @property
    def url(self) -> str:
        """Where the page is."""
        host = LOCAL if self.host in ("", "0.0.0.0") else "[::1]" if self.host == "::" else None
        host = host or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"http://{host}:{self.server_address[1]}/"

    def knows(self, host: str) -> bool:
        """Whether a request is for this server by a name that no foreign page can have made lead here.

        A page of another site can let its own name lead to 127.0.0.1. So of names only `localhost` and the one that was
        asked for will do; an address cannot be made to lead elsewhere, but is taken only where this server listens
        beyond its own machine.
        """
        name, _, port = host.rpartition(":")
        if not name or port != str(self.server_address[1]):
            return False
        name = name.strip("[]").lower()
        if name in ("localhost", LOCAL, "::1", self.host.lower()):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self.host in ("", "0.0.0.0", "::")

    def handle_error(self, request, client_address) -> None:
        """Says nothing of browsers that went away, and tells other errors, which are none of theirs."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    server: Explorer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "zoo", ""
    timeout = IDLE
    disable_nagle_algorithm, wbufsize = True, -1  # an answer leaves at once, and whole
    kinds: ClassVar = {"encode": "image_shape", "decode": "latent_dim"}

    def do_GET(self) -> None:
        """A file of the page, or an image of a dataset."""
        self._answering(self._get)

    def do_POST(self) -> None:
        """A call of a model."""
        self._answering(self._post)

    def log_message(self, *_) -> None:
        """Nothing is logged."""

    def send_error(self, code, message=None, explain=None) -> None:
        """The library's own refusals, such as of other methods, as one line too."""
        self.close_connection = True
        self._send(code, f"{message or HTTPStatus(code).phrase}\n".encode(), "text/plain")

    def _answering(self, answer: Callable) -> None:
        try:
            if not self.server.knows(self.headers.get("Host", "")):
                raise Refused(HTTPStatus.FORBIDDEN, f"Open {self.server.url} instead.")
            content, kind, more = answer()
            self._send(HTTPStatus.OK, content, kind, more)
        except Refused as error:
            self.close_connection = True  # what follows may be an unread body
            self._send(error.status, f"{error}\n".encode(), "text/plain; charset=utf-8")

    def _send(self, status, content: bytes, kind: str, more=()) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            self.send_response(status)
            fixed = {"Content-Type": kind, "Content-Length": str(len(content)), **HEADERS}
            for name, value in {**fixed, **dict(more)}.items():
                self.send_header(name, value)
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    def _get(self):
        path, _, query = self.path.partition("?")
        name = path.removeprefix("/") or "index.html"
        if name in self.server.files:
            return self.server.files[name], _page.TYPES[name.rpartition(".")[2]], ()
        room, _, number = name.partition("/")
        if room == "image":
            return self._image(_chosen(self.server.data, number), query)
        raise Refused(HTTPStatus.NOT_FOUND, "There is no such file.")

    def _image(self, data, query: str):
        asked = dict(urllib.parse.parse_qsl(query[:1000]))
        try:
            numbers = {
                name: [int(part) for part in text.split(",")] for name, text in asked.items()
            }
            if set(numbers) == {"factors"}:
                [index] = data.index(np.array([numbers["factors"]])).tolist()
            elif set(numbers) == {"index"}:
                [index] = numbers["index"]
            else:
                raise ValueError("Expected ?index=NUMBER or ?factors=NUMBERS.")
            image = data.images(np.array([index]))[0]
        except (ValueError, OverflowError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, _line(error)) from None
        if image.dtype == np.uint8:
            image = image / np.float32(255)
        factors = ",".join(map(str, _facts.factors_of(data, index)))
        return _bytes(image), BYTES, {"X-Index": str(index), "X-Factors": factors}

    def _post(self):
        call, _, number = self.path.removeprefix("/").partition("/")
        if call not in self.kinds:
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such call.")
        shown = _chosen(self.server.shown, number)
        rows = self._rows(np.atleast_1d(getattr(shown.model, self.kinds[call])).tolist())
        if call == "encode" and not (rows.min() >= 0 and rows.max() <= 1):
            raise Refused(HTTPStatus.BAD_REQUEST, "Expected images with values from 0 to 1.")
        try:
            with self.server.turn:
                return _bytes(getattr(shown, call)(rows)), BYTES, ()
        except (ValueError, tf.errors.OpError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, _line(error)) from None

    def _rows(self, shape: Sequence[int]) -> np.ndarray:
        """The body as `(n, *shape)` finite numbers; what is none is refused before it is read."""
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{self.headers['Host']}":
            raise Refused(HTTPStatus.FORBIDDEN, "Calls are answered to the page alone.")
        if self.headers.get("Content-Type") != BYTES:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Expected {BYTES}.")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "Expected a Content-Length.")
        size = 4 * math.prod(shape)
        rows, rest = divmod(int(length[:20]), size)
        if rest or not 1 <= rows <= MOST_ROWS:
            status = (
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE if rows > MOST_ROWS else HTTPStatus.BAD_REQUEST
            )
            expected = (
                f"Expected 1 to {MOST_ROWS} times {size:,} bytes: float32 of shape {tuple(shape)}."
            )
            raise Refused(status, f"{expected} Received: {int(length[:20]):,}.")
        body = self.rfile.read(rows * size)
        if len(body) < rows * size:
            raise Refused(HTTPStatus.BAD_REQUEST, "The body is cut short.")
        numbers = np.frombuffer(body, "<f4").reshape(rows, *shape)
        if not np.isfinite(numbers).all():
            raise Refused(HTTPStatus.BAD_REQUEST, "Expected finite numbers.")
        return numbers


def check_port(host: str, port: int) -> None:
    """Raises `OSError` unless a server could listen there now: before models are loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            line.bind((host, port))
            line.listen(1)
        except OSError as error:
            raise _cannot_listen(error, host, port) from None


def serve(server: Explorer, opened: Callable[[str], object] | None = None) -> None:
    """Answers until Ctrl-C.

    Args:
        server: not started.
        opened: called with the page's address when it can be loaded.
    """
    try:
        if opened is not None:
            threading.Thread(target=opened, args=(server.url,), daemon=True).start()
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


def _chosen(some: Sequence, number: str):
    if not (number.isascii() and number.isdigit() and len(number) < 4 and int(number) < len(some)):
        raise Refused(HTTPStatus.NOT_FOUND, "There is no such number.")
    return some[int(number)]


def _bytes(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, "<f4").tobytes()


def _line(error: Exception) -> str:
    text = getattr(error, "message", None) or str(error)
    return " ".join(text.split())[:300]


def _cannot_listen(error: OSError, host: str, port: int) -> OSError:
    if error.errno == errno.EADDRINUSE:
        return OSError(
            f"Port {port} is in use. Choose another --port, or leave it out for a free one."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return OSError(f"Port {port} is not allowed to users. Choose one from 1024 on.")
    return OSError(
        f"Cannot listen at {host}: {error.strerror or error}. Leave --host out for {LOCAL}."
    )
