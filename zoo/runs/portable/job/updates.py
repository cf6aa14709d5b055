"""Updates of a program on JAX's default device."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import export, lax

from zoo.runs.portable.job.program import Program


class Updates:
    """The state of a training on a device, which goes on.

    The images' order is one long line, the epochs end to end; the epochs that some updates need are made for them.

    Args:
        program: what to compute.
        done: updates already made.
        state: arrays after them; default: those of the program, for none.

    Attributes:
        done: updates made.
    """

    def __init__(self, program: Program, done: int = 0, state: list[np.ndarray] | None = None):
        jax.config.update("jax_enable_x64", True)
        self.plan, self.done = program.plan, done
        self._state = [jnp.asarray(array) for array in state or program.state]
        self._constants = [jnp.asarray(array) for array in program.constants]
        self._update = export.deserialize(bytearray(program.update))
        self._orders = None if program.order is None else self._orders_of(program.order)
        self._line, self._first_epoch = (
            jnp.zeros(self._epochs() * self.plan["images"], jnp.int32),
            None,
        )
        self._several = self._compiled()

    @property
    def runtime(self) -> dict[str, str]:
        """What computes: the `device`, and the version of `jax`."""
        return {"device": jax.devices()[0].device_kind, "jax": jax.__version__}

    def advance(self, count: int) -> None:
        """Makes some updates, `log_every` at most."""
        first = self._at_hand()
        counts = (np.int64(number) for number in (self.done, first, count))
        self._state = self._several(self._state, self._constants, self._line, *counts)
        self.done += count

    def wait(self) -> None:
        """Returns when all updates are made."""
        jax.block_until_ready(self._state)

    def means(self) -> dict[str, float]:
        """The history's means over the updates since they were last asked for."""
        means = {}
        for name, total, count in self.plan["reported"]:
            sums = [np.asarray(self._state[number]) for number in (total, count)]
            means[name] = float(sums[0] / sums[1]) if sums[1] else math.nan
        for number in self.plan["running"]:
            self._state[number] = jnp.zeros_like(self._state[number])
        return means

    def state(self) -> list[np.ndarray]:
        """The state as it is now."""
        return [np.asarray(array) for array in self._state]

    def _updated(self, state, constants, line, done, first, count):
        """The state after `count` updates, of which the first one's images begin at `first` in the line."""
        size, stride = self.plan["batch_size"], self.plan["stride"]

        def one(number, state):
            place = first + number * stride * size
            sources = {
                "number": [done + number],
                "batch": [
                    lax.dynamic_slice(line, (place + offset * size,), (size,)).astype(jnp.int64)
                    for offset in self.plan["offsets"]
                ],
                "state": state,
                "constant": constants,
            }
            arguments = (sources[kind][which] for kind, which in self.plan["arguments"])
            return list(self._update.call(*arguments)[: len(state)])

        return lax.fori_loop(0, count, one, state)

    def _compiled(self):
        """`_updated`, compiled here once: a call compiles anew for arrays that have come another way."""
        arrays = self._state, self._constants, self._line
        types = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype), arrays)
        counts = [jax.ShapeDtypeStruct((), np.int64)] * 3
        return jax.jit(self._updated, donate_argnums=0).lower(*types, *counts).compile()

    def _orders_of(self, order: bytes):
        """A function from the first epoch to the line of its order and of those that follow."""
        order, epochs = export.deserialize(bytearray(order)), np.arange(self._epochs())

        def line(first):
            return lax.map(lambda epoch: order.call(epoch)[0], first + epochs).reshape(-1)

        type_of_epoch = jax.ShapeDtypeStruct((), np.int64)
        compiled = jax.jit(line).lower(type_of_epoch).compile()
        return lambda first: compiled(np.int64(first))

    def _at_hand(self) -> int:
        """Where the next update's images begin in the line, which is made first if it is not the right one."""
        if not self.plan["offsets"]:
            return 0
        images = self.plan["images"]
        epoch, place = divmod(self.done * self.plan["stride"] * self.plan["batch_size"], images)
        if epoch != self._first_epoch:
            self._line, self._first_epoch = self._orders(epoch), epoch
        return place

    def _epochs(self) -> int:
        """How many epochs the batches of `log_every` updates can touch."""
        if not self.plan["offsets"]:
            return 0
        batches = self.plan["log_every"] * self.plan["stride"] + max(self.plan["offsets"])
        return batches * self.plan["batch_size"] // self.plan["images"] + 2
