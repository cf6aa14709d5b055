"""InfoMEC: information-theoretic modularity, compactness and explicitness."""

import numpy as np
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from zoo.checks import check_integer
from zoo.metrics import base


def infomec(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    samples: int = 10_000,
    neighbours: int = 10,
    active_range: float = 0.05,
    iterations: int = 100,
    jobs: int = 1,
) -> dict[str, float]:
    """InfoMEC: is a latent informed of one factor, a factor known to one latent, and all read easily?

        N_kj  = I(v_k; z_j) / H(v_k),    from the nearest neighbours of each code
        InfoM = mean over active j of (max_k N_kj / sum_k N_kj - 1/factors) / (1 - 1/factors)
        InfoC = mean_k (max_j N_kj / sum_j N_kj - 1/active) / (1 - 1/active),    active latents only
        InfoE = mean_k (1 - cross-entropy of a logistic regression for v_k / log values of v_k)

    Active are latents whose range, greatest less least code, is above `active_range` times the
    largest range: the authors' rule. It depends on the scale of latents, the other parts hardly. A
    latent, or factor, without any information counts as 0. With a single factor, or one active
    latent, there is nothing to share with: InfoM, or InfoC, is 1 for what is informed.

    The estimate of small information is 0 as often as not, so that a latent of noise may seem to be
    informed of one factor alone: InfoM and InfoC of noise may be 1, and InfoE tells the difference.
    The papers give the three side by side; the headline, their mean, is the zoo's.

    InfoE takes all latents, standardised, no penalty and classes weighted to be balanced, and is
    measured on the rows learned from, all as the authors do. Without a penalty the weights of
    perfect codes grow without end: the solver then stops at `iterations`, which is part of the
    definition.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample, and of the noise of 1e-10 that parts equal codes; the same seed gives
            the same bits.
        samples: how many different rows are used; all of them where the table has no more.
        neighbours: of each code within its factor's value.
        active_range: share of the largest range, from 0 to 1.
        iterations: of the solver, at most.
        jobs: processes; does not change the scores.

    Returns:
        `infomec`, the mean of the following three; `infomec_modularity`, InfoM;
        `infomec_compactness`, InfoC; `infomec_explicitness`, InfoE; at most 1; and
        `infomec_active_latents`, how many there are.

    Raises:
        ValueError: an argument is not as described, or every factor has a single value.

    Example:
        >>> factors = np.indices((3, 4)).reshape(2, -1).T.repeat(20, axis=0)
        >>> scores = infomec(2.0 * factors, factors)
        >>> round(scores["infomec_modularity"], 1), round(scores["infomec_compactness"], 1)
        (1.0, 1.0)

    Reference:
        Hsu et al. 2023, "Disentanglement via Latent Quantization", the section on InfoMEC, and the
        authors' code; Ross 2014, "Mutual Information between Discrete and Continuous Data Sets".
    """
    codes, factors = base.check_table(codes, factors)
    check_integer("samples", samples, least=2)
    check_integer("neighbours", neighbours, least=1)
    check_integer("iterations", iterations, least=1)
    if not 0 <= active_range <= 1:
        raise ValueError(
            f"`active_range` must be between 0 and 1. Received: active_range={active_range}"
        )
    generator = np.random.default_rng(seed)
    rows = base.sample_rows(generator, len(codes), samples)
    codes, scored = codes[rows].astype(np.float64), base.scored_factors(factors[rows])
    active = _active(codes, active_range)
    codes = StandardScaler().fit_transform(codes)
    seeds = generator.integers(2**31, size=len(scored)).tolist()
    tasks = [
        (codes, active, numbers, neighbours, iterations, noise)
        for numbers, noise in zip(scored.values(), seeds, strict=True)
    ]
    costs = [numbers.max() for numbers in scored.values()]
    shares, explicit = zip(*base.each(_inform, tasks, costs, jobs), strict=True)
    information = np.stack(shares)
    parts = {
        "infomec_modularity": float(base.concentration(information.T).mean())
        if active.any()
        else 0.0,
        "infomec_compactness": float(base.concentration(information).mean()),
        "infomec_explicitness": float(np.mean(explicit)),
    }
    return {
        "infomec": float(np.mean(list(parts.values()))),
        **parts,
        "infomec_active_latents": float(active.sum()),
    }


def _active(codes: np.ndarray, active_range: float) -> np.ndarray:
    ranges = np.ptp(codes, axis=0)
    return ranges > active_range * ranges.max()


def _inform(
    codes: np.ndarray,
    active: np.ndarray,
    numbers: np.ndarray,
    neighbours: int,
    iterations: int,
    seed: int,
) -> tuple[np.ndarray, float]:
    """Normalised information of active latents about one factor, and its explicitness."""
    (entropy,) = base.mutual_information(numbers[:, None], numbers)
    information = np.zeros(active.sum())
    if active.any():
        information += mutual_info_classif(
            codes[:, active],
            numbers,
            discrete_features=False,
            n_neighbors=neighbours,
            random_state=seed,
        )
    return information / entropy, _explicitness(codes, numbers, iterations)


def _explicitness(codes: np.ndarray, numbers: np.ndarray, iterations: int) -> float:
    """1 - predictive conditional entropy / entropy of balanced classes."""
    model = LogisticRegression(
        C=np.inf, class_weight="balanced", max_iter=iterations, random_state=0
    )
    model = base.fit(model, codes, numbers)
    return 1 - log_loss(numbers, model.predict_proba(codes)) / np.log(len(model.classes_))
