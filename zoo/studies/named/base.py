"""What a named study is: a claim, what would refute it, and what is trained to find out."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from zoo.studies.named._numbers import means_table
from zoo.studies.plan import Study

SHOWN, NOT_SHOWN, REFUTED = "shown", "not shown", "refuted"


@dataclasses.dataclass(frozen=True)
class Budget:
    """What is trained, and what that costs.

    Attributes:
        study: the cells; None where the study makes its rows itself.
        minutes: about how long it takes.
        on: on what, in words.
    """

    study: Study | None
    minutes: float
    on: str = "two cores"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the numbers say of a claim.

    Attributes:
        word: `"shown"`, `"not shown"` or `"refuted"`.
        because: a sentence with the numbers.
    """

    word: str
    because: str

    def __post_init__(self):
        if self.word not in (SHOWN, NOT_SHOWN, REFUTED):
            raise ValueError(f"Expected a verdict's word. Received: {self.word!r}")


class NamedStudy:
    """A claim that anyone can check again: `zoo study --named NAME`.

    A subclass is one file of `zoo.studies.named` and one import line in its `__init__.py`. It says the claim and its
    rule as text, and gives `budgets` and `judge`. All that is judged, tabled and drawn comes from the columns of
    `results.csv`, so that a report can be made again from that file alone.

    Attributes:
        title: a line.
        claim: what is claimed, and by whom.
        published: the published numbers, in Markdown.
        rule: when the claim is shown, not shown, and refuted. It stands before the study is run.
        scores: columns whose means the report shows.
        alike: columns of which all runs have one value, where they are judged together.
    """

    title: str = ""
    claim: str = ""
    published: str = ""
    rule: str = ""
    scores: tuple[str, ...] = ()
    alike: tuple[str, ...] = ("data",)

    def budgets(self) -> dict[str, Budget]:
        """What may be trained: `"small"` in at most 40 minutes on two cores, `"paper"` as published."""
        raise NotImplementedError

    def look(self, folder: Path) -> dict[str, float]:
        """Columns of a cell beside its scores, measured on its finished run."""
        return {}

    def rows(self, budget: str) -> dict[str, list]:
        """The columns of a study that trains nothing.

        They hold `cell` and `setting` at least: see `columns_of`.
        """
        raise NotImplementedError

    def judge(self, columns: Mapping[str, list]) -> Verdict:
        """The verdict, by the rule, from the columns of `results.csv` alone.

        Raises:
            ValueError: rows that the rule needs are missing.
        """
        raise NotImplementedError

    def tables(self, columns: Mapping[str, list]) -> dict[str, str]:
        """Markdown tables by their heading."""
        return {"Mean ± standard deviation over seeds": means_table(columns, self.scores)}

    def figures(self, columns: Mapping[str, list]) -> dict[str, Figure]:
        """Figures by name: small, with labels and units."""
        return {}
