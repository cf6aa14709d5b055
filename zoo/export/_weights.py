"""Which weights of a model leave it, and which only its training needs."""

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
