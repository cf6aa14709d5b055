"""Whether a run fits into the machine's memory: a guess before it starts, and a plain word when it does not."""

import contextlib
import math
from collections.abc import Iterator

import tensorflow as tf

from zoo import datasets, runs
from zoo.utils import files, hardware

# Of each latent, at least: two weights to and one from 128 units, each with its gradient and Adam's two moments.
LATENT_BYTES = 3 * 128 * 4 * 4


def check(config: runs.Config, data: datasets.Dataset) -> None:
    """Checks that what grows with the batch, or with the latents, is less than the machine's memory.

    Raises:
        MemoryError: it is not.
    """
    there = hardware.memory()
    for name, each in (
        ("batch_size", math.prod(data.image_shape) * 4),
        ("latent_dim", LATENT_BYTES),
    ):
        least = getattr(config, name) * each
        if there is not None and least > there:
            raise MemoryError(
                f"`{name}`={getattr(config, name)} takes {least / 2**30:,.0f} GiB of memory at least. This machine has "
                f"{there / 2**30:,.0f} GiB. Choose a smaller {name} (--{name.replace('_', '-')})."
            )


@contextlib.contextmanager
def errors(config: runs.Config) -> Iterator[None]:
    """Says of an allocation that failed what to do."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        if files.disk_error(error.message) is not None:
            raise
        raise MemoryError(
            f"The memory does not suffice for batches of {config.batch_size} images and {config.latent_dim} latents. "
            "Choose a smaller batch_size (--batch-size) or latent_dim (--latent-dim)."
        ) from error
