"""A Keras optimizer that computes what the stock one computes, faster on CPU; and what float16 asks of any."""

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable(package="zoo")
class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam`, with one TensorFlow kernel for each variable in place of a dozen operations.

        m <- beta_1 m + (1 - beta_1) g,    v <- beta_2 v + (1 - beta_2) g^2
        w <- w - lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    Over the five million weights of FactorVAE's discriminator it takes less than half the time. The kernel computes
    `1 - beta_2` in float32, so that weights differ from the stock optimizer's in the last digits.

    Args:
        *args: as for `keras.optimizers.Adam`.
        **kwargs: as for `keras.optimizers.Adam`.

    Example:
        >>> Adam(1e-4).get_config()["beta_2"]
        0.999

    Reference: Kingma & Ba, Adam, 2015, algorithm 1 with the efficient order of its last lines.
    """

    def update_step(self, gradient, variable, learning_rate) -> None:
        """Updates one variable and its two moments."""
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        step = ops.cast(self.iterations + 1, dtype)
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=ops.power(ops.cast(self.beta_1, dtype), step),
            beta2_power=ops.power(ops.cast(self.beta_2, dtype), step),
            lr=ops.cast(learning_rate, dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=ops.cast(gradient, dtype),
        )


def loss_scaled(optimizer, *networks: keras.Model, wanted: bool = True) -> keras.Optimizer:
    """An optimizer for networks, which scales the loss where one of them has float16 layers.

    In float16 gradients below 6e-8 would be 0. Keras looks at the policy of the whole model alone, and so not at
    networks that were made under another one, nor at a second optimizer.

    Args:
        optimizer: a Keras optimizer, its name or its configuration.
        *networks: what it trains.
        wanted: whether the loss may be scaled: `auto_scale_loss` of `compile`.

    Example:
        >>> halved = keras.Sequential([keras.layers.Dense(2, dtype="mixed_float16")])
        >>> type(loss_scaled("adam", halved)).__name__
        'LossScaleOptimizer'
    """
    optimizer = keras.optimizers.get(optimizer)
    layers = (layer for network in networks for layer in network._flatten_layers())
    is_half = wanted and any(layer.compute_dtype == "float16" for layer in layers)
    if is_half and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return keras.optimizers.LossScaleOptimizer(optimizer, name="loss_scale_optimizer")
    return optimizer


def _handle(variable) -> tf.Tensor:
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
