"""How every figure looks: resolution, letters, ticks, panels."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from matplotlib.ticker import EngFormatter, MaxNLocator

NATS = frozenset(
    {
        "continuous_kl",
        "dimension_wise_kl",
        "discrete_kl",
        "discriminator_loss",
        "elbo",
        "kl",
        "loss",
        "marginal_kl",
        "mutual_information",
        "reconstruction",
        "regularizer",
        "total_correlation",
        "unsupervised",
        "unsupervised_mutual_information",
    }
)
"""Quantities of a training history, scores among them, that are in nats."""

DPI = 144
FONT = 8  # points
STEPS = [1, 2, 5, 10]  # from tick to tick


def dress(axes: Axes, name: str, *, last: bool) -> None:
    """Gives a panel its texts, in a size that a printed page can carry."""
    axes.set_title(name.replace("_", " "), fontsize=FONT + 1)
    axes.set_ylabel("nats" if name in NATS else "", fontsize=FONT)
    axes.set_xlabel("step" if last else "", fontsize=FONT)
    axes.tick_params(labelsize=FONT - 1, length=2)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=STEPS, integer=True))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
    axes.ticklabel_format(axis="y", scilimits=(-3, 4))
    axes.yaxis.offsetText.set_fontsize(FONT - 1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def head(figure: Figure, title: str | None) -> None:
    """Writes a title above all panels."""
    if title:
        figure.suptitle(title, fontsize=FONT + 2)


def plain(text: str) -> str:
    r"""A text to be drawn as it is, such as a file's name: its dollars start no formula.

    Example:
        >>> print(plain("costs $5 or $6"))
        costs \$5 or \$6
    """
    return text.replace("$", r"\$")


def text_width(text: str, size: float = FONT) -> int:
    """Width of the longest line of a text, in device pixels."""
    lines = [line for line in text.split("\n") if line.strip()]
    points = (TextPath((0, 0), line, size=size).get_extents().x1 for line in lines)
    return int(np.ceil(max(points, default=0) * DPI / 72)) + 2


def short_number(value: float) -> str:
    """At most seven characters, which fit into a cell of a matrix."""
    value = round(float(value), 6) + 0.0  # no 1e-17 where 0 is meant, and no -0
    size = abs(value)
    if 999.5 <= size < 9999.5:
        text = f"{value:.0f}"
    elif size == 0 or 0.00095 <= size < 999.5:
        text = f"{value:.{2 if size < 1 else 3}g}"
    else:
        mantissa, exponent = f"{value:.1e}".split("e")
        text = f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    return text.replace("-", "−")
