"""A notebook of the course as people use it: run in JupyterLab, in a real browser."""

import json
import re
import sys

import nbformat
import playwright.sync_api as playwright
import pytest
from browsing import SHOTS, changed, explorer, needs_chromium, opened, served, shown

from anytime.paths import REPOSITORY

# A notebook with an explorer in a cell of its own, that explorer, and what is moved there.
NOTEBOOK = REPOSITORY / "notebooks" / "08_difficulty.ipynb"
EXPLORER, SLIDER = "final-weights-per-data-set", "Epoch"
CHOICE = ("Bars", "share of all weight")
# All cells are on the page, not only those in sight; no questions are asked.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
pytestmark = [
    needs_chromium,
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """JupyterLab, called as `make lab` does, with a copy of the notebook and all cells run."""
    folder, own = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter")
    copy = nbformat.read(NOTEBOOK, 4)
    for cell in (cell for cell in copy.cells if cell.cell_type == "code"):
        cell.outputs, cell.execution_count = [], None
    nbformat.write(copy, folder / NOTEBOOK.name)
    for name, setting in SETTINGS.items():
        file = own / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(setting))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
    command += ["--IdentityProvider.token=", "--allow-root"]
    folders = {"JUPYTERLAB_SETTINGS_DIR": own / "settings", "JUPYTER_CONFIG_DIR": own / "config"}
    folders |= {"JUPYTERLAB_WORKSPACES_DIR": own / "spaces", "JUPYTER_RUNTIME_DIR": own / "run"}
    where = {name: str(path) for name, path in folders.items()}
    with (
        served(command, folder, own / "log", **where) as address,
        opened(f"{address}lab/tree/{NOTEBOOK.name}", height=1400) as page,
    ):
        run_all_cells(page, len([c for c in copy.cells if c.cell_type == "code" and c.source]))
        yield page


def run_all_cells(page, cells):
    """Waits for the kernel, then runs the notebook from the menu until every cell is done."""
    # An order that comes while the kernel connects is lost, or answered by a choice of kernels.
    dialog = page.locator(".jp-Dialog")
    page.add_locator_handler(dialog, lambda: dialog.locator(".jp-mod-accept").click())
    page.locator(".jp-Toolbar", has_text="Python 3").first.wait_for()
    for last in (False, False, False, True):
        page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()
        page.locator(".lm-MenuBar-item", has_text="Run").click()
        page.locator(".lm-Menu-item", has_text="Run All Cells").first.click()
        try:
            wait_for_prompts(page, r"\[[\d*]+\]", 1, 10_000)
            break
        except playwright.TimeoutError:
            if last:
                raise
    wait_for_prompts(page, r"\[\d+\]", cells, 120_000)


def wait_for_prompts(page, pattern, cells, milliseconds):
    """Until so many code cells, or more, have a prompt that matches: [*] waits, [1] is done."""
    page.wait_for_function(
        """([pattern, cells]) => [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")]
            .filter(prompt => new RegExp(pattern).test(prompt.innerText)).length >= cells""",
        arg=[pattern, cells],
        timeout=milliseconds,
    )


def test_a_slider_moved_by_the_keyboard_changes_picture_and_words(page):
    box = explorer(page, EXPLORER)
    box.scroll_into_view_if_needed()
    before = shown(box)
    box.locator(".widget-slider", has_text=SLIDER).get_by_role("slider").focus()
    page.keyboard.press("Home")
    assert "At epoch 1," in changed(page, box, before, "lab-slider.png")[1]


def test_a_film_shows_each_epoch_and_ends_at_the_last(page):
    box = explorer(page, EXPLORER)
    page.evaluate(
        """box => { window.seen = new Set();
          new MutationObserver(() => seen.add(box.querySelector("[role=status]").innerText))
            .observe(box, {childList: true, subtree: true}); }""",
        box.element_handle(),
    )
    button = box.get_by_role("button", name="Play")
    button.click()
    box.get_by_role("button", name="Stop").wait_for()
    button.wait_for()
    seen = page.evaluate("[...seen]")
    epochs = {int(re.search(r"At epoch (\d+),", words)[1]) for words in seen}
    last = max(epochs)
    assert epochs >= {*range(2, last + 1)} and f"At epoch {last}," in shown(box)[1]


def test_a_choice_made_by_the_mouse_changes_the_picture(page):
    box = explorer(page, EXPLORER)
    before = shown(box)
    box.get_by_label(CHOICE[0]).select_option(CHOICE[1])
    alt = box.locator("img").get_attribute("alt")
    changed(page, box, before, "lab-choice.png")
    assert box.locator("img").get_attribute("alt") != alt
    page.screenshot(path=SHOTS / "lab.png")


def test_no_cell_failed_and_nothing_was_warned_of(page):
    for kind in ("error", "stderr"):
        outputs = page.locator(f'[data-mime-type="application/vnd.jupyter.{kind}"]')
        assert outputs.count() == 0, outputs.first.inner_text()
    assert page.locator(".jp-OutputArea-output").count() > 10
    assert "not drawn" not in page.locator("body").inner_text()
