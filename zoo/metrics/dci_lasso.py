"""DCI by linear regressions."""

from typing import NamedTuple

import numpy as np
from sklearn.linear_model import Lasso

from zoo.metrics import base
from zoo.metrics._purity import purities, weighted_purity


class _Regression(NamedTuple):
    """How one factor is told by a line: each latent's absolute weight, and errors on the two sets of rows."""

    weights: np.ndarray
    trained: float
    tested: float


def dci_lasso(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    train_samples: int = 10_000,
    test_samples: int = 5_000,
    penalty: float = 0.02,
) -> dict[str, float]:
    """DCI by lasso, as in the paper: importances are the absolute weights of sparse linear regressions.

        R_jk              |weight| of latent j in a lasso of factor k
        disentanglement = sum_j w_j (1 - H(R_j. / sum_k R_jk) / log(factors)),    w_j ~ sum_k R_jk
        completeness    = mean_k (1 - H(R_.k / sum_j R_jk) / log(latents))
        error           = mean_k root-mean-square error of that prediction / standard deviation of v_k

    Codes and factors are standardised by the rows that are learned from; the lasso minimises half the
    mean squared error plus `penalty` times the sum of the absolute weights. A factor is the number of
    its value, in rising order: the order counts, which trees do not ask for, and a factor without one,
    such as a shape, is told badly whatever the codes. A factor without any weight is 0 complete.

    What is left out, and what is warned of, is as for `dci`.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample; the same seed gives the same bits.
        train_samples: rows that the regressions learn from; two thirds where the table is too small.
        test_samples: other rows.
        penalty: of the weights.

    Returns:
        `dci_lasso`, the disentanglement, and `dci_lasso_completeness`, each between 0 and 1; then
        `dci_lasso_error_test` and `dci_lasso_error_train`: 0 if all is told, about 1 if nothing.

    Raises:
        ValueError: an argument is not as described, or no factor can be scored.

    Example:
        >>> factors = np.indices((3, 4)).reshape(2, -1).T.repeat(10, axis=0)
        >>> scores = dci_lasso(2.0 * factors, factors)
        >>> round(scores["dci_lasso"], 6), round(scores["dci_lasso_error_train"], 2)
        (1.0, 0.02)

    Reference:
        Eastwood and Williams 2018, "A Framework for the Quantitative Evaluation of Disentangled
        Representations", sections 2 and 4; penalty and averages as in the authors' code.
    """
    codes, factors = base.check_table(codes, factors)
    base.check_number("penalty", penalty, above=True)
    generator = base.random_generator(seed)
    split = base.split_table(generator, codes, factors, train_samples, test_samples)
    split = base.learnable(split)
    base.warn_of_one(split.factors)
    train, test = _standardised(split.train, split.test)
    with base.one_thread():
        found = [_regression(train, test, *both, penalty) for both in split.factors.values()]
    weights = np.stack([one.weights for one in found])
    return {
        "dci_lasso": weighted_purity(weights.T),
        "dci_lasso_completeness": float(purities(weights).mean()),
        "dci_lasso_error_test": float(np.mean([one.tested for one in found])),
        "dci_lasso_error_train": float(np.mean([one.trained for one in found])),
    }


dci_lasso.least_factors = 2


def _standardised(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both by mean and deviation of the first; a column that is constant there becomes 0 in both."""
    varies = np.ptp(train, axis=0) > 0
    mean, deviation = train.mean(axis=0), np.where(varies, train.std(axis=0), np.inf)
    return (train - mean) / deviation, (test - mean) / deviation


def _regression(
    train: np.ndarray,
    test: np.ndarray,
    train_numbers: np.ndarray,
    test_numbers: np.ndarray,
    penalty: float,
) -> _Regression:
    """A lasso of one factor."""
    numbers = (train_numbers[:, None].astype(float), test_numbers[:, None].astype(float))
    wanted, others = (column[:, 0] for column in _standardised(*numbers))
    model = base.fit(Lasso(alpha=penalty, max_iter=10_000, random_state=0), train, wanted)
    errors = [
        float(np.sqrt(np.mean((model.predict(table) - truth) ** 2)))
        for table, truth in ((train, wanted), (test, others))
    ]
    return _Regression(np.abs(model.coef_), *errors)
