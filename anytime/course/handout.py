"""What a class gets: the course without its answers, what the teacher keeps, an nbgrader course.

Whatever stands between `<details>` and `</details>` in a notebook is an answer, unless its summary
begins with "Hint"; a cell with the tag "rubric" is in solved copies alone. The stars beside an
exercise's number are its points; without stars it is worth one.
"""

import random
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from anytime.course.notebooks import METADATA, NOTEBOOKS, NotebookError, is_rubric, marked, write
from anytime.paths import REPOSITORY

CLASS = REPOSITORY / "build" / "class"
TEMPLATES = Path(__file__).parent / "templates"
# What of the kit students get: neither sources, solutions and tests nor its history.
FOLDERS = "anytime", "data", "docs"
FILES = "Makefile", "LICENSE", "pyproject.toml", "constraints.txt"
ANSWER = re.compile(r"(?ms)^<details>\s*<summary>(?!Hint).*?</details>$")
UNDONE = re.compile(r'(?:### BEGIN SOLUTION |NotImplementedError\("Exercise )(\d+\.\d+)')
CHECK = re.compile(r"(?m)^(checks\.\w+\(\w+\))$")


@dataclass(frozen=True)
class Exercise:
    """An exercise of a notebook: `check` of `checks` looks at what is called `answer` there."""

    number: str
    check: str
    answer: str
    points: int


def exercises(notebook: NotebookNode) -> list[Exercise]:
    """The exercises of a notebook as the course stores it or as its source has it.

    Raises NotebookError for one that no line `checks.name(answer)` of its own follows.
    """
    found: list[Exercise] = []
    waiting: list[str] = []
    text = ""
    for cell in notebook.cells:
        text += "" if cell.cell_type == "code" else cell.source + "\n"
        for part in _parts(cell):
            if waiting and CHECK.fullmatch(part):
                _, check, answer = re.findall(r"\w+", part)
                number = waiting.pop()
                found.append(Exercise(number, check, answer, _points(number, text)))
            waiting += UNDONE.findall(part)
    if waiting:
        raise NotebookError(f"Exercise {waiting[0]}: no line `checks.name(answer)` follows it.")
    return found


def for_students(notebook: NotebookNode) -> NotebookNode:
    """The notebook without its answers, each replaced by a place to write one."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = ANSWER.sub("*Your answer:*", cell.source)
    return notebook


def assignment(source: Path, draw: random.Random) -> NotebookNode:
    """A source for nbgrader: solutions to clear, cells with points, tests on hidden inputs."""
    notebook = for_students(marked(source))
    checked = {f"checks.{one.check}({one.answer})": one for one in exercises(notebook)}
    cells: list[NotebookNode] = []
    for cell in (cell for cell in notebook.cells if not is_rubric(cell)):
        for part in _parts(cell):
            new = NotebookNode(cell, source=part, metadata={}, id=f"cell-{len(cells) + 1:03d}")
            if undone := UNDONE.search(part):
                new.metadata = _grader("answer", undone[1], solution=True)
            elif one := checked.get(part):
                new.source = _graded(part, draw.randrange(1, 2**31))
                new.metadata = _grader("check", one.number, points=one.points)
            cells.append(new)
    return nbformat.v4.new_notebook(cells=cells, metadata=METADATA)


def write_class(sources: list[Path]) -> Path:
    """Writes what a class gets into a folder, and returns that."""
    shutil.rmtree(CLASS, ignore_errors=True)
    _write_bundle(CLASS / "student" / "anytime-course")
    shutil.make_archive(str(CLASS / "student"), "zip", CLASS / "student")

    # The solved copies hold the answers and rubrics, too.
    shutil.copytree(NOTEBOOKS / "solutions", CLASS / "teacher" / "solutions")
    for path in NOTEBOOKS.glob("*.md"):
        shutil.copy(path, CLASS / "teacher")

    for source in sources:
        write_assignment(source, CLASS / "nbgrader", random.SystemRandom())
    return CLASS


def write_assignment(source: Path, course: Path, draw: random.Random) -> None:
    """Writes a source as an assignment of the nbgrader course in a folder."""
    text = nbformat.writes(assignment(source, draw)) + "\n"
    write(course / "source" / source.stem / f"{source.stem}.ipynb", text)
    shutil.copy(TEMPLATES / "nbgrader_config.txt", course / "nbgrader_config.py")


def _write_bundle(folder: Path) -> None:
    hidden = shutil.ignore_patterns("__pycache__", "cache")
    for name in FOLDERS:
        shutil.copytree(REPOSITORY / name, folder / name, ignore=hidden)
    for name in FILES:
        shutil.copy(REPOSITORY / name, folder)
    shutil.copy(TEMPLATES / "student.md", folder / "README.md")
    for path in NOTEBOOKS.glob("*.ipynb"):
        text = nbformat.writes(for_students(nbformat.read(path, 4))) + "\n"
        write(folder / "notebooks" / path.name, text)


def _parts(cell: NotebookNode) -> list[str]:
    """A code cell's source, cut before and after each line that checks an answer."""
    if cell.cell_type != "code":
        return [cell.source]
    return [part.strip("\n") for part in CHECK.split(cell.source) if part.strip()]


def _points(number: str, text: str) -> int:
    """As many as the stars on the last line of the text that holds the number, at least one."""
    lines = [line for line in text.splitlines() if re.search(rf"\b{re.escape(number)}\b", line)]
    return max(1, lines[-1].count("★")) if lines else 1


def _graded(check: str, seed: int) -> str:
    """A cell that grades: the check that the reader sees, then the same on inputs drawn anew."""
    return f"""from anytime.course import checks

{check}
### BEGIN HIDDEN TESTS
assert {check[:-1]}, seed={seed})
### END HIDDEN TESTS"""


def _grader(kind: str, number: str, solution: bool = False, **worth: int) -> NotebookNode:
    """What nbgrader wants to know of a cell; one that grades is locked."""
    name = f"{kind}-{number.replace('.', '-')}"
    told = {"schema_version": 3, "grade_id": name, "task": False, "solution": solution}
    told |= {"grade": not solution, "locked": not solution}
    return NotebookNode(nbgrader=told | worth)
