"""The table of the campaign on the page of promises is that of the tests that there are."""

import os
from collections import Counter

import pytest

from anytime.experiments import report
from anytime.paths import REPOSITORY

KILLS = 60
pytestmark = pytest.mark.skipif("CAMPAIGN" in os.environ, reason="the table is being made")


def table() -> dict[str, tuple[int, int]]:
    """What the page says was tried and answered, kind by kind."""
    page = REPOSITORY / "docs" / "promises.md"
    before, after = report.around(page, "campaign")
    text = page.read_text(encoding="utf-8").removeprefix(before).removesuffix(after)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    return {kind: (int(tried), int(answered)) for kind, tried, answered in rows[2:]}


def test_the_campaign_is_as_large_as_promised_and_nothing_went_unanswered():
    told = table()
    tried = {kind: numbers[0] for kind, numbers in told.items()}
    assert all(tried == answered for tried, answered in told.values())
    assert tried.pop("all") == sum(tried.values())
    assert tried.pop("kills") == KILLS
    assert sum(tried.values()) >= 500 and max(tried.values()) <= 40


def test_the_page_counts_the_tests_that_there_are(request):
    marks = [item.get_closest_marker("kind") for item in request.session.items]
    counted = Counter(mark.args[0] for mark in marks if mark)
    told = {kind: numbers[0] for kind, numbers in table().items() if kind != "all"}
    if len(counted) < len(told) - 1:
        pytest.skip("only some of the tests were asked for")
    assert counted | {"kills": KILLS} == told
