"""Builds the explorers' page and opens it: python -m anytime.explore.page [FOLDER ...]"""

import argparse
import shlex
import sys
import webbrowser
from pathlib import Path

from anytime.explore.page.building import PAGE, write


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 where the page was built, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m anytime.explore.page", description=__doc__)
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help="runs beside those that ship")
    parser.add_argument("--out", type=Path, default=PAGE, help="the file to write (%(default)s)")
    parser.add_argument("--no-open", action="store_true", help="open no browser")
    options = parser.parse_args(argv)
    try:
        path = write(folders(options.folders) or None, options.out).resolve()
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The explorers are in {path}")
    if not options.no_open:
        webbrowser.open(path.as_uri())
    return 0


def folders(texts: list[str]) -> list[str]:
    """The folders named; a text that is none may name several, quoted where they hold spaces."""
    found = []
    for text in texts:
        found += [text] if text and Path(text).is_dir() else shlex.split(text)
    return found


if __name__ == "__main__":
    sys.exit(main())
