"""A learned scale beside the error that it should equal."""

import numpy as np
import tensorflow as tf

from zoo.measure import evaluation


def learned_scale(model, data, *, samples: int, seed: int = 0) -> dict[str, float] | None:
    """The single σ that a Gaussian likelihood has learned, and the root mean square error of its reconstructions.

    At the optimum the two are equal: -log p(x|z) is least in σ where σ² = E|x - mean(z)|² / values, with z ~ q(z|x).

    Args:
        model: a model of the zoo.
        data: its dataset.
        samples: images, at most.
        seed: of the draw and of the samples of q(z|x).

    Returns:
        `scale` and `root_mean_square_error`; None where no such σ was learned.

    Example:
        >>> import zoo
        >>> model = zoo.models.VAE((8, 8, 1), likelihood=zoo.likelihoods.Gaussian(scale="learned"), seed=0)
        >>> sorted(learned_scale(model, zoo.datasets.load("digits"), samples=100))
        ['root_mean_square_error', 'scale']

    Reference: Rybkin, Daniilidis & Levine, Simple and Effective VAE Training with Calibrated Decoders, 2021, section 4.
    """
    likelihood = model.likelihood
    if type(likelihood).__name__ != "Gaussian" or getattr(likelihood, "scale", None) != "learned":
        return None
    indices = evaluation.draw(len(data), samples, seed)

    @tf.function(autograph=False, reduce_retracing=True)
    def squares(images, seed):
        means = model.decode(model.encode(images).sample(seed=seed)).mean()
        images = tf.cast(images, tf.float32) / (255.0 if images.dtype == tf.uint8 else 1.0)
        return tf.reduce_mean(tf.square(images - means), axis=(1, 2, 3))

    parts = [
        squares(tf.constant(data.images(chunk)), tf.constant([seed, number]))
        for number, chunk in enumerate(np.array_split(indices, -(-len(indices) // 256)))
    ]
    latents = tf.zeros((1, model.latent_dim))
    scale = model.decode(latents).stddev().numpy()
    return {
        "scale": float(scale.ravel()[0]),
        "root_mean_square_error": float(np.sqrt(np.concatenate(parts).mean())),
    }
