"""Does every model learn? Each trains on shapes2d for a few thousand updates, from three seeds.

    python tests/benchmarks/learning.py            # hours on two cores; goes on where it was stopped
    python tests/benchmarks/learning.py --table    # the table of what is finished

A run is a `zoo train` of its own process, in a folder of `--out`, with the settings that the command would take by
itself. Its scores are set beside those of the same model before the first update: what an encoder's architecture
alone scores is no merit of training.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
from pathlib import Path

DATA = "shapes2d"
METRIC = "factor_vae_score"
# Rows beside those of the models' defaults.
VARIANTS = {
    "beta_tc_vae (mss)": ("beta_tc_vae", ["estimator=mss"]),
    "dip_vae (ii)": ("dip_vae", ["variant=ii"]),
}


def rows() -> dict[str, tuple[str, list[str]]]:
    """What is trained: a row's name to a model and its settings."""
    from zoo import registry

    defaults = {name: (name, []) for name in registry.names("models")}
    known = {row: made for row, made in VARIANTS.items() if made[0] in defaults}
    return dict(sorted({**defaults, **known}.items()))


def folder_of(out: Path, row: str, seed: int) -> Path:
    name = "".join(letter if letter.isalnum() else "_" for letter in row).strip("_")
    return out / f"{name}-seed{seed}"


def train(row: str, seed: int, options) -> None:
    """One run, from its last checkpoint if it has one."""
    model, settings = rows()[row]
    folder = folder_of(options.out, row, seed)
    if (folder / "untrained.json").exists():
        return
    command = [
        *(sys.executable, "-m", "zoo", "train", model, "--data", DATA, "--out", str(folder)),
        *("--steps", str(options.steps), "--batch-size", str(options.batch_size)),
        *("--seed", str(seed), "--precision", options.precision),
    ]
    for setting in settings:
        command += ["--set", setting]
    if (folder / "config.json").exists():
        command.append("--resume")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, __file__, "--untrained", str(folder)], check=True)


def score_untrained(folder: Path) -> None:
    """Writes what the run's model scores before its first update."""
    from zoo import datasets, evaluation, files, runs, training

    config = runs.load_config(folder)
    data = datasets.load(config.data)
    model = training.make_model(config, data)
    scores = evaluation.evaluate(model, data, [METRIC], seed=config.seed)
    files.write_text(folder / "untrained.json", json.dumps(scores, indent=2) + "\n")


def measured(folder: Path) -> dict[str, float] | None:
    """What a finished run shows, or None."""
    if not (folder / "untrained.json").exists():
        return None
    scores = json.loads((folder / "scores.json").read_text())["scores"]
    untrained = json.loads((folder / "untrained.json").read_text())
    with (folder / "history.csv").open(newline="") as lines:
        history = list(csv.DictReader(lines))
    return {
        "first": float(history[0]["loss"]),
        "last": float(history[-1]["loss"]),
        "reconstruction": scores["reconstruction"],
        "score": scores[METRIC],
        "mig": scores["mig"],
        "untrained": untrained[METRIC],
        "seconds": float(history[-1]["seconds"]),
    }


def table(options) -> str:
    """Means over the seeds, with the standard deviation of the scores, in Markdown."""
    lines = [
        "| model | loss, first → last 100 updates | reconstruction | FactorVAE score | untrained | MIG | runs |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows():
        found = [measured(folder_of(options.out, row, seed)) for seed in range(options.seeds)]
        runs = [run for run in found if run]
        if not runs:
            continue
        mean = {name: statistics.mean(run[name] for run in runs) for name in runs[0]}
        spread = {name: statistics.pstdev(run[name] for run in runs) for name in runs[0]}
        lines.append(
            f"| {row} | {mean['first']:.0f} → {mean['last']:.0f} | {mean['reconstruction']:.0f} "
            f"| {mean['score']:.2f} ± {spread['score']:.2f} "
            f"| {mean['untrained']:.2f} ± {spread['untrained']:.2f} "
            f"| {mean['mig']:.2f} ± {spread['mig']:.2f} | {len(runs)} |"
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
    parser.add_argument("--untrained", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.untrained:
        return score_untrained(options.untrained)
    if not options.table:
        chosen = options.models.split(",") if options.models else rows()
        for seed in range(options.seeds):
            for row in chosen:
                print(f"{row}, seed {seed}", flush=True)
                train(row, seed, options)
    print(table(options))
    return None


if __name__ == "__main__":
    main()
