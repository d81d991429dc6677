"""The ledger on a page: tables in Markdown."""

from pathlib import Path

import pandas as pd

from anytime.experiments import ledger
from anytime.paths import DATA, whole_file

PAGE = DATA / "LEDGER.md"


DECIDED = ("number", "claim", "verdict", "ours", "seeds", "corrected", "could_show")
BESIDE = ("compared", "data", "network", "setting", "ours", "seeds", "p", "note", "core_hours")


def to_markdown(table: pd.DataFrame) -> str:
    """The ledger in Markdown: what the plan decides by, the paper's figures, and what is beside."""
    rows = {standing: table[table["standing"] == standing] for standing in ledger.STANDINGS}
    decided = rows.pop(ledger.PRIMARY)
    where = decided[["number", "data", "network", "setting", "core_hours", "note", "where"]]
    parts = ["## The claims", _aligned(decided[[*DECIDED]]), _aligned(where)]
    parts += ["**The paper's figures**", _aligned(decided[["number", "paper"]])]
    titles = {ledger.SECONDARY: "Beside the claims", ledger.FIRST: "The first edition"}
    for standing, beside in rows.items():
        parts.append(f"## {titles[standing]}")
        for (number, claim), found in beside.groupby(["number", "claim"], sort=False):
            used = [column for column in BESIDE if (found[column] != "").any()]
            parts += [f"**{number}. {claim}.**", _aligned(found[used])]
        if beside.empty:
            parts.append("Nothing is recorded yet.")
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
    key = ["claim", "compared", "data", "network", "setting"]
    before = pd.read_csv(path, keep_default_na=False).query("ours != ''")
    if not {*key} <= {*before}:
        return []  # a table of other columns
    before = before[key]
    both = before.merge(table.query("ours != ''")[key], how="left", indicator=True)
    gone = both[both["_merge"] == "left_only"]
    told = gone[["claim", "data", "network"]].to_numpy()
    return [f"{claim} ({data}, {network})" for claim, data, network in told]


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
