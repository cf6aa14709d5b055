"""What FactorVAE's discriminator says once it had time: updates of its own, the encoder standing still."""

import numpy as np
import tensorflow as tf

from zoo.models import FactorVAE
from zoo.models.factor_vae import permute_dims

BATCHES = 100  # that are asked at the end


def trained_alone(model: FactorVAE, data, *, updates: int, batch_size: int, seed: int) -> float:
    """The total correlation, nats, that the discriminator tells of new images after `updates` of its own.

    The model's discriminator is changed, and nothing else of it.

    Args:
        model: a trained FactorVAE.
        data: its data.
        updates: of the discriminator, with the optimizer that a model has by default.
        batch_size: latents of q(z), and as many permuted ones, an update.
        seed: of images, latents and permutations.
    """
    model.compile()

    @tf.function
    def update(images, seed) -> None:
        latents, others = tf.split(model.encode(images).sample(seed=seed), 2)
        model.train_discriminator(latents, permute_dims(others, tf.random.fold_in(seed, 1)))

    @tf.function
    def said(images, seed) -> tf.Tensor:
        latents = model.encode(images).sample(seed=seed)
        return tf.reduce_mean(model.total_correlation(latents))

    batches = data.batches(2 * batch_size, seed=seed).take(updates + BATCHES)
    found = []
    for number, images in enumerate(batches):
        if number < updates:
            update(images, tf.constant([seed, number]))
        else:
            found.append(float(said(images, tf.constant([seed, number]))))
    return float(np.mean(found))
