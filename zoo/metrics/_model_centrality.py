"""ModelCentrality."""

from collections.abc import Sequence

import numpy as np


def model_centrality(
    codes: Sequence[Sequence[np.ndarray]],
    any_codes: Sequence[Sequence[np.ndarray]],
    fixed: Sequence[np.ndarray],
) -> dict[str, float]:
    """ModelCentrality: is a model in the middle of its kind, each model judged by the images of each other one?

        B_ij = FactorVAE score of model j, the latents of model i taken for the factors of its images
        s_i  = mean over other models j of (B_ij + B_ji) / 2

    A vote of B_ij is a group of images of model i that share one latent: the latent of model j that
    varies least in it, each relative to its deviation over any images of model i. The score is the
    share of votes that name the latent that most groups of one kind name, taken on the same votes. A
    latent of j that never moves names nothing.

    `zoo.comparison.model_centrality` draws the images and encodes them, from the folders of runs. UDR
    asks a similar question of codes of the data: `udr`.

    Args:
        codes: at `[i][j]` the codes by model j of images of model i, `(groups, images, latents of j)`.
        any_codes: at `[i][j]` those of images of model i in which nothing is fixed, `(n, latents of j)`.
        fixed: at `[i]` which latent of model i the images of each group share, `(groups,)`.

    Returns:
        `model_centrality`, the mean over models, then `model_centrality_0`, `model_centrality_1` and
        so on: s_i of each model, between 0 and 1. The model of the largest is the one to choose.

    Raises:
        ValueError: there are fewer than two models, or a table is missing or of another shape.

    Example:
        >>> latents = np.random.default_rng(0).normal(size=(40, 50, 2))
        >>> fixed = np.arange(40) % 2
        >>> latents[np.arange(40), :, fixed] = latents[np.arange(40), :1, fixed]
        >>> found = model_centrality([[latents] * 2] * 2, [[latents[:, 0]] * 2] * 2, [fixed] * 2)
        >>> found["model_centrality"]
        1.0

    Reference:
        Lin et al. 2020, "InfoGAN-CR and ModelCentrality: Self-supervised Model Training and Selection
        for Disentangling GANs", section 4.
    """
    models = len(codes)
    if models < 2:
        raise ValueError(f"Expected `codes` of at least 2 models. Received: {models}.")
    if {len(any_codes), len(fixed), *map(len, codes), *map(len, any_codes)} != {models}:
        raise ValueError(
            f"Expected tables of all pairs of {models} models. Received: rows of "
            f"{[len(row) for row in codes]} and {[len(row) for row in any_codes]}, and `fixed` of {len(fixed)}."
        )
    scores = np.array(
        [
            [vote_share(codes[i][j], any_codes[i][j], fixed[i]) for j in range(models)]
            for i in range(models)
        ]
    )
    both = (scores + scores.T) / 2
    central = (both.sum(axis=1) - np.diag(both)) / (models - 1)
    each = {f"model_centrality_{model}": float(score) for model, score in enumerate(central)}
    return {"model_centrality": float(central.mean()), **each}


def vote_share(codes: np.ndarray, any_codes: np.ndarray, fixed: np.ndarray) -> float:
    """B_ij: how far the latent of least variance tells which latent was fixed; tables as at `[i][j]`."""
    codes, any_codes, fixed = np.asarray(codes), np.asarray(any_codes), np.asarray(fixed)
    if codes.ndim != 3 or any_codes.shape[1:] != codes.shape[2:] or fixed.shape != codes.shape[:1]:
        raise ValueError(
            "Expected codes (groups, images, latents), any codes (n, latents) and fixed latents (groups,). "
            f"Received: shapes {codes.shape}, {any_codes.shape} and {fixed.shape}."
        )
    moves = np.ptp(any_codes, axis=0) > 0
    if not moves.any():
        return 0.0
    deviation = any_codes[:, moves].std(axis=0, dtype=np.float64)
    least = (codes[..., moves].std(axis=1, dtype=np.float64) / deviation).argmin(axis=1)
    votes = np.zeros((moves.sum(), fixed.max() + 1))
    np.add.at(votes, (least, fixed), 1)
    return float(votes.max(axis=1).sum() / len(fixed))
