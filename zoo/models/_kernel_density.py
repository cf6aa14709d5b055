"""Densities of a batch of points by Gaussian kernels, and what they tell of how its latents hang together."""

import math

import tensorflow as tf


def silverman_factor(count, dims: int) -> tf.Tensor:
    """Silverman's bandwidth of a kernel estimate, in standard deviations of the points.

        (4 / (dims + 2))^(1 / (dims + 4)) * count^(-1 / (dims + 4))

    Args:
        count: how many points.
        dims: of how many dimensions.

    Example:
        >>> round(float(silverman_factor(64, dims=1)), 3)
        0.461

    Reference: Silverman, Density Estimation for Statistics and Data Analysis, 1986, section 4.3.2.
    """
    return ((4 / (dims + 2)) / tf.cast(count, tf.float32)) ** (1 / (dims + 4))


def log_kernels(points: tf.Tensor, bandwidths: tf.Tensor) -> tf.Tensor:
    """Logarithm of N(z_i; z_j, h^2) of each dimension: points i, kernels j, `(n, n, dims)`.

    Args:
        points: `(n, dims)`.
        bandwidths: h, `(dims,)`, > 0.
    """
    scaled = points / bandwidths
    distances = tf.square(scaled[:, None] - scaled[None, :])
    return -0.5 * distances - tf.math.log(bandwidths) - 0.5 * math.log(2 * math.pi)


def multiinformation(points: tf.Tensor, deviations: tf.Tensor) -> tf.Tensor:
    """Log q(z) - sum_k log q(z_k) at each point of a batch, by kernel estimates: how its latents depend on each other.

        q(z_i)   = 1/n sum_j prod_k N(z_ik; z_jk, (s_k f)^2),    f: Silverman's factor
        q(z_ik)  = 1/n sum_j N(z_ik; z_jk, s_k^2)

    Each point is a kernel of its own estimate.

    Args:
        points: z, `(n, dims)`.
        deviations: s, `(dims,)`, > 0.

    Returns:
        `(n,)`, in nats.

    Example:
        >>> float(multiinformation(tf.zeros((5, 1)), tf.ones(1))[0]) == -float(tf.math.log(silverman_factor(5, 1)))
        True

    Reference: Hsu et al., Tripod, 2024, on kernel-based latent multiinformation, and the authors' code.
    """
    count = tf.shape(points)[0]
    dims = points.shape[1]
    narrow = log_kernels(points, deviations * silverman_factor(count, dims))
    joint = tf.reduce_logsumexp(tf.reduce_sum(narrow, axis=2), axis=1)
    marginals = tf.reduce_logsumexp(log_kernels(points, deviations), axis=1)
    log_count = tf.math.log(tf.cast(count, tf.float32))
    return (joint - log_count) - tf.reduce_sum(marginals - log_count, axis=1)


def deviations(points: tf.Tensor) -> tf.Tensor:
    """Standard deviation of each column, `(dims,)`, at least 1e-6, with a gradient where all points are one.

    Args:
        points: `(n, dims)`.
    """
    return tf.sqrt(tf.math.reduce_variance(points, axis=0) + 1e-12)
