"""The folder of a named study's results: `results.csv`, `how.json`, `report.md` and figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.runs import report
from zoo.studies import results
from zoo.studies.named.base import NamedStudy, Verdict
from zoo.utils import files

RESULTS, HOW, REPORT = "results.csv", "how.json", "report.md"
OF_HOW = ("named", "what", "command", "hardware", "versions", "commit")
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
    verdict = judged(named, columns)
    tables = named.tables(columns)
    drawn = named.figures(columns)
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
        ValueError: rows or columns that the rule needs are missing, or runs are on several data sets.
    """
    data = dict.fromkeys(columns.get("data", []))
    if named.one_data and len(data) > 1:
        raise ValueError(f"Expected runs on one data set. Received: {', '.join(map(str, data))}.")
    try:
        return named.judge(columns)
    except KeyError as error:
        raise ValueError(f"Expected results with a column {error}. Received: none.") from None


def read(folder: Path) -> tuple[dict[str, list], dict[str, Any]]:
    """The columns of a folder's results, and how they were made.

    Raises:
        ValueError: it holds none.
    """
    how = files.kept_json(folder / HOW)
    missing = [name for name in OF_HOW if name not in how]
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
    other = files.kept_json(folder / HOW).get("named", name)
    if other != name:
        raise ValueError(f"{folder} holds the results of {other}. Choose another --out.")
    theirs = [file for file in (RESULTS, REPORT, HOW) if (folder / file).exists()]
    if theirs and not files.kept_json(folder / HOW):
        raise ValueError(
            f"{folder} holds {', '.join(theirs)} of something else, which would be replaced. Choose another --out."
        )


def _drawn_before(folder: Path) -> set[str]:
    return set(files.kept_json(folder / HOW).get("figures", []))
