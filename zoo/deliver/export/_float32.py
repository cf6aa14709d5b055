"""Models that compute in float32, whatever they were trained in."""

import keras

from zoo.deliver.export._weights import let_settle


def in_float32(model: keras.Model) -> keras.Model:
    """The same weights in a model that computes in float32, not compiled.

    Weights are float32 in every precision; only what is computed with them changes. Phones, browsers and most
    servers have no bfloat16.

    Args:
        model: any model of the zoo.

    Returns:
        `model` itself where it computes in float32 already.

    Example:
        >>> import zoo
        >>> model = zoo.models.VAE((8, 8, 1), seed=0, dtype="mixed_bfloat16")
        >>> in_float32(model).encoder.compute_dtype
        'float32'
    """
    config = _config(model)
    return model if _without_policies(config) == config else float32_copy(model)


def float32_copy(model: keras.Model) -> keras.Model:
    """A model of its own, as by `in_float32`, with new random state; not compiled."""
    copy = keras.saving.deserialize_keras_object(_without_policies(_config(model)))
    copy.set_weights(model.get_weights())
    let_settle(copy)
    return copy


def _config(model: keras.Model) -> dict:
    return without_compilation(keras.saving.serialize_keras_object(model))


def without_compilation(config):
    """The configuration without optimizers and losses, its own and those of models within it."""
    if isinstance(config, dict):
        kept = {name: value for name, value in config.items() if name != "compile_config"}
        return {name: without_compilation(value) for name, value in kept.items()}
    if isinstance(config, list | tuple):
        return type(config)(without_compilation(value) for value in config)
    return config


def _without_policies(config):
    """The configuration with float32 in place of every mixed precision."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {**config["config"], "name": "float32"}}
        return {name: _without_policies(value) for name, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_without_policies(value) for value in config)
    return "float32" if config in ("mixed_bfloat16", "mixed_float16") else config
