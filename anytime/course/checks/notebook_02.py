"""The checks of notebook 02's exercises."""

from __future__ import annotations

import math
from collections.abc import Callable

from anytime.course.checks.friendly import NOTHING, exercise, weights_differ


@exercise("2.1")
def half_end(answer: Callable) -> str | None:
    """K -> (K,) weights: the last 1, the others sharing 1 evenly."""
    for exits in (9, 2, 5):
        wanted = [1.0 / (exits - 1)] * (exits - 1) + [1.0]
        if off := weights_differ(answer(exits), wanted, f"{exits} exits"):
            return off
    try:
        alone = answer(1)
    except ZeroDivisionError:
        return "with one exit there are no others to share: its weight is 1."
    return weights_differ(alone, [1.0], "one exit")


@exercise("2.2")
def sieve(answer: Callable) -> str | None:
    """K > 1 -> (K,) weights of SIEVE, the last 1."""
    for exits in (9, 10, 16, 17, 2):
        ruler = [(d & -d).bit_length() for d in range(exits - 1, 0, -1)]  # 1 + v2(d)
        wanted = [mark / sum(ruler) for mark in ruler] + [1.0]
        if off := weights_differ(answer(exits), wanted, f"{exits} exits"):
            return off
    return None


@exercise("2.3")
def equalising_weight(answer: Callable) -> str | None:
    """A toy of two losses -> the weight B_2 at which both are equal where the sum is smallest."""
    from anytime import theory

    for big in (1.0, 4.0, 10.0):
        toy = theory.two_loss_toy(big)
        found = answer(toy)
        if found is None:
            return NOTHING
        first, second = toy.losses(toy.minimiser([1.0, found]))
        if not math.isclose(first, second, rel_tol=1e-3):
            more = "smaller" if first > second else "larger"
            return (
                f"at scale {big:g} and B_2 = {found:.4g} the losses are {first:.3f} and "
                f"{second:.3f}: B_2 must be {more}."
            )
    return None
