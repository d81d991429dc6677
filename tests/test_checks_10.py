"""The checks of notebook 10's exercises: right answers and likely mistakes."""

import numpy as np
import pytest

from anytime.course import checks


def margin(now, before, scores):
    ranked = [sorted(row, reverse=True) for row in now.tolist()]
    return np.array([row[0] - row[1] for row in ranked])


def first_sure(scores, threshold):
    last = len(scores) - 1
    return np.array(
        [next((k for k in range(last) if s[k] >= threshold), last) for s in scores.T.tolist()]
    )


def interrupted(stops, cost, budgets):
    ends = []
    for stop, budget in zip(stops, budgets, strict=True):
        paid = [k for k, price in enumerate(cost) if price <= budget]
        ends.append(min(stop, max(paid, default=0)))
    return np.array(ends)


RIGHT = {
    checks.margin_policy: margin,
    checks.first_sure_exit: first_sure,
    checks.interrupted_exits: interrupted,
}


def sorts_in_place(now, before, scores):
    now.sort(-1)
    return now[:, -1] - now[:, -2]


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda now, *_: now.max(-1), "that is the confidence"),
        (lambda now, *_: now.max(-1) - now.min(-1), "take the second largest"),
        (lambda *a: -margin(*a), "the sign is turned round"),
        (lambda now, *_: np.diff(np.sort(now))[:, 0], "sort ascends"),
        (lambda *a: margin(*a).mean(), "shape should be (3,), yours is ()"),
        (lambda *a: 2 * margin(*a), "right but for the scale; your largest is 2"),
        (lambda *a: None, "end it with `return`"),
        (sorts_in_place, "work on a copy"),
    ],
)
def test_a_wrong_margin_is_told_what_is_off(capsys, answer, hint):
    checks.margin_policy(answer)
    assert hint in capsys.readouterr().out


def overwrites(scores, threshold):
    scores[-1] = np.inf
    return (scores >= threshold).argmax(0)


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda s, t: (s >= t).argmax(0), "where no exit is sure"),
        (lambda s, t: first_sure(s, t + 1e-9), "use >="),
        (lambda s, t: first_sure(s, t) + 1, "counted from 0"),
        (lambda s, t: s.argmax(0), "that is the surest exit"),
        (lambda s, t: first_sure(s, t)[:3], "shape should be (5,), yours is (3,)"),
        (lambda s, t: np.full(5, 7), "but [0, 1, 2, 0, 2] is right"),
        (lambda s, t: first_sure(s, 0.5), "threshold 0.85 gives [0, 1, 2, 0, 2]"),
        (lambda s, t: np.where(s[0] >= t, 0, np.where(s[1] >= t, 1, 2)), "but [0, 1, 1, 1, 1]"),
        (lambda s, t: None, "end it with `return`"),
        (overwrites, "changes its arguments"),
    ],
)
def test_wrong_exits_of_a_rule_are_told_what_is_off(capsys, answer, hint):
    checks.first_sure_exit(answer)
    assert hint in capsys.readouterr().out


def paid(cost, budgets, side="right"):
    return np.searchsorted(cost, budgets, side) - 1


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda s, c, b: np.maximum(paid(c, b), 0), "is sure at exit 0 and leaves"),
        (lambda s, c, b: np.minimum(s, paid(c, b)), "never return less than 0"),
        (lambda s, c, b: np.minimum(s, np.maximum(paid(c, b, "left"), 0)), "side='right'"),
        (lambda s, c, b: np.minimum(s, paid(c, b) + 1), "one too far"),
        (lambda s, c, b: np.maximum(s, paid(c, b)), "the minimum of the two"),
        (lambda s, c, b: s + 3, "but [0, 0, 1, 2, 1] is right"),
        (lambda s, c, b: None, "end it with `return`"),
    ],
)
def test_wrong_interrupted_exits_are_told_what_is_off(capsys, answer, hint):
    checks.interrupted_exits(answer)
    assert hint in capsys.readouterr().out
