"""Whether metrics of disentanglement rank trained models alike."""

import numpy as np

from zoo.measure import plots
from zoo.runs import comparison
from zoo.studies.named import _figures, _grids
from zoo.studies.named._numbers import groups, has, numbers, rank_correlation
from zoo.studies.named._pools import DATA, pools, told
from zoo.studies.named.base import NOT_SHOWN, REFUTED, SHOWN, Budget, NamedStudy, Verdict
from zoo.utils import registry
from zoo.utils.texts import markdown_table

PAIR = ("factor_vae_score", "beta_vae_score")
PUBLISHED = {"Pearson": 0.404, "Kendall": 0.310, "Spearman": 0.444}
RANK = "Spearman"
LEAST_RUNS, SURE = 20, 0.01


class AgreementOfMetrics(NamedStudy):
    """The FactorVAE and β-VAE scores of trained models correlate, yet far from perfectly."""

    title = "Metrics agree in part"
    claim = (
        "Over trained models the FactorVAE score and the β-VAE score correlate, though far from perfectly (Kim & Mnih, "
        "Disentangling by Factorising, 2018, appendix)."
    )
    published = "On 2D Shapes: Pearson's correlation .404, Kendall's .310, Spearman's .444."
    rule = (
        "Judged by the runs of one data set, that with the most runs that have both scores: over several, what makes "
        "one data set harder than another would pass for agreement. Shown: Spearman's correlation is above 0 with "
        f"p < {SURE} over at least {LEAST_RUNS} runs. Refuted: it is below 0 with p < {SURE} over as many. Else: not "
        "shown. Runs of one setting are alike, which makes p too small: the correlation within settings, each "
        "setting's mean taken off, is told beside it. How far from perfect the correlation is, is told and not judged."
    )
    scores = ("reconstruction", "kl", *_grids.MANY_SCORES)
    alike = ()

    def budgets(self):
        """Several models with many scores; or β-VAE and FactorVAE, as published."""
        grids = {"beta_vae": {"beta": _grids.BETAS}, "factor_vae": {"gamma": _grids.GAMMAS}}
        published = _grids.methods(_grids.PUBLISHED, _grids.PAPER_SEEDS, grids)
        return {
            "small": _grids.few_methods(),
            "paper": Budget(published, 9000, "one GPU, or a cluster's share"),
        }

    def judge(self, columns):
        """From the correlation over the largest data set's runs."""
        key, runs = _largest(columns)
        of, p = correlations(runs)
        count = len(runs["cell"])
        word = NOT_SHOWN
        if count >= LEAST_RUNS and p[RANK] < SURE:
            word = SHOWN if of[RANK] > 0 else REFUTED
        beside = ", ".join(f"{name} {of[name]:.3f} ({PUBLISHED[name]:.3f})" for name in PUBLISHED)
        return Verdict(
            word,
            f"Correlation of FactorVAE and β-VAE score over {count} runs on {told(key)}, the published one in "
            f"brackets: {beside}; p = {p[RANK]:.2g} for Spearman's. {_within_told(runs)}",
        )

    def tables(self, columns):
        """Each data set's correlations, then the means."""
        rows = []
        for key, runs in pools(columns, DATA, *PAIR).items():
            of, p = correlations(runs)
            inside = within(runs)
            rows.append(
                [
                    f"`{told(key)}`",
                    len(runs["cell"]),
                    *(f"{of[name]:.3f}" for name in PUBLISHED),
                    f"{p[RANK]:.2g}",
                    "–" if inside is None else f"{inside[0]:.3f}",
                ]
            )
        rows.append(
            ["published, 2D Shapes", "–", *(f"{each:.3f}" for each in PUBLISHED.values()), "–", "–"]
        )
        head = ["runs on", "number", *PUBLISHED, "p of Spearman's", "Spearman within settings"]
        table = markdown_table(head, rows, range(1, len(head)))
        return {"FactorVAE score and β-VAE score": table, **super().tables(_largest(columns)[1])}

    def figures(self, columns):
        """One score over the other, run by run; and all metrics' correlations."""
        runs = _largest(columns)[1]
        figure, axes = _figures.panels(width=3.6, height=2.8)
        for number, (model, rows) in enumerate(groups(runs, "model").items()):
            _figures.points(axes[0, 0], rows, PAIR[1], PAIR[0], number, model)
        _figures.label(axes[0, 0], *(_figures.SCORE_NAMES[name] for name in reversed(PAIR)))
        _figures.legend(axes[0, 0])
        names = [name for name in metrics_of(runs) if len(set(runs[name]) - {None}) > 1]
        found = comparison.agreement({name: runs[name] for name in names})
        matrix = plots.agreement(
            {RANK: found.coefficients[RANK]},
            names=[_figures.SCORE_NAMES.get(name, name) for name in names],
            p_values={RANK: found.p_values[RANK]},
        )
        return {"scores": figure, "agreement": matrix} if len(names) > 1 else {"scores": figure}


def metrics_of(columns) -> list[str]:
    """The metrics of which at least three runs have the headline, those of the claim first."""
    names = [*PAIR, *(name for name in registry.names("metrics") if name not in PAIR), "udr"]
    return [name for name in names if has(columns, name) and len(numbers(columns, name)) > 2]


def correlations(runs) -> tuple[dict[str, float], dict[str, float]]:
    """Pearson's, Kendall's and Spearman's correlation of the two scores, and p-values; 0 and 1 if one is constant."""
    found = comparison.agreement({name: runs[name] for name in PAIR})
    of = {name: float(np.nan_to_num(matrix[0, 1])) for name, matrix in found.coefficients.items()}
    p = {
        name: float(np.nan_to_num(matrix[0, 1], nan=1.0)) for name, matrix in found.p_values.items()
    }
    return of, p


def within(runs) -> tuple[float, float] | None:
    """Spearman's correlation of the two scores, each setting's mean taken off, and p; None without several seeds."""
    settings = [rows for rows in groups(runs).values() if len(rows["cell"]) > 1]
    if not settings:
        return None
    a, b = (
        np.concatenate([numbers(rows, name) - numbers(rows, name).mean() for rows in settings])
        for name in PAIR
    )
    return rank_correlation(a, b)


def _within_told(runs) -> str:
    found = within(runs)
    if found is None:
        return "No setting has several seeds."
    return f"Within settings Spearman's is {found[0]:.3f} (p = {found[1]:.2g})."


def _largest(columns) -> tuple[tuple, dict[str, list]]:
    key, runs = next(iter(pools(columns, DATA, *PAIR).items()))
    if len(runs["cell"]) < comparison.LEAST_RUNS:
        raise ValueError(
            f"Expected at least {comparison.LEAST_RUNS} runs of one data set with {' and '.join(PAIR)}. "
            f"Received: {len(runs['cell'])}."
        )
    return key, runs
