"""SAP of linear regressions."""

import numpy as np

from zoo.metrics import base
from zoo.utils.checks import check_integer


def sap_r2(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    samples: int = 10_000,
) -> dict[str, float]:
    """SAP by R²: how much more of a factor does a line of the best single latent explain than of the second best?

        SAP = mean_k (S_ak - S_bk),    S_jk = (Cov(z_j, v_k) / (std z_j std v_k))^2

    which is the R² of a linear regression of factor k on latent j; a and b are the latents where it is
    highest. It is the paper's rule for factors in an order, and does not depend on the scale of the
    latents; `sap`, with classifiers, is its rule for the others, and the later studies' for all.

    A factor is the number of its value, in rising order: of one without an order, such as a shape, a
    line explains what its numbering happens to give. A constant latent explains nothing, and with a
    single latent neither does the second best. A factor of a single value is left out, with a
    `UserWarning`.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample; the same seed gives the same bits.
        samples: how many different rows are used; all of them where the table has no more.

    Returns:
        `sap_r2`, between 0 and 1.

    Raises:
        ValueError: an argument is not as described, or every factor has a single value.

    Example:
        >>> factors = np.indices((4, 5)).reshape(2, -1).T
        >>> round(sap_r2(2.0 * factors, factors)["sap_r2"], 6)
        1.0

    Reference:
        Kumar et al. 2018, "Variational Inference of Disentangled Latent Concepts from Unlabeled
        Observations", section 3.
    """
    codes, factors = base.check_table(codes, factors)
    check_integer("samples", samples, least=2)
    rows = base.sample_rows(base.random_generator(seed), len(codes), samples)
    latents = codes[rows].astype(np.float64).T
    gaps = []
    with base.one_thread():
        for numbers in base.scored_factors(factors[rows]).values():
            explained = [base.pearson(latent, numbers) ** 2 for latent in latents]
            gaps.append(base.top_gap(np.append(explained, 0.0)))
    return {"sap_r2": float(np.mean(gaps))}
