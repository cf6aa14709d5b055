"""Ada-GVAE and Ada-ML-VAE."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.models import _inputs, _weights
from zoo.models._terms import ElboTerms
from zoo.models.beta_vae import BetaVAE
from zoo.schedules import Schedule
from zoo.utils import registry, replicas
from zoo.utils.checks import check_fraction, check_integer

tfd = tfp.distributions


@keras.saving.register_keras_serializable(package="zoo")
class AdaGVAE(BetaVAE):
    """Ada-GVAE: a β-VAE of pairs of images that share what few latents say differently.

        loss = mean over both images of reconstruction + beta * KL, with posteriors that agree in the shared latents
        latent j is shared where d_j < (1 - threshold) min_i d_i + threshold max_i d_i
        "kl":            d_i = KL(q(z_i|x1) || q(z_i|x2))
        "symmetric_kl":  d_i = (KL(q(z_i|x1) || q(z_i|x2)) + KL(q(z_i|x2) || q(z_i|x1))) / 2

    In a shared latent both images get the average of their two posteriors:

        "gvae" (Ada-GVAE):    mean = (mean_1 + mean_2) / 2,                 variance = (var_1 + var_2) / 2
        "ml"   (Ada-ML-VAE):  mean = weighted by 1 / var_1 and 1 / var_2,   variance = 2 / (1 / var_1 + 1 / var_2)

    The second is the normalised geometric mean of the two densities, as in the authors' code: two equal posteriors
    stay what they are. The threshold belongs to each pair; the latent of largest distance is never shared. The paper
    and its code take `"kl"` and 0.5; later studies `"symmetric_kl"`.

    `fit` wants a `tf.data.Dataset` of pairs `(first, second)` of image batches, which `pairs` of a dataset makes;
    `batch_size` there is the number of pairs. `evaluate`, `encode` and everything else take single images, whose
    posterior is the encoder's: a plain β-VAE.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        averaging: `"gvae"` or `"ml"`.
        beta: weight >= 0, or a schedule; the paper takes 1 to 16.
        distance: of two posteriors of a latent, `"kl"` or `"symmetric_kl"`.
        threshold: where between the least and the largest distance of a pair latents cease to be shared, from 0 to 1.
        k: in how many factors the images of a pair differ where `stream`, and so `zoo.train`, makes the pairs: as for
            `pairs` of a dataset. The model is not told it.
        change: how they differ, as for `pairs` of a dataset; `k="random", change="resampled"` is the paper's sampler,
            `k="random", change="disentanglement_lib"` that of its code.
        **kwargs: of `BetaVAE`.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> import numpy as np
        >>> images = np.zeros((32, 8, 8, 1), "float32")
        >>> pairs = tf.data.Dataset.from_tensor_slices((images, images)).batch(16)
        >>> model = AdaGVAE((8, 8, 1), latent_dim=2, seed=0)
        >>> model.compile()
        >>> sorted(model.fit(pairs, verbose=0).history)
        ['kl', 'loss', 'reconstruction']

    Reference: Locatello et al., Weakly-Supervised Disentanglement Without Compromises, 2020, section 4; the averages
    are those of Hosoya 2019 and of Bouchacourt et al. 2018.
    """

    trains_on: ClassVar[str] = "pairs"

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        averaging: str = "gvae",
        beta: float | Schedule = 1.0,
        distance: str = "kl",
        threshold: float = 0.5,
        k: int | str | Sequence[int] = 1,
        change: str = "differ",
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, beta=beta, **kwargs)
        self.averaging = registry.check_known("averaging", averaging, AVERAGES)
        self.distance = registry.check_known("distance", distance, DISTANCES)
        self.threshold = check_fraction("threshold", threshold)
        self.k = _check_k(k)
        self.change = _check_change(change)

    def stream(
        self, data, batch_size: int, *, seed: int = 0, start_step: int = 0
    ) -> tf.data.Dataset:
        """Pairs of images that differ in `k` factors; arguments as for `VAE.stream`."""
        how = {"k": self.k, "change": self.change}
        return data.pairs(batch_size, **how, seed=seed, start_step=start_step)

    def check_step(self, x, y) -> None:
        """Checks the first and the second images of pairs."""
        super().check_step(x, y)
        if y is not None and len(x) != len(y):
            raise ValueError(
                "Expected as many second images of pairs as first ones. "
                f"Received: {len(x)} and {len(y)}."
            )

    def training_terms(self, data) -> ElboTerms:
        """The terms of both images of each pair: those of the first images, then those of the second."""
        first, second, _ = keras.utils.unpack_x_y_sample_weight(data)
        if second is None:
            raise ValueError(
                f"Expected two batches of images for a step of {type(self).__name__}, the first and the second of "
                "each pair. Received one. Call fit(data.pairs(64)), or train_on_batch(first, second)."
            )
        images = tf.concat([self._scaled(first), self._scaled(second)], axis=0)
        posterior = self.shared(self.encode(images, training=True))
        return self.terms_under(posterior, images, training=True, draw=self.drawn)

    def drawn(self, posterior: tfd.Distribution, seed) -> tf.Tensor:
        """A sample of the posteriors of pairs. Of the whole batch those of a replica are not one stretch, but two."""
        if not replicas.several():
            return posterior.sample(seed=seed)
        pairs = posterior.batch_shape_tensor()[0] // 2
        noise = replicas.drawn_rows(self.prior.sample, pairs, seed, parts=2)
        return posterior.mean() + posterior.stddev() * noise

    def training_batches(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Pairs as they are: `(first, second)`, or `(first, second, weights)`."""
        return batches

    def training_weights(self, data) -> tf.Tensor | None:
        """The weights of pairs for their first images, then for their second ones."""
        weights = super().training_weights(data)
        return None if weights is None else tf.tile(weights, (2,))

    def shared(self, posterior: tfd.Distribution) -> tfd.Distribution:
        """Posteriors of pairs, in which shared latents have the average of both.

        Args:
            posterior: q(z|x) of the first images, then of the second: batch shape `(2 * pairs,)`.
        """
        means, scales = posterior.mean(), posterior.stddev()
        (mean_1, mean_2), (scale_1, scale_2) = tf.split(means, 2), tf.split(scales, 2)
        distances = DISTANCES[self.distance](
            tfd.Normal(mean_1, scale_1), tfd.Normal(mean_2, scale_2)
        )
        average = AVERAGES[self.averaging](mean_1, mean_2, scale_1**2, scale_2**2)
        is_shared, mean, variance = (
            tf.tile(values, (2, 1))
            for values in (shared_latents(distances, self.threshold), *average)
        )
        mean = tf.where(is_shared, mean, means)
        scale = tf.where(is_shared, tf.sqrt(variance), scales)
        return tfd.Independent(tfd.Normal(mean, scale), 1)

    def _batches(
        self, x, batch_size, shuffle=False, read=_inputs.as_batches, weights=None
    ) -> tf.data.Dataset:
        if read is _inputs.as_batches and _inputs.are_pairs(x):  # to evaluate, each by itself
            x = x.map(_each_by_itself)
        return super()._batches(x, batch_size, shuffle, read, weights)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        k = list(self.k) if isinstance(self.k, tuple) else self.k
        pairs = {"k": k, "change": self.change}
        shared = {"distance": self.distance, "threshold": self.threshold}
        return {**super().get_config(), "averaging": self.averaging, **shared, **pairs}


def _each_by_itself(first, second, *others):
    """The images of pairs, as an element of a pipeline of images, with the weights of the pairs if there are some."""
    images = tf.concat([first, second], axis=0)
    weights = _weights.of_element((first, second, *others), only_floats=True)
    weights = [tf.tile(each, (2,)) for each in weights]
    return (images, *weights, *weights) if weights else images


def _check_k(k: int | str | Sequence[int]) -> int | str | tuple[int, int]:
    """`k` as it is, a list as a tuple, for JSON knows no tuples; which factors there are is the dataset's to check."""
    if k == "random":
        return k
    bounds = (k, k) if isinstance(k, str) or not isinstance(k, Sequence) else tuple(k)
    if len(bounds) != 2:
        raise ValueError(
            f'`k` must be an integer, a pair (least, most) or "random". Received: k={k!r}'
        )
    least = check_integer("k", bounds[0], least=1)
    check_integer("k", bounds[1], least=least)
    return k if bounds == (k, k) else bounds


def _check_change(change: str) -> str:
    """`change`, if it is text; which ones there are is the dataset's to check."""
    if not isinstance(change, str):
        raise ValueError(f'`change` must be a text such as "differ". Received: change={change!r}')
    return change


def shared_latents(distances: tf.Tensor, threshold: float = 0.5) -> tf.Tensor:
    """Which latents of a pair are shared: those below a share of the way from the least to the largest distance.

    Args:
        distances: of q(z_j|x1) and q(z_j|x2), `(pairs, latent_dim)`.
        threshold: that share; 0.5 is the midpoint.

    Returns:
        Booleans, `(pairs, latent_dim)`.

    Example:
        >>> shared_latents(tf.constant([[0.0, 1.0, 3.0, 2.0]])).numpy()
        array([[ True,  True, False, False]])

    Reference: Locatello et al. 2020, section 4.1; another share than 0.5 as in Michlo et al.'s code.
    """
    least = tf.reduce_min(distances, axis=-1, keepdims=True)
    largest = tf.reduce_max(distances, axis=-1, keepdims=True)
    return distances < (1 - threshold) * least + threshold * largest


def symmetric_kl(one: tfd.Distribution, other: tfd.Distribution) -> tf.Tensor:
    """The mean of the KL divergences in both directions.

    Reference: Träuble et al., On Disentangled Representations Learned from Correlated Data, 2021, as in its first
    version; Michlo et al. 2023.
    """
    return 0.5 * (tfd.kl_divergence(one, other) + tfd.kl_divergence(other, one))


DISTANCES = {"kl": tfd.kl_divergence, "symmetric_kl": symmetric_kl}
"""How far two Gaussian posteriors of a latent are apart, by name."""


def average_of_moments(mean_1, mean_2, variance_1, variance_2) -> tuple[tf.Tensor, tf.Tensor]:
    """Means and variances averaged: the average of Ada-GVAE.

    Reference: Hosoya, Group-based Learning of Disentangled Representations, 2019.
    """
    return 0.5 * (mean_1 + mean_2), 0.5 * (variance_1 + variance_2)


def average_of_densities(mean_1, mean_2, variance_1, variance_2) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of the normalised sqrt(q_1 q_2): the average of Ada-ML-VAE.

    Reference: Bouchacourt, Tomioka & Nowozin, Multi-Level Variational Autoencoder, 2018; the square root keeps the
    variance of two equal posteriors, where the bare product would halve it.
    """
    precision = 1 / variance_1 + 1 / variance_2
    return (mean_1 / variance_1 + mean_2 / variance_2) / precision, 2 / precision


AVERAGES = {"gvae": average_of_moments, "ml": average_of_densities}
"""The averages of two Gaussians that a model may take, by name."""
