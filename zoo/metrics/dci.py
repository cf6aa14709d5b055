"""Disentanglement, completeness and informativeness."""

import numpy as np

from zoo.metrics import _importances


def dci(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    train_samples: int = 10_000,
    test_samples: int = 5_000,
    booster: str = "gradient_boosting",
    trees: int = 100,
    depth: int = 3,
    jobs: int = 1,
) -> dict[str, float]:
    """DCI: does each latent matter for one factor, each factor for one latent, and is all known?

        R_jk              importance of latent j for boosted trees that predict factor k
        disentanglement = sum_j w_j (1 - H(R_j. / sum_k R_jk) / log(factors)),    w_j ~ sum_k R_jk
        completeness    = sum_k w_k (1 - H(R_.k / sum_j R_jk) / log(latents)),    w_k ~ sum_j R_jk
        informativeness = mean over factors of the accuracy of that prediction

    with the entropy H in nats and weights w that add to 1. Importances of a factor add to 1, or are
    all 0 where no latent tells anything. With a single latent, or a single factor, the entropy is
    always 0 and there is nothing to spread over: completeness, or disentanglement, is then 1 if
    anything matters. A factor with a single value, or with one value in the rows to learn from, is
    left out. A `UserWarning` tells of that, and of a single factor.

    `booster` is `"gradient_boosting"`, the published trees; `"scikit_learn"`, the same from that
    library, about nine times slower; or `"lightgbm"` (`pip install "vae-zoo[lightgbm]"`), faster still,
    whose importances are gains of its own loss: never compare its scores with those of the others.
    Nor with random forests, `dci_forest`, or the linear regressions of the paper itself, `dci_lasso`.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample and of the trees; the same seed gives the same bits.
        train_samples: rows that the trees learn from; two thirds where the table is too small.
        test_samples: other rows, on which informativeness is measured.
        booster: which boosted trees.
        trees: rounds of boosting; each has a tree for every value of the factor.
        depth: of a tree.
        jobs: processes; does not change the scores.

    Returns:
        `dci`, the disentanglement; `dci_completeness`; `dci_informativeness_test` and
        `dci_informativeness_train`; each between 0 and 1.

    Raises:
        ValueError: an argument is not as described, or no factor can be scored.

    Example:
        >>> factors = np.indices((3, 4)).reshape(2, -1).T.repeat(10, axis=0)
        >>> scores = dci(2.0 * factors, factors, trees=5)
        >>> round(scores["dci"], 6), round(scores["dci_completeness"], 6)
        (1.0, 1.0)

    Reference:
        Eastwood and Williams 2018, "A Framework for the Quantitative Evaluation of Disentangled
        Representations", section 2; boosted trees as in Locatello et al. 2019, "Challenging Common
        Assumptions".
    """
    make = _importances.boosted(booster, trees, depth)
    found = _importances.learn(codes, factors, seed, train_samples, test_samples, make, jobs)
    return _importances.dci_scores("dci", found)


dci.least_factors = 2
