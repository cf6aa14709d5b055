"""The command that trains many cells and compares them."""

import click

from zoo.cli._command import errors_as_messages, main, stop

STUDY_EPILOG = """
Every cell of the study is a run folder. The same command goes on with a study that was stopped;
cells that are finished are left alone.

A TOML file holds several blocks:

\b
  data = "shapes2d"
  seeds = "0-4"
  metrics = ["factor_vae_score", "mig"]
  [[block]]
  model = "beta_vae"
  grid.beta = [1, 4, "linear(4, 1000)"]
  [[block]]
  model = "factor_vae"
  grid.gamma = [10, 40]

\b
Examples:
  zoo study beta_vae --data shapes2d --grid beta=1,4,16 --seeds 0-4 --out studies/beta
  zoo study vae beta_vae --data shapes2d --data xysquares --grid latent_dim=6,10 --out studies/two
  zoo study study.toml --out studies/mine
  zoo study --status studies/mine
  zoo study study.toml --out studies/mine --pack jobs    # then: python jobs/NAME.zip, where JAX is
  zoo study study.toml --out studies/mine --unpack jobs

Claims of the field, each with its budgets, its rule and a verdict (zoo list studies):

\b
  zoo study --named factor_vae_and_beta_vae --out studies/claim
  zoo study --named beta_trade_off --budget paper --out studies/beta
  zoo study --verdicts notebooks/studies
"""


@main.command("study", epilog=STUDY_EPILOG)
@click.argument("what", nargs=-1, metavar="MODEL...|FILE.toml")
@click.option("--data", multiple=True, metavar="NAME", help="Dataset, or a path; may be repeated.")
@click.option(
    "--grid",
    multiple=True,
    metavar="NAME=VALUE,VALUE",
    help="Values of a setting, or of an argument of the run; several make a product.",
)
@click.option("--seeds", metavar="N-M", help="Such as 0-4, or 0,2,7; default: 0-2.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Further arguments of the model."
)
@click.option("--metrics", help="As for train.")
@click.option("--steps", type=int, help="Updates; default: 3000.")
@click.option("--batch-size", type=int, help="Images for each update; default: 64.")
@click.option("--latent-dim", type=int, help="Number of latents; default: 10.")
@click.option("--likelihood", help="p(x|z); default: bernoulli.")
@click.option("--learning-rate", type=float, help="As for train.")
@click.option("--precision", help="As for train.")
@click.option("--checkpoint-every", type=int, help="Updates between checkpoints; default: 500.")
@click.option("--jobs", type=int, help="Cells at a time; default: one for each core.")
@click.option("--address", help="Of a Ray cluster; default: Ray on this machine.")
@click.option("--gpus", default=0.0, show_default=True, help="GPUs of each cell; a half is shared.")
@click.option("--named", metavar="NAME", help="A claim that is checked; see: zoo list studies.")
@click.option("--budget", help="Of a named study: paper, or another it has; default: small.")
@click.option("--runs", multiple=True, metavar="DIR", help="Finished runs, to judge a claim by.")
@click.option("--tables", multiple=True, metavar="CSV", help="Results, to judge a claim by.")
@click.option("--verdicts", metavar="DIR", help="Print the verdicts of the named studies in DIR.")
@click.option("--out", metavar="DIR", help="The study's folder.")
@click.option(
    "--pack", "pack_in", metavar="JOBS", help="Write cells as jobs into JOBS; nothing is trained."
)
@click.option(
    "--unpack", "unpack_from", metavar="JOBS", help="Make cells of what the jobs in JOBS computed."
)
@click.option("--status", metavar="DIR", help="Say how far the study in DIR is, and nothing else.")
@errors_as_messages
def study(
    what, out, status, named, budget, runs, tables, verdicts, pack_in, unpack_from, **options
) -> None:
    """Train every combination of models, settings and seeds, score them, and compare them in a report."""
    if status is not None:
        _print_status(status)
        return
    if verdicts is not None:
        from zoo.studies.named import verdict_table

        click.echo(verdict_table(verdicts))
        return
    of_claims = [("--budget", budget), ("--runs", runs), ("--tables", tables)]
    beside = [name for name, given in of_claims if given not in (None, ())]
    if named is None and beside:
        raise ValueError(f"Expected --named NAME beside {', '.join(beside)}. Received: none.")
    if pack_in is not None or unpack_from is not None:
        instead = [*(["--runs"] if runs else []), *(["--tables"] if tables else [])]
        _carry(pack_in, unpack_from, what, out, named, budget, instead, **options)
        return
    if named is not None:
        _judge(named, what, out, budget, runs, tables, **options)
        return
    if not what:
        raise ValueError("Expected models, or the TOML file of a study. See: zoo study --help")
    if not out:
        raise ValueError("Expected the study's folder: --out DIR.")
    _run(what, out, **options)


def _run(what, out, **options) -> None:
    from zoo import studies

    study, given = _asked(what, **options)
    try:
        done = studies.run(study, out=out, **given)
    except KeyboardInterrupt:
        stop(f"Interrupted. The same command goes on with what is in {out}.", 130)
    _print_end(done, out)


def _asked(what, data, grid, settings, seeds, checkpoint_every, **options):
    """The study, and what `zoo.studies.run` is told beside it."""
    from zoo.runs import training
    from zoo.studies.grid import parse_grid

    given = {name: value for name, value in options.items() if value is not None}
    if data:
        given["data"] = list(data)
    if grid:
        given["grid"] = parse_grid(grid)
    if settings:
        given["settings"] = dict(training.parse_setting(text) for text in settings)
    if seeds is not None:
        given["seeds"] = seeds
    if checkpoint_every is not None:
        given["checkpoint_every"] = checkpoint_every
    is_file = len(what) == 1 and what[0].endswith(".toml")
    return what[0] if is_file else list(what), given


def _print_end(done, out) -> None:
    finished = done.results.get("state", []).count("finished")
    click.echo(f"\n{finished} cells finished, {len(done.failed)} failed. Written to {out}:")
    for name in ("report.md", "results.csv", "settings.csv"):
        click.echo(f"  {name}")
    if done.failed:
        for name, reason in done.failed.items():
            click.echo(f"zoo: {name} failed: {reason}", err=True)
        stop(f"{len(done.failed)} cells failed; see {out}/report.md.", 1)


def _judge(name, what, out, budget, runs, tables, jobs, address, gpus, **options) -> None:
    """Runs a named study; all that it trains stands in the study itself."""
    from zoo.studies import named

    given = [f"--{option.replace('_', '-')}" for option, value in options.items() if value]
    if what or given:
        raise ValueError(
            f"A named study says what it trains. Received beside it: {', '.join([*what, *given])}."
        )
    if not out:
        raise ValueError("Expected the study's folder: --out DIR.")
    try:
        found = named.run(
            name,
            out=out,
            budget=budget,
            runs=runs or None,
            tables=tables or None,
            jobs=jobs,
            address=address,
            gpus=gpus,
        )
    except KeyboardInterrupt:
        stop(f"Interrupted. The same command goes on with what is in {out}.", 130)
    except RuntimeError as error:
        stop(error, 1)
    click.echo(
        f"\n{name}: {found.verdict.word}. {found.verdict.because}\nWritten to {out}/report.md"
    )


def _carry(pack_in, unpack_from, what, out, named, budget, instead, **options) -> None:
    """Packs a study's cells as jobs, or unpacks what these computed."""
    from zoo import studies

    instead += [f"--{name}" for name in ("jobs", "address", "gpus") if options.pop(name)]
    if pack_in is not None and unpack_from is not None:
        raise ValueError("Expected --pack or --unpack. Received: both.")
    if instead:
        raise ValueError(
            f"--pack and --unpack train nothing. Received beside it: {', '.join(instead)}."
        )
    if out is None:
        raise ValueError("Expected the study's folder: --out DIR.")
    study, given = _asked(what, **options)
    if named is not None:
        out = f"{out}/study"
        study = _named(named, budget, [*what, *given])
    elif not what:
        raise ValueError("Expected models, or the TOML file of a study. See: zoo study --help")
    if pack_in is not None:
        _print_packed(studies.pack(study, out=out, jobs=pack_in, **given), pack_in)
        return
    given.pop("checkpoint_every", None)
    done = studies.unpack(study, out=out, jobs=unpack_from, **given)
    for name, missing in done.waiting.items():
        click.echo(f"{name}: {missing}")
    if done.waiting:
        click.echo(
            f"{len(done.waiting)} cells have no results yet. The same command takes them when they have; without "
            "--unpack it trains them here."
        )
    _print_end(done, out)


def _named(name, budget, given):
    """What a named study trains."""
    from zoo.studies.named import study_of

    if given:
        raise ValueError(
            f"A named study says what it trains. Received beside it: {', '.join(given)}."
        )
    study = study_of(name, budget)
    if study is None:
        raise ValueError(f"{name} trains nothing with this budget: nothing is packed.")
    return study


def _print_packed(packed, jobs) -> None:
    for name, reason in packed.refused.items():
        click.echo(f"zoo: {name} is not packed: {reason}", err=True)
    if packed.files:
        first = next(iter(packed.files.values()))
        click.echo(
            f"{len(packed.files)} jobs are in {jobs}. Run each where JAX is, such as: python {first}\n"
            f"Then make cells of what they computed: the same command, with --unpack {jobs}."
        )
    elif not packed.refused:
        click.echo("All cells are finished: there is nothing to pack.")
    if packed.refused:
        stop(
            f"{len(packed.refused)} cells are not packed. `zoo study` without --pack trains them.",
            1,
        )


def _print_status(folder: str) -> None:
    from zoo import studies

    found = studies.status(folder)
    for words, cells in (("running", found.running), ("stopped", found.stopped)):
        for name, progress in cells.items():
            loss = "" if progress.loss is None else f", loss {progress.loss:.4g}"
            click.echo(f"{name}: {words}, step {progress.step:,}{loss}")
    for name, reason in found.failed.items():
        click.echo(f"{name}: failed: {reason}")
    to_go = len(found.to_go) + len(found.stopped)
    click.echo(
        f"{len(found.finished)} cells done, {len(found.failed)} failed, {len(found.running)} running, {to_go} to go"
    )
