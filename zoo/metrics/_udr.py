"""Unsupervised disentanglement ranking."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats
from sklearn.linear_model import Lasso

from zoo.metrics import base
from zoo.utils import registry
from zoo.utils.checks import check_integer


def udr(
    codes: Sequence[np.ndarray],
    kl: Sequence[np.ndarray] | None = None,
    *,
    seed: int = 0,
    samples: int = 10_000,
    similarity: str = "lasso",
    min_kl: float = 0.01,
) -> dict[str, float]:
    """UDR: do models of different seeds agree on the latents, up to order and sign?

        UDR_ij = (sum_b r_b^2 / sum_a R_ab + sum_a r_a^2 / sum_b R_ab) / (d_i + d_j)
        UDR_i  = median over other models j of UDR_ij

    with R_ab >= 0 the similarity of latent a of model j to latent b of model i, r_b and r_a the
    largest entry of its column and row, and d_i the number of informative latents of model i, over
    which alone the sums go: those with KL(q(z|x) || p(z)) above `min_kl` on average. A column or
    row of zeros adds nothing; a model without an informative latent has 0.

    Args:
        codes: for each of at least two models, trained alike with different seeds, the means
            `(n, latents)` of the same n images; latents may differ in number.
        kl: for each model the mean KL of each latent in nats, `(latents,)`; default: every latent
            that is not constant is informative.
        seed: of the sample; the same seed gives the same bits.
        samples: how many different rows are used; all of them where there are no more.
        similarity: `"lasso"`, the absolute weights with which a Lasso of penalty 0.1 predicts
            standardised codes of model i from those of model j; or `"spearman"`, the absolute rank
            correlation.
        min_kl: in nats.

    Returns:
        `udr`, the median over models, then `udr_0`, `udr_1` and so on, that of each model. Models
        that agree have about 0.9 with `"lasso"` and 1 with `"spearman"`, with which none has more.
        Weights of a Lasso are above 1 for small differences of correlated latents, and by the
        definition the score may then be somewhat above 1: 1.04 for a model whose one latent is the
        difference of two of correlation 0.92. None is below 0.

    Raises:
        ValueError: an argument is not as described.

    Example:
        >>> codes = np.random.default_rng(0).normal(size=(1000, 3))
        >>> udr([codes, -codes[:, [2, 0, 1]]], similarity="spearman")["udr"] > 0.8
        True

    Reference:
        Duan et al. 2020, "Unsupervised Model Selection for Variational Disentangled Representation
        Learning", equation 2.
    """
    check_integer("samples", samples, least=2)
    base.check_number("min_kl", min_kl)
    registry.check_known("similarity", similarity, SIMILARITIES)
    tables = _tables(codes)
    rows = base.sample_rows(base.random_generator(seed), len(tables[0]), samples)
    informative = _informative(tables, kl, min_kl)
    tables = [
        _standardised(table[rows])[:, kept] for table, kept in zip(tables, informative, strict=True)
    ]
    with base.one_thread():
        scores = [_score(model, tables, SIMILARITIES[similarity]) for model in range(len(tables))]
    each = {f"udr_{model}": score for model, score in enumerate(scores)}
    return {"udr": float(np.median(scores)), **each}


def lasso(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Absolute weights of each source latent in the prediction of each target latent."""
    weights = Lasso(alpha=0.1, precompute=True, random_state=0).fit(source, target).coef_
    return np.abs(weights.reshape(target.shape[1], source.shape[1])).T


def spearman(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Absolute rank correlation of each source latent with each target latent."""
    source, target = (_standardised(stats.rankdata(table, axis=0)) for table in (source, target))
    return np.abs(source.T @ target) / len(source)


SIMILARITIES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "lasso": lasso,
    "spearman": spearman,
}


def _tables(codes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The models' codes, checked."""
    if len(codes) < 2:
        raise ValueError(f"Expected `codes` of at least 2 models. Received: {len(codes)}.")
    tables = [base.check_codes(table) for table in codes]
    lengths = {len(table) for table in tables}
    if len(lengths) > 1:
        raise ValueError(
            "Expected codes of the same images for all models. "
            f"Received: {', '.join(str(len(table)) for table in tables)} rows."
        )
    return tables


def _informative(
    tables: list[np.ndarray], kl: Sequence[np.ndarray] | None, min_kl: float
) -> list[np.ndarray]:
    """For each model which of its latents count."""
    vary = [np.ptp(table, axis=0) > 0 for table in tables]
    if kl is None:
        return vary
    kl = [np.asarray(of_model) for of_model in kl]
    if [of_model.shape for of_model in kl] != [of_model.shape for of_model in vary]:
        raise ValueError(
            "Expected `kl` with an entry for each latent of each model: shapes "
            f"{[of_model.shape for of_model in vary]}. "
            f"Received: {[of_model.shape for of_model in kl]}. Of an entry for each image, "
            "(n, latents), take the mean over images."
        )
    return [moves & (of_model > min_kl) for moves, of_model in zip(vary, kl, strict=True)]


def _standardised(table: np.ndarray) -> np.ndarray:
    centred = table - table.mean(axis=0, dtype=np.float64)
    deviation = centred.std(axis=0)
    return centred / np.where(deviation > 0, deviation, 1)


def _score(model: int, tables: list[np.ndarray], similarity: Callable) -> float:
    """Median agreement of one model with the others."""
    target = tables[model]
    others = tables[:model] + tables[model + 1 :]
    return float(np.median([_agreement(source, target, similarity) for source in others]))


def _agreement(source: np.ndarray, target: np.ndarray, similarity: Callable) -> float:
    if not source.shape[1] or not target.shape[1]:
        return 0.0
    similar = similarity(source, target)
    total = _one_to_one(similar).sum() + _one_to_one(similar.T).sum()
    return float(total / sum(similar.shape))


def _one_to_one(similar: np.ndarray) -> np.ndarray:
    """For each row its largest entry, times that entry's share of the row."""
    totals = similar.sum(axis=1)
    return similar.max(axis=1) ** 2 / np.where(totals > 0, totals, 1)
