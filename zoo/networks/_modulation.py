"""Layers of networks that normalise each image by itself, and of decoders whose latents set scale and bias of maps."""

from collections.abc import Sequence

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="zoo")
class InstanceNormalization(keras.layers.Layer):
    """Each channel of each image to mean 0 and variance 1, in float32, then a learned scale and bias.

    Args:
        affine: whether there are scale and bias.
        epsilon: what is added to the variance.
        **kwargs: of `keras.layers.Layer`.

    Reference: Ulyanov et al., Instance Normalization, 2016, equation 4.
    """

    def __init__(self, affine: bool = True, epsilon: float = 1e-6, **kwargs):
        super().__init__(**kwargs)
        self.affine, self.epsilon = affine, epsilon

    def build(self, input_shape):
        """Makes scale and bias, if there are some."""
        if self.affine:
            channels = (input_shape[-1],)
            self.gamma = self.add_weight(shape=channels, initializer="ones", name="gamma")
            self.beta = self.add_weight(shape=channels, initializer="zeros", name="beta")
        self.built = True

    def call(self, inputs):
        """Maps `(batch, height, width, channels)`, normalised."""
        mean, variance = ops.moments(ops.cast(inputs, "float32"), axes=[1, 2], keepdims=True)
        scale = ops.rsqrt(variance + self.epsilon)
        normal = ops.cast((ops.cast(inputs, "float32") - mean) * scale, self.compute_dtype)
        return normal * self.gamma + self.beta if self.affine else normal

    def compute_output_shape(self, input_shape):
        """That of the inputs."""
        return input_shape

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "affine": self.affine, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="zoo")
class LearnedConstant(keras.layers.Layer):
    """The same learned map for every image.

    Args:
        size: `(height, width, channels)`.
        value: where each number of it starts.
        **kwargs: of `keras.layers.Layer`.

    Reference: Karras et al., A Style-Based Generator Architecture, 2019, section 2.
    """

    def __init__(self, size: Sequence[int], value: float = 0.1, **kwargs):
        super().__init__(**kwargs)
        self.size, self.value = tuple(size), value
        start = keras.initializers.Constant(value)
        self.map = self.add_weight(shape=self.size, initializer=start, name="map")

    def call(self, inputs):
        """`(batch, *size)`, as many as there are inputs `(batch, any)`."""
        return ops.broadcast_to(self.map, (ops.shape(inputs)[0], *self.size))

    def compute_output_shape(self, input_shape):
        """`(batch, *size)`."""
        return (input_shape[0], *self.size)

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "size": self.size, "value": self.value}


@keras.saving.register_keras_serializable(package="zoo")
class Modulation(keras.layers.Layer):
    """Scales and shifts each channel of a map by numbers of the image.

    Reference: Karras et al. 2019, equation 1.
    """

    def call(self, inputs):
        """Maps `(batch, height, width, channels)` times scales plus biases, `(batch, 2 * channels)`, scales first."""
        maps, style = inputs
        scale, bias = ops.split(style[:, None, None, :], 2, axis=-1)
        return maps * scale + bias

    def compute_output_shape(self, input_shape):
        """That of the maps."""
        return input_shape[0]
