"""Compiled functions that leave no trace in memory when they are dropped."""

import functools
import itertools
import weakref
from collections.abc import Callable, Sequence

from tensorflow.python.framework import ops

# TensorFlow registers each custom gradient that a graph is traced with, by a name of its own and for the life of the
# process, and so keeps the graph. There is no public way to end that.
_GRADIENTS = ops.gradient_registry._registry
_PREFIX = "CustomGradient-"


def leaving_none(function: Callable) -> Callable:
    """`function`; the custom gradients that its calls register go when it goes.

    A model that is fitted and dropped would otherwise stay as its training graph, some megabytes each.

    Args:
        function: compiled, or one that calls compiled functions.
    """

    @functools.wraps(function)
    def called(*args, **kwargs):
        first = ops.uid()
        try:
            return function(*args, **kwargs)
        finally:
            if new := _registered_since(first):
                weakref.finalize(function, _forget, new).atexit = False

    return called


def _registered_since(uid: int) -> list[str]:
    """Names of the custom gradients that were registered after TensorFlow gave out this number, the last first."""
    custom = (name for name in reversed(list(_GRADIENTS)) if name.startswith(_PREFIX))
    return list(itertools.takewhile(lambda name: int(name.removeprefix(_PREFIX)) > uid, custom))


def _forget(names: Sequence[str]) -> None:
    for name in names:
        _GRADIENTS.pop(name, None)
