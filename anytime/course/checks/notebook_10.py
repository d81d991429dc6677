"""The checks of notebook 10's exercises."""

from __future__ import annotations

from collections.abc import Callable

from anytime.course.checks.friendly import array_differs, exercise


@exercise("10.1")
def margin_policy(answer: Callable) -> str | None:
    """Probabilities (N, classes) at this exit, before, scores (N,) -> largest minus second."""
    import numpy as np

    now = np.array([[0.1, 0.6, 0.3], [0.45, 0.1, 0.45], [0.0, 0.0, 1.0]])
    before, given = np.full((3, 3), 1 / 3), now.copy()
    mistakes = [
        ([0.6, 0.45, 1.0], "that is the confidence; subtract the second largest from it."),
        ([0.5, 0.35, 1.0], "that is the largest minus the smallest; take the second largest."),
        ([-0.3, 0.0, -1.0], "the sign is turned round: the largest minus the second largest."),
        ([0.2, 0.35, 0.0], "that is the second largest minus the smallest: sort ascends."),
    ]
    off = array_differs(answer(now, before, np.zeros(3)), [0.3, 0.0, 1.0], mistakes)
    if off is None and not np.array_equal(now, given):
        return "your function changes the probabilities; others need them: sort a copy (np.sort)."
    return off


@exercise("10.2")
def first_sure_exit(answer: Callable) -> str | None:
    """(K, N) scores, a threshold -> (N,) the exits, from 0, at which images stop."""
    import numpy as np

    scores = np.array(
        [[0.9, 0.2, 0.1, 0.5, 0.3], [0.1, 0.8, 0.2, 0.6, 0.2], [0.95, 0.7, 0.3, 0.9, 0.8]]
    )
    given = scores.copy()
    mistakes = [
        ([0, 1, 0, 0, 2], "where no exit is sure argmax gives 0: such an image stops at the last."),
        ([0, 1, 2, 1, 2], "a score of exactly the threshold reaches it: use >=."),
        ([1, 2, 3, 1, 3], "exits are counted from 0 here."),
        ([2, 1, 2, 2, 2], "that is the surest exit; the image stops at the first that is sure."),
    ]
    off = array_differs(answer(scores, 0.5), [0, 1, 2, 0, 2], mistakes)
    if off is None and not np.array_equal(scores, given):
        return "your function changes the scores: `scores >= threshold` makes an array of its own."
    return off


@exercise("10.3")
def interrupted_exits(answer: Callable) -> str | None:
    """(N,) own exits, (K,) costs, (N,) budgets -> (N,) the exits at which images end."""
    import numpy as np

    stops, cost = np.array([0, 2, 2, 2, 1]), np.array([10, 30, 60])
    budgets = np.array([60, 5, 35, 60, 30])
    mistakes = [
        (
            [2, 0, 1, 2, 1],
            "that is what the budgets pay for; the first image is sure at exit 0 and leaves.",
        ),
        ([0, -1, 1, 2, 1], "the first exit is always finished: never return less than 0."),
        ([0, 0, 1, 1, 0], "a budget of exactly an exit's cost pays for it: side='right'."),
        (
            [0, 0, 2, 2, 1],
            "one too far: a budget of 35 pays for the exits at 10 and 30, so 0 and 1.",
        ),
        ([2, 2, 2, 2, 1], "an image ends at whichever exit comes first: the minimum of the two."),
    ]
    return array_differs(answer(stops, cost, budgets), [0, 0, 1, 2, 1], mistakes)
