"""The checks of notebook 04's exercises."""

from collections.abc import Callable

import numpy as np

from anytime import names
from anytime.course.checks.drawn import drawn
from anytime.course.checks.friendly import Answer, Cases, Problems, cases, differs, exercise
from anytime.runs import Run

RESCALED = "half-end:total=6"


@cases("4.1", "one {}, other {}")
def exits_where_all_win() -> Cases:
    """Errors (S, K) and (R, K) -> the exits, from 1, at which each run of one beats all others."""
    one = np.array([[0.6, 0.31, 0.25, 0.1, 0.25], [0.7, 0.33, 0.29, 0.2, 0.25]])
    other = np.array(
        [
            [0.5, 0.40, 0.30, 0.3, 0.25],
            [0.4, 0.45, 0.28, 0.3, 0.25],
            [0.3, 0.50, 0.35, 0.4, 0.25],
        ]
    )
    zero = "exits are counted from 1: add 1 to the positions."
    means = "those are the exits with the lower mean; each run has to beat each of the other's."
    best = "it is not enough that one run wins: the worst of one has to beat the best of the other."
    equal = "equal is not fewer: at exit 5 nobody wins."
    lose = "those are the exits at which `other` wins; one with fewer errors wins."
    mask = "that says of each exit whether one wins; return the numbers of the exits."
    wrong = ([1, 3], zero), ([2, 3, 4], means), ([2, 4, 5], equal), ([1], lose)
    yield (one, other), [2, 4], *wrong, ([2, 3, 4, 5], best), ([0, 1, 0, 1, 0], mask)

    none = "there one wins at no exit: return an empty list."
    yield (one[:, :1], other[:, :1]), [], ([0], none)

    draw = drawn()
    one, other = draw.uniform(0.1, 0.6, (3, 40)), draw.uniform(0.3, 0.9, (2, 40))
    won = [k + 1 for k in range(40) if one[:, k].max() < other[:, k].min()]
    yield (one, other), won


@exercise("4.2")
def share_of_gap_closed(answer: Answer) -> Problems:
    """train(spec, seed) -> Run; an exit, from 1 -> the share of the gap that total=6 closes."""
    means = {"const": [0.4, 0.3, 0.2], "half-end": [0.8, 0.5, 0.2], RESCALED: [0.5, 0.42, 0.2]}
    asked: set[tuple[str, int]] = set()
    found = answer(_pretended(means, np.array([-0.1, 0.04, 0.06]), asked), 1)

    if missing := means.keys() - {spec for spec, _ in asked}:
        yield f"you never train {min(missing)}: the gap is one between three weightings."
    if len(asked) != 9:
        yield "train each weighting with the seeds 0, 1 and 2, and take their mean error."
    left = "that is the share of the gap that is left; what is closed is 1 minus it."
    points = "that is in points, or in errors; divide by the gap, HALF-END minus CONST."
    late = "that is exit 2: exits are counted from 1, positions in an array from 0."
    percent = "that is in percent; a share lies between 0 and 1 here."
    upside = "that is the gap divided by what is closed; turn it round."
    pairs = "that is the mean of three ratios: seeds are no pairs, so take the mean errors first."
    wrong = (0.25, left), (0.3, points), (30.0, points), (75.0, percent), (4 / 3, upside)
    ratios = (0.32 / 0.56 + 0.14 / 0.26 + 0.44 / 0.38) / 3, pairs
    asks = "mean errors of 0.4 (CONST), 0.8 (HALF-END), 0.5 (total 6) at exit 1"
    yield differs(found, 0.75, asks, (-0.75, "turn the sign round."), ratios, (0.4, late), *wrong)
    yield differs(answer(_pretended(means, np.zeros(3)), 2), 0.4, "exit 2 there")

    draw = drawn()
    low, middle, high = np.sort(draw.uniform(0.1, 0.9, (3, 5)), axis=0)
    means = {"const": low, "half-end": high, RESCALED: middle}
    found = answer(_pretended(means, np.zeros(3)), 4)
    yield differs(found, (high[3] - middle[3]) / (high[3] - low[3]), "another one, at exit 4")


def _pretended(means: dict, scatter: np.ndarray, asked: set | None = None) -> Callable[..., Run]:
    """A training that makes up its record: mean errors, and around them other ones for each seed.

    asked: takes up which weighting was trained with which seed.
    """

    def train(spec: str, seed: int = 0) -> Run:
        same = [known for known in means if names.parse(known) == names.parse(spec)]
        if not same or seed not in range(len(scatter)):
            raise ValueError(f"there is no run of {spec!r} with seed {seed!r} to compare")
        if asked is not None:
            asked.add((same[0], seed))

        place = [*means].index(same[0])
        errors = np.asarray(means[same[0]]) + np.roll(scatter, place)[seed]
        entry = {"epoch": 1, "test_error": [*errors], "train_error": [*(errors / 2)]}
        return Run({"weighting": spec, "seed": seed}, cost=[*range(len(errors))], history=[entry])

    return train
