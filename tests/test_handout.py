"""What `make class` writes: a students' bundle without answers, a teacher's, an nbgrader course."""

import copy
import csv
import os
import random
import re
import shutil
import subprocess
import sys
import zipfile

import nbformat
import pytest

from anytime.course import building, handout, notebooks
from anytime.course.notebooks import NotebookError, marked
from anytime.paths import REPOSITORY

SOURCES = building.sources()
each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory):
    """The folder that `make class` writes."""
    folder = tmp_path_factory.mktemp("class")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handout, "CLASS", folder / "class")
        assert building.main(["class"]) == 0
    return folder / "class"


@pytest.fixture(scope="module")
def bundle(handed_out):
    """The students' files: {name: content}."""
    with zipfile.ZipFile(handed_out / "student.zip") as packed:
        return {name.partition("/")[2]: packed.read(name) for name in packed.namelist()}


def plain(line):
    """A line without indentation and mark of a comment."""
    return line.strip().removeprefix("# ").strip()


def lines(text):
    return {plain(line) for line in text.splitlines()} - {"", "#"}


def split(source):
    """A source's lines: those of its solutions and answers, and all others."""
    secret, told, inside = set(), set(), False
    for line in map(plain, source.read_text(encoding="utf-8").splitlines()):
        if line.startswith("%%"):
            inside = "rubric" in line
        elif line.startswith(("### BEGIN SOLUTION", "<details>")):
            inside = True
        elif line.startswith(("### END SOLUTION", "</details>")):
            inside = False
        else:
            (secret if inside else told).add(line)
    return secret - {"", "#"}, told


def secret_lines():
    """All lines of solutions and answers that neither a notebook nor the package's methods show."""
    secret, told = map(set.union, *map(split, SOURCES))
    for path in (REPOSITORY / "anytime").rglob("*.py"):
        if "course" not in path.parts:
            told |= lines(path.read_text(encoding="utf-8"))
    return secret - told


def test_the_students_bundle_holds_no_line_of_a_solution_answer_or_hidden_test(handed_out, bundle):
    secret = secret_lines()
    assert all(split(source)[0] & secret for source in SOURCES)
    for path in handed_out.glob("nbgrader/source/*/*.ipynb"):
        text = "\n".join(cell.source for cell in nbformat.read(path, 4).cells)
        hidden = re.findall(r"(?s)### BEGIN HIDDEN TESTS\n(.*?)\n### END", text)
        assert hidden
        secret |= lines("\n".join(hidden))

    for name, content in bundle.items():
        if name.endswith(".ipynb"):
            cells = nbformat.reads(content.decode("utf-8"), 4).cells
            assert not lines("\n".join(cell.source for cell in cells)) & secret, name
        elif name.endswith((".py", ".md", "Makefile")):
            assert not lines(content.decode("utf-8")) & secret, name


def test_the_students_bundle_holds_neither_sources_solutions_tests_nor_history(bundle):
    places = {part for name in bundle for part in name.split("/")}
    assert not places & {"sources", "solutions", "tests", ".git", "__pycache__", ".venv", "build"}
    assert {name for name in bundle if name.endswith(".ipynb")} == {
        f"notebooks/{source.stem}.ipynb" for source in SOURCES
    }


def test_questions_stay_and_have_a_place_for_the_answer(bundle):
    texts = {source: source.read_text(encoding="utf-8") for source in SOURCES}
    source = next(source for source in SOURCES if texts[source].count("**Think.**") == 1)
    (question,) = [cell.source for cell in marked(source).cells if "**Think.**" in cell.source]
    name = f"notebooks/{source.stem}.ipynb"
    cells = nbformat.reads(bundle[name].decode(), 4).cells
    (left,) = [cell.source for cell in cells if "**Think.**" in cell.source]
    assert left == question.partition("<details>")[0] + "*Your answer:*"


def test_a_hint_stays_while_answers_and_rubrics_go():
    text = "Why?\n\n{}\n\nAnd this?\n\n{}\n\n{}\n\nThe end."
    parts = [
        f"<details><summary>{kind}</summary>\n\nBecause.\n\n</details>"
        for kind in ("Hint 1", "An answer", "Rubric")
    ]
    cell = nbformat.v4.new_markdown_cell(text.format(*parts))
    handout.for_students(nbformat.v4.new_notebook(cells=[cell]))
    assert cell.source == text.format(parts[0], *["*Your answer:*"] * 2)


def test_the_students_bundle_opens_jupyterlab_offline_in_an_installed_environment(
    handed_out, tmp_path
):
    shutil.unpack_archive(handed_out / "student.zip", tmp_path)
    python = tmp_path / "shared env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    shared = tmp_path / "shared"
    (tmp_path / "shared env").rename(shared)
    shared.chmod(0o555)  # thirty students read it, none writes to it

    words = ["make", "lab", f"VENV={shared}", "LAB=--version", "PYTHON=no-such-python"]
    run = subprocess.run(words, cwd=tmp_path / "anytime-course", capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert re.search(r"^4\.\d+\.\d+$", run.stdout, re.MULTILINE)
    assert [path.name for path in shared.iterdir()] == ["bin"]


def test_the_teachers_bundle_holds_every_solution_answer_and_rubric(handed_out):
    notebooks = [nbformat.read(path, 4) for path in handed_out.glob("teacher/solutions/*.ipynb")]
    assert len(notebooks) == len(SOURCES)
    told = lines("\n".join(cell.source for notebook in notebooks for cell in notebook.cells))
    assert not secret_lines() - told


@each_source
def test_every_exercise_is_found_in_the_source_and_in_the_copy_to_solve(source):
    found = handout.exercises(marked(source))
    numbers = re.findall(r"### BEGIN SOLUTION (\S+)", source.read_text("utf-8"))
    assert [exercise.number for exercise in found] == numbers
    stored = nbformat.read(notebooks.stored_at(source, solved=False), 4)
    assert handout.exercises(stored) == found


@each_source
def test_every_exercise_has_a_cell_to_solve_and_one_that_grades_it(source):
    exercises = handout.exercises(marked(source))
    notebook = handout.assignment(source, random.Random(0))
    nbformat.validate(notebook)
    told = [cell.metadata["nbgrader"] for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert [one["grade_id"] for one in told if one["solution"]] == [
        f"answer-{one.number.replace('.', '-')}" for one in exercises
    ]
    graded = [(one["grade_id"], one["points"]) for one in told if one["grade"] and one["locked"]]
    assert graded == [(f"check-{e.number.replace('.', '-')}", e.points) for e in exercises]


OPENING = "# %% [markdown]\n# # 07 A title\n#\n# **Does it work?**\n"
EXERCISES = '''
# %%
import numpy as np

from anytime.course import checks

# %% [markdown]
# **Exercise 7.1 ★★** The nearest exit.


# %%
def nearest(cost, share):
    """(K,) costs, a share -> the exit, from 1."""
    ### BEGIN SOLUTION 7.1
    return int(np.abs(np.asarray(cost) / cost[-1] - share).argmin()) + 1
    ### END SOLUTION


checks.exit_at_share(nearest)

# %% [markdown]
# **Exercise 7.2.** The mean increase.


# %%
def increase(errors, optimal):
    """(D,) errors, (D,) of OPT -> a percentage."""
    ### BEGIN SOLUTION 7.2
    return (100 * (errors / optimal - 1)).mean()
    ### END SOLUTION


# %%
checks.mean_increase(increase)

# %%
1 + 1
'''


@pytest.fixture
def source(tmp_path):
    """The source of a small notebook with two exercises, worth two points and one."""
    path = tmp_path / "07_small.py"
    path.write_text(OPENING + EXERCISES)
    return path


def test_stars_are_points(source):
    assert handout.exercises(marked(source)) == [
        handout.Exercise("7.1", "exit_at_share", "nearest", 2),
        handout.Exercise("7.2", "mean_increase", "increase", 1),
    ]


def test_a_rubric_is_not_handed_out(source):
    source.write_text(source.read_text() + '\n# %% [markdown] tags=["rubric"]\n# A point each.\n')
    text = nbformat.writes(handout.assignment(source, random.Random(0)))
    assert "The mean increase." in text and "A point each." not in text


def test_an_exercise_without_a_check_is_named(source):
    source.write_text(source.read_text().replace("checks.exit_at_share(nearest)", ""))
    with pytest.raises(NotebookError, match="Exercise 7.1: no line `checks.name"):
        handout.exercises(marked(source))


def test_hidden_tests_are_drawn_anew_for_each_class(source):
    told = [
        [cell.source for cell in handout.assignment(source, random.Random(seed)).cells]
        for seed in (0, 0, 1)
    ]
    assert told[0] == told[1] != told[2]


NEAREST = "return int(np.abs(np.asarray(cost) / cost[-1] - share).argmin()) + 1"
INCREASE = "return (100 * (errors / optimal - 1)).mean()"
# Each submission by what its two functions do, and the points it should get.
SUBMISSIONS = {
    "right": (NEAREST, INCREASE, 3),
    "half": (NEAREST, "return errors.mean()", 2),
    "wrong": ("return 1", "print(errors)", 0),
    "raises": ("raise ValueError", INCREASE, 1),
    "empty": ("raise NotImplementedError", "raise NotImplementedError", 0),
}


def submit(released, bodies, path):
    """Writes a released notebook as a student hands it in, its functions filled with bodies."""
    notebook = copy.deepcopy(released)
    undone = [cell for cell in notebook.cells if "NotImplementedError" in cell.source]
    for cell, body in zip(undone, bodies, strict=True):
        cell.source = cell.source.replace("raise NotImplementedError", body)
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


@pytest.mark.timeout(1800)
def test_nbgrader_gives_five_submissions_the_grades_that_they_should_get(source, tmp_path):
    pytest.importorskip("nbgrader", reason='nbgrader is not installed: pip install ".[grading]"')
    course, name = tmp_path / "course", source.stem
    handout.write_assignment(source, course, random.Random(0))

    def nbgrader(*words):
        command = [sys.executable, "-m", "nbgrader", *words]
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
        where = {"cwd": course, "env": os.environ | {"PATH": path}}
        run = subprocess.run(command, **where, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return run.stdout + run.stderr

    assert "Success" in nbgrader("validate", f"source/{name}/{name}.ipynb")
    nbgrader("generate_assignment", name)
    released = nbformat.read(course / "release" / name / f"{name}.ipynb", 4)
    text = "\n".join(cell.source for cell in released.cells)
    assert not [word for word in (NEAREST, INCREASE, "HIDDEN", "seed") if word in text]

    for student, (*bodies, _) in SUBMISSIONS.items():
        submit(released, bodies, course / "submitted" / student / name / f"{name}.ipynb")
    nbgrader("autograde", name)
    nbgrader("generate_feedback", name)
    nbgrader("export", "--to", "grades.csv")

    with (course / "grades.csv").open() as table:
        grades = [*csv.DictReader(table)]
    assert {row["student_id"]: float(row["score"]) for row in grades} == {
        student: points for student, (*_, points) in SUBMISSIONS.items()
    }
    assert {float(row["max_score"]) for row in grades} == {3}
    feedback = (course / "feedback" / "half" / name / f"{name}.html").read_text("utf-8")
    assert "Exercise 5.1: right." in feedback and "Exercise 5.2: " in feedback
