"""What every command is made of: the group, options that several share, errors as one line and an exit code."""

import functools
import os
import sys
import warnings

import click

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
        warnings.showwarning = print_warning
        try:
            if loads_tensorflow:
                load_tensorflow()
            return function(*args, **kwargs)
        except (ValueError, OSError, ImportError) as error:
            stop(error, 2)
        except KeyboardInterrupt:
            stop(
                "Interrupted. A training run continues from its last checkpoint with --resume.", 130
            )
        except Exception as error:
            # By name: their modules load TensorFlow.
            kinds = {kind.__name__ for kind in type(error).__mro__}
            if "Diverged" in kinds:
                stop(error, 1)
            if kinds & {"MemoryError", "ResourceExhaustedError"}:
                stop(str(error).partition(" when allocating")[0] or "Out of memory.", 2)
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


def load_tensorflow() -> None:
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


def print_warning(message, *_) -> None:
    """A warning as one line of stderr."""
    click.echo(f"zoo: warning: {message}", err=True)


def stop(message, code: int) -> None:
    """Ends the command with one line of stderr and an exit code."""
    click.echo(f"zoo: {' '.join(str(message).splitlines())}", err=True)
    sys.exit(code)
