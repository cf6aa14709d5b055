"""The README tells a newcomer of every member, and its Python runs."""

from pathlib import Path

import pytest

from zoo.utils import registry

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("room", ["models", "likelihoods", "datasets", "metrics"])
def test_readme_lists_every_member(room):
    rows = [line for line in README.splitlines() if line.startswith("| `")]
    listed = {line.split("`")[1] for line in rows}
    assert set(registry.names(room)) <= listed


def test_readme_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = README.split("```python\n")[1].split("```")[0]
    exec(code.replace("steps_per_epoch=3000", "steps_per_epoch=2, verbose=0"), {})
    assert (tmp_path / "saved_model" / "1" / "saved_model.pb").exists()


def test_readme_measurements_run(tmp_path, monkeypatch):
    import zoo

    monkeypatch.chdir(tmp_path)
    data = zoo.datasets.load("digits")
    model = zoo.models.VAE(data.image_shape, likelihood="continuous_bernoulli", seed=0)
    model.compile()
    code = README.split("## Measure\n")[1].split("```python\n")[1].split("```")[0]
    for old, new in (
        ("draws=5000", "draws=50"),
        ("every=500", "every=1"),
        ("=1000", "=2, verbose=0"),
    ):
        assert old in code
        code = code.replace(old, new)
    exec(code, {"zoo": zoo, "data": data, "model": model})
    names = {"information.png", "distances.png", "scores.png", "history.json"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_readme_lists_every_preset_with_its_scores():
    from zoo.deliver import presets

    for name, row in presets.table().items():
        (line,) = [line for line in README.splitlines() if line.startswith(f"| [`{name}`]")]
        cells = [cell.strip() for cell in line.split("|")]
        assert f"saved_models/{name}/card.md" in cells[1]
        assert cells[2] == f"`{row['data']}`"
        assert cells[4] == f"{row['scores']['elbo']:.1f}"
        for cell, metric in zip(cells[5:8], ("factor_vae_score", "mig", "dci"), strict=True):
            assert cell in ("–", f"{row['scores'][metric]:.2f}")
        assert cells[8] == f"{row['size'] / 2**20:.1f}"


@pytest.mark.parametrize(
    "symptom",
    [
        "KL weight",
        "which MIG",
        "pretrained disentanglement models gone",
        "export VAE encode decode sample signatures",
        "resume training",
    ],
)
def test_what_users_type_has_its_line_with_a_link(symptom):
    (line,) = [line for line in README.splitlines() if line.startswith("|") and symptom in line]
    headings = {
        "#" + line.lstrip("# ").lower().replace(" ", "-")
        for line in README.splitlines()
        if line.startswith("## ")
    }
    (anchor,) = [part.split(")")[0] for part in line.split("](")[1:]]
    assert anchor in headings


def test_pictures_and_files_that_are_named_exist():
    import re

    prose = re.sub(r"```.*?```|`[^`]*`", "", README, flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)\)", prose):
        assert target.startswith("http") or (ROOT / target).exists(), target
