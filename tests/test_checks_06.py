"""The checks of notebook 06's exercises: right answers, and likely mistakes."""

import math

import numpy as np
import pytest

from anytime.course import checks


def walk(errors, costs, level):
    """From the cheapest exit on, the first that is good enough."""
    for cost, error in sorted(zip(costs, errors, strict=True)):
        if not error > level:
            return cost
    return None


def simulated(error_a, error_b, n):
    """The spread of differences between shares of n coin flips, from the exact distributions."""
    counts = np.arange(n + 1)
    log_choose = np.array([math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
                           for k in counts])  # fmt: skip
    variance = 0.0
    for error in (error_a, error_b):
        chance = np.exp(log_choose + counts * math.log(error) + (n - counts) * math.log1p(-error))
        mean = chance @ counts
        variance += chance @ (counts - mean) ** 2 / n**2
    return math.sqrt(variance)


def by_bisection(const, adaloss):
    """The percents at which the small network's error meets the large one's 1 + const."""
    low, high = -100.0, 1000.0
    for _ in range(80):
        middle = (low + high) / 2
        small = (1 + middle / 100) * (1 + adaloss / 100)
        low, high = (middle, high) if small < 1 + const / 100 else (low, middle)
    return low


RIGHT = {
    checks.cheapest_exit: walk,
    checks.difference_bar: simulated,
    checks.break_even: by_bisection,
}


def positions(errors, level):
    return [k for k, error in enumerate(errors) if error <= level]


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda e, c, level: c[positions(e, level)[-1]], "exit 2 reaches 0.4 for less"),
        (lambda e, c, level: positions(e, level)[0], "position in the list"),
        (lambda e, c, level: positions(e, level)[0] + 1, "that is the exit; return its cost"),
        (lambda e, c, level: e[positions(e, level)[0]], "that is the error"),
        (lambda e, c, level: walk(e, c, level - 1e-9), "exactly the level"),
        (lambda e, c, level: walk(e, c, level) or c[-1], "return None"),
        (lambda e, c, level: 25, "at most 0.6 gives 25, but 10 is right"),
    ],
)
def test_a_wrong_cheapest_exit_is_told_what_is_off(capsys, answer, hint):
    checks.cheapest_exit(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda a, b, n: simulated(a, b, n) ** 2, "take the square root"),
        (lambda a, b, n: (a * (1 - a) / n) ** 0.5 + (b * (1 - b) / n) ** 0.5, "add the squares"),
        (lambda a, b, n: (a * (1 - a) / n) ** 0.5, "of the first error alone"),
        (lambda a, b, n: (b * (1 - b) / n) ** 0.5, "of the second error alone"),
        (lambda a, b, n: (a * (1 - a) / n) ** 0.5 - (b * (1 - b) / n) ** 0.5, "also for a diff"),
        (lambda a, b, n: ((a * (1 - a) - b * (1 - b)) / n) ** 0.5, "also for a difference"),
        (lambda a, b, n: (a * (1 - a) + b * (1 - b)) ** 0.5, "divide by n"),
        (lambda a, b, n: 0.01, "on 1,250 images gives 0.01, but 0.02 is right"),
    ],
)
def test_a_wrong_bar_of_a_difference_is_told_what_is_off(capsys, answer, hint):
    checks.difference_bar(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda const, adaloss: const - adaloss, "so divide"),
        (lambda const, adaloss: (100 + const) / (100 + adaloss), "how many percent is it above 1"),
        (lambda const, adaloss: 100 * (100 + const) / (100 + adaloss), "how much is it above 100"),
        (lambda const, adaloss: (100 + const) / (100 + adaloss) - 1, "give it in percent"),
        (lambda const, adaloss: by_bisection(adaloss, const), "upside down"),
        (lambda const, adaloss: 12.5, "CONST 10 %, AdaLoss 10 % gives 12.5, but 0 is right"),
        (lambda const, adaloss: None, "end it with `return`"),
    ],
)
def test_a_wrong_break_even_is_told_what_is_off(capsys, answer, hint):
    checks.break_even(answer)
    assert hint in capsys.readouterr().out
