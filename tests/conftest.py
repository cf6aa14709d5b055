import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest

ATTEMPTS = 3


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """64 real grey digits, 8x8, in [0, 1]."""
    from sklearn.datasets import load_digits

    return (load_digits().images[:64, ..., None] / 16).astype("float32")


@pytest.fixture(scope="session")
def binary_digits(digits) -> np.ndarray:
    return (digits > 0.5).astype("float32")


@pytest.fixture
def holds_once(tmp_path):
    """Tells whether a comparison of two trainings, a function of an empty folder, holds in one of three attempts.

    Even of two equal trainings, neither of them resumed, a few differ in their last bits on a busy machine (InfoWGANGP
    in one of ten, after 5 steps): TensorFlow rounds as its threads happen to run. A state that is not kept fails every
    attempt.
    """

    def tried(compare) -> bool:
        for attempt in range(ATTEMPTS):
            folder = tmp_path / str(attempt)
            folder.mkdir()
            if compare(folder):
                return True
        return False

    return tried
