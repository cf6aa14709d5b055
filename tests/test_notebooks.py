"""Every notebook runs from top to bottom at a small budget, keeps to the rules, and is made whole or not at all."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import v4

FOLDER = Path(__file__).parent.parent / "notebooks"
sys.path.insert(0, str(FOLDER))

import make  # noqa: E402
import rules  # noqa: E402

NOTEBOOKS = make.found([])
SETTINGS = "steps = 3000  # updates\nname = 'vae'"
PICTURE = "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])"


def read(path):
    return nbformat.read(path, as_version=4)


def marks(path):
    return [pytest.mark.slow] if read(path).metadata.zoo.get("slow") else []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=marks(path), id=path.stem) for path in NOTEBOOKS]
)
def test_a_notebook_runs_with_its_small_settings(path):
    notebook = read(path)
    assert make.small(notebook)
    make.run(make.with_parameters(notebook, make.small(notebook)))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_keeps_to_the_rules(path):
    assert rules.faults(read(path), path.stem, path.stat().st_size) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_its_line_on_the_page(path):
    assert f"]({path.name})" in (FOLDER / "README.md").read_text(encoding="utf-8")


def notebook_of(*sources, settings=SETTINGS):
    parameters = v4.new_code_cell(settings, metadata={"tags": ["parameters"]})
    text = v4.new_markdown_cell(f"Made by `{rules.command('mine')}`.")
    cells = [text, parameters, *(v4.new_code_cell(source) for source in sources)]
    return v4.new_notebook(cells=cells, metadata={"zoo": {"small": {"steps": 5}}})


def as_if_run(notebook):
    """With a picture, and the marks of a run."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(cells, 1):
        cell.execution_count = count
    cells[-1].outputs = [v4.new_output("display_data", data={"image/png": "", "text/plain": ""})]
    return make.normalised(notebook)


def faults_of(*sources, **settings):
    return rules.faults(as_if_run(notebook_of(*sources, **settings)), "mine", 1000)


def test_a_plain_notebook_has_no_faults():
    assert faults_of("%matplotlib inline\nimport zoo", "grey = lambda image: image[..., 0]") == []


@pytest.mark.parametrize(
    "source",
    [
        "from zoo.models.vae import VAE",
        "import zoo.metrics._binned",
        "import zoo\nzoo.metrics._binned",
        "def a(x):\n    y = x\n    return y",
        "class A:\n    x = 1",
    ],
)
def test_code_that_no_reader_should_copy_is_a_fault(source):
    assert len(faults_of(source)) == 1


@pytest.mark.parametrize("settings", ["steps = 10 * 300", "import os", "a = b = 3", "print(3)"])
def test_settings_are_plain_values(settings):
    (fault,) = faults_of("1", settings=settings)
    assert "Expected lines such as" in fault


@pytest.mark.parametrize(
    ("output", "word"),
    [
        (v4.new_output("stream", name="stdout", text=f"wrote {sys.prefix}/a.png"), "paths"),
        (v4.new_output("stream", name="stdout", text="wrote /tmp/tmp123/a.png"), "paths"),
        (v4.new_output("stream", name="stderr", text="UserWarning: x"), "warnings"),
        (v4.new_output("stream", name="stdout", text="1\nWARNING:tensorflow:x"), "warnings"),
        (v4.new_output("error", ename="ValueError", evalue="x", traceback=[]), "error"),
        (
            v4.new_output("execute_result", data={"text/plain": "<zoo.Table at 0x7f12ab>"}),
            "addresses",
        ),
    ],
)
def test_outputs_that_no_other_machine_has_are_a_fault(output, word):
    notebook = as_if_run(notebook_of("1"))
    notebook.cells[1].outputs = [output]
    found = rules.faults(notebook, "mine", 1000)
    assert found
    assert all(word in fault for fault in found)


def test_code_that_was_changed_after_its_run_is_a_fault():
    notebook = as_if_run(notebook_of("1"))
    notebook.cells[2].source = "2"
    (fault,) = rules.faults(notebook, "mine", 1000)
    assert "has changed since: python notebooks/make.py mine" in fault


def test_a_run_that_skipped_a_cell_is_a_fault():
    notebook = as_if_run(notebook_of("1", "2"))
    notebook.cells[2].execution_count = None
    (fault,) = rules.faults(notebook, "mine", 1000)
    assert "one run from top to bottom" in fault


def test_too_long_and_too_large_and_no_picture_are_faults():
    notebook = as_if_run(notebook_of(*["1"] * 25))
    notebook.cells[-1].outputs = []
    assert len(rules.faults(notebook, "mine", 600_001)) == 3


def test_small_settings_take_the_place_of_the_committed_ones():
    small = make.with_parameters(notebook_of(), {"name": "it's", "steps": 5})
    assert small.cells[1].source == 'steps = 5  # updates\nname = "it\'s"'
    with pytest.raises(ValueError, match=r"\['name', 'steps'\].*Received: \['stepz'\]"):
        make.with_parameters(notebook_of(), {"stepz": 5})


def test_what_tensorflow_says_of_the_machine_is_left_out():
    notebook = as_if_run(notebook_of("1"))
    said = "WARNING: All log messages before absl::InitializeLog() is called\nE0000 00:00:17 cuda: no\n"
    start, other = (
        v4.new_output("stream", name="stderr", text=said + more) for more in ("", "UserWarning: x")
    )
    notebook.cells[2].outputs = [start, other]
    assert make.normalised(notebook).cells[2].outputs == [other]


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Writes a notebook and makes it, of whatever its cells are."""
    monkeypatch.setattr(make, "HERE", tmp_path)

    def written(*sources):
        nbformat.write(notebook_of(*sources), tmp_path / "mine.ipynb")
        return tmp_path / "mine.ipynb"

    return written


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_notebook_is_made_in_place_with_its_committed_settings(mine):
    path = mine("%matplotlib inline\nprint(steps, name)", PICTURE)
    make.main(["mine"])
    made = read(path)
    assert made.cells[2].outputs[0].text == "3000 vae\n"
    assert "image/png" in made.cells[3].outputs[0].data
    assert set(made.metadata) == {"kernelspec", "language_info", "zoo"}
    assert rules.faults(made, "mine", path.stat().st_size) == []
    make.main(["mine"])
    assert [cell.id for cell in read(path).cells] == [cell.id for cell in made.cells]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_notebook_that_fails_or_breaks_a_rule_stays_as_it_was(mine):
    path = mine("%matplotlib inline", PICTURE, "raise OSError('disk')")
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="disk"):
        make.main(["mine"])
    assert path.read_bytes() == before
    path = mine(f"print({str(Path.home() / 'x')!r})", PICTURE)
    before = path.read_bytes()
    with pytest.raises(SystemExit, match="left as it was"):
        make.main([str(path)])
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["mine.ipynb"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_small_run_writes_nothing(mine, capsys):
    path = mine("assert steps == 5")
    before = path.read_bytes()
    make.main(["--small", "mine"])
    assert path.read_bytes() == before
    assert capsys.readouterr().out == "mine.ipynb\n"


def test_a_name_that_is_no_notebook_is_said(mine):
    mine()
    with pytest.raises(SystemExit, match=r"Expected notebooks of mine\. Received: \['yours'\]"):
        make.main(["yours"])
