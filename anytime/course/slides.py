"""The slides of the plan for 90 minutes: one page that needs no network, with notes to present.

The text is notebooks/SLIDES.md: `---` ends a slide, `???` begins its notes, and
`![](03_adaloss.ipynb#2)` is the second figure that a notebook has stored.
"""

import html
import re
from pathlib import Path

import nbformat
from jinja2 import Environment, FileSystemLoader

from anytime.course.notebooks import NOTEBOOKS, NotebookError, write
from anytime.course.pages import TEMPLATES, to_html
from anytime.paths import REPOSITORY

SLIDES = NOTEBOOKS / "SLIDES.md"
FIGURE = re.compile(r"!\[\]\(([\w.-]+\.ipynb)#(\d+)\)")


def write_slides(text: Path = SLIDES, page: Path = REPOSITORY / "build" / "slides.html") -> Path:
    """Write the slides as one page; returns its place. Raises NotebookError for no such figure."""
    slides = []
    for slide in text.read_text(encoding="utf-8").split("\n---\n"):
        shown, _, notes = slide.partition("\n???\n")
        slides.append((to_html(FIGURE.sub(_figure, shown)), to_html(notes)))
    templates = Environment(loader=FileSystemLoader(TEMPLATES))
    page.parent.mkdir(parents=True, exist_ok=True)
    write(page, templates.get_template("slides.html.j2").render(slides=slides))
    return page


def _figure(link: re.Match[str]) -> str:
    notebook, number = NOTEBOOKS / link[1], int(link[2])
    if not notebook.exists():
        raise NotebookError(f"A slide shows a figure of {link[1]}, which is not there.")
    found = [
        (output.data["image/png"], cell.metadata.get("alt", ""))
        for cell in nbformat.read(notebook, 4).cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    if not 0 < number <= len(found):
        raise NotebookError(f"A slide shows figure {number} of {link[1]}, which has {len(found)}.")
    picture, alt = found[number - 1]
    source = f"data:image/png;base64,{picture.strip()}"
    return f'<img alt="{html.escape(alt)}" src="{source}">'.replace("\n", "")
