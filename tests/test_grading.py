"""Points for submissions without nbgrader, whatever they hold."""

import csv
import io
import shutil

import nbformat
import psutil
import pytest

from anytime.course import building, grading, notebooks

NEAREST = """def nearest(cost, share):
    return int(np.abs(np.asarray(cost) / cost[-1] - share).argmin()) + 1"""
INCREASE = """def increase(errors, optimal):
    return helper(errors, optimal).mean()


def helper(errors, optimal):
    return 100 * (errors / optimal - 1)"""
IMPORTS = "import numpy as np\n\nfrom anytime.course import checks"
EXERCISES = (
    'def nearest(cost, share):\n    raise NotImplementedError("Exercise 7.1")',
    "checks.exit_at_share(nearest)",
    'def increase(errors, optimal):\n    raise NotImplementedError("Exercise 7.2")',
    "checks.mean_increase(increase)",
)


def notebook(*sources):
    cells = [nbformat.v4.new_code_cell(source) for source in (IMPORTS, *sources)]
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells))


WORTH = nbformat.v4.new_markdown_cell("**Exercise 7.1 ★★**\n\n**Exercise 7.2**")
LOOP = "    while True:\n        pass"
# Each submission, the points it gets for both exercises, and a word on the first.
SUBMISSIONS = {
    "right": (notebook(NEAREST, INCREASE), 2, 1, "right."),
    "half": (notebook(NEAREST, "def increase(errors, optimal):\n    return 1"), 2, 0, "right."),
    "wrong": (notebook(NEAREST.replace("+ 1", ""), *EXERCISES[2:]), 0, 0, "add 1"),
    "empty": (notebook(*EXERCISES), 0, 0, "not done yet."),
    "raises": (notebook("def nearest(a, b):\n    return 1 / 0", INCREASE), 0, 1, "ZeroDivision"),
    "deleted": (notebook(INCREASE), 0, 1, "no `nearest` in it"),
    "renamed": (notebook(NEAREST.replace("nearest", "mine"), INCREASE), 0, 1, "no `nearest`"),
    "typing error": (notebook("def nearest(:", INCREASE), 0, 1, "no `nearest`"),
    "imported": (
        notebook(
            "from anytime.metrics import *\nfrom anytime.theory import half_end"
            "\nnearest = half_end",
            INCREASE,
        ),
        0,
        1,
        "no `nearest`",
    ),
    "loops": (notebook(f"def nearest(a, b):\n{LOOP}", INCREASE), 0, 1, "does a loop never end?"),
    "loops in a cell": (notebook(f"if True:\n{LOOP}", NEAREST, INCREASE), 2, 1, "right."),
    "leaves": (notebook("import sys\nsys.exit(1)", NEAREST, "exit()", INCREASE), 2, 1, "right."),
    "leaves at once": (notebook(NEAREST, "import os\nos._exit(0)", INCREASE), 2, 0, "right."),
    "asks": (notebook("input()", "# %%\n%matplotlib inline\n!true", NEAREST), 2, 0, "right."),
    "hogs": (notebook(NEAREST, "x = [b'1' * 10**8 for _ in range(20)]"), 2, 0, "right."),
    "starts hogs": (
        notebook(
            "import subprocess, sys\nx = \"x = b'1' * 2 * 10**9; input()\"\n"
            "subprocess.Popen([sys.executable, '-c', x], stdin=subprocess.PIPE).wait()"
        ),
        0,
        0,
        "more than 1 GB of memory",
    ),
    "writes": (notebook("open('written.txt', 'w').write('x')", NEAREST, INCREASE), 2, 1, "right."),
    "forges": (
        notebook("checks.exit_at_share = lambda *_, **__: True", *EXERCISES),
        0,
        0,
        "not done yet.",
    ),
    "text": ("Dear teacher", 0, 0, "it is no notebook."),
    "torn": (notebook(NEAREST, INCREASE)[:-20], 0, 0, "it is no notebook."),
    "other JSON": ('{"cells": 5, "nbformat": 4}', 0, 0, "it is no notebook."),
    "no text": ("", 0, 0, "it is no notebook."),
}
NEVER_CHECKED = {"leaves at once": "status 0", "hogs": "more than 1 GB of memory"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of submissions, and a course of one notebook."""
    course, folder = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("submitted")
    handed_out = nbformat.reads(notebook(*EXERCISES), 4)
    handed_out.cells.insert(1, WORTH)
    nbformat.write(handed_out, course / "07_small.ipynb")
    for name, (content, *_) in SUBMISSIONS.items():
        (folder / name).mkdir()
        (folder / name / "07_small.ipynb").write_text(content)
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "07_small.ipynb").write_text("")
    (folder / "notes.txt").write_text("")
    (folder / "right" / "Ada_123_07_small.docx").write_bytes(b"PK\0\xff")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grading, "NOTEBOOKS", course)
        yield folder


@pytest.fixture(scope="module")
def graded(folder):
    """What the command prints: {(submission, exercise): row}, and its sums."""
    out, said = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", said)
        words = ["grade", str(folder), "--seconds", "60", "--gigabytes", "1", "--seed", "5"]
        assert building.main(words) == 0
    out.seek(0)
    return {(row["submission"], row["exercise"]): row for row in csv.DictReader(out)}, said


pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_each_submission_gets_its_points_and_a_word(graded, name):
    _, *points, word = SUBMISSIONS[name]
    rows = [graded[0][f"{name}/07_small.ipynb", number] for number in ("7.1", "7.2")]
    assert [int(row["points"]) for row in rows] == points
    assert [int(row["out_of"]) for row in rows] == [2, 1]
    assert word in rows[0]["message"]
    assert NEVER_CHECKED.get(name, "") in rows[1]["message"]


def test_what_has_no_notebook_s_name_is_named_too(graded):
    row = graded[0]["notes.txt", ""]
    assert (row["points"], row["out_of"]) == ("0", "0")
    assert "of which notebook is it?" in row["message"]


def test_another_kind_of_file_is_no_notebook(graded):
    assert graded[0]["right/Ada_123_07_small.docx", "7.1"]["message"] == "it is no notebook."


def test_nothing_else_is_graded(graded):
    assert len(graded[0]) == 2 * len(SUBMISSIONS) + 1 + 2


def test_the_sums_and_the_seed_are_said(graded):
    said = graded[1].getvalue()
    assert "right/07_small.ipynb: 3 of 3\n" in said and "half/07_small.ipynb: 2 of 3\n" in said
    assert said.endswith("Inputs were drawn with --seed 5.\n")


def test_submissions_leave_no_file_and_no_process_behind(folder, graded):
    assert not [*folder.rglob("written.txt")]
    started = [child.cmdline() for child in psutil.Process().children(recursive=True)]
    assert not [words for words in started if "anytime.course.submission" in words]


def test_a_folder_that_is_not_there_is_an_error(capsys, tmp_path):
    assert building.main(["grade", str(tmp_path / "no")]) == 1
    assert "There is no folder" in capsys.readouterr().err


def test_a_solved_notebook_of_the_course_gets_all_points(tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "NOTEBOOKS", notebooks.NOTEBOOKS)
    first = sorted(notebooks.NOTEBOOKS.glob("solutions/*.ipynb"))[0]
    shutil.copy(first, tmp_path)
    (grades,) = grading.grade(tmp_path, 1, 900, 4)
    assert grades and [(one.points, one.message) for one in grades] == [
        (one.out_of, "right.") for one in grades
    ]
