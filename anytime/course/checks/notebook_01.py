"""The checks of notebook 01's exercises."""

from __future__ import annotations

from collections.abc import Callable

from anytime.course.checks.friendly import NOTHING, exercise, numbers_differ


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
    asked = "(channels in, out, kernel, size, stride, groups) = ({}, {}, {}, {}, {}, {})"
    return numbers_differ(answer, asked, cases)


@exercise("1.2")
def exit_at_budget(answer: Callable) -> str | None:
    """(K,) costs, a budget -> the exit, from 1, that it pays for; 0 where none."""
    cost = [10, 30, 60]
    shifted = "exits are counted from 1; 0 says that there is no answer yet."
    cases = [
        ((59,), 2, {1: shifted, 3: "exit 3 costs 60: a budget of 59 does not reach it."}),
        ((30,), 2, {1: "a budget of exactly an exit's cost pays for that exit."}),
        ((5,), 0, {1: "a budget of 5 pays for no exit: return 0.", -1: shifted}),
        ((100,), 3, {0: "a budget above the full cost pays for the last exit, 3."}),
    ]
    asked = "a budget of {} at the costs 10, 30, 60"
    return numbers_differ(lambda budget: answer(cost, budget), asked, cases)


@exercise("1.3")
def exit_positions(answer: Callable) -> str | None:
    """n, s -> the units after which a ResANN(n, c) has exits, aligned to the end."""
    cases = [(2, 1, [1, 2, 3, 4, 5, 6]), (5, 2, [1, 3, 5, 7, 9, 11, 13, 15]), (4, 5, [2, 7, 12])]
    for n, every, wanted in cases:
        found = answer(n, every)
        if found is None:
            return NOTHING
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
