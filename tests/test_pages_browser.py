"""The course's pages as people read them: on a screen, on a telephone, on paper, by keyboard."""

from contextlib import contextmanager

import nbformat
import pdf_text
import pytest
from browsing import needs_chromium, opened
from test_explore_page import run

from anytime.course import building as course
from anytime.course import pages
from anytime.explore.page import write
from anytime.paths import REPOSITORY

pytestmark = needs_chromium
SHOTS = REPOSITORY / "build" / "pages"
NOTEBOOKS = [path for path in course.notebooks() if path.stem[:2] in ("00", "03", "08")]
READ = ["index", *(path.stem for path in NOTEBOOKS)]

# What is wider than its place and cannot be scrolled, and what has to be scrolled.
WIDE = """() => [...document.querySelectorAll("body *")].filter(
  one => one.clientWidth && one.scrollWidth > one.clientWidth + 1)"""
CUT = f"""() => ({WIDE})().filter(one => /hidden|clip/.test(getComputedStyle(one).overflowX))
  .map(one => one.outerHTML.slice(0, 80))"""
SCROLLED = f"""() => ({WIDE})().filter(one => /auto|scroll/.test(getComputedStyle(one).overflowX))
  .map(one => one.outerHTML.slice(0, 80))"""
SMALLEST = """() => Math.min(...[...document.querySelectorAll("body *")]
  .filter(one => !one.closest("math, sub, sup") && one.checkVisibility()
    && [...one.childNodes].some(part => part.nodeType === 3 && part.data.trim()))
  .map(one => parseFloat(getComputedStyle(one).fontSize)))"""

# Leaves one word of code of each colour: axe takes a minute for thousands that look alike.
ONE_OF_EACH = """() => { const seen = new Set();
  for (const word of document.querySelectorAll(".highlight span[class]"))
    if (seen.has(word.className)) word.replaceWith(word.textContent);
    else seen.add(word.className); }"""
VISIBLE = "all => all.filter(one => one.checkVisibility()).length"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pages of the stored notebooks, not executed again, and PDFs of them."""
    made = tmp_path_factory.mktemp("course")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "PAGES", made)
        for path in NOTEBOOKS:
            text = pages.render(nbformat.read(path, 4), path, course.notebooks(), 1.0)
            (made / f"{path.stem}.html").write_text(text, encoding="utf-8")
        pages.write_index(course.notebooks())
        write([run("easy"), run("hard", seed=1)], made / "explorers.html")
        pages.write_pdfs(NOTEBOOKS)
    SHOTS.mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture(scope="module")
def browser(folder):
    with opened((folder / "index.html").as_uri(), offline=True) as page:
        yield page.context.browser


@contextmanager
def page(browser, folder, name, width=1280, height=720, **options):
    size = {"width": width, "height": height}
    made = browser.new_page(viewport=size, offline=True, **options)
    made.goto((folder / f"{name}.html").as_uri())
    yield made
    made.close()


@pytest.mark.parametrize("name", READ)
def test_nothing_is_cut_on_any_screen(browser, folder, name):
    with page(browser, folder, name) as shown:
        for width, height in ((1920, 1080), (1280, 720), (390, 844)):
            shown.set_viewport_size({"width": width, "height": height})
            assert shown.evaluate("document.documentElement.scrollWidth") <= width
            assert shown.evaluate(CUT) == []
            assert shown.evaluate(SMALLEST) >= 16
            if width > 1000:  # a telephone has no Tab key that would have to pass them
                assert shown.evaluate(SCROLLED) == []
            shown.screenshot(path=SHOTS / f"{name}-{width}.png")


@pytest.mark.parametrize(
    "name, scheme", [*((name, "light") for name in READ), (READ[0], "dark"), (READ[2], "dark")]
)
def test_axe_finds_nothing_serious(browser, folder, name, scheme):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="axe looks for barriers: pip install axe-playwright-python",
    )
    with page(browser, folder, name, color_scheme=scheme) as shown:
        shown.screenshot(path=SHOTS / f"{name}-{scheme}.png")
        shown.evaluate(ONE_OF_EACH)
        found = axe.Axe().run(shown).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("width, place", [(1280, ".aside"), (390, ".folded")])
def test_the_contents_lead_to_the_headings(browser, folder, width, place):
    with page(browser, folder, READ[2], width=width) as shown:
        if place == ".folded":
            shown.get_by_text("Contents", exact=True).click()
        links = shown.locator(f".contents{place} a")
        headings = shown.locator("main :is(h2, h3)")
        assert links.all_inner_texts() == headings.all_inner_texts()
        last = links.count() - 1
        links.nth(last).click()
        top = headings.nth(last).bounding_box()["y"]
        assert 0 <= top < 720


def test_the_keyboard_passes_links_and_no_cells(browser, folder):
    with page(browser, folder, READ[2]) as shown:
        links = shown.locator("a").evaluate_all(VISIBLE)
        folded = shown.locator("summary").evaluate_all(VISIBLE)
        seen = []
        for _ in range(links + folded):
            shown.keyboard.press("Tab")
            seen.append(shown.evaluate("document.activeElement.tagName"))
        assert seen.count("A") == links and seen.count("SUMMARY") == folded
        shown.keyboard.press("Tab")
        assert shown.evaluate("document.activeElement.tagName") == "BODY"


def test_the_first_stop_leads_past_the_links_to_the_text(browser, folder):
    with page(browser, folder, READ[2]) as shown:
        shown.keyboard.press("Tab")
        assert shown.locator(":focus").inner_text() == "Skip to the text"
        assert shown.locator(":focus").bounding_box()["x"] >= 0
        shown.keyboard.press("Enter")
        shown.keyboard.press("Tab")
        assert shown.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("name", READ[:2])
def test_the_final_weights_can_be_moved_on_the_index_and_the_first_page(browser, folder, name):
    with page(browser, folder, name) as shown:
        shown.locator("iframe").scroll_into_view_if_needed()
        explorer = shown.frame_locator("iframe")
        explorer.locator("#control-epoch").focus()
        shown.keyboard.press("Home")
        assert "At epoch 1," in explorer.locator("#words").inner_text()
        assert explorer.locator("#picture .panel").count() == 2
        shown.screenshot(path=SHOTS / f"{name}-explorer.png")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_line_of_code_is_lost_on_paper(folder, path):
    printed = pdf_text.text((folder / f"{path.stem}.pdf").read_bytes())
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    lines = [line for cell in cells for line in cell.source.splitlines()]
    assert len(lines) > 50
    assert [line for line in lines if "".join(line.split()) not in printed] == []


def test_paper_is_white_and_shows_what_is_folded_and_no_links_around(browser, folder):
    assert "Allnotebooks" not in pdf_text.text((folder / f"{READ[-1]}.pdf").read_bytes())
    with page(browser, folder, READ[-1], width=680, color_scheme="dark") as shown:
        shown.emulate_media(media="print")
        assert shown.evaluate("document.documentElement.scrollWidth") <= 680
        ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        answer = shown.locator("main details > p").first
        assert answer.evaluate("one => one.checkVisibility({contentVisibilityAuto: true})")
        shown.screenshot(path=SHOTS / f"{READ[-1]}-paper.png", full_page=True)
