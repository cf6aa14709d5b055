"""Does every model learn? Each trains on shapes2d for a few thousand updates, from three seeds.

    python tests/benchmarks/learning.py            # hours on two cores; goes on where it was stopped
    python tests/benchmarks/learning.py --table    # the table of what is finished
    python tests/benchmarks/learning.py --results FILE.csv    # the same as `zoo study --tables` reads it

A run is a `zoo train` of its own process, in a folder of `--out`, with the settings that the command would take by
itself, but for the codes of InfoWGANGP. Its scores are set beside those of the same model before the first update: what
an encoder's architecture alone scores is no merit of training.

What finished runs show is kept in `learning.csv` beside this file, with the commit and the hardware of each; the table
is made of it, and a run that stands there is not repeated. Remove its row to measure it anew.
"""

import argparse
import csv
import dataclasses
import io
import json
import statistics
import subprocess
import sys
from pathlib import Path

DATA = "shapes2d"
METRIC = "factor_vae_score"
SHOWN = {"score": METRIC}
RESULTS = Path(__file__).with_name("learning.csv")
# Arguments of `zoo train` for a row of its own name, beside the model's settings for short runs: the codes that the
# paper takes for these data.
OWN = {"info_wgan_gp": ("--latent-dim", "7", "--set", "categories=3")}
# Further rows: a model and arguments.
VARIANTS = {
    "adversarial_autoencoder (gamma 1)": ("adversarial_autoencoder", ("--set", "gamma=1")),
    "beta_tc_vae (mss)": ("beta_tc_vae", ("--set", "estimator=mss")),
    "dip_vae (i)": ("dip_vae", ("--set", "variant=i")),
}


def rows() -> dict[str, tuple[str, tuple[str, ...]]]:
    """What is trained: a row's name to a model and arguments of `zoo train`."""
    from zoo.utils import registry

    models = {name: (name, OWN.get(name, ())) for name in registry.names("models")}
    known = {row: made for row, made in VARIANTS.items() if made[0] in models}
    return dict(sorted({**models, **known}.items()))


def folder_of(out: Path, row: str, seed: int) -> Path:
    name = "".join(letter if letter.isalnum() else "_" for letter in row).strip("_")
    return out / f"{name}-seed{seed}"


def train(row: str, seed: int, options) -> None:
    """One run, from its last checkpoint if it has one."""
    model, arguments = rows()[row]
    folder = folder_of(options.out, row, seed)
    if (folder / "untrained.json").exists():
        return
    command = [
        *(sys.executable, "-m", "zoo", "train", model, "--data", DATA, "--out", str(folder)),
        *("--steps", str(options.steps), "--batch-size", str(options.batch_size)),
        *("--seed", str(seed), "--precision", options.precision),
        *arguments,
    ]
    if (folder / "config.json").exists():
        command.append("--resume")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, __file__, "--untrained", str(folder)], check=True)


def score_untrained(folder: Path) -> None:
    """Writes what the run's model scores before its first update."""
    from zoo import datasets, runs
    from zoo.measure import evaluation
    from zoo.runs import training
    from zoo.utils import files

    config = runs.load_config(folder)
    data = datasets.load(config.data)
    model = training.make_model(config, data)
    scores = evaluation.evaluate(model, data, [METRIC], seed=config.seed)
    files.write_json(folder / "untrained.json", scores)


def measured(folder: Path) -> dict | None:
    """What a finished run shows, and how it was made; or None."""
    from zoo import runs
    from zoo.utils import files

    if not (folder / "untrained.json").exists():
        return None
    found = files.read_json(folder / "scores.json")
    untrained = files.read_json(folder / "untrained.json")
    config, history = runs.load_config(folder), runs.read_history(folder)
    return {
        "steps": config.steps,
        "batch_size": config.batch_size,
        "precision": config.precision,
        "latent_dim": config.latent_dim,
        "learning_rate": config.learning_rate,
        "settings": json.dumps(config.settings),
        "first": history[0]["loss"],
        "last": history[-1]["loss"],
        "reconstruction": found["scores"]["reconstruction"],
        "score": found["scores"][METRIC],
        "mig": found["scores"]["mig"],
        "untrained": untrained[METRIC],
        "seconds": history[-1]["seconds"],
        "hardware": found["how"]["hardware"],
        "commit": found["how"]["commit"],
    }


def kept() -> dict[tuple[str, int], dict[str, str]]:
    """What stands in `learning.csv`, by row and seed."""
    if not RESULTS.exists():
        return {}
    with RESULTS.open(newline="", encoding="utf-8") as lines:
        return {(line["row"], int(line["seed"])): line for line in csv.DictReader(lines)}


def keep(out: Path, seeds: int) -> None:
    """Adds the finished runs of a folder to `learning.csv`."""
    from zoo.utils import files

    lines = kept()
    for row in rows():
        for seed in range(seeds):
            run = measured(folder_of(out, row, seed))
            if run:
                lines.setdefault((row, seed), {"row": row, "seed": seed, **run})
    text = io.StringIO()
    writer = csv.DictWriter(text, next(iter(lines.values()), {}), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines[key] for key in sorted(lines))
    files.write_text(RESULTS, text.getvalue())


def write_results(file: Path) -> None:
    """Writes what is kept as the results of a study, whose rows `zoo study --named NAME --tables FILE` judges."""
    from zoo import runs
    from zoo.runs import comparison
    from zoo.studies import results

    rows = []
    for (row, seed), line in sorted(kept().items()):
        config = runs.Config(**_config(row, seed, line))
        names = {"cell": f"{row}-seed{seed}", "block": row, "setting": row}
        given = {**dataclasses.asdict(config), **comparison.all_settings(config)}
        scores = {SHOWN.get(name, name): line[name] for name in ("score", "reconstruction", "mig")}
        rows.append({**names, "state": results.FINISHED, **given, **scores})
        del rows[-1]["settings"], rows[-1]["images"]
    results.write_csv(file, comparison.columns_of(rows))


def _config(row: str, seed: int, line: dict[str, str]) -> dict:
    """What a run was trained with."""
    return {
        "model": row.partition(" ")[0],
        "data": DATA,
        "seed": seed,
        "likelihood": "bernoulli",
        "settings": json.loads(line["settings"]),
        **{name: int(line[name]) for name in ("steps", "batch_size", "latent_dim")},
        "learning_rate": float(line["learning_rate"]),
        "precision": line["precision"],
    }


def learned_nothing() -> list[str]:
    """The rows whose loss did not fall, or whose score is not above that of the untrained models, in the mean."""
    found = kept()
    lost = []
    for row in sorted({row for row, _ in found}):
        runs = [line for (of, _), line in found.items() if of == row]
        gain = statistics.mean(float(run["score"]) - float(run["untrained"]) for run in runs)
        fall = statistics.mean(float(run["first"]) - float(run["last"]) for run in runs)
        if gain <= 0 or fall <= 0:
            lost.append(row)
    return lost


def table() -> str:
    """Means over the seeds, with the standard deviation of the scores, in Markdown."""
    lines = [
        "| model | loss, first → last 100 updates | reconstruction | FactorVAE score | untrained | MIG | precision "
        "| runs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    found = kept()
    for row in sorted({row for row, _ in found}):
        runs = [line for (of, _), line in found.items() if of == row]
        numbers = ("first", "last", "reconstruction", "score", "untrained", "mig")
        columns = {name: [float(run[name]) for run in runs] for name in numbers}
        mean = {name: statistics.mean(column) for name, column in columns.items()}
        spread = {name: statistics.pstdev(column) for name, column in columns.items()}
        precisions = ", ".join(sorted({run["precision"].removeprefix("mixed_") for run in runs}))
        lines.append(
            f"| {row} | {mean['first']:.0f} → {mean['last']:.0f} | {mean['reconstruction']:.0f} "
            f"| {mean['score']:.2f} ± {spread['score']:.2f} "
            f"| {mean['untrained']:.2f} ± {spread['untrained']:.2f} "
            f"| {mean['mig']:.2f} ± {spread['mig']:.2f} | {precisions} | {len(runs)} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", help="rows, separated by commas; default: all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--out", type=Path, default=Path("runs/learning"))
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--results", type=Path, help="a new table of results")
    parser.add_argument("--untrained", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.untrained:
        return score_untrained(options.untrained)
    if options.results:
        return write_results(options.results)
    if not options.table:
        chosen = options.models.split(",") if options.models else rows()
        for seed in range(options.seeds):
            for row in chosen:
                if (row, seed) not in kept():
                    print(f"{row}, seed {seed}", flush=True)
                    train(row, seed, options)
    keep(options.out, options.seeds)
    print(table())
    for row in learned_nothing():
        print(f"No better than untrained in the mean: {row}")
    return None


if __name__ == "__main__":
    main()
