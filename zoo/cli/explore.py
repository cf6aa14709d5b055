"""The command that shows what latents do."""

import webbrowser

import click

from zoo.cli._command import errors_as_messages, main


@main.command("explore")
@click.argument("paths", nargs=-1, required=True, metavar="PRESET|RUN|FILE...")
@click.option("--data", metavar="NAME", help="Images to show; default: what each was trained on.")
@click.option("--out", metavar="DIR", help="Write a static folder for any web server instead.")
@click.option(
    "--vendor",
    metavar="DIR",
    help="With --out: copy onnxruntime-web of this npm package, for pages that work offline.",
)
@click.option("--overwrite", is_flag=True, help="Replace the folder of --out.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: a free one.")
@click.option("--host", metavar="ADDRESS", help="Where to listen; default: this machine alone.")
@click.option("--no-open", is_flag=True, help="Open no browser.")
@click.option("--samples", default=2048, show_default=True, help="Images to measure latents on.")
@errors_as_messages
def explore(paths, data, out, vendor, overwrite, port, host, no_open, samples) -> None:
    """Show in a browser what each latent of one or more models does."""
    from zoo.runs import explore

    if out is None and (vendor or overwrite):
        raise ValueError(
            "--vendor and --overwrite belong to --out DIR. Pass it, or leave them out."
        )
    if out is not None and (port is not None or host or no_open):
        raise ValueError(
            "--port, --host and --no-open are of the server, which --out does not start."
        )
    if out is not None:
        explore.check(out, vendor=vendor, overwrite=overwrite)
    else:
        host, port = host or explore.LOCAL, port or 0
        explore.check_port(host, port)
    shown = explore.load(paths, data, samples=samples, say=lambda line: click.echo(line, err=True))
    if out is not None:
        made = explore.write(shown, out, vendor=vendor, overwrite=overwrite)
        click.echo(f"Written: {out} ({made:,} bytes). Any web server can host it.")
        return
    server = explore.Explorer(shown, host, port)
    click.echo(f"{server.url}  (Ctrl-C ends it)")
    explore.serve(server, None if no_open else webbrowser.open)
