"""Commands that give a model to others: files, presets, servers."""

import shlex

import click

from zoo.cli._command import CARD_METRICS, DATA, JOBS, SAMPLES, SEED, errors_as_messages, main

FORMATS = ("saved_model", "litert", "onnx")


@main.command("export")
@click.argument("path")
@click.option("--out", metavar="PATH", required=True, help="The new folder, or .tflite file.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="litert and onnx are compared with the model on its data first.",
)
@click.option("--precision", help="Of LiteRT: float32, float16, dynamic_int8 or int8.")
@click.option("--batch", type=int, help="Of LiteRT: images at a time; default 1.")
@click.option(
    "--tolerance", type=float, help="Largest difference from the model; default by format."
)
@DATA
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
@errors_as_messages
def export(path, out, form, data, overwrite, **options) -> None:
    """Write the model of a preset, a run folder or a .keras file at PATH for other programs."""
    from zoo.runs import report

    options = {name: value for name, value in options.items() if value is not None}
    made = report.export_model(path, out, form, data, overwrite=overwrite, **options)
    for output, error in made.errors.items():
        click.echo(f"{output}: differs from the model by at most {error:.2g}")
    click.echo(f"Written: {made.path} ({made.size:,} bytes)")


@main.command("make-preset")
@click.argument("folders", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--out", metavar="DIR", required=True, help="The new folder; its name is the preset's."
)
@click.option(
    "--rule", help="The score whose highest value decides; default: factor_vae_score, or elbo."
)
@click.option(
    "--held-out", metavar="DATA", help="Images not learned from: their bound stands beside."
)
@click.option(
    "--data-licence", metavar="TEXT", help="For the card, of data that the zoo does not know."
)
@CARD_METRICS
@SAMPLES
@SEED
@JOBS
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
@errors_as_messages
def make_preset(folders, out, **options) -> None:
    """Make a preset of the best of some runs that differ in their seed: measured, converted, with a card."""
    from zoo.runs import pretrained

    click.echo(f"Written: {pretrained.make(folders, out, show_progress=True, **options)}")


@main.command("rescore")
@click.argument("folders", nargs=-1, required=True, metavar="PRESET...")
@CARD_METRICS
@SAMPLES
@SEED
@JOBS
@errors_as_messages
def rescore(folders, **options) -> None:
    """Score presets anew, after metrics have changed: their scores and cards."""
    from zoo.runs import pretrained

    for folder in folders:
        click.echo(f"Scored: {pretrained.rescore(folder, show_progress=True, **options)}")


@main.command("presets")
@click.option("--publish", metavar="DIR", help="Lay all presets out for a static web server.")
@click.option(
    "--update",
    is_flag=True,
    help="In a checkout: its lists and tables of presets, anew.",
)
@errors_as_messages(loads_tensorflow=False)
def list_presets(publish, update) -> None:
    """List the pretrained models."""
    from zoo.deliver import presets

    if publish:
        click.echo(f"Written to {publish}: {', '.join(presets.publish(publish))}")
        return
    if update:
        presets.update_table()
    rows = [("name", "model", "data", "MiB", "FactorVAE score", "MIG")]
    for name, row in presets.table().items():
        # Of a single factor every model has a perfect score.
        told = row["scores"] if row["factors"] > 1 else {}
        scores = (told.get(metric) for metric in ("factor_vae_score", "mig"))
        numbers = ("" if score is None else f"{score:.3f}" for score in scores)
        rows.append((name, row["model"], row["data"] or "", f"{row['size'] / 2**20:.1f}", *numbers))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


@main.command("download")
@click.argument("name")
@click.option("--out", metavar="DIR", help="The new folder; default: the preset's name.")
@click.option("--address", help="Web address or folder of presets; default: $ZOO_PRESETS.")
@errors_as_messages(loads_tensorflow=False)
def download(name, out, address) -> None:
    """Fetch the SavedModel of the pretrained model NAME, for programs without Keras."""
    from zoo.deliver import presets

    folder = presets.fetch(name, out or name, only="1/", address=address, show_progress=True)
    click.echo(f"Written: {folder / '1'}")


@main.command("serve-config")
@click.argument("folders", nargs=-1, required=True, metavar="DIR...")
@click.option("--out", metavar="DIR", default="serving", show_default=True)
@errors_as_messages
def serve_config(folders, out) -> None:
    """Lay out presets or runs for TF Serving, with clients."""
    from zoo.deliver import serving

    for model in serving.configure(folders, out):
        click.echo(f"{model.name} version {model.version}: {model.folder}")
    click.echo(f"\nStart the server: cd {shlex.quote(out)} && docker compose up")
