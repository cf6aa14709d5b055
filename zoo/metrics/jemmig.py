"""Joint entropy minus mutual information gap."""

import numpy as np

from zoo.metrics import base


def jemmig(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    samples: int = 10_000,
    bins: int = 10,
) -> dict[str, float]:
    """JEMMIG: is a factor known by one latent alone, and does that latent know of nothing else?

        JEMMIG_k = H(z_a, v_k) - I(z_a; v_k) + I(z_b; v_k)
        score    = mean_k (1 - JEMMIG_k / (H(v_k) + log bins))

    with a and b the latents of largest and second largest mutual information with factor v_k, each
    cut into equal-width bins between its extremes. The joint entropy is what MIG lacks: a latent that
    knows of a second factor as well has the same gap and a larger entropy. Divided by its largest
    value and turned around, higher is better, 1 the best.

    A factor keeps its own values. Where the latent that knows most of it has more bins than the
    factor has values, a perfect code still scores 1; with fewer it does not. A constant latent has no
    entropy of its own: codes that know nothing score log bins / (H(v_k) + log bins), about a half,
    if they are constant, and near 0 if they are noise. With a single latent the second best knows
    nothing. A factor of a single value is left out, with a `UserWarning`.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample; the same seed gives the same bits.
        samples: how many different rows are used; all of them where the table has no more.
        bins: how many bins a latent is cut into, at least 2.

    Returns:
        `jemmig`, between 0 and 1, then `jemmig_nats`, the mean of JEMMIG_k, lower is better.

    Raises:
        ValueError: an argument is not as described, or every factor has a single value.

    Example:
        >>> factors = np.indices((4, 5)).reshape(2, -1).T
        >>> scores = jemmig(2.0 * factors, factors)
        >>> round(scores["jemmig"], 6), abs(round(scores["jemmig_nats"], 6))
        (1.0, 0.0)

    Reference:
        Do and Tran 2020, "Theory and Evaluation Metrics for Learning Disentangled Representations",
        section 4.3; from binned means with 10 bins, and turned around, as in Carbonneau et al. 2022,
        "Measuring Disentanglement: A Review of Metrics".
    """
    binned, scored = base.binned_table(
        codes, factors, seed=seed, samples=samples, bins=bins, least_bins=2
    )
    found = [_jemmig(binned, numbers) for numbers in scored]
    shares = [1 - nats / (entropy + np.log(bins)) for nats, entropy in found]
    return {
        "jemmig": float(np.mean(shares)),
        "jemmig_nats": float(np.mean([nats for nats, _ in found])),
    }


def _jemmig(binned: np.ndarray, numbers: np.ndarray) -> tuple[float, float]:
    """JEMMIG of one factor, and the factor's entropy, in nats."""
    information = base.mutual_information(binned, numbers)
    best = int(information.argmax())
    entropy = base.entropy(numbers)
    (of_best,) = base.mutual_information(binned[:, [best]], binned[:, best])
    joint = of_best + entropy - information[best]
    return joint - base.top_gap(np.append(information, 0.0)), entropy
