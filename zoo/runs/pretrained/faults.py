"""What a model does badly, measured."""

import dataclasses
from typing import Any

import numpy as np

from zoo.measure import evaluation
from zoo.measure.evaluation import UNUSED
from zoo.metrics._shares import shares_told

POOR = 0.5  # share of a factor's entropy
DEAR = 0.5  # standard deviations of the reconstruction above its mean


@dataclasses.dataclass(frozen=True)
class Faults:
    """What was found of each factor and latent, from which the sentences of a card follow.

    Attributes:
        factors: for each factor its `name`, the `latent` that knows most of it, the `share` of its entropy that this
            latent tells, `second_latent` and `second_share`.
        latents: mean KL of each latent in nats; None where the model has none.
        dear: for each factor its `name`, and the `value` whose images cost the most: `excess` nats above the mean
            reconstruction, `deviations` in standard deviations of it.
    """

    factors: list[dict[str, Any]]
    latents: list[float] | None
    dear: list[dict[str, Any]]

    def sentences(self) -> list[str]:
        """What is wrong, a sentence each; nothing where nothing is.

        Example:
            >>> poor = {"name": "shape", "latent": 2, "share": 0.1, "second_latent": 5, "second_share": 0.02}
            >>> Faults([poor], [1.0, 0.0], []).sentences()
            ['`shape` is not in one latent: the best, z2, tells 10% of it.', 'z1 is not used (< 0.01 nats).']
        """
        return [*self._poor(), *self._split(), *self._mixed(), *self._unused(), *self._dear()]

    def _poor(self) -> list[str]:
        return [
            f"`{row['name']}` is not in one latent: the best, z{row['latent']}, tells {row['share']:.0%} of it."
            for row in self.factors
            if row["share"] < POOR
        ]

    def _split(self) -> list[str]:
        return [
            f"`{row['name']}` is told twice: by z{row['latent']} and z{row['second_latent']}."
            for row in self.factors
            if row["share"] >= POOR and row["second_share"] > 0.5 * row["share"]
        ]

    def _mixed(self) -> list[str]:
        of = {}
        for row in self.factors:
            of.setdefault(row["latent"], []).append(f"`{row['name']}`")
        return [
            f"z{latent} mixes {' and '.join(names)}: it is the best latent of each."
            for latent, names in sorted(of.items())
            if len(names) > 1
        ]

    def _unused(self) -> list[str]:
        idle = [f"z{number}" for number, kl in enumerate(self.latents or ()) if kl < UNUSED]
        verb = "is" if len(idle) == 1 else "are"
        return [f"{', '.join(idle)} {verb} not used (< {UNUSED:g} nats)."] if idle else []

    def _dear(self) -> list[str]:
        return [
            f"Images with `{row['name']}` {row['value']} are reconstructed worst: {row['excess']:.1f} nats above the "
            "mean."
            for row in self.dear
            if row["deviations"] > DEAR
        ]


def faults(table: evaluation.Table, data) -> Faults:
    """The faults of a model on a dataset that was encoded with its terms.

    Args:
        table: of `zoo.evaluation.encode`.
        data: the dataset with factors.

    Example:
        >>> import zoo
        >>> data = zoo.datasets.load("digits")
        >>> table = evaluation.encode(zoo.models.VAE((8, 8, 1), latent_dim=3, seed=0), data)
        >>> [row["name"] for row in faults(table, data).factors]
        ['digit']
    """
    names = list(enumerate(data.factor_names))
    latents = None if table.latent_kl is None else table.latent_kl.mean(axis=0).tolist()
    if not names:
        return Faults([], latents, [])
    told = shares_told(table.codes, table.factors)
    rows = [_told(name, told[factor]) for factor, name in names]
    dear = [_dearest(name, data, factor, table) for factor, name in names]
    return Faults(rows, latents, dear)


def _told(name: str, shares: np.ndarray) -> dict[str, Any]:
    # A single latent has nothing beside it.
    order = [*np.argsort(-shares, kind="stable")[:2], None][:2]
    first, second = (0.0 if latent is None else shares[latent] for latent in order)
    return {
        "name": name,
        "latent": int(order[0]),
        "share": float(first),
        "second_latent": None if order[1] is None else int(order[1]),
        "second_share": float(second),
    }


def _dearest(name: str, data, factor: int, table: evaluation.Table) -> dict[str, Any]:
    values = table.factors[:, factor]
    costs = {value: table.reconstruction[values == value].mean() for value in np.unique(values)}
    worst = max(costs, key=costs.get)
    excess = float(costs[worst] - table.reconstruction.mean())
    return {
        "name": name,
        "value": _named(data, factor, int(worst)),
        "excess": excess,
        "deviations": excess / max(float(table.reconstruction.std()), 1e-12),
    }


def _named(data, factor: int, value: int) -> str:
    """A factor's value as its dataset calls it."""
    known = data.factor_values[factor][value]
    return known if isinstance(known, str) else f"{known:.3g}"
