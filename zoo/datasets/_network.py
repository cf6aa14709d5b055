"""Whether a download can work, before one is tried."""

import http.client
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from urllib.parse import urlsplit

PATIENCE = 6.0  # seconds in which a server must answer
PROXY_ASKS = 407


def some_server_answers(urls: Iterable[str], patience: float = PATIENCE) -> bool:
    """Whether any of these URLs' servers answers in time, whatever it says.

    Libraries that download try again for minutes where there is no network. Here each server is asked once, all at
    once and through the proxy that the environment names, and nobody waits longer than `patience`, not even for a
    name server.

    Args:
        urls: one URL per server is asked.
        patience: seconds.
    """
    by_server = {urlsplit(url).netloc: url for url in urls}
    answers = queue.SimpleQueue()
    for url in by_server.values():
        # A daemon: a thread that waits for a name server cannot be stopped.
        ask = threading.Thread(
            target=lambda url=url: answers.put(_answers(url, patience)), daemon=True
        )
        ask.start()
    deadline = time.monotonic() + patience
    try:
        return any(answers.get(timeout=max(0, deadline - time.monotonic())) for _ in by_server)
    except queue.Empty:
        return False


def _answers(url: str, patience: float) -> bool:
    try:
        request = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(request, timeout=patience):
            return True
    except urllib.error.HTTPError as error:
        with error:
            return error.code != PROXY_ASKS
    except (OSError, ValueError, http.client.HTTPException):
        return False
