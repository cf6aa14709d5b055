"""The likelihood behind the absolute error."""

import keras
import tensorflow_probability as tfp

from zoo.likelihoods._location_scale import LocationScale

tfd = tfp.distributions


@keras.saving.register_keras_serializable(package="zoo")
class Laplace(LocationScale):
    """Pixels that deviate from a location, which the decoder makes, by b on average.

        log p(x|z) = -L1 / b - N log(2 b)

    with L1 the sum of absolute errors and N the number of pixels times channels. The best
    location is a median, so that a few pixels far off, such as an edge that moved by one, weigh
    less than under a `Gaussian`, and what is left at the optimum is sharp. The density is no
    truncated one: a little of its mass lies outside of [0, 1].

    Args:
        scale: b, a positive number; or `"learned"`, `"per_pixel"` or `"optimal"` as for
            `Gaussian`, where the optimal b is the mean absolute error of the batch.
        activation: from decoder outputs to locations: "sigmoid", which keeps them in [0, 1], or
            "linear".
        **kwargs: `name` and `trainable`, as for any layer.

    Raises:
        ValueError: `scale` or `activation` is none of these.

    Example:
        >>> p = Laplace(scale=0.5)(keras.ops.zeros((1, 8, 8, 1)))
        >>> p.log_prob(keras.ops.ones((1, 8, 8, 1))).numpy()  # 64 * -(0.5 / 0.5)
        array([-64.], dtype=float32)

    Reference:
        Kotz, Kozubowski and Podgorski, "The Laplace Distribution and Generalizations", 2001,
        equation 2.1.1.
    """

    family = tfd.Laplace
    power = 1
