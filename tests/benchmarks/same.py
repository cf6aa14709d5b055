"""Whether a change of the code changed a number: digests of seeded runs, before and after.

    git stash && python tests/benchmarks/same.py before.json && git stash pop
    python tests/benchmarks/same.py after.json --against before.json

Every model is trained for some updates on one thread, so that sums round alike; one run goes the whole way of
`zoo train`.
Digests are compared between two commits on one machine: another processor rounds otherwise.
"""

import argparse
import csv
import hashlib
import json
import os
import tempfile
from pathlib import Path

os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

import zoo

registry = zoo.registry

STEPS = 5
LIKELIHOODS = (
    *("bernoulli", "continuous_bernoulli", "gaussian", "gaussian(scale='learned')"),
    *("laplace", "beta", "discretized_logistic"),
)


def digest(arrays) -> str:
    """One hexadecimal number for a sequence of arrays: names no file, sees every bit."""
    total = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        total.update(f"{array.dtype}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()[:16]


def of_model(name: str, likelihood: str | None = None) -> str:
    """Weights and losses of a model after some updates, and what it makes of some images."""
    paired = name == "ada_gvae"
    data = zoo.datasets.load("xysquares(spacing=8)" if paired else "digits")
    given = {"likelihood": likelihood} if likelihood else {}
    model = registry.get("models", name)(data.image_shape, seed=0, **given)
    model.compile()
    if paired:
        history = model.fit(
            data.pairs(16, seed=0), steps_per_epoch=STEPS, epochs=2, verbose=0
        ).history
    else:
        images = data.images(np.arange(64 * STEPS))
        history = model.fit(images, batch_size=64, epochs=2, shuffle=False, verbose=0).history
    losses = [np.asarray(history[key], np.float64) for key in sorted(history)]
    codes = model.encode(data.images(np.arange(16)))
    return digest(
        [*(np.asarray(weight) for weight in model.weights), *losses, np.asarray(codes.mean())]
    )


def of_run(folder: Path) -> dict[str, str]:
    """Files, scores and history of one `zoo train`, and the outputs of what it exported."""
    import tensorflow as tf

    zoo.train("factor_vae", "xysquares(spacing=8)", steps=20, batch_size=16, out=folder, seed=0)
    files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    files = [name for name in files if "tfevents" not in name]
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    served = tf.saved_model.load(folder / "saved_model" / "1").signatures["encode"]
    images = zoo.datasets.load("xysquares(spacing=8)").images(np.arange(8))
    found = {"run files": hashlib.sha256("\n".join(files).encode()).hexdigest()[:16]}
    found |= {"run history": digest([_history(folder / "history.csv")])}
    found |= {"run encode": digest([served(images=tf.constant(images))["mean"].numpy()])}
    return found | {"run scores": repr(_numbers(scores["scores"]))}


def _history(file: Path) -> np.ndarray:
    """All columns of a history but those that tell a time."""
    rows = list(csv.DictReader(file.open(encoding="utf-8")))
    names = [name for name in rows[0] if "second" not in name]
    return np.array([[row[name] for name in names] for row in rows])


def _numbers(value):
    """Every number of nested results, times aside."""
    if isinstance(value, dict):
        return {key: _numbers(part) for key, part in value.items() if "second" not in key}
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--against", type=Path)
    options = parser.parse_args()
    found = {name: of_model(name) for name in sorted(registry.members("models"))}
    found |= {f"vae {name}": of_model("vae", name) for name in LIKELIHOODS}
    with tempfile.TemporaryDirectory() as folder:
        found |= of_run(Path(folder) / "run")
    options.out.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    before = json.loads(options.against.read_text(encoding="utf-8")) if options.against else found
    changed = sorted(name for name in found | before if found.get(name) != before.get(name))
    print(f"{len(found)} digests, {len(changed)} changed: {', '.join(changed) or 'none'}")
    raise SystemExit(bool(changed))


if __name__ == "__main__":
    main()
