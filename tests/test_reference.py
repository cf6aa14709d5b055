"""The API reference is built from the docstrings without a warning, and shows what users look for."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.utils import registry

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, str]:
    """HTML of the pages by module, made as the README says, with warnings as errors."""
    folder = tmp_path_factory.mktemp("reference")
    command = ["-W", "error::UserWarning", "-m", "zoo.utils.reference", folder]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Warn" not in done.stderr
    return {
        ".".join(path.relative_to(folder).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.html")
    }


def formulas(page: str) -> list[str]:
    return re.findall(r"<pre><code>(.*?)</code></pre>", page, flags=re.DOTALL)


@pytest.mark.parametrize("room", ["models", "likelihoods", "datasets", "metrics"])
def test_every_member_has_its_page(pages, room):
    for name in registry.names(room):
        assert registry.summary(registry.get(room, name))[:20] in pages[f"zoo.{room}.{name}"]


def test_formulas_are_set_as_formulas(pages):
    assert "loss = reconstruction + KL + gamma * TC" in formulas(pages["zoo.models.factor_vae"])[0]
    assert formulas(pages["zoo.models.beta_vae"])[0] == "loss = reconstruction + beta * KL\n"
    assert (
        "MIG = mean_k (I(z_a; v_k) - I(z_b; v_k)) / H(v_k)" in formulas(pages["zoo.metrics.mig"])[0]
    )
    for name in registry.names("likelihoods"):
        found = formulas(pages[f"zoo.likelihoods.{name}"])
        assert any(text.startswith("log p(x|z) = ") for text in found), name


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("zoo", ["encode", "evaluate", "from_preset", "load", "train", "traverse"]),
        ("zoo.datasets", ["load", "split", "held_out", "Arrays"]),
        ("zoo.metrics", ["udr", "importance_matrix", "mig"]),
        ("zoo.deliver.presets", ["upload", "publish", "from_preset"]),
    ],
)
def test_what_a_package_takes_from_private_files_is_on_its_page(pages, page, names):
    assert [name for name in names if f'id="{name}"' not in pages[page]] == []


def test_private_files_and_old_names_have_no_page(pages):
    assert not [name for name in pages if "._" in name]
    assert "zoo.evaluation" not in pages
    assert "zoo.measure.evaluation" in pages
