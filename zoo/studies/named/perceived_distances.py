"""How far a loss pixel by pixel sees images apart, factor by factor."""

import numpy as np

from zoo import datasets
from zoo.measure import perceived_distance, plots
from zoo.studies.named import _figures
from zoo.studies.named._numbers import columns_of, groups, numbers, where
from zoo.studies.named.base import NOT_SHOWN, REFUTED, SHOWN, Budget, NamedStudy, Verdict
from zoo.utils.texts import markdown_table

PIXELS, BLURRED = "mse", "filtered_gaussian(scale=1)"
SPACINGS = range(8, 0, -1)
TRAVERSALS = {"small": 50, "paper": 1000}
APART, NEAR = "xysquares(spacing=8)", "xysquares(spacing=1)"
DRAWN = {
    ("shapes2d", PIXELS),
    ("shapes3d", PIXELS),
    (APART, PIXELS),
    (NEAR, PIXELS),
    (APART, BLURRED),
}
# Mean squared error of two images of a traversal of the original images, or along a square.
PUBLISHED = {
    "shapes2d": {"y": 0.0584, "x": 0.0559, "scale": 0.0250, "shape": 0.0214, "orientation": 0.0172},
    "shapes3d": {
        "wall_hue": 0.1122,
        "floor_hue": 0.1086,
        "object_hue": 0.0416,
        "shape": 0.0207,
        "scale": 0.0182,
        "orientation": 0.0116,
    },
}
# Of XYSquares, Spearman's correlation along a factor, a position and itself included, by the spacing.
BY_SPACING = dict(zip(SPACINGS, (0.58, 0.85, 0.85, 0.85, 0.85, 0.95, 0.99, 1.00), strict=True))
SPEARMAN, ORDER = "spearman", "spearman_of_different"
NONE = 1e-9  # a correlation of rounding
FACTORS = 6  # of XYSquares


class PerceivedDistances(NamedStudy):
    """A loss pixel by pixel orders the factors where their images overlap, and only there."""

    title = "What the reconstruction loss sees of the factors"
    claim = (
        "A VAE orders its latents by the distances that its reconstruction loss sees between images; it looks "
        "disentangled where these distances happen to grow with those of the factors. Along a square of XYSquares they "
        "do at spacing 1, where neighbours overlap, and do not at all at spacing 8 (Michlo, Klein & James, Overlooked "
        "Implications of the Reconstruction Loss for VAE Disentanglement, 2023)."
    )
    published = (
        "At spacing 8 any two positions of a square are 128 / 12,288 apart in mean squared error. Spearman's "
        "correlation with the distance of the positions, a position and itself included, for spacing 8, 7, ... 1: "
        f"{', '.join(f'{value:.2f}' for value in BY_SPACING.values())}. Means along the factors of the original 2D "
        "Shapes and 3D Shapes stand in the table below."
    )
    rule = (
        "For each factor of XYSquares, Spearman's correlation of factor distance and mean squared error over all pairs "
        "of different values. Shown: it is 0 at spacing 8 and above 0.9 at spacing 1, for all six. Refuted: for one of "
        "them it is no higher at spacing 1 than at 8. Else: not shown. Nothing is trained, and XYSquares' distances "
        "depend on no seed. The factors of 2D Shapes and 3D Shapes, and a loss that also sees the blurred image, are "
        "told beside."
    )
    scores = ("mean_distance", "pearson", SPEARMAN, ORDER)
    alike = ()

    def budgets(self):
        """The same datasets with few and with many traversals."""
        return {"small": Budget(None, 5), "paper": Budget(None, 60)}

    def rows(self, budget):
        """A row for each factor with its correlations, then one for each of its values with its distances."""
        return columns_of(row for case in _cases() for row in _of_case(*case, TRAVERSALS[budget]))

    def judge(self, columns):
        """From the order of the distances along each square."""
        far, near = (_orders(columns, data, PIXELS) for data in (APART, NEAR))
        if len(far) != FACTORS or far.keys() != near.keys():
            raise ValueError(
                f"Expected {ORDER} of the {FACTORS} factors of {APART} and of {NEAR}. Received: {len(far)} and "
                f"{len(near)}."
            )
        if any(near[name] <= far[name] for name in far):
            word = REFUTED
        else:
            none = max(map(abs, far.values())) < NONE
            word = SHOWN if none and min(near.values()) > 0.9 else NOT_SHOWN
        shapes = "; ".join(
            f"{title}: {_listed(_orders(columns, data, PIXELS))}"
            for data, title in (("shapes2d", "2D Shapes"), ("shapes3d", "3D Shapes"))
            if _orders(columns, data, PIXELS)
        )
        blurred = _orders(columns, APART, BLURRED)
        told = (
            f" With the blurred loss at spacing 8: {min(blurred.values()):.2f} or more."
            if blurred
            else ""
        )
        return Verdict(
            word,
            f"Spearman's correlation over different values is {_span(far)} at spacing 8 and {_span(near)} at spacing "
            f"1, of {len(far)} factors.{told} {shapes}.",
        )

    def tables(self, columns):
        """Distances and correlations, factor by factor; the six factors of XYSquares in one line."""
        lines = []
        for (data, loss), rows in _by_case(columns).items():
            for names, part in _alike(rows):
                published = PUBLISHED.get(data, {}).get(names, "–")
                found = [f"{numbers(part, name)[0] + 0.0:.4g}" for name in self.scores]
                lines.append(
                    [data, _LOSSES.get(loss, loss), names, found[0], str(published), *found[1:]]
                )
        head = [
            "data",
            "loss",
            "factor",
            "mean distance",
            "published",
            "Pearson",
            "Spearman",
            "of different values",
        ]
        return {"Factor distance and perceived distance": markdown_table(head, lines, range(3, 8))}

    def figures(self, columns):
        """Matrices of distances, and correlations over the spacing."""
        drawn = {"over_spacing": _over_spacing(columns)}
        for data, name in (("shapes2d", "shapes2d"), ("shapes3d", "shapes3d")):
            matrices = _matrices(columns, data, PIXELS)
            if matrices:
                title = f"{name}: mean squared error between the values of a factor"
                drawn[name] = _heat_maps({"": matrices}, title)
        squares = {
            "spacing 8": _matrices(columns, APART, PIXELS),
            "spacing 1": _matrices(columns, NEAR, PIXELS),
            "8, blurred": _matrices(columns, APART, BLURRED),
        }
        if all(squares.values()):
            drawn["xysquares"] = _heat_maps(
                squares,
                "xysquares: mean squared error between positions of a square (blurred: nats)",
            )
        return drawn


_LOSSES = {PIXELS: "pixels, MSE", BLURRED: "with blur, nats"}


def _cases() -> list[tuple[str, str]]:
    squares = [(f"xysquares(spacing={spacing})", PIXELS) for spacing in SPACINGS]
    return [("shapes2d", PIXELS), ("shapes3d", PIXELS), *squares, (APART, BLURRED)]


def _of_case(data: str, loss: str, traversals: int) -> list[dict]:
    found = perceived_distance.perceived_distances(data, distance=loss, traversals=traversals)
    sizes = datasets.load(data)
    rows = []
    for factor in sizes.factor_names:
        distances = found[factor]
        where_ = {"setting": f"{data}, {loss}", "data": data, "loss": loss, "factor": factor}
        name = f"{data} {loss} {factor}"
        rows.append({"cell": name, **where_, **_correlations(distances)})
        if (data, loss) in DRAWN:
            matrix = distances.matrices()["data"]
            rows += [
                {"cell": f"{name} {value}", **where_, "value": value, **_entries(line)}
                for value, line in enumerate(matrix)
            ]
    return rows


def _correlations(distances: perceived_distance.Distances) -> dict[str, float]:
    """Of factor distance and perceived distance, over all pairs and over those of different values."""
    pair = ("ground_truth", "data")
    pearson, spearman = distances.correlations()[pair]
    mean = distances.mean()["data"]
    return {
        "mean_distance": mean.value,
        "standard_error": mean.standard_error,
        "pearson": pearson,
        SPEARMAN: spearman,
        ORDER: _of_different(distances).correlations()[pair][1],
    }


def _of_different(distances: perceived_distance.Distances) -> perceived_distance.Distances:
    """The distances without those from an image to itself."""
    different = ~np.eye(distances.data.shape[1], dtype=bool)
    kinds = (distances.ground_truth, distances.data)
    return perceived_distance.Distances(
        *(kind[:, different][:, None] for kind in kinds), None, None
    )


def _entries(line: np.ndarray) -> dict[str, float]:
    """Distances to each value, to five digits."""
    return {f"to_{value}": float(f"{distance:.5g}") for value, distance in enumerate(line)}


def _by_case(columns) -> dict[tuple[str, str], dict]:
    """The rows of factors, by data and loss."""
    factors = where(columns, lambda row: row[SPEARMAN] is not None)
    return {
        (data, loss): rows
        for data, part in groups(factors, "data").items()
        for loss, rows in groups(part, "loss").items()
    }


def _orders(columns, data: str, loss: str) -> dict[str, float]:
    """By factor, Spearman's correlation over pairs of different values."""
    rows = where(_by_case(columns).get((data, loss), {}), lambda row: row[ORDER] is not None)
    return dict(zip(rows["factor"], rows[ORDER], strict=True)) if rows else {}


def _matrices(columns, data: str, loss: str) -> dict[str, np.ndarray]:
    """By factor, the matrix of distances, as far as its rows are there."""
    rows = where(columns, lambda row: row["data"] == data and row["loss"] == loss)
    values = where(rows, lambda row: row.get("value") is not None)
    found = {}
    for factor, part in groups(values, "factor").items():
        lines = [part[f"to_{value}"] for value in range(len(part["cell"]))]
        found[factor] = np.array(lines, np.float64)
    return found


def _alike(rows) -> list[tuple[str, dict]]:
    """Factors, those of the same numbers together."""
    numbered = {}
    for factor, part in groups(rows, "factor").items():
        key = tuple(round(float(numbers(part, name)[0]), 6) for name in PerceivedDistances.scores)
        numbered.setdefault(key, []).append((factor, part))
    return [(", ".join(name for name, _ in alike), alike[0][1]) for alike in numbered.values()]


def _heat_maps(by_row: dict[str, dict[str, np.ndarray]], title: str):
    factors = list(next(iter(by_row.values())))
    return plots.heat_maps(
        [[matrices[factor] for factor in factors] for matrices in by_row.values()],
        rows=list(by_row),
        columns=factors,
        title=title,
    )


def _over_spacing(columns):
    """Correlations of XYSquares over the spacing, with the published ones."""
    figure, axes = _figures.panels(width=3.8, height=2.8)
    axes, found = axes[0, 0], {}
    for (data, loss), rows in _by_case(columns).items():
        if data.startswith("xysquares") and loss == PIXELS:
            found[int(data.partition("spacing=")[2].rstrip(")"))] = rows
    for number, (name, text) in enumerate(
        ((SPEARMAN, "all pairs"), (ORDER, "pairs of different positions"))
    ):
        means = [numbers(rows, name).mean() for rows in found.values()]
        axes.plot(
            list(found), means, label=text, markersize=5, linewidth=1.2, **_figures.look(number)
        )
    axes.plot(
        list(BY_SPACING),
        list(BY_SPACING.values()),
        "kx",
        markersize=8,
        label="published, all pairs",
    )
    _figures.label(axes, "spacing (pixels; 8: no overlap)", "Spearman's correlation")
    axes.legend(fontsize=_figures.FONT, frameon=False)
    return figure


def _span(orders: dict[str, float]) -> str:
    low, high = min(orders.values()) + 0.0, max(orders.values()) + 0.0
    return f"{low:.2f}" if high - low < 0.005 else f"{low:.2f} to {high:.2f}"


def _listed(orders: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in orders.items())
