"""One step down a gradient: the papers' optimizer, the tape, each replica's share of the loss, the update."""

import contextlib
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from zoo.optimizers import Adam
from zoo.utils import replicas


def adam(learning_rate: float, beta_1: float = 0.9, beta_2: float = 0.999) -> keras.Optimizer:
    """Adam as the papers use it."""
    return Adam(learning_rate, beta_1, beta_2, epsilon=1e-8)


def check_apart(name: str, optimizer: keras.Optimizer, first: keras.Optimizer) -> None:
    """Raises `ValueError` if a second optimizer, the argument `name` of `compile`, is the model's first one."""
    if optimizer is first:
        raise ValueError(
            f"`{name}` must be another object than `optimizer`: each keeps the moments of its own "
            f"variables. Received the same {type(first).__name__} twice."
        )


@contextlib.contextmanager
def watching(variables: Sequence[keras.Variable]) -> Iterator[tf.GradientTape]:
    """A tape that watches these variables and no others."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([variable.value for variable in variables])
        yield tape


def share_of_mean(losses: tf.Tensor, optimizer: keras.Optimizer) -> tf.Tensor:
    """This replica's share of the mean loss, scaled as the optimizer wants it, to take the gradient of."""
    return optimizer.scale_loss(replicas.share_of_mean(losses))


def update(optimizer: keras.Optimizer, loss, variables, tape: tf.GradientTape) -> list[tf.Tensor]:
    """One step of the optimizer down the gradient of the loss, which it returns."""
    gradients = tape.gradient(loss, variables)
    apply(optimizer, gradients, variables)
    return gradients


def apply(optimizer: keras.Optimizer, gradients: list[tf.Tensor], variables) -> None:
    """One step of the optimizer down the sum of all replicas' gradients, which it clips as those of one."""
    optimizer.apply(_clipped(optimizer, gradients), variables)


def _clipped(optimizer: keras.Optimizer, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """Each replica's part of the clipped gradient of all, where an optimizer clips: by itself it would clip the parts.

    An optimizer that accumulates gradients clips what each replica has accumulated.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    clips = inner.clipnorm or inner.global_clipnorm or inner.clipvalue
    if not (clips and replicas.several()) or inner.gradient_accumulation_steps:
        return gradients
    scale = optimizer.scale_loss(tf.ones(()))
    total = [None if each is None else each / scale for each in replicas.total_of(gradients)]
    part = scale / tf.distribute.get_strategy().num_replicas_in_sync
    # The optimizer clips these once more, which are within its bounds, and adds them up.
    return [None if each is None else each * part for each in inner._clip_gradients(total)]
