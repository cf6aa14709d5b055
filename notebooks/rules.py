"""What every notebook keeps to, so that a reader in a hurry can read, run and copy it."""

import ast
import hashlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

MOST_CELLS = 25
MOST_BYTES = 600_000
MOST_LINES = 2  # of a function
PICTURES = ("image/png", "image/svg+xml", "text/html")
# Folders that other machines do not have, or have elsewhere.
FOLDERS = (
    "/home/",
    "/root/",
    "/tmp/",
    "/usr/",
    "/work/",
    "/opt/",
    "/Users/",
    "/var/",
    "site-packages",
)


def faults(notebook, name: str, size: int) -> list[str]:
    """What is wrong with a notebook, a line each.

    Args:
        notebook: with its outputs.
        name: its file's, without suffix.
        size: bytes of its file.
    """
    return [*_of_form(notebook, name, size), *_of_code(notebook), *_of_outputs(notebook, name)]


def parameters_cell(notebook):
    """The cell that holds the settings.

    Raises:
        ValueError: there is not just one, or it does more than set names to plain values.
    """
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1 or cells[0].cell_type != "code":
        raise ValueError(f"Expected one code cell tagged `parameters`. Received: {len(cells)}.")
    for node in ast.parse(cells[0].source).body:
        if not _is_plain(node):
            raise ValueError(
                "Expected lines such as `steps = 3000` in the cell tagged `parameters`. Received: "
                f"{ast.unparse(node)}."
            )
    return cells[0]


def fingerprint(notebook) -> str:
    """Of the code, so that outputs tell which code made them."""
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def _is_plain(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Assign) or node.lineno != node.end_lineno:
        return False
    try:
        ast.literal_eval(node.value)
    except ValueError:
        return False
    return len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)


def _of_form(notebook, name: str, size: int) -> Iterator[str]:
    if len(notebook.cells) > MOST_CELLS:
        yield f"Expected at most {MOST_CELLS} cells. Received: {len(notebook.cells)}."
    if size > MOST_BYTES:
        yield f"Expected at most {MOST_BYTES:,} bytes. Received: {size:,}."
    if not any(
        command(name) in cell.source for cell in notebook.cells if cell.cell_type == "markdown"
    ):
        yield f"Expected a text that names the command which makes it: `{command(name)}`."
    try:
        parameters_cell(notebook)
    except ValueError as error:
        yield str(error)


def command(name: str) -> str:
    """What makes a notebook."""
    return f"python notebooks/make.py {name}"


def _of_code(notebook) -> Iterator[str]:
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        # IPython's own commands, such as `%matplotlib inline`.
        source = re.sub(r"^(\s*)[%!].*$", r"\1pass", cell.source, flags=re.MULTILINE)
        for node in ast.walk(ast.parse(source)):
            yield from _of_node(node)


def _of_node(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        lines = node.end_lineno - node.lineno + 1 + len(node.decorator_list)
        if lines > MOST_LINES or isinstance(node, ast.ClassDef):
            yield f"Expected no class, and no function longer than {MOST_LINES} lines. Received: {node.name}."
    if isinstance(node, ast.Import):
        yield from (
            _not_public(alias.name) for alias in node.names if alias.name.startswith("zoo.")
        )
    if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "zoo":
        yield _not_public(node.module)
    if isinstance(node, ast.Attribute) and re.match(r"_[^_]", node.attr):
        yield f"Expected public names. Received: {ast.unparse(node)}."


def _not_public(name: str) -> str:
    return f"Expected `import zoo` and names such as `zoo.models.VAE`. Received: import of {name}."


def _of_outputs(notebook, name: str) -> Iterator[str]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if [cell.execution_count for cell in cells] != list(range(1, len(cells) + 1)):
        yield f"Expected the outputs of one run from top to bottom: {command(name)}."
    if notebook.metadata.get("zoo", {}).get("code") != fingerprint(notebook):
        yield f"Expected the outputs of this code, which has changed since: {command(name)}."
    outputs = [output for cell in cells for output in cell.outputs]
    if not any(kind in output.get("data", {}) for output in outputs for kind in PICTURES):
        yield "Expected a picture."
    for output in outputs:
        yield from _of_output(output)


def _of_output(output) -> Iterator[str]:
    if output.output_type == "error":
        yield f"Expected no error. Received: {output.ename}: {output.evalue}"
    # TensorFlow writes its warnings to stdout where it finds a notebook.
    if output.get("name") == "stderr" or re.search(
        "^WARNING:", output.get("text", ""), re.MULTILINE
    ):
        yield f"Expected no warnings. Received: {output.text}"
    data = output.get("data", {})
    text = "\n".join(
        [
            str(output.get("text", "")),
            *(str(value) for kind, value in data.items() if not kind.startswith("image/png")),
        ]
    )
    here = (Path.home(), Path(__file__).resolve().parent.parent, Path(sys.prefix))
    for folder in {*FOLDERS, *(str(path) + os.sep for path in here)}:
        if folder in text:
            yield f"Expected no paths of a machine. Received: {folder} in {text[:500]}"
    for address in re.findall(r"<[^<>]* at 0x[0-9a-f]+>", text):
        yield f"Expected no addresses in memory, which differ in each run. Received: {address}"
