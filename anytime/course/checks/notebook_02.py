"""The checks of notebook 02's exercises."""

import math

from anytime import theory
from anytime.course.checks.friendly import Answer, Cases, Problems, cases, differs, exercise


@exercise("2.1")
def half_end(answer: Answer) -> Problems:
    """K -> (K,) weights: the last 1, the others sharing 1 evenly."""
    for exits in (9, 2, 5):
        yield differs(answer(exits), theory.half_end(exits), f"{exits} exits")
    try:
        yield differs(answer(1), [1.0], "one exit")
    except ZeroDivisionError:
        yield "with one exit there are no others to share: its weight is 1."


@cases("2.2", "{} exits")
def sieve() -> Cases:
    """K > 1 -> (K,) weights of SIEVE, the last 1."""
    for exits in (9, 10, 16, 17, 2):
        yield (exits,), theory.sieve(exits)


@exercise("2.3")
def equalising_weight(answer: Answer) -> Problems:
    """A toy of two losses -> the weight B_2 at which both are equal where the sum is smallest."""
    for big in (1.0, 4.0, 10.0):
        toy = theory.two_loss_toy(big)
        found = answer(toy)
        if found is None:
            yield "your function gives None: end it with `return`."

        first, second = toy.losses(toy.minimiser([1.0, found]))
        if not math.isclose(first, second, rel_tol=1e-3):
            losses = f"at scale {big:g} and B_2 = {found:.4g}: {first:.3f} and {second:.3f}"
            more = "smaller" if first > second else "larger"
            yield f"the losses are not equal {losses}. B_2 must be {more}."
