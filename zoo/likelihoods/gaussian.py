"""The likelihood behind the squared error."""

import keras
import tensorflow_probability as tfp

from zoo.likelihoods._location_scale import LocationScale

tfd = tfp.distributions


@keras.saving.register_keras_serializable(package="zoo")
class Gaussian(LocationScale):
    """Pixels normal around a mean, which the decoder makes, with standard deviation sigma.

        log p(x|z) = -SSE / (2 sigma^2) - N log(sigma) - (N/2) log(2 pi)

    with SSE the sum of squared errors and N the number of pixels times channels. Multiplied by
    2 sigma^2, the loss of a VAE is SSE + 2 sigma^2 KL up to a constant: **the scale weighs KL
    against reconstruction**. To reproduce code that minimises

        SSE + w KL                  choose sigma^2 = w / 2
        SSE / 2 + w KL              choose sigma^2 = w
        mean over pixels + w KL     choose sigma^2 = w N / 2

    or keep sigma and let a beta-VAE's beta multiply 2 sigma^2; for any other
    reduction, `zoo.likelihoods.equivalent_beta` finds sigma and beta. The default sigma, 0.1, is
    about the error of a trained model on images in [0, 1] and means SSE + 0.02 beta KL. A learned
    or optimal sigma finds the weight itself; at its optimum, sigma^2 = SSE / N, the loss is
    (N/2) log(2 pi e SSE/N) + KL.

    Args:
        scale: sigma, a positive number; or one of
            "learned": one trainable scalar, exp(s) + exp(-6), which starts at 0.1;
            "per_pixel": exp(s) + exp(-6) of a second set of decoder outputs s. The first
            `channels` outputs are means, the last `channels` their s;
            "optimal": sigma^2 is the mean squared error of each batch given to `log_prob`, and
            sigma at least exp(-6). The log probability of an image then depends on its batch
            (under a distribution strategy, on that of all replicas), and there is nothing to
            sample from.
        activation: from decoder outputs to means: "sigmoid", which keeps them in [0, 1], or
            "linear".
        **kwargs: `name` and `trainable`, as for any layer.

    Raises:
        ValueError: `scale` or `activation` is none of these.

    Example:
        >>> likelihood = Gaussian(scale="per_pixel")
        >>> likelihood.outputs_per_value
        2
        >>> p = likelihood(keras.ops.zeros((2, 8, 8, 6)))
        >>> p.event_shape, float(p.mean()[0, 0, 0, 0])
        (TensorShape([8, 8, 3]), 0.5)

    Reference:
        Rybkin, Daniilidis and Levine, "Simple and Effective VAE Training with Calibrated
        Decoders", 2021: the learned and the optimal scale.
    """

    family = tfd.Normal
    power = 2
