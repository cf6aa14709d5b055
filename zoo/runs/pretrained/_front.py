"""The front matter of a card, by which the Hugging Face Hub finds, filters and shows a model."""

import json
import re
from collections.abc import Mapping
from typing import Any

LIBRARY = "vae-zoo"
TAGS = ("keras", "tensorflow", "vae", "disentanglement")
TASK = {"type": "feature-extraction", "name": "disentangled representations"}


def front_matter(name: str, found: Mapping[str, Any]) -> str:
    """YAML between two lines of dashes: library, licence, tags, and the headline scores as a `model-index`.

    Args:
        name: of the preset.
        found: its `scores.json`.
    """
    how = found["how"]
    config = how["training"]["config"]
    base = re.match(r"\w+", config["data"])[0]
    fields = {
        "library_name": LIBRARY,
        "license": "apache-2.0",
        "tags": list(dict.fromkeys([*TAGS, config["model"], base])),
        "model-index": [
            {
                "name": name,
                "results": [
                    {
                        "task": TASK,
                        "dataset": {"name": config["data"], "type": base},
                        "metrics": _metrics(found["scores"], how),
                    }
                ],
            }
        ],
    }
    # JSON is YAML; a field a line can be read.
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "\n".join(["---", *lines, "---"])


def _metrics(scores: Mapping[str, float], how: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The bound and each metric's first entry, with what it was called with."""
    called = {
        row["entries"][0]: ", ".join(f"{k}={v!r}" for k, v in row["parameters"].items())
        for row in how["metrics"].values()
        if row["entries"]
    }
    names = [name for name in ("reconstruction", "kl", "elbo") if name in scores]
    return [
        {
            "type": name,
            "name": f"{name}({called[name]})" if name in called else name,
            "value": round(scores[name], 6),
        }
        for name in [*names, *called]
        if abs(scores[name]) < float("inf")
    ]
