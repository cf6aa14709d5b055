"""Separated attribute predictability."""

import numpy as np
from sklearn.svm import LinearSVC

from zoo.metrics import base


def sap(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    train_samples: int = 10_000,
    test_samples: int = 5_000,
    penalty: float = 0.01,
) -> dict[str, float]:
    """SAP: how much better does the best single latent predict a factor than the second best?

        SAP = mean_k (S_ak - S_bk),    S_jk: accuracy of a linear classifier of factor k that sees
                                       latent j alone; a and b the latents where it is highest

    The classifier is a linear support vector machine for each value against the others, classes
    weighted to be balanced, scored on rows that it has not seen. Its penalty includes the
    intercept and is on the weight of the code as it is, so that the score depends on the scale of
    the latents; and a line cannot single out a value in the middle, so that even a perfect code of
    a factor of 40 values scores low. Both are as published.

    With a single latent the second best is a constant one. A factor with a single value, or with
    one value in the rows to learn from, is left out, with a `UserWarning`.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample; the same seed gives the same bits.
        train_samples: rows that the classifiers learn from; two thirds where the table is too small.
        test_samples: other rows, on which they are scored.
        penalty: the classifier's C, the inverse of its penalty.

    Returns:
        `sap`, between 0 and 1.

    Raises:
        ValueError: an argument is not as described, or no factor can be scored.

    Example:
        >>> factors = np.indices((2, 2)).reshape(2, -1).T.repeat(50, axis=0)
        >>> 0.4 < sap(2.0 * factors, factors)["sap"] < 0.6
        True

    Reference:
        Kumar et al. 2018, "Variational Inference of Disentangled Latent Concepts from Unlabeled
        Observations", section 3; settings as in Locatello et al. 2019, "Challenging Common
        Assumptions", for discrete factors.
    """
    codes, factors = base.check_table(codes, factors)
    base.check_number("penalty", penalty, above=True)
    if codes.shape[1] == 1:
        codes = np.concatenate([codes, np.zeros_like(codes)], axis=1)
    generator = base.random_generator(seed)
    split = base.split_table(generator, codes, factors, train_samples, test_samples)
    split = base.learnable(split)
    with base.one_thread():
        gaps = [
            base.top_gap(_accuracies(split, *numbers, penalty))
            for numbers in split.factors.values()
        ]
    return {"sap": float(np.mean(gaps))}


def _accuracies(
    split: base.Split, train_numbers: np.ndarray, test_numbers: np.ndarray, penalty: float
) -> np.ndarray:
    """Accuracy of the prediction of one factor from each latent."""
    # The primal problem: same optimum as the dual one, found without random draws.
    model = LinearSVC(C=penalty, class_weight="balanced", dual=False, random_state=0)
    accuracies = []
    for train, test in zip(split.train.T, split.test.T, strict=True):
        predicted = base.fit(model, train[:, None], train_numbers).predict(test[:, None])
        accuracies.append(np.mean(predicted == test_numbers))
    return np.array(accuracies)
