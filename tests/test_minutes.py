"""The minutes at the top of each notebook are those that its words, code and exercises take."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from anytime.course.minutes import honest_minutes
from anytime.course.notebooks import NOTEBOOKS, opening

LONGEST = {"00": 25}  # minutes; any other notebook may take 45
STILL_TOO_LONG = ["05", "06", "07", "08", "09", "10", "11"]

TO_SOLVE = sorted(NOTEBOOKS.glob("*.ipynb"))
HONEST = [path for path in TO_SOLVE if path.stem[:2] not in STILL_TOO_LONG]


def minutes(*cells):
    return pytest.approx(honest_minutes(new_notebook(cells=list(cells))))


def picture(**metadata):
    return new_code_cell("draw()", metadata=metadata)


def test_a_minute_is_180_words_and_signs_are_no_words():
    assert minutes(new_markdown_cell("# word\n\n" + "word " * 179 + "| - $$ **")) == 1


def test_twelve_lines_of_code_are_a_minute_and_empty_ones_take_no_time():
    assert minutes(new_code_cell("\n\n".join(["x = 1"] * 12))) == 1


@pytest.mark.parametrize("metadata", [{"alt": "A line."}, {"tags": ["widget"]}])
def test_a_picture_takes_45_seconds_beside_its_line(metadata):
    assert minutes(picture(**metadata)) == 50 / 60


def test_a_table_takes_45_seconds_whether_it_is_written_or_printed():
    printed = new_output("execute_result", data={"text/html": "<table>"})
    assert minutes(new_code_cell("table", outputs=[printed])) == 50 / 60
    assert minutes(new_markdown_cell("| a | b |\n|---|:-:|\n| 1 | 2 |")) == 0.75 + 4 / 180


def test_a_question_takes_two_minutes_and_its_answer_none():
    answer = "\n\n<details><summary>Answer</summary>\n\nIt depends.\n\n</details>"
    assert minutes(new_markdown_cell("**Think.** Why?" + answer)) == 2 + 2 / 180
    assert minutes(new_markdown_cell("**What do you expect?**")) == 2 + 4 / 180


def test_an_exercise_takes_six_minutes_with_its_text_and_its_lines():
    told = new_markdown_cell("**Exercise 3.1 ★ The mean.** " + "word " * 500)
    asked = new_code_cell('def mean(x):\n    raise NotImplementedError("Exercise 3.1")')
    assert minutes(told, asked) == 6
    assert minutes(told, asked, new_markdown_cell("**Exercise 3.2 ★★★** Go on.")) == 12


@pytest.mark.parametrize("path", HONEST, ids=lambda path: path.stem)
def test_a_notebook_takes_the_minutes_that_it_says_and_few_enough(path):
    notebook = nbformat.read(path, 4)
    said = opening(notebook)[2]
    assert abs(honest_minutes(notebook) - said) <= 2
    assert said <= LONGEST.get(path.stem[:2], 45)


def test_every_notebook_that_may_still_be_too_long_is_one_of_the_course():
    assert set(STILL_TOO_LONG) <= {path.stem[:2] for path in TO_SOLVE}
