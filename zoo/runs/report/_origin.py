"""What made a number: the commit and the versions."""

import platform
import subprocess
from pathlib import Path

import keras
import numpy as np
import scipy
import sklearn
import tensorflow as tf

import zoo


def commit() -> str | None:
    """The commit of the checkout that this is run from, `-dirty` where it was changed; None where it is none."""
    root = Path(zoo.__file__).parent.parent
    if not (root / ".git").exists():
        return None
    command = [
        "git",
        "-C",
        str(root),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
        "--exclude=*",
    ]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    return {
        "zoo": zoo.__version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "python": platform.python_version(),
    }
