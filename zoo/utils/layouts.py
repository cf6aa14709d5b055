"""What the zoo writes in one place, by which it is recognised before it is replaced."""

import dataclasses
import fnmatch
import os
import re
from collections.abc import Mapping
from pathlib import Path

# What file managers leave beside the files they show. It is neither listed nor read nor copied.
STRAY = re.compile(
    r"\.DS_Store|\._.*|\.AppleDouble|\.Spotlight-V100|\.Trashes|\.fseventsd|__MACOSX|"
    r"(eh)?thumbs\.db|desktop\.ini|\.directory|@eaDir|\.ipynb_checkpoints",
    re.IGNORECASE,
)
SHOWN = 3  # names in a message


@dataclasses.dataclass(frozen=True)
class Layout:
    """The files of something that the zoo writes.

    Attributes:
        what: its name, such as `"a SavedModel"`.
        marks: patterns of files that are there, with bytes that stand in each; of a single file one pattern.
        others: patterns of further files that may be there. `*` stands for a name, not for a path.
        is_file: whether it is a single file.
    """

    what: str
    marks: Mapping[str, bytes]
    others: tuple[str, ...] = ()
    is_file: bool = False

    def inside(self, folder: str) -> tuple[str, ...]:
        """The patterns of all its files where it lies in a folder of something else."""
        return tuple(f"{folder}/{pattern}" for pattern in (*self.marks, *self.others))

    def foreign(self, path: Path) -> str:
        """What at a path the zoo did not write, in words; nothing where all is of this layout, or there is nothing.

        Example:
            >>> import tempfile
            >>> folder = Path(tempfile.mkdtemp())
            >>> ONNX.foreign(folder)
            ''
            >>> _ = (folder / "thesis.tex").write_text("mine")
            >>> ONNX.foreign(folder)
            'a folder with thesis.tex'
        """
        if path.is_file() and self.is_file:
            [mark] = self.marks.values()
            return "" if _is_empty(path) or _holds(path, mark) else "another file"
        if not path.is_dir() or self.is_file:
            return "a folder" if path.is_dir() else "something else"
        names = _files_in(path)
        patterns = (*self.marks, *self.others)
        others = [name for name in names if not any(_matches(name, one) for one in patterns)]
        if others:
            more = f" and {len(others) - SHOWN:,} more" if len(others) > SHOWN else ""
            return f"a folder with {', '.join(others[:SHOWN])}{more}"
        for pattern, mark in self.marks.items():
            found = [name for name in names if _matches(name, pattern)]
            if names and not any(_holds(path / name, mark) for name in found):
                return f"a folder with another {pattern}" if found else f"one without {pattern}"
        return ""

    def changed(self, folder: Path) -> list[str]:
        """The names of those files of `marks` in a folder that somebody else wrote."""
        return [
            name
            for name in _files_in(folder)
            for pattern, mark in self.marks.items()
            if _matches(name, pattern) and not _holds(folder / name, mark)
        ]


def _files_in(folder: Path) -> list[str]:
    """All files in a folder and below, links included."""
    return [
        file.relative_to(folder).as_posix()
        for file in sorted(folder.rglob("*"))
        if (file.is_symlink() or not file.is_dir()) and not STRAY.fullmatch(file.name)
    ]


def _matches(name: str, pattern: str) -> bool:
    """Whether a path has a pattern, part by part.

    Example:
        >>> _matches("figures/a.png", "figures/*.png"), _matches("figures/mine/a.png", "figures/*.png")
        (True, False)
    """
    parts, patterns = name.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatch.fnmatchcase, parts, patterns))


def _holds(file: Path, mark: bytes) -> bool:
    return file.is_file() and mark in file.read_bytes()


def _is_empty(file: str | os.PathLike) -> bool:
    return os.path.getsize(file) == 0


SAVED_MODEL = Layout(
    "a SavedModel",
    {"saved_model.pb": b"reconstruct_uint8"},  # a signature
    (
        "fingerprint.pb",
        "variables/variables.index",
        "variables/variables.data-*",
        "assets.extra/tf_serving_warmup_requests",
    ),
)
ONNX = Layout("ONNX files", {"encoder.onnx": b"images", "decoder.onnx": b"latents"})
LITERT = Layout("a LiteRT file", {"*.tflite": b"reconstruct"}, is_file=True)
PRESET = Layout(
    "a preset",
    {"SHA256SUMS": b"  1/saved_model.pb"},
    (
        *("config.json", "scores.json", "card.md", "*.tflite"),
        *("model.weights.h5", "discriminator.npz"),
        *(f"figures/*.{suffix}" for suffix in ("png", "gif", "webp")),
        *SAVED_MODEL.inside("1"),
    ),
)
PUBLISHED = Layout("published presets", {"index.json": b'"sha256"'}, PRESET.inside("*"))
EXPLORER = Layout(
    "a page of zoo explore",
    {"facts.json": b'"zoo_explorer"', "index.html": b"zoo explore"},
    (
        *("*.js", "style.css", "icon.svg", "images-*.webp", "onnxruntime-web/*"),
        *ONNX.inside("model-*"),
    ),
)
SERVING = Layout(
    "a folder of serve-config",
    {
        "models.config": b"model_config_list",
        "compose.yaml": b"tensorflow/serving",
        "client.sh": b"What the server says",
        "client.py": b"Calls a model through gRPC",
        "request-*.json": b"signature_name",
    },
)
