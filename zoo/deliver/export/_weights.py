"""Which weights of a model leave it, which only its training needs, and what layers derive from them."""

import keras


def training_only(model) -> list[keras.Variable]:
    """The discriminator's weights, less those that encoder and decoder use too; nothing where there is none."""
    discriminator = getattr(model, "discriminator", None)
    if discriminator is None:
        return []
    used = {id(weight) for part in (model.encoder, model.decoder) for weight in part.weights}
    return [weight for weight in discriminator.weights if id(weight) not in used]


def served(model) -> list[keras.Variable]:
    """All other weights, in the order of `model.weights`: those of encoder, decoder and likelihood."""
    others = {id(weight) for weight in training_only(model)}
    return [weight for weight in getattr(model, "weights", ()) if id(weight) not in others]


def let_settle(model: keras.Model) -> None:
    """Has layers derive from new weights what they compute with, as Keras does when it loads a file.

    That is what `Normalization` keeps of the statistics that it was adapted to.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
