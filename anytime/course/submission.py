"""The process in which a submission is run and checked; `anytime.course.grading` starts it."""

import json
import os
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import nbformat
from IPython.core.interactiveshell import InteractiveShell

from anytime.course import checks
from anytime.course.checks import friendly
from anytime.course.checks.attempts import attempt
from anytime.course.checks.friendly import Check
from anytime.course.handout import Exercise, exercises

LAST = "# when all cells have run"
NO_NOTEBOOK = 3  # this process's exit status where there is nothing to run


def main(words: list[str]) -> int:
    """Runs a submission and writes its verdicts, each as soon as there is one; an exit status.

    words: the submission, the notebook that was handed out, the file for verdicts (one in JSON a
    line, the last of an exercise holds), the seed of what is drawn, the seconds for a cell.
    """
    file, course, told, seed, seconds = words
    try:
        cells = nbformat.read(file, 4).cells
        sources = [cell.source for cell in cells if cell.cell_type == "code"]
    except Exception:  # whatever nbformat meets
        return NO_NOTEBOOK

    tasks = exercises(nbformat.read(course, 4))
    with open(told, "w", encoding="utf-8") as lines:
        for verdict in run(sources, tasks, int(seed), float(seconds)):
            print(json.dumps(verdict), file=lines, flush=True)
    return 0


def run(
    sources: list[str], tasks: list[Exercise], seed: int, seconds: float
) -> Iterator[tuple[str, bool, str]]:
    """Runs cells, and yields number, passed and message as soon as an exercise has an answer."""
    friendly.SECONDS = min(friendly.SECONDS, seconds)
    # Looked up before a submission can put something else in their place.
    checked = {one: getattr(checks, one.check) for one in tasks}
    shell = InteractiveShell.instance()
    seen: dict[Exercise, object] = {}
    right: dict[Exercise, bool] = {}
    for source in [*sources, LAST]:
        attempt(partial(shell.run_cell, source), seconds)
        for one, check in checked.items():
            answer = shell.user_ns.get(one.answer)
            again = source is LAST and not right.get(one)  # what it needs may come after it
            if again or answer is not seen.get(one):
                seen[one] = answer
                right[one], message = _judged(one, check, answer, seed)
                yield one.number, right[one], message


def _judged(one: Exercise, check: Check, answer: Any, seed: int) -> tuple[bool, str]:
    """Whether an answer is right, and what is said of it."""
    own = not str(getattr(answer, "__module__", "")).startswith("anytime.")
    if answer is None or not own:
        return False, f"there is no `{one.answer}` in it: renamed, deleted, or its cell fails."
    verdict = check(answer, seed=seed)
    return verdict.passed, verdict.message


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # whatever a submission has left running
