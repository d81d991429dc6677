"""The explorers' page as people use it: a file in a browser without a network."""

import csv
import io
from contextlib import contextmanager

import numpy as np
import pytest
from browsing import SHOTS, expect, needs_chromium, opened
from test_explore_page import run

from anytime.explore.page import write

pytestmark = needs_chromium

SCHEMES = ("adaloss", "const:total=2", "const:total=6")
# What is drawn, in the units of its axis: panel by panel the bars' heights and the ranges' ends.
READ = """() => [...document.querySelectorAll("#picture .panel")].map(panel => {
  const texts = [...panel.querySelectorAll(".tick.y")].map(tick => Number(tick.textContent));
  const lines = [...panel.querySelectorAll(".grid")].map(line => Number(line.getAttribute("y1")));
  const [a, b, u, v] = [texts[0], texts.at(-1), lines[0], lines.at(-1)];
  const value = y => a + (b - a) * (y - u) / (v - u);
  const number = (mark, name) => Number(mark.getAttribute(name));
  return {
    bars: [...panel.querySelectorAll(".bar")].map(bar => value(number(bar, "y"))),
    late: panel.querySelectorAll(".bar.late").length,
    ranges: [...panel.querySelectorAll(".range")].map(
      line => [value(number(line, "y1")), value(number(line, "y2"))]),
    missing: panel.querySelectorAll(".missing").length,
  };
})"""


# The texts of a picture that reach out of it.
OUTSIDE = """() => { const svg = document.querySelector("#picture svg");
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text, p")].filter(one => {
    const box = one.getBoundingClientRect();
    return box.left < frame.left - 1 || box.right > frame.right + 1
      || box.bottom > frame.bottom + 1;
  }).map(one => one.textContent); }"""


def known():
    easy = [run("easy", seed=seed, title="easy <b>$x_{</b>") for seed in range(3)]
    hard = [run("hard", seed=seed + 3, title="数据") for seed in range(3)]
    for one in hard:  # harder, and slower to learn
        for entry in one.history:
            entry["test_error"] = [0.9] * 4
            entry["train_loss"] = [1.5 * loss for loss in entry["train_loss"]]
    other = [run("easy", exits=1, network="one", title="single"), run("big", 100, network="many")]
    return [*hard, *easy, *other]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write(known(), tmp_path_factory.mktemp("pages") / "explorers.html")


@pytest.fixture(scope="module")
def page(file):
    with opened(file.as_uri(), height=720, offline=True) as page:
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(error))
        yield page
        assert page.errors == []


@pytest.fixture(autouse=True)
def start(request):
    """Each test begins with the address alone."""
    if "page" in request.fixturenames:
        request.getfixturevalue("page").evaluate("location.hash = ''")


@contextmanager
def another(page, address, width=1280, height=720, **options):
    """A further page in the same browser."""
    browser = page.context.browser
    made = browser.new_page(viewport={"width": width, "height": height}, **options)
    made.goto(address)
    yield made
    made.close()


def said(page):
    return page.locator("#words").inner_text()


def weights(dataset, epoch, floor=0.07):
    """(S, K): each run's weights above a floor after an epoch that is over, from the records."""
    runs = [one for one in known() if one.config["dataset"] == dataset and one.num_exits == 4]
    return np.array([one.history[epoch - 1]["weights"] for one in runs]) - floor


def test_the_bars_are_the_means_over_the_runs_and_lines_their_range(page):
    drawn = page.evaluate(READ)
    assert len(drawn) == 2
    for panel, dataset in zip(drawn, ("easy", "hard"), strict=True):
        wanted = weights(dataset, 5)
        np.testing.assert_allclose(panel["bars"], wanted.mean(0), atol=2e-3)
        np.testing.assert_allclose(
            panel["ranges"], np.transpose([wanted.min(0), wanted.max(0)]), atol=2e-3
        )
        assert panel["late"] == 1


def test_names_are_texts_and_the_easiest_data_set_comes_first(page):
    heads = page.locator("#picture .head p:first-child").all_inner_texts()
    assert heads == ["easy <b>$x_{</b>", "数据"]


def test_the_epoch_is_moved_by_the_keyboard_and_kept_in_the_address(page):
    page.locator("#control-epoch").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert "At epoch 2," in said(page)
    assert "epoch=2" in page.evaluate("location.hash")
    drawn = page.evaluate(READ)
    np.testing.assert_allclose(drawn[0]["bars"], weights("easy", 2).mean(0), atol=2e-3)
    assert page.locator("#control-epoch").get_attribute("aria-valuetext") == "2"
    assert page.evaluate("document.activeElement.id") == "control-epoch"


def test_the_sentence_says_where_the_weight_lies(page):
    page.evaluate("location.hash = 'epoch=3'")
    places = {}
    for dataset in ("easy", "hard"):
        above = weights(dataset, 3)
        shares = above / above.sum(1, keepdims=True)
        places[dataset] = (shares @ np.linspace(0, 1, 4)).mean(), shares[:, 3].mean()
    for position, quarter in places.values():
        assert f"mean position {position:.2f} with {100 * quarter:.0f} %" in said(page)
    grows = places["hard"][0] > places["easy"][0]
    assert f"the mean position {'grows' if grows else 'falls'}." in said(page)


def test_a_choice_is_made_by_the_mouse_and_the_address_brings_it_back(page):
    page.get_by_label("Bars", exact=True).select_option("share of all weight")
    whole = weights("hard", 5, 0)
    wanted = (whole / whole.sum(1, keepdims=True)).mean(0)
    np.testing.assert_allclose(page.evaluate(READ)[1]["bars"], wanted, atol=2e-3)
    address = page.evaluate("location.hash")
    page.evaluate("location.hash = ''")
    assert abs(page.evaluate(READ)[1]["bars"][3] - wanted[3]) > 0.05
    page.evaluate("hash => location.hash = hash", address)
    np.testing.assert_allclose(page.evaluate(READ)[1]["bars"], wanted, atol=2e-3)


def test_a_data_set_is_left_out_by_its_box(page):
    page.get_by_text("Data sets: 2 of 2").click()
    page.get_by_role("checkbox", name="数据").uncheck()
    assert len(page.evaluate(READ)) == 1 and "set=easy" in page.evaluate("location.hash")
    page.get_by_role("checkbox", name="easy").uncheck()
    assert said(page) == "Choose one data set or more."
    page.get_by_role("checkbox", name="数据").check()
    assert page.locator("#picture .head p:first-child").all_inner_texts() == ["数据"]
    page.keyboard.press("Escape")


def test_at_equal_fit_each_picture_names_its_epoch(page):
    page.evaluate("location.hash = 'at=fit&fit=0.4'")
    notes = page.locator("#picture .head p:last-child").all_inner_texts()
    for note, dataset in zip(notes, ("easy", "hard"), strict=True):
        times = []
        for one in known():
            if one.config["dataset"] == dataset and one.num_exits == 4:
                loss = [entry["train_loss"][-1] for entry in one.history]
                k = next(k for k, value in enumerate(loss) if value <= 0.4)
                times.append(k + (loss[k - 1] - 0.4) / (loss[k - 1] - loss[k]))
        assert f"epoch {np.mean(times):.1f}," in note


def test_a_data_set_that_never_comes_to_a_loss_is_grey_and_named(page):
    least = {
        name: min(
            one.history[-1]["train_loss"][-1]
            for one in known()
            if one.config["dataset"] == name and one.num_exits == 4
        )
        for name in ("easy", "hard")
    }
    assert least["easy"] < 0.06 < least["hard"]
    page.evaluate("location.hash = 'at=fit&fit=0.06'")
    assert [panel["missing"] for panel in page.evaluate(READ)] == [0, 1]
    assert "数据 never came to this loss" in said(page)


def choose_runs(page, words):
    control = page.get_by_label("Runs", exact=True)
    texts = control.locator("option").all_inner_texts()
    control.select_option(label=next(text for text in texts if words in text))


@pytest.mark.parametrize("exits", [1, 100])
def test_any_number_of_exits_is_drawn(page, exits):
    choose_runs(page, f"({exits} exits)")
    (panel,) = page.evaluate(READ)
    assert len(panel["bars"]) == exits and "mean position" in said(page)


def test_what_an_address_asks_for_and_is_not_there_is_named(page):
    page.evaluate("location.hash = 'set=<img src=x>&show=nothing'")
    assert said(page).startswith("Not here: <img src=x>; nothing. At epoch 5")
    assert len(page.evaluate(READ)) == 2


def test_a_choice_of_other_runs_is_no_complaint_about_their_data_sets(page):
    page.evaluate("location.hash = 'set=hard'")
    choose_runs(page, "(100 exits)")
    assert said(page).startswith("At epoch 5") and "set=" not in page.evaluate("location.hash")


def test_play_goes_through_all_epochs_and_ends_at_the_last(page):
    page.evaluate(
        """() => { window.seen = new Set();
          const words = document.getElementById("words");
          new MutationObserver(() => seen.add(words.innerText.slice(0, 11)))
            .observe(words, {childList: true}); }"""
    )
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "() => seen.size == 5 && document.querySelector('button').innerText == 'Play'"
    )
    assert "At epoch 5," in said(page)


def test_the_numbers_are_a_table_and_a_file(page):
    page.get_by_text("The numbers behind the picture").click()
    expect(page.locator("#table tr")).to_have_count(9)
    rows = page.locator("#table tr").all_inner_texts()
    assert rows[0].split("\t")[:2] == ["data set", "exit"]
    with page.expect_download() as download:
        page.get_by_role("link", name="Download them").click()
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8"))))
    assert table[0]["data set"] == "easy <b>$x_{</b>"
    np.testing.assert_allclose(
        [float(row["weight above the floor"]) for row in table[:4]],
        weights("easy", 5).mean(0),
        rtol=1e-3,
    )
    page.get_by_text("The numbers behind the picture").click()


def test_the_best_answer_within_a_budget_is_named(page):
    page.evaluate("location.hash = 'view=curves'")
    page.get_by_label("Data set", exact=True).select_option("easy <b>$x_{</b>")
    slider = page.get_by_label("Budget")
    slider.focus()
    page.keyboard.press("End")
    wanted = 100 * 0.2
    assert f"best answer is that of AdaLoss: {wanted:.0f} % test error" in said(page)
    assert slider.get_attribute("aria-valuetext") == "0.004 million multiply-adds"
    page.keyboard.press("Home")
    assert "0.001 million" in said(page) and "90 % test error" in said(page)
    assert page.locator("#picture .point").count() == 5  # four exits and the name's


def test_the_chain_follows_base_and_budget(page):
    page.get_by_role("link", name="EANN").click()
    assert "C stays below 3.00" in said(page)
    page.get_by_label("Base b").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert "C stays below 2.50" in said(page) and "base=3" in page.evaluate("location.hash")


def test_totals_and_shares_are_points_joined_for_each_weighting(page, tmp_path):
    runs = [run("easy", scheme=scheme, seed=i) for i, scheme in enumerate(SCHEMES)]
    for one, total in zip(runs[1:], (2, 6), strict=True):
        for entry in one.history:
            entry["weights"] = [total / 4] * 4
        one.history[-1]["test_error"] = [0.9, 0.8, 0.7, total / 10]
    file = write(runs, tmp_path / "totals.html")
    with another(page, f"{file.as_uri()}#view=totals") as other:
        words = other.locator("#words")
        expect(words).to_contain_text("The total alone, with CONST: 20.0% at 2, 60.0% at 6.")
        panels = other.locator("#picture .panel")
        assert panels.count() == 2
        assert panels.nth(0).locator(".point").count() == 3
        heights = "p => [...p.querySelectorAll('.tick.y')].map(t => t.getAttribute('data-value'))"
        assert panels.nth(0).evaluate(heights) == panels.nth(1).evaluate(heights)
        assert other.locator("#picture .line-name p").all_inner_texts() == ["AdaLoss", "CONST"]
        other.locator("#control-exit").focus()
        other.keyboard.press("Home")
        expect(words).to_contain_text("Exit 1 errs least")
        assert "exit=1" in other.evaluate("location.hash")
        other.screenshot(path=SHOTS / "page-totals.png")


def test_weights_are_typed(page):
    page.evaluate("location.hash = 'view=schemes'")
    page.get_by_label("Scheme", exact=True).select_option("my own")
    page.get_by_label("Weights").fill("1, 1, 1, 1")
    # The first loss is four times the last: 4, 2.52, 1.59, 1 in all 9.11.
    assert "last exit has 25 % of the weight and, where training starts, 11 %" in said(page)
    drawn = [100 * share for share in (0.25, 4 / 9.107, 1 / 9.107)]
    bars = page.evaluate(READ.replace("Number(tick.textContent)", "parseFloat(tick.textContent)"))
    np.testing.assert_allclose([bars[0]["bars"][i] for i in (0, 4, 7)], drawn, atol=0.3)
    page.get_by_label("Weights").fill("1, two")
    assert said(page).startswith("Type two weights or more")
    assert page.locator("#picture svg").count() == 0


@pytest.mark.parametrize("view", ["curves", "eann", "totals", "live", "schemes"])
def test_other_explorers_are_cut_nowhere_either(page, file, view):
    for size in ((1280, 720), (390, 844)):
        with another(page, f"{file.as_uri()}#view={view}", *size) as other:
            assert other.evaluate("document.documentElement.scrollWidth") <= size[0]
            assert other.evaluate(OUTSIDE) == []
            other.screenshot(path=SHOTS / f"page-{view}-{size[0]}.png")


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (390, 844)], ids=str)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_on_any_screen(page, file, size, scheme):
    with another(page, file.as_uri(), *size, color_scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        least = page.evaluate(
            """() => Math.min(...[...document.querySelectorAll("body *")]
              .filter(one => one.childNodes.length && one.getClientRects().length)
              .map(one => parseFloat(getComputedStyle(one).fontSize)))"""
        )
        assert least >= (17 if size[0] < 500 else 18)
        assert page.evaluate(OUTSIDE) == []
        if size[0] > 500:
            assert (
                page.evaluate("document.getElementById('words').getBoundingClientRect().bottom")
                <= size[1]
            )
        page.screenshot(path=SHOTS / f"page-{size[0]}-{scheme}.png")


@pytest.mark.parametrize("view", ["weights", "curves", "eann", "totals", "live", "schemes"])
def test_axe_finds_nothing_serious(page, file, view):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="axe looks for barriers: pip install axe-playwright-python",
    )
    for scheme in ("light", "dark"):
        with another(page, f"{file.as_uri()}#view={view}", color_scheme=scheme) as other:
            other.get_by_text("The numbers behind the picture").click()
            found = axe.Axe().run(other).response["violations"]
            assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
