"""How much of a score's variance lies between models, between a model's settings, and between seeds."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

DRAWS = 2000


@dataclasses.dataclass(frozen=True)
class Parts:
    """Variances of the model y = mean + model + setting + seed.

    Attributes:
        model: between models.
        setting: between the settings of a model.
        seed: between the seeds of a setting.
        low: the 2.5th percentile of the model's share, were the variances these.
        high: the 97.5th.
    """

    model: float
    setting: float
    seed: float
    low: float = 0.0
    high: float = 1.0

    @property
    def shares(self) -> tuple[float, float, float]:
        """Shares of model, setting and seed; an estimate below 0 counts as 0. NaN where nothing varies."""
        return tuple(float(share) for share in _shares(self.model, self.setting, self.seed))


def parts(scores: Mapping[str, Sequence[np.ndarray]], seed: int = 0) -> Parts:
    """Unbiased variance components of a nested design, whose groups may differ in size.

    Mean squares are set equal to their expectations (analysis of variance, Henderson's first method); an estimate
    may be below 0. The interval of the model's share is that of tables of the same design, drawn from normal
    distributions of these variances and taken apart in the same way.

    Args:
        scores: for each model the scores of its settings, a vector over seeds each.
        seed: of the drawn tables.

    Raises:
        ValueError: fewer than two models, no model of two settings, or no setting of two seeds.

    Example:
        >>> found = parts({"a": [np.array([0.0, 2.0]), np.array([4.0, 6.0])], "b": [np.array([1.0, 3.0])]})
        >>> found.seed, found.setting
        (2.0, 7.0)

    Reference: Searle, Casella & McCulloch, Variance Components, 1992, chapter 5.
    """
    design = Design(scores)
    cells = [cell for settings in scores.values() for cell in settings]
    means = np.array([cell.mean() for cell in cells])
    within = sum(((cell - cell.mean()) ** 2).sum() for cell in cells) / design.seeds
    found = [float(part) for part in design.parts(means, within)]
    drawn = _shares(*design.drawn(found, seed))[0]
    known = drawn[np.isfinite(drawn)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (0.0, 1.0)
    return Parts(*found, float(low), float(high))


class Design:
    """The sizes of a nested table: models, their settings, the seeds of each."""

    def __init__(self, scores: Mapping[str, Sequence[np.ndarray]]):
        self.sizes = np.array([len(cell) for cells in scores.values() for cell in cells], float)
        self.owner = np.repeat(np.arange(len(scores)), [len(cells) for cells in scores.values()])
        self.count = len(scores)
        self.seeds = self.sizes.sum() - len(self.sizes)  # degrees of freedom, as the next two
        self.settings, self.models = len(self.sizes) - self.count, self.count - 1
        if min(self.seeds, self.settings, self.models) < 1:
            raise ValueError(
                "Expected runs of at least two models, one of them with two settings, one of these with two seeds. "
                f"Received: {self.count} models, {len(self.sizes)} settings, {int(self.sizes.sum())} runs."
            )
        of_model = np.bincount(self.owner, self.sizes)
        squares = np.bincount(self.owner, self.sizes**2)
        total, inner = self.sizes.sum(), (squares / of_model).sum()
        self.of_model = of_model
        # How often a variance stands in the expectation of a mean square.
        self.setting_in_settings = (total - inner) / self.settings
        self.setting_in_models = (inner - squares.sum() / total) / self.models
        self.model_in_models = (total - (of_model**2).sum() / total) / self.models

    def parts(self, means: np.ndarray, within: np.ndarray) -> tuple:
        """Variances of model, setting and seed.

        Args:
            means: of the settings, `(..., settings)`.
            within: mean square within settings, `(...)`.
        """
        belongs = self.owner[:, None] == np.arange(self.count)
        of_models = (means * self.sizes) @ belongs / self.of_model
        grand = (means * self.sizes).sum(-1, keepdims=True) / self.sizes.sum()
        settings = (self.sizes * (means - of_models[..., self.owner]) ** 2).sum(-1) / self.settings
        models = (self.of_model * (of_models - grand) ** 2).sum(-1) / self.models
        setting = (settings - within) / self.setting_in_settings
        model = (models - within - self.setting_in_models * setting) / self.model_in_models
        return model, setting, within

    def drawn(self, variances: Sequence[float], seed: int = 0, draws: int = DRAWS) -> tuple:
        """What `parts` gives of tables of this design that are drawn with known variances, `(draws,)` each."""
        random = np.random.default_rng(seed)
        model, setting, noise = np.sqrt(np.maximum(variances, 0))
        means = (
            model * random.standard_normal((draws, self.count))[:, self.owner]
            + setting * random.standard_normal((draws, len(self.sizes)))
            + noise * random.standard_normal((draws, len(self.sizes))) / np.sqrt(self.sizes)
        )
        within = noise**2 * random.chisquare(self.seeds, draws) / self.seeds
        return self.parts(means, within)


def _shares(*variances) -> np.ndarray:
    kept = np.maximum(np.stack([np.asarray(each, float) for each in variances]), 0)
    total = kept.sum(0)
    return np.divide(kept, total, out=np.full(kept.shape, np.nan), where=total > 0)
