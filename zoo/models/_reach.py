"""How far the outputs of a user's network reach, read from its graph.

A decoder that ends in a sigmoid, under a likelihood that takes logits, trains without an error to grey images: white
is sigmoid(1) = 0.73 and black sigmoid(0) = 0.5. Its graph shows that before the first update: bounds of what its last
operations give are carried along to the output. What is not known here, as layers with weights, is unbounded.
"""

import contextlib
import contextvars
import functools
import math
import warnings
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from zoo import networks
from zoo.likelihoods.base import LOGITS

Interval = tuple[float, float]
EVERYTHING: Interval = (-math.inf, math.inf)
GATED: Interval = (-0.5, math.inf)
"""Of x g(x), where g falls to 0 with x: GELU, SiLU, Mish."""

_LARGE = 1e30  # in place of infinity, of which some of these functions make NaN
_RISING = {
    "Elu": lambda x: np.where(x < 0, np.expm1(x), x),
    "Exp": np.exp,
    "Expm1": np.expm1,
    "Relu": lambda x: np.maximum(x, 0),
    "Relu6": lambda x: np.clip(x, 0, 6),
    "Selu": lambda x: 1.0507 * np.where(x < 0, 1.6733 * np.expm1(x), x),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Softplus": lambda x: np.logaddexp(x, 0),
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Tanh": np.tanh,
}
_FIXED = {
    "Cos": (-1.0, 1.0),
    "Erf": (-1.0, 1.0),
    "Erfc": (0.0, 2.0),
    "LogSoftmax": (-math.inf, 0.0),
    "Sin": (-1.0, 1.0),
    "Softmax": (0.0, math.nextafter(1.0, 0.0)),  # never 1, nor two of them near it
    "Square": (0.0, math.inf),
}
_PASSING = {
    *("AvgPool", "BroadcastTo", "Cast", "CheckNumerics", "DepthToSpace", "EnsureShape", "ExpandDims", "GatherV2"),
    *("Identity", "MaxPool", "MirrorPad", "Reshape", "ResizeBilinear", "ResizeNearestNeighbor", "ReverseV2", "Slice"),
    *("SpaceToDepth", "SplitV", "Squeeze", "StopGradient", "StridedSlice", "Tile", "Transpose", "Unpack"),
}  # fmt: skip
_PAIRED = {
    "Add": np.add,
    "AddV2": np.add,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "Sub": np.subtract,
}
_known_networks = contextvars.ContextVar("known_networks", default=False)


@contextlib.contextmanager
def known_networks() -> Iterator[None]:
    """While a saved model is made again: its networks were looked at when they were new."""
    token = _known_networks.set(True)
    try:
        yield
    finally:
        _known_networks.reset(token)


def warn_if_narrow(
    role: str,
    network: keras.Model,
    inputs: Sequence[int],
    taker: str,
    takes: str,
    wanted: Interval = LOGITS,
) -> None:
    """Warns if the outputs of a network cannot become all that is wanted of them.

    Args:
        role: the network's name in the message: `"decoder"`.
        network: a `keras.Model`, built.
        inputs: their shape, without the batch dimension.
        taker: what takes the outputs, in the message.
        takes: what it takes them for.
        wanted: the least and the largest number that the outputs should be free to become.
    """
    if _known_networks.get():
        return
    low, high = reach(network, inputs)
    if low <= wanted[0] and wanted[1] <= high:
        return
    bounds = f"in [{low:.3g}, {high:.3g}]" if math.isfinite(high) else f">= {low:.3g}"
    bounds = f"<= {high:.3g}" if math.isinf(low) else bounds
    warnings.warn(
        f"Expected the outputs of `{role}` to be free to take any value: {taker} takes them as {takes}. Received one "
        f"whose outputs are always {bounds}. Leave out the activation of its last layer (sigmoid, softmax, tanh, "
        "relu, ...).",
        UserWarning,
        stacklevel=4,
    )


def reach(network: keras.Model, inputs: Sequence[int]) -> Interval:
    """Bounds of all numbers that a network gives, whatever its inputs and weights are.

    Args:
        network: a `keras.Model`, built.
        inputs: their shape, without the batch dimension.

    Example:
        >>> bounded = keras.Sequential([keras.layers.Dense(2), keras.layers.Activation("tanh")])
        >>> _ = bounded(np.zeros((1, 3)))
        >>> reach(bounded, (3,))
        (-1.0, 1.0)
    """

    def outputs_of(x):
        return networks.applied(network, x)

    traced = tf.function(outputs_of, autograph=False)
    made = traced.get_concrete_function(tf.TensorSpec((None, *inputs), tf.float32))
    return _Bounds()(made.outputs[0])


class _Bounds:
    """Bounds of a graph's tensors, each found once."""

    def __init__(self):
        self._found: dict = {}

    def __call__(self, tensor: tf.Tensor) -> Interval:
        key = tensor.ref()
        if key not in self._found:
            self._found[key] = EVERYTHING  # Also of what a loop asks of itself.
            with np.errstate(all="ignore"):
                low, high = self._of(tensor)
            self._found[key] = (float(low), float(high))
        return self._found[key]

    def _of(self, tensor: tf.Tensor) -> Interval:
        constant = tf.get_static_value(tensor)
        if constant is not None and np.size(constant) and tensor.dtype.is_floating:
            return np.min(constant), np.max(constant)
        op = tensor.op
        kind, sources = op.type, list(op.inputs)
        if kind in _FIXED:
            return _FIXED[kind]
        if kind in _RISING:
            return _mapped(_RISING[kind], self(sources[0]))
        if kind in _PASSING:
            return self(sources[0])
        if kind in _PAIRED:
            return self._paired(_PAIRED[kind], *sources)
        if kind == "IdentityN":
            return self(sources[tensor.value_index])
        if kind == "LeakyRelu":
            slope = op.get_attr("alpha")
            return _mapped(lambda x: np.where(x < 0, slope * x, x), self(sources[0]))
        if kind == "Neg":
            low, high = self(sources[0])
            return -high, -low
        if kind == "Split":
            return self(sources[1])
        if kind in ("ConcatV2", "Pack"):
            return _hull(map(self, sources[: -1 if kind == "ConcatV2" else None]))
        if kind in ("Pad", "PadV2"):
            return _hull([self(sources[0]), (0.0, 0.0) if kind == "Pad" else self(sources[2])])
        if kind in ("Select", "SelectV2"):
            return _hull(map(self, sources[1:]))
        if kind == "ClipByValue":
            low, high = (self(source) for source in sources[1:])
            return _mapped(lambda x: np.clip(x, low[0], high[1]), self(sources[0]))
        if kind in ("PartitionedCall", "StatefulPartitionedCall"):
            inner = tensor.graph._get_function(op.get_attr("f").name)
            return self(inner.graph.outputs[tensor.value_index])
        return EVERYTHING

    def _paired(self, function, one: tf.Tensor, other: tf.Tensor) -> Interval:
        first, second = self(one), self(other)
        if function is np.multiply and self._is_gated(one, other, second):
            return GATED
        if function is np.multiply and self._is_gated(other, one, first):
            return GATED
        ends = [function(a, b) for a in first for b in second]
        if function is np.multiply:
            ends = [0.0 if math.isnan(end) else end for end in ends]  # 0 times what is unbounded
        crosses = function is np.divide and second[0] <= 0 <= second[1]
        return EVERYTHING if crosses or np.isnan(ends).any() else (min(ends), max(ends))

    def _is_gated(self, one: tf.Tensor, gate: tf.Tensor, bounds: Interval) -> bool:
        """Whether a product is that of an unbounded x and a function of the same x from 0 to something."""
        is_gate = bounds[0] == 0 and math.isfinite(bounds[1]) and self(one) == EVERYTHING
        return is_gate and _sources(one) == _sources(gate)


def _mapped(rising, interval: Interval) -> Interval:
    low, high = (rising(np.clip(end, -_LARGE, _LARGE)) for end in interval)
    return tuple(math.copysign(math.inf, end) if abs(end) > 1e20 else end for end in (low, high))


def _hull(intervals) -> Interval:
    lows, highs = zip(*intervals, strict=True)
    return min(lows), max(highs)


def _sources(tensor: tf.Tensor) -> set:
    """What a tensor is computed of, by operations that take each number by itself."""
    if tf.get_static_value(tensor) is not None:
        return set()
    op = tensor.op
    known = {*_RISING, *_PAIRED, "Erf", "Erfc", "Identity", "LeakyRelu", "Neg", "Pow"}
    if op.type not in known:
        return {tensor.ref()}
    return functools.reduce(set.union, map(_sources, op.inputs), set())
