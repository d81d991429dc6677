"""The course as a whole: build it, check it, read it.

    python -m anytime.course build [NN ...]   execute the sources, store both copies of each
    python -m anytime.course check            is every stored notebook built from its source?
    python -m anytime.course html [NN ...]    execute the copies to solve, write them as pages
    python -m anytime.course pdf [NN ...]     the same, and print each page into a PDF
    python -m anytime.course slides           write the slides for 90 minutes as one page
    python -m anytime.course readme           list the notebooks in README.md
    python -m anytime.course class            write what a class gets into build/class
    python -m anytime.course grade FOLDER     a table of points of the notebooks handed in

How a source is written stands at the top of anytime/course/notebooks.py.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import nbformat

from anytime.course.notebooks import (
    NOTEBOOKS,
    NotebookError,
    build,
    opening,
    read,
    steady_kernels,
    stored_at,
)
from anytime.paths import REPOSITORY


def sources(numbers: Iterable[str] = ()) -> list[Path]:
    """The sources of the numbered notebooks, of all where none is named.

    Raises NotebookError for a number that no source has.
    """
    found = sorted((NOTEBOOKS / "sources").glob("[0-9][0-9]_*.py"))
    wanted = {number.zfill(2) for number in numbers}
    if missing := wanted - {path.stem[:2] for path in found}:
        raise NotebookError(f"There is no notebook {', '.join(sorted(missing))} in {NOTEBOOKS}.")
    return [path for path in found if not wanted or path.stem[:2] in wanted]


def notebooks(numbers: Iterable[str] = ()) -> list[Path]:
    """The notebooks to solve, in reading order, chosen as in `sources`."""
    return [stored_at(source, solved=False) for source in sources(numbers)]


def check() -> list[str]:
    """What keeps the stored notebooks from being those of the sources; empty where nothing does."""
    problems, known = [], set()
    for source, solved in product(sources(), (False, True)):
        target = stored_at(source, solved)
        known.add(target)
        if not target.exists():
            problems.append(f"{target.relative_to(REPOSITORY)} is missing")
        elif _contents(nbformat.read(target, 4)) != _contents(read(source, solved)):
            problems.append(f"{target.relative_to(REPOSITORY)} differs from its source")
    stored = {*NOTEBOOKS.glob("*.ipynb"), *NOTEBOOKS.glob("solutions/*.ipynb")}
    problems += [f"{path.relative_to(REPOSITORY)} has no source" for path in stored - known]
    return sorted(problems)


def table() -> str:
    """The notebooks as a Markdown table, for README.md."""
    rows = ["| notebook | question | minutes |", "|---|---|---|"]
    for path in notebooks():
        title, question, minutes = opening(nbformat.read(path, 4))
        link = f"[{path.stem[:2]} {title}](notebooks/{path.name})"
        rows.append(f"| {link} | {question} | {minutes} |")
    return "\n".join(rows)


def side_by_side(tasks: Iterable[Callable[[], object]]) -> int:
    """Run tasks two at a time, print what each returns, and return how many failed."""
    failed = 0
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for future in [pool.submit(task) for task in tasks]:
            try:
                print(future.result(), flush=True)
            except NotebookError as error:
                failed += 1
                print(f"FAILED {error}\n", file=sys.stderr, flush=True)
    return failed


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 where all went well, 1 otherwise."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["grade"]:
        from anytime.course import grading

        return grading.main(words[1:])

    verbs = {"build": _build, "check": _check, "html": _html, "pdf": _pdf}
    verbs |= {"slides": _slides, "readme": _readme, "class": _class}
    parser = argparse.ArgumentParser(
        prog="python -m anytime.course",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", choices=verbs)
    parser.add_argument("numbers", nargs="*", metavar="NN", help="notebooks; all if none is named")
    options = parser.parse_args(words)
    steady_kernels()
    try:
        return verbs[options.verb](options.numbers)
    except NotebookError as error:
        print(error, file=sys.stderr)
        return 1


def _build(numbers: list[str]) -> int:
    copies = product(sources(numbers), (False, True))
    return min(side_by_side(partial(build, *copy) for copy in copies), 1)


def _check(numbers: list[str]) -> int:
    problems = check()
    print("\n".join(problems) or "Every notebook is built from its source.")
    if problems:
        print("Run `python -m anytime.course build`, with a notebook's number for it alone.")
    return min(len(problems), 1)


def _html(numbers: list[str]) -> int:
    """Execute what changed since the last time, two notebooks side by side."""
    from anytime.course import pages  # Jupyter looks for a home when it is imported

    paths, everything = notebooks(numbers), notebooks()
    tasks = [partial(pages.write_page, path, everything) for path in paths]
    failed = side_by_side([*tasks, pages.write_explorers])
    pages.write_texts()
    print(f"\nThe course is in {pages.write_index(everything).relative_to(REPOSITORY)}")
    if failed:
        print(f"{failed} of {len(paths)} notebooks failed, see above.", file=sys.stderr)
    return min(failed, 1)


def _pdf(numbers: list[str]) -> int:
    from anytime.course import pages

    if _html(numbers):
        return 1
    print(f"The PDFs are in {pages.write_pdfs(notebooks(numbers)).relative_to(REPOSITORY)}")
    return 0


def _slides(numbers: list[str]) -> int:
    from anytime.course import slides

    print(f"The slides are in {slides.write_slides().relative_to(REPOSITORY)}")
    return 0


def _readme(numbers: list[str]) -> int:
    from anytime.experiments import report

    report.put(REPOSITORY / "README.md", "notebooks", table())
    print("The notebooks are listed in README.md.")
    return 0


def _class(numbers: list[str]) -> int:
    from anytime.course import handout

    folder = handout.write_class(sources(numbers))
    print(f"For students: {folder / 'student.zip'}")
    print(f"For the teacher: {folder / 'teacher'} and {folder / 'nbgrader'}")
    return 0


def _contents(notebook: nbformat.NotebookNode) -> list[tuple]:
    return [(cell.cell_type, cell.id, cell.source, cell.metadata) for cell in notebook.cells]
