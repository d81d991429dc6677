"""The notebooks of the course, as they are stored: complete, short-celled, comparable."""

import re

import nbformat
import pytest

from anytime.course import building as course
from anytime.course import pages
from anytime.course.notebooks import ABSOLUTE_PATH, NOTEBOOKS
from anytime.paths import REPOSITORY

TO_SOLVE = sorted(NOTEBOOKS.glob("*.ipynb"))
SOLVED = sorted(NOTEBOOKS.glob("solutions/*.ipynb"))


def code_cells(path):
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def prose(path):
    return [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown"]


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def test_every_notebook_is_built_from_its_source():
    assert course.check() == []


def test_every_notebook_has_a_solved_copy():
    assert [path.name for path in TO_SOLVE] == [path.name for path in SOLVED]


@each(TO_SOLVE)
def test_a_notebook_opens_with_question_goals_prerequisites_minutes_and_section(path):
    first = prose(path)[0]
    assert first.startswith(f"# {path.stem[:2]} ")
    assert not [word for word in ("You will", "Before", "Time", "Paper") if word not in first]
    title, question, minutes = course.opening(nbformat.read(path, 4))
    assert title and question.endswith("?") and minutes > 0


@each(TO_SOLVE)
def test_a_notebook_closes_with_a_summary_and_what_comes_next(path):
    headings = re.findall(r"^##+ (.*)$", "\n".join(prose(path)), re.MULTILINE)
    assert any("Summary" in heading for heading in headings[-5:])
    assert any("next" in heading.lower() for heading in headings[-5:])


@each(TO_SOLVE)
def test_cells_are_short(path):
    lengths = sorted(len(cell.source.splitlines()) for cell in code_cells(path))
    assert lengths[-1] <= 30
    assert lengths[(len(lengths) - 1) // 2] < 8


@each(TO_SOLVE + SOLVED)
def test_stored_outputs_hold_no_errors_warnings_or_paths_of_one_machine(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            assert output.output_type != "error" and output.get("name") != "stderr"
            texts = [output.get("text", ""), *output.get("data", {}).values()]
            assert not [text for text in texts[:1] if ABSOLUTE_PATH.search(text)]
            assert "image/svg+xml" not in output.get("data", {})


@each(TO_SOLVE + SOLVED)
def test_nearly_every_output_is_compared(path):
    cells = code_cells(path)
    open_ended = [cell for cell in cells if cell.execution_count is None]
    assert len(open_ended) <= max(2, len(cells) // 10)
    assert all({"widget", "live"} & set(cell.metadata.get("tags", [])) for cell in open_ended)


@each(TO_SOLVE)
def test_every_cell_that_draws_describes_its_picture(path):
    drawing = [cell for cell in code_cells(path) if cell.source.endswith("plt.show()")]
    assert not [cell.source for cell in drawing if not cell.metadata.get("alt")]


def verdicts(path):
    """What the stored checks of the exercises say: {number: verdict}."""
    texts = [output.get("text", "") for cell in code_cells(path) for output in cell.outputs]
    return dict(re.findall(r"^Exercise (\d+\.\d+): (.*)$", "\n".join(texts), re.MULTILINE))


@each(SOLVED)
def test_every_exercise_is_checked_and_its_solution_is_right(path):
    source = (NOTEBOOKS / "sources" / f"{path.stem}.py").read_text(encoding="utf-8")
    numbers = re.findall(r"### BEGIN SOLUTION (\S+)", source)
    assert verdicts(path) == dict.fromkeys(numbers, "right.")


@each(TO_SOLVE)
def test_every_exercise_is_left_to_the_reader(path):
    assert set(verdicts(path).values()) <= {"not done yet."}


@each(TO_SOLVE)
def test_no_cell_is_allowed_to_fail(path):
    tags = {tag for cell in code_cells(path) for tag in cell.metadata.get("tags", [])}
    assert tags <= {"widget", "live"}


@each(TO_SOLVE)
def test_every_formula_can_be_drawn_without_network(path):
    for text in prose(path):
        assert pages.to_html(text)


@each(TO_SOLVE)
def test_no_two_headings_of_a_page_share_an_id(path):
    ids = [name for _, name, _ in pages.headings(nbformat.read(path, 4))]
    assert ids and len(set(ids)) == len(ids)


@each(TO_SOLVE)
def test_links_between_notebooks_lead_somewhere(path):
    for link in re.findall(r"\]\(([\w./-]+\.ipynb)", "\n".join(prose(path))):
        assert (path.parent / link).exists(), link


def test_the_readme_lists_the_notebooks_as_they_are():
    assert course.table() in (REPOSITORY / "README.md").read_text(encoding="utf-8")
