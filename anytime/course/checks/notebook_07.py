"""The checks of notebook 07's exercises."""

from __future__ import annotations

from collections.abc import Callable

from anytime.course.checks.friendly import NOTHING, exercise, number_differs, numbers_differ


@exercise("7.1")
def costs_in_a_row(answer: Callable) -> str | None:
    """Costs of the members' exits -> the cost of every exit in the chain."""
    found = answer([[2, 5], [3, 7, 12], [1, 4]])
    if found is None:
        return NOTHING
    found = [float(cost) for cost in found]
    hints = [
        ("each member starts when all before it are finished: add their full costs.",
         [2, 5, 3, 7, 12, 1, 4]),
        ("a member's costs are already those up to each exit: add only full costs of members.",
         [2, 7, 10, 17, 29, 30, 34]),
        ("add the full costs of all members before, not of the last one alone.",
         [2, 5, 8, 12, 17, 13, 16]),
        ("the networks before are finished: add what their last exits cost, not their first.",
         [2, 5, 5, 9, 14, 6, 9]),
    ]  # fmt: skip
    for text, costs in hints:
        if found == costs:
            return text
    wanted = [2, 5, 8, 12, 17, 18, 21]
    if len(found) != len(wanted):
        return f"members with 2, 3 and 2 exits make 7 exits, you give {len(found)}."
    if found != wanted:
        k = next(k for k in range(7) if found[k] != wanted[k])
        return f"exit {k + 1} should cost {wanted[k]}, you say {found[k]:g}."
    return None


@exercise("7.2")
def cost_factor(answer: Callable) -> str | None:
    """A budget, b -> how many times the depth of the chain's answer the budget is."""
    finished = "the network that runs answers once it is deeper than the one before was."
    waits = "the network before answers until the one that runs is as deep: take the larger depth."
    upside = "that is the depth of the answer over the budget: turn it round."
    cases = [
        ((0.5, 2), 1.0, {}),
        ((1.5, 2), 1.5, {3.0: waits, 1 / 1.5: upside, 1.0: "that is the depth of the answer."}),
        ((2.5, 2), 2.5 / 1.5, {2.5: finished, 1.5: "that is the depth of the answer."}),
        ((7.0, 2), 1.75, {3.5: "the third network is just finished: its depth is 4."}),
        ((12.0, 3), 1.5, {2.4: "with base 3 the networks have the depths 1, 3, 9."}),
        ((21.0, 4), 21 / 16, {}),
    ]
    return numbers_differ(answer, "(budget, base) = ({}, {})", cases)


@exercise("7.3")
def smallest_base(answer: Callable) -> str | None:
    """The largest accepted cost factor -> the smallest base whose supremum is not above it."""
    for worst, wanted in ((2.25, 5.0), (4.0, 1.5)):
        mistakes = {
            wanted - 1: "that is b - 1: add 1.",
            2 + 1 / (worst - 1): "that is the supremum for b = C; solve for b instead.",
            worst - 1: "the inverse of b - 1 is C - 2: turn it round, then add 1.",
        }
        if off := number_differs(answer(worst), wanted, mistakes, f"C = {worst:g}"):
            return off
    return None


@exercise("7.4")
def average_label(answer: Callable) -> str | None:
    """(M, N, classes) logits -> (N,) labels of the networks' mean probability."""
    import torch

    probabilities = [
        [[0.98, 0.01, 0.01], [0.5, 0.4, 0.1]],
        [[0.0001, 0.5, 0.4999], [0.5, 0.4, 0.1]],
        [[0.45, 0.54, 0.01], [0.0001, 0.0999, 0.9]],
    ]
    offsets = torch.tensor([0.0, 9.0, -4.0])[:, None, None]  # a softmax takes them out again
    found = answer(torch.tensor(probabilities).log() + offsets)
    if found is None:
        return NOTHING
    if tuple(getattr(found, "shape", ())) != (2,):
        shape = tuple(getattr(found, "shape", ()))
        return f"for 2 images return a tensor of 2 labels, shape (2,), yours is {shape}."
    hints = {
        (1, 1): "that is the mean of the logits; apply softmax first, then take the mean.",
        (1, 0): "that is a vote over labels; take the mean of the probabilities.",
        (1, 2): "that is the last network alone; take the mean over all of them.",
    }
    labels = tuple(int(label) for label in found)
    if labels != (0, 2):
        return hints.get(labels, f"the labels should be 0 and 2, yours are {labels}.")
    return None
