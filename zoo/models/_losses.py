"""What is added to an objective from outside of it: the losses of layers, and the weights of images."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from zoo.utils import replicas

NAME = "regularization"
"""Under which losses of layers are reported, where there are some."""

Values = dict[str, tf.Tensor]


def of_layers(*networks: keras.Layer) -> tf.Tensor | None:
    """The sum of what the layers of networks add to the loss, a scalar; None where they add nothing.

    That is all of Keras' `losses`: of regularizers of weights that are trained, of activity in the latest call of a
    network, and of `add_loss`; of layers and weights that networks share once. To be read after that call, within the
    tape.
    """
    together = _Together(networks)
    replicas.restore_losses(together)
    losses = together.losses
    if not losses:
        return None
    return tf.add_n([tf.reduce_sum(tf.cast(loss, tf.float32)) for loss in losses])


def added(values: Mapping[str, tf.Tensor], name: str, losses: tf.Tensor | None) -> Values:
    """Values by name, with the losses of layers in one of them and by themselves.

    Args:
        values: values by name.
        name: of the loss that its optimizer lowers.
        losses: a scalar, or None.

    Example:
        >>> found = added({"loss": tf.constant([1.0, 2.0])}, "loss", tf.constant(0.5))
        >>> found["loss"].numpy().tolist(), float(found["regularization"])
        ([1.5, 2.5], 0.5)
    """
    if losses is None:
        return dict(values)
    return {**values, name: values[name] + losses, NAME: losses}


def together(*parts: Mapping[str, tf.Tensor]) -> Values:
    """Values by name of parts that are trained apart; losses of their layers add up."""
    losses = [part[NAME] for part in parts if NAME in part]
    values = {name: value for part in parts for name, value in part.items()}
    return {**values, NAME: tf.add_n(losses)} if losses else values


def weighted(values: Mapping[str, tf.Tensor], weights) -> Values:
    """Values per image times the weights of the images, `(batch,)`; as they are where these are None."""
    return {name: weigh(value, weights) for name, value in values.items()}


def weigh(value: tf.Tensor, weights) -> tf.Tensor:
    """A value per image times the images' weights, `(batch,)`; as it is where these are None."""
    return value if weights is None else value * tf.reshape(tf.cast(weights, tf.float32), [-1])


class _Together(keras.Layer):
    """Networks as parts of one layer, for which Keras finds what they share."""

    def __init__(self, networks):
        super().__init__()
        self.networks = list(networks)
