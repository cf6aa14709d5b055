"""Grids that several named studies share."""

from collections.abc import Sequence

from zoo.studies.plan import Block, Study

BETAS, GAMMAS = (1, 2, 4, 8, 16), (5, 10, 20, 40, 80)
SCORES = ("factor_vae_score", "mig", "dci", "beta_vae_score")
# Short runs of two cores: batches of 32 images.
SHORT = {"steps": 2000, "batch_size": 32, "precision": "mixed_bfloat16"}
# Minutes of one GPU, as portable jobs: a fifteenth of the published updates.
MIDDLE = {"steps": 20_000, "batch_size": 64}
# As published: 300,000 updates of 64 images at 1e-4.
PUBLISHED = {"steps": 300_000, "batch_size": 64, "learning_rate": 1e-4}
PAPER_SEEDS = range(10)


def sweeps(
    run: dict,
    seeds: Sequence[int],
    betas: Sequence[float] = BETAS,
    gammas: Sequence[float] = GAMMAS,
    factor_seeds: Sequence[int] | None = None,
) -> Study:
    """β-VAE over β and FactorVAE over γ on 2D Shapes; with one of them where the other has no values."""
    of = {"beta_vae": seeds, "factor_vae": seeds if factor_seeds is None else factor_seeds}
    grids = {"beta_vae": {"beta": list(betas)}, "factor_vae": {"gamma": list(gammas)}}
    blocks = [
        Block(model, "shapes2d", seeds=of[model], grid=grid, run=run)
        for model, grid in grids.items()
        if all(grid.values())
    ]
    return Study(blocks, SCORES)
