"""The examples in docstrings are run."""

import doctest
import importlib
from pathlib import Path

import pytest

import anytime

FOLDER = Path(anytime.__file__).parent
WITH_EXAMPLES = [
    path.relative_to(FOLDER.parent).with_suffix("")
    for path in sorted(FOLDER.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=str)
def test_examples_give_what_they_say(path):
    module = importlib.import_module(".".join(path.parts))
    failed, tried = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried and not failed


def test_there_are_examples():
    assert len(WITH_EXAMPLES) > 5
