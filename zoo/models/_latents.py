"""Vectors of continuous and categorical latents.

A latent vector holds the continuous latents first, then for each categorical latent a block of as many numbers as it
has categories: a one-hot vector, or one that is relaxed to the inside of the simplex.
"""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.utils.checks import check_integer

tfd = tfp.distributions


def check_categories(categories: int | Sequence[int], latent_dim: int) -> tuple[int, ...]:
    """Sizes of categorical latents as a tuple.

    Args:
        categories: how many categories each categorical latent has, at least 2 each; one number for one latent.
        latent_dim: numbers of a latent vector, blocks included.

    Raises:
        ValueError: a size is below 2, or the blocks do not fit into the vector.

    Example:
        >>> check_categories(3, latent_dim=10)
        (3,)
    """
    if isinstance(categories, str) or not isinstance(categories, Sequence):
        categories = (categories,)
    sizes = tuple(check_integer("categories", size, least=2) for size in categories)
    if sum(sizes) > latent_dim:
        raise ValueError(
            f"`latent_dim` counts the {sum(sizes)} numbers of the one-hot blocks as well: it must be >= {sum(sizes)} "
            f"with categories={sizes}. Received: latent_dim={latent_dim}"
        )
    return sizes


def split(latents: tf.Tensor, categories: Sequence[int]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """The continuous latents `(batch, continuous)`, and the blocks `(batch, size)` of the categorical ones.

    Example:
        >>> continuous, [block] = split(tf.constant([[0.5, -1.0, 0.0, 0.0, 1.0]]), (3,))
        >>> continuous.numpy(), block.numpy()
        (array([[ 0.5, -1. ]], dtype=float32), array([[0., 0., 1.]], dtype=float32))
    """
    continuous = latents.shape[-1] - sum(categories)
    first, *blocks = tf.split(latents, [continuous, *categories], axis=-1)
    return first, blocks


def codes(latents: tf.Tensor, categories: Sequence[int]) -> tf.Tensor:
    """One column for each latent: of a categorical one the number of its largest category, counted from 0.

    Args:
        latents: `(batch, latent_dim)`.
        categories: sizes of the categorical latents.

    Returns:
        `(batch, latents)`, the continuous latents first.

    Example:
        >>> codes(tf.constant([[0.5, -1.0, 0.0, 0.0, 1.0]]), (3,)).numpy()
        array([[ 0.5, -1. ,  2. ]], dtype=float32)
    """
    if not categories:
        return latents
    continuous, blocks = split(latents, categories)
    numbers = [tf.cast(tf.argmax(block, axis=-1), latents.dtype)[:, None] for block in blocks]
    return tf.concat([continuous, *numbers], axis=-1)


def moved(
    latents: np.ndarray, latent: int, values: Sequence[float], categories: Sequence[int]
) -> np.ndarray:
    """Copies of one latent vector in which one latent moves and the others stay.

    Args:
        latents: `(latent_dim,)`.
        latent: which one moves: its column in `codes`.
        values: what a continuous latent goes through; a categorical one goes through its categories.
        categories: sizes of the categorical latents.

    Returns:
        `(values, latent_dim)`, or `(categories of this latent, latent_dim)`.

    Example:
        >>> moved(np.array([0.5, 0.0, 1.0]), 1, values=[-2, 2], categories=(2,))
        array([[0.5, 1. , 0. ],
               [0.5, 0. , 1. ]])
    """
    continuous = len(latents) - sum(categories)
    if latent < continuous:
        block, column = np.asarray(values, latents.dtype)[:, None], latent
    else:
        which = latent - continuous
        block = np.eye(categories[which], dtype=latents.dtype)
        column = continuous + sum(categories[:which])
    copies = np.tile(latents, (len(block), 1))
    copies[:, column : column + block.shape[1]] = block
    return copies


def count(n):
    """`n` as it is where it is a tensor, as in exported models; else an integer >= 1."""
    return n if tf.is_tensor(n) else check_integer("n", n, least=1)


class Joint(tfd.Blockwise):
    """Independent distributions over the parts of one vector: the continuous latents, then each categorical one.

    Args:
        continuous: over the continuous latents, `(batch, continuous)`; left out where there are none.
        blocks: over the one-hot block of each categorical latent, `(batch, size)`.
    """

    def __init__(self, continuous: tfd.Distribution, blocks: Sequence[tfd.Distribution]):
        parts = [continuous, *blocks] if continuous.event_shape[0] else [*blocks]
        super().__init__(parts)
        self.continuous, self.blocks = continuous, list(blocks)

    def _mode(self):
        return tf.concat([part.mode() for part in self.distributions], axis=-1)

    def _variance(self):
        return tf.concat([part.variance() for part in self.distributions], axis=-1)


def posterior_tensors(posterior: Joint) -> dict[str, tf.Tensor]:
    """q(z|x) as named tensors, for programs that know no distributions.

    Returns:
        `mean` `(batch, latent_dim)`, which holds the probability of each category; `mode`, where the most probable
        category of each block is 1 and the others are 0; `log_variance` `(batch, continuous)`, where there are
        continuous latents.
    """
    tensors = {"mean": posterior.mean(), "mode": posterior.mode()}
    if not posterior.continuous.event_shape[0]:
        return tensors
    return {**tensors, "log_variance": tf.math.log(posterior.continuous.variance())}


class RelaxedCategorical(tfd.RelaxedOneHotCategorical):
    """The Gumbel-softmax relaxation of a categorical distribution: a gradient passes through its samples.

        sample = softmax((logits + g) / temperature),    g_i = -log(-log(u_i)),  u_i ~ Uniform(0, 1)

    As the temperature falls to 0, samples tend to those of the categorical. Mean, mode and variance are those of the
    categorical, which say what the latent stands for; the relaxation's own have no closed form.

    Args:
        temperature: > 0.
        logits: `(batch, categories)`.

    Reference: Jang, Gu & Poole, Categorical Reparameterization with Gumbel-Softmax, 2017, equation 2.
    """

    @property
    def categorical(self) -> tfd.Distribution:
        """The distribution that is relaxed."""
        return categorical(self.distribution.logits)

    def _mean(self):
        return self.categorical.mean()

    def _mode(self):
        return self.categorical.mode()

    def _variance(self):
        return self.categorical.variance()


def categorical(logits: tf.Tensor) -> tfd.Distribution:
    """A distribution over one-hot float vectors, from logits `(batch, categories)`."""
    return tfd.OneHotCategorical(logits=logits, dtype=tf.float32)


def uniform_kl(logits: tf.Tensor) -> tf.Tensor:
    """KL divergence of categorical distributions from the uniform one, in nats: log(K) minus the entropy.

    Args:
        logits: `(batch, K)`.

    Returns:
        `(batch,)`, from 0 to log(K).

    Example:
        >>> uniform_kl(tf.constant([[0.0, 0.0], [100.0, 0.0]])).numpy().round(4)
        array([0.    , 0.6931], dtype=float32)
    """
    # From logits: the gradient of p log p has no limit where p is 0.
    plogp = tf.nn.softmax(logits) * tf.nn.log_softmax(logits)
    return math.log(logits.shape[-1]) + tf.reduce_sum(plogp, axis=-1)
