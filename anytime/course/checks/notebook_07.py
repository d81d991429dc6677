"""The checks of notebook 07's exercises."""

from anytime.course.checks.friendly import Cases, cases


@cases("7.1", "members with the costs {}")
def costs_in_a_row() -> Cases:
    """Costs of the members' exits -> the cost of every exit in the chain."""
    own = "each member starts when all before it are finished: add their full costs."
    sums = "a member's costs are already those up to each exit: add only full costs of members."
    last = "add the full costs of all members before, not of the last one alone."
    first = "the networks before are finished: add what their last exits cost, not their first."
    wrong = ([2, 5, 3, 7, 1, 4], own), ([2, 7, 10, 17, 18, 22], sums), ([2, 5, 8, 12, 8, 11], last)
    yield ([[2, 5], [3, 7], [1, 4]],), [2, 5, 8, 12, 13, 16], *wrong, ([2, 5, 5, 9, 6, 9], first)
    yield ([[1], [1, 3], [2, 4, 9]],), [1, 2, 4, 6, 8, 13]


@cases("7.2", "(budget, base) = ({}, {})")
def cost_factor() -> Cases:
    """A budget, b -> how many times the depth of the chain's answer the budget is."""
    finished = "the network that runs answers once it is deeper than the one before was."
    waits = "the network before answers until the one that runs is as deep: take the larger depth."
    upside = "that is the depth of the answer over the budget: turn it round."
    depth = "that is the depth of the answer: divide the budget by it."
    yield (0.5, 2), 1.0
    yield (1.5, 2), 1.5, (3.0, waits), (1 / 1.5, upside), (1.0, depth)
    yield (2.5, 2), 2.5 / 1.5, (2.5, finished), (1.5, depth)
    yield (7.0, 2), 1.75, (3.5, "the third network is just finished: its depth is 4.")
    yield (12.0, 3), 1.5, (2.4, "with base 3 the networks have the depths 1, 3, 9.")
    yield (21.0, 4), 21 / 16


@cases("7.3", "C = {}")
def smallest_base() -> Cases:
    """The largest accepted cost factor -> the smallest base whose supremum is not above it."""
    less = "that is b - 1: add 1."
    supremum = "that is the supremum for b = C; solve for b instead."
    upside = "the inverse of b - 1 is C - 2: turn it round, then add 1."
    yield (2.25,), 5.0, (4.0, less), (2.8, supremum), (1.25, upside)
    yield (4.0,), 1.5


@cases("7.4", "2 images")
def average_label() -> Cases:
    """(M, N, classes) logits -> (N,) labels of the networks' mean probability."""
    import torch

    one = torch.tensor([[0.98, 0.01, 0.01], [0.0001, 0.5, 0.4999], [0.45, 0.54, 0.01]])
    other = torch.tensor([[0.5, 0.4, 0.1], [0.5, 0.4, 0.1], [0.0001, 0.0999, 0.9]])
    offsets = torch.tensor([0.0, 9.0, -4.0])[:, None, None]  # a softmax takes them out again
    logits = torch.stack([one, other], 1).log() + offsets
    mean = "that is the mean of the logits; apply softmax first, then take the mean."
    vote = "that is a vote over labels; take the mean of the probabilities."
    alone = "that is the last network alone; take the mean over all of them."
    yield (logits,), [0, 2], ([1, 1], mean), ([1, 0], vote), ([1, 2], alone)
    yield (logits.flip(1),), [2, 0]
