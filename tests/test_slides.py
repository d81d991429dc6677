"""The slides for 90 minutes: what they show, and how they are presented in a real browser."""

import re

import pytest

from anytime.course.notebooks import NotebookError
from anytime.course.slides import SLIDES, write_slides

COUNT = SLIDES.read_text(encoding="utf-8").count("\n---\n") + 1


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_slides(page=tmp_path_factory.mktemp("slides") / "slides.html")


def test_every_slide_has_a_heading_and_notes(made):
    slides = re.findall(r"<section .*?</section>", made.read_text(encoding="utf-8"), re.DOTALL)
    assert len(slides) == COUNT
    for slide in slides:
        shown, notes = slide.split("<aside")
        assert re.search(r"<h[12]", shown)
        assert len(re.sub("<.*?>", "", notes).split()) > 10


def test_every_figure_is_a_stored_one_with_its_alternative_text(made):
    pictures = re.findall(r"<img [^>]*>", made.read_text(encoding="utf-8"))
    assert len(pictures) == SLIDES.read_text(encoding="utf-8").count("![](")
    for picture in pictures:
        assert len(re.search(r'alt="([^"]*)"', picture)[1]) > 20
        assert "data:image/png;base64," in picture


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("03_nosuch.ipynb#1", "03_nosuch.ipynb, which is not there"),
        ("03_adaloss.ipynb#99", r"figure 99 of 03_adaloss.ipynb, which has \d"),
        ("03_adaloss.ipynb#0", "figure 0 of 03_adaloss.ipynb"),
    ],
)
def test_a_figure_that_is_not_there_is_named(tmp_path, link, told):
    text = tmp_path / "slides.md"
    text.write_text(f"# One\n\n![]({link})\n")
    with pytest.raises(NotebookError, match=told):
        write_slides(text, tmp_path / "slides.html")


def test_slides_are_presented_by_keyboard_and_fit_a_projector(made):
    browsing = pytest.importorskip("browsing")
    if browsing.browser() is None:
        pytest.skip("there is no chromium here")
    asked = []
    with browsing.opened(made.as_uri(), width=1280, height=720, offline=True) as page:
        page.on("request", lambda request: asked.append(request.url))
        current, notes = page.locator("section.current"), page.locator("section.current aside")
        for number in range(1, COUNT + 1):
            browsing.expect(current).to_have_attribute("id", str(number))
            high, wide = page.evaluate(
                "[document.querySelector('section.current').scrollHeight,"
                " document.documentElement.scrollWidth]"
            )
            assert high <= 720 and wide <= 1280, f"slide {number} is cut"
            page.keyboard.press("ArrowRight")
        browsing.expect(current).to_have_attribute("id", str(COUNT))  # the last one stays
        page.keyboard.press("Home")
        browsing.expect(current).to_have_attribute("id", "1")
        page.keyboard.press(" ")
        browsing.expect(current).to_have_attribute("id", "2")

        browsing.expect(notes).to_be_hidden()
        page.keyboard.press("n")
        browsing.expect(notes).to_be_visible()
        page.get_by_role("button", name="Back").click()
        browsing.expect(current).to_have_attribute("id", "1")
        page.screenshot(path=browsing.SHOTS / "slides.png")

        page.emulate_media(media="print")
        assert page.locator("aside:visible").count() == COUNT
    assert not [url for url in asked if not url.startswith(("file:", "data:"))]
