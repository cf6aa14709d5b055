"""The import table of the house, read from the source."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ZOO = ROOT / "zoo"

MAY_IMPORT = {
    "datasets": set(),
    "likelihoods": set(),
    "networks": set(),
    "optimizers": set(),
    "schedules": set(),
    "models": {"likelihoods", "networks", "optimizers", "schedules", "deliver"},
    "metrics": set(),
    "measure": {"datasets", "likelihoods", "metrics"},
    "deliver": {"networks"},
    "runs": {"datasets", "models", "schedules", "metrics", "measure", "deliver"},
    "studies": {"datasets", "measure", "runs"},
    "tfds": set(),
    "cli": {"deliver", "runs", "studies"},
    "__main__": {"cli"},
}
GROUND = "utils"  # Anyone may stand on it; it stands on nothing but itself.
OLD_NAMES = ZOO / GROUND / "_old_names"

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


SOURCES = sorted(path for path in ZOO.rglob("*.py") if OLD_NAMES not in path.parents)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_table(path):
    room = room_of(path)
    if room == "__init__":
        return
    there = {room_of(path) for path in SOURCES}
    allowed = set() if room == GROUND else MAY_IMPORT[room]
    assert rooms_imported(path) & there <= allowed | {GROUND, room}


def test_every_row_of_the_table_exists():
    present = {room_of(path) for path in SOURCES}
    assert {*MAY_IMPORT, GROUND, "__init__"} == present


def test_the_door_has_few_rooms():
    assert len([path for path in ZOO.iterdir() if path.name != "__pycache__"]) <= 16


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def test_no_module_imports_itself_in_a_circle():
    """Wherever in a file an import stands; a package's front that gathers its members is none of them."""
    files = {module_of(path): path for path in SOURCES if path.name != "__init__.py"}
    graph = {
        name: {
            other
            for imported in imported_modules(path)
            for other in (imported, imported.rpartition(".")[0])
            if other in files
        }
        for name, path in files.items()
    }
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_import_zoo_alone_reaches_a_room_within_a_room():
    """By a short name, `zoo.explore`, or by its place, `zoo.studies.named`."""
    homes = sorted(module_of(path) for path in ZOO.glob("*/[!_]*/__init__.py"))
    code = (
        "import operator, zoo; short = zoo._MODULES.values()\n"
        f"for home in {homes}:\n"
        "    home = home.removeprefix('zoo.')\n"
        "    assert home in short or operator.attrgetter(home)(zoo), home\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_hooks_into_the_imports():
    code = "import sys; before = list(sys.meta_path); import zoo; assert sys.meta_path == before"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_old_paths_give_the_same_modules():
    """Each by the statement of then, before anything else has loaded the module of now."""
    names = sorted(path.stem for path in OLD_NAMES.glob("[!_]*.py"))
    short = [name for name in names if name != "layers"]  # which was never a name of `zoo`
    lines = [
        *("import importlib, zoo", f"names, short = {names}, {short}"),
        *("found = {name: importlib.import_module('zoo.' + name) for name in names}",),
        *("assert all(module.__name__ != 'zoo.' + name for name, module in found.items())",),
        *("assert all(getattr(zoo, name) is found[name] for name in short)",),
        *("import zoo.evaluation as old; assert old is zoo.measure.evaluation",),
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


@pytest.mark.parametrize(
    "name",
    [
        "__init__.py",
        "cli/__init__.py",
        "cli/_command.py",
        "cli/study.py",
        "cli/work.py",
        "utils/registry.py",
        "utils/files.py",
    ],
)
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
