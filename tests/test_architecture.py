"""The import table of the house, read from the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ZOO = ROOT / "zoo"

# Shared ground: names, files on disk, progress bars, the machine. Anyone may stand on it; it stands on nothing.
GROUND = {
    *("registry", "files", "layouts", "locks", "archives", "checks", "pixels"),
    *("progress", "extras", "hardware", "when_imported"),
}
MAY_IMPORT = {
    "registry": set(),
    "files": set(),
    "layouts": set(),
    "locks": set(),
    "archives": set(),
    "checks": set(),
    "pixels": set(),
    "progress": set(),
    "extras": set(),
    "hardware": set(),
    "when_imported": set(),
    "networks": {"layers"},
    "layers": set(),
    "optimizers": set(),
    "schedules": set(),
    "likelihoods": set(),
    "models": {"networks", "schedules", "likelihoods", "optimizers", "export", "presets"},
    "datasets": set(),
    "metrics": set(),
    "evaluation": {"datasets", "metrics"},
    "information": {"datasets", "evaluation", "metrics"},
    "log_likelihood": {"datasets", "evaluation", "information"},
    "perceived_distance": {"datasets", "evaluation", "information", "likelihoods", "metrics"},
    "comparison": {"datasets", "evaluation", "metrics", "runs"},
    "callbacks": {"datasets", "evaluation"},
    "plots": set(),
    "image_files": set(),
    "tfds": set(),
    "export": {"layers"},
    "runs": {"models", "presets"},
    "presets": {"models", "export"},
    "serving": {"presets"},
    "saved_classes": set(),
    "report": {"datasets", "evaluation", "plots", "image_files", "export", "presets", "runs"},
    "training": {
        "datasets", "evaluation", "export", "plots", "report", "runs", "schedules",
    },
    "pretrained": {
        "datasets", "evaluation", "export", "information", "metrics", "image_files", "plots",
        "presets", "report", "runs", "training",
    },
    "cli": {"presets", "pretrained", "report", "serving", "training"},
    "__main__": {"cli"},
    "__init__": None,
}  # fmt: skip

HEAVY = {"tensorflow", "keras", "tensorflow_probability", "numpy", "scipy", "sklearn", "matplotlib"}


def room_of(path: Path) -> str:
    return path.relative_to(ZOO).parts[0].removesuffix(".py")


def imported_modules(path: Path) -> set[str]:
    """Dotted names of all imports of a file, wherever in it they stand, docstrings aside."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def rooms_imported(path: Path) -> set[str]:
    parts = (name.split(".") for name in imported_modules(path))
    return {part[1] for part in parts if part[0] == "zoo" and len(part) > 1}


SOURCES = sorted(ZOO.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_table(path):
    room = room_of(path)
    assert room in MAY_IMPORT, f"{room} has no row in the table"
    allowed = MAY_IMPORT[room]
    if allowed is None:
        return
    names = {
        part
        for part in rooms_imported(path)
        if (ZOO / part).exists() or (ZOO / f"{part}.py").exists()
    }
    assert names <= allowed | GROUND | {room}


def test_every_row_of_the_table_exists():
    present = {room_of(path) for path in SOURCES}
    assert set(MAY_IMPORT) == present


@pytest.mark.parametrize("name", ["__init__.py", "cli.py", "registry.py", "files.py"])
def test_the_way_in_is_light(name):
    tree = ast.parse((ZOO / name).read_text(encoding="utf-8"))
    at_top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {getattr(node, "module", None) or node.names[0].name for node in at_top}
    assert not {name.split(".")[0] for name in names} & HEAVY


@pytest.mark.parametrize("room", ["models", "likelihoods", "datasets", "metrics"])
def test_a_member_is_one_file_and_one_import_line(room):
    init = ast.parse((ZOO / room / "__init__.py").read_text(encoding="utf-8"))
    imported = {
        node.module.rpartition(".")[2] for node in init.body if isinstance(node, ast.ImportFrom)
    }
    files = {path.stem for path in (ZOO / room).glob("*.py")} - {"__init__"}
    members = {name for name in files if name != "base" and not name.startswith("_")}
    assert members <= imported


def test_text_names_no_machine():
    marks = ["/ro" + "ot/", "/ho" + "me/", "/wo" + "rk/"]
    for path in [*SOURCES, *ROOT.glob("*.md"), *ROOT.glob("*.toml"), ROOT / "setup.py"]:
        text = path.read_text(encoding="utf-8")
        assert not [mark for mark in marks if mark in text], path
