"""What a model asks of its networks, those of its users included."""

from collections.abc import Sequence

import keras

from zoo.utils import replicas
from zoo.utils.texts import first_line


def check_network(network, role: str, input_shape: Sequence[int], output_shape: Sequence[int]):
    """Returns `network` if it maps batches of `input_shape` to batches of `output_shape`.

    Args:
        network: a `keras.Model`.
        role: its name in the message: `"encoder"`, `"decoder"`.
        input_shape: without the batch dimension.
        output_shape: without the batch dimension.

    Raises:
        ValueError: it is no Keras model, or its shapes are others.
    """
    wanted = f"{(None, *input_shape)} to {(None, *output_shape)}"
    expected = f"Expected `{role}` to be a keras.Model that maps {wanted}."
    if not isinstance(network, keras.Model):
        raise ValueError(f"{expected} Received: {type(network).__name__}.")
    try:
        spec = network(keras.Input(input_shape))
    except (ValueError, TypeError) as error:
        reason = first_line(error)
        raise ValueError(f"{expected} It does not take that input: {reason}") from None
    if not hasattr(spec, "shape"):
        raise ValueError(f"{expected} Received one with several outputs.")
    if tuple(spec.shape[1:]) != tuple(output_shape):
        raise ValueError(f"{expected} Received one whose output is {tuple(spec.shape)}.")
    return network


def applied(network: keras.Model, inputs, training: bool = False):
    """What a network makes of inputs, in float32 as divergences need it, whatever dtype policy its layers have.

    Args:
        network: a `keras.Model` with one output.
        inputs: what it takes.
        training: whether layers such as dropout behave as in training.

    Example:
        >>> halved = keras.Sequential([keras.layers.Dense(2, dtype="mixed_bfloat16")])
        >>> applied(halved, keras.ops.zeros((1, 3))).dtype
        tf.float32
    """
    outputs = network(inputs, training=training)
    replicas.keep_losses(network)
    return keras.ops.cast(outputs, "float32")
