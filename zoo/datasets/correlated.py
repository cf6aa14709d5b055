"""correlated: any dataset whose factors are not independent in training."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.datasets import _correlations
from zoo.datasets._load import load
from zoo.datasets._wrapped import Wrapped
from zoo.utils import registry
from zoo.utils.checks import is_number

LEAST, MOST = 1e-6, 1e6  # of a strength; beyond, squares are no numbers, and ties no other ones


class Correlated(Wrapped):
    """Any dataset in whose training batches some factors hang together; all else sees every image alike.

        p(f1, f2) ~ exp(-(f1 - f2)^2 / (2 strength^2)),    factors scaled to [0, 1]

    `batches` and `pairs` draw images by p, with replacement. Indices, factors and images are those of the data, so
    that evaluation, traversals and pictures stay on the full grid. A smaller `strength` is a closer tie; published are
    0.2, 0.4 and 0.7 (Träuble et al.), and 0.1 (Roth et al.).

    What is tied is said as text, or as a list of texts whose probabilities are multiplied:

    - `"scale:x"`: the two rise together; `"scale:-x"`: one falls as the other rises;
    - `"shape:*"`: an observed confounder, tied to each other factor; `"shape:-*"`: they fall as it rises;
    - `"scale+x+y"`: a hidden confounder c, uniform on [0, 1], which is near each of them: p is the integral over c of
      the product of exp(-(f_k - c)^2 / (2 strength^2)).

    In a pair the first image is drawn by p, and the values that change are drawn by p given those that stay. Parts
    (`split`, `held_out`) and variants (`noisy`, ...) of such a dataset draw by p as well. TensorFlow Datasets gets
    every image once. As text: `"correlated(shapes2d, 'scale:x', 0.2)"`,
    `"correlated(shapes3d, ['scale:shape', 'floor_hue:wall_hue'], 0.4)"`.

    Args:
        data: anything that `zoo.datasets.load` takes, with factors.
        ties: which factors are tied, a text or several.
        strength: from 1e-6 to 1e6, for all ties, or one for each.

    Raises:
        ValueError: there is no such factor or dataset, a factor has a single value, the data have no factors, or
            a tie or strength is not as described.

    Example:
        >>> data = Correlated("shapes2d", "scale:x", 0.2)
        >>> data
        <correlated(shapes2d): 737,280 images 64×64×1 float32; shape 3, scale 6, orientation 40, x 32, y 32>
        >>> float(data.probabilities().sum().round(6))
        1.0

    Reference:
        Träuble et al., "On Disentangled Representations Learned from Correlated Data", ICML 2021, section 3; several
        ties at once and confounders: Roth et al., "Disentanglement of Correlated Factors via Hausdorff Factorized
        Support", ICLR 2023.
    """

    name = "correlated"

    def __init__(
        self,
        data: Any = "shapes2d",
        ties: str | Sequence[str] = "scale:x",
        strength: float | Sequence[float] = 0.2,
    ):
        super().__init__(load(data))
        if not self.factor_names:
            raise ValueError(
                f'Expected a dataset with factors. Received: "{self.data.name}", which has none. '
                "Pass (images, factors)."
            )
        self.part = self.data.part
        self.image_shape, self.image_dtype = self.data.image_shape, self.data.image_dtype
        texts = _texts(ties)
        found = [
            self._tied(text, value)
            for text, value in zip(texts, _strengths(strength, len(texts)), strict=True)
        ]
        self.correlations = (
            *self.data.correlations,
            *(tie for of_text in found for tie in of_text),
        )

    def probabilities(self) -> np.ndarray:
        """How probable each image is in `batches`, `(len,)`."""
        weights = _correlations.weights(self.factors(np.arange(len(self))), self.correlations)
        return weights / weights.sum()

    def _tied(self, text: str, strength: float) -> list[_correlations.Correlation]:
        """The correlations that one text says."""
        if isinstance(text, str) and "+" in text:
            columns = [self._column(name, text) for name in text.split("+")]
            if len(set(columns)) < len(columns):
                raise ValueError(f"Expected different factors. Received: {text!r}")
            return [_correlations.of_hidden_cause(self.factor_sizes, columns, strength)]
        names = text.split(":") if isinstance(text, str) else ()
        if len(names) != 2:
            raise ValueError(
                "A tie is a text such as 'scale:x', 'scale:-x', 'shape:*' or, of a hidden cause, 'scale+x+y'. "
                f"Received: {text!r}"
            )
        one, other = (name.strip() for name in names)
        column, rising = self._column(one, text), not other.startswith("-")
        if other.removeprefix("-") == "*":
            able = [place for place, size in enumerate(self.factor_sizes) if size > 1]
            others = [place for place in able if place != column]
        else:
            others = [self._column(other.removeprefix("-"), text)]
        if column in others or not others:
            raise ValueError(f"Expected two different factors. Received: {text!r}")
        sizes = self.factor_sizes
        return [_correlations.of_two(sizes, column, place, strength, rising) for place in others]

    def _column(self, name: str, text: str) -> int:
        name = name.strip()
        if name not in self.factor_names:
            told = registry.unknown(f"factor of {self.data.name}", name, self.factor_names)
            raise ValueError(f"{told} In the tie {text!r}.")
        column = self.factor_names.index(name)
        if self.factor_sizes[column] < 2:
            raise ValueError(f'Factor "{name}" has a single value. Received: the tie {text!r}')
        return column


def _texts(ties: str | Sequence[str]) -> list[str]:
    """Each tie."""
    texts = [ties] if isinstance(ties, str) else _items(ties)
    if not texts:
        raise ValueError(
            f"Expected ties such as 'scale:x', a text or a list of them. Received: ties={ties!r}"
        )
    return texts


def _strengths(strength: float | Sequence[float], count: int) -> list[float]:
    """One for each of `count` ties, checked."""
    given = [strength] * count if is_number(strength) else _items(strength)
    if len(given) != count:
        raise ValueError(
            f"`strength` must be a number, or one for each of {count} ties. Received: strength={strength!r}"
        )
    for value in given:
        if not is_number(value) or not LEAST <= value <= MOST:
            raise ValueError(
                f"`strength` must be a number above 0, from {LEAST:g} to {MOST:g}. Received: strength={value!r}"
            )
    return [float(value) for value in given]


def _items(value: Any) -> list:
    """Those of a list, a tuple or an array; of anything else none."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return list(value) if isinstance(value, list | tuple) else []
