"""Distances between codes against distances between factors."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from zoo.metrics import base
from zoo.utils.checks import check_integer

_CHUNK = 2**22  # numbers worked on at once: 32 MiB
_WHOLE = 64  # traversals without holes that are enough to do without the others
_COVERED = 0.9  # of a factor's values, in a mean traversal: with less, holes make the shapes


def distances(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    seed: int = 0,
    repeats: int = 1024,
    triplets: int = 64,
    rows: int = 32,
    traversals: Sequence[np.ndarray] | None = None,
) -> dict[str, float]:
    """Distance family: do distances between codes follow distances between factors?

        rank, linear   = Spearman's, Pearson's correlation of |v - v'|_1 with |z - z'|_1 or |z - z'|_2,
                         ranks of distances that differ by less than 1/8192 of the largest being equal
        flatness       = largest distance within a traversal / length of the way along it
        axis_ratio     = (max_j Var[z_j] / sum_j Var[z_j] - 1/n) / (1 - 1/n),    n latents
        linear_ratio   = (lambda_1 / sum_j lambda_j - 1/n) / (1 - 1/n),    lambda = eig Cov[z]
        axis_alignment = axis_ratio / linear_ratio

    Distances of factors count values: two neighbouring values of a factor are one apart. `random`
    scores compare rows of the table: `repeats` times, `rows` random rows and among them `triplets`
    random triplets (a, p, n), which give the pairs (a, p) and (a, n). The others take traversals:
    rows that differ in one factor alone, one row for each of its values, `repeats` times for each
    factor, in the correlations with `triplets` triplets each. Pairs of a row with itself count, as
    published. Correlations take all pairs of a factor together; ratios are means over traversals;
    then the mean over factors is taken.

    The way along a traversal closes and leaves out its longest step, so that a factor may be
    cyclic. Where codes do not vary there is no correlation, no ratio and no flatness: 0.0. A single
    latent that varies has ratios of 1.

    A table that is no full grid has traversals with holes. Where a factor has 64 without, these
    alone are used. Holes pull flatness and the ratios towards 1, far where there are many: two
    points are always a line. `coverage` is the mean share of a factor's values that a traversal
    holds, of the factor where it is least. Below 0.9 the scores along traversals are left out, with
    a `UserWarning`; those of random rows stay, as they are as good on part of the rows. For the
    others take every row of the grid, or give whole `traversals`, as `zoo.evaluate` does where the
    dataset has them. A factor with a single value, or of which no two values occur beside the same other factors, is
    left out of the scores along traversals, with a `UserWarning`; if that is every factor, these
    scores are left out.

    Args:
        codes: `(n, latents)`, the encoder's means.
        factors: `(n, factors)`, whole numbers; their order counts, their values do not.
        seed: of the draws; the same seed gives the same bits.
        repeats: traversals of each factor, and sets of random rows.
        triplets: triplets of rows drawn from each.
        rows: rows in a random set.
        traversals: codes along whole traversals, for each column of `factors` an array
            `(traversals, values, latents)`. Default: they are drawn from the table.

    Returns:
        `distances`, which is the rank correlation of L1 distances between random rows; then the
        same for other distances, `rank_random_l2`, `linear_random_l1`, `linear_random_l2`; these
        four along traversals, `rank_factor_l1` and so on; `flatness_l1`, `flatness_l2`,
        `axis_ratio`, `linear_ratio`, `axis_alignment`; and `coverage`. Where that is below 0.9, the
        first four and `coverage` alone.

    Raises:
        ValueError: an argument is not as described, or every factor has a single value.

    Example:
        >>> factors = np.indices((4, 5, 6)).reshape(3, -1).T
        >>> scores = distances(2.0 * factors, factors, repeats=64)
        >>> round(scores["distances"], 6), round(scores["axis_alignment"], 6)
        (1.0, 1.0)

    Reference:
        Michlo, Klein and James 2023, "Overlooked Implications of the Reconstruction Loss for VAE
        Disentanglement"; ratios and flatness as in the authors' library, disent. There the mean
        over factors is geometric, which is not defined for negative correlations; here it is
        arithmetic.
    """
    codes, factors = base.check_table(codes, factors)
    check_integer("repeats", repeats, least=1)
    check_integer("triplets", triplets, least=1)
    check_integer("rows", rows, least=2)
    given = None if traversals is None else _checked(traversals, codes, factors)
    scored = base.scored_factors(factors)
    numbers = np.stack(list(scored.values()), axis=1)
    generator = base.random_generator(seed)
    scores = _correlations(_random_pairs(generator, codes, numbers, repeats, triplets, rows))
    named = {f"{kind}_random_{norm}": value for (kind, norm), value in scores.items()}
    headline = {"distances": named.pop("rank_random_l1")}
    if given is None:
        found = _found_in(generator, codes, numbers, list(scored), repeats)
    else:
        found = [_Traversals.whole(given[factor]) for factor in scored]
    return {**headline, **named, **_along_all(generator, found, triplets)}


def _checked(traversals: Sequence[np.ndarray], codes, factors) -> list[np.ndarray]:
    """Given traversals as arrays, one for each factor."""
    given = [np.asarray(some) for some in traversals]
    shapes = [some.shape for some in given]
    if len(given) == factors.shape[1] and all(
        len(shape) == 3 and shape[2] == codes.shape[1] and min(shape) for shape in shapes
    ):
        return [
            base.check_codes(some.reshape(-1, codes.shape[1])).reshape(some.shape) for some in given
        ]
    raise ValueError(
        f"`traversals` must be {factors.shape[1]} arrays, one for each factor, of shape (traversals, values, "
        f"{codes.shape[1]}). Received: {len(given)} of shapes {shapes}"
    )


class _Pairs(NamedTuple):
    """Distances within pairs of rows, each `(pairs,)`."""

    ground: np.ndarray
    l1: np.ndarray
    l2: np.ndarray


def _random_pairs(
    generator: np.random.Generator,
    codes: np.ndarray,
    numbers: np.ndarray,
    repeats: int,
    triplets: int,
    rows: int,
) -> _Pairs:
    drawn = generator.integers(len(codes), size=(repeats, rows))
    first, second = _triplet_pairs(generator, np.full(repeats, rows), triplets)
    repeat = np.arange(repeats)[:, None]
    a, b = drawn[repeat, first].ravel(), drawn[repeat, second].ravel()
    ground = np.abs(numbers[a] - numbers[b]).sum(axis=1)
    return _Pairs(ground, *_latent_distances(codes[a], codes[b]))


def _triplet_pairs(
    generator: np.random.Generator, sizes: np.ndarray, triplets: int
) -> tuple[np.ndarray, np.ndarray]:
    """Places (a, a) and (p, n) of triplets within sets of some sizes, each `(sets, 2 * triplets)`."""
    anchor, positive, negative = generator.integers(
        sizes[None, :, None], size=(3, len(sizes), triplets)
    )
    return np.concatenate([anchor, anchor], 1), np.concatenate([positive, negative], 1)


def _latent_distances(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """L1 and L2 distances over the last axis."""
    difference = np.abs(np.subtract(first, second, dtype=np.float64))
    return difference.sum(axis=-1), np.sqrt((difference**2).sum(axis=-1))


def _correlations(pairs: _Pairs) -> dict[tuple[str, str], float]:
    """Rank and linear correlations of ground-truth with latent distances, by kind and norm."""
    ground_ranks = stats.rankdata(pairs.ground)
    found = {}
    for norm, latent in (("l1", pairs.l1), ("l2", pairs.l2)):
        found["rank", norm] = base.pearson(ground_ranks, stats.rankdata(base.rounded(latent)))
        found["linear", norm] = base.pearson(pairs.ground, latent)
    return dict(sorted(found.items(), reverse=True, key=lambda item: item[0][0]))


def _along_all(
    generator: np.random.Generator, traversals: list["_Traversals"], triplets: int
) -> dict[str, float]:
    """The scores along the traversals of some factors, and how much these hold."""
    if not traversals:
        return {}
    coverage = min(some.coverage for some in traversals)
    if coverage < _COVERED:
        base.warn(
            f"Traversals hold {coverage:.0%} of a factor's values, as the table is but part of a grid: "
            "the scores along them (`rank_factor_l1` to `axis_alignment`) are left out. Pass every row "
            "of the grid, or whole `traversals`."
        )
        return {"coverage": coverage}
    with base.one_thread():
        along = [_along(generator, some, triplets) for some in traversals]
    return {**_mean_of_dicts(along), "coverage": coverage}


class _Traversals(NamedTuple):
    """Rows that differ in one factor alone.

    Attributes:
        codes: `(rows, latents)`.
        numbers: the factor's value in each row, `(rows,)`, from 0 without gaps.
        rows: `(traversals, values)`, row numbers in the order of the factor's values; where `sizes`
            is smaller, the rest repeats the last.
        sizes: `(traversals,)`, how many values each traversal has.
    """

    codes: np.ndarray
    numbers: np.ndarray
    rows: np.ndarray
    sizes: np.ndarray

    @classmethod
    def whole(cls, along: np.ndarray) -> "_Traversals":
        """Of codes `(traversals, values, latents)`."""
        count, values, latents = along.shape
        rows = np.arange(count * values).reshape(count, values)
        return cls(along.reshape(-1, latents), rows.ravel() % values, rows, np.full(count, values))

    @property
    def coverage(self) -> float:
        """Mean share of the factor's values that a traversal holds."""
        return float(self.sizes.mean()) / (int(self.numbers.max()) + 1)


def _along(
    generator: np.random.Generator, traversals: _Traversals, triplets: int
) -> dict[str, float]:
    """The scores along the traversals of one factor."""
    pairs = _pairs_along(generator, traversals, triplets)
    correlations = {f"{kind}_factor_{n}": v for (kind, n), v in _correlations(pairs).items()}
    return {**correlations, **_mean_shapes(traversals)}


def _found_in(
    generator: np.random.Generator,
    codes: np.ndarray,
    numbers: np.ndarray,
    factors: list[int],
    repeats: int,
) -> list[_Traversals]:
    """Random traversals of each factor that a table has some of."""
    found = []
    for column, factor in enumerate(factors):
        drawn = _drawn(generator, numbers, column, repeats)
        if drawn is None:
            base.warn_not_scored(factor, "no two of its values occur beside the same other factors")
        else:
            found.append(_Traversals(codes, numbers[:, column], *drawn))
    return found


def _drawn(
    generator: np.random.Generator, numbers: np.ndarray, factor: int, repeats: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows and sizes of random traversals of one factor; None where there are none.

    Only such as have every value, where there are enough of them.
    """
    context = _number_rows(np.delete(numbers, factor, axis=1))
    values = int(numbers[:, factor].max()) + 1
    cells = base.group_rows(context * values + numbers[:, factor])
    of_context = cells.values // values
    start = np.flatnonzero(np.diff(of_context, prepend=-1))
    size = np.diff(start, append=len(of_context))
    whole = np.flatnonzero(size == values)
    usable = whole if len(whole) >= _WHOLE else np.flatnonzero(size > 1)
    if not len(usable):
        return None
    drawn = usable[generator.integers(len(usable), size=repeats)]
    place = np.minimum(np.arange(size[drawn].max()), size[drawn, None] - 1)
    cell = start[drawn, None] + place
    row = cells.rows[cells.starts[cell] + generator.integers(cells.sizes[cell])]
    # A place beyond the end repeats the last row itself, not another of its cell.
    return np.take_along_axis(row, place, axis=1), size[drawn]


def _number_rows(table: np.ndarray) -> np.ndarray:
    """For each row the number of its combination of values, `(n,)`."""
    number = np.zeros(len(table), np.int64)
    for column in table.T:
        # Renumbered after each column: a product of many sizes would not fit 64 bits.
        number = base.number_values(number * (int(column.max()) + 1) + column)[1]
    return number


def _pairs_along(generator: np.random.Generator, traversals: _Traversals, triplets: int) -> _Pairs:
    codes, numbers, rows, sizes = traversals
    first, second = _triplet_pairs(generator, sizes, triplets)
    a = np.take_along_axis(rows, first, axis=1).ravel()
    b = np.take_along_axis(rows, second, axis=1).ravel()
    return _Pairs(np.abs(numbers[a] - numbers[b]), *_latent_distances(codes[a], codes[b]))


def _mean_shapes(traversals: _Traversals) -> dict[str, float]:
    """Flatness and ratios of traversals: the forms of the ways that their codes take."""
    parts = [_shape_of(z, sizes) for z, sizes in _codes_along(traversals)]
    widths, lengths, ratios = (np.concatenate(part) for part in zip(*parts, strict=True))
    flatness = _ratio(widths.mean(axis=0), lengths.mean(axis=0))
    names = ("flatness_l1", "flatness_l2", "axis_ratio", "linear_ratio", "axis_alignment")
    return dict(zip(names, [*flatness.tolist(), *ratios.mean(axis=0).tolist()], strict=True))


def _codes_along(traversals: _Traversals) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Codes `(some traversals, values, latents)` and how many of the values count."""
    codes, rows = traversals.codes, traversals.rows
    values = rows.shape[1]
    chunk = max(1, _CHUNK // (values * values * codes.shape[1]))
    for begin in range(0, len(rows), chunk):
        part = slice(begin, begin + chunk)
        yield codes[rows[part]].astype(np.float64), traversals.sizes[part]


def _shape_of(z: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Widths and lengths by L1 and L2 `(traversals, 2)`, and the three ratios `(traversals, 3)`."""
    widths = [d.max(axis=(1, 2)) for d in _latent_distances(z[:, :, None], z[:, None])]
    # Rows past the end repeat the last: they add steps of length 0, and the step that closes.
    steps = _latent_distances(z, np.roll(z, -1, axis=1))
    lengths = [step.sum(axis=1) - step.max(axis=1) for step in steps]
    return np.stack(widths, 1), np.stack(lengths, 1), _ratios(z, sizes)


def _ratios(z: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Axis ratio, linear ratio and their ratio, `(traversals, 3)`."""
    counts = (np.arange(z.shape[1]) < sizes[:, None])[..., None]
    shifted = (z - z[:, :1]) * counts  # Equal codes then give exactly 0.
    mean = shifted.sum(axis=1, keepdims=True) / sizes[:, None, None]
    centred = (shifted - mean) * counts
    scatter = np.einsum("tvi,tvj->tij", centred, centred)
    axis = base.concentration(np.diagonal(scatter, axis1=1, axis2=2))
    linear = base.concentration(np.maximum(np.linalg.eigvalsh(scatter), 0.0))
    linear = np.maximum(linear, axis)  # By rounding alone an eigenvalue falls short of a variance.
    return np.stack([axis, linear, _ratio(axis, linear)], axis=1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The ratio of two numbers >= 0; 0 where the denominator is."""
    return np.divide(
        numerator, denominator, out=np.zeros_like(numerator), where=np.asarray(denominator) > 0
    )


def _mean_of_dicts(dicts: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in dicts])) for name in dicts[0]}
