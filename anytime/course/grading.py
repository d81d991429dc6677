"""Grading without nbgrader: each submission in a process of its own, with limits.

    python -m anytime.course grade FOLDER > points.csv

A submission is a file anywhere in the folder whose path holds the name of a notebook, such as
`ada/03_adaloss.ipynb`. Its cells are run in an empty folder, which is removed afterwards; the
checks look at its functions on inputs that are drawn anew. A submission may reach whatever the user
who grades it may: grade as a user without rights where that matters.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import NamedTuple

import nbformat
import psutil

from anytime.course import submission
from anytime.course.handout import exercises
from anytime.course.notebooks import NOTEBOOKS

CELL = 0.2  # the share of the time for a submission that a single cell may take


class Grade(NamedTuple):
    """A line of the table of points."""

    submission: str
    exercise: str
    points: int
    out_of: int
    message: str


def grade(folder: Path, seed: int, seconds: float, gigabytes: float) -> Iterator[list[Grade]]:
    """The points of each submission in a folder, in the order of their names.

    seed: of the inputs that are drawn. seconds, gigabytes: what a submission may take of time and,
    with all that it starts, of resident memory.
    """
    files = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    visible = [name for name in files if not any(part.startswith(".") for part in name.parts)]
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        yield from pool.map(lambda name: _grade(folder, name, seed, seconds, gigabytes), visible)


def _grade(folder: Path, name: Path, seed: int, seconds: float, gigabytes: float) -> list[Grade]:
    course = [path for path in NOTEBOOKS.glob("*.ipynb") if path.stem in str(name)]
    if not course:
        why = "of which notebook is it? Its path has to hold a name such as 03_adaloss."
        return [Grade(str(name), "", 0, 0, why)]

    with tempfile.TemporaryDirectory() as own:
        told = Path(own, "told")
        told.touch()
        given = map(str, [(folder / name).resolve(), course[0], told, seed, CELL * seconds])
        words = [sys.executable, "-m", submission.__name__, *given]
        end = _run(words, Path(own, "home"), seconds, gigabytes)
        lines = told.read_text("utf-8").splitlines()

    verdicts = {number: verdict for number, *verdict in map(json.loads, lines)}
    grades = []
    for one in exercises(nbformat.read(course[0], 4)):
        passed, message = verdicts.get(one.number, (False, end))
        grades.append(Grade(str(name), one.number, one.points * passed, one.points, message))
    return grades


def _run(words: list[str], home: Path, seconds: float, gigabytes: float) -> str:
    """Runs a command within limits; returns why it has not done what it has not done."""
    home.mkdir()
    own = {"HOME": str(home), "IPYTHONDIR": str(home), "MPLBACKEND": "Agg"}
    silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    process = psutil.Popen(words, cwd=home, env=os.environ | own, **silent)
    family, end, why = {process}, time.monotonic() + seconds, ""
    try:
        while process.poll() is None and not why:
            time.sleep(0.2)
            if _memory(family) > gigabytes * 1e9:
                why = f"stopped: it took more than {gigabytes:g} GB of memory."
            if time.monotonic() > end:
                why = f"stopped after {seconds:g} seconds."
    finally:
        for one in family:
            with suppress(psutil.Error):
                one.kill()
        process.wait()
    if process.returncode == submission.NO_NOTEBOOK:
        return "it is no notebook."
    return why or f"its process ended before this was checked (status {process.returncode})."


def _memory(family: set[psutil.Process]) -> int:
    """The resident bytes of processes and of their children, which are added to them."""
    resident = 0
    for one in [*family]:
        with suppress(psutil.Error):  # it may end meanwhile
            family |= {*one.children(recursive=True)}
    for one in family:
        with suppress(psutil.Error):
            resident += one.memory_info().rss
    return resident


def main(words: list[str]) -> int:
    """Writes the points of a folder's submissions as CSV, and their sums beside it."""
    parser = argparse.ArgumentParser(prog="python -m anytime.course grade")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=600, help="for a submission (%(default)s)")
    parser.add_argument("--gigabytes", type=float, default=4, help="of memory (%(default)s)")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1, 2**31))
    given = parser.parse_args(words)
    if not given.folder.is_dir():
        print(f"There is no folder {given.folder}.", file=sys.stderr)
        return 1

    table = csv.writer(sys.stdout)
    table.writerow(Grade._fields)
    for grades in grade(given.folder, given.seed, given.seconds, given.gigabytes):
        table.writerows(grades)
        points, out_of = sum(one.points for one in grades), sum(one.out_of for one in grades)
        print(f"{grades[0].submission}: {points} of {out_of}", file=sys.stderr)
    print(f"Inputs were drawn with --seed {given.seed}.", file=sys.stderr)
    return 0
