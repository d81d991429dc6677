"""The course as web pages that need no network: executed notebooks and an index."""

import base64
import io
import math
import re
import time
from pathlib import Path
from typing import Any

import nbformat
from bs4 import BeautifulSoup
from jinja2 import Environment, FileSystemLoader, pass_context
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from PIL import Image

from anytime.course import doctor
from anytime.course.notebooks import NOTEBOOKS, NotebookError, execute, opening, write
from anytime.explore import page as explorers
from anytime.paths import DATA, REPOSITORY

PAGES = REPOSITORY / "build" / "course"
TEMPLATES = Path(__file__).parent / "templates"
SHARP = "--InlineBackend.figure_formats={'retina'}"  # figures of twice as many pixels


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
    execute(notebook, path.name, PAGES, SHARP)
    seconds = time.perf_counter() - start
    try:
        write(page, render(notebook, path, course, seconds))
    except ValueError as error:
        raise NotebookError(f"{path.name}: {error}") from error
    return f"{path.stem}: {seconds:.0f} s"


def write_explorers() -> str:
    """Write the explorers' page beside those of the course, which show it; returns what happened.

    One file for all: within each page its tables would weigh four megabytes each time.
    """
    page = PAGES / "explorers.html"
    if _fresh(page):
        return "explorers: unchanged"
    explorers.write(path=page)
    return "explorers: written"


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


def write_pdfs(paths: list[Path]) -> Path:
    """Print the pages of notebooks, each into a PDF beside it; returns their folder.

    Raises NotebookError where there is no Chromium to print with, or no playwright to drive it.
    """
    chromium = doctor.browser()
    if chromium is None:
        raise NotebookError("PDFs are printed by Chromium, and there is none: install `chromium`.")
    try:
        from playwright.sync_api import sync_playwright  # only who prints or tests has it
    except ImportError as error:
        raise NotebookError(f"{error}: pip install -c constraints.txt playwright") from error
    with sync_playwright() as driver:
        page = driver.chromium.launch(executable_path=chromium).new_page()
        for made in (PAGES / f"{path.stem}.html" for path in paths):
            page.goto(made.as_uri())
            page.pdf(path=made.with_suffix(".pdf"), format="A4", outline=True, tagged=True)
    return PAGES


def render(notebook: nbformat.NotebookNode, path: Path, course: list[Path], seconds: float) -> str:
    """An executed notebook as one HTML page, its pictures described and its formulas drawn."""
    at = course.index(path)
    around = [("Before", course[:at][-1:]), ("Next", course[at + 1 :][:1])]
    links = [
        (word, f"{other.stem}.html", _title(other, nbformat.read(other, 4)))
        for word, others in around
        for other in others
    ]
    about = {"links": links, "first": at == 0, "seconds": f"{seconds:.1f}"}
    return _page(notebook, path, _title(path, notebook), **about)


def write_texts(folder: Path = NOTEBOOKS) -> None:
    """Write the texts beside the notebooks, such as the glossary, as pages of the same kind."""
    for path in (folder / "GLOSSARY.md", folder / "TEACHING.md"):
        text = nbformat.v4.new_markdown_cell(path.read_text(encoding="utf-8"))
        about: dict[str, Any] = {"links": [], "first": False, "seconds": ""}
        page = _page(nbformat.v4.new_notebook(cells=[text]), path, path.stem.capitalize(), **about)
        write(PAGES / f"{path.stem}.html", page)


def _page(notebook: nbformat.NotebookNode, path: Path, title: str, **about: Any) -> str:
    exporter = _Exporter(template_file="page.html.j2", extra_template_paths=[str(TEMPLATES)])
    exporter.register_filter("as_webp", as_webp)
    about |= {"metadata": {"name": title, "path": str(path.parent)}, "contents": headings(notebook)}
    return exporter.from_notebook_node(notebook, resources=about)[0]


def headings(notebook: nbformat.NotebookNode) -> list[tuple[str, str, str]]:
    """The headings below the title: tag, id, and what stands in it as HTML."""
    texts = [to_html(cell.source) for cell in notebook.cells if cell.cell_type == "markdown"]
    found = BeautifulSoup("\n".join(texts), "html.parser").select("h2, h3")
    return [(heading.name, str(heading["id"]), heading.decode_contents()) for heading in found]


def as_webp(png: str) -> str:
    """The same pixels as WebP, which takes half the room or less; both pictures are in base64."""
    written = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(png)))
    picture.save(written, "WEBP", lossless=True, exact=True, method=3)
    return base64.b64encode(written.getvalue()).decode()


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
        return f'<div class="scroll">{formula(body, "block")}</div>'

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")

    def heading(self, text: str, level: int, **attrs) -> str:
        """With an id, made as Jupyter makes it, but fit for an address whatever the title."""
        words = BeautifulSoup(text, "html.parser").get_text()
        attrs["id"] = re.sub(r"[^\w:.,;?!()-]+", "-", words)
        return super().heading(text, level, **attrs)

    def table(self, text: str) -> str:
        return f'<div class="scroll"><table>{text}</table></div>'

    def block_html(self, html: str) -> str:
        # The parent class parses each piece on its own and so closes a <details> at once.
        return html

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return super().link(text, re.sub(r"^([\w.-]+)\.(?:ipynb|md)", r"\1.html", url), title)


class _Exporter(HTMLExporter):
    @pass_context
    def markdown2html(self, context, source: str) -> str:
        return to_html(source, context["resources"]["metadata"]["path"])


def to_html(markdown: str, folder: str = "") -> str:
    renderer = _Renderer(escape=False, embed_images=True, path=folder, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render(markdown)


def _title(path: Path, notebook: nbformat.NotebookNode) -> str:
    return f"{path.stem[:2]} {opening(notebook)[0]}"


def _fresh(page: Path, *notebooks: Path) -> bool:
    """Whether the page is newer than all it rests on: its notebook, the package, the data."""
    files = [*notebooks, *Path(__file__).parents[1].rglob("*.*"), *DATA.rglob("*.*")]
    made = {"cache", "__pycache__"}  # by running what is there
    newest = max(path.stat().st_mtime for path in files if not made & set(path.parts))
    return page.exists() and page.stat().st_mtime > newest


def _seconds(page: Path) -> float:
    """How long the notebook of a page ran when the page was made; nan where there is none."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    seconds = re.search(r'content="([\d.]+)" name="seconds"', text)
    return float(seconds[1]) if seconds else math.nan
