"""Files that are not there yet although their names are."""

import os

POINTERS = {
    b"version https://git-lfs": ("Git LFS", "git lfs pull"),
    b"/annex/objects/": ("git-annex", "git annex get"),
}


class Refused(ValueError):
    """A file that is whole, but not what is read here."""


def refuse_pointer(path: str | os.PathLike) -> None:
    """Raises `Refused` if a file is the text that Git LFS or git-annex leave in the place of a large file.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp(), "images.npy")
        >>> _ = path.write_text("version https://git-lfs.github.com/spec/v1")
        >>> refuse_pointer(path)
        Traceback (most recent call last):
        zoo.datasets._paths.Refused: ...images.npy is a pointer of Git LFS, not the file itself: fetch it with
        `git lfs pull`.
    """
    with open(path, "rb") as file:
        start = file.read(max(map(len, POINTERS)))
    for text, (keeper, command) in POINTERS.items():
        if start.startswith(text):
            raise Refused(
                f"{path} is a pointer of {keeper}, not the file itself: fetch it with `{command}`."
            )
