"""One file from a web server or a folder, within bounds of size and time."""

import base64
import contextlib
import http.client
import os
import queue
import stat
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from zoo.utils import progress

TIMEOUT = 30.0  # seconds without an answer
SLOWEST = 10_000  # bytes a second, on average, that a server must send after them
CHUNK = 2**18
CLIENT_ERRORS = range(400, 500)


class Unavailable(OSError):
    """A preset is neither here nor to be had."""


class Broken(OSError):
    """A transfer failed in a way that another try may mend."""


def from_web(address: str, file: Path, most: int, show_progress: bool = False) -> None:
    """Downloads a file.

    The server must answer within `TIMEOUT` seconds, and from then on send `SLOWEST` bytes a second on average.

    Args:
        address: `http://` or `https://`, with the user's name and password in it where the server wants them.
        file: where it goes.
        most: bytes that it may have. A longer body is not read to its end.
        show_progress: whether a progress bar is shown.

    Raises:
        Broken: the line broke or the server has a fault; it may be tried again.
        Unavailable: the server refuses, is too slow or sends too much.
    """
    with _faults_of(address), _opened(address) as answer:
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Unavailable(f"{address}: the server sends it compressed, unasked.")
        length = answer.headers.get("Content-Length", "")
        expected = int(length) if length.isdecimal() else None
        if expected is not None and expected > most:
            raise Unavailable(_too_large(address, most))
        with (
            file.open("wb") as out,
            progress.bar(
                total=expected, unit="B", unit_scale=True, desc=file.name, disable=not show_progress
            ) as bar,
        ):
            received = _copy(lambda: answer.read1(CHUNK), out, address, most, bar.update)
        if expected is not None and received < expected:
            raise Broken(f"{address}: the line broke after {received:,} of {expected:,} bytes.")


def from_folder(path: str, file: Path, most: int, show_progress: bool = False) -> None:
    """Copies a file that is no link, pipe or device; arguments as for `from_web`.

    Raises:
        Unavailable: there is no such file, or it is too large.
    """
    try:
        is_file = stat.S_ISREG(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        raise Unavailable(f"{path} does not exist.") from None
    if not is_file:
        raise Unavailable(
            f"Expected a file. Received: {path}, which is a link, a folder or a device."
        )
    with open(path, "rb") as source, file.open("wb") as out:
        _copy(lambda: source.read(CHUNK), out, path, most)


def _copy(read: Callable[[], bytes], out, address: str, most: int, tell=lambda size: None) -> int:
    """Writes what `read` gives until it gives nothing; how many bytes that were."""
    received, start = 0, time.monotonic()
    while chunk := read():
        received += len(chunk)
        if received > most:
            raise Unavailable(_too_large(address, most))
        if time.monotonic() - start > TIMEOUT + received / SLOWEST:
            raise Unavailable(
                f"{address}: the server is too slow, {received:,} bytes in {time.monotonic() - start:.0f} s."
            )
        out.write(chunk)
        tell(len(chunk))
    return received


def _too_large(address: str, most: int) -> str:
    return f"{address} is not the file that was asked for: it has more than {most:,} bytes."


@contextlib.contextmanager
def _faults_of(address: str) -> Iterator[None]:
    try:
        yield
    except urllib.error.HTTPError as error:
        with error:
            text = f"{address}: the server answers {error.code} {error.reason}."
        again = error.code >= CLIENT_ERRORS.stop
        raise (Broken if again else Unavailable)(text) from None
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        ConnectionError,
        TimeoutError,
    ) as error:
        reason = getattr(error, "reason", None) or error
        raise Broken(f"{address}: {type(reason).__name__}: {reason}") from None


def _opened(address: str) -> http.client.HTTPResponse:
    """The server's answer, its head read.

    Timeouts of sockets bound neither the search for a name nor a head that drips; so a thread waits for both, which
    is left to itself when the time is over.
    """
    request, answers = _request(address), queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(_opener().open(request, timeout=TIMEOUT))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=TIMEOUT + 1)
    except queue.Empty:
        raise Unavailable(f"{address}: no answer within {TIMEOUT:.0f} s.") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _request(address: str) -> urllib.request.Request:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https"):
        raise Unavailable(
            f"Expected an address that begins with http:// or https://, or a folder. Received: {address}"
        )
    user, at, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(
        parts._replace(netloc=host, path=quote(parts.path, safe="/%")).geturl(),
        headers={"Accept-Encoding": "identity", "User-Agent": "vae-zoo"},
    )
    if at:
        token = base64.b64encode(unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


def _opener() -> urllib.request.OpenerDirector:
    """What opens web addresses, and no files, wherever a server redirects to."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener
