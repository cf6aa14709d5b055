"""Whether a good run can be chosen without labels: UDR, and the terms of the ELBO."""

import dataclasses
import math

import numpy as np

from zoo.studies.named import _figures, _grids
from zoo.studies.named._numbers import (
    groups,
    has,
    known,
    numbers,
    rank_correlation,
    word_of,
)
from zoo.studies.named._pools import TRAINING, pools, told
from zoo.studies.named.base import NamedStudy, Verdict
from zoo.utils.texts import markdown_table

SCORE = "factor_vae_score"
# What is known without labels, and whether its greatest or its least run is chosen.
RULES = {"udr": 1, "elbo": 1, "reconstruction": -1, "kl": -1}
RULE_NAMES = {
    "udr": "greatest UDR",
    "elbo": "greatest ELBO",
    "reconstruction": "least reconstruction error",
    "kl": "least KL",
}
AXES = {
    "udr": "UDR",
    "elbo": "ELBO (nats per image)",
    "reconstruction": "reconstruction error (nats per image)",
    "kl": "KL (nats per image)",
}
LEAST_RUNS = 5  # of a model


@dataclasses.dataclass(frozen=True)
class Choice:
    """What one rule makes of one model's runs.

    Attributes:
        correlation: Spearman's, of the rule's order and the score's.
        chosen: the score of the run that the rule chooses.
        best: the highest score.
        mean: over the runs.
        runs: how many.
    """

    correlation: float
    chosen: float
    best: float
    mean: float
    runs: int


class UnsupervisedSelection(NamedStudy):
    """UDR ranks a model's runs as labels would; ELBO, reconstruction and KL do not."""

    title = "Choosing a run without labels"
    claim = (
        "UDR, by which a run is good if its latents resemble those of the other seeds of its setting, ranks runs much "
        "as supervised scores do (Duan et al., Unsupervised Model Selection for Variational Disentangled "
        "Representation Learning, 2020). Reconstruction, KL and ELBO do not (Locatello et al., Challenging Common "
        "Assumptions, 2019, section 5.4)."
    )
    published = (
        "Over 5,400 models of six kinds UDR does about as well as supervised selection (Duan et al.). Over 12,000 "
        "models the unsupervised terms show some correlations with scores, and no clear pattern (Locatello et al.)."
    )
    rule = (
        "Judged by the runs of one data set and one length of training, those with the most runs, model by model: "
        f"each model with at least {LEAST_RUNS} runs gives Spearman's correlation of UDR and the FactorVAE score. "
        "Their mean is that of Fisher's z, weighted by runs, as if all runs were independent. Shown: z is above 0 by "
        "two standard errors. Refuted: it is below 0 by two. Else: not shown. Told beside it: the same for the "
        "greatest ELBO, the least reconstruction error and the least KL, and what the run that each would choose "
        "loses to the best run and gains over the mean one."
    )
    scores = ("udr", "elbo", "reconstruction", "kl", *_grids.SCORES)
    alike = ()

    def budgets(self):
        """Several models over their strengths and seeds."""
        return _grids.methods_budgets()

    def judge(self, columns):
        """From UDR's rank correlation within models."""
        key, models = _models(columns)
        found = {rule: choices(models, rule) for rule in RULES}
        z, error = fisher_mean(found["udr"].values())
        beside = "; ".join(
            f"{RULE_NAMES[rule]} {math.tanh(fisher_mean(of.values())[0]):+.2f}"
            for rule, of in found.items()
            if rule != "udr" and of
        )
        lost, gained = lost_and_gained(found["udr"].values())
        return Verdict(
            word_of(z, error),
            f"UDR's mean rank correlation with the FactorVAE score within models ({len(found['udr'])} of them) is "
            f"{math.tanh(z):+.2f} (z = {z:+.2f} ± {error:.2f}, standard error) over "
            f"{sum(each.runs for each in found['udr'].values())} runs on {told(key)}. Others: {beside or 'none'}. The "
            f"run that UDR would choose is {lost:.3f} below a model's best run and {gained:+.3f} beside its mean, on "
            "average.",
        )

    def tables(self, columns):
        """Mean correlations with each score; and the run that each rule would choose."""
        models = _models(columns)[1]
        scores = [
            score
            for score in _grids.MANY_SCORES
            if any(choices(models, rule, score) for rule in RULES)
        ]
        mean = [
            [RULE_NAMES[rule], *(_mean_told(choices(models, rule, score)) for score in scores)]
            for rule in RULES
        ]
        names = [_figures.SCORE_NAMES[score] for score in scores]
        rows = [
            [
                _figures.NAMES.get(model, model),
                RULE_NAMES[rule],
                each.runs,
                f"{each.correlation:+.2f}",
                f"{each.chosen:.3f}",
                f"{each.best - each.chosen:.3f}",
                f"{each.chosen - each.mean:+.3f}",
            ]
            for rule in RULES
            for model, each in choices(models, rule).items()
        ]
        head = [
            "model",
            "rule",
            "runs",
            "correlation",
            "its run",
            "lost to the best",
            "beside the mean",
        ]
        return {
            "Mean rank correlation within models": markdown_table(
                ["rule", *names], mean, range(1, len(names) + 1)
            ),
            "FactorVAE score of the run that a rule would choose": markdown_table(
                head, rows, range(2, len(head))
            ),
        }

    def figures(self, columns):
        """The score over each rule's value, a ring about the run that it would choose."""
        models = _models(columns)[1]
        rules = [rule for rule in RULES if any(has(rows, rule) for rows in models.values())]
        figure, axes = _figures.panels(1, len(rules), width=2.5, height=2.6)
        for panel, rule in zip(axes[0], rules, strict=True):
            for number, (model, rows) in enumerate(models.items()):
                if has(rows, rule):
                    rows = known(rows, rule, SCORE)
                    _figures.points(panel, rows, rule, SCORE, number, model)
                    best = int(np.argmax(RULES[rule] * numbers(rows, rule)))
                    at = (rows[rule][best], rows[SCORE][best])
                    panel.scatter(*at, s=70, facecolors="none", edgecolors="black", linewidths=0.8)
            _figures.label(panel, AXES[rule], _figures.SCORE_NAMES[SCORE])
        _figures.legend(axes[0, 0])
        return {"selection": figure}


def choices(models, rule: str, score: str = SCORE) -> dict[str, Choice]:
    """What a rule makes of each model's runs; models with too few runs that have both are left out."""
    found = {}
    for model, rows in models.items():
        if not (has(rows, rule) and has(rows, score)):
            continue
        rows = known(rows, rule, score)
        if len(rows["cell"]) >= LEAST_RUNS:
            order, scores = RULES[rule] * numbers(rows, rule), numbers(rows, score)
            found[model] = Choice(
                rank_correlation(order, scores)[0],
                float(scores[np.argmax(order)]),
                float(scores.max()),
                float(scores.mean()),
                len(scores),
            )
    return found


def fisher_mean(found) -> tuple[float, float]:
    """The mean z of rank correlations, weighted by runs, and its standard error.

    Example:
        >>> z, error = fisher_mean([Choice(0.5, 0, 0, 0, 13), Choice(0.5, 0, 0, 0, 43)])
        >>> round(z, 3), round(error, 3)
        (0.549, 0.146)

    Reference: Fieller, Hartley & Pearson, Tests for Rank Correlation Coefficients, 1957: 1.06 / (n - 3).
    """
    weights = np.array([each.runs - 3 for each in found], float)
    z = np.arctanh(np.clip([each.correlation for each in found], -0.999, 0.999))
    return float(weights @ z / weights.sum()), math.sqrt(1.06 / weights.sum())


def lost_and_gained(found) -> tuple[float, float]:
    """Means over models: how far the chosen run is below the best one, and above the mean."""
    lost = np.mean([each.best - each.chosen for each in found])
    return float(lost), float(np.mean([each.chosen - each.mean for each in found]))


def _models(columns) -> tuple[tuple, dict[str, dict]]:
    """Of the largest pool of runs with UDR, those of each model.

    Raises:
        ValueError: no model has enough.
    """
    key, runs = next(iter(pools(columns, TRAINING, "udr", SCORE).items()))
    models = groups(runs, "model")
    if not choices(models, "udr"):
        raise ValueError(
            f"Expected {LEAST_RUNS} runs of one model with udr and {SCORE}, alike in data and training. Received: "
            f"{max(len(rows['cell']) for rows in models.values())} at most."
        )
    return key, models


def _mean_told(found: dict[str, Choice]) -> str:
    return f"{math.tanh(fisher_mean(found.values())[0]):+.2f}" if found else "–"
