"""What all likelihoods share: decoder outputs in, a distribution of images out."""

import warnings
from numbers import Integral
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.utils import registry

tfd = tfp.distributions

LOGITS = (-4.0, 4.0)
"""What decoder outputs should be free to reach, where they are logits: sigmoid(4) is 0.98."""


class TensorDistribution(tfd.Distribution):
    """What TensorFlow Probability asks of a float32 distribution that a few tensors define.

    Abstract: a subclass says which they are, in `_parameter_properties`, and is made a composite
    tensor, so that it passes out of a `tf.function`. Its values are scalars, unless it says
    otherwise.
    """

    def __init__(
        self,
        parameters: dict[str, Any],
        name: str,
        reparameterization_type: tfd.ReparameterizationType = tfd.NOT_REPARAMETERIZED,
    ) -> None:
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=reparameterization_type,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([])

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.constant(self.event_shape.as_list(), tf.int32)


def tensors(**event_ranks: int) -> dict[str, Any]:
    """For `_parameter_properties`: how many last dimensions of each tensor belong to the event."""
    properties = tfp.util.ParameterProperties
    return {name: properties(event_ndims=rank) for name, rank in event_ranks.items()}


class ImageDistribution(tfd.Independent):
    """Images, whose pixels and channels are as a rule independent given the latents.

        log p(x|z) = sum over height, width and channels of log p(x_ijc|z)

    TensorFlow Probability would silently broadcast a grey image against a colour decoder, and
    mix an integer seed with its global random state. This class refuses the one, computes in
    float32 whatever float images come, and `sample(seed=1)` gives the same images each time.

    Raises:
        ValueError: `log_prob` got images of another shape or of integers.

    Example:
        >>> p = ImageDistribution.of_pixels(tfd.Normal(tf.zeros((2, 8, 8, 1)), 1.0))
        >>> p.batch_shape, p.event_shape
        (TensorShape([2]), TensorShape([8, 8, 1]))
    """

    @classmethod
    def of_pixels(cls, pixels: tfd.Distribution) -> "ImageDistribution":
        """From scalar distributions of batch shape `(..., height, width, channels)`."""
        return cls(pixels, reinterpreted_batch_ndims=3)

    @classmethod
    def of_images(cls, images: tfd.Distribution) -> "ImageDistribution":
        """From a distribution of whole images, of event shape `(height, width, channels)`."""
        return cls(images, reinterpreted_batch_ndims=0)

    def _log_prob(self, images: tf.Tensor) -> tf.Tensor:
        expected, shape = self.event_shape, images.shape[-3:]
        if not expected.is_compatible_with(shape):
            raise ValueError(
                f"Expected images of shape (..., {', '.join(map(str, expected))}), as the decoder "
                f"makes. Received: shape={tuple(images.shape)}"
            )
        if not images.dtype.is_floating:
            raise ValueError(
                f"Expected float images in [0, 1]. Received: dtype={images.dtype.name}. "
                "Divide uint8 images by 255."
            )
        return super()._log_prob(tf.cast(images, tf.float32))

    def _mean(self) -> tf.Tensor:
        mean = super()._mean()
        mean.set_shape(self.batch_shape + self.event_shape)  # a mixture's mean forgets it
        return mean

    def _sample_n(self, n: int, seed: Any = None) -> tf.Tensor:
        if isinstance(seed, Integral):
            seed = tf.constant([seed, 0], tf.int32)
        return super()._sample_n(n, seed)


class Likelihood(keras.layers.Layer):
    """A layer from decoder outputs to p(x|z), a distribution of images.

    Abstract: a subclass defines `call(decoder_outputs)`. It is a layer so that what it learns is
    trained and saved with the model that owns it. It computes in float32 under any dtype policy,
    because sums over thousands of pixels do not survive bfloat16.

    Args:
        **kwargs: `name` and `trainable`, as for any layer.

    Attributes:
        outputs_per_value: how many numbers the decoder makes for each pixel and channel.
        is_density: True if `log_prob` is the log of a density on [0, 1], whose bits per dimension
            of 8-bit images are `nats / (N ln 2) + 8`; False if it is that of a probability.
        takes: what it takes decoder outputs for, in words. As a rule the decoder's last layer has no activation.
        reach: the least and the largest number that decoder outputs should be free to become; a decoder whose last
            layer keeps them from it brings a warning. The default wants nothing.

    Call arguments:
        decoder_outputs: `(batch, height, width, channels * outputs_per_value)`, any float type.

    Call returns:
        A `tfd.Distribution` of batch shape `(batch,)` and event shape `(height, width, channels)`
        with `log_prob(images)` in nats, summed over the image with all constants, and `mean()`.
    """

    outputs_per_value: int = 1
    is_density: bool = True
    takes: str = "its documentation says"
    reach: tuple[float, float] = (0.0, 0.0)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.built = True  # A likelihood's variables do not depend on the shape of its input.
        self._warned = False

    def call(self, decoder_outputs: tf.Tensor) -> tfd.Distribution:
        """Makes p(x|z)."""
        raise NotImplementedError(f"{type(self).__name__} must define `call(decoder_outputs)`.")

    def check(self, images: np.ndarray) -> None:
        """Warns if the images are not what this likelihood describes.

        Args:
            images: float in [0, 1], or uint8, of any shape.
        """

    def warn_once(self, message: str) -> None:
        """Warns the caller of `check`, if no warning came before."""
        if not self._warned:
            self._warned = True
            warnings.warn(message, UserWarning, stacklevel=3)

    def channels_of(self, decoder_outputs: tf.Tensor) -> int:
        """How many channels images have, for which the decoder made these outputs.

        Raises:
            ValueError: the number of outputs is no multiple of `outputs_per_value`.
        """
        outputs, each = decoder_outputs.shape[-1], self.outputs_per_value
        if outputs % each:
            raise ValueError(
                f"Expected {each} decoder outputs for each pixel and channel, as `outputs_per_value` "
                f"says. Received: shape={tuple(decoder_outputs.shape)}, whose last dimension is no "
                f"multiple of {each}."
            )
        return outputs // each

    def split(self, decoder_outputs: tf.Tensor) -> list[tf.Tensor]:
        """The `outputs_per_value` sets of outputs, each `(..., channels)`, the first set first."""
        channels = self.channels_of(decoder_outputs)
        return tf.split(decoder_outputs, decoder_outputs.shape[-1] // channels, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = super().get_config()
        del config["dtype"]  # Always float32: no argument.
        return config


def get(likelihood: "Likelihood | str | dict[str, Any]") -> Likelihood:
    """A likelihood from its name, a call as text, its saved configuration, or itself.

    Args:
        likelihood: `"gaussian"`, `'gaussian(scale="learned")'`, what
            `keras.saving.serialize_keras_object` made of a likelihood, or a `Likelihood`.

    Raises:
        ValueError: no likelihood has this name.
        TypeError: the argument is none of the above.

    Example:
        >>> get('gaussian(scale="learned")').scale
        'learned'
    """
    made = likelihood
    if isinstance(likelihood, str):
        made = registry.build("likelihoods", likelihood)
    elif isinstance(likelihood, dict):
        made = keras.saving.deserialize_keras_object(likelihood)
    if not isinstance(made, Likelihood):
        raise TypeError(
            "`likelihood` must be a name such as 'bernoulli', a call such as "
            "'gaussian(scale=0.1)', a likelihood or its serialized configuration. "
            f"Received: likelihood={likelihood!r}"
        )
    return made
