"""The checks of notebook 04's exercises: right answers, undone ones, and likely mistakes."""

from statistics import mean

import numpy as np
import pytest
import torch

from anytime.course import checks

SPECS = "const", "half-end", "half-end:total=6"


def won_by_all(one, other):
    """Exit by exit, run by run."""
    exits = range(len(one[0]))
    return [k + 1 for k in exits if all(mine[k] < yours[k] for mine in one for yours in other)]


def means(train, exit, column="test_error", seeds=(0, 1, 2), specs=SPECS):
    """The mean error of each weighting at an exit."""
    runs = [[train(spec, seed).history[0][column] for seed in seeds] for spec in specs]
    return [mean(errors[exit - 1] for errors in of_one) for of_one in runs]


def closed(train, exit):
    const, half_end, rescaled = means(train, exit)
    return 1 - (rescaled - const) / (half_end - const)


RIGHT = {checks.exits_where_all_win: won_by_all, checks.share_of_gap_closed: closed}


@pytest.mark.parametrize("make", [np.array, torch.tensor, tuple, lambda found: map(float, found)])
def test_exits_are_right_in_any_form(capsys, make):
    checks.exits_where_all_win(lambda one, other: make(won_by_all(one, other)))
    assert capsys.readouterr().out == "Exercise 4.1: right.\n"


@pytest.mark.parametrize("make", [np.float32, torch.tensor, float])
def test_a_share_is_right_in_any_form(capsys, make):
    checks.share_of_gap_closed(lambda train, exit: make(closed(train, exit)))
    assert capsys.readouterr().out == "Exercise 4.2: right.\n"


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda one, other: [k - 1 for k in won_by_all(one, other)], "counted from 1"),
        (lambda one, other: won_by_all([one.mean(0)], [other.mean(0)]), "the lower mean"),
        (lambda one, other: [2, 3, 4, 5], "not enough that one run wins"),
        (lambda one, other: [2, 4, 5], "equal is not fewer"),
        (lambda one, other: won_by_all(other, one), "at which `other` wins"),
        (lambda one, other: one.max(0) < other.min(0), "numbers of the exits"),
        (lambda one, other: won_by_all(one, other) or [0], "return an empty list"),
        (lambda one, other: won_by_all(one, other) or None, "gives None, but [] is right"),
        (lambda one, other: [2, 4], "the shape should be (0,), yours is (2,)"),
        (lambda one, other: won_by_all(one, other)[::-1], "turn them round"),
        (lambda one, other: one, "the shape should be (2,), yours is (2, 5)"),
        (lambda one, other: 3, "the shape should be (2,), yours is ()"),
        (lambda one, other: one < other, "ValueError"),
    ],
)
def test_exits_that_were_not_won_are_told_what_is_off(capsys, answer, hint):
    checks.exits_where_all_win(answer)
    assert hint in capsys.readouterr().out


def gap(train, exit):
    return means(train, exit)[1] - means(train, exit)[0]


def one_by_one(train, exit):
    shares = []
    for seed in range(3):
        const, half_end, rescaled = means(train, exit, seeds=[seed])
        shares.append((half_end - rescaled) / (half_end - const))
    return mean(shares)


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda train, exit: 1 - closed(train, exit), "that is left"),
        (lambda train, exit: closed(train, exit) * gap(train, exit), "divide by the gap"),
        (lambda train, exit: 100 * closed(train, exit) * gap(train, exit), "divide by the gap"),
        (lambda train, exit: 100 * closed(train, exit), "in percent"),
        (lambda train, exit: 1 / closed(train, exit), "turn it round"),
        (lambda train, exit: -closed(train, exit), "turn the sign round"),
        (lambda train, exit: closed(train, 1), "exit 2 there gives 0.75, but 0.4 is right"),
        (lambda train, exit: closed(train, exit + 1), "that is exit 2"),
        (one_by_one, "seeds are no pairs"),
        (lambda train, exit: means(train, exit, seeds=[0])[0], "the seeds 0, 1 and 2"),
        (
            lambda train, exit: means(train, exit, specs=SPECS[:2])[0],
            "you never train half-end:",
        ),
        (lambda train, exit: means(train, exit, specs=["linear"]), "there is no run of 'linear'"),
        (lambda train, exit: means(train, exit), "gives [0.4, 0.8, 0.5], but 0.75 is right"),
        (lambda train, exit: means(train, exit) and None, "end it with `return`"),
        (lambda train, exit: 0.75, "you never train const"),
    ],
)
def test_a_wrong_share_of_the_gap_is_told_what_is_off(capsys, answer, hint):
    checks.share_of_gap_closed(answer)
    assert hint in capsys.readouterr().out
