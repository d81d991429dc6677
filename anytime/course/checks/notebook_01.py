"""The checks of notebook 01's exercises."""

from anytime.course.checks.friendly import Cases, cases


@cases("1.1", "(channels in, out, kernel, size, stride, groups) = ({}, {}, {}, {}, {}, {})")
def convolution_multiply_adds() -> Cases:
    """channels in and out, kernel, image size, stride, groups -> multiply-adds."""
    twice = "that is twice the right number: a multiplication with its addition counts as one."
    strided = "with a stride the output is smaller: count its pixels, not the input's."
    rows = "the stride makes the output smaller in both directions."
    padded = "7 pixels with stride 2 and padding 1 give 4, not 3: round up."
    alone = "in a grouped convolution an output sees only channels_in / groups channels."
    both = "groups divide what each output sees, but all channels_out are still computed."
    yield (3, 8, 3, 32, 1, 1), 221_184, (442_368, twice), (24_576, "a 3x3 kernel has 9 weights.")
    yield (8, 16, 3, 32, 2, 1), 294_912, (1_179_648, strided), (589_824, rows)
    yield (4, 4, 3, 7, 2, 1), 2_304, (1_296, padded), (1_764, padded)
    yield (8, 8, 3, 16, 1, 4), 36_864, (147_456, alone), (9_216, both)
    yield (2, 6, 5, 10, 3, 2), 2_400


@cases("1.2", "a budget of {1} at the costs {0}")
def exit_at_budget() -> Cases:
    """(K,) costs, a budget -> the exit, from 1, that it pays for; 0 where none."""
    cost = [10, 30, 60]
    shifted = "exits are counted from 1; 0 says that there is no answer yet."
    yield (cost, 59), 2, (1, shifted), (3, "exit 3 costs 60: a budget of 59 does not reach it.")
    yield (cost, 30), 2, (1, "a budget of exactly an exit's cost pays for that exit.")
    yield (cost, 5), 0, (1, "a budget of 5 pays for no exit: return 0.")
    yield (cost, 100), 3, (0, "a budget above the full cost pays for the last exit, 3.")


@cases("1.3", "n = {}, s = {}")
def exit_positions() -> Cases:
    """n, s -> the units after which a ResANN(n, c) has exits, aligned to the end."""
    last = "that is without unit {}: the last unit always has an exit."
    yield (2, 1), [1, 2, 3, 4, 5, 6], ([0, 1, 2, 3, 4, 5], "units are counted from 1.")
    yield (5, 2), [1, 3, 5, 7, 9, 11, 13, 15], ([2, 4, 6, 8, 10, 12, 14], last.format(15))
    yield (4, 5), [2, 7, 12], ([5, 10], last.format(12)), ([1, 6, 11], last.format(12))
    yield (1, 4), [3]
