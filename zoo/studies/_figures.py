"""Figures of a study: trade-offs, agreement of metrics, scores by seed."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from zoo.measure import plots
from zoo.runs import comparison

FONT, DPI = 8, 144
MOST_SETTINGS = 60  # in one figure
MARKERS = "os^Dv<>Pphd*X"


def draw(columns: Mapping[str, list], scores: Sequence[str]) -> dict[str, Figure]:
    """All figures that the results give, by name.

    Args:
        columns: of finished cells, as in `results.csv`.
        scores: the entry that each metric is known by.
    """
    figures = {}
    data = dict.fromkeys(columns["data"])
    for text in data:
        rows = [row for row, name in enumerate(columns["data"]) if name == text]
        part = {name: [column[row] for row in rows] for name, column in columns.items()}
        end = f"-{list(data).index(text) + 1}" if len(data) > 1 else ""
        for score in scores:
            if _both(part, score):
                figures[f"trade_off-{score}{end}"] = _trade_off(part, score, text)
        if any(_known(part, score) for score in scores):
            figures[f"seeds{end}"] = by_seed(part, scores, title=plots.plain(text))
    if len(scores) > 1 and len(columns["cell"]) >= comparison.LEAST_RUNS:
        found = comparison.agreement({name: columns[name] for name in scores})
        figures["agreement"] = plots.agreement(
            found.coefficients, names=found.names, p_values=found.p_values
        )
    return figures


def _known(columns: Mapping[str, list], score: str) -> list[int]:
    return [row for row, value in enumerate(columns.get(score, [])) if value is not None]


def _both(columns: Mapping[str, list], score: str) -> list[int]:
    x = set(_known(columns, "reconstruction"))
    return [row for row in _known(columns, score) if row in x]


def _trade_off(columns: Mapping[str, list], score: str, data: str) -> Figure:
    label, groups = varied(columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cells without the score, which the tables show
        return plots.trade_off(
            columns["reconstruction"],
            columns[score],
            groups,
            y_label=score,
            group_label=label,
            title=plots.plain(data),
        )


def varied(columns: Mapping[str, list]) -> tuple[str, list]:
    """What cells are told apart by: the one number that varies over the settings, or the settings in words.

    Example:
        >>> varied({"setting": ["b, beta = 1", "b, beta = 4"], "block": ["b", "b"]})
        ('beta', [1.0, 4.0])
    """
    settings = columns["setting"]
    heads = {setting.rpartition(" = ")[0] for setting in settings}
    try:
        values = [float(setting.rpartition(" = ")[2]) for setting in settings]
    except ValueError:
        values = []
    if len(heads) == 1 and values and heads != {""}:
        return heads.pop().rpartition(", ")[2], values
    is_one = len(set(columns["block"])) == 1
    return "", [
        setting.partition(", ")[2] if is_one and ", " in setting else setting
        for setting in settings
    ]


def by_seed(
    columns: Mapping[str, list], scores: Sequence[str], *, title: str | None = None
) -> Figure:
    """A panel for each score: the settings beside each other, a point for each seed, a line at their mean."""
    label, groups = varied(columns)
    settings = list(dict.fromkeys(groups))[:MOST_SETTINGS]
    seeds = list(dict.fromkeys(columns["seed"]))
    names = [
        f"{value:g}" if isinstance(value, float) else plots.plain(str(value)) for value in settings
    ]
    shown = [score for score in scores if _known(columns, score)]
    wide = max(3.2, 0.45 * len(settings) + 1.8)
    longest = max(map(len, names))
    tall = 1.7 * len(shown) + 0.06 * longest * (longest > 6) + 0.6
    figure = Figure(figsize=(wide, tall), dpi=DPI, layout="constrained")
    panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(seeds)))
    for axes, score in zip(panels, shown, strict=True):
        for number, seed in enumerate(seeds):
            rows = [row for row in _known(columns, score) if columns["seed"][row] == seed]
            rows = [row for row in rows if groups[row] in settings]
            axes.scatter(
                [settings.index(groups[row]) for row in rows],
                [columns[score][row] for row in rows],
                s=16,
                color=colours[number],
                marker=MARKERS[number % len(MARKERS)],
                label=str(seed) if axes is panels[0] else None,
                zorder=2,
            )
        _means(axes, columns, score, groups, settings)
        axes.set_ylabel(score, fontsize=FONT)
        axes.tick_params(labelsize=FONT - 1)
    panels[-1].set_xticks(range(len(settings)), names, rotation=90 if longest > 6 else 0)
    panels[-1].set_xlim(-0.5, len(settings) - 0.5)
    panels[-1].set_xlabel(label, fontsize=FONT)
    figure.legend(
        title="seed", loc="outside right upper", fontsize=FONT, title_fontsize=FONT, frameon=False
    )
    if title:
        figure.suptitle(title, fontsize=FONT + 1)
    return figure


def _means(axes, columns: Mapping[str, list], score: str, groups: list, settings: list) -> None:
    for place, setting in enumerate(settings):
        rows = [row for row in _known(columns, score) if groups[row] == setting]
        if rows:
            mean = np.mean([columns[score][row] for row in rows])
            axes.hlines(mean, place - 0.3, place + 0.3, color="0.6", linewidth=1.2, zorder=1)
