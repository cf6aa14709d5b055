"""What FactorVAE's discriminator says of the total correlation, and what it is."""

import math
import warnings
from pathlib import Path

import numpy as np

from zoo import datasets, runs
from zoo.measure import information
from zoo.studies.named import _figures, _grids
from zoo.studies.named._numbers import (
    difference,
    groups,
    known,
    numbers,
    where,
    word_of,
    word_of_all,
)
from zoo.studies.named.base import NOT_SHOWN, REFUTED, SHOWN, Budget, NamedStudy, Verdict
from zoo.studies.plan import Block, Study

TRUE, SAID, EXCESS = "true_tc", "discriminator_tc", "true_tc_too_large_by"
IMAGES = 200_000


def parts_of(folder: Path) -> dict[str, float]:
    """A run's KL divergence taken apart, nats, and what its discriminator says at the end of training.

    Of N images I(x; z) is log N at most, and the total correlation is too large by what it lacks. That is at most what
    log of the number of all images leaves open, and on average at most `KLParts.excess`: the less is told beside it.
    """
    model, config = runs.load(folder), runs.load_config(folder)
    data = datasets.load(config.data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of N, which is told by a column
        parts = information.kl_parts(model, data, samples=min(IMAGES, len(data)))
    said = runs.read_history(folder)[-1].get("total_correlation")
    left = math.log(len(data)) - parts.mutual_information.value
    found = {
        TRUE: parts.total_correlation.value,
        EXCESS: max(0.0, min(left, parts.excess)) if parts.images < len(data) else 0.0,
        "mutual_information": parts.mutual_information.value,
        "dimension_wise_kl": parts.dimension_wise_kl.value,
    }
    return {**found, **({} if said is None else {SAID: said})}


class TotalCorrelation(NamedStudy):
    """FactorVAE's discriminator underestimates the total correlation, which falls nevertheless."""

    title = "The discriminator underestimates the total correlation"
    claim = (
        "FactorVAE's discriminator underestimates the total correlation (TC); the true TC falls during training all "
        "the same, and further with a larger γ (Kim & Mnih, Disentangling by Factorising, 2018)."
    )
    published = (
        "Curves without a table: the discriminator's estimate stays below the true TC at every γ."
    )
    rule = (
        "The true TC is that of the aggregate posterior of 200,000 images, taken by minibatch-weighted sampling whose "
        "batch is all of them; so few make it too large, by as much as a column says at most. Shown, if three things "
        "hold by two standard errors over seeds at the largest γ, wherever the true TC lies in that range: the "
        "discriminator says less than the truth at the end; the true TC is lower at the end than at the first time of "
        "measurement; and lower at the end than with the smallest γ. Refuted, if one of the three is reversed by two "
        "standard errors, again wherever it lies. Else: not shown."
    )
    scores = (
        "kl",
        "mutual_information",
        TRUE,
        EXCESS,
        SAID,
        "dimension_wise_kl",
        "factor_vae_score",
    )
    alike = ("data", "batch_size")

    def budgets(self):
        """FactorVAE at several γ, trained to several lengths."""
        return {
            "small": Budget(_study(_grids.SHORT, (250, 1000, 2000), (0, 40)), 30),
            "middle": Budget(
                _study(_grids.MIDDLE, (2000, 6000, 20_000), (10, 40), range(2)),
                5,
                "one GPU, as portable jobs",
            ),
            "paper": Budget(
                _study(_grids.PUBLISHED, (1000, 10_000, 100_000, 300_000), (0, 10, 40, 100)),
                3000,
                "one GPU",
            ),
        }

    def look(self, folder):
        """The true total correlation and the discriminator's."""
        return parts_of(folder)

    def judge(self, columns):
        """From the three comparisons."""
        runs = known(
            where(columns, model="factor_vae"), "gamma", "steps", TRUE, what="runs of factor_vae"
        )
        by_gamma, times = groups(runs, "gamma"), sorted(set(runs["steps"]))
        low, high = min(by_gamma), max(by_gamma)
        if low == high or len(times) < 2:
            raise ValueError("Expected runs of several gamma and lengths. Received: one of them.")
        first, last = (where(by_gamma[high], steps=time) for time in (times[0], times[-1]))
        other = where(by_gamma[low], steps=times[-1])
        gaps = {
            "less what the discriminator says": _gap(last, last, SAID),
            f"at {times[0]:,} updates, less that at the end": _gap(first, last),
            f"with γ = {low:g}, less that with γ = {high:g}": _gap(other, last),
        }
        word = word_of_all(_word(*gap) for gap in gaps.values())
        told = "; ".join(f"{what}: {_told(*gap)}" for what, gap in gaps.items())
        return Verdict(
            word,
            f"With γ = {high:g} after {times[-1]:,} updates the true TC is {_range(last)} nats, and the discriminator "
            f"says {numbers(last, SAID).mean():.2f}. The true TC {told} (nats, ± standard error).",
        )

    def figures(self, columns):
        """True TC, the discriminator's, and the rest of the KL, over updates."""
        columns = known(where(columns, model="factor_vae"), "gamma", "steps", TRUE)
        names = {gamma: f"γ = {gamma:g}" for gamma in groups(columns, "gamma")}
        figure, axes = _figures.panels(1, 3, width=2.7, height=2.6)
        wanted = {
            TRUE: "true TC (nats)",
            SAID: "TC by the discriminator (nats)",
            "dimension_wise_kl": "dimension-wise KL (nats)",
        }
        times = sorted(set(columns["steps"]))
        for panel, (name, text) in zip(axes[0], wanted.items(), strict=True):
            _figures.lines(panel, columns, "steps", name, "gamma", names)
            panel.set_xscale("log")
            panel.set_xticks(times, [f"{time:,}" for time in times])
            panel.minorticks_off()
            _figures.label(panel, "updates", text)
            panel.set_ylim(bottom=0)
        axes[0, 0].legend(fontsize=_figures.FONT, frameon=False)
        return {"over_updates": figure}


def _least(columns) -> np.ndarray:
    """The least that the true TC of each run may be."""
    excess = [value or 0.0 for value in columns.get(EXCESS, [0.0])]
    return numbers(columns, TRUE) - np.array(excess, np.float64)


def _gap(above, below, name: str = TRUE) -> tuple[tuple[float, float], tuple[float, float]]:
    """How far TC in one set of runs is above another quantity: at least, and at most, with standard errors."""
    if name != TRUE:
        said = numbers(below, name)
        return difference(_least(above), said), difference(numbers(above, TRUE), said)
    return (
        difference(_least(above), numbers(below, TRUE)),
        difference(numbers(above, TRUE), _least(below)),
    )


def _word(least: tuple[float, float], most: tuple[float, float]) -> str:
    if word_of(*least) == SHOWN:
        return SHOWN
    return REFUTED if word_of(*most) == REFUTED else NOT_SHOWN


def _told(least: tuple[float, float], most: tuple[float, float]) -> str:
    if least == most:
        return f"{least[0]:+.2f} ± {least[1]:.2f}"
    return f"{least[0]:+.2f} to {most[0]:+.2f} ± {max(least[1], most[1]):.2f}"


def _range(columns) -> str:
    least, most = _least(columns).mean(), numbers(columns, TRUE).mean()
    return f"{most:.2f}" if least == most else f"{least:.2f} to {most:.2f}"


def _study(run: dict, steps, gammas, seeds=range(3)) -> Study:
    run = {name: value for name, value in run.items() if name != "steps"}
    grid = {"gamma": list(gammas), "steps": list(steps)}
    return Study(
        [Block("factor_vae", "shapes2d", seeds=seeds, grid=grid, run=run)],
        ["factor_vae_score", "mig"],
    )
