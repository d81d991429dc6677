"""The checks of notebook 09's exercises."""

import math

import numpy as np

from anytime.course.checks.friendly import Cases, cases


@cases("9.1", "the losses {}")
def gls_weights() -> Cases:
    """(K,) losses -> the derivative of their geometric mean by each of them."""
    losses = np.array([4.0, 1.0, 2.0])  # their geometric mean is 2
    one_k = "that is G / l_i: the mean has K terms, so divide by K, too."
    logs = "that is the derivative of the sum of logarithms; multiply by G / K."
    log = "that is the derivative of ln G; the chain rule multiplies it by G."
    product = "that is the derivative of the product; take its K-th root first."
    mean = "take the geometric mean, not the arithmetic one."
    factors = (2, one_k), (1, logs), (1 / 3, log), (8, product), (7 / 9, mean)
    yield (losses,), 2 / 3 / losses, *((factor / losses, hint) for factor, hint in factors)
    yield (np.array([9.0, 4.0]),), [1 / 3, 3 / 4]


@cases("9.2", "s = {:.4g}, loss {}, rate {}")
def learned_step() -> Cases:
    """s, a loss, a rate -> s after one gradient step on e^s loss - s."""
    s = math.log(2.0)  # with a loss of 3 the derivative is 2 * 3 - 1 = 5
    uphill = "that step goes uphill: subtract rate times the derivative."
    no_s = "the term -s has the derivative -1."
    plus_s = "the term -s has the derivative -1, not 1."
    inverse = "here B = e^s, not e^-s."
    step = "that is the step; add it to s."
    wrong = (s + 0.5, uphill), (s - 0.6, no_s), (s - 0.7, plus_s), (s - 0.05, inverse), (-0.5, step)
    yield (s, 3.0, 0.1), s - 0.5, *wrong
    yield (0.0, 0.5, 2.0), 1.0


@cases("9.3", "the losses {}, offsets {}, epsilon {}")
def offset_weights() -> Cases:
    """(K,) losses, (K,) known offsets -> weights by what is above the offset, the largest 1."""
    losses, offsets = np.array([3.0, 2.0, 1.5]), np.array([1.0, 1.5, 0.5])  # above: 2, 0.5, 1
    largest = "divide by the largest, so that it is 1."
    before = "take the offsets off before you invert."
    turned = "the weights are the inverse: the larger the rest, the less."
    wrong = ([0.5, 2, 1], largest), ([0.5, 0.75, 1], before), ([1, 0.25, 0.5], turned)
    yield (losses, offsets, 1e-3), [0.25, 1, 0.5], *wrong

    spent = "a loss below its offset gives no weight: take epsilon for what is left of it."
    given = np.array([1.0, 0.5]), np.array([0.0, 1.0]), 0.1
    yield given, [0.1, 1.0], ([-0.5, 1.0], spent), ([1.0, -2.0], spent), ([0.5, 1.0], spent)
