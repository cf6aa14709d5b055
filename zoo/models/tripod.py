"""Tripod: three inductive biases in one autoencoder."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from zoo.models import _hessian, _kernel_density
from zoo.models._terms import ElboTerms
from zoo.models.fsq_ae import FSQAE
from zoo.schedules import Schedule, check_weight, value_at
from zoo.utils import replicas


@keras.saving.register_keras_serializable(package="zoo")
class Tripod(FSQAE):
    """Tripod: an FSQ autoencoder whose latents are independent, and do not interact in the decoder.

        loss = reconstruction + N * (information_weight * KLM + hessian_weight * NHP)
        KLM = mean over the batch of log q(z) - sum_k log q(z_k),    kernel estimates on the batch's codes
        NHP = sum over hidden layers of the decoder of what latents do together, as a share of all that they bend

    KLM is the kernel-based latent multiinformation: Gaussian kernels at the batch's own codes, with their standard
    deviations as bandwidths of the single latents and these times Silverman's factor as those of the joint density.
    NHP is the normalized Hessian penalty: how much second differences of a layer, along two directions of random
    signs, vary against those along two Gaussian directions; 0 for a decoder that adds up functions of single latents.
    Deviations are those of the codes before rounding. KLM of independent latents is not 0, since each point is a
    kernel of its own estimate: of ten it is 5.8 nats in batches of 32, 5.6 in batches of 64, 5.2 in batches of 256.

    N is pixels times channels: the paper's reconstruction is a mean over these and its weights stand beside that; the
    zoo's is their sum, in nats. With 64x64 colour images N is 12288.

    A step takes eight passes through the decoder's hidden layers beside the one that reconstructs. The decoder should
    be smooth: second differences of ReLU are 0 but at its kinks, and a ratio of zeros has no bound. The default one has
    softplus where other models have ReLU (the paper's has GELU), and computes in float32 in any precision: in half of
    it second differences are mostly rounding. So they are in TF32, to which a GPU rounds float32: `fit`, the other
    verbs and portable jobs compute without it, and a training loop of your own should, after
    `tf.config.experimental.enable_tensor_float_32_execution(False)`. With TF32 all codes become one.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents; in the paper twice the factors.
        information_weight: weight >= 0 of KLM per pixel, or a schedule. 1e-4 for 3D Shapes.
        hessian_weight: weight >= 0 of NHP per pixel, or a schedule. 1e-2 for 3D Shapes.
        penalized_layers: names of the decoder's layers that NHP looks at; default: all that have weights, but the last.
        **kwargs: of `FSQAE`: `levels`. A `decoder` is a functional model that computes in float32.

    Raises:
        ValueError: an argument is out of range, or a `decoder` is no functional model with these layers in float32.

    Example:
        >>> import numpy as np
        >>> model = Tripod((8, 8, 1), latent_dim=4, seed=0)
        >>> model.compile()
        >>> list(model.fit(np.zeros((32, 8, 8, 1)), verbose=0).history)
        ['hessian_penalty', 'loss', 'multiinformation', 'reconstruction']

    Reference: Hsu et al., Tripod: Three Complementary Inductive Biases for Disentangled Representation Learning, 2024,
        and the authors' code. On 3D Shapes, by InfoMEC (InfoM, InfoC, InfoE): .91, .58, .96.
    """

    short_run: ClassVar[dict[str, Any]] = {}
    exact_products: ClassVar[bool] = True

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        information_weight: float | Schedule = 1e-4,
        hessian_weight: float | Schedule = 1e-2,
        penalized_layers: str | Sequence[str] | None = None,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, **kwargs)
        self.information_weight = check_weight("information_weight", information_weight)
        self.hessian_weight = check_weight("hessian_weight", hessian_weight)
        self.penalized_layers = _hessian.layer_names(penalized_layers)
        _hessian.hidden_layers(self.decoder, self.penalized_layers)

    def tracked(self) -> list[str]:
        """Names of the quantities that `fit` reports."""
        return [*super().tracked(), "multiinformation", "hessian_penalty"]

    def objective(self, terms: ElboTerms) -> dict[str, tf.Tensor]:
        """The loss and its terms by name, each `(batch,)`: all in nats but NHP, a ratio."""
        values = super().objective(terms)
        continuous = replicas.gathered(terms.posterior.distribution.continuous)
        deviations = _kernel_density.deviations(continuous)
        latents = replicas.gathered(terms.latents)
        information = _kernel_density.multiinformation(latents, deviations)
        information = replicas.mine(information, tf.shape(terms.latents)[0])
        layers = _hessian.hidden_layers(self.decoder, self.penalized_layers)
        hessian = _hessian.normalized_penalty(layers, terms.latents, deviations, self.common_seed())
        penalty = value_at(self.information_weight, self.step) * information
        penalty += value_at(self.hessian_weight, self.step) * hessian
        loss = values["loss"] + self.pixels * penalty
        return {**values, "loss": loss, "multiinformation": information, "hessian_penalty": hessian}

    def _default_decoder(self) -> keras.Model:
        return super()._default_decoder(dtype="float32", activation="softplus")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("information_weight", "hessian_weight")
        own = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in names}
        layers = None if self.penalized_layers is None else list(self.penalized_layers)
        return {**super().get_config(), "penalized_layers": layers, **own}
