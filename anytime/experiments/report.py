"""The ledger on a page: a table per claim, in Markdown."""

from pathlib import Path

import pandas as pd

from anytime.paths import DATA, whole_file

PAGE = DATA / "LEDGER.md"


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


def lost(table: pd.DataFrame, path: Path) -> list[str]:
    """Claims, with their data, that the ledger in a file has figures on and a new one has not."""
    if not path.exists():
        return []
    key = ["claim", "data", "network", "deviations"]
    before = pd.read_csv(path, keep_default_na=False).query("ours != ''")[key]
    both = before.merge(table.query("ours != ''")[key], how="left", indicator=True)
    gone = both[both["_merge"] == "left_only"]
    return [f"{claim} ({data}, {network})" for claim, data, network in gone[key[:3]].to_numpy()]


def put(page: Path, name: str, text: str) -> None:
    """Writes a text between a page's lines `<!-- name -->` and `<!-- /name -->`, and nothing else.

    The page is there whole, whatever interrupts the writing. Raises what `around` raises.
    """
    before, after = around(page, name)
    with whole_file(page) as temporary:
        temporary.write_text(f"{before}{text}\n{after}", encoding="utf-8", newline="\n")


def around(page: Path, name: str) -> tuple[str, str]:
    """What stands before and after the place that a page marks, with the marks themselves.

    Raises FileNotFoundError where there is no page, ValueError where it marks no such place.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    if not page.is_file():
        raise FileNotFoundError(f"there is no page {page}; make one with the lines {begin}{end}")
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page} marks no place for the {name}; add the lines {begin}{end}")
    return before + begin, end + after
