"""The model of a run, from its configuration, and what it learns from."""

import typing

import keras
import tensorflow as tf

from zoo import datasets, runs, schedules
from zoo.models.base import Model
from zoo.utils import registry

SCHEDULES = (schedules.Linear, schedules.Sigmoid, schedules.Cyclical)


def make_model(config: runs.Config, data: datasets.Dataset) -> keras.Model:
    """A compiled model with new weights.

    Raises:
        ValueError: unknown model, likelihood or setting, or a value out of range.
    """
    cls = registry.get("models", config.model)
    allowed = settings_of(cls)
    for name, value in config.settings.items():
        if name not in allowed:
            raise ValueError(registry.unknown(f"setting of {config.model}", name, allowed))
        if not runs.is_written(value):
            raise ValueError(
                f"Setting `{name}` must be a plain value, or text such as 'linear(4, 1000)'. Received: "
                f"{type(value).__name__}."
            )
    settings = {name: _setting(value) for name, value in config.settings.items()}
    if "dataset_size" in allowed:
        settings.setdefault("dataset_size", len(data))
    model = cls(
        data.image_shape,
        latent_dim=config.latent_dim,
        likelihood=config.likelihood,
        seed=config.seed,
        dtype=config.precision,
        **settings,
    )
    model.compile()
    # One factor for all optimizers: a discriminator keeps pace with its VAE, as in the paper.
    rates = [float(optimizer.learning_rate.value.numpy()) for optimizer in model.optimizers]
    factor = config.learning_rate / rates[0]
    for optimizer, rate in zip(model.optimizers, rates, strict=True):
        optimizer.learning_rate = factor * rate
    return model


def settings_of(cls: type) -> list[str]:
    """Names of a model's arguments that are no option of a run by themselves, and no networks.

    Example:
        >>> settings_of(registry.get("models", "beta_vae"))
        ['beta', 'free_bits', 'normalized']
    """
    arguments = registry.arguments(cls)
    own = arguments.keys() - registry.arguments(Model).keys()
    return sorted(name for name in own if not _is_network(arguments[name]))


def _is_network(argument) -> bool:
    return keras.Model in typing.get_args(argument.annotation)


def _setting(value):
    """A schedule from text such as `linear(4, 1000)`; anything else as it is."""
    if not isinstance(value, str) or "(" not in value:
        return value
    known = {cls.__name__.lower(): cls for cls in SCHEDULES}
    return registry.made(
        value,
        lambda name: known[registry.check_known("schedule", name, known)],
        f"Schedule {value!r}",
    )


def stream(model, data, config: runs.Config) -> tf.data.Dataset:
    """What the model learns from, from where its training stands."""
    first = model.updates_made() * model.batches_per_step
    return model.stream(data, config.batch_size, seed=config.seed, start_step=first)
