"""β-TCVAE."""

from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.models import _inputs
from zoo.models._terms import ElboTerms
from zoo.models.vae import VAE
from zoo.schedules import Schedule, check_weight, value_at
from zoo.utils import replicas
from zoo.utils.checks import check_integer
from zoo.utils.registry import check_known

tfd = tfp.distributions

ESTIMATORS = ("mws", "mss")


@keras.saving.register_keras_serializable(package="zoo")
class BetaTCVAE(VAE):
    """β-TCVAE: the KL divergence in three parts with a weight each, of which the total correlation gets β.

        loss = reconstruction + alpha * MI + beta * TC + gamma * DW
        MI = E[log q(z|x) - log q(z)]               mutual information of image and latents
        TC = E[log q(z) - sum_j log q(z_j)]         total correlation of the latents
        DW = E[sum_j log q(z_j) - log p(z_j)]       dimension-wise KL divergence,   MI + TC + DW = KL

    It is computed as reconstruction + KL + (alpha - 1) MI + (beta - 1) TC + (gamma - 1) DW with the KL divergence in
    closed form: the same mean with less noise, a VAE where all weights are 1, and free bits apply as in any VAE.

    The aggregate posterior q(z) = 1/N sum_n q(z|x_n) is estimated for each latent z_i from the batch's own B images:

        log q(z_i) ~ logsumexp_j [log q(z_i|x_j) + log w_ij],   the same for q(z_j) of each latent
        "mws":  w_ij = 1 / (N B)                                 weighted: biased by about -log N
        "mss":  w_ii = 1 / N,  w_ij = (N - 1) / (N (B - 1))      stratified: q(z_i) without bias, exact at B = N

    The image that z_i came from is in the batch for certain and stands for itself alone; the B - 1 others stand for
    the N - 1 others. (The paper singles out one of the others; its weights have these as their mean over which one
    that is, so that these have the same mean and less variance.)

    `fit` reports MI, TC and DW as estimated. With "mws" N shifts them by a constant, and no gradient.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        beta: weight >= 0 of the total correlation, or a schedule. 6 is within the 1 to 10 of Locatello et al. 2019.
        alpha: weight >= 0 of the mutual information, or a schedule; 1 in the paper.
        gamma: weight >= 0 of the dimension-wise KL, or a schedule; 1 in the paper.
        estimator: `"mws"` or `"mss"`.
        dataset_size: N, the number of different images to train on. None: the length of the array, or the number of
            images in one pass over the finite pipeline, that `fit` gets. An endless pipeline needs it, and so does one
            that repeats its images.
        **kwargs: of `VAE`.

    Raises:
        ValueError: an argument is out of range; or `dataset_size` is unknown when training starts.

    Example:
        >>> import numpy as np
        >>> model = BetaTCVAE((8, 8, 1), latent_dim=2, seed=0)
        >>> model.compile()
        >>> list(model.fit(np.zeros((32, 8, 8, 1)), verbose=0).history)
        ['dimension_wise_kl', 'kl', 'loss', 'mutual_information', 'reconstruction', 'total_correlation']
        >>> model.dataset_size
        32

    Reference: Chen et al., Isolating Sources of Disentanglement in Variational Autoencoders, 2018, equations 2-4,
        appendix C.
    """

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        beta: float | Schedule = 6.0,
        alpha: float | Schedule = 1.0,
        gamma: float | Schedule = 1.0,
        estimator: str = "mws",
        dataset_size: int | None = None,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, **kwargs)
        self.beta = check_weight("beta", beta)
        self.alpha = check_weight("alpha", alpha)
        self.gamma = check_weight("gamma", gamma)
        self.estimator = check_known("estimator", estimator, ESTIMATORS)
        if dataset_size is not None:
            dataset_size = check_integer("dataset_size", dataset_size, least=1)
        self.dataset_size = dataset_size
        self.counts_images = dataset_size is None

    def tracked(self) -> list[str]:
        """Names of the quantities that `fit` reports."""
        parts = ["mutual_information", "total_correlation", "dimension_wise_kl"]
        return [*super().tracked(), *parts]

    def prepare(self, x) -> None:
        """Counts the images of this `fit`, unless `dataset_size` was given."""
        if self.counts_images:
            self.dataset_size = _inputs.count_images(x) or self.dataset_size
        self._check_size_known()

    def objective(self, terms: ElboTerms) -> dict[str, tf.Tensor]:
        """The loss and its terms by name, each `(batch,)`, in nats."""
        values = super().objective(terms)
        parts = self.decomposed_kl(terms)
        weights = [value_at(weight, self.step) for weight in (self.alpha, self.beta, self.gamma)]
        extra = sum((w - 1) * part for w, part in zip(weights, parts.values(), strict=True))
        return {**values, **parts, "loss": values["loss"] + extra}

    def decomposed_kl(self, terms: ElboTerms) -> dict[str, tf.Tensor]:
        """MI, TC and DW by name, each `(batch,)`, in nats, at the batch's latents.

        They add up to log q(z|x) - log p(z).
        """
        log_posterior = terms.posterior.log_prob(terms.latents)
        log_prior = self.prior.log_prob(terms.latents)
        log_joint, log_marginals = self.log_aggregate(terms)
        log_product = tf.reduce_sum(log_marginals, axis=-1)
        return {
            "mutual_information": log_posterior - log_joint,
            "total_correlation": log_joint - log_product,
            "dimension_wise_kl": log_product - log_prior,
        }

    def log_aggregate(self, terms: ElboTerms) -> tuple[tf.Tensor, tf.Tensor]:
        """Estimates of log q(z), `(batch,)`, and of log q(z_j) for each latent, `(batch, latent_dim)`."""
        # Row i, column j: latent i under the posterior of image j, which may be another replica's.
        normal = terms.posterior.distribution
        if replicas.several():
            normal = tfd.Normal(replicas.gathered(normal.loc), replicas.gathered(normal.scale))
        pairs = normal.log_prob(terms.latents[:, None])
        n, n_of_all = tf.unstack(tf.shape(pairs)[:2])
        log_weights = replicas.mine(self.log_weights(n_of_all), n)
        joint = tf.reduce_sum(pairs, axis=-1) + log_weights
        marginals = pairs + log_weights[:, :, None]
        return tf.reduce_logsumexp(joint, axis=1), tf.reduce_logsumexp(marginals, axis=1)

    def log_weights(self, batch_size) -> tf.Tensor:
        """The logarithms of w_ij, `(batch, batch)`."""
        self._check_size_known()
        n, b = float(self.dataset_size), tf.cast(batch_size, tf.float32)
        if self.estimator == "mws":
            return tf.fill((batch_size, batch_size), -tf.math.log(n * b))
        # A last batch of one image has no others.
        others = tf.math.log(n - 1) - tf.math.log(n * tf.maximum(b - 1, 1))
        own = tf.fill((batch_size,), -tf.math.log(n))
        return tf.linalg.set_diag(tf.fill((batch_size, batch_size), others), own)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "beta": keras.saving.serialize_keras_object(self.beta),
            "alpha": keras.saving.serialize_keras_object(self.alpha),
            "gamma": keras.saving.serialize_keras_object(self.gamma),
            "estimator": self.estimator,
            "dataset_size": self.dataset_size,
        }
        return {**super().get_config(), **own}

    def _check_size_known(self) -> None:
        if self.dataset_size is None:
            raise ValueError(
                "`dataset_size` must be the number of images, which an endless or uncounted pipeline does not tell. "
                f"Received: dataset_size=None. Pass {type(self).__name__}(..., dataset_size=N)."
            )
