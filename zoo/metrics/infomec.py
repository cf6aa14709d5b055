"""InfoMEC: information-theoretic modularity, compactness and explicitness."""

from collections.abc import Callable

import numpy as np
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from zoo.metrics import base
from zoo.utils import registry
from zoo.utils.checks import check_flag, check_fraction, check_integer, folded_seed

MOST_VALUES = 256  # of a discrete code


def infomec(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    samples: int = 10_000,
    neighbours: int = 10,
    active_range: float = 0.05,
    spread: str = "range",
    iterations: int = 100,
    discrete: bool | None = None,
    jobs: int = 1,
) -> dict[str, float]:
    """InfoMEC: is a latent informed of one factor, a factor known to one latent, and all read easily?

        N_kj  = I(v_k; z_j) / H(v_k),    from the nearest neighbours of each code
        InfoM = mean over active j of (max_k N_kj / sum_k N_kj - 1/factors) / (1 - 1/factors)
        InfoC = mean_k (max_j N_kj / sum_j N_kj - 1/active) / (1 - 1/active),    active latents only
        InfoE = mean_k (1 - cross-entropy of a logistic regression for v_k / log values of v_k)

    Active are latents whose range, greatest less least code, is above `active_range` times the
    largest range: the authors' rule. It depends on the scale of latents, the other parts hardly.
    Others published: an eighth of the largest range, `active_range=0.125`, with `neighbours=3`; and a
    tenth of the largest interquartile range, `spread="interquartile", active_range=0.1`. Scores of
    different rules are different numbers. A latent, or factor, without any information counts as 0.
    With a single factor, or one active latent, there is nothing to share with: InfoM, or InfoC, is 1
    for what is informed.

    The estimate of small information is 0 as often as not, so that a latent of noise may seem to be
    informed of one factor alone: InfoM and InfoC of noise may be 1, and InfoE tells the difference.
    The papers give the three side by side; the headline, their mean, is the zoo's.

    InfoE takes all latents, standardised, no penalty and classes weighted to be balanced, and is
    measured on the rows learned from, all as the authors do. Without a penalty the weights of
    perfect codes grow without end: the solver then stops at `iterations`, which is part of the
    definition.

    Of discrete codes, as of models with quantized latents, N_kj is counted and not estimated, and the
    regression takes each value as a column of its own, one-hot, as the authors do for such codes.

    A value seen in one row has no neighbour: its row is left out of all three parts for that factor.
    A factor of which fewer than two values are seen twice is not scored. A `UserWarning` tells of
    both.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers.
        seed: of the sample, and of the noise of 1e-10 that parts equal codes; the same seed gives
            the same bits.
        samples: how many different rows are used; all of them where the table has no more.
        neighbours: of each code within its factor's value.
        active_range: share of the largest range, from 0 to 1.
        spread: what is a latent's range: `"range"`, greatest less least code, or `"interquartile"`,
            the distance of its quartiles.
        iterations: of the solver, at most.
        discrete: whether each latent takes few values, at most 256. None: as the model says, where
            `zoo.evaluate` scores one; of arrays: no.
        jobs: processes; does not change the scores.

    Returns:
        `infomec`, the mean of the following three; `infomec_modularity`, InfoM;
        `infomec_compactness`, InfoC; `infomec_explicitness`, InfoE; at most 1; and
        `infomec_active_latents`, how many there are.

    Raises:
        ValueError: an argument is not as described, or no factor can be scored.

    Example:
        >>> factors = np.indices((3, 4)).reshape(2, -1).T.repeat(20, axis=0)
        >>> scores = infomec(2.0 * factors, factors)
        >>> round(scores["infomec_modularity"], 1), round(scores["infomec_compactness"], 1)
        (1.0, 1.0)

    Reference:
        Hsu et al. 2023, "Disentanglement via Latent Quantization", the section on InfoMEC, and the
        authors' code; the interquartile rule is that of the code of Hsu et al. 2024, "Tripod"; Ross
        2014, "Mutual Information between Discrete and Continuous Data Sets".
    """
    codes, factors = base.check_table(codes, factors)
    check_integer("samples", samples, least=2)
    check_integer("neighbours", neighbours, least=1)
    check_integer("iterations", iterations, least=1)
    check_fraction("active_range", active_range)
    registry.check_known("spread", spread, SPREADS)
    discrete = discrete is not None and check_flag("discrete", discrete)
    generator = base.random_generator(seed)
    rows = base.sample_rows(generator, len(codes), samples)
    codes, groups = codes[rows].astype(np.float64), base.repeated_groups(factors[rows], least=2)
    active = _active(SPREADS[spread](codes), active_range)
    codes = _numbered(codes) if discrete else StandardScaler().fit_transform(codes)
    seeds = generator.integers(2**31, size=len(groups)).tolist()
    tasks = [
        (*_repeated(codes, group), active, discrete, neighbours, iterations, noise)
        for group, noise in zip(groups, seeds, strict=True)
    ]
    costs = [len(group.values) for group in groups]
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


def _range(codes: np.ndarray) -> np.ndarray:
    return np.ptp(codes, axis=0)


def _interquartile(codes: np.ndarray) -> np.ndarray:
    low, high = np.quantile(codes, [0.25, 0.75], axis=0)
    return high - low


SPREADS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "range": _range,
    "interquartile": _interquartile,
}


def _active(ranges: np.ndarray, active_range: float) -> np.ndarray:
    """Which latents count."""
    return ranges > active_range * ranges.max()


def _numbered(codes: np.ndarray) -> np.ndarray:
    """The number of each code among the values of its latent, `(n, latents)`."""
    columns = [np.unique(column, return_inverse=True)[1] for column in codes.T]
    most = 1 + max(column.max() for column in columns)
    if most > MOST_VALUES:
        raise ValueError(
            f"`discrete` is for codes with at most {MOST_VALUES} values of each latent. Received: a latent with {most} "
            "values. Leave it out for continuous codes."
        )
    return np.stack(columns, axis=1)


def _repeated(codes: np.ndarray, group: base.Groups) -> tuple[np.ndarray, np.ndarray]:
    """The rows of values seen twice or more, `(kept, latents)`, and the numbers of these values."""
    number_of_row = np.full(len(codes), -1)
    for number, (start, size) in enumerate(zip(group.starts, group.sizes, strict=True)):
        number_of_row[group.rows[start : start + size]] = number
    kept = number_of_row >= 0
    return codes[kept], number_of_row[kept]


def _inform(
    codes: np.ndarray,
    numbers: np.ndarray,
    active: np.ndarray,
    discrete: bool,
    neighbours: int,
    iterations: int,
    seed: int,
) -> tuple[np.ndarray, float]:
    """Normalised information of active latents about one factor, and its explicitness."""
    if not active.any():
        information = np.zeros(0)
    elif discrete:  # it is counted, without neighbours and noise
        information = base.mutual_information(codes[:, active], numbers)
    else:
        with base.few_rows_for_many_values():
            information = mutual_info_classif(
                codes[:, active],
                numbers,
                discrete_features=False,
                n_neighbors=neighbours,
                random_state=folded_seed(seed, bits=32),
            )
    inputs = _one_hot(codes) if discrete else codes
    return information / base.entropy(numbers), _explicitness(inputs, numbers, iterations)


def _one_hot(codes: np.ndarray) -> np.ndarray:
    """A column for each value of each latent."""
    columns = [column[:, None] == np.unique(column) for column in codes.T]
    return np.concatenate(columns, axis=1).astype(np.float64)


def _explicitness(codes: np.ndarray, numbers: np.ndarray, iterations: int) -> float:
    """1 - predictive conditional entropy / entropy of balanced classes."""
    model = LogisticRegression(
        C=np.inf, class_weight="balanced", max_iter=iterations, random_state=0
    )
    model = base.fit(model, codes, numbers)
    with base.few_rows_for_many_values():
        loss = log_loss(numbers, model.predict_proba(codes))
    return 1 - loss / np.log(len(model.classes_))
