"""ModelCentrality of runs: each model's images, encoded by each other one."""

import os
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from zoo import metrics, runs
from zoo.utils import files, progress
from zoo.utils.checks import check_integer, folded_seed

CHUNK = 256  # images at a time


def model_centrality(
    folders: Iterable[str | os.PathLike],
    *,
    groups: int = 1000,
    images: int = 100,
    samples: int = 10_000,
    seed: int = 0,
    show_progress: bool = False,
) -> dict[str, float]:
    """ModelCentrality of runs that differ in their seed alone: which model do the others agree with most?

    Each model draws images from its prior, groups of which share one of its latents; every model encodes them, and
    the latent that varies least in a group has to tell which was shared. No factors are needed, and no data: see
    `zoo.metrics.model_centrality`. Its cost is that of `groups` times `images` encodings for each pair of models.

    Args:
        folders: of at least two runs, whose models have continuous latents with a prior.
        groups: of images of each model; latents take turns, so that there are at least as many groups.
        images: of a group.
        samples: images of each model in which nothing is shared.
        seed: of the draws.
        show_progress: whether a progress bar is shown.

    Returns:
        As `zoo.metrics.model_centrality`: `model_centrality`, then `model_centrality_0` for the first folder and so
        on. The run of the highest is the one to choose.

    Raises:
        ValueError: a folder holds no run, runs differ in more than their seed, there are fewer than two, or their
            models have categorical latents or no prior.

    Example:
        Which of some runs is in the middle of all:

            scores = zoo.comparison.model_centrality(sorted(Path("runs").glob("beta_vae-shapes2d-seed*")))

    Reference: Lin et al., InfoGAN-CR and ModelCentrality, 2020; 1,000 groups of 100 as in the authors' code, which
    takes a tenth of the dataset's size for `samples`.
    """
    check_integer("groups", groups, least=1)
    check_integer("images", images, least=2)
    check_integer("samples", samples, least=2)
    check_integer("seed", seed, least=0)
    folders = files.paths_of(folders)
    runs.alike(folders)
    models = [runs.load(folder) for folder in folders]
    latents = _latents(models[0])
    if groups < latents:
        raise ValueError(
            f"`groups` must be at least the number of latents, {latents}, which take turns. Received: groups={groups}"
        )
    fixed = np.arange(groups) % latents
    shown = progress.bar(iterable=models, desc="draw", unit="model", disable=not show_progress)
    codes, any_codes = [], []
    for number, model in enumerate(shown):
        drawn = _drawn(model, groups * images + samples, folded_seed(seed), number)
        shared = drawn[: groups * images].reshape(groups, images, latents)
        which = np.arange(groups)
        shared[which, :, fixed] = shared[which, :1, fixed]
        found = _encoded(model, models, drawn)
        codes.append([table[: groups * images].reshape(groups, images, -1) for table in found])
        any_codes.append([table[groups * images :] for table in found])
    return metrics.model_centrality(codes, any_codes, [fixed] * len(models))


def _latents(model) -> int:
    """How many latents models of a kind have; raises `ValueError` where one cannot be held."""
    if model.categories or not model.has_elbo:
        raise ValueError(
            "Expected models with a prior whose latents are all continuous. Received: "
            f"{type(model).__name__}. Compare such runs by UDR: zoo.comparison.udr."
        )
    return model.latent_dim


def _drawn(model, count: int, seed: int, number: int) -> np.ndarray:
    """Latents from the prior, `(count, latents)`; other ones for each number."""
    return model.prior.sample(count, seed=tf.constant([seed, number], tf.int32)).numpy()


def _encoded(maker, models: list, latents: np.ndarray) -> list[np.ndarray]:
    """Codes by each model of the images that `maker` makes of latents, `(n, latents of the model)` each."""
    parts = [[] for _ in models]
    for start in range(0, len(latents), CHUNK):
        drawn = maker.decode(latents[start : start + CHUNK]).mean()
        for part, model in zip(parts, models, strict=True):
            part.append(model.measure_codes(drawn))
    return [np.concatenate(part) for part in parts]
