"""The READMEs tell a newcomer of every member, their Python runs, and their links and commands lead somewhere."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from zoo.cli import main
from zoo.utils import registry

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_LINES = 160
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted(ROOT.rglob("README.md"))
    if not any(part.startswith(".") or part == "build" for part in path.relative_to(ROOT).parts)
}


def python_of(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGES[page], flags=re.DOTALL)


def shortened(code: str, **shorter: tuple[str, str]) -> str:
    """Code with long settings replaced, each of which has to be there."""
    for old, new in shorter.values():
        assert old in code
        code = code.replace(old, new)
    return code


def anchors(text: str) -> set[str]:
    """Of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.M)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def rows_of(text: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]


def test_the_readme_is_two_screens():
    assert len(README.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("room", ["models", "likelihoods", "datasets", "metrics"])
def test_every_member_has_a_row_in_the_readme_of_its_room(room):
    listed = {row[0].strip("`") for row in rows_of(PAGES[f"zoo/{room}/README.md"])}
    assert set(registry.names(room)) <= listed


def test_every_named_study_has_a_row_in_the_readme_of_studies():
    listed = {row[0].strip("`") for row in rows_of(PAGES["zoo/studies/README.md"])}
    assert set(registry.names("studies.named")) <= listed


@pytest.mark.parametrize("room", ["models", "likelihoods", "metrics"])
def test_what_the_readme_advises_exists(room):
    kind = room.removesuffix("s")
    (table,) = [part for part in README.split("\n\n") if f" | {kind} ([all" in part]
    advised = {name for row in rows_of(table)[2:] for name in re.findall(r"`(\w+)[`(]", row[1])}
    assert len(advised) > 5
    assert advised - {"udr"} <= set(registry.names(room))


def test_the_readme_says_what_lives_in_every_folder():
    table = README.split("| folder |")[1].split("\n\n")[0]
    rooms = {path.name for path in (ROOT / "zoo").iterdir() if path.name[0] not in "._"}
    assert [room for room in rooms if not re.search(rf"\b{room}\b", table)] == []


def test_the_readme_links_every_other_page():
    pages = set(PAGES) - {"README.md"}
    assert pages <= set(re.findall(r"\]\(([^)#]+)[)#]", README))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings_that_exist(page):
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", PAGES[page], flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", prose):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        there = ((ROOT / page).parent / file).resolve() if file else ROOT / page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_that_are_named_exist(page):
    code = re.findall(r"`([^`\n]+)`|^ {4}(.*)$", PAGES[page], flags=re.M)
    for line in ("".join(found) for found in code):
        for name, rest in re.findall(r"(?:^|&& |\()zoo ([a-z-]+)([^&]*)", line):
            command = main.commands[name]
            known = {text for option in command.params for text in option.opts}
            if rest and isinstance(command, click.Group):
                continue
            used = re.findall(r"(?<=\s)--?[a-z][a-z-]*", rest)
            assert set(used) <= known | {"--help"}, line


def test_the_readme_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = shortened(
        python_of("README.md")[0],
        steps=("steps_per_epoch=3000", "steps_per_epoch=2, verbose=0"),
        metrics=('["factor_vae_score", "mig"]', '["mig"], samples=500'),
    )
    exec(code, {})
    assert (tmp_path / "saved_model" / "1" / "saved_model.pb").exists()
    assert (tmp_path / "model.keras").exists()


def test_measurements_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = python_of("zoo/measure/README.md")
    short = {"draws": ("draws=5000", "draws=50"), "every": ("every=500", "every=1")}
    exec(shortened(code, **short, steps=("=1000", "=2, verbose=0")), {})
    names = {"information.png", "distances.png", "scores.png", "history.json"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_what_is_delivered_is_used_as_told(tmp_path, monkeypatch, digits):
    import zoo

    monkeypatch.chdir(tmp_path)
    model = zoo.models.VAE((8, 8, 1), latent_dim=3, likelihood="continuous_bernoulli", seed=0)
    model.export("saved_model/1")
    signatures, preset = python_of("zoo/deliver/README.md")
    found = {"images": digits}
    exec(signatures, found)
    assert found["codes"]["mean"].shape == (len(digits), 3)
    found = {"model": model, "zoo": zoo}
    exec(preset, found)
    assert found["model"] is not model
    assert found["model"].latent_dim == 3


def test_a_table_of_codes_is_scored_as_told(capsys):
    (code,) = python_of("zoo/metrics/README.md")
    exec(code, {})
    assert "'mig'" in capsys.readouterr().out


def test_a_preset_is_loaded_as_told():
    (code,) = python_of("saved_models/README.md")
    found = {}
    exec(code, found)
    assert type(found["model"]).__name__ == "FactorVAE"


def test_every_python_block_is_run_by_a_test_here():
    blocks = {page: len(python_of(page)) for page in PAGES if python_of(page)}
    assert blocks == {
        "README.md": 2,  # the second is `half_vae`
        "saved_models/README.md": 1,
        "zoo/deliver/README.md": 2,
        "zoo/measure/README.md": 1,
        "zoo/metrics/README.md": 1,
    }


def test_a_model_of_ones_own_is_one_file_and_one_line(tmp_path):
    """Listed, trained, read back and exported by a copy of the zoo to which the README's file and line are added."""
    without = shutil.ignore_patterns("__pycache__", "*.md")
    shutil.copytree(ROOT / "zoo", tmp_path / "zoo", ignore=without)
    models = tmp_path / "zoo" / "models"
    (models / "half_vae.py").write_text(python_of("README.md")[1], encoding="utf-8")
    (line,) = re.findall(r"`(from zoo\.models\.half_vae import [^`]*)`", README)
    with (models / "__init__.py").open("a", encoding="utf-8") as init:
        init.write(line + "\n")

    train = "train half_vae --data digits --steps 4 --batch-size 8 --latent-dim 2 --out run"
    commands = [
        "list models",
        f"{train} --likelihood continuous_bernoulli",
        "export run --out sm",
    ]
    code = "from zoo.cli import main\n" + "\n".join(
        f"main({command.split()}, standalone_mode=False)" for command in commands
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "half_vae  " in done.stdout
    with (tmp_path / "run" / "history.csv").open(newline="", encoding="utf-8") as lines:
        first = {name: float(value) for name, value in next(csv.DictReader(lines)).items()}
    assert first["loss"] == pytest.approx(first["reconstruction"] + first["kl"] / 2, rel=1e-5)
    assert (tmp_path / "sm" / "saved_model.pb").exists()


def test_both_tables_list_every_preset_with_its_scores():
    from zoo.deliver import presets

    columns = {"FactorVAE score": "factor_vae_score", "MIG": "mig", "DCI": "dci"}
    for page, folder in (("README.md", "saved_models/"), ("saved_models/README.md", "")):
        (table,) = re.findall(r"<!-- presets:.*?<!-- end of presets -->", PAGES[page], re.DOTALL)
        head, _, *rows = rows_of(table)
        cells = {row[0].split("`")[1]: dict(zip(head, row, strict=True)) for row in rows}
        assert set(cells) == set(presets.table())
        for name, row in presets.table().items():
            found = cells[name]
            assert f"({folder}{name}/card.md)" in found["preset"]
            assert found["data"] == f"`{row['data']}`"
            assert found["reconstruction"] == f"{row['scores']['reconstruction']:.1f}"
            assert found["MiB"] == f"{row['size'] / 2**20:.1f}"
            for column, metric in columns.items():
                assert found[column] in ("–", f"{row['scores'].get(metric, 0):.2f}")


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
    assert re.search(r"\]\([^)]+\)", line)


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_no_machine(page):
    marks = ["/ro" + "ot/", "/ho" + "me/", "/wo" + "rk/"]
    assert not [mark for mark in marks if mark in PAGES[page]]
