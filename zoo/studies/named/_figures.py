"""Figures of named studies: small, with units, told apart by marker as well as by colour."""

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zoo.studies.named._numbers import groups, has, known, numbers
from zoo.utils.texts import SCORES

FONT, DPI = 8, 144
# Okabe and Ito's colours, which colour-blind people tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B8A800")
MARKERS = "os^Dv<>P"
NAMES = {
    "beta_vae": "β-VAE",
    "factor_vae": "FactorVAE",
    "ada_gvae": "Ada-GVAE",
    "hfs_vae": "HFS",
    "vae": "VAE",
    "info_wgan_gp": "InfoWGAN-GP",
    "beta_tc_vae": "β-TCVAE",
    "dip_vae": "DIP-VAE",
    "annealed_vae": "AnnealedVAE",
    "info_vae": "InfoVAE",
    "info_gan": "InfoGAN",
    "joint_vae": "JointVAE",
    "iwae": "IWAE",
}
SYMBOLS = {"beta_vae": ("beta", "β"), "factor_vae": ("gamma", "γ")}
SCORE_NAMES = {
    **SCORES,
    "udr": "UDR",
    "true_tc": "true TC (nats)",
    "dimension_wise_kl": "dimension-wise KL (nats)",
}
LETTERS = 10  # of a group's name, beside others


def panels(rows: int = 1, columns: int = 1, width: float = 3.4, height: float = 2.5) -> tuple:
    """A figure, and its panels in an array `(rows, columns)`."""
    figure = Figure(figsize=(width * columns, height * rows), dpi=DPI, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def label(axes: Axes, x: str, y: str) -> None:
    """Names both axes."""
    axes.set_xlabel(x, fontsize=FONT)
    axes.set_ylabel(y, fontsize=FONT)
    axes.tick_params(labelsize=FONT - 1)


def look(number: int) -> dict:
    """Colour and marker of a group."""
    return {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}


def points(axes: Axes, rows, x: str, y: str, number: int, model: str) -> None:
    """A point for each run of one model that has both numbers."""
    rows = known(rows, x, y)
    name = NAMES.get(model, model)
    axes.scatter(
        numbers(rows, x),
        numbers(rows, y),
        s=14,
        alpha=0.7,
        linewidths=0,
        label=name,
        **look(number),
    )


def legend(axes: Axes, **where) -> None:
    """Says which group is which."""
    axes.legend(fontsize=FONT - 1, frameon=False, **where)


def by_reconstruction(columns, score: str, name: str) -> Figure:
    """A score over reconstruction: a point for each run, a line through the settings' means."""
    figure, axes = panels(width=4.2, height=3)
    axes = axes[0, 0]
    columns = known(columns, "reconstruction", score)
    for number, (model, rows) in enumerate(groups(columns, "model").items()):
        how = look(number)
        x, y = numbers(rows, "reconstruction"), numbers(rows, score)
        axes.scatter(x, y, s=14, alpha=0.5, linewidths=0, **how)
        setting, symbol = SYMBOLS.get(model, ("setting", ""))
        means = sorted(
            (
                (numbers(part, "reconstruction").mean(), numbers(part, score).mean(), value)
                for value, part in groups(rows, setting).items()
            ),
            key=lambda mean: mean[:2],
        )
        x, y = [point[0] for point in means], [point[1] for point in means]
        axes.plot(x, y, markersize=6, linewidth=1.2, label=NAMES.get(model, model), **how)
        for place, (at, height, value) in enumerate(means):
            axes.annotate(
                f"{symbol} {value}" if symbol else "",
                (at, height),
                xytext=(0, 7 if place % 2 else -12),
                textcoords="offset points",
                ha="center",
                fontsize=FONT - 1,
                color=how["color"],
            )
    label(axes, "reconstruction error (nats per image)", name)
    axes.legend(fontsize=FONT, frameon=False)
    return figure


def by_group(columns, scores, group: str, names=None, x: str = "") -> Figure:
    """A panel for each score: groups beside each other, a point for each run, a bar at the mean."""
    scores = [score for score in scores if has(columns, score)]
    parts = groups(columns, group)
    wide = max(2.4, 0.55 * len(parts) + 1)
    figure, axes = panels(1, len(scores), width=wide, height=2.6)
    for panel, score in zip(axes[0], scores, strict=True):
        for place, part in enumerate(parts.values()):
            if has(part, score):
                found = numbers(part, score)
                shift = np.linspace(-0.15, 0.15, len(found)) if len(found) > 1 else [0.0]
                panel.scatter(place + np.asarray(shift), found, s=14, zorder=2, **look(place))
                panel.hlines(found.mean(), place - 0.3, place + 0.3, color="0.5", zorder=1)
        told = [textwrap.fill(str((names or NAMES).get(value, value)), LETTERS) for value in parts]
        turned = max(len(line) for name in told for line in name.splitlines()) > LETTERS
        panel.set_xticks(range(len(parts)), told, rotation=90 if turned else 0)
        label(panel, x, SCORE_NAMES.get(score, score))
    return figure


def lines(axes: Axes, columns, x: str, y: str, group: str, names=None) -> None:
    """Means over seeds of `y` over `x`, a line for each group, a faint point for each run."""
    for number, (value, rows) in enumerate(groups(columns, group).items()):
        how = look(number)
        if not has(rows, y):
            continue
        rows = known(rows, x, y)
        means = sorted((at, numbers(part, y).mean()) for at, part in groups(rows, x).items())
        told = str((names or {}).get(value, value))
        axes.plot(*zip(*means, strict=True), markersize=5, linewidth=1.2, label=told, **how)
        axes.scatter(rows[x], rows[y], s=10, alpha=0.4, linewidths=0, **how)
