"""Counts what was tried and what was answered as it should be, kind by kind."""

from collections import Counter

import pytest


def pytest_configure(config):
    config.addinivalue_line("markers", "kind(name): what kind of fault a test tries")


def pytest_collection_modifyitems(items):
    for item in items:
        if mark := item.get_closest_marker("kind"):
            item.user_properties.append(("kind", mark.args[0]))


def pytest_terminal_summary(terminalreporter):
    tried, passed = Counter(), Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            kind = dict(getattr(report, "user_properties", ())).get("kind")
            if kind and report.when == "call":
                tried[kind] += 1
                passed[kind] += outcome == "passed"
    if tried:
        terminalreporter.section("tried and answered as promised")
        for kind, number in tried.items():
            terminalreporter.write_line(f"{kind:40} {number:4} {passed[kind]:4}")
        terminalreporter.write_line(f"{'all':40} {tried.total():4} {passed.total():4}")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch, request):
    """A cache of the module's own, so that no test reads what another one broke."""
    folder = tmp_path_factory.getbasetemp() / f"cache-{request.module.__name__}"
    monkeypatch.setenv("ANYTIME_CACHE", str(folder))
