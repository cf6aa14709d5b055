"""Grey images: Bernoulli, continuous Bernoulli, Beta and a Gaussian of learned scale."""

from collections.abc import Sequence

import numpy as np

from zoo import datasets, runs
from zoo.measure.perceived_distance import tilts_of
from zoo.studies.named import _figures, _grey
from zoo.studies.named._numbers import (
    difference,
    groups,
    has,
    known,
    leads,
    mean_and_std,
    numbers,
    where,
    word_of,
    word_of_all,
)
from zoo.studies.named._pools import TRAINING
from zoo.studies.named.base import NOT_SHOWN, REFUTED, SHOWN, Budget, NamedStudy, Verdict
from zoo.studies.plan import Block, Study
from zoo.utils.texts import markdown_table

MODEL, WRONG, RIGHT = "beta_vae", "bernoulli", "continuous_bernoulli"
LIKELIHOODS = {
    WRONG: "Bernoulli",
    RIGHT: "continuous Bernoulli",
    "beta": "Beta",
    "gaussian(scale='learned')": "Gaussian, learned σ",
}
OWN, DENSITY = "held_out_elbo", "density_elbo"
FAR, DRAWN = "frechet", "frechet_of_draws"
SAME_LOGITS, SAME_MEAN = "density_by_logits", "density_by_mean"
DIGITS = "split(digits, 0.8, 0.2, seed=0)"
MNIST = "split('mnist/t10k-images-idx3-ubyte.gz', 0.8, 0.2, seed=0)"
HELD_OUT = {
    f"{DIGITS}[0]": f"{DIGITS}[1]",
    f"{MNIST}[0]": f"{MNIST}[1]",
    "tfds:mnist[train]": "tfds:mnist[test]",
}
DRAWS, SAMPLES, SEED = 10, 2000, 0
NEAREST = 1e-7  # a mean's distance from 0 and 1, beyond which float32 no longer tells


class ContinuousBernoulli(NamedStudy):
    """On grey images the continuous Bernoulli needs no weight of the KL, and the Bernoulli is no likelihood."""

    title = "A likelihood for grey images"
    claim = (
        "On grey images the Bernoulli “ELBO” is no bound on the log-likelihood: a normaliser is missing. With it, as "
        "the continuous Bernoulli, the same networks learn a better density and draw better samples, and no weight "
        "of the KL has to be tuned (Loaiza-Ganem & Cunningham, The continuous Bernoulli: fixing a pervasive error in "
        "variational autoencoders, 2019)."
    )
    published = (
        "Pictures of samples of MNIST and other sets; no table that ours could be held against."
    )
    rule = (
        "On images held out of training, in nats per image: a trained Bernoulli decoder's logits, or its means, are "
        "read as those of a continuous Bernoulli, whichever is better, so that the missing normaliser is in. Samples: "
        "Fréchet distance of the pixels of 2,000 mean images from the prior to the images held out. At β = 1 (1) the "
        "continuous Bernoulli's ELBO is above that density of the Bernoulli's by two standard errors over seeds, (2) "
        "its samples are nearer by two, and (3) none of its other β has an ELBO above that of β = 1 by two. Shown: all "
        "three. Refuted: (1) or (2) is reversed by two standard errors, or another β gains the continuous Bernoulli "
        "more, by two standard errors, than any gains the Bernoulli. Else: not shown. Beta and Gaussian are told "
        "beside; the levels of grey are few, so a density may be high without limit at exact black, and "
        "nats of different families tell that as well."
    )
    scores = (
        OWN,
        DENSITY,
        SAME_LOGITS,
        SAME_MEAN,
        "missing_normalizer",
        "held_out_kl",
        "held_out_error",
        FAR,
        DRAWN,
    )
    alike = TRAINING

    def budgets(self):
        """Four likelihoods over β."""
        few, many = (0.25, 1, 4), (0.125, 0.25, 0.5, 1, 2, 4, 8)
        return {
            "small": Budget(_study(f"{DIGITS}[0]", few, {"steps": 2000}), 15),
            "middle": Budget(
                _study(f"{MNIST}[0]", many, {"steps": 10_000}),
                60,
                "one GPU, as portable jobs, with MNIST's test images in mnist/",
            ),
            "paper": Budget(
                _study("tfds:mnist[train]", many, {"steps": 100_000, "learning_rate": 1e-4}),
                600,
                "one GPU, after a download of MNIST",
            ),
        }

    def look(self, folder):
        """Bounds on images held out, and distances of samples."""
        model, config = runs.load(folder), runs.load_config(folder)
        if config.data not in HELD_OUT:
            raise ValueError(
                f"Expected runs on {', '.join(HELD_OUT)}, of which images are held out. Received: {config.data!r}"
            )
        training, held = datasets.load(config.data), datasets.load(HELD_OUT[config.data])
        images = _floats(held, np.arange(len(held)))
        means, draws = _samples(model)
        learned = np.random.default_rng(SEED).permutation(len(training))[:SAMPLES]
        return {
            **_bounds(model, images),
            "held_out_error": float(np.sqrt(np.mean((model(images).numpy() - images) ** 2))),
            FAR: _grey.frechet(means, images),
            DRAWN: _grey.frechet(draws, images),
            "frechet_of_training": _grey.frechet(_floats(training, learned), images),
        }

    def judge(self, columns):
        """From the two densities, the samples, and what other β gain."""
        parts = groups(runs_of(columns), "likelihood")
        if not {WRONG, RIGHT} <= set(parts):
            raise ValueError(
                f"Expected runs of {WRONG} and {RIGHT}. Received: {', '.join(parts) or 'none'}."
            )
        wrong, right = parts[WRONG], parts[RIGHT]
        one_wrong, one_right = where(wrong, beta=1), where(right, beta=1)
        denser = difference(numbers(one_right, DENSITY), numbers(one_wrong, DENSITY))
        nearer = difference(numbers(one_wrong, FAR), numbers(one_right, FAR))
        every = {name: _gains(rows) for name, rows in parts.items()}
        needed = {name: max(found, key=lambda gain: gain[1]) for name, found in every.items()}
        words = {word_of(*denser), word_of(*nearer), _word_of_gains(every[RIGHT], needed[WRONG])}
        word = word_of_all(words)
        gains = "; ".join(
            f"{LIKELIHOODS[name]} β = {beta:g}, {_told(gain, 1)}"
            for name, (beta, *gain) in needed.items()
        )
        return Verdict(
            word,
            f"At β = 1, held out: the Bernoulli's own value is {mean_and_std(one_wrong, OWN)} nats, as a density "
            f"{mean_and_std(one_wrong, DENSITY)}. The continuous Bernoulli's ELBO is "
            f"{mean_and_std(one_right, DENSITY)}, {_told(denser, 1)} beside it; its samples are nearer by "
            f"{_told(nearer, 3)}{_of_draws(one_wrong, one_right)}. Best other β and what it gains "
            f"beside β = 1, in nats: {gains} (± standard error).",
        )

    def tables(self, columns):
        """Means by setting, and the β that each measure would choose."""
        columns = runs_of(columns)
        chosen = [
            [LIKELIHOODS[name], f"{_best(rows, DENSITY):g}", f"{_best(rows, FAR, -1):g}"]
            for name, rows in groups(columns, "likelihood").items()
        ]
        head = ["likelihood", "best β by density", "best β by samples"]
        return {
            "Which β is best": markdown_table(head, chosen, (1, 2)),
            **super().tables(columns),
        }

    def figures(self, columns):
        """Density and samples over β, a line for each likelihood."""
        columns = runs_of(columns)
        figure, axes = _figures.panels(1, 3, width=2.9, height=2.8)
        wanted = {
            DENSITY: "held-out ELBO as a density\n(nats per image)",
            FAR: "samples' Fréchet distance\n(squared grey values)",
            "held_out_error": "root-mean-square error\n(black 0, white 1)",
        }
        betas = sorted(groups(columns, "beta"))
        for panel, (name, text) in zip(axes[0], wanted.items(), strict=True):
            _figures.lines(panel, columns, "beta", name, "likelihood", LIKELIHOODS)
            panel.set_xscale("log", base=2)
            panel.set_xticks(betas, [f"{beta:g}" for beta in betas])
            panel.minorticks_off()
            _figures.label(panel, "β, weight of the KL", text)
        axes[0, 1].set_ylim(bottom=0)
        axes[0, 2].set_ylim(bottom=0)
        axes[0, 2].legend(fontsize=_figures.FONT - 1, frameon=False, loc="lower right")
        return {"over_beta": figure}


def _bounds(model, images: np.ndarray) -> dict[str, float]:
    """Evidence lower bounds of images, means of several draws of q(z|x), nats per image."""
    posterior = model.encode(images)
    kl = float(np.mean(np.sum(model.latent_kl(posterior), axis=-1)))
    is_density = model.likelihood.is_density
    found = []
    for draw in range(DRAWS):
        latents = posterior.sample(seed=(SEED, draw))
        one = {OWN: model.decode(latents).log_prob(images).numpy()}
        found.append(one if is_density else {**one, **_readings(model.decoder(latents), images)})
    means = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
    normalizer = means.pop("missing_normalizer", None)
    bounds = {name: value - kl for name, value in means.items()}
    told = {} if normalizer is None else {"missing_normalizer": normalizer}
    best = bounds[OWN] if is_density else max(bounds[SAME_LOGITS], bounds[SAME_MEAN])
    return {**bounds, DENSITY: best, **told, "held_out_kl": kl}


def _readings(outputs, images: np.ndarray) -> dict[str, np.ndarray]:
    """What a Bernoulli's decoder gives, read as a continuous Bernoulli: with the same logits, or the same means."""
    logits = np.asarray(outputs, np.float64)
    tilts = tilts_of(1 / (1 + np.exp(-logits)), nearest=NEAREST)
    return {
        SAME_LOGITS: _grey.continuous_bernoulli(logits, images),
        SAME_MEAN: _grey.continuous_bernoulli(tilts, images),
        "missing_normalizer": _grey.log_normalizer(logits).sum(axis=(1, 2, 3)),
    }


def _samples(model) -> tuple[np.ndarray, np.ndarray]:
    """Mean images of latents from the prior, and images drawn around them."""
    around = model.decode(model.prior.sample(SAMPLES, seed=(SEED, 0)))
    return around.mean().numpy(), around.sample(seed=(SEED, 1)).numpy()


def _floats(data, indices: np.ndarray) -> np.ndarray:
    images = data.images(indices)
    return images / np.float32(255) if images.dtype == np.uint8 else images


def runs_of(columns) -> dict[str, list]:
    """The β-VAEs of one of the likelihoods, with their β and density."""
    rows = where(columns, lambda row: row["model"] == MODEL and row["likelihood"] in LIKELIHOODS)
    return known(rows, "beta", DENSITY, what=f"runs of {MODEL}")


def _gains(columns) -> list[tuple[float, float, float]]:
    """For each other β its value, by how much its density is above that of β = 1, and the standard error."""
    by_beta = groups(columns, "beta")
    if 1 not in by_beta or len(by_beta) < 2:
        raise ValueError("Expected runs with beta = 1 and another. Received: not both.")
    others = where(columns, lambda row: row["beta"] != 1)
    return leads(others, "beta", DENSITY, numbers(by_beta[1], DENSITY))


def _word_of_gains(
    right: Sequence[tuple[float, float, float]], wrong: tuple[float, float, float]
) -> str:
    """Shown where no other β helps; refuted where one helps more than any helps the Bernoulli."""
    helps = [gain for gain in right if word_of(*gain[1:]) == SHOWN]
    more = [(gap - wrong[1], float(np.hypot(error, wrong[2]))) for _, gap, error in helps]
    if any(word_of(*each) == SHOWN for each in more):
        return REFUTED
    return NOT_SHOWN if helps else SHOWN


def _told(gap: tuple[float, float], digits: int) -> str:
    return f"{gap[0]:+.{digits}f} ± {gap[1]:.{digits}f}"


def _of_draws(wrong, right) -> str:
    """What pixels that are drawn, and not means, are worth."""
    if not has(wrong, DRAWN) or not has(right, DRAWN):
        return ""
    return f" (pixels drawn as well: by {_told(difference(numbers(wrong, DRAWN), numbers(right, DRAWN)), 3)})"


def _best(columns, name: str, sign: int = 1) -> float:
    by_beta = groups(columns, "beta")
    return max(by_beta, key=lambda beta: sign * numbers(by_beta[beta], name).mean())


def _study(data: str, betas, run: dict) -> Study:
    grid = {"likelihood": list(LIKELIHOODS), "beta": list(betas)}
    run = {**run, "batch_size": 64}
    return Study([Block(MODEL, data, seeds=range(3), grid=grid, run=run)], ["mig"])
