"""Boosted trees by name."""

from collections.abc import Callable
from typing import Any

from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier

from zoo.metrics._gradient_boosting import GradientBoosting
from zoo.utils import registry
from zoo.utils.checks import folded_seed


def scikit_learn(trees: int, depth: int, seed: int) -> Any:
    """scikit-learn's exact trees, those of the published studies: what `GradientBoosting` is held against."""
    return GradientBoostingClassifier(
        n_estimators=trees, max_depth=depth, random_state=folded_seed(seed, bits=32)
    )


def hist_gradient_boosting(trees: int, depth: int, seed: int) -> Any:
    """scikit-learn's trees on 255 bins of each latent, else with the settings of the exact ones."""
    return HistGradientBoostingClassifier(
        max_iter=trees,
        max_depth=depth,
        max_leaf_nodes=2**depth,
        min_samples_leaf=1,
        early_stopping=False,
        random_state=folded_seed(seed, bits=32),
    )


def lightgbm(trees: int, depth: int, seed: int) -> Any:
    """LightGBM's trees on 255 bins of each latent, else with the settings of the exact ones."""
    try:
        from lightgbm import LGBMClassifier
    except (ImportError, OSError) as error:  # OSError: its OpenMP library is missing
        raise ValueError(
            'The booster "lightgbm" needs the package of that name: '
            f'pip install "vae-zoo[lightgbm]". It cannot be loaded here: {error}'
        ) from error
    return LGBMClassifier(
        n_estimators=trees,
        max_depth=depth,
        num_leaves=2**depth,
        min_child_samples=1,
        min_data_in_bin=1,
        importance_type="gain",
        random_state=folded_seed(seed),
        deterministic=True,
        force_col_wise=True,
        n_jobs=1,
        verbose=-1,
    )


BOOSTERS: dict[str, Callable[[int, int, int], Any]] = {
    "gradient_boosting": GradientBoosting,
    "scikit_learn": scikit_learn,
    "hist_gradient_boosting": hist_gradient_boosting,
    "lightgbm": lightgbm,
}


def find(name: str, importances: bool = False) -> Callable[[int, int, int], Any]:
    """The function of `(trees, depth, seed)` that makes the booster called `name`.

    Args:
        name: one of `BOOSTERS`.
        importances: whether its models must tell how much each latent matters.

    Raises:
        ValueError: there is no such booster, or its package is missing.

    Example:
        >>> find("scikit_learn")(trees=100, depth=3, seed=0)
        GradientBoostingClassifier(random_state=0)
    """
    registry.check_known("booster", name, BOOSTERS)
    model = BOOSTERS[name](1, 1, 0)  # a missing package is known before any work is done
    if importances and not hasattr(type(model), "feature_importances_"):
        raise ValueError(
            f'Expected a booster that tells how much each latent matters. Received: "{name}".'
        )
    return BOOSTERS[name]
