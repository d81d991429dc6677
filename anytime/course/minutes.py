"""How many minutes a notebook takes: a formula, so that what is printed at its top is honest."""

import re

from nbformat import NotebookNode

WORDS_A_MINUTE = 180
LINE_OF_CODE = 5 / 60
PICTURE = 45 / 60
QUESTION = 2
EXERCISE = 6

ANSWER = re.compile(r"(?s)<details>.*?</details>")
ASKED = re.compile(r"\*\*(What do you expect|Think)\b")
TABLE = re.compile(r"(?m)^\|[-|: ]+\|$")
NUMBER = re.compile(r"(?:Exercise|^\*\*) ?(\d+\.\d+)")


def honest_minutes(notebook: NotebookNode) -> float:
    """Minutes to read, run and solve a copy to solve.

    Its words at 180 a minute, 5 seconds a line of code, 45 a figure, a table or a widget, 2 minutes
    a question with its answer, and 6 an exercise with all that stands in its cells.
    """
    exercises = [cell for cell in notebook.cells if NUMBER.search(cell.source)]
    others = [cell for cell in notebook.cells if not NUMBER.search(cell.source)]
    code = [cell for cell in others if cell.cell_type == "code"]
    prose = "\n\n".join(cell.source for cell in others if cell.cell_type == "markdown")

    words = re.findall(r"\S*\w\S*", ANSWER.sub("", prose))
    lines = [line for cell in code for line in cell.source.splitlines() if line.strip()]
    pictures = [cell for cell in code if _is_picture(cell)] + TABLE.findall(prose)
    numbers = {number for cell in exercises for number in NUMBER.findall(cell.source)[:1]}

    reading = len(words) / WORDS_A_MINUTE + LINE_OF_CODE * len(lines) + PICTURE * len(pictures)
    return reading + QUESTION * len(ASKED.findall(prose)) + EXERCISE * len(numbers)


def _is_picture(cell: NotebookNode) -> bool:
    shown = [output.get("data", {}) for output in cell.get("outputs", [])]
    tables = [data for data in shown if "text/html" in data]
    return "alt" in cell.metadata or "widget" in cell.metadata.get("tags", []) or bool(tables)
