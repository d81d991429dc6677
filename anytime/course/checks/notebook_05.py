"""The checks of notebook 05's exercises."""

import numpy as np

from anytime.course.checks.friendly import Cases, cases


@cases("5.1", "a share of {1} of the costs {0}")
def exit_at_share() -> Cases:
    """(K,) costs, a share of the last -> the exit, from 1, with the nearest cost."""
    cost = [10.0, 30.0, 60.0, 100.0]
    yield (cost, 0.25), 2, (1, "exits are counted from 1: add 1 to the position.")
    yield (cost, 0.5), 3, (2, "exit 3 costs 0.6 of the whole, exit 2 only 0.3: 0.6 is nearer.")
    yield (cost, 0.75), 3, (4, "exit 3 costs 0.6 of the whole: that is nearer to 0.75 than 1 is.")
    yield (cost, 1.0), 4


@cases("5.2", "the errors {} over OPT's {}")
def mean_increase() -> Cases:
    """(D,) errors, (D,) errors of OPT -> the mean of the increases in percent."""
    means = "that is the increase of the mean errors; take the mean of the increases."
    share = "give it in percent: multiply by 100."
    quotient = "that is the quotient of the errors; subtract 1 before you average."
    points = "that is the difference in points; divide it by OPT's error."
    own = "divide by OPT's error, not by the exit's."
    wrong = (1100 / 29, means), (0.85, share), (185, quotient), (5.5, points), (115 / 3, own)
    yield (np.array([0.1, 0.3]), np.array([0.04, 0.25])), 85.0, *wrong
    yield (np.array([0.5, 0.2, 0.1]), np.array([0.4, 0.2, 0.2])), -25 / 3


@cases("5.3", "the differences {}")
def standard_errors_from_zero() -> Cases:
    """(S,) differences -> the distance of their mean from 0, in its standard errors."""
    differences, root = np.array([-2.0, 2.0, 6.0]), 3**0.5  # their mean is 2, their deviation 4
    mean = "that is the mean; divide it by its standard error."
    single = "that is in standard deviations; the mean's is smaller, by sqrt(n)."
    wide = "divide the deviation by sqrt(n), don't multiply."
    biased = "use n - 1 in the denominator: ddof=1."
    bar = "that is the standard error; divide the mean by it."
    wrong = (2, mean), (0.5, single), (0.5 / root, wide), (1.5 / 2**0.5, biased), (4 / root, bar)
    yield (differences,), root / 2, *wrong
    yield (-differences,), root / 2, (-root / 2, "a distance is not negative: take abs(mean).")
    yield (np.array([1.0, 1.0, 5.0, 5.0]),), 1.5 * root
