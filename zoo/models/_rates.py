"""Learning rates of a model with several optimizers, which a callback of `fit` changes together.

Keras' callbacks know `model.optimizer` alone. A discriminator that keeps its rate while that of its VAE falls outruns
it, so that what changes the first rate changes the others in proportion.
"""

import warnings
from collections.abc import Sequence

import keras


def together(callbacks, optimizers: Sequence[keras.Optimizer]):
    """Callbacks of `fit`, after each of which the other optimizers follow the first.

    Args:
        callbacks: what a user gives to `fit`: None, a callback, several, or a `keras.callbacks.CallbackList`.
        optimizers: of the model, that of `model.optimizer` first.
    """
    if not callbacks or len(optimizers) == 1:
        return callbacks
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks.callbacks = _woven(callbacks.callbacks, Follower(optimizers))
        return callbacks
    return _woven(callbacks, Follower(optimizers))


class Follower(keras.callbacks.Callback):
    """Keeps the ratio of each further optimizer's rate to the first's, where that was changed.

    One that was changed by itself keeps its new value, and the ratio is the new one. Where the first has a schedule
    no callback can change it, and nothing follows.

    Args:
        optimizers: that of `model.optimizer` first.

    Warns:
        UserWarning: an optimizer with a schedule cannot follow.
    """

    def __init__(self, optimizers: Sequence[keras.Optimizer]):
        super().__init__()
        self.optimizers = list(optimizers)
        self.rates = [_rate(optimizer) for optimizer in optimizers]
        self.ratios = [None] * len(self.optimizers)
        self.told = False
        self._remember(self.rates)

    def follow(self, *_, **__) -> None:
        """Sets the further rates, if the first is another than it was."""
        first, *others = self.optimizers
        rate, before = _rate(first), self.rates[0]
        if rate is not None and rate != before:
            for number, optimizer in enumerate(others, start=1):
                self._set(number, optimizer, rate)
        self._remember([_rate(optimizer) for optimizer in self.optimizers])

    on_train_begin = on_epoch_begin = on_epoch_end = on_train_batch_begin = on_train_end = follow

    def _set(self, number: int, optimizer: keras.Optimizer, rate: float) -> None:
        now, ratio = _rate(optimizer), self.ratios[number]
        if now is not None and now == self.rates[number] and ratio is not None:
            optimizer.learning_rate = ratio * rate
        elif now is None and not self.told:
            self.told = True
            message = (
                f"A callback changed the learning rate of `optimizer`. That of the model's {type(optimizer).__name__} "
                f"called {optimizer.name!r} is a schedule and does not follow: compile it with a number, if it should."
            )
            warnings.warn(message, UserWarning, stacklevel=2)

    def _remember(self, rates: list[float | None]) -> None:
        """The rates, and their ratios to the first as far as that is more than 0."""
        first = rates[0]
        if first:
            changed = [now != before for now, before in zip(rates, self.rates, strict=True)]
            self.ratios = [
                rate / first if rate is not None and (ratio is None or other) else ratio
                for rate, ratio, other in zip(rates, self.ratios, changed, strict=True)
            ]
        self.rates = rates


def _rate(optimizer: keras.Optimizer) -> float | None:
    """The learning rate; None where it is a schedule."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not isinstance(getattr(inner, "_learning_rate", None), keras.Variable):
        return None
    return float(optimizer.learning_rate.value.numpy())


def _woven(callbacks, follower: Follower) -> list[keras.callbacks.Callback]:
    """The follower after each, so that a checkpoint which is next in the list finds all rates in proportion."""
    known = [one for one in keras.tree.flatten(callbacks) if not isinstance(one, Follower)]
    return [one for callback in known for one in (callback, follower)]
