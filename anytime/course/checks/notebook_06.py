"""The checks of notebook 06's exercises."""

from __future__ import annotations

from collections.abc import Callable

from anytime.course.checks.friendly import exercise, number_differs


@exercise("6.1")
def cheapest_exit(answer: Callable) -> str | None:
    """(K,) errors, (K,) costs, a level -> the cost of the cheapest exit that reaches it."""
    errors, costs = [0.5, 0.3, 0.35, 0.2], [10, 25, 40, 70]
    hints = {
        (0.4, 70): "that is the last exit; exit 2 reaches 0.4 for less.",
        (0.4, 2): "that is the exit; return its cost.",
        (0.4, 1): "that is the exit's position in the list; return its cost.",
        (0.4, 0.3): "that is the error; return the cost.",
        (0.3, 70): "an error of exactly the level reaches it.",
        (0.1, 70): "no exit has an error of 0.1 or less: return None.",
        (0.6, 70): "all exits reach 0.6, the cheapest for 10.",
    }
    for level, wanted in ((0.4, 25), (0.3, 25), (0.6, 10), (0.2, 70), (0.1, None)):
        found = answer(errors, costs, level)
        if found != wanted:
            general = f"an error of {level:g} is reached for {wanted}, you say {found}."
            return hints.get((level, found), general)
    return None


@exercise("6.2")
def difference_bar(answer: Callable) -> str | None:
    """Two errors, n images -> the standard error of their difference."""
    one, other, n = 0.2, 0.1, 2500
    squared = (one * (1 - one) + other * (1 - other)) / n
    mistakes = {
        squared: "that is the variance; take the square root.",
        0.008 + 0.006: "add the squares of the two error bars, then take the root.",
        0.008: "that is the error bar of the first error alone.",
        0.006: "that is the error bar of the second error alone.",
        0.002: "the squares of the error bars add, also for a difference.",
        0.5: "divide by n.",
        0.0052915: "the squares of the error bars add, also for a difference.",
    }
    asked = "errors 0.2 and 0.1 on 2,500 images"
    if off := number_differs(answer(one, other, n), 0.01, mistakes, asked):
        return off
    return number_differs(answer(0.5, 0.5, 1250), 0.02, {}, "errors 0.5 and 0.5 on 1,250 images")


@exercise("6.3")
def break_even(answer: Callable) -> str | None:
    """Percents above the own OPT, of CONST and AdaLoss -> how much worse the small OPT may be."""
    mistakes = {
        15.0: "that is the difference; the percents are of two different errors, so divide.",
        1.125: "that is the ratio of the two OPT errors; how many percent is it above 1?",
        112.5: "that is the ratio in percent; how much is it above 100?",
        0.125: "right, but as a share; give it in percent.",
        100 * (1.2 / 1.35 - 1): "upside down: the more CONST loses, the more the small one may.",
    }
    if off := number_differs(answer(35.0, 20.0), 12.5, mistakes, "CONST 35 %, AdaLoss 20 %"):
        return off
    return number_differs(answer(10.0, 10.0), 0.0, {}, "10 % for both")
