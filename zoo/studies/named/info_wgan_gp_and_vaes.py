"""InfoWGAN-GP beside the VAEs."""

from zoo.studies.named import _figures, _grids
from zoo.studies.named._numbers import difference, groups, mean_and_std, numbers, where, word_of
from zoo.studies.named._pools import TRAINING
from zoo.studies.named.base import Budget, NamedStudy, Verdict
from zoo.studies.plan import Block, Study

SCORE = "factor_vae_score"
GAN, VAES = "info_wgan_gp", ("beta_vae", "factor_vae")


class InfoWGANGPAndVAEs(NamedStudy):
    """InfoWGAN-GP stays below the VAEs on 2D Shapes."""

    title = "InfoWGAN-GP below the VAEs"
    claim = (
        "On 2D Shapes InfoWGAN-GP stays well under β-VAE and FactorVAE in FactorVAE score (Kim & Mnih, Disentangling "
        "by Factorising, 2018): four continuous codes and one of three categories."
    )
    published = "Curves without a table, for λ from 0 to 1 and 5 to 160 noises: all under the VAEs."
    rule = (
        "The best mean of InfoWGAN-GP's settings is set beside the worst of β-VAE's and FactorVAE's, which favours "
        "the claim's opposite. Shown: it is lower by two standard errors. Refuted: the best mean of InfoWGAN-GP is "
        "higher than the best of the VAEs' by two. Else: not shown."
    )
    scores = _grids.SCORES
    alike = TRAINING

    def budgets(self):
        """InfoWGAN-GP with two weights λ, β-VAE and FactorVAE."""
        return {
            "small": Budget(_study(_grids.SHORT, (0.1, 1.0), (5,)), 40),
            "paper": Budget(
                _study(_grids.PUBLISHED, (0, 0.2, 0.4, 0.6, 0.8, 1.0), (5, 10, 20, 40, 80, 160)),
                3000,
                "one GPU",
            ),
        }

    def judge(self, columns):
        """From the best mean of the GAN, and the worst and best of the VAEs."""
        gans = groups(where(columns, model=GAN))
        vaes = groups(where(columns, lambda row: row["model"] in VAES))
        if not gans or not vaes:
            raise ValueError(
                "Expected runs of info_wgan_gp and of beta_vae or factor_vae. Received: not both."
            )
        best = _best(gans)
        worst, top = _best(vaes, -1), _best(vaes)
        below = difference(numbers(vaes[worst], SCORE), numbers(gans[best], SCORE))
        ahead = difference(numbers(gans[best], SCORE), numbers(vaes[top], SCORE))
        word = (
            "refuted"
            if word_of(*ahead) == "shown"
            else word_of(*below).replace("refuted", "not shown")
        )
        return Verdict(
            word,
            f"{best}: {mean_and_std(gans[best], SCORE)}; the worst of the VAEs, {worst}: "
            f"{mean_and_std(vaes[worst], SCORE)}, {below[0]:+.3f} ± {below[1]:.3f} (standard error) beside it.",
        )

    def tables(self, columns):
        """Means of these models alone, where the table has others."""
        return super().tables(where(columns, lambda row: row["model"] in (GAN, *VAES)))

    def figures(self, columns):
        """Scores, model by model."""
        both = where(columns, lambda row: row["model"] in (GAN, *VAES))
        return {"scores": _figures.by_group(both, (SCORE, "mig", "dci"), "model")}


def _best(settings: dict, sign: int = 1) -> str:
    return max(settings, key=lambda name: sign * numbers(settings[name], SCORE).mean())


def _study(run: dict, weights, noises) -> Study:
    gan = Block(
        GAN,
        "shapes2d",
        grid={"information_weight": list(weights), "noise_dim": list(noises)},
        settings={"categories": 3},
        run={**run, "latent_dim": 7},
    )
    vaes = [
        Block("beta_vae", "shapes2d", settings={"beta": 4}, run=run),
        Block("factor_vae", "shapes2d", settings={"gamma": 40}, run=run),
    ]
    return Study([gan, *vaes], _grids.SCORES)
