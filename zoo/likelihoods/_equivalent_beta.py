"""How much a loss weighs the KL divergence, in the two ways in which the field says it: a β, and a σ."""

import dataclasses
import math
from collections.abc import Collection, Sequence

from zoo.utils.checks import check_image_shape, check_integer, is_number
from zoo.utils.registry import check_known

POWERS = {"squared_error": 2, "absolute_error": 1, "cross_entropy": None}  # p; None without a scale
LIKELIHOODS = {2: "gaussian", 1: "laplace", None: "bernoulli"}
ERRORS = {2: "root-mean-square", 1: "mean absolute"}
MOST = 0.5  # the error of a picture of only grey 0.5, on images in [0, 1]
LEAST, LARGEST = 1e-30, 1e30  # of weights, so that no product of them overflows


@dataclasses.dataclass(frozen=True)
class EquivalentBeta:
    """The β and the σ of a loss; `equivalent_beta` makes it, and `print` says it in words.

    Attributes:
        loss: how the loss compares images.
        beta: β of the `zoo.models.BetaVAE` that it trains, at the likelihood `scale`.
        normalized_beta: the same as Higgins' β_norm, beta * latent_dim / N.
        scale: σ of that likelihood; b for absolute errors; None for the cross entropy.
        sigma: σ, or b, at which the loss is -ELBO itself, β = 1; None for the cross entropy, where only β = 1 is.
        kl_weight: what the loss multiplies its KL divergence with.
    """

    loss: str
    beta: float
    normalized_beta: float
    scale: float | None
    sigma: float | None
    kl_weight: float

    @property
    def likelihood(self) -> str:
        """The likelihood for `beta`, as models take it: `"gaussian(scale=1.0)"`."""
        return _spec(self.loss, self.scale)

    def kl_weight_for(self, *, beta: float | None = None, sigma: float | None = None) -> float:
        """The other direction: what the same loss has to multiply its KL with, for another β or σ.

        Args:
            beta: β, at the likelihood `scale`.
            sigma: or σ, at β = 1: mostly the root-mean-square error of a trained model.

        Raises:
            ValueError: both or neither were given, they are not positive, or the cross entropy has no σ.

        Example:
            >>> answer = equivalent_beta((64, 64, 3), 10, reconstruction="mean")
            >>> answer.kl_weight_for(beta=1), round(answer.kl_weight_for(sigma=0.1), 8)
            (0.00016276041666666666, 1.63e-06)
        """
        if (beta is None) == (sigma is None):
            raise ValueError(
                f"Expected `beta` or `sigma`. Received: beta={beta!r}, sigma={sigma!r}"
            )
        if sigma is None:
            return self.kl_weight * (_check_positive("beta", beta) / self.beta)
        if self.sigma is None:
            raise ValueError(f"The cross entropy has no σ: give `beta`. Received: sigma={sigma!r}")
        ratio = _check_positive("sigma", sigma) / self.sigma
        return self.kl_weight * ratio ** POWERS[self.loss]

    def describe(self) -> str:
        """What the loss is, in a few plain sentences."""
        beta_vae = (
            f"BetaVAE(beta={self.beta:.6g}, likelihood={_spec(self.loss, self.scale)!r}); "
            f"as a normalized beta: {self.normalized_beta:.6g}."
        )
        power = POWERS[self.loss]
        if power is None:
            return f"This loss trains {beta_vae} At beta=1 it is -ELBO."
        meaning = (
            f"It suits a model whose {ERRORS[power]} error is {self.sigma:.6g}, of images in [0, 1]: "
            "at a smaller error the KL weighs too much, at a larger one too little."
        )
        if self.sigma > MOST:
            meaning += f" Plain grey errs by at most {MOST}: latents may carry nothing."
        return (
            "Up to a factor and a constant, this loss is -ELBO with "
            f"likelihood={_spec(self.loss, self.sigma)!r}. {meaning}\nIt also trains {beta_vae}"
        )

    __str__ = describe


def equivalent_beta(
    image_shape: Sequence[int],
    latent_dim: int,
    *,
    loss: str = "squared_error",
    reconstruction: str | Collection[str] = "sum",
    kl: str | Collection[str] = "sum",
    reconstruction_weight: float = 1.0,
    kl_weight: float = 1.0,
    batch_size: int | None = None,
    span: float = 1.0,
    scale: float | None = None,
) -> EquivalentBeta:
    """Which β, and which σ, a loss stands for: how it weighs the KL divergence against the reconstruction.

    With the sums over an image's N = height * width * channels values, SSE, and over its latents, KL, the loss is

        c SSE + k KL,    c = reconstruction_weight / N for a mean, k = kl_weight / latent_dim for a mean

    and -ELBO with a Gaussian of standard deviation sigma is SSE / (2 sigma^2) + KL + constant. So

        sigma^2 = k / (2 c)    at beta = 1,    and    beta = k / (2 c scale^2)    at sigma = scale

    and likewise b = k / c, beta = k / (c scale) for absolute errors, beta = k / c for the cross entropy. An example is
    the mean over pixels where the formula has a sum: with 64x64x3 images the KL then weighs N = 12,288 times as much,
    which is β = 6,144 at σ = 1, or σ = 78.

    Args:
        image_shape: `(height, width, channels)`.
        latent_dim: number of latents.
        loss: `"squared_error"`, `"absolute_error"` or `"cross_entropy"`.
        reconstruction: how it is reduced: `"sum"` over pixels and channels; `"mean"` over both; or the axes, of
            `"batch"`, `"pixels"` and `"channels"`, that are averaged, while the others are summed. Both words stand for
            a mean over the batch; where both terms sum over it, they serve as well.
        kl: how the KL divergence is reduced: `"sum"` over latents, `"mean"`, or the averaged ones of `"batch"` and
            `"latents"`.
        reconstruction_weight: what multiplies the reconstruction: 0.5 for ½(x - x̂)².
        kl_weight: what multiplies the KL divergence: w for `w * kl`; batch_size / len(data) for that ratio.
        batch_size: needed where one of the terms is averaged over the batch, and the other one summed.
        span: white less black in the images that the loss sees: 1, 2 for images in [-1, 1], or 255. The answer is for
            the zoo's images in [0, 1].
        scale: σ of the Gaussian, or b of the Laplace distribution, that `beta` is for. Default: 1.

    Raises:
        ValueError: an argument is none of these, a weight is not positive, or the batch size is needed and missing.

    Example:
        >>> answer = equivalent_beta((64, 64, 3), 10, reconstruction="mean")
        >>> answer.beta, answer.normalized_beta, round(answer.sigma, 2)
        (6144.0, 5.0, 78.38)
        >>> print(equivalent_beta((28, 28, 1), 10, reconstruction_weight=0.5, kl_weight=0.01))
        Up to a factor and a constant, this loss is -ELBO with likelihood='gaussian(scale=0.1)'. It suits a model whose
        root-mean-square error is 0.1, of images in [0, 1]: at a smaller error the KL weighs too much, at a larger one
        too little.
        It also trains BetaVAE(beta=0.01, likelihood='gaussian(scale=1)'); as a normalized beta: 0.000127551.

    Reference:
        Rybkin, Daniilidis and Levine, "Simple and Effective VAE Training with Calibrated Decoders", 2021, section 3:
        σ and β; Higgins et al., "beta-VAE", 2017, section 4.2 and appendix A.6: β_norm.
    """
    height, width, channels = check_image_shape(image_shape)
    sizes = {
        "pixels": height * width,
        "channels": channels,
        "latents": check_integer("latent_dim", latent_dim, least=1),
    }
    power = POWERS[check_known("loss", loss, POWERS)]
    if power is None and (scale is not None or span != 1):
        raise ValueError(
            "The cross entropy has no scale, and is of images in [0, 1]: leave out `scale` and "
            f"`span`. Received: scale={scale!r}, span={span!r}"
        )
    if power:
        scale = _check_positive("scale", 1.0 if scale is None else scale)
    averaged = _averaged("reconstruction", reconstruction, ("batch", "pixels", "channels"))
    averaged_kl = _averaged("kl", kl, ("batch", "latents"))
    sizes["batch"] = _batch_size(batch_size, averaged, averaged_kl)
    cost = _check_positive("reconstruction_weight", reconstruction_weight)
    cost = cost * _check_positive("span", span) ** (power or 0) / _count(averaged, sizes)
    weight = _check_positive("kl_weight", kl_weight) / _count(averaged_kl, sizes) / cost
    beta = weight if power is None else weight / (power * scale**power)
    return EquivalentBeta(
        loss=loss,
        beta=beta,
        normalized_beta=beta * latent_dim / (height * width * channels),
        scale=scale,
        sigma=None if power is None else (weight / power) ** (1 / power),
        kl_weight=float(kl_weight),
    )


def _averaged(name: str, reduction: str | Collection[str], axes: Sequence[str]) -> set[str]:
    """The axes, of those that a term has, that it is averaged over; it is summed over the others."""
    if isinstance(reduction, str) and reduction in ("sum", "mean"):
        return {"batch"} if reduction == "sum" else set(axes)
    is_list = isinstance(reduction, Collection) and not isinstance(reduction, str)
    if is_list and all(axis in axes for axis in reduction):
        return set(reduction)
    words = ", ".join(f'"{axis}"' for axis in axes)
    raise ValueError(
        f'`{name}` must be "sum", "mean", or a list of the axes that are averaged, of {words}. '
        f"Received: {name}={reduction!r}"
    )


def _batch_size(batch_size: int | None, averaged: set[str], averaged_kl: set[str]) -> int:
    """How many images a batch has; any number will do where both terms treat it alike."""
    if batch_size is not None:
        return check_integer("batch_size", batch_size, least=1)
    if ("batch" in averaged) == ("batch" in averaged_kl):
        return 1
    mean, total = ("reconstruction", "kl") if "batch" in averaged else ("kl", "reconstruction")
    raise ValueError(
        f"`batch_size` must be given where `{mean}` is averaged over the batch and `{total}` summed. "
        "Received: batch_size=None"
    )


def _count(averaged: set[str], sizes: dict[str, int]) -> int:
    return math.prod(sizes[axis] for axis in averaged)


def _check_positive(name: str, value: float) -> float:
    if is_number(value) and LEAST <= value <= LARGEST:
        return float(value)
    raise ValueError(
        f"`{name}` must be a number from {LEAST:g} to {LARGEST:g}. Received: {name}={value!r}"
    )


def _spec(loss: str, scale: float | None) -> str:
    name = LIKELIHOODS[POWERS[loss]]
    return name if scale is None else f"{name}(scale={scale:.6g})"
