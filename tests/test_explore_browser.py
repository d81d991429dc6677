"""The explorers' page as people use it: served by Voilà, in a real browser."""

import os
import shutil
import socket
import subprocess
import sys
import time

import pytest

from anytime.paths import REPOSITORY

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHOTS = REPOSITORY / "build" / "explorers"
pytest.importorskip("voila", reason="the explorers' page needs voila: pip install voila")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Voilà, called as `make explore` does, once its port answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "voila", "notebooks/explorers/dashboard.ipynb"]
    command += ["--Voila.root_dir=.", "--Voila.ip=127.0.0.1", f"--port={port}", "--no-browser"]
    log = tmp_path_factory.mktemp("voila") / "log"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with open(log, "w") as out:
        server = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        _wait(port, server, log)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(20)


def _wait(port, server, log):
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)  # between two looks at the port
    pytest.fail(f"Voilà did not open its port: {log.read_text()}")


@pytest.fixture(scope="module")
def page(address):
    SHOTS.mkdir(parents=True, exist_ok=True)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        page.locator("#eann").wait_for(timeout=90_000)
        yield page
        browser.close()


def explorer(page, name):
    """The box that holds an explorer's heading, controls, picture and words."""
    return page.locator(".widget-vbox", has=page.locator(f"#{name}")).last


def shown(box):
    """The picture's address, which changes with the picture, and the sentence."""
    return box.locator("img").get_attribute("src"), box.locator("[role=status]").inner_text()


def changed(page, box, before, shot):
    """What is shown once both picture and sentence differ from before."""
    page.wait_for_function(
        """([box, src, words]) => box.querySelector("img").src != src
           && box.querySelector("[role=status]").innerText != words""",
        arg=[box.element_handle(), *before],
        timeout=20_000,
    )
    box.screenshot(path=SHOTS / shot)
    return shown(box)


def test_a_slider_is_moved_by_the_keyboard(page):
    box = explorer(page, "eann")
    before = shown(box)
    assert "At budget 20.0, network 5" in before[1]
    box.get_by_role("slider").last.focus()
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowRight")
    assert "At budget 20.0" not in changed(page, box, before, "eann.png")[1]


def test_a_choice_is_made_by_the_mouse(page):
    box = explorer(page, "scheme-designer")
    before = shown(box)
    assert "The last exit has 11% of the weight" in before[1]
    box.locator("select").select_option("HALF-END")
    assert "The last exit has 50% of the weight" in changed(page, box, before, "designer.png")[1]
    assert box.locator("select").input_value() == "HALF-END"


def test_the_data_shown_are_downloaded_at_a_click(page):
    box = explorer(page, "eann")
    with page.expect_download() as download:
        box.get_by_role("link", name="eann.csv").click()
    header = download.value.path().read_text().splitlines()[0]
    assert header == "budget,running,answering,factor"


def test_every_explorer_shows_a_picture_and_no_cell_failed(page):
    names = ["final-weights-per-data-set", "anytime-curves", "adaloss-anatomy", "scheme-designer"]
    for name in [*names, "eann"]:
        box = explorer(page, name)
        assert box.locator("img").evaluate("image => image.naturalWidth") >= 700
        assert box.locator("a[download]").count() == 2
        box.screenshot(path=SHOTS / f"{name}.png")
    text = page.locator("body").inner_text()
    assert not [word for word in ("Traceback", "not drawn", "Error:") if word in text]


def test_no_code_is_shown(page):
    assert page.locator(".jp-CodeCell .jp-InputArea-editor:visible").count() == 0
    assert "import explore" not in page.locator("body").inner_text()
