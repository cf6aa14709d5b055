"""A model's training as a program for other machines, from the model and its dataset."""

import dataclasses
from importlib.metadata import version

import keras
import numpy as np
import tensorflow as tf

from zoo.datasets import Dataset
from zoo.datasets._pipelines import permutation
from zoo.runs.folder import Config
from zoo.runs.portable import stablehlo
from zoo.runs.portable.batches import needs_of
from zoo.runs.portable.job.program import Program
from zoo.runs.portable.lower import lowered
from zoo.runs.portable.variables import of_model
from zoo.utils.precisions import float32_products


def program_of(model: keras.Model, data: Dataset, config: Config, **plan: int) -> Program:
    """The training of a compiled model, from where it stands.

    Args:
        model: of the zoo.
        data: what it learns from.
        config: of the run.
        **plan: `log_every` and `checkpoint_every`.

    Raises:
        ValueError: a step of this model, or the rendering of this dataset, has no portable form.
    """
    needs = needs_of(model, data, config.batch_size, config.seed)
    variables = of_model(model)
    names: list[str] = []

    def update(number, *rest):
        indices, values = rest[: len(needs.offsets)], rest[len(needs.offsets) :]
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        names[:] = model.train_step(needs.images(number, indices))
        return [tf.identity(variable.value) for variable in variables]

    batch = tf.TensorSpec((config.batch_size,), tf.int64)
    types = [tf.TensorSpec(variable.shape, variable.dtype) for variable in variables]
    signature = [tf.TensorSpec((), tf.int64), *[batch] * len(needs.offsets), *types]
    try:
        with float32_products(model.exact_products):
            step = lowered(update, signature, variables)
        made = stablehlo.exported(step.hlo, "update")
        order = _order(len(data), config.seed) if needs.offsets else None
    except ValueError as error:
        raise ValueError(
            f"{config.model} on {config.data} cannot be packed: {error}. Train it with TensorFlow."
        ) from error
    constants = [value for value in step.captured if not isinstance(value, int)]
    arguments = [
        ["number", 0],
        *(["batch", number] for number in range(len(needs.offsets))),
        *(["state", number] for number in range(len(variables))),
        *_captured(step.captured),
    ]
    _check_types(made, arguments, signature, constants)
    places = {id(variable): number for number, variable in enumerate(variables)}
    facts = {
        "config": dataclasses.asdict(config),
        "steps": config.steps,
        "images": len(data),
        "batch_size": config.batch_size,
        "stride": needs.stride,
        "offsets": needs.offsets,
        "arguments": arguments,
        "reported": _reported(model, names, places),
        "running": [places[id(each)] for metric in _means(model) for each in metric.variables],
        "state": [variable.path for variable in variables],
        "made_by": {name: version(name) for name in ("vae-zoo", "tensorflow", "keras", "jax")},
        **plan,
    }
    state = [np.asarray(variable) for variable in variables]
    return Program(facts, bytes(made.serialize()), order, state, constants)


def _order(images: int, seed: int) -> bytes:
    def order(epoch):
        return [tf.cast(permutation(images, seed, epoch), tf.int32)]

    made = lowered(order, [tf.TensorSpec((), tf.int64)])
    return bytes(stablehlo.exported(made.hlo, "order").serialize())


def _captured(captured: list) -> list[list]:
    """Arguments for what an update captures. A captured variable is assigned before it is read: any value will do."""
    found, constants = [], 0
    for value in captured:
        if isinstance(value, int):
            found.append(["state", value])
        else:
            found.append(["constant", constants])
            constants += 1
    return found


def _check_types(made, arguments: list, signature: list, constants: list[np.ndarray]) -> None:
    """Checks that a module takes what it will be given, in this order."""
    types = {
        "number": [np.zeros((), np.int64)],
        "batch": signature[1:],
        "state": signature[len([kind for kind, _ in arguments if kind in ("number", "batch")]) :],
        "constant": constants,
    }
    given = [types[kind][number] for kind, number in arguments]
    wanted = [(tuple(each.shape), str(each.dtype)) for each in made.in_avals]
    found = [
        (tuple(each.shape), np.dtype(getattr(each.dtype, "as_numpy_dtype", each.dtype)).name)
        for each in given
    ]
    if wanted != found:
        raise ValueError(
            f"XLA changed the arguments of the update: {len(found)} became {len(wanted)}."
        )


def _reported(model, names: list[str], places: dict[int, int]) -> list[list]:
    """Name, and places of total and count, of each mean that an update adds to and the history tells."""
    means = {mean.name: mean for mean in _means(model)}
    return [
        [name, places[id(means[name].total)], places[id(means[name].count)]]
        for name in model.tracked()
        if name in names
    ]


def _means(model) -> list[keras.metrics.Mean]:
    return [*model.trackers, model.regularization]
