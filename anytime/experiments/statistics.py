"""What runs of several seeds say of a claim; `data/plan.md` names the tests that are made.

Seeds are no pairs: errors of equal seeds under two weightings do not go together. So nothing is
paired. The scatter of a run is pooled over the weightings of one data set, network, recipe and
exit, which are taken to scatter alike; ratios to OPT do without this. Differences are in the unit
of the errors that are given, points or shares.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from anytime.names import whole
from anytime.runs import Run

Samples = Mapping[str, ArrayLike]
"""A number for each seed (S,), by what was trained, such as {"const": errors, "opt": errors}."""


class Comparison(NamedTuple):
    """How much larger one mean is than another, with Student's t around it.

    error: the standard error of the difference. freedom: its degrees of freedom.
    """

    difference: float
    error: float
    freedom: float

    @property
    def p(self) -> float:
        """Of no difference, two-sided."""
        return 2 * float(special.stdtr(self.freedom, -abs(self.difference) / self.error))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """From where to where the difference lies, at a level of confidence."""
        reach = float(special.stdtrit(self.freedom, (1 + level) / 2)) * self.error
        return self.difference - reach, self.difference + reach

    def equivalence(self, margin: float) -> float:
        """p of a difference of `margin` or more, either way: the larger of two one-sided tests.

        Below 0.05 the 90 % interval lies within the margin.
        """
        if not margin > 0:
            raise ValueError(f"the smallest difference that matters must be above 0, not {margin}")
        return float(special.stdtr(self.freedom, (abs(self.difference) - margin) / self.error))


def samples(
    found: Iterable[Run], measure: Callable[[Run], float], apart: Sequence[str] = ("weighting",)
) -> dict[str, np.ndarray]:
    """What is measured of each run, grouped by what the runs are meant to differ in.

    apart: keys of a configuration or of its recipe. In all else, but for the seed, the runs have to
    be equal; networks that were cut, as OPT's are, count as the whole one.
    Raises ValueError for runs that differ in anything else, that are unfinished, or that are there
    twice.
    """
    groups: dict[str, dict[int, float]] = {}
    first: dict[str, Any] = {}
    for run in found:
        seed, config = run.config["seed"], run.config | run.config["recipe"]
        config["network"] = whole(config["network"])
        if config.get("start") == f"seed {seed}":
            del config["start"]  # from first weights, as all others
        equal = {key: config[key] for key in config if key not in ("seed", "recipe", *apart)}
        first = first or equal
        for key in sorted(first.keys() | equal.keys()):
            if first.get(key) != equal.get(key):
                raise ValueError(
                    f"{run.name} has {key} = {equal.get(key)!r}, those before it "
                    f"{first.get(key)!r}; compare runs that share it, or name it in `apart`"
                )
        group = groups.setdefault(" ".join(str(config.get(key)) for key in apart), {})
        if seed in group or not run.finished:
            state = "is there twice" if run.finished else "is unfinished"
            raise ValueError(f"{run.name} {state}; leave it out")
        group[seed] = measure(run)
    return {name: np.array([*group.values()]) for name, group in groups.items()}


def seeds(groups: Samples, name: str) -> np.ndarray:
    """The numbers of one group: (S,), S > 1.

    Raises ValueError where there are none, one alone, or one that is not finite.
    """
    if name not in groups:
        raise ValueError(f"there is no run of {name!r}, only of {', '.join(groups) or 'nothing'}")
    values = np.asarray(groups[name], dtype=float)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"{name!r} has {values.size} run: it takes two to know how seeds scatter")
    if not np.isfinite(values).all():
        raise ValueError(f"{name!r} holds {values[~np.isfinite(values)][0]}: leave that run out")
    return values


def pooled_scatter(groups: Samples) -> tuple[float, int]:
    """The standard deviation of one run, over all groups around their means, and its freedom.

    Groups of one seed say nothing of it and are passed over. Raises ValueError where all are such,
    or where nothing scatters.
    """
    known = [seeds(groups, name) for name in groups if np.size(groups[name]) != 1]
    freedom = sum(len(values) - 1 for values in known)
    squares = sum(((values - values.mean()) ** 2).sum() for values in known)
    if not squares > 0:
        raise ValueError("nothing scatters: it takes two seeds that differ, not copies of one run")
    return math.sqrt(squares / freedom), freedom


def difference(groups: Samples, one: str, other: str) -> Comparison:
    """How much larger the mean of `one` is than that of `other`, by the scatter of all groups."""
    first, second = seeds(groups, one), seeds(groups, other)
    scatter, freedom = pooled_scatter(groups)
    error = scatter * math.sqrt(1 / len(first) + 1 / len(second))
    return Comparison(first.mean() - second.mean(), error, freedom)


def welch(first: ArrayLike, second: ArrayLike) -> Comparison:
    """How much larger the mean of `first` is than that of `second`, each with its own scatter.

    With five seeds and three, false alarms stay at 5 % where the scatters are within a factor of
    1.5 of each other; where the three scatter three times as much, they rise to 7 %.
    """
    groups = {"the first": first, "the second": second}
    one, other = (seeds(groups, name) for name in groups)
    return _around(one.mean() - other.mean(), one, other)


def _around(middle: float, *drawn: np.ndarray) -> Comparison:
    """What depends on the means of several samples, each with its own scatter (Satterthwaite)."""
    variances = [values.var(ddof=1) / len(values) for values in drawn]
    if not sum(variances) > 0:
        raise ValueError("nothing scatters: it takes two seeds that differ, not copies of one run")
    below = [v**2 / (len(values) - 1) for v, values in zip(variances, drawn, strict=True)]
    return Comparison(float(middle), math.sqrt(sum(variances)), sum(variances) ** 2 / sum(below))


def log_ratio(groups: Samples, name: str, to: str = "opt") -> Comparison:
    """The logarithm of the ratio of two groups' errors, with the scatter of both (Welch's test).

    `percent` makes of it, of its interval or of a margin, by how much the one makes more errors.
    Raises ValueError where an error is 0: the ratio has no meaning there.
    """
    errors = seeds(groups, name), seeds(groups, to)
    if min(values.min() for values in errors) <= 0:
        raise ValueError(f"{name!r} or {to!r} makes no errors in a run: there is no ratio of them")
    return welch(*map(np.log, errors))


def percent(logarithm: float) -> float:
    """Of a logarithm of a ratio, how much larger the one is in percent: log 1.03 is 3."""
    return 100 * math.expm1(logarithm)


def dunnett(groups: Samples, control: str = "const") -> dict[str, float]:
    """p of each other group's difference from one, corrected for their number (Dunnett's test)."""
    values = {name: seeds(groups, name) for name in groups if name != control}
    if not values:
        raise ValueError(f"there is nothing to compare with {control!r}")
    pooled_scatter(groups)  # refuses what does not scatter
    result = stats.dunnett(*values.values(), control=seeds(groups, control), rng=0)
    return dict(zip(values, map(float, result.pvalue), strict=True))


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """p of several claims, corrected for their number (Holm's step-down), in their order.

    Raises ValueError for one that is no number from 0 to 1: a claim that was never tested is not
    corrected, and does not count.
    """
    if wrong := [name for name, value in p.items() if not 0 <= value <= 1]:
        raise ValueError(f"p of {wrong[0]!r} is {p[wrong[0]]}, which is none; leave the claim out")
    corrected, largest = {}, 0.0
    for rank, name in enumerate(sorted(p, key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - rank) * p[name]))
        corrected[name] = largest
    return {name: corrected[name] for name in p}


def average(table: ArrayLike) -> Comparison:
    """The mean of (N networks, D data sets), for networks and data sets that were not tried.

    Both count as drawn at random. The variance of the mean is taken as the sum of those of the
    networks' means and of the data sets' means, and its degrees of freedom as those of the fewer:
    both err on the safe side. Raises ValueError for fewer than three of either, or an empty place.
    """
    table = np.asarray(table, dtype=float)
    if table.ndim != 2 or min(table.shape) < 3:
        raise ValueError(
            f"an average over networks and data sets takes three of both, not {table.shape}: with "
            "fewer, nothing is known of how others would scatter"
        )
    if not np.isfinite(table).all():
        raise ValueError("an average takes every network on every data set; one is missing")
    variances = [table.mean(axis).var(ddof=1) / table.shape[1 - axis] for axis in (0, 1)]
    if not sum(variances) > 0:
        raise ValueError("nothing scatters: all networks and data sets have the same value")
    return Comparison(float(table.mean()), math.sqrt(sum(variances)), min(table.shape) - 1)


def cost_to_reach(error: ArrayLike, cost: ArrayLike, level: float) -> float:
    """The cost at which errors (K,) of exits of some cost (K,) first fall to a level.

    Between exits that are better than all before, the error is taken as straight in the logarithm
    of the cost. It is the first exit's where that one is good enough, and inf where none is.
    """
    best = np.minimum.accumulate(np.asarray(error, dtype=float))
    _, first = np.unique(-best, return_index=True)
    return float(np.exp(np.interp(-level, -best[first], np.log(cost)[first], right=np.inf)))


def cost_factor(last: ArrayLike, paid: float, errors: ArrayLike, cost: ArrayLike) -> Comparison:
    """The logarithm of how many times a small network's cost a large one needs for the same error.

    last: (S,) last errors of the small network, whose cost is `paid`. errors: (T, K) of the large
    one at its exits of some cost (K,). Both scatter. Raises ValueError where the large one never
    makes so few errors.
    """
    middle, by_small, by_large = _costs(last, errors, cost)
    return _around(middle - math.log(paid), by_small, by_large)


def cost_saving(
    last: ArrayLike, other: ArrayLike, errors: ArrayLike, cost: ArrayLike
) -> Comparison:
    """The logarithm of how much more such a factor is than that of the same network otherwise.

    last, other: (S,) and (S',) last errors of the small network, trained in two ways; the rest is
    that of `cost_factor`. Above 0 the large network pays more to reach the first than the second.
    """
    first, second = (_costs(one, errors, cost) for one in (last, other))
    return _around(first[0] - second[0], first[1], second[1], first[2] - second[2])


def _costs(
    last: ArrayLike, errors: ArrayLike, cost: ArrayLike
) -> tuple[float, np.ndarray, np.ndarray]:
    """Logarithms of the large network's cost to reach a small one's mean last error.

    By the mean of its curves, then for each of the small network's errors, and by each curve.
    """
    curves = np.asarray(errors, dtype=float)
    small = seeds({"the small network": last}, "the small network")
    seeds({"the large network": curves[:, -1]}, "the large network")
    by_small = [cost_to_reach(curves.mean(0), cost, level) for level in small]
    by_large = [cost_to_reach(curve, cost, small.mean()) for curve in curves]
    middle = cost_to_reach(curves.mean(0), cost, small.mean())
    if not np.isfinite([middle, *by_small, *by_large]).all():
        raise ValueError("the large network never makes as few errors as the small one ends with")
    return math.log(middle), np.log(by_small), np.log(by_large)


def rank_correlation(one: ArrayLike, other: ArrayLike) -> tuple[float, float, float]:
    """Spearman's correlation of (N,) and (N,), N > 4, with a 95 % interval by bootstrap."""
    pairs = np.array([one, other], dtype=float)
    if pairs.ndim != 2 or pairs.shape[1] < 5 or not np.isfinite(pairs).all():
        raise ValueError("a correlation takes five pairs of numbers or more, and no nan")
    if (np.ptp(pairs, axis=1) == 0).any():
        raise ValueError("what is the same everywhere correlates with nothing")
    made = stats.bootstrap(
        pairs, _spearman, paired=True, n_resamples=2_000, method="percentile", rng=0
    )
    low, high = made.confidence_interval
    return float(_spearman(*pairs)), float(low), float(high)


def _spearman(one: np.ndarray, other: np.ndarray, axis: int = -1) -> np.ndarray:
    ranks = (stats.rankdata(values, axis=axis) for values in (one, other))
    x, y = (values - values.mean(axis=axis, keepdims=True) for values in ranks)
    lengths = np.sqrt((x * x).sum(axis) * (y * y).sum(axis))
    # A draw that repeats one pair alone has no correlation.
    return (x * y).sum(axis) / np.where(lengths > 0, lengths, np.inf)
