"""DCI by random forests."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from zoo.metrics import _importances
from zoo.utils import registry
from zoo.utils.checks import check_integer, folded_seed


def dci_forest(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    train_samples: int = 10_000,
    test_samples: int = 5_000,
    forest: str = "shallow",
    trees: int = 100,
    jobs: int = 1,
) -> dict[str, float]:
    """DCI by random forests: as `dci`, but importances and predictions are those of forests.

        R_jk              importance of latent j for the forest that predicts factor k, adds to 1 over j
        disentanglement = sum_j w_j (1 - H(R_j. / sum_k R_jk) / log(factors)),    w_j ~ sum_k R_jk
        completeness    = sum_k w_k (1 - H(R_.k / sum_j R_jk) / log(latents)),    w_k ~ sum_j R_jk
        informativeness = mean over factors of the accuracy of that prediction

    Importances of forests are spread wider than those of boosted trees: where latents are noise, deep
    trees still split on them. Scores are other numbers than those of `dci`, lower as a rule.

    `forest` is `"shallow"`: splits by entropy, trees of depth 10; or `"plain"`: scikit-learn's own
    settings, Gini impurity and no limit of the depth. What is left out, and what is warned of, is as
    for `dci`.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample and of the trees; the same seed gives the same bits.
        train_samples: rows that the trees learn from; two thirds where the table is too small.
        test_samples: other rows, on which informativeness is measured.
        forest: which forest.
        trees: of a forest.
        jobs: processes; does not change the scores.

    Returns:
        `dci_forest`, the disentanglement; `dci_forest_completeness`; `dci_forest_informativeness_test`
        and `dci_forest_informativeness_train`; each between 0 and 1.

    Raises:
        ValueError: an argument is not as described, or no factor can be scored.

    Example:
        >>> factors = np.indices((3, 4)).reshape(2, -1).T.repeat(10, axis=0)
        >>> 0.7 < dci_forest(2.0 * factors, factors, trees=20)["dci_forest"] <= 1
        True

    Reference:
        Eastwood and Williams 2018, "A Framework for the Quantitative Evaluation of Disentangled
        Representations", section 2; 100 trees by entropy of depth 10 as in the code of Hsu et al. 2024,
        "Tripod: Three Complementary Inductive Biases for Disentangled Representation Learning".
    """
    check_integer("trees", trees, least=1)
    registry.check_known("forest", forest, FORESTS)

    def make(tree_seed: int) -> Any:
        return FORESTS[forest](n_estimators=trees, random_state=folded_seed(tree_seed, bits=32))

    found = _importances.learn(codes, factors, seed, train_samples, test_samples, make, jobs)
    return _importances.dci_scores("dci_forest", found)


dci_forest.least_factors = 2


def shallow(**settings: Any) -> RandomForestClassifier:
    """Trees of depth 10 that split by entropy."""
    return RandomForestClassifier(criterion="entropy", max_depth=10, **settings)


FORESTS: dict[str, Callable[..., Any]] = {"shallow": shallow, "plain": RandomForestClassifier}
