"""What so many seeds can show: the chance of a test, before anything is run.

error, freedom: the standard error of a difference of two means, and its degrees of freedom; of runs
that are there, those of a `statistics.Comparison`.
"""

from __future__ import annotations

import math

from scipy import optimize, stats


def standard_error(scatter: float, one: int, other: int) -> float:
    """Of a difference between the means of so many seeds, by the standard deviation of a run."""
    return scatter * math.sqrt(1 / one + 1 / other)


def power(apart: float, error: float, freedom: float, alpha: float = 0.05) -> float:
    """The chance to see a true difference, and its sign, by a two-sided test (noncentral t).

    freedom: `math.inf` where the scatter is known exactly.
    """
    critical = stats.t.ppf(1 - alpha / 2, freedom)
    if math.isinf(freedom):
        return float(stats.norm.sf(critical - abs(apart) / error))
    return float(stats.nct.sf(critical, freedom, abs(apart) / error))


def smallest_difference(
    error: float, freedom: float, alpha: float = 0.05, chance: float = 0.8
) -> float:
    """The true difference that is seen with this chance; see `power`."""

    def lacking(apart: float) -> float:
        return power(apart, error, freedom, alpha) - chance

    enough = 4 * stats.t.ppf(1 - alpha / 2, freedom) + 10
    return float(optimize.brentq(lacking, 0, enough * error))


def equivalence_power(margin: float, error: float, freedom: float, apart: float = 0.0) -> float:
    """At least the chance that two one-sided tests at 5 % find a difference to be within a margin.

    apart: the true difference.
    """
    sides = [(margin - apart) / error, (margin + apart) / error]
    found = stats.nct.sf(stats.t.ppf(0.95, freedom), freedom, sides)
    return max(0.0, float(found.sum()) - 1)
