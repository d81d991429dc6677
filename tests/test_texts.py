"""The glossary and the teacher's page: their links, their words, the minutes of their plans."""

import re

import nbformat
import pytest

from anytime.course import pages
from anytime.course.notebooks import NOTEBOOKS

GLOSSARY = (NOTEBOOKS / "GLOSSARY.md").read_text(encoding="utf-8")
TEACHING = (NOTEBOOKS / "TEACHING.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"\*\*(.+?)\*\*[^(\n]*\(\[(\d\d)\]\((.+?)\)\)", GLOSSARY)


def plain(text: str) -> str:
    return re.sub(r"[^\w]+", " ", text.lower())


def test_the_glossary_has_an_entry_a_paragraph():
    paragraphs = [part for part in GLOSSARY.split("\n\n") if part.startswith("**")]
    assert len(paragraphs) == len(ENTRIES) > 30


@pytest.mark.parametrize("terms, number, link", ENTRIES)
def test_a_word_is_found_in_the_notebook_that_explains_it(terms, number, link):
    path = NOTEBOOKS / link
    assert path.exists() and link.startswith(number)
    cells = nbformat.read(path, 4).cells
    text = plain(" ".join(cell.source for cell in cells))
    words = [term for term in terms.split(", ") if len(term) > 1]
    assert all(re.search(rf"\b{plain(word).strip()}", text) for word in words)


def test_words_stand_in_the_order_of_the_alphabet_within_a_part():
    for section in GLOSSARY.split("\n## ")[1:]:
        first = [terms.lower() for terms, *_ in ENTRIES if f"**{terms}**" in section]
        assert first == sorted(first)


@pytest.mark.parametrize("plan, minutes", [("90 minutes", 90), ("Half a day", 240)])
def test_a_plan_fills_its_minutes_without_a_gap(plan, minutes):
    section = re.search(rf"### {plan}.*?\n(.*?)\n### ", TEACHING, re.DOTALL)[1]
    spans = [(int(a), int(b)) for a, b in re.findall(r"^\| (\d+)–(\d+) \|", section, re.MULTILINE)]
    assert [a for a, _ in spans] == [0, *(b for _, b in spans[:-1])]
    assert spans[-1][1] == minutes


def test_the_texts_are_pages_of_the_course_too(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "PAGES", tmp_path)
    pages.write_texts()
    glossary = (tmp_path / "GLOSSARY.html").read_text(encoding="utf-8")
    assert 'href="01_anytime_prediction.html"' in glossary
    assert "<h1" in glossary and ".ipynb" not in glossary
    assert "<table>" in (tmp_path / "TEACHING.html").read_text(encoding="utf-8")
