"""The card of a preset, written from its `scores.json` and nothing else."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zoo import datasets
from zoo.runs.pretrained._front import front_matter
from zoo.runs.pretrained.faults import Faults
from zoo.utils import files, registry
from zoo.utils.texts import markdown_table

# Licences of data that are not rendered by the zoo.
LICENCES = {"digits": "CC BY 4.0, UCI Machine Learning Repository"}
OWN = "rendered by the zoo: Apache-2.0"
NOT_TOLD = "not told; it is that of whoever made the images"

CARD = """\
{front}
# {name}

{article} {model} with {latent_dim} latents, trained on `{data}`. {objective}

```python
import zoo

model = zoo.from_preset("{name}")
codes = model.encode(images).mean()  # images: (n, {shape}), float in [0, 1] or uint8
```

In TensorFlow alone: `tf.saved_model.load("{name}/1").signatures["encode"](images=images)`.

## Training

{training}
{provenance}
The rule: {rule_text}

{candidates}

Means of the first and of the last updates that were logged; losses are nats per image.

{terms}
{symptoms}
![curves](figures/curves.png)

## Scores

On {samples} images of the training data ({held}), seed {seed}; reconstruction, kl and elbo are nats per
image. *Untrained* is the same model before its first update.

{scores}
{beside}
## What the latents know

{told}

![factors](figures/factors.png)
![traversals](figures/traversals.png)
![reconstructions](figures/reconstructions.png)

## Known failures

{failures}

## Files

LiteRT files hold `encode`, `decode` and `reconstruct` for one image at a time. The error is the largest difference of
any output from the model, on {measured} images of the data. `zoo export {name} --format litert` makes further ones,
`--format onnx` ONNX.

{files}

{parameters} parameters. Milliseconds for one image, on {machine}:

{forms}

## Use

For research on disentanglement, for teaching, and as a small encoder of images like those of `{data}`. It has seen
no other images and says nothing sensible about them: no photographs, no other sizes or renderings. Do not decide
anything about people by it.

Licence of the weights: Apache-2.0, as the zoo. Data: {licence}.

Made with {versions}.
"""


def card(folder: str | os.PathLike, name: str | None = None) -> str:
    """The card of a preset, in Markdown.

    Args:
        folder: the preset, with the `scores.json` that `make` wrote.
        name: of the preset; default: the folder's.
    """
    name = name or Path(folder).name
    found = files.read_json(Path(folder) / "scores.json")
    scores, how = found["scores"], found["how"]
    training, config = how["training"], how["training"]["config"]
    beside = how.get("held_out")
    return CARD.format_map(
        {
            **config,
            "front": front_matter(name, found),
            "name": name,
            "article": "An" if how["model"][0] in "AEIO" else "A",
            "model": how["model"],
            "objective": registry.summary(registry.get("models", config["model"])),
            "shape": ", ".join(map(str, how["image_shape"])),
            "training": _facts(training, how),
            "provenance": f"\n{training['provenance']}\n" if training.get("provenance") else "",
            "rule_text": _rule(training),
            "candidates": markdown_table(
                ["seed", training["rule"]],
                [(row["seed"], _number(row["value"])) for row in training["candidates"]],
            ),
            "terms": _terms(training["first"], training["last"]),
            "symptoms": "".join(f"\n**{text}**\n" for text in training["symptoms"]),
            "samples": f"{how['samples']:,}",
            "held": f"`{beside['data']}` was held out" if beside else "none were held out",
            "seed": how["seed"],
            "scores": _scores(scores, how),
            "beside": _beside(how),
            "told": _told(how["faults"]["factors"]),
            "failures": _failures(how),
            "measured": how["measured"],
            "files": _files(how["files"]),
            "parameters": f"{sum(how['parameters'].values()):,}",
            "machine": how["hardware"],
            "forms": _forms(how["forms"]),
            "licence": how["licence"],
            "versions": ", ".join(f"{key} {value}" for key, value in how["versions"].items()),
        }
    )


def _rule(training: Mapping[str, Any]) -> str:
    count, rule = len(training["candidates"]), training["rule"]
    if count == 1:
        return (
            f"this is the only run; there was no other seed whose `{rule}` could have been higher."
        )
    return f"of {count} finished runs that differ in their seed alone, the one with the highest `{rule}`."


def licence_of(data: datasets.Dataset) -> str:
    """What the zoo knows of the licence of a dataset, or of the one that it is a part or a variant of."""
    while hasattr(data, "data"):
        data = data.data
    if data.name in LICENCES:
        return LICENCES[data.name]
    return OWN if isinstance(data, tuple(registry.members("datasets").values())) else NOT_TOLD


def _beside(how: Mapping[str, Any]) -> str:
    """What stands below the scores: the held-out images, and a learned scale beside its error."""
    text, held_out, scale = "", how.get("held_out"), how.get("learned_scale")
    if held_out:
        rows = [(name, _number(value)) for name, value in held_out["scores"].items()]
        text += (
            f"\nOn {held_out['samples']:,} images of `{held_out['data']}`, which it did not learn from:\n\n"
            f"{markdown_table(['held out', 'value'], rows)}\n"
        )
    if scale:
        text += (
            f"\nThe learned σ is {scale['scale']:.4f}; the root mean square error of the reconstructions of samples of "
            f"q(z|x), which it should equal, is {scale['root_mean_square_error']:.4f}.\n"
        )
    return text


def _facts(training: Mapping[str, Any], how: Mapping[str, Any]) -> str:
    config = training["config"]
    images = config["steps"] * config["batch_size"]
    settings = ", ".join(f"{name} = {value}" for name, value in config["settings"].items())
    passes = images / how["images"]
    rows = [
        ("data", f"`{config['data']}`: {how['data_facts']}"),
        ("likelihood", f"`{config['likelihood']}`"),
        ("settings", settings or "the model's own"),
        ("updates", f"{config['steps']:,} of {config['batch_size']} images: {passes:.2g} passes"),
        ("optimizer", f"Adam, learning rate {config['learning_rate']:g}"),
        ("precision", f"{config['precision']}; the preset computes in float32"),
        ("seed", str(config["seed"])),
        ("time", f"{training['seconds']:,.0f} s on {training['hardware']}"),
        ("commit", training["commit"] or "none of the zoo: not from a checkout"),
    ]
    return markdown_table(["", ""], rows)


def _forms(made: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        (name, f"{row['bytes']:,}", f"{row['encode_ms']:.2f}", f"{row['decode_ms']:.2f}")
        for name, row in made.items()
    ]
    return markdown_table(["form", "bytes", "encode", "decode"], rows)


def _terms(first: Mapping[str, float], last: Mapping[str, float]) -> str:
    head = ["", f"updates to {first['step']:,}", f"updates to {last['step']:,}"]
    names = [name for name in last if name not in ("step", "seconds")]
    rows = [(name, _number(first.get(name)), _number(last[name])) for name in names]
    return markdown_table(head, rows)


def _scores(scores: Mapping[str, float], how: Mapping[str, Any]) -> str:
    """All entries, by metric, with the arguments that each metric was called with."""
    of_metrics = {entry for row in how["metrics"].values() for entry in row["entries"]}
    groups = {
        "": {"entries": [name for name in scores if name not in of_metrics], "parameters": {}}
    }
    rows = []
    for metric, row in {**groups, **how["metrics"]}.items():
        called = ", ".join(f"{k}={v!r}" for k, v in row["parameters"].items() if k != "seed")
        for place, entry in enumerate(row["entries"]):
            shown = f"`{metric}({called})`" if metric and place == 0 else ""
            rows.append(
                (shown, entry, _number(scores[entry]), _number(how["untrained"].get(entry)))
            )
    return markdown_table(["metric", "entry", "value", "untrained"], rows)


def _told(factors: Iterable[Mapping[str, Any]]) -> str:
    rows = [
        (
            row["name"],
            f"z{row['latent']}",
            f"{row['share']:.0%}",
            "" if row["second_latent"] is None else f"z{row['second_latent']}",
            f"{row['second_share']:.0%}",
        )
        for row in factors
    ]
    return markdown_table(
        ["factor", "best latent", "of its entropy", "second", "of its entropy"], rows
    )


def _failures(how: Mapping[str, Any]) -> str:
    sentences = Faults(**how["faults"]).sentences()
    sentences += [
        f"No `{file}`: {row['refused']}" for file, row in how["files"].items() if "refused" in row
    ]
    return "\n".join(f"- {text}" for text in sentences) or "None was measured."


def _files(made: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        (f"`{file}`", f"{row['size']:,}", f"{max(row['errors'].values()):.2g}")
        for file, row in made.items()
        if "size" in row
    ]
    return markdown_table(["file", "bytes", "error"], rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
