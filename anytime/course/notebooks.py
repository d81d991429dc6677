"""A notebook of the course: made from its source, executed, stored.

A source is `notebooks/sources/NN_name.py` in jupytext's percent format. Its first cell holds the
title `# NN Title`, then the question as a paragraph of its own, and the words "You will", "Before",
"Time: N minutes" and "Paper". In an exercise, the lines between `### BEGIN SOLUTION 3.2` and
`### END SOLUTION` become `raise NotImplementedError("Exercise 3.2")` in the copy to solve.
A cell with the tag "widget" or "live" runs, but its output is neither stored nor compared.
A cell with the tag "rubric" is in the solved copy alone: what a good explanation says.
A cell that draws says in `alt="..."` what the picture shows.
"""

import os
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError
from nbformat import NotebookNode

from anytime.paths import REPOSITORY, settle_home, temporary_folder, whole_file

NOTEBOOKS = REPOSITORY / "notebooks"
NOT_STORED = {"widget", "live"}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
METADATA = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
WIDGET = "application/vnd.jupyter.widget-view+json"
# Two names and more from the root on: neither a web address nor a closing HTML tag.
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/~<*])/[A-Za-z][\w.-]*/[\w.-]+|\b[A-Z]:\\+\w+")
SOLUTION = re.compile(r"(?ms)^( *)### BEGIN SOLUTION (\d+\.\d+)\n(.*?)\n *### END SOLUTION *$")


class NotebookError(Exception):
    """A notebook that cannot be built or run; the message names notebook, cell and error."""


def steady_kernels() -> None:
    """Let kernels started from this process run alike everywhere.

    One thread, no progress bars, this environment's kernel, and no settings of the user's.
    """
    settle_home()
    os.environ.update(
        OMP_NUM_THREADS="1",
        TQDM_DISABLE="1",
        JUPYTER_PATH=str(Path(sys.prefix) / "share" / "jupyter"),
        IPYTHONDIR=str(temporary_folder("ipython")),
    )
    os.environ.pop("MPLBACKEND", None)


def read(source: Path, solved: bool) -> NotebookNode:
    """The unexecuted notebook of a source.

    Raises NotebookError where solution markers don't match.
    """
    left = r"\3" if solved else r'\1raise NotImplementedError("Exercise \2")'
    notebook = marked(source)
    for index, cell in enumerate(notebook.cells):
        cell.source = SOLUTION.sub(left, cell.source)
        if re.search("### (BEGIN|END)", cell.source):
            raise NotebookError(
                f"{source.stem}, {place(index, cell)}: write `### BEGIN SOLUTION N.M`, the "
                "solution, `### END SOLUTION`, each marker on a line of its own."
            )
    if not solved:
        notebook.cells = [cell for cell in notebook.cells if not is_rubric(cell)]
    return notebook


def is_rubric(cell: NotebookNode) -> bool:
    """Whether a cell is for solved copies alone."""
    return "rubric" in cell.metadata.get("tags", [])


def marked(source: Path) -> NotebookNode:
    """The notebook of a source with its solutions and their markers."""
    import jupytext  # only who writes the course has it

    cells = jupytext.read(source, fmt="py:percent").cells
    for index, cell in enumerate(cells):
        cell.id = f"{source.stem[:2]}-{index + 1:03d}"
        cell.metadata = {key: cell.metadata[key] for key in ("tags", "alt") if key in cell.metadata}
    return nbformat.v4.new_notebook(cells=cells, metadata=METADATA)


def execute(notebook: NotebookNode, name: str, folder: Path, *options: str) -> None:
    """Run every cell in place, in `folder`; options are further ones of the kernel's command line.

    Raises NotebookError where a cell fails, takes too long or ends the kernel.
    """
    places = ["before its first cell"]
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=600,  # seconds a cell
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=40", *options],  # errors, no advice
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=lambda cell, cell_index: places.append(place(cell_index, cell)),
    )
    try:
        client.execute()
    except (CellControlSignal, DeadKernelError) as error:
        text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
        raise NotebookError(f"{name}, {places[-1]}:\n{text}") from None


def build(source: Path, solved: bool) -> Path:
    """Execute a source's copy and store it with its outputs.

    Raises NotebookError where a cell fails, warns, or prints what only this machine has.
    """
    target = stored_at(source, solved)
    target.parent.mkdir(parents=True, exist_ok=True)
    notebook = read(source, solved)
    name = str(target.relative_to(NOTEBOOKS))
    execute(notebook, name, target.parent)
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            if problem := _unfit(cell):
                raise NotebookError(f"{name}, {place(index, cell)}: {problem}")
            if NOT_STORED & set(cell.metadata.get("tags", [])):
                cell.outputs, cell.execution_count = [], None
    notebook.metadata = METADATA  # running it has added the versions of this machine
    write(target, nbformat.writes(notebook) + "\n")
    return target


def stored_at(source: Path, solved: bool) -> Path:
    """Where a source's copy to solve, or its solved copy, is stored."""
    folder = NOTEBOOKS / "solutions" if solved else NOTEBOOKS
    return folder / f"{source.stem}.ipynb"


def opening(notebook: NotebookNode) -> tuple[str, str, int]:
    """A notebook's title without its number, its question, and its minutes (0 if not said)."""
    first = notebook.cells[0].source
    title = re.sub(r"^#\s*\d\d\W*", "", first.splitlines()[0])
    paragraphs = [part for part in first.split("\n\n")[1:] if part.strip()]
    question = " ".join(paragraphs[0].split()).strip("*_") if paragraphs else ""
    minutes = re.search(r"Time\W+(?:about )?(\d+)", first)
    return title, question, int(minutes[1]) if minutes else 0


def place(index: int, cell: NotebookNode) -> str:
    """How a message names a cell: its number, counted from 1, and its first line."""
    return f"cell {index + 1} (`{(cell.source.strip().splitlines() or [''])[0]}`)"


def write(path: Path, text: str) -> None:
    """Write a text file wholly or not at all."""
    with whole_file(path) as half:
        half.write_text(text, encoding="utf-8")


def _unfit(cell: NotebookNode) -> str:
    """Why a cell's outputs may not be stored; "" where they may."""
    tagged = NOT_STORED & set(cell.metadata.get("tags", []))
    for output in cell.outputs:
        data = output.get("data", {})
        if output.get("name") == "stderr":
            return f"it writes to stderr: {output.text.strip()}"
        if WIDGET in data and not tagged:
            return 'it shows a widget, so it needs the tag "widget"'
        texts = output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")
        if not tagged and (path := ABSOLUTE_PATH.search("\n".join(texts))):
            return f"it prints a path of this machine: {path[0]}"
    return ""
