"""The configuration of a run: what `zoo.train` makes of its arguments before it touches data."""

import dataclasses
import math
import os
import warnings
from typing import Any

from zoo import datasets, runs
from zoo.utils import hardware, registry
from zoo.utils.checks import check_integer, is_number
from zoo.utils.precisions import PRECISIONS


def configure(
    model: str,
    data: str,
    *,
    steps: int = 3000,
    batch_size: int = 64,
    latent_dim: int = 10,
    likelihood: str = "bernoulli",
    settings: dict[str, Any] | None = None,
    seed: int = 0,
    precision: str = "float32",
    learning_rate: float | None = None,
) -> runs.Config:
    """What `train` makes of its arguments, with the model's own settings and learning rate where none are given.

    Raises:
        ValueError: an argument is wrong by itself; `check` finds what is wrong with model and data together.

    Example:
        >>> config = configure("factor_vae", "shapes2d")
        >>> config.settings, config.learning_rate
        ({'gamma': 30.0}, 0.0005)
    """
    cls = registry.get("models", model)
    config = runs.Config(
        model=model,
        data=_named(data),
        steps=steps,
        batch_size=batch_size,
        latent_dim=latent_dim,
        likelihood=_as_text("likelihood", likelihood),
        settings={**cls.short_run, **(settings or {})},
        seed=seed,
        precision=precision,
        learning_rate=cls.short_learning_rate if learning_rate is None else learning_rate,
    )
    return _checked(config)


def parse_setting(text: str) -> tuple[str, Any]:
    """Splits `"beta=4"`; the value is a Python literal where it reads as one, else text.

    Example:
        >>> parse_setting("beta=4"), parse_setting("variant=ii"), parse_setting("normalized=true")
        (('beta', 4), ('variant', 'ii'), ('normalized', True))
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"Expected a setting as name=value. Received: {registry.shortened(text)}")
    if value.lower() in ("true", "false", "none"):
        value = value.capitalize()
    try:
        return name, registry.parse_literal(value)
    except ValueError:
        return name, value


def _named(data) -> str:
    """The text that a run keeps of its data."""
    if isinstance(data, str | os.PathLike):
        return str(data)
    if isinstance(data, datasets.Dataset):
        advice = f'Pass the text that it is loaded by, such as "{data.name}"'
    elif isinstance(data, tuple | list) and len(data) == 2:
        advice = 'Save them: np.savez("images.npz", images=images, factors=factors), and pass "images.npz"'
    else:
        advice = 'Save the images: np.save("images.npy", images), and pass "images.npy"'
    raise ValueError(
        "Expected `data` as text, by which the run can be resumed and scored later. "
        f"Received: {_kind(data)}. {advice}; or train a model of zoo.models with fit."
    )


def _kind(data) -> str:
    shape = getattr(data, "shape", None)
    return type(data).__name__ + ("" if shape is None else f" of shape {tuple(shape)}")


def _as_text(name: str, value) -> str:
    """An argument that a run keeps as text, so that it can be resumed and scored from its folder alone."""
    if not isinstance(value, str):
        raise ValueError(
            f"`{name}` must be text, which the run keeps: a name or a call. Received: {type(value).__name__}. "
            "Train a model with such an object by model.fit."
        )
    return value


def _checked(config: runs.Config) -> runs.Config:
    """The configuration, if its values are in range, with plain numbers."""
    numbers = {
        name: check_integer(name, getattr(config, name), least=least)
        for name, least in (("steps", 1), ("batch_size", 1), ("latent_dim", 1), ("seed", 0))
    }
    if not is_number(config.learning_rate):
        raise ValueError(
            f"`learning_rate` must be a number. Received: learning_rate={config.learning_rate!r}"
        )
    if not 0 < config.learning_rate < math.inf:
        raise ValueError(
            f"`learning_rate` must be > 0. Received: learning_rate={config.learning_rate!r}"
        )
    registry.check_known("precision", config.precision, PRECISIONS)
    if config.precision == "mixed_bfloat16" and hardware.lacks_bfloat16():
        warnings.warn(
            "This processor has no instructions for bfloat16: an update may take several times as long as in float32. "
            'Choose precision="float32".',
            UserWarning,
            stacklevel=4,
        )
    return dataclasses.replace(config, **numbers)
