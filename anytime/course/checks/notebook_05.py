"""The checks of notebook 05's exercises."""

from __future__ import annotations

from collections.abc import Callable

from anytime.course.checks.friendly import exercise, number_differs, numbers_differ


@exercise("5.1")
def exit_at_share(answer: Callable) -> str | None:
    """(K,) costs, a share of the last -> the exit, from 1, with the nearest cost."""
    cost = [10.0, 30.0, 60.0, 100.0]
    counted = "exits are counted from 1: add 1 to the position."
    cases = [
        ((0.25,), 2, {1: counted}),
        ((0.5,), 3, {2: "exit 3 costs 0.6 of the whole, exit 2 only 0.3: 0.6 is nearer to 0.5."}),
        ((0.75,), 3, {4: "exit 3 costs 0.6 of the whole: that is nearer to 0.75 than 1 is."}),
        ((1.0,), 4, {3: counted}),
    ]
    asked = "a share of {:g} of the costs 10, 30, 60, 100"
    return numbers_differ(lambda share: answer(cost, share), asked, cases)


@exercise("5.2")
def mean_increase(answer: Callable) -> str | None:
    """(D,) errors, (D,) errors of OPT -> the mean of the increases in percent."""
    mistakes = {
        1100 / 29: "that is the increase of the mean errors; take the mean of the increases.",
        0.85: "give it in percent: multiply by 100.",
        185.0: "that is the quotient of the errors; subtract 1 before you average.",
        5.5: "that is the difference in points; divide it by OPT's error.",
        115 / 3: "divide by OPT's error, not by the exit's.",
    }
    asked = "errors 0.1 and 0.3 over OPT's 0.04 and 0.25, in percent,"
    return number_differs(answer([0.1, 0.3], [0.04, 0.25]), 85.0, mistakes, asked)


@exercise("5.3")
def standard_errors_from_zero(answer: Callable) -> str | None:
    """(S,) differences -> the distance of their mean from 0, in its standard errors."""
    deviation, root = 4.0, 3**0.5  # of -2, 2, 6, whose mean is 2
    mistakes = {
        2.0: "that is the mean; divide it by its standard error.",
        2.0 / deviation: "that is in standard deviations; the mean's is smaller, by sqrt(n).",
        2.0 / deviation / root: "divide the deviation by sqrt(n), don't multiply.",
        2.0 * root / (deviation * (2 / 3) ** 0.5): "use n - 1 in the denominator: ddof=1.",
        deviation / root: "that is the standard error; divide the mean by it.",
    }
    asked = "differences -2, 2, 6"
    return number_differs(answer([-2.0, 2.0, 6.0]), 2.0 * root / deviation, mistakes, asked)
