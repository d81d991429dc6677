"""The explorers' page as people use it: served by Voilà, in a real browser."""

import sys

import pytest
from browsing import (
    PATIENCE,
    SHOTS,
    changed,
    expect,
    explorer,
    needs_chromium,
    opened,
    served,
    shown,
)

from anytime import networks
from anytime.networks import cost
from anytime.paths import REPOSITORY
from anytime.runs import Run

pytest.importorskip("voila", reason="the explorers' page needs voila: pip install voila")
pytestmark = needs_chromium


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A folder with a run of the user's own that kept its network (which is not trained)."""
    folder, name = tmp_path_factory.mktemp("own"), "resann-1-4-stride2"
    network = networks.build(name, num_classes=10, in_channels=1, seed=0)
    config = {"dataset": "fashion", "network": name, "weighting": "adaloss", "seed": 0}
    per_exit = {key: [1.0, 0.9, 0.8] for key in ("weights", "train_loss", "test_error")}
    macs = cost.multiply_adds(network, (1, 32, 32)).tolist()
    run = Run(config, macs, history=[{"epoch": 1, **per_exit}], finished=True)
    run.trained = networks.save(network.eval(), folder / "net.pt")
    run.save(folder / "run.json")
    return folder


@pytest.fixture(scope="module")
def page(own, tmp_path_factory):
    """The page of Voilà, called as `make explore` does with RUNS."""
    command = [sys.executable, "-m", "voila", "notebooks/explorers/dashboard.ipynb"]
    command += ["--Voila.root_dir=.", "--Voila.ip=127.0.0.1", "--no-browser"]
    log = tmp_path_factory.mktemp("voila") / "log"
    with (
        served(command, REPOSITORY, log, ANYTIME_RUNS=str(own)) as address,
        opened(address) as page,
    ):
        page.locator("#watch-one-image").wait_for(timeout=PATIENCE)
        yield page


def test_a_slider_is_moved_by_the_keyboard(page):
    box = explorer(page, "eann")
    before = shown(box)
    assert "At budget 20.0, network 5" in before[1]
    box.get_by_role("slider").last.focus()
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowRight")
    expect(box.get_by_role("status")).not_to_contain_text("At budget 20.0", timeout=PATIENCE)
    changed(page, box, before, "eann.png")


def test_a_choice_is_made_by_the_mouse(page):
    box = explorer(page, "scheme-designer")
    before = shown(box)
    assert "The last exit has 50% of the weight" not in before[1]
    box.locator("select").select_option("HALF-END")
    assert "The last exit has 50% of the weight" in changed(page, box, before, "designer.png")[1]
    assert box.locator("select").input_value() == "HALF-END"


def test_another_image_is_watched(page):
    box = explorer(page, "watch-one-image")
    before = shown(box)
    box.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")
    assert "on this machine" in changed(page, box, before, "watch.png", words=False)[1]


def test_time_replaces_multiply_adds_and_the_budget_follows(page):
    box = explorer(page, "anytime-curves")
    before = shown(box)
    assert box.get_by_text("Budget, milliseconds").is_hidden()
    box.get_by_label("Against").select_option("milliseconds on this machine")
    assert "measured on this machine" in changed(page, box, before, "time.png")[1]
    assert box.get_by_text("Budget, multiply-adds").is_hidden()


def test_the_data_shown_are_downloaded_at_a_click(page):
    box = explorer(page, "eann")
    with page.expect_download() as download:
        box.get_by_role("link", name="eann.csv").click()
    header = download.value.path().read_text().splitlines()[0]
    assert header == "budget,running,answering,factor"


def test_every_explorer_shows_a_picture_and_no_cell_failed(page):
    names = ["final-weights-per-data-set", "anytime-curves", "adaloss-anatomy", "scheme-designer"]
    for name in [*names, "eann", "watch-one-image"]:
        box = explorer(page, name)
        assert box.locator("img").evaluate("image => image.naturalWidth") >= 700
        assert box.locator("a[download]").count() == 2
        box.screenshot(path=SHOTS / f"{name}.png")
    text = page.locator("body").inner_text()
    assert not [word for word in ("Traceback", "not drawn", "Error:") if word in text]


def test_no_code_is_shown(page):
    assert page.locator(".jp-CodeCell .jp-InputArea-editor:visible").count() == 0
    assert "import explore" not in page.locator("body").inner_text()
