"""The `zoo` command: parses, calls one function of the package, prints what came of it.

Exit codes: 0 done, 1 training diverged or a metric failed, 2 bad input, 130 interrupted.
"""

import functools
import os
import shlex
import sys
import warnings

import click

from zoo.utils import registry

ROOMS = ("models", "likelihoods", "datasets", "metrics")
PRECISIONS = ("float32", "mixed_bfloat16")
FORMATS = ("saved_model", "litert", "onnx")

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

SEED = click.option("--seed", default=0, show_default=True, help="Seeds every random choice.")
DATA = click.option("--data", metavar="NAME", help="Dataset; default: what the run was trained on.")
JOBS = click.option(
    "--jobs", default=1, show_default=True, help="Processes; the scores are the same."
)
SAMPLES = click.option(
    "--samples", default=15_000, show_default=True, help="Images to encode, at most."
)
CARD_METRICS = click.option(
    "--metrics",
    default="all",
    show_default=True,
    help="For the card: names or calls separated by commas.",
)


def errors_as_messages(function=None, *, loads_tensorflow: bool = True):
    """Turns expected errors into one line and an exit code."""
    if function is None:
        return functools.partial(errors_as_messages, loads_tensorflow=loads_tensorflow)

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        warnings.showwarning = _print_warning
        try:
            if loads_tensorflow:
                _load_tensorflow()
            return function(*args, **kwargs)
        except (ValueError, OSError, ImportError) as error:
            _stop(error, 2)
        except KeyboardInterrupt:
            _stop(
                "Interrupted. A training run continues from its last checkpoint with --resume.", 130
            )
        except Exception as error:
            # By name: their modules load TensorFlow.
            kinds = {kind.__name__ for kind in type(error).__mro__}
            if "Diverged" in kinds:
                _stop(error, 1)
            if kinds & {"MemoryError", "ResourceExhaustedError"}:
                _stop(str(error).partition(" when allocating")[0] or "Out of memory.", 2)
            raise

    return wrapped


class Ordered(click.Group):
    """Commands in the order in which they are defined, which is that of the work, with their whole first sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, as defined."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list that `--help` shows."""
        rows = [(name, command.help.strip()) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=Ordered, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vae-zoo", prog_name="zoo")
def main() -> None:
    """Variational autoencoders that learn disentangled representations."""


@main.command("list")
@click.argument("what", type=click.Choice(ROOMS))
@errors_as_messages
def list_members(what) -> None:
    """List the models, likelihoods, datasets or metrics."""
    members = registry.members(what)
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
@SEED
@click.option(
    "--precision", default="float32", show_default=True, help=f"One of {', '.join(PRECISIONS)}."
)
@click.option("--out", metavar="DIR", help="The run's folder; default runs/MODEL-DATA-seedSEED.")
@click.option(
    "--checkpoint-every", default=500, show_default=True, help="Updates between checkpoints."
)
@click.option("--resume", is_flag=True, help="Continue the run in --out from its last checkpoint.")
@errors_as_messages
def train(model, data, settings, **options) -> None:
    """Train MODEL, score it, draw it and export it, into a folder."""
    from zoo.runs import training

    settings = dict(training.parse_setting(text) for text in settings)
    run = training.train(model, data, settings=settings, **options)
    _print_scores(run.scores)
    click.echo(f"\nWritten to {run.folder}:")
    for file in run.files:
        click.echo(f"  {file.relative_to(run.folder)}")


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
        _stop("; ".join(f"{name} is not scored: {why}" for name, why in found.failed.items()), 1)


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


def _dataset_facts(member) -> str:
    """Size, image shape, factors and source of what a dataset is by default."""
    return f"{member().facts}; {registry.source(member)}"


def _load_tensorflow() -> None:
    """Loads TensorFlow without the notes that its C++ part prints about the machine."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with open(os.devnull, "w") as nowhere:
        stderr = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


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


def _print_warning(message, *_) -> None:
    click.echo(f"zoo: warning: {message}", err=True)


def _stop(message, code: int) -> None:
    click.echo(f"zoo: {' '.join(str(message).splitlines())}", err=True)
    sys.exit(code)
