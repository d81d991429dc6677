"""The checks of notebook 11's exercises."""

import numpy as np

from anytime.course.checks.friendly import Answer, Cases, Problems, cases, exercise


@cases("11.1", "{:g} multiply-adds, {:,} images, {} epochs, {:g} per second")
def training_days() -> Cases:
    """Multiply-adds, images, epochs, multiply-adds per second -> days of training."""
    days = 3 * 2e8 * 50_000 * 300 / 1e12 / 86_400
    forward = "forward alone; backward costs twice as much again: three times in all."
    twice = "backward costs twice as much as forward: three times in all."
    seconds = "that is in seconds; a day has 86,400."
    hours = "that is in hours; a day has 24."
    epoch = "that is one epoch; multiply by the epochs."
    factors = (1 / 3, forward), (2 / 3, twice), (86_400, seconds), (24, hours), (1 / 300, epoch)
    yield (2e8, 50_000, 300, 1e12), days, *((days * factor, hint) for factor, hint in factors)
    yield (1e9, 1_000, 10, 1e9), 30_000 / 86_400


@cases("11.2", "epoch {}, start {}, milestones {}")
def milestone_rate() -> Cases:
    """An epoch, the first rate, pairs (epoch, rate) in any order -> the rate in that epoch."""
    milestones = ((50, 0.5), (20, 2.0), (80, 0.25))
    before = "before the first milestone the start holds."
    later = "the latest milestone that was passed holds, in whichever order they are given."
    yield (10, 1.0, milestones), 1.0, (0.5, before), (2.0, before), (0.25, before)
    yield (20, 1.0, milestones), 2.0, (1.0, "a milestone holds from its own epoch on.")
    yield (60, 1.0, milestones), 0.5, (2.0, later), (0.25, "that milestone is still ahead.")
    yield (99, 1.0, milestones), 0.25, (0.5, later), (2.0, later)


@exercise("11.3")
def own_verdict(answer: Answer) -> Problems:
    """(S,) differences, a limit in standard errors -> "shown", "reversed" or "undecided"."""
    table = [
        ([1.5, 2.5, 3.5], 4.3, "shown", "the mean is 4.33 standard errors above 0."),
        ([-1.5, -2.5, -3.5], 4.3, "reversed", "the same below 0."),
        ([1.4, 2.4, 3.4], 4.3, "undecided", "the mean is 4.16 standard errors above 0: too few."),
        ([-0.1, 3.0, 3.0, 3.0, 3.0], 2.8, "shown", "the mean is 3.84 standard errors above 0."),
    ]
    for differences, limit, wanted, why in table:
        found = answer(np.array(differences), limit)
        if found != wanted:
            yield f"{differences} with limit {limit}: you say {found!r}, but {wanted!r}: {why}"
