"""The processes that train one run together, as `TF_CONFIG` names them, and whether they are there."""

import contextlib
import dataclasses
import json
import os
import re
import socket
import time
from collections.abc import Iterator

VARIABLE = "TF_CONFIG"
JOBS = ("chief", "worker")
EXAMPLE = (
    'Set it on each worker, such as {"cluster": {"worker": ["10.0.0.1:12345", "10.0.0.2:12345"]}, '
    '"task": {"type": "worker", "index": 0}} on the first.'
)
PAUSE = 0.2  # seconds between two tries


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Processes that train together.

    Attributes:
        addresses: `host:port` of each; the first writes the run.
        index: which of them this process is.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run."""
        return self.index == 0


def from_environment() -> Cluster:
    """The processes that `TF_CONFIG` names.

    Raises:
        ValueError: there is no such variable, or it does not name processes and which of them this is.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        raise ValueError(f"`workers` needs the environment variable {VARIABLE}. {EXAMPLE}")
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{VARIABLE} must be JSON: {error}. {EXAMPLE}") from None
    cluster = _part(given, "cluster")
    if not cluster or cluster.keys() - set(JOBS):
        raise ValueError(
            f"{VARIABLE} must name workers in its `cluster`, and nothing but {' and '.join(JOBS)}. "
            f"Received: {', '.join(cluster) or 'none'}. {EXAMPLE}"
        )
    tasks = [(job, at) for job in JOBS for at in enumerate(_addresses(cluster.get(job, [])))]
    addresses = tuple(address for _, (_, address) in tasks)
    if len(set(addresses)) < len(addresses):
        raise ValueError(
            f"{VARIABLE} must give each worker an address of its own. Received: {', '.join(addresses)}."
        )
    task = _part(given, "task")
    for number, (job, (index, _)) in enumerate(tasks):
        if (task.get("type"), task.get("index")) == (job, index):
            return Cluster(addresses, number)
    raise ValueError(
        f"{VARIABLE} must say which of its {len(addresses)} workers this process is. "
        f"Received: task={json.dumps(given.get('task'))}. {EXAMPLE}"
    )


def _part(given, name: str) -> dict:
    part = given.get(name, {}) if isinstance(given, dict) else None
    if isinstance(part, dict):
        return part
    raise ValueError(
        f"{VARIABLE} must be an object with `cluster` and `task`, which are objects. {EXAMPLE}"
    )


def _addresses(given) -> list[str]:
    for address in given if isinstance(given, list) else [given]:
        match = re.fullmatch(r"\S+:(\d{1,5})", address) if isinstance(address, str) else None
        if not match or not 0 < int(match[1]) < 2**16 or not isinstance(given, list):
            raise ValueError(
                f"{VARIABLE} must give addresses as a list of host:port. Received: {address!r}. {EXAMPLE}"
            )
    return given


def meet(cluster: Cluster, wait: float) -> None:
    """Returns when all other processes answer.

    TensorFlow would wait for long, and then end the process without a word.

    Raises:
        ValueError: one does not within `wait` seconds, or this process cannot listen at its own address.
    """
    end = time.monotonic() + wait
    with _listening(cluster.addresses[cluster.index]):
        missing = [a for number, a in enumerate(cluster.addresses) if number != cluster.index]
        while missing := [address for address in missing if not _answers(address)]:
            if time.monotonic() > end:
                raise ValueError(
                    f"{VARIABLE} names a worker that does not answer within {wait:g} seconds: {', '.join(missing)}. "
                    "Start the same command there, with its own `task`, or correct the address."
                )
            time.sleep(PAUSE)
        # Those that have not yet found this process find it as long as it listens, then TensorFlow's server.


@contextlib.contextmanager
def _listening(address: str) -> Iterator[None]:
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("", int(port)))
        except OSError as error:
            raise ValueError(
                f"This worker cannot listen at {address}, where {VARIABLE} places it: {error.strerror}."
            ) from None
        listener.listen(64)
        yield


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
    except OSError:
        return False
    return True
