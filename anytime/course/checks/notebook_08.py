"""The checks of notebook 08's exercises."""

from __future__ import annotations

from collections.abc import Callable

from anytime.course.checks.friendly import exercise, number_differs, numbers_differ


@exercise("8.1")
def mean_position(answer: Callable) -> str | None:
    """(K,) weights -> their mean position, from 0 for the first exit to 1 for the last."""
    import numpy as np

    counted = "divide by the total of the weights: they need not sum to 1."
    mistakes = {
        2.75: "exits 1 to 4 are counted, but the first has position 0 and the last 1.",
        1.75: "that is counted in exits from 0 to 3; the last one has position 1.",
        2.75 / 4: "the first exit has position 0, not 1/4: use steps of 1 / (K - 1).",
        1.75 / 4: "the last exit has position 1, not 3/4: use steps of 1 / (K - 1).",
        14 / 3: counted,
        5.5: "exits are counted from 1, and the total of the weights is not divided out.",
        14 / 12: "divide by the total of the weights, not by their number.",
    }
    asked = "weights 2, 1, 2, 3 in four exits"
    if off := number_differs(answer(np.array([2.0, 1.0, 2.0, 3.0])), 14 / 24, mistakes, asked):
        return off
    return number_differs(answer(np.array([0.5, 0.5])), 0.5, {}, "two equal weights")


@exercise("8.2")
def loss_ratio(answer: Callable) -> str | None:
    """An exit's weight, gamma -> its loss divided by the smallest loss."""
    cases = [
        ((0.6, 0.2), 2.0, {1 / 0.6: "take gamma into account: only B - gamma falls as 1 / loss.",
                           0.8 / 0.6: "subtract gamma from the weight first.",
                           2.5: "multiply by 1 - gamma.",
                           0.5: "that is the ratio upside down: a small weight is a large loss."}),
        ((0.163, 0.07), 10.0, {}),
        ((1.0, 0.07), 1.0, {}),
    ]  # fmt: skip
    return numbers_differ(answer, "weight {:g}, gamma {:g}", cases)


@exercise("8.3")
def value_at_fit(answer: Callable) -> str | None:
    """(epochs,) losses, (epochs,) values, a level -> the value when the loss is first below it."""
    losses, values = [2.0, 0.9, 0.4, 0.6, 0.3], [0.51, 0.62, 0.73, 0.84, 0.95]
    hints = {
        (0.5, 0.95): "that is the last epoch below 0.5; take the first.",
        (0.5, 0.4): "that is the loss itself; return the value of that epoch.",
        (0.5, 2): "that is a position in the list; return values[2].",
        (0.5, 3): "that is the number of the epoch; return the value of that epoch.",
        (0.9, 0.62): "a loss of exactly the level is not below it.",
        (0.1, 0.95): "the loss never falls below 0.1 there: return None.",
    }
    for level, wanted in ((0.5, 0.73), (0.9, 0.73), (1.5, 0.62), (0.1, None)):
        found = answer(losses, values, level)
        if found != wanted:
            general = f"below {level:g} for the first time at value {wanted}, you say {found}."
            return hints.get((level, found), general)
    return None
