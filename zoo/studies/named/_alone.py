"""What FactorVAE's discriminator says once it had time: updates of its own, the encoder standing still."""

import numpy as np
import tensorflow as tf

BATCHES = 100  # that are asked at the end


def trained_alone(
    model, data, *, updates: int, batch_size: int, learning_rate: float, seed: int
) -> float:
    """The total correlation, nats, that the discriminator tells of new images after `updates` of its own.

    The model's discriminator is changed, and nothing else of it.

    Args:
        model: a trained FactorVAE.
        data: its data.
        updates: of the discriminator, with a new optimizer of the kind that a model has by default.
        batch_size: latents of q(z), and as many permuted ones, an update.
        learning_rate: of the optimizer.
        seed: of images, latents and permutations.
    """
    model.compile()
    model.discriminator_optimizer.learning_rate = learning_rate

    @tf.function
    def update(images, seed) -> None:
        own, others = tf.split(images, 2)
        latents = model.encode(own).sample(seed=seed)
        model.train_discriminator(latents, model.permuted_latents(others, seed))

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
