"""The folder of a named study's results: `results.csv`, `how.json`, `report.md` and figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.runs import report
from zoo.studies import results
from zoo.studies.named.base import NamedStudy, Verdict
from zoo.utils import files

RESULTS, HOW, REPORT = "results.csv", "how.json", "report.md"
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
    verdict = named.judge(columns)
    tables = named.tables(columns)
    drawn = named.figures(columns)
    folder.mkdir(parents=True, exist_ok=True)
    results.write_csv(folder / RESULTS, columns)
    files.write_json(folder / HOW, dict(how))
    for old in folder.glob("*.png"):
        old.unlink()
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


def read(folder: Path) -> tuple[dict[str, list], dict[str, Any]]:
    """The columns of a folder's results, and how they were made.

    Raises:
        ValueError: it holds none.
    """
    try:
        how = files.read_json(folder / HOW)
    except (OSError, ValueError):
        raise ValueError(
            f"Expected the results of a named study. Received: {folder}, without {HOW}."
        ) from None
    return results.read_csv(folder / RESULTS), how
