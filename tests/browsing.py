"""A server on a free port of this machine, a page of it in a real browser, an explorer there."""

import os
import socket
import subprocess
import time
from contextlib import contextmanager

import pytest

from anytime.course.doctor import browser
from anytime.paths import REPOSITORY

SHOTS = REPOSITORY / "build" / "explorers"
PATIENCE = 120_000  # milliseconds to wait for what may take a loaded machine long
playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
expect = playwright.expect
needs_chromium = pytest.mark.skipif(browser() is None, reason="there is no chromium here")


@contextmanager
def served(command, folder, log, **environment):
    """The address of the server that a command starts in a folder, once its port answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment
    with open(log, "w") as out:
        server = subprocess.Popen(
            [*command, f"--port={port}"], cwd=folder, env=settings, stdout=out, stderr=out
        )
    try:
        _wait(port, server, log)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(30)


def _wait(port, server, log):
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)  # between two looks at the port
    pytest.fail(f"the server did not open its port: {log.read_text()}")


@contextmanager
def opened(address, height=900, width=1280, **options):
    """A page of its own in Chromium; options are those of a context, such as offline."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": width, "height": height}, **options)
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        yield page
        chromium.close()


def explorer(page, name):
    """The box that holds an explorer's heading, controls, picture and words."""
    return page.locator(".widget-vbox", has=page.locator(f"#{name}")).last


def shown(box):
    """The picture's address, which changes with the picture, and the sentence."""
    return box.locator("img").get_attribute("src"), box.locator("[role=status]").inner_text()


def changed(page, box, before, shot, words=True):
    """What is shown once the picture, and with `words` the sentence, differs from before."""
    page.wait_for_function(
        """([box, src, before, words]) => box.querySelector("img").src != src &&
           (!words || box.querySelector("[role=status]").innerText != before)""",
        arg=[box.element_handle(), *before, words],
    )
    box.screenshot(path=SHOTS / shot)
    return shown(box)
