"""JointVAE."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import networks
from zoo.models import _latents
from zoo.models._terms import ElboTerms
from zoo.models.vae import VAE
from zoo.schedules import Linear, Schedule, check_weight, value_at
from zoo.utils import replicas
from zoo.utils.checks import check_integer

tfd = tfp.distributions

LEAST_TEMPERATURE = 0.01


@keras.saving.register_keras_serializable(package="zoo")
class JointVAE(VAE):
    """JointVAE: continuous and categorical latents, each group with a capacity of its own.

        loss = reconstruction + gamma * |mean KL_z - C_z(step)| + gamma * |mean KL_c - C_c(step)|
        KL_z = KL(q(z|x) || N(0, I)),    KL_c = sum_k KL(q(c_k|x) || Uniform)

    The means go over the batch (of all replicas under a `tf.distribute` strategy), inside the absolute values. The
    categorical latents cannot carry more than
    sum_k log(categories_k) nats, so that C_c is never larger, as in the paper.

    A latent vector holds the continuous latents first, then a one-hot block for each categorical one. Training draws
    the blocks from the Gumbel-softmax relaxation, through which a gradient passes. Everything else draws them from the
    categorical itself, so that `evaluate` gives a true evidence lower bound. Reconstructions, codes and traversals
    take the most probable category: in a table of codes a categorical latent is one column, the number of that
    category; the mean of `encode` holds the probability of each.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: numbers of a latent vector, one-hot blocks included: 10 with `categories=(3,)` are 7 continuous
            latents and one of 3 categories.
        categories: how many categories each categorical latent has; one number for one latent.
        gamma: weight >= 0 or a schedule. Default: the paper's for 2D Shapes; it takes 30 for MNIST.
        capacity: C_z in nats, a number >= 0 or a schedule. Default: from 0 to 40 nats in 300,000 updates, the paper's
            for 2D Shapes.
        discrete_capacity: C_c in nats, likewise. Default: from 0 to 1.1 nats in 300,000 updates.
        temperature: of the relaxation, a number or a schedule; never below 0.01.
        **kwargs: of `VAE`, without `free_bits`.

    Raises:
        ValueError: an argument is out of range, or the blocks do not fit into `latent_dim`.

    Example:
        >>> import numpy as np
        >>> model = JointVAE((8, 8, 1), latent_dim=5, categories=(3,), seed=0)
        >>> model.compile()
        >>> history = model.fit(np.zeros((32, 8, 8, 1)), verbose=0)
        >>> list(history.history)
        ['continuous_kl', 'discrete_kl', 'kl', 'loss', 'reconstruction']
        >>> model.codes(model.encode(np.zeros((1, 8, 8, 1))).mode()).shape
        TensorShape([1, 3])

    Reference: Dupont, Learning Disentangled Joint Continuous and Discrete Representations, 2018, equation 7 and
    appendix A.
    """

    short_run: ClassVar[dict[str, Any]] = {
        "capacity": "linear(25, 2000)",
        "discrete_capacity": "linear(1.1, 2000)",
    }
    weighs_kl: ClassVar[bool] = False

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        categories: int | Sequence[int] = (3,),
        gamma: float | Schedule = 150.0,
        capacity: float | Schedule | None = None,
        discrete_capacity: float | Schedule | None = None,
        temperature: float | Schedule = 0.67,
        **kwargs,
    ):
        latent_dim = check_integer("latent_dim", latent_dim, least=1)
        self.categories = _latents.check_categories(categories, latent_dim)
        super().__init__(image_shape, latent_dim, **kwargs)
        self.gamma = check_weight("gamma", gamma)
        capacity = Linear(40.0, steps=300_000) if capacity is None else capacity
        self.capacity = check_weight("capacity", capacity)
        discrete = Linear(1.1, steps=300_000) if discrete_capacity is None else discrete_capacity
        self.discrete_capacity = check_weight("discrete_capacity", discrete)
        self.temperature = check_weight("temperature", temperature)

    def tracked(self) -> list[str]:
        """Names of the quantities that `fit` reports."""
        return [*super().tracked(), "continuous_kl", "discrete_kl"]

    def encode(self, images, training: bool = False) -> tfd.Distribution:
        """q(z, c|x), with batch shape `(batch,)` and event shape `(latent_dim,)`; relaxed in training."""
        outputs = networks.applied(self.encoder, self._scaled(images), training)
        return self.posterior(outputs, self.current_temperature() if training else None)

    def posterior(
        self, encoder_outputs: tf.Tensor, temperature: float | tf.Tensor | None = None
    ) -> _latents.Joint:
        """q(z, c|x) from what the encoder gives: all means, all log variances, then the logits of each block.

        Args:
            encoder_outputs: `(batch, encoder_outputs)`.
            temperature: of the relaxation; None: the categorical itself.
        """
        outputs, logits = _latents.split(encoder_outputs, self.categories)
        if temperature is None:
            blocks = [_latents.categorical(block) for block in logits]
        else:
            blocks = [_latents.RelaxedCategorical(temperature, logits=block) for block in logits]
        return _latents.Joint(super().posterior(outputs), blocks)

    def current_temperature(self):
        """The relaxation's temperature at the current step."""
        return tf.maximum(value_at(self.temperature, self.step), LEAST_TEMPERATURE)

    @property
    def prior(self) -> _latents.Joint:
        """p(z) p(c): N(0, I), and uniform over the categories of each block."""
        gaussian = tfd.Independent(tfd.Normal(tf.zeros(self.continuous_dim), 1.0), 1)
        return _latents.Joint(
            gaussian, [_latents.categorical(tf.zeros(size)) for size in self.categories]
        )

    def latent_kl(self, posterior: _latents.Joint) -> tf.Tensor:
        """KL divergence of each latent from its prior, `(batch, latents)`, in nats; continuous latents first.

        That of a categorical latent is the categorical distribution's, not its relaxation's.
        """
        gaussian = tfd.kl_divergence(posterior.continuous.distribution, tfd.Normal(0.0, 1.0))
        blocks = [_latents.uniform_kl(block.logits)[:, None] for block in posterior.blocks]
        return tf.concat([gaussian, *blocks], axis=-1)

    def objective(self, terms: ElboTerms) -> dict[str, tf.Tensor]:
        """The loss and its terms by name, each `(batch,)`, in nats."""
        continuous, discrete = self.group_kl(terms)
        return {**super().objective(terms), "continuous_kl": continuous, "discrete_kl": discrete}

    def regularizer(self, terms: ElboTerms) -> tf.Tensor:
        """γ·|mean KL_z − C_z| + γ·|mean KL_c − C_c|, a scalar that every image shares, in nats."""
        continuous, discrete = self.group_kl(terms)
        capacity = value_at(self.capacity, self.step)
        most = sum(map(math.log, self.categories))
        discrete_capacity = tf.minimum(value_at(self.discrete_capacity, self.step), most)
        distance = tf.abs(replicas.mean(continuous) - capacity)
        discrete_distance = tf.abs(replicas.mean(discrete) - discrete_capacity)
        return value_at(self.gamma, self.step) * (distance + discrete_distance)

    def group_kl(self, terms: ElboTerms) -> tuple[tf.Tensor, tf.Tensor]:
        """KL divergence of the continuous and of the categorical latents, both `(batch,)`, in nats."""
        continuous = terms.latent_kl[:, : self.continuous_dim]
        discrete = terms.latent_kl[:, self.continuous_dim :]
        return tf.reduce_sum(continuous, axis=-1), tf.reduce_sum(discrete, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("gamma", "capacity", "discrete_capacity", "temperature")
        own = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in names}
        return {**super().get_config(), "categories": list(self.categories), **own}
