"""Where the total correlation is that FactorVAE's discriminator does not see."""

import warnings

from zoo import datasets, runs
from zoo.measure import information
from zoo.studies.named import _figures, _grids
from zoo.studies.named._alone import trained_alone
from zoo.studies.named._numbers import (
    difference,
    groups,
    known,
    numbers,
    where,
    word_of,
    word_of_all,
)
from zoo.studies.named.base import Budget, NamedStudy, Verdict
from zoo.studies.named.total_correlation import SAID, TRUE
from zoo.studies.plan import Block, Study

BLURS = {0.0: TRUE, 0.1: "tc_at_0.1", 0.2: "tc_at_0.2", 0.3: "tc_at_0.3", 0.5: "tc_at_0.5"}
COARSE, ALONE = BLURS[0.3], "discriminator_tc_alone"
DRAWS = 500
UPDATES = 500  # of the discriminator alone
AS_BEFORE = ("batch_size", "learning_rate", "seed")


class HiddenTotalCorrelation(NamedStudy):
    """The total correlation that FactorVAE's discriminator misses lies in details too fine for it."""

    title = "Where the total correlation hides"
    claim = (
        "The total correlation (TC) that FactorVAE's discriminator misses is not too new for it but too fine. TC in "
        "differences coarser than 0.3 standard deviations of a latent falls during training, as it should; in finer "
        "detail, where it costs nothing, it rises, and the KL with it."
    )
    published = "Nothing."
    rule = (
        "TC is that of q(z) of all images, so none is missing; a blur of 0.3 adds noise of 0.3 standard deviations to "
        "each latent and leaves the coarse part. At the largest γ three things are looked at. From the first to the "
        "last time of measurement the coarse part falls; the rest, TC less the coarse part, rises; and at the end the "
        f"discriminator, trained {UPDATES} updates more with the encoder standing still, says less than half of the "
        "true TC. Shown: all three hold by two standard errors over seeds. Refuted: one is reversed by two. Else: not "
        "shown. The claim was found on runs of seeds 0 to 2; so `small` trains seeds 3 to 5."
    )
    scores = ("kl", "mutual_information", *BLURS.values(), SAID, ALONE, "dimension_wise_kl")
    alike = ("data", "batch_size")

    def budgets(self):
        """FactorVAE early and late, and without its penalty."""
        return {
            "small": Budget(_study(_grids.SHORT, (250, 2000), range(3, 6)), 25),
            "middle": Budget(
                _study(_grids.MIDDLE, (2000, 20_000), range(3)),
                10,
                "one GPU, as portable jobs",
            ),
            "paper": Budget(_study(_grids.PUBLISHED, (1000, 300_000), range(3)), 1000, "one GPU"),
        }

    def look(self, folder):
        """The total correlation by blur, and what a discriminator says of it, then and after updates alone."""
        model, config = runs.load(folder), runs.load_config(folder)
        data = datasets.load(config.data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of few images: these are all
            parts = information.blurred_kl_parts(
                model, data, blurs=tuple(BLURS), samples=None, draws=DRAWS
            )
        found = {BLURS[blur]: part.total_correlation.value for blur, part in parts.items()}
        found["mutual_information"] = parts[0].mutual_information.value
        found["dimension_wise_kl"] = parts[0].dimension_wise_kl.value
        if config.model == "factor_vae":
            found[SAID] = runs.read_history(folder)[-1]["total_correlation"]
            as_before = {name: getattr(config, name) for name in AS_BEFORE}
            found[ALONE] = trained_alone(model, data, updates=UPDATES, **as_before)
        return found

    def judge(self, columns):
        """From the coarse part, the rest, and the discriminator alone."""
        first, last = _ends(columns)
        fine = [numbers(rows, TRUE) - numbers(rows, COARSE) for rows in (first, last)]
        coarse = [numbers(rows, COARSE) for rows in (first, last)]
        half, alone = 0.5 * numbers(last, TRUE), numbers(last, ALONE)
        parts = coarse, fine[::-1], (half, alone)
        word = word_of_all(word_of(*difference(*pair)) for pair in parts)
        falls, rises = difference(*coarse[::-1]), difference(*fine[::-1])
        times = [f"{rows['steps'][0]:,}" for rows in (first, last)]
        return Verdict(
            word,
            f"With γ = {last['gamma'][0]:g}, from {times[0]} to {times[1]} updates, TC coarser than 0.3 standard "
            f"deviations changes by {_told(falls)} to {coarse[1].mean():.2f} nats, finer by {_told(rises)} to "
            f"{fine[1].mean():.2f} (± standard error). At the end the discriminator says "
            f"{numbers(last, SAID).mean():.2f}, and {alone.mean():.2f} after {UPDATES} updates alone.",
        )

    def figures(self, columns):
        """TC over the blur, early and late, and without the penalty."""
        columns = known(where(columns, model="factor_vae"), "gamma", "steps", *BLURS.values())
        figure, axes = _figures.panels(width=4.4, height=3)
        axes, cases = axes[0, 0], _cases(columns)
        for number, (name, rows) in enumerate(cases.items()):
            means = [numbers(rows, score).mean() for score in BLURS.values()]
            axes.plot(
                list(BLURS), means, markersize=5, linewidth=1.2, label=name, **_figures.look(number)
            )
            for blur, score in BLURS.items():
                found = numbers(rows, score)
                axes.scatter([blur] * len(found), found, s=10, alpha=0.4, **_figures.look(number))
        said = numbers(list(cases.values())[-1], SAID).mean()
        axes.axhline(said, color="0.4", linestyle="--", linewidth=1)
        axes.annotate(
            "said by the discriminator at the end",
            (0, said),
            fontsize=_figures.FONT - 1,
            xytext=(2, 3),
            textcoords="offset points",
        )
        axes.set_yscale("log")
        _figures.label(
            axes, "blur (standard deviations of each latent)", "total correlation (nats)"
        )
        _figures.legend(axes)
        return {"over_blur": figure}


def _ends(columns) -> tuple[dict, dict]:
    """The runs of the largest γ at the first and at the last time of measurement."""
    names = ("gamma", "steps", TRUE, COARSE, SAID, ALONE)
    rows = known(where(columns, model="factor_vae"), *names, what="runs of factor_vae")
    rows = where(rows, gamma=max(rows["gamma"]))
    times = sorted(set(rows["steps"]))
    if len(times) < 2:
        raise ValueError(
            f"Expected runs of two lengths with γ = {rows['gamma'][0]:g}. Received: {times[0]:,} updates alone."
        )
    return where(rows, steps=times[0]), where(rows, steps=times[-1])


def _cases(columns) -> dict[str, dict]:
    """The columns by γ and length, the largest γ's last length at the end."""
    return {
        f"γ = {gamma:g}, {steps:,} updates": rows
        for gamma in sorted(groups(columns, "gamma"))
        for steps, rows in sorted(groups(where(columns, gamma=gamma), "steps").items())
    }


def _told(gap: tuple[float, float]) -> str:
    return f"{gap[0]:+.2f} ± {gap[1]:.2f}"


def _study(run: dict, steps: tuple[int, int], seeds) -> Study:
    lengths = {name: value for name, value in run.items() if name != "steps"}
    common = {"data": "shapes2d", "seeds": seeds}
    blocks = [
        Block(
            "factor_vae",
            name="gamma 40",
            settings={"gamma": 40},
            grid={"steps": list(steps)},
            run=lengths,
            **common,
        ),
        Block(
            "factor_vae",
            name="gamma 0",
            settings={"gamma": 0},
            run={**lengths, "steps": steps[-1]},
            **common,
        ),
    ]
    return Study(blocks, ["factor_vae_score", "mig"])
