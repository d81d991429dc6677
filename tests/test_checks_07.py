"""The checks of notebook 07's exercises: right answers, undone ones, and likely mistakes."""

from itertools import accumulate, pairwise

import pytest
import torch

from anytime.course import checks


def in_a_row(members):
    before = accumulate([0, *(member[-1] for member in members)])
    return [b + cost for b, member in zip(before, members, strict=False) for cost in member]


def factor_by_layers(budget, base):
    """The depth of the answer, found by trying every network of the chain."""
    starts = [0.0, *accumulate(base**j for j in range(40))]
    depths = [0.0]
    for j, (start, end) in enumerate(pairwise(starts)):
        if budget > start:
            depths.append(min(budget, end) - start)
        assert abs(end - start - base**j) < 1e-6 * base**j
    return budget / max(depths)


def average_by_loops(logits):
    networks, images, classes = logits.shape
    labels = []
    for n in range(images):
        odds = [logits[m, n].sub(logits[m, n].max()).exp() for m in range(networks)]
        total = sum(o / o.sum() for o in odds)
        labels.append(max(range(classes), key=lambda c: total[c]))
    return torch.tensor(labels)


RIGHT = {
    checks.costs_in_a_row: in_a_row,
    checks.cost_factor: factor_by_layers,
    checks.smallest_base: lambda worst: (worst - 1) / (worst - 2),
    checks.average_label: average_by_loops,
}


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda members: sum(members, []), "add their full costs"),
        (lambda members: accumulate(sum(members, [])), "already those up to each exit"),
        (
            lambda members: [
                (members[j - 1][-1] if j else 0) + c for j, m in enumerate(members) for c in m
            ],
            "not of the last one alone",
        ),
        (
            lambda members: [
                sum(b[0] for b in members[:j]) + c for j, m in enumerate(members) for c in m
            ],
            "not their first",
        ),
        (lambda members: in_a_row(members)[:-1], "shape should be (6,), yours is (5,)"),
        (lambda members: [2, 5, 8, 12, 13, 15], "15], but [2, 5, 8, 12, 13, 16] is right"),
        (lambda members: None, "end it with `return`"),
    ],
)
def test_wrong_costs_in_a_chain_are_told_what_is_off(capsys, answer, hint):
    checks.costs_in_a_row(answer)
    assert hint in capsys.readouterr().out


def walk(budget, base, which):
    depth, best, left = 1, 0, budget
    while left > depth:
        left, best, depth = left - depth, depth, depth * base
    return budget / which(best, left)


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda budget, base: walk(budget, base, lambda best, left: left), "take the larger depth"),
        (
            lambda budget, base: walk(budget, base, lambda best, left: best or left),
            "once it is deeper",
        ),
        (lambda budget, base: 1 / factor_by_layers(budget, base), "turn it round"),
        (lambda budget, base: budget / factor_by_layers(budget, base), "gives 0.5, but 1"),
        (lambda budget, base: factor_by_layers(budget, 2), "the depths 1, 3, 9"),
        (lambda budget, base: walk(budget, base, lambda best, left: best), "ZeroDivisionError"),
    ],
)
def test_a_wrong_cost_factor_is_told_what_is_off(capsys, answer, hint):
    checks.cost_factor(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda worst: 1 / (worst - 2), "that is b - 1"),
        (lambda worst: 2 + 1 / (worst - 1), "solve for b instead"),
        (lambda worst: worst - 1, "turn it round"),
        (lambda worst: 7.0, "gives 7, but 5 is right"),
    ],
)
def test_a_wrong_base_is_told_what_is_off(capsys, answer, hint):
    checks.smallest_base(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda logits: logits.mean(0).argmax(-1), "the mean of the logits"),
        (lambda logits: logits.argmax(-1).mode(0).values, "a vote over labels"),
        (lambda logits: logits[-1].argmax(-1), "the last network alone"),
        (lambda logits: logits.softmax(-1).mean(0), "shape should be (2,), yours is (2, 3)"),
        (lambda logits: logits.softmax(-1).mean(0).argmin(-1), "gives [2, 1], but [0, 2] is right"),
    ],
)
def test_a_wrong_average_is_told_what_is_off(capsys, answer, hint):
    checks.average_label(answer)
    assert hint in capsys.readouterr().out
