"""How notebooks are made from sources, checked and written as pages."""

import base64
import io
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from anytime import explore, plots
from anytime.course import building as course
from anytime.course import doctor, notebooks, pages

OPENING = """# %% [markdown]
# # 07 A title
#
# **Does it work?**
#
# **You will** see. **Before:** nothing. **Time:** 9 minutes. **Paper:** section 2.
"""
EXERCISE = """
# %%
def double(x):
    \"\"\"Twice x.\"\"\"
    ### BEGIN SOLUTION 7.1
    two = 2
    return two * x
    ### END SOLUTION

# %%
1 + 1
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A function that writes the source of notebook 07 of a course of its own."""
    for module, name in [(course, "NOTEBOOKS"), (notebooks, "NOTEBOOKS"), (course, "REPOSITORY")]:
        monkeypatch.setattr(module, name, tmp_path)
    monkeypatch.setattr(pages, "PAGES", tmp_path / "build")
    monkeypatch.setattr(pages, "write_explorers", lambda: "explorers: not these")

    def write(*cells: str) -> Path:
        path = tmp_path / "sources" / "07_name.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join([OPENING, *cells]))
        return path

    return write


def read(path):
    return nbformat.read(path, 4)


def test_a_copy_to_solve_raises_the_number_of_its_exercise_where_the_solution_was(source):
    code = notebooks.read(source(EXERCISE), solved=False).cells[1].source
    assert code == (
        'def double(x):\n    """Twice x."""\n    raise NotImplementedError("Exercise 7.1")'
    )


def test_a_solved_copy_holds_the_solution_and_no_markers(source):
    code = notebooks.read(source(EXERCISE), solved=True).cells[1].source
    assert code == 'def double(x):\n    """Twice x."""\n    two = 2\n    return two * x'


def test_a_rubric_is_in_the_solved_copy_alone_and_the_other_cells_keep_their_ids(source):
    path = source('# %% [markdown] tags=["rubric"]\n# A good answer says why.', EXERCISE)
    copies = [notebooks.read(path, solved).cells for solved in (True, False)]
    assert "A good answer" in copies[0][1].source
    assert [cell.id for cell in copies[1]] == [copies[0][0].id, *(c.id for c in copies[0][2:])]


@pytest.mark.parametrize("marker", ["### BEGIN SOLUTION", "### END SOLUTION"])
def test_a_solution_marker_without_number_or_partner_is_an_error_that_names_the_cell(
    source, marker
):
    path = source("# %%\nx = 1\n" + marker)
    with pytest.raises(notebooks.NotebookError, match="07_name, cell 2 .*x = 1"):
        notebooks.read(path, solved=False)


def test_a_built_notebook_holds_its_outputs_and_nothing_of_this_machine(source):
    notebook = read(notebooks.build(source(EXERCISE), solved=True))
    assert notebook.cells[2].outputs[0].data["text/plain"] == "2"
    assert [cell.get("execution_count") for cell in notebook.cells] == [None, 1, 2]
    assert notebook.metadata.language_info == {"name": "python"}
    assert notebook.metadata.kernelspec.name == "python3"


def test_building_twice_stores_the_same_bytes(source):
    path = source(EXERCISE)
    first = notebooks.build(path, solved=False).read_bytes()
    assert notebooks.build(path, solved=False).read_bytes() == first


def test_a_failing_cell_is_named_with_its_notebook_and_error_and_nothing_is_stored(source, capsys):
    path = source("# %%\nhalf = 1 / 2\n1 / 0")
    with pytest.raises(notebooks.NotebookError, match="(?s)07_name.ipynb, cell 2.*ZeroDivision"):
        notebooks.build(path, solved=False)
    assert not notebooks.stored_at(path, solved=False).exists()


@pytest.mark.parametrize(
    "code, complaint",
    [
        ("import sys\nprint('careful', file=sys.stderr)", "stderr: careful"),
        ("from pathlib import Path\nPath.cwd()", "path of this machine"),
        ("import ipywidgets\nipywidgets.IntSlider()", 'needs the tag "widget"'),
    ],
)
def test_an_output_that_may_not_be_stored_is_refused(source, code, complaint):
    with pytest.raises(notebooks.NotebookError, match=f"07_name.ipynb, cell 2.*{complaint}"):
        notebooks.build(source("# %%\n" + code), solved=False)


@pytest.mark.parametrize("text", ["/home/ada/kit", "in '/srv/data/x.npz'", r"C:\Users\ada"])
def test_a_path_of_one_machine_is_recognised(text):
    assert notebooks.ABSOLUTE_PATH.search(text)


@pytest.mark.parametrize(
    "text", ["https://example.com/a/b", "<b>1</b>/<i>2</i>", "data/runs/x.json", "1/2/3", "~/a/b"]
)
def test_what_is_no_path_of_one_machine_is_let_through(text):
    assert not notebooks.ABSOLUTE_PATH.search(text)


@pytest.mark.parametrize("tag", ["widget", "live"])
def test_a_cell_that_differs_from_run_to_run_is_stored_without_output(source, tag):
    cell = read(notebooks.build(source(f'# %% tags=["{tag}"]\n3'), solved=False)).cells[1]
    assert cell.outputs == [] and cell.execution_count is None


def test_a_notebook_edited_by_hand_is_told_from_its_source(source):
    path = source(EXERCISE)
    for solved in (False, True):
        notebook = notebooks.read(path, solved)
        notebooks.stored_at(path, solved).parent.mkdir(exist_ok=True)
        nbformat.write(notebook, notebooks.stored_at(path, solved))
    assert course.check() == []
    notebook.cells[2].source = "1 + 2"
    nbformat.write(notebook, notebooks.stored_at(path, True))
    assert course.check() == ["solutions/07_name.ipynb differs from its source"]


def test_missing_notebooks_and_those_without_source_are_named(source, tmp_path):
    source(EXERCISE)
    (tmp_path / "08_lost.ipynb").write_text("{}")
    assert course.check() == [
        "07_name.ipynb is missing",
        "08_lost.ipynb has no source",
        "solutions/07_name.ipynb is missing",
    ]


def test_a_number_that_no_notebook_has_is_an_error(source, capsys):
    source(EXERCISE)
    assert course.main(["build", "9"]) == 1
    assert "no notebook 09" in capsys.readouterr().err


def test_nbval_notices_a_stored_number_that_is_not_what_the_cell_gives(source, tmp_path):
    target = notebooks.build(source(EXERCISE), solved=False)
    target.write_text(target.read_text().replace('"2"', '"3"'))
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbval", str(target)]
    run = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1 and "1 failed, 1 passed" in run.stdout


def page(source, *cells):
    path = source(*cells)
    nbformat.write(notebooks.read(path, solved=False), notebooks.stored_at(path, solved=False))
    course.main(["html"])
    return BeautifulSoup((pages.PAGES / f"{path.stem}.html").read_text(), "html.parser")


def test_a_page_describes_its_pictures_in_words(source):
    alt = 'Two lines: one "steep", one flat.'
    code = f"# %% alt={alt.replace(chr(34), chr(39))!r}\nimport matplotlib.pyplot as plt\n"
    images = page(source, code + "plt.plot([1, 2])\nplt.show()").select("img")
    assert [image["alt"] for image in images] == [alt.replace('"', "'")]
    assert images[0]["src"].startswith("data:image/webp;base64,")


def test_a_figure_has_two_pixels_for_one_and_letters_as_large_as_the_text(source):
    code = "# %%\nimport matplotlib.pyplot as plt\nfrom anytime import plots\nplots.theme()\n"
    code += "plt.figure(figsize=(5, 2))\nplt.plot([1, 2])\nplt.show()"
    (image,) = page(source, code).select("img")
    across = Image.open(io.BytesIO(base64.b64decode(image["src"].split(",")[1]))).width
    assert across > 800  # five inches of a hundred pixels, twice, less the white around
    width = float(re.fullmatch(r"width: ([\d.]+)rem", image["style"])[1])
    letter = 11 * plots.LETTERS / 72 * 2 * 100  # pixels of the picture, 11 points in seaborn's
    assert 1 <= letter * width / across < 1.2


def test_a_page_draws_formulas_and_needs_no_network(source):
    text = "# %% [markdown]\n# With $B_i$:\n#\n# $$\\frac{1}{\\ell_i}$$\n#\n# See [1](01_x.ipynb)."
    soup = page(source, text)
    assert [math["display"] for math in soup.select("math")] == ["inline", "block"]
    assert soup.select_one("mfrac").get_text() == "1ℓi"
    assert soup.find("a", string="1")["href"] == "01_x.html"
    assert not soup.select('[src^="http"], link[href^="http"], script')


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA"])
def test_a_picture_keeps_every_pixel_where_it_takes_less_room(mode):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    picture, png = Image.fromarray(pixels).convert(mode), io.BytesIO()
    picture.save(png, "PNG")
    webp = pages.as_webp(base64.b64encode(png.getvalue()).decode())
    back = Image.open(io.BytesIO(base64.b64decode(webp)))
    assert back.format == "WEBP"
    np.testing.assert_array_equal(back.convert("RGBA"), picture.convert("RGBA"))


def test_headings_can_be_linked_to_from_the_contents_and_from_elsewhere(source):
    soup = page(source, '# %% [markdown]\n# ## A "new" $x$: what & why?\n#\n# ### Second step')
    ids = [heading["id"] for heading in soup.select("main h2[id], main h3[id]")]
    assert len(set(ids)) == len(ids) and ids[1] == "Second-step"
    assert not re.search(r"[\s\"'&<>]", "".join(ids))
    for place in (".aside", ".folded"):
        links = soup.select(f".contents{place} a")
        assert [link["href"][1:] for link in links] == ids == [*ids[:2], "a-look-ahead"]
        assert links[0].select_one("math") and "what & why?" in links[0].get_text()


def test_a_page_names_the_notebooks_around_it_by_their_titles(source, tmp_path):
    one = notebooks.read(source(), solved=False)
    course_of_three = [tmp_path / f"0{number}_short_name.ipynb" for number in (6, 7, 8)]
    for target, title in zip(course_of_three, ("EANN: a chain", "This", "A <b> & c"), strict=True):
        one.cells[0].source = f"# {target.stem[:2]} · {title}\n\n**Why?**"
        nbformat.write(one, target)
    text = pages.render(read(course_of_three[1]), course_of_three[1], course_of_three, 1.0)
    links = BeautifulSoup(text, "html.parser").select_one(".links").select("a")
    assert [link.get_text() for link in links] == [
        "All notebooks",
        "Before: 06 EANN: a chain",
        "Next: 08 A <b> & c",
    ]


def test_a_page_says_where_a_control_works(source):
    soup = page(source, '# %% tags=["widget"]\nimport ipywidgets\nipywidgets.IntSlider()')
    assert "make lab" in soup.select_one(".jp-OutputArea").get_text()


@pytest.mark.parametrize(
    "make",
    [
        partial(explore.final_weights, []),
        partial(explore.anytime_curves, []),
        partial(explore.scheme_designer, []),
        partial(explore.totals_and_shares, []),
        explore.eann,
        explore.watch_one_image,
    ],
    ids=lambda make: getattr(make, "func", make).__name__,
)
def test_an_explorer_stands_in_the_place_of_its_control(make, tmp_path):
    data = {"text/plain": repr(make()), notebooks.WIDGET: {"model_id": "1"}}
    shown = nbformat.v4.new_output("execute_result", data, execution_count=1)
    cells = [nbformat.v4.new_markdown_cell("# 07 T\n\nWhy?")]
    cells.append(nbformat.v4.new_code_cell("it", outputs=[shown], execution_count=1))
    path = tmp_path / "07_t.ipynb"
    text = pages.render(nbformat.v4.new_notebook(cells=cells), path, [path], 1)
    soup = BeautifulSoup(text, "html.parser")
    frame = soup.select_one(".jp-OutputArea iframe")
    name = re.fullmatch(r"explorers\.html#view=(\w+)", frame["src"])[1]
    assert frame["title"] and soup.select_one(f'.jp-OutputArea a[href$="#view={name}"]')
    views = (explore.page.building.PARTS / "views.js").read_text()
    assert re.search(rf"^  {name}: {{ title: \"{frame['title']}\"", views, re.MULTILINE)


def test_the_explorers_stand_beside_the_pages_and_are_not_written_again(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "PAGES", tmp_path)
    made = []
    monkeypatch.setattr(pages.explorers, "write", lambda path: made.append(path) or path.touch())
    assert pages.write_explorers() == "explorers: written"
    assert made == [tmp_path / "explorers.html"]
    assert pages.write_explorers() == "explorers: unchanged" and len(made) == 1


def test_without_chromium_the_pages_are_made_and_a_sentence_says_what_prints(
    source, monkeypatch, capsys
):
    monkeypatch.setattr(doctor, "browser", lambda: None)
    page(source)
    assert course.main(["pdf"]) == 1
    assert "install `chromium`" in capsys.readouterr().err


def test_the_index_lists_title_question_minutes_and_page(source):
    page(source)
    index = BeautifulSoup((pages.PAGES / "index.html").read_text(), "html.parser")
    entry = index.select_one("li")
    assert entry.select_one("a")["href"] == "07_name.html"
    assert re.search(r"07\s+A title\s+Does it work\?\s+9 minutes", entry.get_text())


def test_a_notebook_that_fails_is_named_and_fails_the_course(source, capsys):
    path = source("# %%\nraise ValueError('too warm')")
    nbformat.write(notebooks.read(path, solved=False), notebooks.stored_at(path, solved=False))
    assert course.main(["html"]) == 1
    said = capsys.readouterr().err
    assert "07_name.ipynb, cell 2" in said and "too warm" in said


def test_a_page_is_not_made_again_while_nothing_changed(source, capsys):
    page(source)
    course.main(["html"])
    assert "07_name: unchanged" in capsys.readouterr().out


@pytest.mark.parametrize(
    "latex", [r"\begin{aligned} a &= b \\ c &= d \end{aligned}", r"\hat\ell_i"]
)
def test_formulas_of_the_course_become_mathml(latex):
    assert pages.formula(latex, "block").startswith("<math")


def test_a_formula_that_cannot_be_drawn_is_an_error_that_shows_it():
    with pytest.raises(ValueError, match="nosuchcommand"):
        pages.formula(r"\nosuchcommand{x}", "inline")


def test_an_answer_that_is_hidden_in_the_notebook_is_hidden_on_the_page():
    page = pages.to_html("<details><summary>Answer</summary>\n\nIt *depends*.\n\n</details>")
    assert page.index("<details>") < page.index("<em>depends</em>") < page.index("</details>")
