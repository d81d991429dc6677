"""The checks of notebook 08's exercises: right answers, and likely mistakes."""

import math

import numpy as np
import pytest

from anytime.course import checks


def balance(weights):
    """Where a bar of length 1 with these masses on it is in balance, found by halving."""
    places = [k / (len(weights) - 1) for k in range(len(weights))]
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        turn = sum(w * (place - middle) for w, place in zip(weights, places, strict=True))
        low, high = (middle, high) if turn > 0 else (low, middle)
    return low


def found_by_search(weight, gamma):
    """The ratio at which an exit beside one of loss 1 gets this weight, on a logarithmic grid."""
    ratios = np.logspace(0, 2, 2_000_001)
    return ratios[np.abs((1 - gamma) / ratios + gamma - weight).argmin()]


def at_fit(losses, values, level):
    below = [epoch for epoch in range(len(losses)) if losses[epoch] < level]
    return values[min(below)] if below else None


RIGHT = {
    checks.mean_position: balance,
    checks.loss_ratio: found_by_search,
    checks.value_at_fit: at_fit,
}


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda w: np.average([1, 2, 3, 4][: len(w)], weights=w), "the first has position 0"),
        (lambda w: np.average([0, 1, 2, 3][: len(w)], weights=w), "the last one has position 1"),
        (lambda w: np.average([0.25, 0.5, 0.75, 1], weights=w), "not 1/4"),
        (lambda w: np.average([0, 0.25, 0.5, 0.75], weights=w), "not 3/4"),
        (lambda w: w @ np.linspace(0, 1, len(w)), "divide by the total"),
        (lambda w: w @ np.linspace(0, 1, len(w)) / len(w), "not by their number"),
        (lambda w: 0.9, "gives 0.9"),
        (lambda w: None, "end it with `return`"),
    ],
)
def test_a_wrong_mean_position_is_told_what_is_off(capsys, answer, hint):
    checks.mean_position(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda weight, gamma: 1 / weight, "take gamma into account"),
        (lambda weight, gamma: (1 - gamma) / weight, "subtract gamma"),
        (lambda weight, gamma: 1 / (weight - gamma), "multiply by 1 - gamma"),
        (lambda weight, gamma: (weight - gamma) / (1 - gamma), "upside down"),
        (lambda weight, gamma: 2.0, "weight 0.163, gamma 0.07 gives 2, but 10 is right"),
        (lambda weight, gamma: None, "end it with `return`"),
    ],
)
def test_a_wrong_loss_ratio_is_told_what_is_off(capsys, answer, hint):
    checks.loss_ratio(answer)
    assert hint in capsys.readouterr().out


def last_below(losses, values, level):
    pairs = zip(losses, values, strict=True)
    return next((v for loss, v in reversed(list(pairs)) if loss < level), None)


def position_below(losses, values, level):
    return next((k for k, loss in enumerate(losses) if loss < level), None)


@pytest.mark.parametrize(
    "answer, hint",
    [
        (last_below, "take the first"),
        (lambda x, y, level: at_fit(x, x, level), "that is the loss itself"),
        (position_below, "a position in the list"),
        (lambda *given: 1 + position_below(*given), "the number of the epoch"),
        (lambda x, y, level: at_fit(x, y, math.nextafter(level, 9)), "exactly the level"),
        (lambda *given: at_fit(*given) or given[1][-1], "return None"),
        (lambda x, y, level: 0.62, "first time below 0.5 gives 0.62, but 0.73 is right"),
    ],
)
def test_a_wrong_value_at_a_fit_is_told_what_is_off(capsys, answer, hint):
    checks.value_at_fit(answer)
    assert hint in capsys.readouterr().out
