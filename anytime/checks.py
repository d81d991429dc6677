"""Friendly checks of the course's exercises: each says "right", or what is off and why."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

Verify = Callable[[Any], str | None]


def exercise(number: str) -> Callable[[Verify], Callable[[Any], None]]:
    """Makes a printed check of a function that returns None where an answer is right.

    The decorated function takes the learner's answer and returns a sentence on what is off, or
    None. An exercise that is not done yet is said to be so, and an error is shown, not raised:
    the notebook runs on.
    """

    def decorate(verify: Verify) -> Callable[[Any], None]:
        @functools.wraps(verify)
        def check(answer: Any) -> None:
            try:
                off = verify(answer)
            except NotImplementedError:
                print(f"Exercise {number}: not done yet.")
            except Exception as error:
                print(f"Exercise {number}: not yet. {type(error).__name__}: {error}")
            else:
                print(f"Exercise {number}: right." if off is None else f"Exercise {number}: {off}")

        return check

    return decorate


def _judge(found: Any, wanted: float, mistakes: dict[float, str], asked: str) -> str | None:
    """None where a number is right; else the likely mistake that gives it, or both numbers."""
    if found is None:
        return "your function returns nothing: end it with `return`."
    near = [text for value, text in mistakes.items() if math.isclose(found, value, rel_tol=1e-4)]
    if math.isclose(found, wanted, rel_tol=1e-4, abs_tol=1e-9):
        return None
    return near[0] if near else f"{asked} gives {float(found):g}, but {wanted:g} is right."


@exercise("0.1")
def error_rate(answer: Callable) -> str | None:
    """(N,) predicted classes, (N,) labels -> the share of wrong predictions."""
    import torch

    predicted, labels = torch.tensor([3, 1, 4, 1, 5]), torch.tensor([3, 1, 4, 1, 9])
    mistakes = {
        0.8: "0.8 is the share of right predictions; the error is the share of wrong ones.",
        1.0: "that is the number of wrong predictions; divide it by the number of images.",
        20.0: "that is in percent; an error here is a share between 0 and 1.",
    }
    return _judge(answer(predicted, labels), 0.2, mistakes, "one mistake in five images")


@exercise("1.1")
def convolution_multiply_adds(answer: Callable) -> str | None:
    """channels in and out, kernel, image size, stride, groups -> multiply-adds."""
    twice = "that is twice the right number: a multiplication with its addition counts as one."
    strided = "with a stride the output is smaller: count its pixels, not the input's."
    rows = "the stride makes the output smaller in both directions."
    padded = "7 pixels with stride 2 and padding 1 give 4, not 3: round up."
    alone = "in a grouped convolution an output sees only channels_in / groups channels."
    both = "groups divide what each output sees, but all channels_out are still computed."
    cases = [
        ((3, 8, 3, 32, 1, 1), 221_184, {442_368: twice, 24_576: "a 3x3 kernel has 9 weights."}),
        ((8, 16, 3, 32, 2, 1), 294_912, {1_179_648: strided, 589_824: rows}),
        ((4, 4, 3, 7, 2, 1), 2_304, {1_296: padded, 1_764: padded}),
        ((8, 8, 3, 16, 1, 4), 36_864, {147_456: alone, 9_216: both}),
    ]
    for case, wanted, mistakes in cases:
        asked = f"(channels in, out, kernel, size, stride, groups) = {case}"
        if off := _judge(answer(*case), wanted, mistakes, asked):
            return off
    return None


@exercise("1.2")
def exit_at_budget(answer: Callable) -> str | None:
    """(K,) costs, a budget -> the exit, from 1, that it pays for; 0 where none."""
    cost = [10, 30, 60]
    shifted = "exits are counted from 1; 0 says that there is no answer yet."
    cases = [
        (59, 2, {1: shifted, 3: "exit 3 costs 60: a budget of 59 does not reach it."}),
        (30, 2, {1: "a budget of exactly an exit's cost pays for that exit."}),
        (5, 0, {1: "a budget of 5 pays for no exit: return 0.", -1: shifted}),
        (100, 3, {0: "a budget above the full cost pays for the last exit, 3."}),
    ]
    for budget, wanted, mistakes in cases:
        asked = f"a budget of {budget} at the costs 10, 30, 60"
        if off := _judge(answer(cost, budget), wanted, mistakes, asked):
            return off
    return None


@exercise("1.3")
def exit_positions(answer: Callable) -> str | None:
    """n, s -> the units after which a ResANN(n, c) has exits, aligned to the end."""
    cases = [(2, 1, [1, 2, 3, 4, 5, 6]), (5, 2, [1, 3, 5, 7, 9, 11, 13, 15]), (4, 5, [2, 7, 12])]
    for n, every, wanted in cases:
        found = answer(n, every)
        if found is None:
            return "your function returns nothing: end it with `return`."
        found = [int(unit) for unit in found]
        if found == wanted:
            continue
        asked = f"n = {n}, s = {every} gives {found}"
        if found == wanted[::-1]:
            return f"{asked}: the right units, from the last to the first; turn them round."
        if 3 * n not in found:
            return f"{asked}, without unit {3 * n}: the last unit always has an exit."
        return f"{asked}, but {wanted} is right."
    return None


def _weights_differ(found: Any, wanted: Any, asked: str) -> str | None:
    """None where weights (K,) are right; else what is off: their number, scale or values."""
    import numpy as np

    if found is None:
        return "your function returns nothing: end it with `return`."
    found, wanted = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    if found.shape != wanted.shape:
        return f"{asked}: {wanted.shape} weights are asked for, yours have shape {found.shape}."
    if np.allclose(found, wanted, rtol=1e-3):
        return None
    if found.max() > 0 and np.allclose(found / found.max(), wanted / wanted.max(), rtol=1e-3):
        return f"{asked}: right but for the scale; your largest weight is {found.max():.3g}, not 1."
    if np.allclose(found[::-1], wanted, rtol=1e-3):
        return f"{asked}: right, but from the last exit to the first; turn them round."
    k = int(np.abs(found - wanted).argmax())
    return (
        f"{asked}: the weight of exit {k + 1} should be {wanted[k]:.4g}, yours is {found[k]:.4g}."
    )


@exercise("2.1")
def half_end(answer: Callable) -> str | None:
    """K -> (K,) weights: the last 1, the others sharing 1 evenly."""
    for exits in (9, 2, 5):
        wanted = [1.0 / (exits - 1)] * (exits - 1) + [1.0]
        if off := _weights_differ(answer(exits), wanted, f"{exits} exits"):
            return off
    try:
        alone = answer(1)
    except ZeroDivisionError:
        return "with one exit there are no others to share: its weight is 1."
    return _weights_differ(alone, [1.0], "one exit")


@exercise("2.2")
def sieve(answer: Callable) -> str | None:
    """K > 1 -> (K,) weights of SIEVE, the last 1."""
    for exits in (9, 10, 16, 17, 2):
        ruler = [(d & -d).bit_length() for d in range(exits - 1, 0, -1)]  # 1 + v2(d)
        wanted = [mark / sum(ruler) for mark in ruler] + [1.0]
        if off := _weights_differ(answer(exits), wanted, f"{exits} exits"):
            return off
    return None


@exercise("2.3")
def equalising_weight(answer: Callable) -> str | None:
    """A toy of two losses -> the weight B_2 at which both are equal where the sum is smallest."""
    from anytime import theory

    for big in (1.0, 4.0, 10.0):
        toy = theory.two_loss_toy(big)
        found = answer(toy)
        if found is None:
            return "your function returns nothing: end it with `return`."
        first, second = toy.losses(toy.minimiser([1.0, found]))
        if not math.isclose(first, second, rel_tol=1e-3):
            more = "smaller" if first > second else "larger"
            return (
                f"at scale {big:g} and B_2 = {found:.4g} the losses are {first:.3f} and "
                f"{second:.3f}: B_2 must be {more}."
            )
    return None


@exercise("4.1")
def exit_losses(answer: Callable) -> str | None:
    """(K, B, classes) logits, (B,) labels -> (K,) mean cross-entropy of each exit."""
    import torch

    logits = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    labels = torch.tensor([3, 1, 4, 1])
    surprise = -logits.log_softmax(-1)
    wanted = surprise[:, torch.arange(4), labels].mean(1)
    found = answer(logits, labels)
    if found is None:
        return "your function returns nothing: end it with `return`."
    if not isinstance(found, torch.Tensor) or found.shape != (3,):
        shape = tuple(getattr(found, "shape", [type(found).__name__]))
        return f"for 3 exits and 4 images return a tensor of shape (3,), yours is {shape}."
    mixed = surprise.flatten(0, 1)[torch.arange(12), labels.repeat_interleave(3)]
    twice = -logits.softmax(-1).log_softmax(-1)[:, torch.arange(4), labels].mean(1)
    mistakes = [
        ("that is the sum over the images; take the mean.", 4 * wanted),
        ("flatten(0, 1) lists all images of exit 1, then all of exit 2: use labels.repeat(K), "
         "which goes through all labels K times.", mixed.view(3, 4).mean(1)),
        ("F.cross_entropy takes logits, not probabilities: leave out the softmax.", twice),
    ]  # fmt: skip
    for text, values in mistakes:
        if torch.allclose(found, values, rtol=1e-4):
            return text
    if not torch.allclose(found, wanted, rtol=1e-4):
        return f"the loss of exit 1 should be {wanted[0]:.3f}, yours is {found[0]:.3f}."
    if not found.requires_grad:
        return "right numbers, but without gradients: leave out detach, item and numpy."
    return None


@exercise("4.2")
def power_weighting(answer: Callable) -> str | None:
    """A subclass of Weighting with the weights (i / K)^power."""
    import torch

    from anytime.weighting import Weighting

    for power, wanted in ((2.0, [0.0625, 0.25, 0.5625, 1.0]), (0.0, [1.0] * 4)):
        scheme = answer(4, power=power)
        if not isinstance(scheme, Weighting):
            return "derive your class from weighting.Weighting."
        if not hasattr(scheme, "weights"):
            return "hand the weights on with super().__init__(weights, total)."
        if off := _weights_differ(scheme.weights, wanted, f"4 exits, power {power:g}"):
            return off
    scheme = answer(4, total=3.0, power=2.0)
    if abs(float(scheme.weights.sum()) - 3.0) > 1e-4:
        return "with total=3 the weights should sum to 3: pass `total` on to super().__init__."
    loss = float(scheme(torch.tensor([1.0, 2.0, 3.0, 4.0])))
    return _judge(loss, 3 * 6.25 / 1.875, {}, "the training loss of losses 1, 2, 3, 4, total 3")


@exercise("4.3")
def first_epoch_below(answer: Callable) -> str | None:
    """A run, a level -> the first evaluated epoch whose last test error is below it, or None."""
    from anytime.runs import Run

    errors = {2: [0.3, 0.6], 4: [0.2, 0.4], 6: [0.2, 0.5], 8: [0.1, 0.3]}
    history = [
        {"epoch": epoch, "train_error": [0.0, 0.0]}
        | ({"test_error": errors[epoch]} if epoch in errors else {})
        for epoch in range(1, 9)
    ]
    run = Run({}, cost=[1, 2], history=history)
    hints = {
        (0.45, 1): "look at the test error of the last exit; 0.45 is first reached in epoch 4.",
        (0.45, 2): "if that is a position in a list, return entry['epoch']; if it is the epoch of "
        "the first exit, look at the last.",
        (0.45, 3): "that is a position, counted from 0: return entry['epoch'].",
        (0.45, 8): "that is the last time; the error was below 0.45 before, in epoch 4.",
        (0.4, 4): "an error of exactly the level is not below it.",
    }
    for level, wanted in ((0.45, 4), (0.4, 8), (0.7, 2), (0.1, None)):
        found = answer(run, level)
        if found != wanted:
            general = f"below {level:g} for the first time in epoch {wanted}, you say {found}."
            return hints.get((level, found), general)
    return None


@exercise("4.4")
def effective_learning_rate(answer: Callable) -> str | None:
    """Learning rate, (K,) weights -> the learning rate of CONST with steps of the same size."""
    import torch

    mistakes = {
        0.18: "divide the total by the number of exits, K.",
        0.45: "that is the mean weight; multiply it by the learning rate.",
        0.1: "that is the rate times the largest weight; take the mean of the weights.",
        0.1 / 0.45: "multiply by the mean weight, don't divide: smaller weights, smaller steps.",
    }
    weights = torch.tensor([0.2, 0.2, 0.4, 1.0])
    return _judge(answer(0.1, weights), 0.045, mistakes, "rate 0.1, weights 0.2, 0.2, 0.4, 1")


@exercise("3.1")
def running_means(answer: Callable) -> str | None:
    """Losses (steps, K), rho -> running means after each step (steps, K)."""
    import numpy as np

    losses = np.array([[2.0, 4.0], [1.0, 0.0], [0.0, 4.0]])
    wanted = np.array([[2.0, 4.0], [1.8, 3.2], [1.44, 3.36]])
    mistakes = [
        ("rho is the share of the old mean that is kept, 1 - rho that of the new loss.",
         [[2.0, 4.0], [1.2, 0.8], [0.24, 3.36]]),
        ("the mean starts at the losses of the first batch, not at 0.",
         [[0.4, 0.8], [0.52, 0.64], [0.416, 1.312]]),
        ("that is the mean of all batches so far; a running mean forgets old ones.",
         [[2.0, 4.0], [1.5, 2.0], [1.0, 8 / 3]]),
    ]  # fmt: skip
    found = answer(losses.copy(), 0.8)
    if found is None:
        return "your function returns nothing: end it with `return`."
    if np.shape(found) != wanted.shape:
        return f"for 3 steps and 2 exits return an array (3, 2), yours is {np.shape(found)}."
    for text, values in mistakes:
        if np.allclose(found, values):
            return text
    step = int(np.abs(found - wanted).max(1).argmax())
    if not np.allclose(found, wanted):
        return f"after step {step + 1} the means should be {wanted[step]}, yours are {found[step]}."
    return None


@exercise("3.2")
def weights_inverse_to_loss(answer: Callable) -> str | None:
    """(K,) mean losses, gamma -> (K,) weights inverse to them, the largest 1, floor gamma."""
    import numpy as np

    means = np.array([1.25, 0.5, 0.25])
    found = answer(means.copy())
    if found is not None and np.allclose(found, means / means.max()):
        return "these weights grow with the losses; take the inverse, 1 / mean_losses."
    if off := _weights_differ(found, [0.2, 0.5, 1.0], "without gamma"):
        return off + " Divide by the largest at the end." if "the scale" in off else off
    found = answer(means.copy(), gamma=0.2)
    if found is not None and np.allclose(found, [0.4, 0.7, 1.2]):
        return "your largest weight is 1.2: scale the inverse by 1 - gamma before adding gamma."
    return _weights_differ(found, [0.36, 0.6, 1.0], "gamma = 0.2")


@exercise("3.3")
def ratio_where_floor_takes_over(answer: Callable) -> str | None:
    """gamma -> the ratio r at which (1 - gamma) / r is gamma."""
    near = "close: 1 / gamma is what remains if you forget the factor 1 - gamma."
    for gamma, wanted in ((0.2, 4.0), (0.5, 1.0)):
        mistakes = {1 / gamma: near, 1 / wanted: "that is the ratio upside down; r is at least 1."}
        if off := _judge(answer(gamma), wanted, mistakes, f"gamma = {gamma:g}"):
            return off
    return None


@exercise("3.4")
def best_weights(answer: Callable) -> str | None:
    """Losses (K,), importance c (K,) -> the weights that minimise B l - c ln B."""
    import numpy as np

    losses, importance = np.array([2.0, 0.5, 0.1]), np.array([1.0, 3.0, 0.5])
    found = answer(losses.copy(), importance.copy())
    if found is None:
        return "your function returns nothing: end it with `return`."
    slopes = losses - importance / np.asarray(found, dtype=float)
    if np.allclose(slopes, 0, atol=1e-4):
        return None
    if np.allclose(found, 1 / losses):
        return "that is the answer for importance 1; with c the derivative by B is l - c / B."
    k = int(np.abs(slopes).argmax())
    return f"at your weight of exit {k + 1} the derivative by B is {slopes[k]:.3g}, and not 0."


@exercise("8.1")
def mean_position(answer: Callable) -> str | None:
    """(K,) weights -> their mean position, from 0 for the first exit to 1 for the last."""
    import numpy as np

    counted = "divide by the total of the weights: they need not sum to 1."
    mistakes = {
        2.75: "exits 1 to 4 are counted, but the first has position 0 and the last 1.",
        1.75: "that is counted in exits from 0 to 3; the last one has position 1.",
        2.75 / 4: "the first exit has position 0, not 1/4: use steps of 1 / (K - 1).",
        1.75 / 4: "the last exit has position 1, not 3/4: use steps of 1 / (K - 1).",
        14 / 3: counted,
        5.5: "exits are counted from 1, and the total of the weights is not divided out.",
        14 / 12: "divide by the total of the weights, not by their number.",
    }
    asked = "weights 2, 1, 2, 3 in four exits"
    if off := _judge(answer(np.array([2.0, 1.0, 2.0, 3.0])), 14 / 24, mistakes, asked):
        return off
    return _judge(answer(np.array([0.5, 0.5])), 0.5, {}, "two equal weights")


@exercise("8.2")
def loss_ratio(answer: Callable) -> str | None:
    """An exit's weight, gamma -> its loss divided by the smallest loss."""
    cases = [
        ((0.6, 0.2), 2.0, {1 / 0.6: "take gamma into account: only B - gamma falls as 1 / loss.",
                           0.8 / 0.6: "subtract gamma from the weight first.",
                           2.5: "multiply by 1 - gamma.",
                           0.5: "that is the ratio upside down: a small weight is a large loss."}),
        ((0.163, 0.07), 10.0, {}),
        ((1.0, 0.07), 1.0, {}),
    ]  # fmt: skip
    for (weight, gamma), wanted, mistakes in cases:
        asked = f"weight {weight:g}, gamma {gamma:g}"
        if off := _judge(answer(weight, gamma), wanted, mistakes, asked):
            return off
    return None


@exercise("8.3")
def value_at_fit(answer: Callable) -> str | None:
    """(epochs,) losses, (epochs,) values, a level -> the value when the loss is first below it."""
    losses, values = [2.0, 0.9, 0.4, 0.6, 0.3], [0.51, 0.62, 0.73, 0.84, 0.95]
    hints = {
        (0.5, 0.95): "that is the last epoch below 0.5; take the first.",
        (0.5, 0.4): "that is the loss itself; return the value of that epoch.",
        (0.5, 2): "that is a position in the list; return values[2].",
        (0.5, 3): "that is the number of the epoch; return the value of that epoch.",
        (0.9, 0.62): "a loss of exactly the level is not below it.",
        (0.1, 0.95): "the loss never falls below 0.1 there: return None.",
    }
    for level, wanted in ((0.5, 0.73), (0.9, 0.73), (1.5, 0.62), (0.1, None)):
        found = answer(losses, values, level)
        if found != wanted:
            general = f"below {level:g} for the first time at value {wanted}, you say {found}."
            return hints.get((level, found), general)
    return None


@exercise("5.1")
def exit_at_share(answer: Callable) -> str | None:
    """(K,) costs, a share of the last -> the exit, from 1, with the nearest cost."""
    cost = [10.0, 30.0, 60.0, 100.0]
    counted = "exits are counted from 1: add 1 to the position."
    cases = [
        (0.25, 2, {1: counted}),
        (0.5, 3, {2: "exit 3 costs 0.6 of the whole, exit 2 only 0.3: 0.6 is nearer to 0.5."}),
        (0.75, 3, {4: "exit 3 costs 0.6 of the whole: that is nearer to 0.75 than 1 is."}),
        (1.0, 4, {3: counted}),
    ]
    for share, wanted, mistakes in cases:
        asked = f"a share of {share:g} of the costs 10, 30, 60, 100"
        if off := _judge(answer(cost, share), wanted, mistakes, asked):
            return off
    return None


@exercise("5.2")
def mean_increase(answer: Callable) -> str | None:
    """(D,) errors, (D,) errors of OPT -> the mean of the increases in percent."""
    mistakes = {
        1100 / 29: "that is the increase of the mean errors; take the mean of the increases.",
        0.85: "give it in percent: multiply by 100.",
        185.0: "that is the quotient of the errors; subtract 1 before you average.",
        5.5: "that is the difference in points; divide it by OPT's error.",
        115 / 3: "divide by OPT's error, not by the exit's.",
    }
    asked = "errors 0.1 and 0.3 over OPT's 0.04 and 0.25, in percent,"
    return _judge(answer([0.1, 0.3], [0.04, 0.25]), 85.0, mistakes, asked)


@exercise("5.3")
def standard_errors_from_zero(answer: Callable) -> str | None:
    """(S,) differences -> the distance of their mean from 0, in its standard errors."""
    deviation, root = 4.0, 3**0.5  # of -2, 2, 6, whose mean is 2
    mistakes = {
        2.0: "that is the mean; divide it by its standard error.",
        2.0 / deviation: "that is in standard deviations; the mean's is smaller, by sqrt(n).",
        2.0 / deviation / root: "divide the deviation by sqrt(n), don't multiply.",
        2.0 * root / (deviation * (2 / 3) ** 0.5): "use n - 1 in the denominator: ddof=1.",
        deviation / root: "that is the standard error; divide the mean by it.",
    }
    asked = "differences -2, 2, 6"
    return _judge(answer([-2.0, 2.0, 6.0]), 2.0 * root / deviation, mistakes, asked)


@exercise("7.1")
def costs_in_a_row(answer: Callable) -> str | None:
    """Costs of the members' exits -> the cost of every exit in the chain."""
    found = answer([[2, 5], [3, 7, 12], [1, 4]])
    if found is None:
        return "your function returns nothing: end it with `return`."
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
    for case, wanted, mistakes in cases:
        asked = f"(budget, base) = {case}"
        if off := _judge(answer(*case), wanted, mistakes, asked):
            return off
    return None


@exercise("7.3")
def smallest_base(answer: Callable) -> str | None:
    """The largest accepted cost factor -> the smallest base whose supremum is not above it."""
    for worst, wanted in ((2.25, 5.0), (4.0, 1.5)):
        mistakes = {
            wanted - 1: "that is b - 1: add 1.",
            2 + 1 / (worst - 1): "that is the supremum for b = C; solve for b instead.",
            worst - 1: "the inverse of b - 1 is C - 2: turn it round, then add 1.",
        }
        if off := _judge(answer(worst), wanted, mistakes, f"C = {worst:g}"):
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
        return "your function returns nothing: end it with `return`."
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


@exercise("6.1")
def cheapest_exit(answer: Callable) -> str | None:
    """(K,) errors, (K,) costs, a level -> the cost of the cheapest exit that reaches it."""
    errors, costs = [0.5, 0.3, 0.35, 0.2], [10, 25, 40, 70]
    hints = {
        (0.4, 70): "that is the last exit; exit 2 reaches 0.4 for less.",
        (0.4, 2): "that is the exit; return its cost.",
        (0.4, 1): "that is the exit's position in the list; return its cost.",
        (0.4, 0.3): "that is the error; return the cost.",
        (0.3, 70): "an error of exactly the level reaches it.",
        (0.1, 70): "no exit has an error of 0.1 or less: return None.",
        (0.6, 70): "all exits reach 0.6, the cheapest for 10.",
    }
    for level, wanted in ((0.4, 25), (0.3, 25), (0.6, 10), (0.2, 70), (0.1, None)):
        found = answer(errors, costs, level)
        if found != wanted:
            general = f"an error of {level:g} is reached for {wanted}, you say {found}."
            return hints.get((level, found), general)
    return None


@exercise("6.2")
def difference_bar(answer: Callable) -> str | None:
    """Two errors, n images -> the standard error of their difference."""
    one, other, n = 0.2, 0.1, 2500
    squared = (one * (1 - one) + other * (1 - other)) / n
    mistakes = {
        squared: "that is the variance; take the square root.",
        0.008 + 0.006: "add the squares of the two error bars, then take the root.",
        0.008: "that is the error bar of the first error alone.",
        0.006: "that is the error bar of the second error alone.",
        0.002: "the squares of the error bars add, also for a difference.",
        0.5: "divide by n.",
        0.0052915: "the squares of the error bars add, also for a difference.",
    }
    asked = "errors 0.2 and 0.1 on 2,500 images"
    if off := _judge(answer(one, other, n), 0.01, mistakes, asked):
        return off
    return _judge(answer(0.5, 0.5, 1250), 0.02, {}, "errors 0.5 and 0.5 on 1,250 images")


@exercise("6.3")
def break_even(answer: Callable) -> str | None:
    """Percents above the own OPT, of CONST and AdaLoss -> how much worse the small OPT may be."""
    mistakes = {
        15.0: "that is the difference; the percents are of two different errors, so divide.",
        1.125: "that is the ratio of the two OPT errors; how many percent is it above 1?",
        112.5: "that is the ratio in percent; how much is it above 100?",
        0.125: "right, but as a share; give it in percent.",
        100 * (1.2 / 1.35 - 1): "upside down: the more CONST loses, the more the small one may.",
    }
    if off := _judge(answer(35.0, 20.0), 12.5, mistakes, "CONST 35 %, AdaLoss 20 %"):
        return off
    return _judge(answer(10.0, 10.0), 0.0, {}, "10 % for both")


def _array_differs(found: Any, wanted: Any, mistakes: list[tuple[Any, str]]) -> str | None:
    """None where an array is right; else the likely mistake that gives it, or both arrays."""
    import numpy as np

    if found is None:
        return "your function returns nothing: end it with `return`."
    found, wanted = np.asarray(found), np.asarray(wanted)
    if found.shape != wanted.shape:
        return f"return an array of shape {wanted.shape}, yours has {found.shape}."
    if np.allclose(found, wanted):
        return None
    near = [hint for values, hint in mistakes if np.allclose(found, values)]
    return near[0] if near else f"yours gives {found.round(3)}, but {wanted.round(3)} is right."


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
    off = _array_differs(answer(now, before, np.zeros(3)), [0.3, 0.0, 1.0], mistakes)
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
    off = _array_differs(answer(scores, 0.5), [0, 1, 2, 0, 2], mistakes)
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
    return _array_differs(answer(stops, cost, budgets), [0, 0, 1, 2, 1], mistakes)
