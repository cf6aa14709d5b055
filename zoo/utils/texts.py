"""Texts for people: what an error says in one line, and tables in Markdown."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

# Names of scores as papers call them.
SCORES = {
    "factor_vae_score": "FactorVAE score",
    "beta_vae_score": "β-VAE score",
    "mig": "MIG",
    "dci": "DCI",
    "sap": "SAP",
    "modularity": "modularity",
}


def first_line(error: Exception) -> str:
    r"""The first line of what an error says; its type's name where it says nothing.

    Example:
        >>> first_line(ValueError("shapes differ\n  at layer 3")), first_line(KeyboardInterrupt())
        ('shapes differ', 'KeyboardInterrupt')
    """
    return str(error).strip().partition("\n")[0] or type(error).__name__


def one_line(error: BaseException | str, most: int | None = 300) -> str:
    r"""All that an error says, or a text, in one line that is cut to `most` characters; None leaves it whole.

    Example:
        >>> one_line(ValueError("shapes differ\n  at layer 3")), one_line("a long story", most=10)
        ('shapes differ at layer 3', 'a long...')
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return text if most is None or len(text) <= most else text[: most - 3].rstrip() + "..."


def markdown_table(
    head: Sequence[Any], rows: Iterable[Iterable[Any]], numbers: Collection[int] = ()
) -> str:
    """A table in Markdown.

    Args:
        head: what stands above each column.
        rows: the cells of each row.
        numbers: which columns are set to the right.

    Example:
        >>> print(markdown_table(["metric", "score"], [("mig", 0.5)], numbers=[1]))
        | metric | score |
        | --- | ---: |
        | mig | 0.5 |
    """
    marks = ["---:" if column in numbers else "---" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in [head, marks, *rows])
