"""The card of a run: what a reader must know of a trained model, in Markdown."""

from collections.abc import Iterable, Mapping, Sequence

from zoo.measure import evaluation
from zoo.runs.report._origin import versions
from zoo.utils import hardware
from zoo.utils.texts import markdown_table

CARD = """\
# {model} on {data}

{steps} updates of {batch_size} images, {latent_dim} latents, {likelihood} likelihood,
Adam {learning_rate:g}, {precision}, seed {seed}{settings}.
Training took {seconds:.0f} s on {hardware}.

## Scores on {samples} images, seed {seed}

{scores}

## Training, means of the updates up to {steps}

{terms}
{symptoms}
Reconstruction, KL, ELBO and losses are nats per image.

{figures}

Made with {versions}.
"""


def card(
    config: Mapping,
    scores: Mapping[str, float],
    last: Mapping[str, float],
    symptoms: Sequence[str] = (),
    *,
    samples: int = evaluation.SAMPLES,
    figures: Iterable[str] = ("traversals", "reconstructions", "curves"),
) -> str:
    """The card of a run, in Markdown.

    Args:
        config: the run's configuration.
        scores: from `zoo.evaluate`.
        last: the last row of the history.
        symptoms: what the training ails from, in sentences.
        samples: how many images the scores are of.
        figures: names of those that were drawn.
    """
    settings = "".join(f", {name} = {value}" for name, value in config["settings"].items())
    terms = {name: value for name, value in last.items() if name not in ("step", "seconds")}
    return CARD.format_map(
        {
            **config,
            "settings": settings,
            "seconds": last["seconds"],
            "hardware": hardware.describe(),
            "samples": f"{samples:,}",
            "scores": _table(scores),
            "terms": _table(terms),
            "figures": "\n".join(f"![{name}](figures/{name}.png)" for name in figures),
            "symptoms": "".join(f"\n**{symptom}**\n" for symptom in symptoms),
            "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        }
    )


def _table(values: Mapping[str, float]) -> str:
    rows = [(name, f"{value:.4g}") for name, value in values.items()]
    return markdown_table(["", ""], rows, numbers=[1])
