"""What the replicas of a `tf.distribute` strategy make together of one batch, each of which holds a share of it.

With these, a model computes on several devices what it computes on one: statistics of a batch are those of the whole
batch, and random numbers are drawn for the whole batch, of which a replica takes the rows of its images. Outside of
replicas, or where there is one alone, everything is what its name says of plain tensors.
"""

import threading
import weakref
from collections.abc import Callable

import keras
import tensorflow as tf

SUM = tf.distribute.ReduceOp.SUM
_KEPT = threading.local()


def several() -> bool:
    """Whether this is one of several replicas."""
    return _context() is not None


def number() -> int | tf.Tensor:
    """Which replica this is, counted from 0."""
    context = _context()
    return 0 if context is None else context.replica_id_in_sync_group


def gathered(values: tf.Tensor) -> tf.Tensor:
    """The rows of all replicas, `(n of all, ...)`, in their order; a gradient passes. Shares may differ in size.

    Args:
        values: this replica's rows, `(n, ...)`.

    Example:
        >>> gathered(tf.constant([[1.0, 2.0]])).numpy()
        array([[1., 2.]], dtype=float32)
    """
    context = _context()
    if context is None:
        return values
    n = tf.shape(values)[0]
    before, total = _place(n)
    around = [[before, total - before - n], *[[0, 0]] * (values.shape.rank - 1)]
    # Sums with zeros, and not `all_gather`: through sums TensorFlow passes a gradient on every kind of device.
    return context.all_reduce(SUM, tf.pad(values, around))


def mine(values: tf.Tensor, n) -> tf.Tensor:
    """This replica's rows, `(n, ...)`, of a tensor `(n of all, ...)` that all replicas have.

    Example:
        >>> mine(tf.constant([1.0, 2.0]), 2).numpy()
        array([1., 2.], dtype=float32)
    """
    if not several():
        return values
    before, _ = _place(n)
    return values[before : before + n]


def mean(values: tf.Tensor, axis: int | None = None) -> tf.Tensor:
    """The mean of the values of all replicas together; a gradient passes.

    Args:
        values: `(n, ...)`.
        axis: 0, over images alone; None, over everything.

    Example:
        >>> mean(tf.constant([[1.0, 2.0], [3.0, 4.0]]), axis=0).numpy()
        array([2., 3.], dtype=float32)
    """
    context = _context()
    if context is None:
        return tf.reduce_mean(values, axis)
    count = tf.size(values) if axis is None else tf.shape(values)[axis]
    total = tf.reduce_sum(values, axis)
    total, count = context.all_reduce(SUM, [total, tf.cast(count, total.dtype)])
    return total / count


def share_of_mean(values: tf.Tensor) -> tf.Tensor:
    """What this replica adds to the mean of a loss over the images of all replicas, a scalar.

    Args:
        values: `(n,)`; or a scalar that is the same on all replicas, of which each adds its part.

    Example:
        >>> float(share_of_mean(tf.constant([1.0, 3.0])))
        2.0
    """
    context = _context()
    if context is None:
        return tf.reduce_mean(values)
    if values.shape.rank == 0:
        return values / context.num_replicas_in_sync
    _, total = _place(tf.size(values))
    return tf.reduce_sum(values) / tf.cast(total, values.dtype)


def drawn(distribution, seed, shape: tuple[int, ...] = ()) -> tf.Tensor:
    """Samples of a batch of distributions, one for each image, as one device draws them for the whole batch.

    Args:
        distribution: a `tfd.Distribution` of batch shape `(n,)`.
        seed: two integers, the same on all replicas.
        shape: of the samples of each image.

    Returns:
        `(*shape, n, event)`.
    """
    context = _context()
    if context is None:
        return distribution.sample(shape, seed=seed)
    # Random numbers fill a tensor in its order: those of replica k are the k-th n rows of all.
    seed = _apart(seed, distribution.batch_shape_tensor()[0])
    samples = distribution.sample((*shape, context.num_replicas_in_sync), seed=seed)
    return tf.gather(samples, number(), axis=len(shape))


def drawn_rows(draw: Callable, n, seed, parts: int = 1) -> tf.Tensor:
    """Rows for `n` members of each part of a batch, as one device draws them for the whole batch.

    Args:
        draw: from a number of rows and a seed to `(rows, ...)`.
        n: members of each part on this replica.
        seed: two integers, the same on all replicas.
        parts: such as first and second images of pairs, which follow each other in a batch.

    Returns:
        `(parts * n, ...)`.

    Example:
        >>> drawn_rows(lambda n, seed: tf.random.stateless_normal((n, 2), seed), 3, seed=(0, 1)).shape
        TensorShape([3, 2])
    """
    context = _context()
    if context is None:
        return draw(n if parts == 1 else parts * n, seed)  # as it is, it tells TensorFlow shapes
    count = context.num_replicas_in_sync
    rows = draw(parts * count * n, _apart(seed, n))
    of_replicas = tf.reshape(rows, (parts, count, n, *rows.shape[1:]))
    return tf.reshape(of_replicas[:, number()], (parts * n, *rows.shape[1:]))


def total_of(gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """The sums over all replicas; None stays None."""
    context = _context()
    known = [gradient for gradient in gradients if gradient is not None]
    if context is None or not known:
        return gradients
    sums = iter(context.all_reduce(SUM, known))
    return [None if gradient is None else next(sums) for gradient in gradients]


def keep_losses(network: keras.Model) -> None:
    """Remembers what the layers of a network have just added to the loss of this replica.

    Replicas are traced in turns, which change where they wait for each other, and a layer knows its latest call alone,
    which may be another replica's.
    """
    if several():
        kept = _KEPT.__dict__.setdefault("losses", weakref.WeakKeyDictionary())
        kept.update((layer, layer._losses[:]) for layer in network._flatten_layers())


def restore_losses(network: keras.Layer) -> None:
    """Gives the layers of a network what `keep_losses` remembers of this replica."""
    kept = _KEPT.__dict__.get("losses", {}) if several() else {}
    for layer in network._flatten_layers():
        if layer in kept:
            layer._losses[:] = kept.pop(layer)


def loggable(value: tf.Tensor) -> tf.Tensor:
    """A scalar as Keras takes it from a step: where there are several workers it takes means along the first axis."""
    return value[None] if is_of_workers(tf.distribute.get_strategy()) else value


def is_of_workers(strategy: tf.distribute.Strategy) -> bool:
    """Whether a strategy trains in several processes, as `TF_CONFIG` says."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return False
    resolver = strategy.cluster_resolver
    return bool(resolver is not None and resolver.cluster_spec().jobs)


def under(model: keras.Model) -> bool:
    """Whether a strategy trains a model on several replicas."""
    return model.distribute_strategy.num_replicas_in_sync > 1


def shared_out(
    batches: tf.data.Dataset, strategy: tf.distribute.Strategy, steps: int | None, mark: str = ""
):
    """What the replicas of a strategy take: of each batch the first rows, the next rows, ..., in shares of one size.

    Where a batch cannot be divided, as the last of an epoch, shares differ by one row. TensorFlow by itself would give
    some replicas whole shares and others nothing, on which its convolutions fail on CPUs.

    Args:
        batches: of tensors `(n, ...)`, or of nested tuples of them.
        strategy: of the replicas.
        steps: of an epoch, if the user says so.
        mark: before the message of the error that a batch has fewer images than there are replicas.

    Returns:
        A distributed dataset, and the steps of an epoch. Where these are known it is without an end: Keras would find
        an end by one more step, which moves the random state.
    """
    count = strategy.num_replicas_in_sync
    found = int(batches.cardinality())
    if steps is None and found > 0:
        batches, steps = batches.repeat(), found

    def of_worker(context) -> tf.data.Dataset:
        here = count // context.num_input_pipelines
        first = here * context.input_pipeline_id

        def shares(*batch) -> tf.data.Dataset:
            numbers = tf.data.Dataset.range(first, first + here)
            n = tf.shape(tf.nest.flatten(batch)[0])[0]
            fault = f"Expected at least {count} images in each batch, one for each device. Choose another batch_size."
            with tf.control_dependencies(
                [tf.debugging.assert_greater_equal(n, count, mark + fault)]
            ):
                batch = tf.nest.map_structure(tf.identity, batch)
            parts = batch if isinstance(batches.element_spec, tuple) else batch[0]
            return numbers.map(lambda number: _share(parts, number, count))

        shared = batches.flat_map(shares)
        endless = tf.data.INFINITE_CARDINALITY
        is_endless = int(batches.cardinality()) == endless
        known = tf.data.experimental.assert_cardinality(endless)
        return shared.apply(known) if is_endless else shared

    return strategy.distribute_datasets_from_function(of_worker), steps


def _share(batch, number, count: int):
    """The rows of one of `count` replicas, of each tensor of a batch."""

    def rows(values: tf.Tensor) -> tf.Tensor:
        n = tf.shape(values, tf.int64)[0]
        return values[n * number // count : n * (number + 1) // count]

    return tf.nest.map_structure(rows, batch)


def normalize_together(model: keras.Model) -> None:
    """Lets batch normalisation take its moments over all replicas, where a model has several."""
    if under(model):
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True


def _context():
    """The context of one of several replicas; None elsewhere."""
    context = tf.distribute.get_replica_context()
    return context if context is not None and context.num_replicas_in_sync > 1 else None


def _sizes(n) -> tf.Tensor:
    """How many rows each replica has, `(replicas,)`."""
    context = _context()
    own = tf.one_hot(context.replica_id_in_sync_group, context.num_replicas_in_sync)
    return tf.cast(context.all_reduce(SUM, own * tf.cast(n, own.dtype)), tf.int32)


def _place(n) -> tuple[tf.Tensor, tf.Tensor]:
    """How many rows come before this replica's, and how many there are in all."""
    sizes = _sizes(n)
    return tf.reduce_sum(sizes[: number()]), tf.reduce_sum(sizes)


def _apart(seed, n) -> tf.Tensor:
    """The seed as it is where all replicas have as many rows; else, at the end of an epoch, one for each replica."""
    seed = tf.convert_to_tensor(seed)
    are_alike = tf.reduce_all(_sizes(n) == n)
    return tf.where(are_alike, seed, tf.random.fold_in(seed, number()))
