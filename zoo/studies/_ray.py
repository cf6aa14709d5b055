"""Cells on the workers of Ray: of this machine, or of a cluster."""

import contextlib
import logging
import os
import socket
import uuid
import warnings
from pathlib import Path

from zoo.studies import _elsewhere
from zoo.studies._cell import DIED, FAILED, Job, Outcome
from zoo.utils.extras import need

# A worker trains so many cells before it makes room for a new one: TensorFlow's memory grows.
CELLS_OF_A_WORKER = 8
OBJECTS = 2**28  # bytes of a local object store, which holds next to nothing
ANSWER_SECONDS = 10.0
TOKEN = ".seen"  # by which a worker knows that it sees the study's folder


class Rays:
    """An engine of many workers."""

    def __init__(self, folder: Path, jobs: int | None, address: str | None, gpus: float = 0.0):
        need("ray", extra="ray")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        self.ray, self.folder, self.jobs, self.gpus = ray, folder.absolute(), jobs, gpus
        self._owned = not ray.is_initialized()
        if self._owned:
            connect(ray, jobs, address)
        self.token = uuid.uuid4().hex
        (self.folder / TOKEN).write_text(self.token, encoding="utf-8")
        self._train = ray.remote(
            num_cpus=1, num_gpus=gpus, max_retries=0, max_calls=CELLS_OF_A_WORKER
        )(_elsewhere.train)
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        # Workers that do not see the folder hand over their files to one that does.
        self._keeper = (
            ray.remote(_elsewhere.Keeper)
            .options(num_cpus=0, scheduling_strategy=here)
            .remote(str(self.folder))
            if address
            else None
        )
        self._running: dict = {}

    @property
    def capacity(self) -> int:
        """How many cells can be trained at a time, now."""
        there = self.ray.cluster_resources()
        cores = int(there.get("CPU", 0))
        if self.gpus:
            cores = min(cores, int(there.get("GPU", 0) / self.gpus))
        return max(1, cores if self.jobs is None else min(cores, self.jobs))

    def start(self, job: Job, folder: Path) -> None:
        """Begins to train a cell."""
        seen = (str(self.folder / TOKEN), self.token)
        reference = self._train.remote(job, str(folder.absolute()), seen, self._keeper)
        self._running[reference] = job.name

    def wait(self, seconds: float) -> dict[str, Outcome]:
        """What ended within some seconds, by the cell's name."""
        if not self._running:
            return {}
        try:
            done, _ = self.ray.wait(list(self._running), num_returns=1, timeout=seconds)
        except self.ray.exceptions.RayError as error:
            raise OSError(
                f"Ray is gone ({type(error).__name__}). The same command goes on."
            ) from None
        return {self._running.pop(reference): self._outcome(reference) for reference in done}

    def _outcome(self, reference) -> Outcome:
        errors = self.ray.exceptions
        try:
            return self.ray.get(reference)
        except errors.RayTaskError as error:
            return Outcome(FAILED, " ".join(str(error.cause or error).split()))
        except errors.OutOfMemoryError:
            return Outcome(DIED, "its machine had no memory left for it")
        except errors.NodeDiedError:
            return Outcome(DIED, "its machine is gone")
        except errors.RayError as error:
            return Outcome(DIED, f"its worker is gone ({type(error).__name__})")

    def stop(self) -> None:
        """Ends what still trains; its checkpoints stay."""
        with contextlib.suppress(self.ray.exceptions.RayError):
            for reference in self._running:
                self.ray.cancel(reference, force=True)
            if self._keeper is not None:
                self.ray.kill(self._keeper)
        self._running.clear()
        (self.folder / TOKEN).unlink(missing_ok=True)
        if self._owned:
            self.ray.shutdown()


def check_address(address: str) -> None:
    """Raises `ValueError` unless somebody listens there; Ray itself would try for minutes."""
    if address == "auto":
        return
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "/" in host:
        raise ValueError(
            'Expected the address of a Ray cluster as HOST:PORT, or "auto" on a machine of it. '
            f"Received: {address!r}"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ValueError(
            f"There is no Ray at {address!r}: {error}. Start one with: ray start --head"
        ) from None


def connect(ray, jobs: int | None, address: str | None) -> None:
    """Starts Ray on this machine, or joins a cluster.

    Raises:
        ValueError: there is no cluster at the address.
    """
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not address:
            ray.init(
                "local",
                num_cpus=jobs,
                include_dashboard=False,
                object_store_memory=OBJECTS,
                **quiet,
            )
            return
        try:
            ray.init(address, **quiet)
        # Whatever the layers below make of an address that nobody answers at.
        except Exception as error:
            raise ValueError(
                f"There is no Ray at {address!r}: {' '.join(str(error).split())[:200]} Start one with: ray start --head"
            ) from None
