"""The verdicts of several named studies in one table."""

import os
from pathlib import Path

from zoo.studies.named import _report
from zoo.studies.named._run import Answer, get, judged
from zoo.utils import files
from zoo.utils.texts import markdown_table


def found_in(folder: str | os.PathLike) -> list[Answer]:
    """The verdicts on all results of named studies below a folder, by name and path.

    Raises:
        ValueError: there are none.
    """
    root = files.path_of(folder)
    found = [judged(file.parent) for file in sorted(root.rglob(_report.HOW))]
    if not found:
        raise ValueError(f"Expected results of named studies below {root}. Received: none.")
    return found


def verdict_table(folder: str | os.PathLike) -> str:
    """Claim, what it was judged by, and verdict, in Markdown; each row links its report.

    Raises:
        ValueError: there are no results.
    """
    root = files.path_of(folder)
    base, rows = root.resolve(), []
    for answer in found_in(root):
        whole = answer.folder.resolve()
        page = (Path(base.name) / whole.relative_to(base) / _report.REPORT).as_posix()
        link = f"[{whole.name}]({page})"
        verdict = f"**{answer.verdict.word}**. {answer.verdict.because}"
        rows.append([get(answer.name).title, link, verdict])
    return markdown_table(["claim", "judged by", "verdict"], rows)
