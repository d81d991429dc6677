"""What every check shares: its verdict, its limit of time, and in which form an answer may come."""

import _thread
import re
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
import torch
from IPython.core.formatters import DisplayFormatter

from anytime.course.checks import friendly
from anytime.course.checks.attempts import OutOfTime, attempt
from anytime.course.checks.drawn import drawn


@friendly.cases("9.9", "double({})")
def double():
    """(N,) numbers -> twice the numbers."""
    yield (np.array([0.1, 2.0]),), [0.2, 4.0], ([0.01, 4.0], "that is the square; double it.")


@friendly.exercise("9.8")
def seen(answer):
    """Shows an answer what a check has drawn."""
    answer(drawn().integers(1_000_000))
    yield None


@friendly.cases("9.7", "halves of {}")
def halves():
    """(N,) numbers -> their halves."""
    yield (np.array([2.0, 0.6]),), [1.0, 0.3]
    yield (np.array([8.0]),), [4.0]


def half(numbers):
    return numbers / 2


def undone(numbers):
    raise NotImplementedError("Exercise 9.7")


def test_a_right_answer_is_true_and_printed(capsys):
    verdict = halves(half)
    assert verdict and (verdict.exercise, verdict.passed, verdict.message) == (
        "9.7",
        True,
        "right.",
    )
    assert str(verdict) + "\n" == capsys.readouterr().out == "Exercise 9.7: right.\n"


@pytest.mark.parametrize("answer", [undone, lambda numbers: numbers, lambda numbers: 1 / 0])
def test_any_other_answer_is_false_and_says_why(capsys, answer):
    verdict = halves(answer)
    assert not verdict and not verdict.passed and verdict.message
    assert capsys.readouterr().out == f"Exercise 9.7: {verdict.message}\n"


def test_a_cell_that_ends_with_a_check_shows_its_verdict_once():
    assert DisplayFormatter().format(halves(half)) == ({}, {})


def test_inputs_are_drawn_anew_each_time_and_alike_for_the_same_seed():
    found = []
    for seed in (None, None, 1, 2, 1):
        seen(found.append, seed=seed)
    assert len(set(found)) == 4 and found[2] == found[4]


def helper(numbers):
    return numbers.no_such_method()


def calls_helper(numbers):
    return helper(numbers)


def fails_inside_a_library(numbers):
    return np.linalg.inv(numbers)


@pytest.mark.parametrize(
    "answer, line",
    [
        (calls_helper, "return numbers.no_such_method()"),
        (fails_inside_a_library, "return np.linalg.inv(numbers)"),
    ],
)
def test_an_error_is_told_with_the_line_of_the_reader_s_own_code(answer, line):
    own = answer if answer is fails_inside_a_library else helper
    number = own.__code__.co_firstlineno + 1
    assert halves(answer).message.endswith(f"(line {number}: `{line}`)")


def test_an_error_in_no_line_of_the_reader_s_is_told_without_one():
    assert halves(np.linalg.inv).message.startswith("not yet. LinAlgError: ")
    assert "(line" not in halves(np.linalg.inv).message


def loops(numbers):
    while True:
        pass


def loops_and_catches(numbers):
    for _ in range(3):
        try:
            loops(numbers)
        except BaseException:
            continue
    return numbers / 2


def waits(numbers):
    while True:
        time.sleep(0.01)


def counts(numbers):
    number = 0
    while True:
        number += 1
        if number < 0:
            yield number


@pytest.mark.parametrize("answer", [loops, waits, counts])
def test_an_answer_that_never_ends_is_stopped_and_said_to_be(monkeypatch, answer):
    before = threading.active_count()
    monkeypatch.setattr(friendly, "SECONDS", 0.2)
    verdict = halves(answer)
    assert not verdict and "It was stopped after 0.2 seconds" in verdict.message
    assert "(line" in verdict.message
    assert threading.active_count() == before


def test_an_answer_that_catches_what_stops_it_ends_too(monkeypatch):
    before = threading.active_count()
    monkeypatch.setattr(friendly, "SECONDS", 0.2)
    halves(loops_and_catches)
    assert threading.active_count() == before


def test_an_answer_of_numbers_without_end_is_wrong_and_not_waited_for():
    def endless(numbers):
        while True:
            yield 1.0

    assert "the shape should be (2,)" in halves(endless).message


def test_what_cannot_be_stopped_is_left_behind():
    gate = threading.Event()
    value, error = attempt(gate.wait, 0.05)
    assert value is None and isinstance(error, OutOfTime)
    gate.set()


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError])
def test_nothing_that_an_answer_raises_stops_the_notebook(error):
    def answer(numbers):
        raise error

    assert not halves(answer)


def test_leaving_python_is_told_with_its_line():
    assert "SystemExit: 1 (line" in halves(lambda numbers: sys.exit(1)).message


def test_printing_in_place_of_returning_is_told(capsys):
    verdict = halves(lambda numbers: print(numbers / 2))
    assert "gives None, but [1, 0.3] is right: end it with `return`" in verdict.message


def test_an_interrupt_by_the_reader_goes_through():
    before = threading.active_count()
    timer = threading.Timer(0.2, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        halves(lambda numbers: time.sleep(0.5) or loops(numbers))
    timer.join()
    assert threading.active_count() == before


FORMS = {
    "a list": lambda x: [float(one) for one in x / 2],
    "a tuple": lambda x: tuple(x / 2),
    "a generator": lambda x: (one / 2 for one in x),
    "a list of tensors with gradients": lambda x: list(torch.tensor(x / 2, requires_grad=True)),
    "a series": lambda x: pd.Series(x) / 2,
    **{
        f"an array of {kind}": lambda x, kind=kind: x.astype(kind) / 2
        for kind in ("float16", "float32", "float64")
    },
    **{
        f"a tensor of {kind}": lambda x, kind=kind: torch.tensor(x).to(kind) / 2
        for kind in (torch.bfloat16, torch.float16, torch.float32, torch.float64)
    },
    "a tensor with gradients": lambda x: torch.tensor(x, requires_grad=True) / 2,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_right_answer_may_come_in_any_form_and_precision(form):
    assert halves(FORMS[form])


@pytest.mark.parametrize("answer", [{1: 2}, "[1, 0.3]", ["1", "0.3"], [[1, 2], [3]], object()])
def test_an_answer_that_is_made_of_no_numbers_is_told_so(answer):
    verdict = halves(lambda numbers: answer)
    assert not verdict and re.match("not yet. (Type|Value)Error: .+", verdict.message)


def test_a_wrong_answer_is_wrong_in_any_precision():
    assert not halves(lambda x: (torch.tensor(x) / 2 + 0.02).bfloat16())
    assert not halves(lambda x: x.astype("float16") / 2 + np.float16(0.005))


def test_the_first_mistake_that_fits_is_named():
    assert double(lambda x: x**2).message == "that is the square; double it."
