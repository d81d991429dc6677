"""How a mistake has to be answered: by an error that names what is wrong, and by nothing else."""

import re
from collections.abc import Callable, Iterable

import pytest

# What the kit raises for a user's mistake; RuntimeError is for training that broke.
ANSWERS = (ValueError, TypeError, OSError, RuntimeError)
# Words of libraries that help nobody who made a mistake.
INNER = re.compile(
    r"enforce fail|inline_container|object has no attribute|'NoneType'|unhashable|list index|"
    r"object is not|not subscriptable|not supported between|unsupported operand|"
    r"unexpected keyword|KeyError|IndexError|codec can't|meta tensors"
)


def cases(kind: str, table: Iterable, ids: Callable | None = None):
    """The decorator of a test that is called with each row of a table of one kind of fault."""
    rows = list(table)
    assert len(rows) <= 40, "no kind counts for more than 40"

    def decorate(test):
        parametrised = pytest.mark.parametrize(
            "case", rows, ids=ids or (lambda row: repr(row)[:60])
        )
        return pytest.mark.kind(kind)(parametrised(test))

    return decorate


def refused(call: Callable, *words: str) -> str:
    """Calls what has to fail; the message, which says these words and is one that helps."""
    with pytest.raises(ANSWERS) as caught:
        call()
    message = " ".join(str(caught.value).split())
    assert len(message) > 15, f"{message!r} says nothing"
    assert not INNER.search(message), f"{message!r} speaks of what is inside"
    for word in words:
        assert word in message, f"{message!r} does not say {word!r}"
    return message


def ends(capsys, call: Callable[[], int]) -> str:
    """A call of the command line that has to fail: its one message on stderr."""
    try:
        status = call()
    except SystemExit as ended:
        status = ended.code
    shown = capsys.readouterr().err
    assert status in (1, 2), f"it ended with {status}: {shown}"
    assert "Traceback" not in shown
    (message,) = [line for line in shown.splitlines() if "error: " in line]
    assert not INNER.search(message), f"{message!r} speaks of what is inside"
    return message
