"""One self-contained page of the explorers' tables and the scripts that draw them."""

import json
import re
import warnings
from datetime import date
from html import escape
from pathlib import Path

from anytime.explore import recorded
from anytime.explore.page import tables
from anytime.explore.recorded import Runs
from anytime.paths import REPOSITORY, PathLike, whole_file

PAGE = REPOSITORY / "build" / "explorers.html"
PARTS = Path(__file__).parent
SCRIPTS = ("draw.js", "controls.js", "network.js", "live.js", "views.js")


def page(runs: Runs = None) -> str:
    """The page, as HTML, of the runs that ship and those in folders, or of a list of runs alone."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        known = recorded.gather(runs)
    shown = tables.all_tables(known)
    made = f"Drawn from {len(known)} recorded runs on {date.today():%d %B %Y}."
    notes = [made, shown["weights"]["note"], *(str(one.message) for one in told)]

    # A script ends at the first "</script", so no name in the data may bring one.
    data = json.dumps(shown, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    filled = {
        "css": _part("page.css"),
        "scripts": "\n".join(map(_part, SCRIPTS)),
        "notes": "".join(f"<p>{escape(note)}</p>" for note in notes if note),
        "data": data,
    }
    return re.sub("@(css|scripts|notes|data)@", lambda mark: filled[mark[1]], _part("page.html"))


def write(runs: Runs = None, path: PathLike = PAGE) -> Path:
    """Writes the page into a file; raises FileNotFoundError for a folder that is not there."""
    with whole_file(path) as temporary:
        temporary.write_text(page(runs), encoding="utf-8")
    return Path(path)


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")
