"""QLAE: the quantized latent autoencoder."""

from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from zoo.models import _codebook
from zoo.models._gradients import apply, check_apart, share_of_mean, watching
from zoo.models._quantized import QuantizedAutoencoder, adam_per_pixel
from zoo.models._terms import ElboTerms
from zoo.schedules import Schedule, check_weight, value_at
from zoo.utils.checks import check_integer


@keras.saving.register_keras_serializable(package="zoo")
class QLAE(QuantizedAutoencoder):
    """QLAE: an autoencoder whose latents take one of a few learned values each, under strong weight decay.

        loss = reconstruction + N * (quantization_weight * mean_j (stop(z_j) - q_j)^2
                                     + commitment_weight * mean_j (z_j - stop(q_j))^2)
        q_j = values_j[argmin_k |z_j - values_jk|],    z = encoder(x),    decoder(q), d q / d z = 1

    N is pixels times channels. The paper's reconstruction is a mean over these and its weights stand beside that; the
    zoo's is their sum, in nats, so that N times the weights stand beside it: of 0.01 and 64x64 colour images 122.88.
    The first term moves the values to the codes, the second the codes to the values; a straight-through gradient
    trains the encoder as if nothing had been rounded.

    Each latent has a codebook of its own, unlike in a VQ-VAE: few values for all factors to be told by, so that each
    has to mean the same wherever it is used. The paper takes twice as many latents as the data have factors; what is
    not needed falls silent.

    There is no evidence lower bound. `sample` draws every latent's values alike; traversals walk them; codes are
    discrete, and metrics that tell discrete from continuous codes are told so by `zoo.evaluate`.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents; in the paper twice the factors.
        values: how many values each latent has, at least 2; they start evenly spaced from -0.5 to 0.5.
        quantization_weight: weight >= 0 per pixel, or a schedule. 0.01 for 3D Shapes, 0.001 for 2D Shapes.
        commitment_weight: likewise.
        **kwargs: of `Autoencoder`. The paper's networks: `zoo.networks.normalized_encoder` and
            `zoo.networks.modulated_decoder`.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> import numpy as np
        >>> model = QLAE((8, 8, 1), latent_dim=4, seed=0)
        >>> model.compile()
        >>> list(model.fit(np.zeros((32, 8, 8, 1)), verbose=0).history)
        ['loss', 'quantization_error', 'reconstruction']
        >>> model.latent_values.shape
        (4, 10)

    Reference: Hsu et al., Disentanglement via Latent Quantization, 2023, and the authors' code. On 3D
        Shapes, by InfoMEC (InfoM, InfoC, InfoE), published with Tripod: .84, .49, .97; β-VAE .62, .44, .93.
    """

    # In the first thousand updates the zoo's default networks carry codes far beyond values that follow no faster.
    short_run: ClassVar[dict[str, Any]] = {"quantization_weight": 0.1, "commitment_weight": 0.1}
    short_learning_rate: ClassVar[float] = 1e-3

    def __init__(
        self,
        image_shape,
        latent_dim: int = 10,
        *,
        values: int = 10,
        quantization_weight: float | Schedule = 0.01,
        commitment_weight: float | Schedule = 0.01,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, **kwargs)
        self.values = check_integer("values", values, least=2)
        self.quantization_weight = check_weight("quantization_weight", quantization_weight)
        self.commitment_weight = check_weight("commitment_weight", commitment_weight)
        self.codebook = _codebook.Codebook(self.latent_dim, self.values)

    def tracked(self) -> list[str]:
        """Names of the quantities that `fit` reports."""
        return [*super().tracked(), "quantization_error"]

    def quantized(self, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What the encoder gives, and the nearest values of the codebook, both `(batch, latent_dim)`."""
        return outputs, self.codebook(outputs)

    @property
    def latent_values(self) -> np.ndarray:
        """The values of each latent as learned so far, rising, `(latent_dim, values)`."""
        return np.sort(self.codebook.values.numpy(), axis=1)

    def value_tensor(self) -> tf.Tensor:
        """The values as the codebook holds them."""
        return tf.convert_to_tensor(self.codebook.values)

    def objective(self, terms: ElboTerms) -> dict[str, tf.Tensor]:
        """The loss and its terms by name, each `(batch,)`: in nats, the squared error of rounding in its own unit."""
        posterior = terms.posterior.distribution
        continuous, rounded = posterior.continuous, posterior.rounded
        quantization = _mean_square(tf.stop_gradient(continuous) - rounded)
        commitment = _mean_square(continuous - tf.stop_gradient(rounded))
        penalty = value_at(self.quantization_weight, self.step) * quantization
        penalty += value_at(self.commitment_weight, self.step) * commitment
        return {
            "loss": terms.reconstruction + self.pixels * penalty,
            "reconstruction": terms.reconstruction,
            "quantization_error": tf.stop_gradient(quantization),
        }

    # Training.

    def compile(self, optimizer=None, codebook_optimizer=None, **kwargs) -> None:
        """Sets the two optimizers; the defaults are the paper's.

        Args:
            optimizer: for encoder, decoder and likelihood; default AdamW(1e-3) with a weight decay of 0.1, each
                number of the gradient of the mean over pixels clipped at 1. Weight decay of any optimizer spares
                biases and scales of normalisation.
            codebook_optimizer: for the values; default Adam(1e-3), which clips and decays nothing.
            **kwargs: of `VAE.compile`.
        """
        super().compile(optimizer, **kwargs)
        if codebook_optimizer is None:
            codebook_optimizer = adam_per_pixel(1e-3, self.pixels)
        self.codebook_optimizer = keras.optimizers.get(codebook_optimizer)
        check_apart("codebook_optimizer", self.codebook_optimizer, self.optimizer)
        self.codebook_optimizer.build(self.codebook.trainable_variables)

    def default_optimizer(self) -> keras.Optimizer:
        """AdamW of the mean over pixels."""
        return adam_per_pixel(1e-3, self.pixels, weight_decay=0.1, clipvalue=float(self.pixels))

    @property
    def optimizers(self) -> list[keras.Optimizer]:
        """That of encoder and decoder, and that of the codebook."""
        return [self.optimizer, self.codebook_optimizer]

    def get_compile_config(self) -> dict[str, Any] | None:
        """What `compile` was called with, for `.keras` files; None before that."""
        if not self.compiled:
            return None
        optimizer = keras.saving.serialize_keras_object(self.codebook_optimizer)
        return {**super().get_compile_config(), "codebook_optimizer": optimizer}

    def train_step(self, data) -> dict[str, tf.Tensor]:
        """One update of the networks and one of the codebook, both down the gradient at the same weights."""
        networks, values = self.elbo_variables, self.codebook.trainable_variables
        with watching([*networks, *values]) as tape:
            terms = self.minimized(self.training_terms(data), self.training_weights(data))
            loss = share_of_mean(terms["loss"], self.optimizer)
        gradients = tape.gradient(loss, [*networks, *values])
        # The codebook computes in float32, and its optimizer scales no loss.
        scale = self.optimizer.scale_loss(tf.ones(()))
        apply(self.optimizer, gradients[: len(networks)], networks)
        of_values = [gradient / scale for gradient in gradients[len(networks) :]]
        apply(self.codebook_optimizer, of_values, values)
        return self.track(terms)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("quantization_weight", "commitment_weight")
        own = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in names}
        return {**super().get_config(), "values": self.values, **own}


def _mean_square(difference: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.square(difference), axis=-1)
