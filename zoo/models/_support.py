"""How far a batch of latents is from a support that factorizes: each value of one beside each of another."""

import itertools

import numpy as np
import tensorflow as tf


def hausdorff(means: tf.Tensor, pairs: tf.Tensor, rows: tf.Tensor | None = None) -> tf.Tensor:
    """Hausdorff distance of each pair's product of marginal supports from the support itself, squared, `(pairs,)`.

        d_ij = max over (a, c) of min over b of (z_ai - z_bi)^2 + (z_cj - z_bj)^2

    It is 0 where the batch holds each value of latent i beside each value of latent j.

    Args:
        means: z, `(batch, latent_dim)`.
        pairs: numbers i and j of latents, `(pairs, 2)`.
        rows: which rows a and c are combined, `(combinations, pairs, 2)`; None: each with each.

    Example:
        >>> z = tf.constant([[0.0, 0.0], [1.0, 1.0]])
        >>> hausdorff(z, tf.constant([[0, 1]])).numpy()
        array([1.], dtype=float32)

    Reference: Roth et al. 2023, the pairwise form of the Hausdorff distance.
    """
    columns = tf.gather(means, pairs, axis=1)  # (batch, pairs, 2)
    if rows is None:
        first, second = tf.unstack(tf.square(columns[:, None] - columns[None]), axis=-1)
        distances = first[:, None] + second[None]  # (a, c, b, pairs)
        return tf.reduce_max(tf.reduce_min(distances, axis=2), axis=(0, 1))
    one_hot = tf.one_hot(rows, tf.shape(means)[0])  # a gather, whose gradient is quick to sum
    combined = tf.einsum("mpkb,bpk->mpk", one_hot, columns)
    distances = tf.reduce_sum(tf.square(combined[:, None] - columns), axis=-1)  # (rows, b, pairs)
    return tf.reduce_max(tf.reduce_min(distances, axis=1), axis=0)


def drawn_pairs(latents: int, count: int | None, seed) -> tf.Tensor:
    """`count` different pairs of latents, in random order, or all of them, `(pairs, 2)`."""
    every = np.array(list(itertools.combinations(range(latents), 2)), np.int32).reshape(-1, 2)
    if count is None or count >= len(every):
        return tf.constant(every)
    order = tf.argsort(tf.random.stateless_uniform((len(every),), seed))
    return tf.gather(every, order[:count])
