"""What autoencoders with discrete latents share: codes that take few values each, walked, drawn and kept as such."""

import math

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import networks
from zoo.models import _codebook
from zoo.models.autoencoder import Autoencoder
from zoo.optimizers import Adam

tfd = tfp.distributions


class QuantizedAutoencoder(Autoencoder):
    """An autoencoder whose code is rounded, number by number, to one of a few values. Abstract.

    A subclass gives `quantized` and `latent_values`.

    Args:
        image_shape, latent_dim, likelihood, encoder, decoder, seed: as for `Autoencoder`.
        **kwargs: of `Autoencoder`.
    """

    def quantized(self, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The code before rounding and after it, both `(batch, latent_dim)`, from what the encoder gives."""
        raise NotImplementedError

    @property
    def continuous_dim(self) -> int:
        """Number of continuous latents: none."""
        return 0

    @property
    def pixels(self) -> int:
        """N, pixels times channels: the papers' losses are means over these, the zoo's are sums."""
        return math.prod(self.image_shape)

    def posterior(self, encoder_outputs: tf.Tensor) -> tfd.Distribution:
        """All of q(z|x) at the rounded code, `(batch, latent_dim)`."""
        return tfd.Independent(_codebook.Quantized(*self.quantized(encoder_outputs)), 1)

    @property
    def prior(self) -> tfd.Distribution:
        """Every value of a latent as likely as any other, and latents independent: what `sample` draws."""
        values = self.value_tensor()
        return tfd.Independent(
            tfd.MixtureSameFamily(
                tfd.Categorical(tf.zeros_like(values)), tfd.Deterministic(values)
            ),
            1,
        )

    def value_tensor(self) -> tf.Tensor:
        """`latent_values` in any order, where it need not be known what they are: in a graph."""
        return tf.constant(self.latent_values)

    def firm(self, images, slack: float) -> np.ndarray:
        """Whether an error of `slack` in the code before rounding leaves the rounded one as it is, `(n,)`."""
        outputs = networks.applied(self.encoder, self._scaled(images))
        continuous, _ = self.quantized(outputs)
        return _codebook.firm(continuous.numpy(), self.latent_values, slack)

    def compile(self, optimizer=None, **kwargs) -> None:
        """Sets the optimizer, whose weight decay, if it has some, spares biases and scales of normalisation.

        Args:
            optimizer: default: `default_optimizer`.
            **kwargs: of `VAE.compile`.
        """
        optimizer = keras.optimizers.get(
            self.default_optimizer() if optimizer is None else optimizer
        )
        _decay_matrices_alone(optimizer, self.elbo_variables)
        super().compile(optimizer, **kwargs)

    def default_optimizer(self) -> keras.Optimizer:
        """What the paper trains with."""
        raise NotImplementedError


def adam_per_pixel(learning_rate: float, pixels: int, **kwargs) -> keras.Optimizer:
    """Adam whose updates of a loss summed over pixels are those of its mean over them, clipping at 1 included.

    Args:
        learning_rate: as in the paper.
        pixels: what the sum is larger by than the mean.
        **kwargs: of Adam, such as `weight_decay`.
    """
    return Adam(learning_rate, epsilon=1e-8 * pixels, **kwargs)


def _decay_matrices_alone(optimizer: keras.Optimizer, variables) -> None:
    """Has weight decay leave out variables of one axis, unless the user said what to leave out."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    told = hasattr(inner, "_exclude_from_weight_decay")
    if inner.weight_decay and not inner.built and not told:
        inner.exclude_from_weight_decay([one for one in variables if len(one.shape) < 2])
