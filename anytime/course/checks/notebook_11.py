"""The checks of notebook 11's exercises."""

from __future__ import annotations

from collections.abc import Callable

from anytime.course.checks.friendly import NOTHING, exercise, number_differs, numbers_differ


@exercise("11.1")
def training_days(answer: Callable) -> str | None:
    """Multiply-adds, images, epochs, multiply-adds per second -> days of training."""
    days = 3 * 2e8 * 50_000 * 300 / 1e12 / 86_400
    mistakes = {
        days / 3: "forward alone; backward costs twice as much again: three times in all.",
        days * 2 / 3: "backward costs twice as much as forward: three times in all.",
        days * 86_400: "that is in seconds; a day has 86,400.",
        days * 24: "that is in hours; a day has 24.",
        days / 300: "that is one epoch; multiply by the epochs.",
    }
    asked = "200 million multiply-adds, 50,000 images, 300 epochs, a tera per second"
    return number_differs(answer(2e8, 50_000, 300, 1e12), days, mistakes, asked)


@exercise("11.2")
def milestone_rate(answer: Callable) -> str | None:
    """An epoch, the first rate, pairs (epoch, rate) in any order -> the rate in that epoch."""
    milestones = ((50, 0.5), (20, 2.0), (80, 0.25))
    before = "before the first milestone the start holds."
    on = "a milestone holds from its own epoch on, not from the next."
    later = "the latest milestone that was passed holds, in whichever order they are given."
    cases = [
        ((10,), 1.0, {0.5: before, 2.0: before, 0.25: before}),
        ((20,), 2.0, {1.0: on}),
        ((60,), 0.5, {2.0: later, 0.25: "that milestone is still ahead."}),
        ((99,), 0.25, {0.5: later, 2.0: later}),
    ]
    asked = f"epoch {{}}, milestones {milestones}, start 1"
    return numbers_differ(lambda epoch: answer(epoch, 1.0, milestones), asked, cases)


@exercise("11.3")
def own_verdict(answer: Callable) -> str | None:
    """(S,) differences, a limit in standard errors -> "shown", "reversed" or "undecided"."""
    cases = [
        ([1.5, 2.5, 3.5], 4.3, "shown", "the mean is 4.33 standard errors above 0."),
        ([-1.5, -2.5, -3.5], 4.3, "reversed", "the same below 0."),
        ([1.4, 2.4, 3.4], 4.3, "undecided", "the mean is 4.16 standard errors above 0: too few."),
        ([-0.1, 3.0, 3.0, 3.0, 3.0], 2.8, "shown", "the mean is 3.84 standard errors above 0."),
    ]
    for differences, limit, wanted, why in cases:
        found = answer(differences, limit)
        if found is None:
            return NOTHING
        if found != wanted:
            return f"{differences} with limit {limit}: you say {found!r}, but {wanted!r}: {why}"
    return None
