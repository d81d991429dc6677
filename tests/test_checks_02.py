"""The checks of notebook 02's exercises: answers made without the formulas they ask for."""

from fractions import Fraction

import numpy as np
import pytest

from anytime.course import checks

SIEVE_9 = [0.2667, 0.0667, 0.1333, 0.0667, 0.2, 0.0667, 0.1333, 0.0667, 1.0]
"""The weights for nine exits as the paper's first version has them, rounded."""


def ruled(num_exits):
    """One for every power of two whose multiples a distance is among."""
    distances = np.arange(num_exits - 1, 0, -1)
    marks = sum((distances % 2**power == 0).astype(float) for power in range(12))
    return [*(marks / marks.sum()), 1.0]


def interpolated(toy):
    """From the differences on a grid, which rise with the weight."""
    weights = np.logspace(-3, 3, 4001)
    losses = np.array([toy.losses(toy.minimiser([1.0, weight])) for weight in weights])
    return np.interp(0.0, losses[:, 0] - losses[:, 1], weights)


def half_end(num_exits):
    return [float(Fraction(1, num_exits - 1)) for _ in range(num_exits - 1)] + [1.0]


RIGHT = {
    checks.half_end: half_end,
    checks.sieve: ruled,
    checks.equalising_weight: interpolated,
}


def test_the_ruler_that_the_check_of_sieve_accepts_is_that_of_the_paper():
    np.testing.assert_allclose(ruled(9), SIEVE_9, atol=1e-4)


@pytest.mark.parametrize(
    "check, answer, hint",
    [
        (checks.half_end, lambda k: 2 * np.array(half_end(k)), "right but for the scale"),
        (checks.half_end, lambda k: half_end(k)[::-1], "turn them round"),
        (checks.half_end, lambda k: half_end(k)[:-1], "9 exits: the shape should be (9,)"),
        (checks.half_end, lambda k: [1 / k] * (k - 1) + [1], "but [0.125, 0.125, "),
        (
            checks.half_end,
            lambda k: [1 / (k - 1)] * (k - 1) + [1],
            "with one exit there are no others",
        ),
        (checks.sieve, lambda k: np.array(ruled(k)) * k, "right but for the scale"),
        (checks.sieve, lambda k: [0.1] * (k - 1) + [1], "but [0.266667, 0.0666667, "),
        (checks.sieve, lambda k: [0.2667, *ruled(9)[1:]], "10 exits"),
        (checks.equalising_weight, lambda toy: 100.0, "B_2 must be smaller"),
        (checks.equalising_weight, lambda toy: 1e-3, "B_2 must be larger"),
    ],
    ids=["doubled", "turned", "short", "counted", "alone"]
    + ["unscaled", "flat", "nine only", "too much", "too little"],
)
def test_a_wrong_answer_is_told_what_is_off(capsys, check, answer, hint):
    check(answer)
    assert hint in capsys.readouterr().out
