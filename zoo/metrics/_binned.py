"""A sample of a table as whole numbers: what metrics that count are taken of."""

import numpy as np

from zoo.metrics._checks import check_table, random_generator
from zoo.metrics._information import bin_codes
from zoo.metrics._rows import sample_rows, scored_factors
from zoo.utils.checks import check_integer


def binned_table(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int,
    samples: int,
    bins: int,
    least_bins: int = 1,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Bins of the codes, and numbers of the values of each factor that varies, of sampled rows.

    Args:
        codes: `(n, latents)`.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample.
        samples: how many different rows are used; all of them where the table has no more.
        bins: how many bins a latent is cut into.
        least_bins: that a metric needs.

    Returns:
        `(samples, latents)` bins, and `(samples,)` numbers for each scored factor.

    Raises:
        ValueError: an argument is not as described, or every factor has a single value.
    """
    codes, factors = check_table(codes, factors)
    check_integer("samples", samples, least=2)
    check_integer("bins", bins, least=least_bins)
    rows = sample_rows(random_generator(seed), len(codes), samples)
    return bin_codes(codes[rows], bins), list(scored_factors(factors[rows]).values())
