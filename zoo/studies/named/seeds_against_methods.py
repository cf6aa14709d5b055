"""How much of a score is the model, how much its setting, and how much the seed."""

from matplotlib.figure import Figure

from zoo.studies.named import _figures, _grids
from zoo.studies.named._numbers import groups, has, known, numbers
from zoo.studies.named._pools import TRAINING, pools, told
from zoo.studies.named._variance import Parts, parts
from zoo.studies.named.base import NOT_SHOWN, REFUTED, SHOWN, NamedStudy, Verdict
from zoo.utils.texts import markdown_table

SCORE = "factor_vae_score"
SOURCES = ("model", "setting", "seed")
HATCHES = ("", "///", "...")


class SeedsAgainstMethods(NamedStudy):
    """Seeds and settings move a score more than the choice of model does."""

    title = "Seeds and settings against models"
    claim = (
        "The random seed and the strength of regularization matter more for disentanglement than which model is "
        "trained (Locatello et al., Challenging Common Assumptions in the Unsupervised Learning of Disentangled "
        "Representations, 2019, section 5.3)."
    )
    published = (
        "Over 12,000 models (six methods with six strengths and 50 seeds each, seven data sets) hyper-parameters and "
        "seeds seem substantially more important than the objective, and a good run with a bad hyper-parameter can "
        "beat a bad run with a good one."
    )
    rule = (
        "Judged by the runs of one data set and one length of training, those with the most runs. The variance of the "
        "FactorVAE score is taken apart by an unbiased nested analysis of variance: models, settings of a model, "
        "seeds of a setting. Shown: the share between models is below one half at both ends of its interval, the "
        "middle 95 % of shares in 2,000 tables that are drawn with the variances found. Refuted: it is above one half "
        "at both ends. Else: not shown. A wider grid of settings makes their share larger, so the shares hold for the "
        "settings that stand in the table."
    )
    scores = ("reconstruction", "kl", *_grids.SCORES)
    alike = ()

    def budgets(self):
        """Several models over their strengths and seeds."""
        return _grids.methods_budgets()

    def judge(self, columns):
        """From the share of the score's variance that lies between models."""
        key, runs = _largest(columns)
        found = parts_of(runs, SCORE)
        model, setting, seed = found.shares
        word = SHOWN if found.high < 0.5 else REFUTED if found.low > 0.5 else NOT_SHOWN
        return Verdict(
            word,
            f"Of the variance of the FactorVAE score {model:.0%} lies between models ({found.low:.0%} to "
            f"{found.high:.0%}), {setting:.0%} between settings of a model and {seed:.0%} between seeds: "
            f"{len(groups(runs, 'model'))} models, {len(groups(runs))} settings, {len(runs['cell'])} runs on "
            f"{told(key)}.",
        )

    def tables(self, columns):
        """The parts of each score's variance, then the means."""
        runs = _largest(columns)[1]
        rows = []
        for score, found in all_parts(runs).items():
            variances = (found.model, found.setting, found.seed)
            rows.append(
                [
                    _figures.SCORE_NAMES[score],
                    *(f"{share:.0%}" for share in found.shares),
                    f"{found.low:.0%} to {found.high:.0%}",
                    *(f"{max(variance, 0) ** 0.5:.3f}" for variance in variances),
                ]
            )
        head = ["score", *SOURCES, "model, 95 %", *(f"std by {source}" for source in SOURCES)]
        table = markdown_table(head, rows, range(1, len(head)))
        return {"Shares of the variance": table, **super().tables(runs)}

    def figures(self, columns):
        """Shares as bars, score by score; and every run, setting by setting."""
        runs = _largest(columns)[1]
        return {"shares": _bars(all_parts(runs)), "runs": _runs(runs)}


def parts_of(runs, score: str) -> Parts:
    """The parts of a score's variance.

    Raises:
        ValueError: there are too few models, settings or seeds, or all runs have one score.
    """
    runs = known(runs, score)
    found = parts(
        {
            model: [numbers(setting, score) for setting in groups(rows).values()]
            for model, rows in groups(runs, "model").items()
        }
    )
    if not max(found.model, found.setting, found.seed) > 0:
        raise ValueError(f"Expected runs that differ in {score}. Received: all have one.")
    return found


def all_parts(runs) -> dict[str, Parts]:
    """Of every score of which there are enough runs."""
    found = {}
    for score in _grids.MANY_SCORES:
        if has(runs, score):
            try:
                found[score] = parts_of(runs, score)
            except ValueError:
                continue
    return found


def _largest(columns) -> tuple[tuple, dict[str, list]]:
    return next(iter(pools(columns, TRAINING, SCORE).items()))


def _bars(found: dict[str, Parts]) -> Figure:
    figure, axes = _figures.panels(width=4.2, height=0.9 + 0.3 * len(found))
    axes = axes[0, 0]
    names = [_figures.SCORE_NAMES[score] for score in found]
    left = [0.0] * len(found)
    for number, source in enumerate(SOURCES):
        shares = [100 * each.shares[number] for each in found.values()]
        axes.barh(
            names,
            shares,
            left=left,
            height=0.6,
            color=_figures.COLOURS[number],
            hatch=HATCHES[number],
            edgecolor="white",
            label=source,
        )
        left = [start + share for start, share in zip(left, shares, strict=True)]
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    _figures.label(axes, "share of the variance (%)", "")
    _figures.legend(axes, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(SOURCES))
    return figure


def _runs(runs) -> Figure:
    """A column for each setting, models side by side."""
    models = groups(runs, "model")
    settings = sum(len(groups(rows)) for rows in models.values())
    figure, axes = _figures.panels(width=min(8.0, 1.2 + 0.25 * settings + 0.3 * len(models)))
    axes, place, ticks = axes[0, 0], 0.0, {}
    for number, (model, rows) in enumerate(models.items()):
        start = place
        for setting in groups(rows).values():
            found = numbers(setting, SCORE)
            axes.scatter([place] * len(found), found, s=12, zorder=2, **_figures.look(number))
            axes.hlines(found.mean(), place - 0.35, place + 0.35, color="0.5", zorder=1)
            place += 1
        ticks[(start + place - 1) / 2] = _figures.NAMES.get(model, model)
        place += 1
    axes.set_xticks(list(ticks), list(ticks.values()), rotation=20, ha="right")
    _figures.label(
        axes, "settings, model by model (a point: one seed)", _figures.SCORE_NAMES[SCORE]
    )
    return figure
