"""What the page knows of a model and of its images: plain values for JSON."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from zoo.measure import evaluation
from zoo.metrics._shares import shares_told
from zoo.utils import files
from zoo.utils.checks import is_number

PERCENTILES = (1, 99)
UNUSED = {"kl": 0.01, "variance": 0.01}  # below: nats, or the variance of codes
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def of_model(model, data, samples: int, *, name: str, origin: str) -> dict[str, Any]:
    """A model's facts, measured on some of its images.

    Returns:
        `latents` has an entry for each slider or row of buttons, sorted by falling KL (by variance of the codes where
        the model has no KL): the number of its latent, `z`; the `column` of the latent vector where it begins; `size`,
        how many numbers it takes: the categories, or 1; of a quantized latent the `values` that it may take, else None;
        the 1st and 99th percentile of its codes, `low` and `high`; the
        factor that it knows best with the share of its entropy, `told`; whether it is `unused`. `shares` has a row for
        each factor and a column for each entry of `latents`.

    Raises:
        ValueError: the codes are no finite numbers.
    """
    table = evaluation.encode(model, data, samples=samples)
    if not np.isfinite(table.codes).all():
        raise ValueError(
            f"Expected a model whose codes are finite numbers. Received: {name}, whose codes of {origin} are not."
        )
    kl = None if table.latent_kl is None else table.latent_kl.mean(axis=0)
    variance = table.codes.var(axis=0)
    order = np.argsort(-(variance if kl is None else kl), kind="stable")
    shares = None
    if data.factor_names and len(table.codes) > 1:
        shares = shares_told(table.codes, table.factors)[:, order]
    ranges = np.percentile(table.codes, PERCENTILES, axis=0).T
    span = model.latent_range(math.inf)
    return {
        "name": name,
        "kind": type(model).__name__,
        "image_shape": list(model.image_shape),
        "latent_dim": model.latent_dim,
        "prior": "uniform" if math.isfinite(span[1]) else "normal",
        "measured_on": origin,
        "latents": [
            _latent(model, z, kl, variance, ranges[z])
            | {"told": None if shares is None else _best(shares[:, place], data.factor_names)}
            for place, z in enumerate(order)
        ],
        "factors": list(data.factor_names) if shares is not None else [],
        "shares": [] if shares is None else [[round(float(x), 4) for x in row] for row in shares],
    }


def _latent(model, z: int, kl, variance, limits) -> dict[str, Any]:
    """One latent's slider, or row of buttons."""
    values = None if model.latent_values is None else model.latent_values[z].tolist()
    continuous = model.continuous_dim if values is None else model.latent_dim
    which = z - continuous
    use, least = (variance[z], UNUSED["variance"]) if kl is None else (kl[z], UNUSED["kl"])
    low, high = map(float, limits)
    if not high > low:  # of a latent that says nothing
        low, high = low - 1, high + 1
    return {
        "z": int(z),
        "column": int(z if which < 0 else continuous + sum(model.categories[:which])),
        "size": 1 if which < 0 else int(model.categories[which]),
        "values": values,
        "kl": None if kl is None else float(kl[z]),
        "variance": float(variance[z]),
        "low": low,
        "high": high,
        "unused": bool(use < least),
    }


def _best(shares: np.ndarray, names) -> list:
    best = int(shares.argmax())
    return [names[best], float(shares[best])]


def written(folder: Path | None) -> dict[str, Any]:
    """The card and the scores that lie in a preset's or run's folder."""
    card, scores = "", {}
    if folder is not None:
        if (folder / "card.md").exists():
            card = (folder / "card.md").read_text(encoding="utf-8", errors="replace")
        if (folder / "scores.json").exists():
            found = files.read_json(folder / "scores.json")
            found = found.get("scores", {}) if isinstance(found, dict) else {}
            scores = {
                str(name): float(value)
                for name, value in found.items()
                if is_number(value) and math.isfinite(value)
            }
    return {"card": FRONT_MATTER.sub("", card), "scores": scores}


def of_data(data, name: str) -> dict[str, Any]:
    """The facts of the images that models are shown on."""
    start = int(np.random.default_rng(0).integers(len(data)))
    return {
        "name": name,
        "images": len(data),
        "image_shape": list(data.image_shape),
        "factors": [
            {"name": name, **_levels(values)}
            for name, values in zip(data.factor_names, data.factor_values, strict=True)
        ],
        "start": {"index": start, "factors": factors_of(data, start)},
    }


def factors_of(data, index: int) -> list[int]:
    """The factors of one image; none where the dataset has none."""
    return data.factors(np.array([index]))[0].tolist() if data.factor_names else []


def _levels(values) -> dict[str, Any]:
    """What the values of a factor are called, which of them can be chosen, and whether they are words."""
    values = np.asarray(values)
    words = values.dtype.kind not in "iufb"
    labels = [str(value) if words else f"{value:.4g}" for value in values.tolist()]
    return {"labels": labels, "levels": list(range(len(labels))), "words": words}
