"""How long the metrics take, and how far the fast DCI is from the published one.

    python tests/benchmarks/metrics.py            # every metric but DCI on 737,280 codes
    python tests/benchmarks/metrics.py dci        # DCI, published and fast, on the first of the codes
    python tests/benchmarks/metrics.py difference # both on ten codes (--train for fewer samples)
    python tests/benchmarks/metrics.py encode     # shapes2d, against the encoder's bare forward passes

On a machine that does other work as well compare the CPU seconds, which do not count waiting.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from zoo import metrics
from zoo.utils import registry

SIZES = (3, 6, 40, 32, 32)
LATENTS = 10
SPREADS = (0.0, 0.25, 0.5, 1.0, 2.0)  # noise in standard deviations of a factor
TURNS = (0.0, 0.5)  # how far the code is from one latent a factor towards a random rotation


def factor_table() -> np.ndarray:
    """All combinations of the factors of shapes2d."""
    return np.indices(SIZES).reshape(len(SIZES), -1).T


def code(factors: np.ndarray, spread: float, turn: float, seed: int = 0) -> np.ndarray:
    """Factors in latents of their own, partly rotated, with noise, as float32."""
    generator = np.random.default_rng(seed)
    signal = np.zeros((len(factors), LATENTS))
    signal[:, : factors.shape[1]] = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    rotation = np.linalg.qr(generator.normal(size=(LATENTS, LATENTS)))[0]
    mixed = (1 - turn) * signal + turn * signal @ rotation
    return (mixed + spread * generator.normal(size=mixed.shape)).astype("float32")


def clocked(function, *arguments, **named):
    """Result, wall and CPU seconds of a call; processes that it started count once they ended."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = function(*arguments, **named)
    return result, time.perf_counter() - wall, time.process_time() - cpu


def run_all(jobs: int) -> None:
    """Every metric but DCI at published parameters on the full table."""
    factors = factor_table()
    codes = code(factors, 0.5, 0.25)
    total = np.zeros(2)
    for name, metric in registry.members("metrics").items():
        if name == "dci":
            continue
        takes_jobs = "jobs" in metric.__kwdefaults__
        scores, *seconds = clocked(metric, codes, factors, **({"jobs": jobs} if takes_jobs else {}))
        total += seconds
        print(
            f"{name:18} {scores[name]:7.4f}  {seconds[0]:7.2f} s  {seconds[1]:7.2f} CPU s",
            flush=True,
        )
    models = [code(factors, 0.5, 0.25, seed)[::73] for seed in range(5)]
    scores, *seconds = clocked(metrics.udr, models)
    total += seconds
    print(
        f"{'udr, 5 models':18} {scores['udr']:7.4f}  {seconds[0]:7.2f} s  {seconds[1]:7.2f} CPU s"
    )
    print(f"{'together':18} {'':7}  {total[0]:7.2f} s  {total[1]:7.2f} CPU s, jobs {jobs}")


def run_dci(jobs: int, boosters: tuple[str, ...] = ("lightgbm", "gradient_boosting")) -> None:
    """DCI at published parameters on the full table, with either booster."""
    factors = factor_table()
    codes = code(factors, 0.5, 0.25)
    for booster in boosters:
        scores, wall, cpu = clocked(metrics.dci, codes, factors, booster=booster, jobs=jobs)
        print(f"{booster}: {wall:.1f} s, {cpu:.1f} CPU s here, jobs {jobs}", flush=True)
        print({name: round(value, 4) for name, value in scores.items()}, flush=True)


def run_difference(jobs: int, train: int) -> None:
    """DCI of the fast booster less that of the published one, on ten codes."""
    factors = factor_table()
    differences = []
    for spread in SPREADS:
        for turn in TURNS:
            codes = code(factors, spread, turn)
            published, fast = (
                metrics.dci(
                    codes,
                    factors,
                    booster=booster,
                    train_samples=train,
                    test_samples=train // 2,
                    jobs=jobs,
                )
                for booster in ("gradient_boosting", "lightgbm")
            )
            differences.append([fast[name] - published[name] for name in published])
            print(
                f"noise {spread:4.2f}, turn {turn:.1f}:",
                ", ".join(f"{name} {published[name]:.3f} {fast[name]:.3f}" for name in published),
                flush=True,
            )
    for name, column in zip(published, np.transpose(differences), strict=True):
        print(
            f"{name}: {column.mean():+.3f} on average, from {column.min():+.3f} to {column.max():+.3f}"
        )


def run_encode(images: int | None) -> None:
    """Encoding shapes2d against the encoder's bare forward passes on one batch of it."""
    import tensorflow as tf

    import zoo

    data = zoo.datasets.load("shapes2d")
    model = zoo.models.VAE(data.image_shape, seed=0)
    size = zoo.evaluation.BATCH_SIZE
    count = images or len(data)
    batch = tf.constant(data.images(np.arange(size)))
    forward = tf.function(lambda x: model.encoder(x, training=False))

    def bare():
        for _ in range(-(-count // size)):
            forward(batch).numpy()

    def encoded():
        zoo.encode(model, data, samples=count, terms=False)

    clocked(forward, batch), zoo.encode(model, data, samples=size, terms=False)
    for _ in range(3):
        _, bare_wall, bare_cpu = clocked(bare)
        _, wall, cpu = clocked(encoded)
        print(
            f"{count} images: bare {bare_wall:.1f} s, {bare_cpu:.1f} CPU s; encode {wall:.1f} s, {cpu:.1f} CPU s; "
            f"ratio {wall / bare_wall:.2f}, of CPU time {cpu / bare_cpu:.2f}",
            flush=True,
        )


def main() -> None:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "what", nargs="?", default="all", choices=["all", "dci", "difference", "encode"]
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--train", type=int, default=10_000)
    parser.add_argument("--images", type=int)
    options = parser.parse_args()
    if options.what == "all":
        run_all(options.jobs)
    elif options.what == "dci":
        run_dci(options.jobs)
    elif options.what == "difference":
        run_difference(options.jobs, options.train)
    else:
        run_encode(options.images)


if __name__ == "__main__":
    main()
