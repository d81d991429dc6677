"""Counts what was tried and what was answered as it should be, kind by kind.

The long version, with CAMPAIGN=1, puts the table into docs/promises.md once all was answered.
"""

import os
from collections import Counter

import pandas as pd
import pytest

from anytime.experiments import report
from anytime.paths import REPOSITORY

PAGE = REPOSITORY / "docs" / "promises.md"


def pytest_configure(config):
    config.addinivalue_line("markers", "kind(name): what kind of fault a test tries")


def pytest_collection_modifyitems(items):
    for item in items:
        if mark := item.get_closest_marker("kind"):
            item.user_properties.append(("kind", mark.args[0]))


def pytest_terminal_summary(terminalreporter):
    tried, passed = Counter(), Counter()
    for outcome in ("passed", "failed"):
        for test in terminalreporter.getreports(outcome):
            kind = dict(getattr(test, "user_properties", ())).get("kind")
            if kind and test.when == "call":
                tried[kind] += 1
                passed[kind] += outcome == "passed"
    if tried and not hasattr(terminalreporter.config, "workerinput"):
        kinds = [(kind, tried[kind], passed[kind]) for kind in sorted(tried)]
        kinds.append(("all", tried.total(), passed.total()))
        table = pd.DataFrame(kinds, columns=["what is wrong", "tried", "answered"])
        terminalreporter.section("tried and answered as promised")
        terminalreporter.write_line(table.to_string(index=False))
        whole = not terminalreporter.config.option.keyword and tried == passed
        if os.environ.get("CAMPAIGN") and whole:
            report.put(PAGE, "campaign", report._aligned(table))


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch, request):
    """A cache of the module's own, so that no test reads what another one broke."""
    folder = tmp_path_factory.getbasetemp() / f"cache-{request.module.__name__}"
    monkeypatch.setenv("ANYTIME_CACHE", str(folder))
