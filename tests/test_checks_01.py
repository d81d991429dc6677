"""The checks of notebook 01's exercises: answers written as their readers would write them."""

import bisect

import numpy as np
import pytest
import torch

from anytime.course import checks


def at_hand(costs, errors, budget):
    return [1.0, *errors][bisect.bisect_right(list(costs), budget)]


def overtaking(costs, errors, other_costs, other_errors):
    for budget in sorted({*costs, *other_costs}):
        if at_hand(other_costs, other_errors, budget) < at_hand(costs, errors, budget):
            return budget
    return None


RIGHT = {checks.error_at_budget: at_hand, checks.overtaking_budget: overtaking}


def in_a_loop(costs, errors, budget):
    error = 1.0
    for cost, found in zip(costs.tolist(), errors.tolist(), strict=True):
        if cost <= budget:
            error = found
    return error


def with_tensors(costs, errors, budget):
    paid = int((torch.as_tensor(costs) <= budget).sum())
    return torch.cat([torch.ones(1), torch.as_tensor(errors, dtype=torch.float32)])[paid]


def with_arrays(costs, errors, budget):
    return np.append(1, errors).astype(np.float32)[(costs <= budget).sum()]


@pytest.mark.parametrize("answer", [in_a_loop, with_tensors, with_arrays])
def test_the_error_at_a_budget_may_be_a_number_of_any_kind(capsys, answer):
    checks.error_at_budget(answer)
    assert capsys.readouterr().out == "Exercise 1.1: right.\n"


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda c, e, b: [1.0, *e][bisect.bisect_left(list(c), b)], "exactly an exit's cost"),
        (lambda c, e, b: min([1.0, *e[c <= b]]), "lowest error so far"),
        (lambda c, e, b: e[(c <= b).sum() - 1], "is not read as the last one"),
        (lambda c, e, b: [*e, e[-1]][(c <= b).sum()], "costs more than the budget"),
        (lambda c, e, b: np.interp(b, c, e), "take no mean"),
        (lambda c, e, b: e[c <= b][-1] if (c <= b).any() else 0.0, "no answer counts as wrong"),
        (lambda c, e, b: e[np.abs(c - b).argmin()], "costs more than the budget"),
        (lambda c, e, b: 0.5, "gives 0.5, but"),
        (lambda c, e, b: e, "is right"),
        (lambda c, e, b: c.index(b), "AttributeError"),
    ],
)
def test_a_wrong_error_at_a_budget_is_told_what_is_off(capsys, answer, hint):
    checks.error_at_budget(answer)
    assert hint in capsys.readouterr().out


def by_depth(costs, errors, other_costs, other_errors):
    pairs = zip(other_costs, errors, other_errors, strict=False)
    return next(cost for cost, error, other in pairs if other < error)


def place(*given):
    return list(given[2]).index(overtaking(*given)) + 1


def only_at_the_others_exits(costs, errors, other_costs, other_errors):
    for cost, error in zip(other_costs, other_errors, strict=True):
        if error < at_hand(costs, errors, cost):
            return cost
    return None


def without_the_first_networks_later_exits(costs, errors, other_costs, other_errors):
    error = min(errors)
    return next((c for c, e in zip(other_costs, other_errors, strict=True) if e < error), None)


@pytest.mark.parametrize("kind", [float, np.float32, torch.tensor])
def test_an_overtaking_budget_may_be_a_number_of_any_kind(capsys, kind):
    def answer(*given):
        found = overtaking(*given)
        return None if found is None else kind(found)

    checks.overtaking_budget(answer)
    assert capsys.readouterr().out == "Exercise 1.2: right.\n"


@pytest.mark.parametrize(
    "answer, hint",
    [
        (by_depth, "compare the answers at equal budgets"),
        (place, "give the budget at which it answers"),
        (only_at_the_others_exits, "a network that gets worse later"),
        (without_the_first_networks_later_exits, "is right"),
        (lambda *given: overtaking(*given) or 0.0, "never ahead gives 0, but None is right"),
        (lambda *given: overtaking(*given[2:], *given[:2]), "is right"),
        (lambda *given: 100.0, "gives 100, but"),
        (lambda *given: given[0].overtaken_by(given[2]), "AttributeError"),
    ],
)
def test_a_wrong_overtaking_budget_is_told_what_is_off(capsys, answer, hint):
    checks.overtaking_budget(answer)
    assert hint in capsys.readouterr().out
