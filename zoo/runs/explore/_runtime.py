"""onnxruntime-web, which runs models in the browser: from a CDN at a pinned version, or copied beside the page."""

import base64
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from zoo.utils import files

VERSION = "1.30.0"
ADDRESS = f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{VERSION}/dist/"
FOLDER = "onnxruntime-web"
# WebAssembly alone, with its glue inside: WebGL has no transposed convolution, and WebGPU has had wrong sizes.
PARTS = {"script": "ort.wasm.bundle.min.mjs", "wasm": "ort-wasm-simd-threaded.wasm"}
INTEGRITY = {
    "script": "sha384-PLWz+nHEVHpjwBsO0YVdvQj6n5814Iv8E3b8FG0Rp/uIAtjFMCKOpP66iPzedrIG",
    "wasm": "sha384-vjBJ1z7qrhkTyYsNqKeF6c7N+nOJSU94czEo+tvZcu8G75JparGq9kB+kTnEUNVM",
}


def integrity_of(file: Path) -> str:
    """A file's hash as browsers compare it.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "empty"
        >>> _ = file.write_bytes(b"")
        >>> integrity_of(file)[:20]
        'sha384-OLBgp1GsljhM2'
    """
    digest = hashlib.sha384(file.read_bytes()).digest()
    return f"sha384-{base64.b64encode(digest).decode()}"


def of_cdn() -> dict[str, Any]:
    """Addresses and hashes of the pinned version."""
    return {
        part: {"file": ADDRESS + name, "integrity": INTEGRITY[part]} for part, name in PARTS.items()
    }


def package(vendor: str | os.PathLike) -> Path:
    """The folder of the npm package: `vendor`, or in its `node_modules`.

    Raises:
        ValueError: there is none, or it lacks a file.
    """
    path = files.path_of(vendor)
    for folder in (path, path / FOLDER, path / "node_modules" / FOLDER):
        if _name_of(folder) == FOLDER:
            break
    else:
        raise ValueError(
            f"Expected the npm package {FOLDER}, or a folder with node_modules/{FOLDER}. Received: {vendor}. "
            f"`npm install {FOLDER}@{VERSION}` makes one."
        )
    missing = [name for name in PARTS.values() if not (folder / "dist" / name).is_file()]
    if missing:
        raise ValueError(
            f"{folder} lacks dist/{missing[0]}: it is damaged, or of another version than {VERSION}, which has it."
        )
    return folder


def _name_of(folder: Path) -> str | None:
    """What a folder's package.json calls it."""
    try:
        found = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found.get("name") if isinstance(found, dict) else None


def copy(vendor: str | os.PathLike, folder: Path) -> dict[str, Any]:
    """Copies the files of the npm package beside the page, and gives their names there with their hashes."""
    source = package(vendor)
    (folder / FOLDER).mkdir()
    found = {}
    for part, name in PARTS.items():
        # Some web servers do not know that .mjs is JavaScript.
        copied = folder / FOLDER / name.replace(".mjs", ".js")
        shutil.copyfile(source / "dist" / name, copied)
        relative = copied.relative_to(folder).as_posix()
        found[part] = {"file": relative, "integrity": integrity_of(copied)}
    license_file = source / "LICENSE"
    if license_file.is_file():
        shutil.copyfile(license_file, folder / FOLDER / "LICENSE")
    return found
