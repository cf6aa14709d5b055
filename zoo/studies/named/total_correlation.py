"""What FactorVAE's discriminator says of the total correlation, and what it is."""

from pathlib import Path

from zoo import datasets, runs
from zoo.measure import information
from zoo.studies.named import _figures, _grids
from zoo.studies.named._numbers import difference, groups, known, numbers, where, word_of
from zoo.studies.named.base import NOT_SHOWN, REFUTED, SHOWN, Budget, NamedStudy, Verdict
from zoo.studies.plan import Block, Study

TRUE, SAID = "true_tc", "discriminator_tc"


def parts_of(folder: Path) -> dict[str, float]:
    """A run's KL divergence taken apart, nats, and what its discriminator says at the end of training."""
    model, config = runs.load(folder), runs.load_config(folder)
    parts = information.kl_parts(model, datasets.load(config.data))
    said = runs.read_history(folder)[-1].get("total_correlation")
    found = {
        TRUE: parts.total_correlation.value,
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
        "The true TC is that of the aggregate posterior of 15,000 images, taken by minibatch-weighted sampling whose "
        "batch is all of them. Shown, if three things hold by two standard errors over seeds at the largest γ: the "
        "discriminator says less than the truth at the end; the true TC is lower at the end than at the first time of "
        "measurement; and lower at the end than with the smallest γ. Refuted, if one of the three is reversed by two "
        "standard errors. Else: not shown."
    )
    scores = ("kl", "mutual_information", TRUE, SAID, "dimension_wise_kl", "factor_vae_score")

    def budgets(self):
        """FactorVAE at several γ, trained to several lengths."""
        return {
            "small": Budget(_study({**_grids.SHORT}, (250, 1000, 2000), (0, 40)), 30),
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
        truth = numbers(last, TRUE)
        gaps = {
            "above what the discriminator says": difference(truth, numbers(last, SAID)),
            f"below that at {times[0]:,} updates": difference(numbers(first, TRUE), truth),
            f"below that of γ = {low:g}": difference(numbers(other, TRUE), truth),
        }
        words = {word_of(*gap) for gap in gaps.values()}
        word = REFUTED if REFUTED in words else SHOWN if words == {SHOWN} else NOT_SHOWN
        told = "; ".join(f"{gap:+.2f} ± {error:.2f} {what}" for what, (gap, error) in gaps.items())
        return Verdict(
            word,
            f"With γ = {high:g} after {times[-1]:,} updates the true TC is {truth.mean():.2f} nats: {told} (nats, "
            f"± standard error). The discriminator says {numbers(last, SAID).mean():.2f}.",
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
        for panel, (name, text) in zip(axes[0], wanted.items(), strict=True):
            _figures.lines(panel, columns, "steps", name, "gamma", names)
            panel.set_xscale("log")
            _figures.label(panel, "updates", text)
            panel.set_ylim(bottom=0)
        axes[0, 0].legend(fontsize=_figures.FONT, frameon=False)
        return {"over_updates": figure}


def _study(run: dict, steps, gammas, seeds=range(3)) -> Study:
    run = {name: value for name, value in run.items() if name != "steps"}
    grid = {"gamma": list(gammas), "steps": list(steps)}
    return Study(
        [Block("factor_vae", "shapes2d", seeds=seeds, grid=grid, run=run)],
        ["factor_vae_score", "mig"],
    )
