"""The check of notebook 00's exercise."""

import pytest

from anytime.course import checks


def said(capsys, answer):
    checks.error_rate(answer)
    return capsys.readouterr().out


def undone(*_):
    raise NotImplementedError("Exercise 0.1")


def test_an_undone_error_rate_is_said_to_be_undone(capsys):
    assert said(capsys, undone) == "Exercise 0.1: not done yet.\n"


def test_a_right_error_rate_is_accepted(capsys):
    assert said(capsys, lambda p, y: sum(a != b for a, b in zip(p, y, strict=True)) / len(y)) == (
        "Exercise 0.1: right.\n"
    )


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda p, y: (p == y).float().mean(), "share of right"),
        (lambda p, y: (p != y).sum(), "divide it by the number"),
        (lambda p, y: 100 * (p != y).float().mean(), "in percent"),
        (lambda p, y: None, "return"),
        (lambda p, y: 0.5, "0.2 is right"),
        (lambda p, y: 0.2, "0.75 is right"),
        (lambda p, y: (p != y).mean(), "RuntimeError"),
    ],
    ids=["accuracy", "count", "percent", "nothing", "other", "one input", "error"],
)
def test_a_wrong_error_rate_is_told_what_is_off(capsys, answer, hint):
    assert hint in said(capsys, answer)
