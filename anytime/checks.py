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
