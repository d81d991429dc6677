"""The checks of notebook 09's exercises."""

from __future__ import annotations

from collections.abc import Callable

from anytime.course.checks.friendly import array_differs, exercise, number_differs


@exercise("9.1")
def gls_weights(answer: Callable) -> str | None:
    """(K,) losses -> the derivative of their geometric mean by each of them."""
    import numpy as np

    losses = np.array([4.0, 1.0, 2.0])  # their geometric mean is 2
    mistakes = [
        (2 / losses, "that is G / l_i: the mean has K terms, so divide by K, too."),
        (1 / losses, "that is the derivative of the sum of logarithms; multiply by G / K."),
        (1 / (3 * losses), "that is the derivative of ln G; the chain rule multiplies it by G."),
        (8 / losses, "that is the derivative of the product; take its K-th root first."),
        (7 / 3 / (3 * losses), "take the geometric mean, not the arithmetic one."),
    ]
    return array_differs(answer(losses), 2 / (3 * losses), mistakes)


@exercise("9.2")
def learned_step(answer: Callable) -> str | None:
    """s, a loss, a rate -> s after one gradient step on e^s loss - s."""
    import math

    s, loss, rate = math.log(2.0), 3.0, 0.1  # the derivative is 2 * 3 - 1 = 5
    mistakes = {
        s + 0.5: "that step goes uphill: subtract rate times the derivative.",
        s - 0.6: "the term -s has the derivative -1.",
        s - 0.7: "the term -s has the derivative -1, not 1.",
        s - 0.05: "here B = e^s, not e^-s.",
        -0.5: "that is the step; add it to s.",
    }
    return number_differs(answer(s, loss, rate), s - 0.5, mistakes, "s = ln 2, loss 3, rate 0.1")


@exercise("9.3")
def offset_weights(answer: Callable) -> str | None:
    """(K,) losses, (K,) known offsets -> weights by what is above the offset, the largest 1."""
    import numpy as np

    losses, offsets = np.array([3.0, 2.0, 1.5]), np.array([1.0, 1.5, 0.5])  # above: 2, 0.5, 1
    mistakes = [
        (1 / (losses - offsets), "divide by the largest, so that it is 1."),
        (1.5 / losses, "take the offsets off before you invert."),
        ((losses - offsets) / 2, "the weights are the inverse: the larger the rest, the less."),
    ]
    if off := array_differs(answer(losses, offsets), np.array([0.25, 1.0, 0.5]), mistakes):
        return off
    spent = answer(np.array([1.0, 0.9]), np.array([0.0, 1.0]), epsilon=0.1)
    if not np.isfinite(spent).all() or (np.asarray(spent) <= 0).any():
        return "a loss below its offset gives no weight: take epsilon for what is left of it."
    return array_differs(spent, np.array([0.1, 1.0]), [])
