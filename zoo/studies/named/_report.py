"""The folder of a named study's results: `results.csv`, `how.json`, `report.md` and figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.runs import report
from zoo.studies import results
from zoo.studies.named import _table
from zoo.studies.named.base import NamedStudy, Verdict
from zoo.utils import files

RESULTS, HOW, REPORT = "results.csv", "how.json", "report.md"
OF_HOW = {
    "named": str,
    "what": str,
    "command": str,
    "hardware": str,
    "versions": dict,
    "commit": str | None,
}
TEXT = """\
# {title}

**Verdict: {word}.** {because}

**Claim.** {claim}

**Published.** {published}

**Rule, set before the study was run.** {rule}

{tables}
{figures}
## How

{what} Every number above comes from [results.csv](results.csv), which this makes again:

```bash
{command}
```

Made on {hardware}, with {versions}{commit}.
"""


def write(
    folder: Path, named: NamedStudy, columns: Mapping[str, list], how: Mapping[str, Any]
) -> Verdict:
    """Writes the folder's files, and gives the verdict.

    Raises:
        ValueError: rows that the rule needs are missing. Nothing is written.
    """
    columns = _table.checked(columns, named.scores, named.alike)
    verdict = _table.read_by(named.judge, columns)
    tables = _table.read_by(named.tables, columns)
    drawn = _table.read_by(named.figures, columns)
    folder.mkdir(parents=True, exist_ok=True)
    for name in _drawn_before(folder) - set(drawn):
        (folder / f"{name}.png").unlink(missing_ok=True)
    files.write_json(folder / HOW, {**how, "figures": list(drawn)})
    results.write_csv(folder / RESULTS, columns)
    for name, figure in drawn.items():
        report.save_figure(figure, folder / f"{name}.png")
    text = TEXT.format(
        title=named.title,
        word=verdict.word,
        because=verdict.because,
        claim=named.claim,
        published=named.published,
        rule=named.rule,
        tables="".join(f"## {head}\n\n{table}\n\n" for head, table in tables.items()),
        figures="".join(f"![{name}]({name}.png)\n\n" for name in drawn),
        what=how["what"],
        command=how["command"],
        hardware=how["hardware"],
        versions=", ".join(f"{name} {version}" for name, version in how["versions"].items()),
        commit=f", at commit {how['commit']}" if how["commit"] else "",
    )
    files.write_text(folder / REPORT, text)
    return verdict


def judged(named: NamedStudy, columns: Mapping[str, list]) -> Verdict:
    """The verdict on columns.

    Raises:
        ValueError: rows or columns that the rule needs are missing or damaged, or runs differ in what they have to
            share.
    """
    return _table.read_by(named.judge, _table.checked(columns, named.scores, named.alike))


def read(folder: Path) -> tuple[dict[str, list], dict[str, Any]]:
    """The columns of a folder's results, and how they were made.

    Raises:
        ValueError: it holds none.
    """
    how = files.kept_json(folder / HOW)
    missing = [name for name, kind in OF_HOW.items() if not isinstance(how.get(name, ...), kind)]
    if missing:
        raise ValueError(
            f"Expected the results of a named study. Received: {folder}, whose {HOW} is missing, damaged, or "
            f"without {', '.join(missing)}."
        )
    return results.read_csv(folder / RESULTS), how


def check_own(folder: Path, name: str) -> None:
    """Raises `ValueError` if a folder holds what this study would replace and did not write."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ValueError(f"Expected a folder for the results. Received: {folder}, a file.")
    other = files.kept_json(folder / HOW).get("named")
    if other is not None and other != name:
        raise ValueError(f"{folder} holds the results of {other}. Choose another --out.")
    theirs = [file for file in (RESULTS, REPORT, HOW) if (folder / file).exists()]
    if theirs and other is None:
        raise ValueError(
            f"{folder} holds {', '.join(theirs)} of something else, which would be replaced. Choose another --out."
        )


def _drawn_before(folder: Path) -> set[str]:
    """Names of the figures that a study drew here; a name that would lead out of the folder is none."""
    told = files.kept_json(folder / HOW).get("figures")
    names = told if isinstance(told, list) else []
    return {name for name in names if isinstance(name, str) and Path(name).name == name}
