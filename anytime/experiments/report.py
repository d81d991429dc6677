"""The ledger on a page: a table per claim, in Markdown."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anytime.paths import REPOSITORY, whole_file

README = REPOSITORY / "README.md"
BEGIN, END = "<!-- ledger -->\n", "<!-- /ledger -->"


def to_markdown(table: pd.DataFrame) -> str:
    """The ledger in Markdown: a claim, the paper's figure, and a table of what was found."""
    parts = []
    for (claim, said), rows in table.groupby(["claim", "paper"], sort=False):
        found = _aligned(rows.drop(columns=["claim", "paper"]))
        parts += [f"**{claim}.** The paper: {said}.", found]
    return "\n\n".join(parts)


def _aligned(table: pd.DataFrame) -> str:
    heads = [name.replace("_", " ") for name in table]
    lines = [[str(cell) for cell in line] for line in (heads, *table.itertuples(index=False))]
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    padded = [[f"{c:{w}}" for c, w in zip(line, widths, strict=True)] for line in cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def fill(table: pd.DataFrame, page: Path = README) -> None:
    """Puts the ledger into the place that a page marks for it.

    Raises ValueError where the page has no such place.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{page} marks no place for the ledger; add the lines {BEGIN}{END}")
    whole = f"{before}{begin}{to_markdown(table)}\n{end}{after}"
    with whole_file(page) as temporary:
        temporary.write_text(whole, encoding="utf-8")
