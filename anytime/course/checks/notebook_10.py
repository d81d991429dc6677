"""The checks of notebook 10's exercises."""

import numpy as np

from anytime.course.checks.friendly import Cases, cases


@cases("10.1", "the probabilities {}")
def margin_policy() -> Cases:
    """Probabilities (N, classes) at this exit, before, scores (N,) -> largest minus second."""
    now = np.array([[0.1, 0.6, 0.3], [0.45, 0.1, 0.45], [0.0, 0.0, 1.0]])
    before, scores = np.full((3, 3), 1 / 3), np.zeros(3)
    largest = "that is the confidence; subtract the second largest from it."
    range_ = "that is the largest minus the smallest; take the second largest."
    sign = "the sign is turned round: the largest minus the second largest."
    ascends = "that is the second largest minus the smallest: sort ascends."
    wrong = ([0.6, 0.45, 1], largest), ([0.5, 0.35, 1], range_), ([-0.3, 0, -1], sign)
    yield (now, before, scores), [0.3, 0, 1], *wrong, ([0.2, 0.35, 0], ascends)
    yield (np.array([[0.2, 0.4, 0.1, 0.3]]), np.full((1, 4), 0.25), np.zeros(1)), [0.1]


@cases("10.2", "the scores {} with threshold {}")
def first_sure_exit() -> Cases:
    """(K, N) scores, a threshold -> (N,) the exits, from 0, at which images stop."""
    scores = np.array([[9, 2, 1, 5, 3], [1, 8, 2, 6, 2], [9.5, 7, 3, 9, 8]]) / 10
    last = "where no exit is sure argmax gives 0: such an image stops at the last."
    exact = "a score of exactly the threshold reaches it: use >=."
    counted = "exits are counted from 0 here."
    surest = "that is the surest exit; the image stops at the first that is sure."
    wrong = ([0, 1, 0, 0, 2], last), ([0, 1, 2, 1, 2], exact), ([1, 2, 3, 1, 3], counted)
    yield (scores, 0.5), [0, 1, 2, 0, 2], *wrong, ([2, 1, 2, 2, 2], surest)
    yield (scores, 0.85), [0, 2, 2, 2, 2]
    yield (scores[:2], 0.55), [0, 1, 1, 1, 1]


@cases("10.3", "stops {}, costs {}, budgets {}")
def interrupted_exits() -> Cases:
    """(N,) own exits, (K,) costs, (N,) budgets -> (N,) the exits at which images end."""
    stops, cost = np.array([0, 2, 2, 2, 1]), np.array([10, 30, 60])
    paid = "that is what the budgets pay for; the first image is sure at exit 0 and leaves."
    none = "the first exit is always finished: never return less than 0."
    exact = "a budget of exactly an exit's cost pays for it: side='right'."
    far = "one too far: a budget of 35 pays for the exits at 10 and 30, so 0 and 1."
    later = "an image ends at whichever exit comes first: the minimum of the two."
    wrong = ([2, 0, 1, 2, 1], paid), ([0, -1, 1, 2, 1], none), ([0, 0, 1, 1, 0], exact)
    given = stops, cost, np.array([60, 5, 35, 60, 30])
    yield given, [0, 0, 1, 2, 1], *wrong, ([0, 0, 2, 2, 1], far), ([2, 2, 2, 2, 1], later)
    yield (stops[:3], cost, np.array([5, 30, 99])), [0, 1, 2]
