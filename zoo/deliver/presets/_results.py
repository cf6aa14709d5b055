"""The results of all presets in one table, and the papers' numbers beside, from what presets and one data file say."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.utils import files
from zoo.utils.texts import SCORES, markdown_table

CSV, PUBLISHED = "results.csv", "published.json"
BOUND = ("reconstruction", "kl", "elbo")
CALLED = {**SCORES, "reconstruction": "reconstruction, nats", "kl": "KL, nats"}
# Columns of the table of presets: all of them, and those that say which preset one wants.
FULL = (
    *("preset", "data", "updates × batch", "ELBO, nats", "FactorVAE score", "MIG", "DCI", "MiB"),
    *("β-VAE score", "reconstruction", "KL", "parameters", "seed, of how many", "minutes"),
)
SHORT = ("preset", "data", "FactorVAE score", "MIG", "DCI", "reconstruction", "MiB")
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


def results_table(
    presets: Mapping[str, Mapping[str, Any]],
    sizes: Mapping[str, int],
    columns: Sequence[str] = FULL,
    cards: str = "",
) -> str:
    """The results in Markdown.

    Args:
        presets: as for `results_csv`.
        sizes: as for `results_csv`.
        columns: of `FULL`.
        cards: the way from the text that shows the table to the presets' folders, with a slash at its end.
    """
    rows = [_cells(name, found, sizes[name], cards) for name, found in presets.items()]
    numbers = [place for place, column in enumerate(columns) if column not in ("preset", "data")]
    return markdown_table(columns, [[row[column] for column in columns] for row in rows], numbers)


def _cells(name: str, found: Mapping[str, Any], size: int, cards: str) -> dict[str, str]:
    """What any of the tables shows of a preset, by the heads of its columns."""
    scores, training = found["scores"], found["how"]["training"]
    config = training["config"]
    # Of one factor every code that varies has a perfect score.
    told = scores if len(found["how"]["faults"]["factors"]) > 1 else {}

    def shown(values: Mapping[str, float], entry: str, digits: int) -> str:
        return f"{values[entry]:.{digits}f}" if entry in values else "–"

    return {
        "preset": f"[`{name}`]({cards}{name}/card.md)",
        "data": f"`{config['data']}`",
        "updates × batch": f"{config['steps']:,} × {config['batch_size']}",
        "ELBO, nats": shown(scores, "elbo", 1),
        "FactorVAE score": shown(told, "factor_vae_score", 2),
        "MIG": shown(told, "mig", 2),
        "DCI": shown(told, "dci", 2),
        "β-VAE score": shown(told, "beta_vae_score", 2),
        "reconstruction": shown(scores, "reconstruction", 1),
        "KL": shown(scores, "kl", 1),
        "MiB": f"{size / 2**20:.1f}",
        "parameters": f"{sum(found['how']['parameters'].values()) / 1e6:.2g} M",
        "seed, of how many": f"{config['seed']}, of {len(training['candidates'])}",
        "minutes": f"{training['seconds'] / 60:,.0f}, {training['hardware']}",
    }


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
    """Writes `saved_models/results.csv`, and the tables in the READMEs, of a checkout.

    Args:
        root: of the checkout.
        folders: of the presets.

    Raises:
        ValueError: a README lacks the marks between which its table stands. Nothing is written.
    """
    presets = {folder.name: files.read_json(folder / "scores.json") for folder in folders}
    sizes = {folder.name: files.size_of(folder) for folder in folders}
    texts = {root / "saved_models" / CSV: results_csv(presets, sizes)}
    for file, sections in tables(root, presets, sizes).items():
        texts[file] = file.read_text(encoding="utf-8")
        for name, table in sections.items():
            texts[file] = replaced(texts[file], name, table)
    for file, text in texts.items():
        files.write_text(file, text)


def tables(
    root: Path, presets: Mapping[str, Mapping[str, Any]], sizes: Mapping[str, int]
) -> dict[Path, dict[str, str]]:
    """The generated sections of each README of a checkout, by name."""
    own = root / "saved_models"
    published = json.loads((own / PUBLISHED).read_text(encoding="utf-8"))
    return {
        root / "README.md": {"presets": results_table(presets, sizes, SHORT, "saved_models/")},
        own / "README.md": {
            "presets": results_table(presets, sizes),
            "published": published_table(published, presets),
        },
    }
