"""The course as web pages that need no network: executed notebooks and an index."""

import math
import re
import time
from pathlib import Path

import nbformat
from jinja2 import Environment, FileSystemLoader, pass_context
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from anytime.course.notebooks import NotebookError, execute, opening, write
from anytime.paths import DATA, REPOSITORY

PAGES = REPOSITORY / "build" / "course"
TEMPLATES = Path(__file__).parent / "templates"


def write_page(path: Path, course: list[Path]) -> str:
    """Execute a notebook and write it as a page, unless its page is newer than all it rests on.

    Returns what happened, for people. Raises NotebookError where a cell fails or
    a formula cannot be drawn.
    """
    page = PAGES / f"{path.stem}.html"
    if _fresh(page, path):
        return f"{path.stem}: unchanged ({_seconds(page):.0f} s when it last ran)"
    PAGES.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(path, 4)
    start = time.perf_counter()
    execute(notebook, path.name, PAGES)
    seconds = time.perf_counter() - start
    try:
        write(page, render(notebook, path, course, seconds))
    except ValueError as error:
        raise NotebookError(f"{path.name}: {error}") from error
    return f"{path.stem}: {seconds:.0f} s"


def write_index(course: list[Path]) -> Path:
    """Write the page that lists the notebooks; those without a page are marked so."""
    entries = []
    for path in course:
        title, question, minutes = opening(nbformat.read(path, 4))
        seconds = _seconds(PAGES / f"{path.stem}.html")
        entries.append((path.stem, title, to_html(question), minutes, seconds))
    index = PAGES / "index.html"
    templates = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    write(index, templates.get_template("index.html.j2").render(entries=entries))
    return index


def render(notebook: nbformat.NotebookNode, path: Path, course: list[Path], seconds: float) -> str:
    """An executed notebook as one HTML page, its pictures described and its formulas drawn."""
    at = course.index(path)
    exporter = _Exporter(template_file="page.html.j2", extra_template_paths=[str(TEMPLATES)])
    resources = {
        "metadata": {"name": f"{path.stem[:2]} {opening(notebook)[0]}", "path": str(path.parent)},
        "links": {"Before": course[:at][-1:], "Next": course[at + 1 :][:1]},
        "seconds": f"{seconds:.1f}",
    }
    return exporter.from_notebook_node(notebook, resources=resources)[0]


def formula(latex: str, display: str) -> str:
    """A LaTeX formula as MathML, which browsers draw without help; display: inline or block.

    Raises ValueError for a formula that the converter doesn't know in full.
    """
    known = re.sub(r"\{aligned\}", "{align*}", latex).replace(r"\operatorname", r"\mathrm")
    mathml = convert(known, display=display)
    if re.search(r"\\|>&<", mathml):
        raise ValueError(f"No MathML for the formula {latex}: write it more simply.")
    return mathml


class _Renderer(IPythonRenderer):
    """Markdown with formulas as MathML and links that lead from page to page."""

    def inline_math(self, body: str) -> str:
        return formula(body, "inline")

    def block_math(self, body: str) -> str:
        return formula(body, "block")

    def latex_environment(self, name: str, body: str) -> str:
        return formula(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")

    def block_html(self, html: str) -> str:
        # The parent class parses each piece on its own and so closes a <details> at once.
        return html

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return super().link(text, re.sub(r"^([\w.-]+)\.ipynb", r"\1.html", url), title)


class _Exporter(HTMLExporter):
    @pass_context
    def markdown2html(self, context, source: str) -> str:
        return to_html(source, context["resources"]["metadata"]["path"])


def to_html(markdown: str, folder: str = "") -> str:
    renderer = _Renderer(escape=False, embed_images=True, path=folder, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render(markdown)


def _fresh(page: Path, notebook: Path) -> bool:
    """Whether the page is newer than all it rests on: its notebook, the package, the data."""
    files = [notebook, *Path(__file__).parents[1].rglob("*.*"), *DATA.rglob("*.*")]
    made = {"cache", "__pycache__"}  # by running what is there
    newest = max(path.stat().st_mtime for path in files if not made & set(path.parts))
    return page.exists() and page.stat().st_mtime > newest


def _seconds(page: Path) -> float:
    """How long the notebook of a page ran when the page was made; nan where there is none."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    seconds = re.search(r'content="([\d.]+)" name="seconds"', text)
    return float(seconds[1]) if seconds else math.nan
