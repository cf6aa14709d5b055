"""On what a run is trained: one device, several of this machine, or those of several processes.

How many there are changes rounding alone, and so is no part of a run's configuration: a run goes on with another number
of devices than it began with.
"""

import contextlib
import functools
from collections.abc import Iterator

import keras
import tensorflow as tf

from zoo.runs import _workers
from zoo.utils import replicas
from zoo.utils.checks import check_integer

ALL = "all"


def of_run(devices: int | str | None, workers: bool, wait: float) -> tf.distribute.Strategy | None:
    """The strategy that trains a run; None where it is trained on one device.

    Args:
        devices: how many GPUs, or parts of the processor where there are no GPUs; `"all"`; None for one.
        workers: whether this process is one of those that `TF_CONFIG` names.
        wait: seconds in which the other processes have to answer.

    Raises:
        ValueError: there are not so many, TensorFlow has already started with fewer, or `TF_CONFIG` is wrong.
    """
    if workers:
        if devices is not None:
            raise ValueError(
                f"`devices` must be left out with `workers`: each takes all of its GPUs. Received: devices={devices!r}"
            )
        return _of_workers(wait)
    names = _names(devices)
    return _mirrored(tuple(names)) if len(names) > 1 else None


def check_batch(batch_size: int, strategy: tf.distribute.Strategy | None) -> None:
    """Raises `ValueError` unless a batch can be divided among the devices."""
    count = 1 if strategy is None else strategy.num_replicas_in_sync
    if batch_size % count:
        raise ValueError(
            f"`batch_size` is what the model sees in all, and is divided among {count} devices: it must be a multiple "
            f"of {count}. Received: batch_size={batch_size}"
        )


def scope(strategy: tf.distribute.Strategy | None):
    """Where the model of a run is made."""
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def spread(model: keras.Model, strategy: tf.distribute.Strategy | None) -> None:
    """Gives the model of the first worker, which may come from a checkpoint, to all others."""
    if strategy is not None and replicas.is_of_workers(strategy):
        of_optimizers = [v for optimizer in model.optimizers for v in optimizer.variables]
        _spread_variables([*model.variables, *of_optimizers], strategy)


def _spread_variables(variables: list[keras.Variable], strategy: tf.distribute.Strategy) -> None:
    def of_first() -> list[tf.Tensor]:
        context = tf.distribute.get_replica_context()
        is_first = context.replica_id_in_sync_group == 0
        kinds = [tf.int64 if v.value.dtype.is_integer else tf.float32 for v in variables]
        own = [tf.cast(v.value, kind) for v, kind in zip(variables, kinds, strict=True)]
        parts = [tf.where(is_first, value, tf.zeros_like(value)) for value in own]
        return [context.all_reduce(tf.distribute.ReduceOp.SUM, part) for part in parts]

    found = strategy.run(tf.function(of_first, autograph=False))
    for variable, value in zip(variables, found, strict=True):
        value = strategy.experimental_local_results(value)[0]
        variable.assign(tf.cast(value, variable.value.dtype))


@functools.cache
def _of_workers(wait: float) -> tf.distribute.Strategy:
    cluster = _workers.from_environment()
    _workers.meet(cluster, wait)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ValueError(
            "`workers` must be the first thing that a process does with TensorFlow, which has already started here. "
            "Call zoo.train before you make models, datasets or tensors."
        ) from error


# One for all runs of a process: TensorFlow's collectives of a second one clash with those of the first.
@functools.cache
def _mirrored(names: tuple[str, ...]) -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy(list(names))


def _names(devices: int | str | None) -> list[str]:
    """The devices by name, one of which is whatever TensorFlow takes by itself."""
    if devices is None:
        return ["CPU:0"]
    gpus = len(tf.config.list_physical_devices("GPU"))
    if devices == ALL:
        count = gpus or len(_parts() or [1])
    elif isinstance(devices, str):
        raise ValueError(f'`devices` must be a number >= 1 or "all". Received: devices={devices!r}')
    else:
        count = check_integer("devices", devices, least=1)
    if not gpus:
        _split_processor(count)
    elif count > gpus:
        raise ValueError(
            f"`devices` must be at most the number of GPUs here, {gpus}. Received: devices={devices!r}"
        )
    return [f"{'GPU' if gpus else 'CPU'}:{number}" for number in range(count)]


def _parts() -> list | None:
    """The parts of the processor, as TensorFlow has been told; None before that."""
    return tf.config.get_logical_device_configuration(tf.config.list_physical_devices("CPU")[0])


def _split_processor(count: int) -> None:
    """Makes `count` logical devices of the processor, if there are fewer."""
    there = len(_parts() or [1])
    if count <= there:
        return
    processor = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        tf.config.set_logical_device_configuration(processor, parts)
    except RuntimeError as error:
        raise ValueError(
            f"TensorFlow has already started here with {there} CPU device{'s' * (there > 1)}. Call zoo.train with "
            f"`devices` before you make models, datasets or tensors. Received: devices={count}"
        ) from error


@contextlib.contextmanager
def errors_of_workers(strategy: tf.distribute.Strategy | None) -> Iterator[None]:
    """Says of an error of TensorFlow between workers what to do."""
    try:
        yield
    except (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
        tf.errors.InternalError,
    ) as error:
        if strategy is None or not replicas.is_of_workers(strategy):
            raise
        raise ConnectionError(
            "Another worker has stopped, without whom this one cannot go on. Start the same command with --resume on "
            f"all workers. ({error.message.splitlines()[0]:.200})"
        ) from error
