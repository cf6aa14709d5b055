"""InfoVAE with the maximum mean discrepancy."""

import math
from typing import Any

import keras
import tensorflow as tf

from zoo.models._terms import ElboTerms
from zoo.models.vae import VAE
from zoo.schedules import Schedule, check_weight, value_at
from zoo.utils import replicas
from zoo.utils.checks import is_number
from zoo.utils.registry import check_known

KERNELS = {
    "rbf": lambda distance, width: tf.exp(-distance / width),
    "inverse_multiquadratic": lambda distance, width: width / (width + distance),
}


@keras.saving.register_keras_serializable(package="zoo")
class InfoVAE(VAE):
    """InfoVAE: less KL for single images, more distance of the aggregate posterior from the prior, without adversary.

        loss = reconstruction + (1 - alpha) * KL + (alpha + lambda - 1) * MMD^2(q(z), p(z))
        MMD^2 = E[k(z, z')] + E[k(u, u')] - 2 E[k(z, u)],    z, z' ~ q(z) and u, u' ~ p(z) independent

    alpha = 0, lambda = 1 is a VAE; alpha = 1 weighs no KL at all, which is MMD-VAE in its bare form, and a Wasserstein
    autoencoder with noise. The kernels, with s = |z - u|^2 and a width w:

        "rbf"                      k = exp(-s / w)
        "inverse_multiquadratic"   k = w / (w + s),    whose tails still pull latents that are far off

    The estimate is the unbiased one: pairs of a sample with itself are left out, so that it is zero in expectation
    where q(z) = p(z), and single values may be negative. As many draws from the prior as there are images are fresh
    for each batch. In a batch of one image there is no pair, and the estimate is 0.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        alpha: number <= 1 or a schedule.
        lambda_mmd: the paper's lambda, a weight >= 0 or a schedule. An MMD^2 is at most 2, hence the paper's 1000.
        kernel: `"rbf"` or `"inverse_multiquadratic"`.
        kernel_width: w > 0; default 2 * latent_dim, the mean of s for two draws from the prior. Zhao et al.'s own code
            has `latent_dim ** 2`, wider for more than two latents.
        **kwargs: of `VAE`.

    Raises:
        ValueError: an argument is out of range, or alpha + lambda_mmd < 1.

    Example:
        >>> import numpy as np
        >>> model = InfoVAE((8, 8, 1), latent_dim=2, kernel="inverse_multiquadratic", seed=0)
        >>> model.compile()
        >>> list(model.fit(np.zeros((32, 8, 8, 1)), verbose=0).history)
        ['kl', 'loss', 'mmd', 'reconstruction']

    Reference: Zhao et al., InfoVAE: Information Maximizing Variational Autoencoders, 2017, equation 6 and its MMD
        form; Gretton et al., A Kernel Two-Sample Test, 2012, equation 3, for the estimate; Tolstikhin et al.,
        Wasserstein Auto-Encoders, 2018, section 4, for the second kernel and the width.
    """

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        alpha: float | Schedule = 0.0,
        lambda_mmd: float | Schedule = 1000.0,
        kernel: str = "rbf",
        kernel_width: float | None = None,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, **kwargs)
        self.alpha = _check_alpha(alpha)
        self.lambda_mmd = check_weight("lambda_mmd", lambda_mmd)
        both = [self.alpha, self.lambda_mmd]
        if not any(isinstance(weight, Schedule) for weight in both) and sum(both) < 1:
            raise ValueError(
                "`alpha` + `lambda_mmd` must be >= 1, since alpha + lambda - 1 weighs the MMD. "
                f"Received: alpha={alpha!r}, lambda_mmd={lambda_mmd!r}"
            )
        self.kernel = check_known("kernel", kernel, KERNELS)
        self.kernel_width = _check_width(kernel_width)

    def tracked(self) -> list[str]:
        """Names of the quantities that `fit` reports; `mmd` is the estimate of MMD^2, without weight."""
        return [*super().tracked(), "mmd"]

    def objective(self, terms: ElboTerms) -> dict[str, tf.Tensor]:
        """The loss and its terms by name, each `(batch,)`; the MMD^2 is the same for all."""
        alpha, weight = (value_at(value, self.step) for value in (self.alpha, self.lambda_mmd))
        latents = replicas.gathered(terms.latents)
        mmd = self.mmd(latents, self.prior_like(latents))
        mmd = mmd * tf.ones_like(terms.reconstruction)
        regularizer = (1 - alpha) * self.kl_cost(terms) + (alpha + weight - 1) * mmd
        return {
            "loss": terms.reconstruction + regularizer,
            "reconstruction": terms.reconstruction,
            "kl": terms.kl,
            "mmd": mmd,
        }

    def mmd(self, latents: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
        """The unbiased estimate of MMD^2 between the distributions of two samples, `(n, latent_dim)` each."""
        within = _mean_of_pairs(self.kernels(latents, latents))
        within_others = _mean_of_pairs(self.kernels(others, others))
        between = tf.reduce_mean(self.kernels(latents, others))
        has_pairs = tf.shape(latents)[0] > 1
        return tf.where(has_pairs, within + within_others - 2 * between, 0.0)

    def kernels(self, latents: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
        """The kernel between all latents of one sample and of another, `(n, m)`."""
        distance = tf.reduce_sum(tf.square(latents[:, None] - others), axis=-1)
        width = 2.0 * self.latent_dim if self.kernel_width is None else self.kernel_width
        return KERNELS[self.kernel](distance, width)

    def prior_like(self, latents: tf.Tensor) -> tf.Tensor:
        """As many draws from the prior."""
        return self.prior.sample(tf.shape(latents)[0], seed=self.common_seed())

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "alpha": keras.saving.serialize_keras_object(self.alpha),
            "lambda_mmd": keras.saving.serialize_keras_object(self.lambda_mmd),
            "kernel": self.kernel,
            "kernel_width": self.kernel_width,
        }
        return {**super().get_config(), **own}


def _mean_of_pairs(kernels: tf.Tensor) -> tf.Tensor:
    """The mean over pairs of different members of one sample."""
    count = tf.cast(tf.shape(kernels)[0], tf.float32)
    total = tf.reduce_sum(kernels) - tf.linalg.trace(kernels)
    return tf.math.divide_no_nan(total, count * (count - 1))


def _check_alpha(alpha: float | Schedule) -> float | Schedule:
    if isinstance(alpha, Schedule):
        return alpha
    if is_number(alpha) and -math.inf < alpha <= 1:
        return float(alpha)
    raise ValueError(f"`alpha` must be a number <= 1 or a schedule. Received: alpha={alpha!r}")


def _check_width(width: float | None) -> float | None:
    if width is None or (is_number(width) and 0 < width < math.inf):
        return width
    raise ValueError(f"`kernel_width` must be a number > 0. Received: kernel_width={width!r}")
