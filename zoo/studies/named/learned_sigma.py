"""A Gaussian's learned σ against weights of the KL divergence that are set by hand."""

import math
from pathlib import Path

import tensorflow as tf

from zoo import datasets, runs
from zoo.measure import evaluation
from zoo.studies.named import _figures
from zoo.studies.named._numbers import groups, known, leads, numbers, where
from zoo.studies.named._pools import TRAINING
from zoo.studies.named.base import NOT_SHOWN, REFUTED, SHOWN, Budget, NamedStudy, Verdict
from zoo.studies.plan import Block, Study

LEARNED, BY_HAND = "learned", "by hand"
# β at σ = 1, so that σ = √β is from 0.05 to 0.2.
BETAS = (0.0025, 0.005, 0.01, 0.02, 0.04)
TRAINED, HELD_OUT = "training images", "held-out images"
PLACES = {TRAINED: "elbo_trained", HELD_OUT: "elbo_held_out"}
NEAR, FAR = 0.05, 0.1  # relative errors of σ
MARGIN = 1.0  # nats


class LearnedSigma(NamedStudy):
    """The learned σ is the root-mean-square error, and no β set by hand beats its ELBO."""

    title = "A learned σ weighs the KL divergence"
    claim = (
        "A Gaussian likelihood's learned σ ends at the root-mean-square reconstruction error (RMSE), and no β tuned by "
        "hand beats its evidence lower bound (Rybkin, Daniilidis & Levine, Simple and Effective VAE Training with "
        "Calibrated Decoders, 2021)."
    )
    published = (
        "The optimum σ² = mean squared error is derived there. That the weight of the KL need not be tuned is reported "
        "from training on other images than these."
    )
    rule = (
        "β-VAEs have σ = 1, where β = σ² of an equivalent VAE. Each is given the σ that suits it best afterwards, its "
        "RMSE on training images; the learned σ stays as it is. The lead of a β is its mean ELBO less that of the "
        f"learned σ. Shown: every learned σ is within {NEAR:.0%} of its run's RMSE on training images, and the largest "
        f"lead, two standard errors added, is below {MARGIN:g} nat per image, on training images and on held-out ones. "
        f"Refuted: σ is off by more than {FAR:.0%} on average, or a lead is above {MARGIN:g} nat by two standard "
        "errors. Else: not shown. The best of several β is favoured by chance."
    )
    scores = ("sigma", "rmse", "kl", *PLACES.values())
    alike = TRAINING

    def budgets(self):
        """A VAE with a learned σ, and β-VAEs over β."""
        # Adam remembers the first gradients of log σ, which are large, for thousands of updates: σ comes late.
        short = {"steps": 6000, "batch_size": 32, "learning_rate": 1e-3, "latent_dim": 8}
        paper = {"steps": 100_000, "batch_size": 128, "learning_rate": 1e-3, "latent_dim": 64}
        house_numbers = "split('tfds:svhn_cropped', 0.9, 0.1, seed=0)[0]"
        return {
            "small": Budget(_study(short, "split(digits, 0.8, 0.2, seed=0)[0]", range(3)), 15),
            "paper": Budget(_study(paper, house_numbers, range(5)), 600, "one GPU"),
        }

    def look(self, folder):
        """σ, the error and the bound, on training and on held-out images."""
        return bounds_of(folder)

    def judge(self, columns):
        """From the learned σ beside the RMSE, and from the leads of every β."""
        learned, by_hand = parts_of(columns)
        off = numbers(learned, "sigma") / numbers(learned, "rmse") - 1
        every = {
            place: leads(by_hand, "beta", score, numbers(learned, score))
            for place, score in PLACES.items()
        }
        best = {place: max(found, key=lambda lead: lead[1]) for place, found in every.items()}
        highest = [gap + 2 * error for _, gap, error in best.values()]
        lowest = [gap - 2 * error for found in every.values() for _, gap, error in found]
        if abs(off.mean()) > FAR or max(lowest) > MARGIN:
            word = REFUTED
        else:
            word = SHOWN if abs(off).max() <= NEAR and max(highest) < MARGIN else NOT_SHOWN
        told = "; ".join(
            f"on {place}, β = {beta:g}, {gap:+.2f} ± {error:.2f} nats (standard error)"
            for place, (beta, gap, error) in best.items()
        )
        return Verdict(
            word,
            f"σ is {numbers(learned, 'sigma').mean():.4f}, the RMSE {numbers(learned, 'rmse').mean():.4f} "
            f"(at most {abs(off).max():.1%} apart). The largest lead of a β over the learned σ: {told}.",
        )

    def figures(self, columns):
        """ELBO, and the error, over the σ that each loss stands for."""
        learned, by_hand = parts_of(columns)
        figure, axes = _figures.panels(1, 2)
        for number, (panel, scores) in enumerate(
            zip(axes[0], (PLACES, {TRAINED: "rmse"}), strict=True)
        ):
            for shade, (place, score) in enumerate(scores.items()):
                how = _figures.look(shade)
                points = [
                    (numbers(rows, "sigma").mean(), numbers(rows, score).mean())
                    for _, rows in sorted(groups(by_hand, "beta").items())
                ]
                panel.plot(
                    *zip(*points, strict=True), markersize=5, linewidth=1.2, label=place, **how
                )
                panel.scatter(
                    numbers(learned, "sigma"),
                    numbers(learned, score),
                    s=60,
                    marker="*",
                    color=how["color"],
                    edgecolors="black",
                    linewidths=0.5,
                    zorder=3,
                    label=None if number else f"{place}, σ learned",
                )
            panel.set_xscale("log")
        _figures.label(axes[0, 0], "σ of the loss", "ELBO at the best σ (nats per image)")
        _figures.label(axes[0, 1], "σ of the loss", "RMSE on training images")
        ends = [min(numbers(by_hand, "sigma")), max(numbers(by_hand, "sigma"))]
        axes[0, 1].plot(ends, ends, color="0.5", linestyle="--", linewidth=1, label="RMSE = σ")
        axes[0, 1].set_yscale("log")
        for panel in axes[0]:
            panel.legend(fontsize=_figures.FONT - 1, frameon=False)
        return {"over_sigma": figure}


def parts_of(columns) -> tuple[dict[str, list], dict[str, list]]:
    """The runs of a learned σ, and those of a β set by hand, that have all numbers.

    Raises:
        ValueError: there are none of one of the two.
    """
    needed = ("sigma", "rmse", *PLACES.values())
    return (
        known(where(columns, model="vae"), *needed, what="runs of vae"),
        known(where(columns, model="beta_vae"), "beta", *needed, what="runs of beta_vae"),
    )


def bounds_of(folder: Path) -> dict[str, float]:
    """The σ that a run's loss stands for, its RMSE and its ELBOs in nats per image.

    A learned σ stays. To one that is not, and so to every weight set by hand, the ELBOs give the best there is for the
    run, which is its RMSE on training images.

    Raises:
        ValueError: the run's images are no first part of a split, or its σ is not the same for all pixels.
    """
    model, config = runs.load(folder), runs.load_config(folder)
    first, mark = config.data[:-3], config.data[-3:]
    if mark != "[0]":
        raise ValueError(
            "Expected a run on the first part of a split, such as 'split(digits, 0.8, 0.2, seed=0)[0]'. "
            f"Received: {config.data!r}"
        )
    values = math.prod(model.image_shape)
    scale = float(tf.reduce_mean(model.likelihood(tf.zeros((1, *model.image_shape))).stddev()))
    found = {}
    for place, part in (("trained", config.data), ("held_out", f"{first}[1]")):
        bound = evaluation.evaluate(model, datasets.load(part), metrics=[], seed=0)
        square = mean_square(bound["reconstruction"], scale, values)
        best = scale if model.likelihood.scale == LEARNED else found.get("rmse", math.sqrt(square))
        found |= {
            "rmse" if place == "trained" else f"rmse_{place}": math.sqrt(square),
            f"elbo_{place}": -nats(square, best, values) - bound["kl"],
        }
    return {"sigma": scale * math.sqrt(getattr(model, "beta", 1.0)), **found}


def nats(square: float, scale: float, values: int) -> float:
    """-log p(x|z) in nats of images with this mean squared error, under a Gaussian.

        N (log(scale) + log(2 pi) / 2 + square / (2 scale^2))

    Example:
        >>> round(nats(0.01, 0.1, values=64), 2)
        -56.55
    """
    return values * (math.log(scale) + math.log(2 * math.pi) / 2 + square / (2 * scale**2))


def mean_square(reconstruction: float, scale: float, values: int) -> float:
    """The mean squared error of images that cost so many nats: the inverse of `nats`.

    Example:
        >>> round(mean_square(nats(0.01, 0.2, values=64), 0.2, values=64), 6)
        0.01
    """
    return 2 * scale**2 * (reconstruction - nats(0.0, scale, values)) / values


def _study(run: dict, data: str, seeds) -> Study:
    return Study(
        [
            Block(
                "vae",
                data,
                name=LEARNED,
                seeds=seeds,
                run={**run, "likelihood": "gaussian(scale='learned')"},
            ),
            Block(
                "beta_vae",
                data,
                name=BY_HAND,
                seeds=seeds,
                grid={"beta": list(BETAS)},
                run={**run, "likelihood": "gaussian(scale=1)"},
            ),
        ],
        metrics=["mig"],
    )
