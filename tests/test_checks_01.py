"""The checks of notebook 01's exercises: answers made without the formulas they ask for."""

import bisect

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from anytime import networks
from anytime.course import checks


def counted(channels_in, channels_out, kernel, size, stride=1, groups=1):
    padding = kernel // 2
    convolution = torch.nn.Conv2d(
        channels_in, channels_out, kernel, stride, padding, groups=groups, device="meta"
    )
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        convolution(torch.empty(1, channels_in, size, size, device="meta"))
    return counter.get_total_flops() // 2


def built(n, every):
    network = networks.build(f"resann-{n}-1-s{every}")
    return np.cumsum([len(segment) for segment in network.segments])


RIGHT = {
    checks.convolution_multiply_adds: counted,
    checks.exit_at_budget: lambda cost, budget: bisect.bisect_right(cost, budget),
    checks.exit_positions: built,
}


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda i, o, k, n, s, g: 2 * counted(i, o, k, n, s, g), "twice the right number"),
        (lambda i, o, k, n, s, g: counted(i, o, k, n, s, g) // k**2, "9 weights"),
        (lambda i, o, k, n, s, g: i * o * k * k * n * n // g, "output is smaller: count its"),
        (lambda i, o, k, n, s, g: i * o * k * k * n * n // g // s, "in both directions"),
        (lambda i, o, k, n, s, g: i * o * k * k * (n // s) ** 2 // g, "round up"),
        (lambda i, o, k, n, s, g: counted(i, o, k, n, s), "channels_in / groups"),
        (lambda i, o, k, n, s, g: counted(i, o, k, n, s, g) // g, "still computed"),
        (lambda i, o, k, n, s, g: counted(i, o, 3, n, s, g), "but 2400 is right"),
        (lambda *_: 7, "gives 7, but 221184 is right"),
    ],
)
def test_a_wrong_count_of_multiply_adds_is_told_what_is_off(capsys, answer, hint):
    checks.convolution_multiply_adds(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda cost, budget: bisect.bisect_right(cost, budget) - 1, "counted from 1"),
        (lambda cost, budget: bisect.bisect_left(cost, budget), "exactly an exit's cost"),
        (lambda cost, budget: 1 + np.abs(np.array(cost) - budget).argmin(), "does not reach it"),
        (lambda cost, budget: max(1, bisect.bisect_right(cost, budget)), "return 0"),
    ],
)
def test_a_wrong_exit_at_a_budget_is_told_what_is_off(capsys, answer, hint):
    checks.exit_at_budget(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda n, s: range(s, 3 * n + 1, s), "the last unit always has an exit"),
        (lambda n, s: range(3 * n, 0, -s), "turn them round"),
        (lambda n, s: range(3 * n), "counted from 1"),
        (lambda n, s: built(n, s) + 0.5, "gives [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]"),
        (lambda n, s: [*range(s, 3 * n, s), 3 * n], "[1, 3, 5, 7, 9, 11, 13, 15] is right"),
    ],
)
def test_wrong_positions_of_exits_are_told_what_is_off(capsys, answer, hint):
    checks.exit_positions(answer)
    assert hint in capsys.readouterr().out
