"""One step down a gradient: the papers' optimizer, the tape, each replica's share of the loss, the update."""

import contextlib
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from zoo.optimizers import Adam


def adam(learning_rate: float, beta_1: float = 0.9, beta_2: float = 0.999) -> keras.Optimizer:
    """Adam as the papers use it."""
    return Adam(learning_rate, beta_1, beta_2, epsilon=1e-8)


@contextlib.contextmanager
def watching(variables: Sequence[keras.Variable]) -> Iterator[tf.GradientTape]:
    """A tape that watches these variables and no others."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([variable.value for variable in variables])
        yield tape


def share_of_mean(losses: tf.Tensor, optimizer: keras.Optimizer) -> tf.Tensor:
    """This replica's share of the mean loss, scaled as the optimizer wants it, to take the gradient of."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return optimizer.scale_loss(tf.reduce_mean(losses) / replicas)


def update(optimizer: keras.Optimizer, loss, variables, tape: tf.GradientTape) -> list[tf.Tensor]:
    """One step of the optimizer down the gradient of the loss, which it returns."""
    gradients = tape.gradient(loss, variables)
    optimizer.apply(gradients, variables)
    return gradients
