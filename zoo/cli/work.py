"""Commands that list, draw, train and score."""

import click

from zoo.cli._command import DATA, JOBS, SAMPLES, SEED, errors_as_messages, main, stop
from zoo.utils import registry
from zoo.utils.precisions import PRECISIONS

ROOMS = ("models", "likelihoods", "datasets", "metrics", "studies")
RUNTIMES = ("tensorflow", "jax")

TRAIN_EPILOG = f"""
Models: {", ".join(registry.names("models"))}.

Datasets: {", ".join(registry.names("datasets"))}; an .npz, .npy, .h5 or IDX file of
images, a folder of pictures, or tfds:NAME for a set of TensorFlow Datasets.

Likelihoods: {", ".join(registry.names("likelihoods"))}.

Defaults suit a short run. Papers take --learning-rate 1e-4 --steps 300000, and for
factor_vae --set gamma=40 where a short run takes 30.

\b
Examples:
  zoo train factor_vae --data shapes2d
  zoo train beta_vae --data "xysquares(spacing=1)" --set "beta=linear(4, 1000)"
  zoo train vae --data "read('faces', size=64)" --likelihood continuous_bernoulli
  zoo train vae --data digits --likelihood "gaussian(scale='learned')"
"""


@main.command("list")
@click.argument("what", type=click.Choice(ROOMS))
@errors_as_messages
def list_members(what) -> None:
    """List the models, likelihoods, datasets, metrics or named studies."""
    members = registry.members("studies.named" if what == "studies" else what)
    width = max(map(len, members))
    for name, member in members.items():
        shown = _dataset_facts(member) if what == "datasets" else registry.summary(member)
        click.echo(f"{name:{width}}  {shown}")


@main.command("show")
@click.argument("data", metavar="NAME")
@click.option("--columns", default=10, show_default=True, help="Images in a row.")
@SEED
@click.option("--out", metavar="FILE", default="dataset.png", show_default=True)
@errors_as_messages
def show(data, out, **options) -> None:
    """Draw the dataset NAME: random images, and a row for each factor in which it alone moves."""
    from zoo.runs import report

    click.echo(f"Written: {report.draw_dataset(data, out, **options)}")


@main.command("train", epilog=TRAIN_EPILOG)
@click.argument("model")
@click.option("--data", metavar="NAME", required=True, help="Dataset, or a path to images.")
@click.option("--steps", default=3000, show_default=True, help="Updates.")
@click.option("--batch-size", default=64, show_default=True, help="Images for each update.")
@click.option("--latent-dim", default=10, show_default=True, help="Number of latents.")
@click.option("--likelihood", default="bernoulli", show_default=True, help="p(x|z).")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Further arguments of the model."
)
@click.option(
    "--learning-rate",
    type=float,
    help="Of the model's Adam; default: the model's own, mostly 5e-4.",
)
@click.option(
    "--metrics",
    help="Names or calls separated by commas, or all; default: those that take about two seconds at most.",
)
@SEED
@click.option(
    "--precision", default="float32", show_default=True, help=f"One of {', '.join(PRECISIONS)}."
)
@click.option("--out", metavar="DIR", help="The run's folder; default runs/MODEL-DATA-seedSEED.")
@click.option(
    "--checkpoint-every", default=500, show_default=True, help="Updates between checkpoints."
)
@click.option(
    "--runtime",
    type=click.Choice(RUNTIMES),
    default=RUNTIMES[0],
    show_default=True,
    help="What computes the updates; jax: on its default device.",
)
@click.option("--resume", is_flag=True, help="Continue the run in --out from its last checkpoint.")
@click.option(
    "--devices",
    metavar="N|all",
    help="GPUs that share each batch, or parts of the processor where there are none.",
)
@click.option(
    "--workers", is_flag=True, help="Train together with the processes that TF_CONFIG names."
)
@click.option(
    "--wait", default=60.0, show_default=True, help="Seconds in which other workers must answer."
)
@errors_as_messages
def train(model, data, settings, devices, **options) -> None:
    """Train MODEL, score it, draw it and export it, into a folder."""
    from zoo.runs import training

    settings = dict(training.parse_setting(text) for text in settings)
    devices = int(devices) if devices and devices.lstrip("-").isdecimal() else devices
    run = training.train(model, data, settings=settings, devices=devices, **options)
    if run.files:
        print_run(run)
    else:
        click.echo(f"Trained. The first worker writes {run.folder}.")


@main.command("evaluate")
@click.argument("path")
@DATA
@click.option(
    "--metrics",
    help="Names or calls separated by commas, or all; default: those that take about two seconds at most.",
)
@SAMPLES
@SEED
@JOBS
@click.option("--out", metavar="FILE", default="scores.json", show_default=True)
@errors_as_messages
def evaluate(path, data, metrics, out, **options) -> None:
    """Score the model of a run folder or a .keras file at PATH."""
    from zoo.runs import report

    found = report.score(path, data, metrics, out=out, show_progress=True, **options)
    rows = [("", *entry, found.seconds) for entry in found.bound.items()]
    for scored in found.metrics:
        entries = scored.scores or {"not scored": None}
        rows += [(scored.metric, *entry, scored.seconds) for entry in entries.items()]
    _print_table(rows)
    click.echo(f"\nWritten: {out}")
    if found.failed:
        stop("; ".join(f"{name} is not scored: {why}" for name, why in found.failed.items()), 1)


@main.command("traverse")
@click.argument("path")
@DATA
@click.option("--index", type=int, help="Image whose code is kept; default: drawn by the seed.")
@click.option(
    "--span",
    type=float,
    help="Latents move from -span to span; default: through the 1st to the 99th percentile of their codes.",
)
@click.option("--columns", default=11, show_default=True, help="Values of each latent.")
@click.option("--animate", is_flag=True, help="All latents at once, as a GIF or WebP.")
@SEED
@click.option("--out", metavar="FILE", help="Default: traversals.png, or traversals.gif.")
@errors_as_messages
def traverse(path, out, data, **options) -> None:
    """Draw the traversals of the model of a preset, a run folder or a .keras file at PATH."""
    from zoo.runs import report

    click.echo(f"Written: {report.draw_traversals(path, out, data, **options)}")


def print_run(run) -> None:
    """Says what a finished run scored, and which files it wrote."""
    _print_scores(run.scores)
    click.echo(f"\nWritten to {run.folder}:")
    for file in run.files:
        click.echo(f"  {file.relative_to(run.folder)}")


def _dataset_facts(member) -> str:
    """Size, image shape, factors and source of what a dataset is by default."""
    return f"{member().facts}; {registry.source(member)}"


def _print_scores(scores: dict[str, float]) -> None:
    width = max(map(len, scores))
    for name, value in scores.items():
        click.echo(f"{name:{width}}  {value:12.4f}")


def _print_table(rows: list[tuple[str, str, float | None, float]]) -> None:
    """Prints metric, entry, value if any, and seconds; the metric and its time in its first row alone."""
    first, second = (max(map(len, column)) for column in list(zip(*rows, strict=True))[:2])
    click.echo(f"{'metric':{first}}  {'entry':{second}}  {'value':>12}  {'seconds':>8}")
    above = None
    for metric, entry, value, seconds in rows:
        head, took = ("", "") if metric == above else (metric, f"{seconds:.2f}")
        number = "" if value is None else f"{value:.4f}"
        click.echo(f"{head:{first}}  {entry:{second}}  {number:>12}  {took:>8}".rstrip())
        above = metric
