"""The checks of notebook 05's exercises: right answers, undone ones, and likely mistakes."""

import statistics

import numpy as np
import pytest

from anytime.course import checks


def nearest(cost, share):
    return min(range(1, len(cost) + 1), key=lambda exit: abs(cost[exit - 1] - share * cost[-1]))


def increases(errors, optimal):
    return [100 * (e / o - 1) for e, o in zip(errors, optimal, strict=True)]


def in_standard_errors(differences):
    n = len(differences)
    return abs(statistics.mean(differences)) * n**0.5 / statistics.stdev(differences)


RIGHT = {
    checks.exit_at_share: nearest,
    checks.mean_increase: lambda e, o: statistics.mean(increases(e, o)),
    checks.standard_errors_from_zero: in_standard_errors,
}


@pytest.mark.parametrize(
    "name, answer, hint",
    [
        ("exit_at_share", lambda c, s: nearest(c, s) - 1, "counted from 1"),
        ("exit_at_share", lambda c, s: 2 if s == 0.5 else nearest(c, s), "0.6 is nearer"),
        ("exit_at_share", lambda c, s: int(np.searchsorted(c, s * c[-1])) + 1, "nearer to 0.75"),
        ("mean_increase", lambda e, o: 100 * (sum(e) / sum(o) - 1), "mean of the increases"),
        ("mean_increase", lambda e, o: sum(increases(e, o)) / 200, "multiply by 100"),
        ("mean_increase", lambda e, o: 100 + sum(increases(e, o)) / 2, "subtract 1"),
        ("mean_increase", lambda e, o: 50 * (sum(e) - sum(o)), "in points"),
        ("mean_increase", lambda e, o: -sum(increases(o, e)) / 2, "not by the exit's"),
        ("standard_errors_from_zero", np.mean, "divide it by its standard error"),
        ("standard_errors_from_zero", lambda d: np.mean(d) / np.std(d, ddof=1), "by sqrt(n)"),
        ("standard_errors_from_zero", lambda d: np.mean(d) / np.std(d) * 3**0.5, "ddof=1"),
        ("standard_errors_from_zero", lambda d: np.std(d, ddof=1) / 3**0.5, "divide the mean"),
        (
            "standard_errors_from_zero",
            lambda d: np.mean(d) / np.std(d, ddof=1) * len(d) ** 0.5,
            "abs",
        ),
        ("standard_errors_from_zero", lambda d: 3**0.5 * np.mean(abs(d)) / 4, "is right"),
        ("standard_errors_from_zero", lambda d: None, "end it with `return`"),
        ("standard_errors_from_zero", lambda d: 7.0, "gives 7, but 0.866"),
    ],
)
def test_a_wrong_answer_is_told_what_is_off(capsys, name, answer, hint):
    getattr(checks, name)(answer)
    assert hint in capsys.readouterr().out


def test_answers_written_for_arrays_are_right(capsys):
    checks.mean_increase(lambda errors, optimal: (100 * (errors - optimal) / optimal).mean())
    checks.standard_errors_from_zero(lambda d: abs(d.mean()) / (d.std(ddof=1) / d.size**0.5))
    assert capsys.readouterr().out == "Exercise 5.2: right.\nExercise 5.3: right.\n"
