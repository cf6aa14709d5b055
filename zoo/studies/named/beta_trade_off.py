"""β trades reconstruction for disentanglement."""

from zoo.studies.named import _figures, _grids
from zoo.studies.named._numbers import (
    groups,
    known,
    leads,
    numbers,
    rank_correlation,
    where,
    word_of,
)
from zoo.studies.named._pools import TRAINING
from zoo.studies.named.base import NOT_SHOWN, REFUTED, SHOWN, Budget, NamedStudy, Verdict

SCORE = "factor_vae_score"


class BetaTradeOff(NamedStudy):
    """A larger β disentangles better and reconstructs worse."""

    title = "The price of β"
    claim = "A larger β buys disentanglement with reconstruction (Higgins et al., β-VAE, 2017; Kim & Mnih, 2018)."
    published = "On 2D Shapes the best mean FactorVAE score of a β-VAE is about 0.73, of β = 4, at about 45 nats."
    rule = (
        "Shown: Spearman's correlation of β and reconstruction over all runs is positive with p < 0.05, and the best "
        "mean score belongs to a β above 1 whose runs are above those of β = 1 by two standard errors. Refuted: "
        "reconstruction falls with β (p < 0.05), or every larger β's score is below that of β = 1 by two standard "
        "errors. Else: not shown. The best of several β is favoured by chance, so the figure shows every run."
    )
    scores = ("reconstruction", "kl", *_grids.SCORES)
    alike = TRAINING

    def budgets(self):
        """A sweep over β."""
        few = {"betas": (1, 2, 4, 8), "gammas": ()}
        every = {"gammas": ()}
        return {
            "small": Budget(_grids.sweeps(_grids.SHORT, range(3), **few), 15),
            "middle": Budget(
                _grids.sweeps(_grids.MIDDLE, range(3), **every), 10, "one GPU, as portable jobs"
            ),
            "paper": Budget(
                _grids.sweeps(_grids.PUBLISHED, _grids.PAPER_SEEDS, **every), 3500, "one GPU"
            ),
        }

    def judge(self, columns):
        """From the order of reconstructions, and the best β against β = 1."""
        runs = known(where(columns, model="beta_vae"), "beta", "reconstruction", SCORE)
        by_beta = groups(runs, "beta")
        if 1 not in by_beta or max(by_beta) <= 1:
            raise ValueError(
                "Expected runs of beta_vae with beta = 1 and larger. Received: not both."
            )
        rank, p = rank_correlation(numbers(runs, "beta"), numbers(runs, "reconstruction"))
        one = numbers(by_beta[1], SCORE)
        gaps = {beta: gap for beta, *gap in leads(runs, "beta", SCORE, one) if beta != 1}
        best = max(gaps, key=lambda beta: gaps[beta][0])
        words = {beta: word_of(*gap) for beta, gap in gaps.items() if beta > 1}
        costs = p < 0.05
        if costs and rank > 0 and words.get(best) == SHOWN:
            word = SHOWN
        elif (costs and rank < 0) or set(words.values()) == {REFUTED}:
            word = REFUTED
        else:
            word = NOT_SHOWN
        gap, error = gaps[best]
        return Verdict(
            word,
            f"Spearman's correlation of β and reconstruction is {rank:.2f} (p = {p:.2g}); the best "
            f"mean score is that of β = {best:g}, {gap:+.3f} ± {error:.3f} (standard error) beside β = 1.",
        )

    def figures(self, columns):
        """The curve, run by run."""
        return {
            "trade_off": _figures.by_reconstruction(
                known(where(columns, model="beta_vae"), "beta"), SCORE, "FactorVAE score"
            )
        }
