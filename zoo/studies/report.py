"""`report.md`: what a study found, to read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from zoo.runs import report
from zoo.studies import _agreement, _figures, results
from zoo.studies.folder import Failure
from zoo.studies.plan import Cell, Study
from zoo.utils import files, hardware
from zoo.utils.texts import markdown_table

REPORT = """\
# {title}

{cells} cells: {finished} finished, {failed} failed. What was asked for stands in [study.toml](study.toml); every score
of every cell in [results.csv](results.csv), the means below in [settings.csv](settings.csv).

## Mean ± standard deviation over seeds

{table}

Reconstruction, KL and ELBO are nats per image. UDR says how far the latents of a setting's seeds agree, and takes no
factors.
{failures}
## Figures

{figures}

Made on {hardware}, with {versions}.
"""
FAILURES = """
## Failed cells

{table}
"""


def write(
    folder: Path, cells: Sequence[Cell], study: Study, failed: Mapping[str, Failure], say=print
) -> dict[str, list]:
    """Writes the tables, figures and report of a study, and gives the columns of its results."""
    columns = results.write(folder, cells, failed)
    ended = set(columns.get("cell", []))
    finished = [cell for cell in cells if cell.name in ended and cell.name not in failed]
    headlines = [name for name in results.headlines(folder, finished) if name in columns]
    bound = [name for name in results.BOUND if name in columns]
    udr = _agreement.udr(folder, finished, say)
    settings = results.by_setting(columns, [*bound, *headlines])
    settings["udr"] = [udr.get(setting, {}).get("udr") for setting in settings["setting"]]
    results.write_csv(folder / "settings.csv", settings)
    drawn = _draw(folder / "figures", _finished(columns), headlines) if finished else []
    text = REPORT.format(
        title=", ".join(block.name for block in study.blocks),
        cells=len(cells),
        finished=len(finished),
        failed=len(failed),
        table=_means(settings, [*bound, *headlines]),
        failures=_failures(failed),
        figures="\n\n".join(f"![{name}](figures/{name}.png)" for name in drawn)
        or "There are none.",
        hardware=hardware.describe(),
        versions=", ".join(f"{name} {version}" for name, version in report.versions().items()),
    )
    files.write_text(folder / "report.md", text)
    return columns


def _finished(columns: Mapping[str, list]) -> dict[str, list]:
    kept = [row for row, state in enumerate(columns["state"]) if state == results.FINISHED]
    return {name: [column[row] for row in kept] for name, column in columns.items()}


def _draw(folder: Path, columns: Mapping[str, list], headlines: Sequence[str]) -> list[str]:
    for old in folder.glob("*.png"):
        old.unlink()
    drawn = []
    with report.not_vital("The figures of the study"):
        for name, figure in _figures.draw(columns, headlines).items():
            report.save_figure(figure, folder / f"{name}.png")
            drawn.append(name)
    return drawn


def _means(settings: Mapping[str, list], scores: Sequence[str]) -> str:
    rows = []
    for row, setting in enumerate(settings["setting"]):
        numbers = [_number(settings[name][row], settings[f"{name}_std"][row]) for name in scores]
        udr = _number(settings["udr"][row], None)
        rows.append([_cell(setting), str(settings["cells"][row]), *numbers, udr])
    return _markdown(["setting", "cells", *scores, "UDR"], rows)


def _number(mean: float | None, std: float | None) -> str:
    if mean is None:
        return "–"
    return f"{mean:.4g}" if std is None else f"{mean:.4g} ± {std:.2g}"


def _failures(failed: Mapping[str, Failure]) -> str:
    if not failed:
        return ""
    rows = [[_cell(name), _cell(failed[name].reason)] for name in sorted(failed)]
    return FAILURES.format(table=_markdown(["cell", "reason"], rows))


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown_table(head, rows, numbers=range(1, len(head)))


def _cell(text: str) -> str:
    """A text that stays in its cell of a table."""
    return text.replace("|", "\\|")
