"""Commands that let other machines compute the updates: a training packed, and what came of it."""

import click

from zoo.cli._command import errors_as_messages, main
from zoo.cli.work import TRAIN_EPILOG, print_run, train

# Of `zoo train` alone: `zoo unpack` makes the run.
OF_THE_RUN = {"out", "resume", "runtime", "metrics", "devices", "workers", "wait"}


@main.command(
    "pack",
    epilog=TRAIN_EPILOG.replace("zoo train", "zoo pack"),
    params=[option for option in train.params if option.name not in OF_THE_RUN],
)
@click.option("--out", metavar="FILE", required=True, help="The new file, such as job.zip.")
@errors_as_messages
def pack(model, data, settings, out, **options) -> None:
    """Write the training of MODEL as one file, which `python FILE` runs with JAX and NumPy alone."""
    from zoo.runs import portable, training

    settings = dict(training.parse_setting(text) for text in settings)
    file = portable.pack(model, data, out, settings=settings, **options)
    click.echo(
        f"Written: {out} ({file.stat().st_size / 2**20:.1f} MiB). Run it where JAX is: python {out}"
    )


@main.command("unpack")
@click.argument("job", metavar="FILE")
@click.option(
    "--from", "results_in", metavar="DIR", help="The job's results; default: beside FILE."
)
@click.option("--out", metavar="DIR", help="The run's folder; default runs/MODEL-DATA-seedSEED.")
@click.option("--metrics", help="As for train.")
@errors_as_messages
def unpack(job, **options) -> None:
    """Make a run folder of what the job FILE computed: scores, figures, export."""
    from zoo.runs import portable

    print_run(portable.unpack(job, **options))
