"""TensorFlow functions as XLA's intermediate language, HLO, with what they capture."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Lowered:
    """A function from tensors to tensors as HLO.

    Attributes:
        hlo: a serialised module. Its parameters are the function's arguments, then what it captures; its results begin
            with the function's.
        captured: for each captured tensor or variable the number of the variable among those that were given, or the
            value of anything else.
        results: how many results are the function's.
    """

    hlo: bytes
    captured: list[int | np.ndarray]
    results: int


def lowered(
    function: Callable, signature: Sequence[tf.TensorSpec], variables: Sequence = ()
) -> Lowered:
    """Lowers a function of tensors, which it gives back a flat list of.

    Args:
        function: TensorFlow operations alone; of the variables that it assigns, each is assigned before it is read.
        signature: its arguments.
        variables: Keras' variables that it may assign.

    Raises:
        ValueError: an operation has no XLA form; the message names it.
    """
    traced = tf.function(function, signature, autograph=False, jit_compile=True)
    made = traced.get_concrete_function()
    numbers = {id(variable.value.handle): n for n, variable in enumerate(variables)}
    captured = [
        numbers[id(tensor)] if id(tensor) in numbers else _value(tensor)
        for tensor in made.captured_inputs
    ]
    try:
        hlo = traced.experimental_get_compiler_ir(*signature)(stage="hlo_serialized")
    except (tf.errors.OpError, ValueError) as error:
        raise ValueError(_reason(str(error))) from error
    return Lowered(hlo, captured, len(made.outputs))


def _value(tensor: tf.Tensor) -> np.ndarray:
    """The value of a captured tensor, or of a variable that is not among the program's: an array of images, say."""
    if tensor.dtype != tf.resource:
        return tensor.numpy()
    dtype = tensor._handle_data.shape_and_type[0].dtype
    return tf.raw_ops.ReadVariableOp(resource=tensor, dtype=dtype).numpy()


def _reason(message: str) -> str:
    """Why XLA refuses, in a line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    telling = [
        line for line in lines if "unsupported" in line.lower() or "no registered" in line.lower()
    ]
    return (telling or lines or ["unknown"])[0]
