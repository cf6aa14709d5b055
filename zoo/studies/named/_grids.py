"""Grids that several named studies share."""

from collections.abc import Mapping, Sequence

from zoo.studies.named.base import Budget
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
# Of studies that compare scores, more of them.
MANY_SCORES = (*SCORES, "sap", "modularity")
FEW_METHODS = {
    "beta_vae": {"beta": [1, 8]},
    "factor_vae": {"gamma": [10, 40]},
    "beta_tc_vae": {"beta": [2, 8]},
    "dip_vae": {"lambda_od": [2, 20]},
}
# Six methods, DIP-VAE's two among them, with six strengths each: Locatello et al., 2019, table 2.
SIX_METHODS = {
    "beta_vae": {"beta": [1, 2, 4, 6, 8, 16]},
    "annealed_vae": {"capacity": [f"linear({top}, 100000)" for top in (5, 10, 25, 50, 75, 100)]},
    "factor_vae": {"gamma": [10, 20, 30, 40, 50, 100]},
    "dip_vae": {"variant": ["i", "ii"], "lambda_od": [1, 2, 5, 10, 20, 50]},
    "beta_tc_vae": {"beta": [1, 2, 4, 6, 8, 10]},
}


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


def methods(run: dict, seeds: Sequence[int], grids: Mapping[str, dict]) -> Study:
    """Several models over their strengths on 2D Shapes, with many scores."""
    blocks = [
        Block(model, "shapes2d", seeds=seeds, grid=grid, run=run) for model, grid in grids.items()
    ]
    return Study(blocks, MANY_SCORES)


def few_methods() -> Budget:
    """Four models of two strengths and three seeds each."""
    return Budget(methods({**SHORT, "steps": 1500}, range(3), FEW_METHODS), 40)


def methods_budgets() -> dict[str, Budget]:
    """Four models on two cores; or six methods with six strengths and 50 seeds each, as published."""
    return {
        "small": few_methods(),
        "paper": Budget(
            methods(PUBLISHED, range(50), SIX_METHODS), 180_000, "one GPU, or a cluster's share"
        ),
    }
