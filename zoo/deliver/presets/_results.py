"""The results of all presets in one table, and the papers' numbers beside, from what presets and one data file say."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.utils import files
from zoo.utils.texts import markdown_table

CSV, PUBLISHED = "results.csv", "published.json"
BOUND = ("reconstruction", "kl", "elbo")
# Names of scores as papers call them.
CALLED = {
    "factor_vae_score": "FactorVAE score",
    "beta_vae_score": "β-VAE score",
    "mig": "MIG",
    "dci": "DCI",
    "sap": "SAP",
    "modularity": "modularity",
    "reconstruction": "reconstruction, nats",
    "kl": "KL, nats",
}
SECTION = "<!-- {name}: written by `zoo presets --update` -->\n{text}\n<!-- end of {name} -->"


def results_csv(presets: Mapping[str, Mapping[str, Any]], sizes: Mapping[str, int]) -> str:
    """A line for each preset: what was trained, how, where, and all that it scores.

    Args:
        presets: name to what its `scores.json` holds.
        sizes: name to bytes of its folder.
    """
    rows = [_row(name, found, sizes[name]) for name, found in presets.items()]
    columns = dict.fromkeys(column for row in rows for column in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(name: str, found: Mapping[str, Any], size: int) -> dict[str, Any]:
    scores, how = found["scores"], found["how"]
    training, config = how["training"], how["training"]["config"]
    row = {
        "preset": name,
        "model": how["model"],
        "data": config["data"],
        "settings": _arguments(config["settings"]),
        "likelihood": config["likelihood"],
        "latent_dim": config["latent_dim"],
        "updates": config["steps"],
        "batch": config["batch_size"],
        "learning_rate": config["learning_rate"],
        "precision": config["precision"],
        "seed": config["seed"],
        "seeds": len(training["candidates"]),
        "rule": training["rule"],
        "minutes": round(training["seconds"] / 60, 1),
        "hardware": training["hardware"],
        "parameters": sum(how["parameters"].values()),
        "samples": how["samples"],
        **{entry: scores.get(entry, "") for entry in BOUND},
        "held_out_elbo": ((how.get("held_out") or {}).get("scores") or {}).get("elbo", ""),
    }
    for metric, called in how["metrics"].items():
        if called["entries"]:
            row[metric] = scores[called["entries"][0]]
            row[f"{metric} parameters"] = _arguments(called["parameters"])
    for form, measured in how.get("forms", {}).items():
        row |= {f"{form} {what}": value for what, value in measured.items()}
    return {**row, "folder bytes": size}


def _arguments(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def results_table(presets: Mapping[str, Mapping[str, Any]], sizes: Mapping[str, int]) -> str:
    """The results in Markdown, the main columns of `results_csv`."""
    head = [
        *(
            "preset",
            "data",
            "updates × batch",
            "ELBO, nats",
            "FactorVAE score",
            "MIG",
            "DCI",
            "MiB",
        ),
        *("β-VAE score", "reconstruction", "KL", "parameters", "seed, of how many", "minutes"),
    ]
    rows = []
    for name, found in presets.items():
        scores, training = found["scores"], found["how"]["training"]
        config = training["config"]
        # Of one factor every code that varies has a perfect score.
        told = scores if len(found["how"]["faults"]["factors"]) > 1 else {}
        shown = {
            entry: f"{told[entry]:.2f}" if entry in told else "–"
            for entry in ("factor_vae_score", "mig", "dci", "beta_vae_score")
        }
        bound = {entry: f"{scores[entry]:.1f}" if entry in scores else "–" for entry in BOUND}
        rows.append(
            [
                f"[`{name}`](saved_models/{name}/card.md)",
                f"`{config['data']}`",
                f"{config['steps']:,} × {config['batch_size']}",
                bound["elbo"],
                shown["factor_vae_score"],
                shown["mig"],
                shown["dci"],
                f"{sizes[name] / 2**20:.1f}",
                shown["beta_vae_score"],
                bound["reconstruction"],
                bound["kl"],
                f"{sum(found['how']['parameters'].values()) / 1e6:.2g} M",
                f"{config['seed']}, of {len(training['candidates'])}",
                f"{training['seconds'] / 60:,.0f}, {training['hardware']}",
            ]
        )
    return markdown_table(head, rows, numbers=range(2, len(head)))


def published_table(
    published: Sequence[Mapping[str, Any]], presets: Mapping[str, Mapping[str, Any]]
) -> str:
    """Published numbers beside those of the presets, in Markdown.

    Args:
        published: of `saved_models/published.json`: for each model of a study `model`, `data`, `source`, `budget`,
            `variant` of its metrics, `scores` as texts, the `preset` that is ours or None, and what `differs`.
        presets: as for `results_csv`.
    """
    head = [
        "model, data, source",
        "score",
        "published",
        "ours",
        "budget: theirs, ours",
        "what differs",
    ]
    rows = []
    for study in published:
        ours = presets.get(study["preset"])
        config = ours["how"]["training"]["config"] if ours else None
        budget = f"{config['steps']:,} × {config['batch_size']}" if config else "–"
        variant = f" (metric: {study['variant']})" if study["variant"] else ""
        for place, (entry, value) in enumerate(study["scores"].items()):
            mine = ours["scores"].get(entry) if ours else None
            first = place == 0
            rows.append(
                [
                    f"{study['model']}, {study['data']}, {study['source']}" if first else "",
                    CALLED.get(entry, entry),
                    value,
                    "–" if mine is None else f"{mine:.{1 if entry in BOUND else 3}f}",
                    f"{study['budget']}; {budget}" if first else "",
                    f"{study['differs']}{variant}" if first else "",
                ]
            )
    return markdown_table(head, rows, numbers=(2, 3))


def replaced(text: str, name: str, table: str) -> str:
    r"""A text with the table between its two marks replaced.

    Raises:
        ValueError: the text has no such marks.

    Example:
        >>> replaced("<!-- a: old -->\n1\n<!-- end of a -->", "a", "2").splitlines()[1]
        '2'
    """
    marks = re.compile(rf"<!-- {name}:.*?-->\n.*?<!-- end of {name} -->", re.DOTALL)
    section = SECTION.format(name=name, text=table)
    changed, count = marks.subn(lambda _: section, text)
    if count != 1:
        raise ValueError(
            f"Expected one section between `<!-- {name}: ... -->` marks. Found: {count}."
        )
    return changed


def write_results(root: Path, folders: Sequence[Path]) -> None:
    """Writes `saved_models/results.csv`, and the tables of README, of a checkout.

    Args:
        root: of the checkout.
        folders: of the presets.
    """
    presets = {folder.name: files.read_json(folder / "scores.json") for folder in folders}
    sizes = {folder.name: files.size_of(folder) for folder in folders}
    own = root / "saved_models"
    readme = (root / "README.md").read_text(encoding="utf-8")
    for name, table in tables(own, presets, sizes).items():
        readme = replaced(readme, name, table)
    files.write_text(own / CSV, results_csv(presets, sizes))
    files.write_text(root / "README.md", readme)


def tables(
    own: Path, presets: Mapping[str, Mapping[str, Any]], sizes: Mapping[str, int]
) -> dict[str, str]:
    """The generated sections of README, by name."""
    published = json.loads((own / PUBLISHED).read_text(encoding="utf-8"))
    return {
        "presets": results_table(presets, sizes),
        "published": published_table(published, presets),
    }
