"""What holds for every check of the course's exercises."""

import pytest
import test_checks_00
import test_checks_01
import test_checks_02
import test_checks_03
import test_checks_04
import test_checks_05
import test_checks_06
import test_checks_07
import test_checks_08
import test_checks_09
import test_checks_10
import test_checks_11

MODULES = (
    test_checks_00,
    test_checks_01,
    test_checks_02,
    test_checks_03,
    test_checks_04,
    test_checks_05,
    test_checks_06,
    test_checks_07,
    test_checks_08,
    test_checks_09,
    test_checks_10,
    test_checks_11,
)
RIGHT = {check: answer for module in MODULES for check, answer in module.RIGHT.items()}
each_exercise = pytest.mark.parametrize("check", RIGHT, ids=lambda check: check.__name__)


def undone(*_, **__):
    raise NotImplementedError


@each_exercise
def test_a_right_answer_is_accepted(capsys, check):
    check(RIGHT[check])
    assert capsys.readouterr().out.endswith(": right.\n")


@each_exercise
def test_an_answer_that_fits_the_first_question_alone_is_never_right(capsys, check):
    first = []

    def stuck(*given, **named):
        first.append(first[0] if first else RIGHT[check](*given, **named))
        return first[0]

    check(stuck)
    assert len(first) > 1
    assert not capsys.readouterr().out.endswith(": right.\n")


@each_exercise
def test_an_undone_exercise_is_said_to_be_undone(capsys, check):
    check(undone)
    assert capsys.readouterr().out.endswith(": not done yet.\n")


@each_exercise
def test_an_answer_that_returns_nothing_is_never_right(capsys, check):
    check(lambda *_, **__: None)
    assert not capsys.readouterr().out.endswith(": right.\n")
