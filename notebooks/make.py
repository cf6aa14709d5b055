"""Runs notebooks and writes their outputs into them: `python notebooks/make.py 06_your_own_images`.

A notebook takes its settings from one cell tagged `parameters`, such as `steps = 3000`. Its metadata say what a test
puts in their place: `{"zoo": {"small": {"steps": 5}}}`. Without names all notebooks are made; `--small` runs them with
those settings and writes nothing.
"""

import argparse
import ast
import copy
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
import rules
from nbclient import NotebookClient

from zoo.utils import files

HERE = Path(__file__).resolve().parent
MOST_SECONDS = 1800  # of one cell
# What TensorFlow and LiteRT say, in C++, of the machine.
CHATTER = re.compile(
    r"(INFO: |fully_quantize: |WARNING: All log messages before absl|[IWE]\d{4} )[^\n]*\n*"
)


def found(names: list[str]) -> list[Path]:
    """The notebooks of these names, with or without folder and suffix; without names all of them.

    Raises:
        SystemExit: there is none of this name.
    """
    known = {path.stem: path for path in sorted(HERE.glob("*.ipynb"))}
    unknown = {Path(name).stem for name in names} - set(known)
    if unknown:
        raise SystemExit(f"Expected notebooks of {', '.join(known)}. Received: {sorted(unknown)}.")
    return [known[Path(name).stem] for name in names] or list(known.values())


def small(notebook) -> dict:
    """The settings with which a test runs a notebook."""
    return notebook.metadata.get("zoo", {}).get("small", {})


def with_parameters(notebook, values: dict):
    """A copy of a notebook with other values in its `parameters` cell; comments stay.

    Raises:
        ValueError: the cell does not set one of the names.
    """
    notebook = copy.deepcopy(notebook)
    cell = rules.parameters_cell(notebook)
    nodes = {node.targets[0].id: node.value for node in ast.parse(cell.source).body}
    if not set(values) <= set(nodes):
        raise ValueError(
            f"Expected settings of {sorted(nodes)}, the cell tagged `parameters`. Received: {sorted(values)}."
        )
    lines = cell.source.splitlines()
    for name, value in values.items():
        node = nodes[name]
        line = lines[node.lineno - 1]
        lines[node.lineno - 1] = line[: node.col_offset] + repr(value) + line[node.end_col_offset :]
    cell.source = "\n".join(lines)
    return notebook


def run(notebook) -> None:
    """Runs all cells by this Python and this checkout of the zoo, in an empty folder, and keeps their outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=MOST_SECONDS,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
        ).execute(env=environment)


def normalised(notebook):
    """The notebook without what differs between two machines: versions, times, folded cells, devices."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "zoo": {**notebook.metadata.get("zoo", {}), "code": rules.fingerprint(notebook)},
    }
    for cell in notebook.cells:
        cell.metadata = {"tags": cell.metadata.tags} if cell.metadata.get("tags") else {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_chatter(output)]
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = {}
    return notebook


def _is_chatter(output) -> bool:
    return output.get("name") == "stderr" and not CHATTER.sub("", output.text).strip()


def make(path: Path) -> None:
    """Runs a notebook and writes it whole, or leaves it as it was.

    Raises:
        SystemExit: its outputs break a rule.
    """
    notebook = nbformat.read(path, as_version=4)
    run(notebook)
    text = nbformat.writes(normalised(notebook)) + "\n"
    faults = rules.faults(nbformat.reads(text, as_version=4), path.stem, len(text.encode()))
    if faults:
        refused = Path(tempfile.mkdtemp()) / path.name  # to look at: it took minutes
        refused.write_text(text, encoding="utf-8")
        raise SystemExit("\n".join([f"{path.name} was left as it was. {refused}:", *faults]))
    files.write_text(path, text)


def main(arguments: list[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", help="notebooks, such as 06_your_own_images; default: all"
    )
    parser.add_argument(
        "--small", action="store_true", help="run as the tests do, and write nothing"
    )
    options = parser.parse_args(arguments)
    for path in found(options.names):
        if options.small:
            notebook = nbformat.read(path, as_version=4)
            run(with_parameters(notebook, small(notebook)))
        else:
            make(path)
        print(path.name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
