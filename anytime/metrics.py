"""What is measured of error curves, weights and seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from anytime import names
from anytime.theory import adaloss_weights, standing

if TYPE_CHECKING:
    import pandas as pd

    from anytime.runs import Run


Curve = tuple[ArrayLike, ArrayLike]
"""Errors and costs, (K,) each."""

QUARTERS = (0.25, 0.5, 0.75, 1.0)
"""The shares of the full cost at which the paper compares."""


def relative_increase(error: ArrayLike, optimal_error: ArrayLike) -> np.ndarray:
    """How much worse each exit is than a network trained for that exit alone, in percent.

    error, optimal_error: (K,) test errors in [0, 1], exit by exit.
    Raises ValueError where an optimal error is 0: the ratio has no meaning there.
    """
    error, optimal_error = np.asarray(error, dtype=float), np.asarray(optimal_error, dtype=float)
    if (optimal_error == 0).any():
        raise ValueError("an optimal error is 0, so no error can be given in percent of it")
    return 100.0 * (error - optimal_error) / optimal_error


def exit_nearest(cost: ArrayLike, share: float) -> int:
    """The exit, counted from 0, whose cost (K,) is nearest to a share of the full cost."""
    cost = np.asarray(cost, dtype=float)
    return int(np.abs(cost / cost[-1] - share).argmin())


def exits_within(cost: ArrayLike, budget: float) -> int:
    """How many exits a budget pays for, by their costs (K,); the last of them answers."""
    return int((np.asarray(cost, dtype=float) <= budget * (1 + 1e-9)).sum())


def at_share(values: ArrayLike, cost: ArrayLike, share: float) -> float:
    """The value (K,) of the latest exit that a share of the full cost (K,) pays for.

    It is nan where not even the first exit is within the share.
    """
    paid = exits_within(cost, share * np.asarray(cost, dtype=float)[-1])
    return float(np.asarray(values)[paid - 1]) if paid else float("nan")


def relative_increase_table(
    runs: Iterable[Run], opt_runs: Iterable[Run], shares: Sequence[float] = QUARTERS
) -> pd.DataFrame:
    """The paper's comparison: each run against OPT at the exits nearest to shares of its cost.

    opt_runs: networks trained for their last exit alone; `net-to3` is the OPT of exit 3 of
    `net`, and `net` itself that of its last exit. They are matched by data set, numbers of
    training and validation images, image size, network and recipe. Where OPT has several seeds,
    their mean error is the yardstick of every run, as if it were known exactly: its own spread is
    not carried over.
    Returns a row per run and share: dataset, network, weighting, seed, share, exit (from 1),
    error, opt_error, opt_seeds, increase (percent). Raises ValueError for a missing OPT run.
    """
    import pandas as pd

    opt_runs, rows = list(opt_runs), []
    for run in runs:
        known = _opt_errors(run, opt_runs)
        for share in shares:
            exit = exit_nearest(run.cost, share) + 1
            if exit not in known:
                raise ValueError(
                    f"no OPT run for exit {exit} of {run.config['network']} on "
                    f"{run.config['dataset']} with the same recipe, images and image size: train "
                    f"{names.up_to(run.config['network'], exit)} with weighting 'opt'"
                )
            error, optimal = run.final("test_error")[exit - 1], np.mean(known[exit])
            increase = float(relative_increase(error, optimal))
            measured = share, exit, error, optimal, len(known[exit]), increase
            rows.append([*map(run.config.get, names.IDENTITY), *measured])
    columns = ["share", "exit", "error", "opt_error", "opt_seeds", "increase"]
    return pd.DataFrame(rows, columns=[*names.IDENTITY, *columns])


def optimal_error(run: Run, opt_runs: Iterable[Run]) -> np.ndarray:
    """The mean error of OPT at each exit of a run: (K,), nan where no OPT run is of this exit.

    opt_runs: see `relative_increase_table`.
    """
    known = _opt_errors(run, opt_runs)
    return np.array([np.mean(known.get(k + 1, np.nan)) for k in range(run.num_exits)])


def _opt_errors(run: Run, opt_runs: Iterable[Run]) -> dict[int, list[float]]:
    """The errors of OPT in a run's setting, one per seed, by exit (from 1)."""
    errors: dict[int, list[float]] = {}
    setting = _setting(run)
    for opt in opt_runs:
        name, options = names.parse(opt.config["weighting"])
        if name != "opt":
            raise ValueError(f"{opt.name} is no OPT run: its weighting must be 'opt'")
        if _setting(opt) == setting:
            exit = options.get("exit", opt.num_exits)
            assert isinstance(exit, int)  # no other option could have been trained with
            errors.setdefault(exit, []).append(opt.final("test_error")[exit - 1])
    return errors


def _setting(run: Run) -> tuple[str, str]:
    """What must be equal between a run and its OPT runs, which may be cut."""
    return names.whole(run.config["network"]), run.setting


def mean_std(values: ArrayLike) -> tuple[float, float]:
    """Mean and standard deviation (n - 1 in the denominator) over seeds; nan for one seed."""
    values = np.asarray(values, dtype=float)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def interval(values: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Mean (...) of values (S, ...) over S seeds, and how far Student's 95 % interval reaches.

    The interval is the mean plus or minus the second array, which is nan for one seed.
    """
    values = np.asarray(values, dtype=float)
    seeds = len(values)
    if seeds < 2:
        return values.mean(0), np.full(values.shape[1:], np.nan)
    from scipy.special import stdtrit

    return values.mean(0), stdtrit(seeds - 1, 0.975) * values.std(0, ddof=1) / np.sqrt(seeds)


def summary(
    table: pd.DataFrame, by: Sequence[str] = ("weighting", "share"), column: str = "increase"
) -> pd.DataFrame:
    """Mean and standard deviation of a column over seeds: `by`, mean, std, seeds.

    Within a seed, networks and data sets that are not named in `by` are averaged first.
    Raises ValueError where seeds or schemes cover different ones: their means do not compare.
    """
    _check_coverage(table, by)
    per_seed = table.groupby([*by, "seed"], sort=False)[column].mean()
    grouped = per_seed.groupby(list(by), sort=False)
    return grouped.agg(mean="mean", std="std", seeds="count").reset_index()


def _check_coverage(table: pd.DataFrame, by: Sequence[str]) -> None:
    inside = [key for key in ("dataset", "network") if key not in by and key in table]
    fixed = [key for key in by if key != "weighting"]
    for rows in [rows for _, rows in table.groupby(fixed)] if fixed else [table]:
        cells = [cell[inside] for _, cell in rows.groupby(["weighting", "seed"])]
        if len({frozenset(cell.itertuples(index=False)) for cell in cells}) > 1:
            raise ValueError(f"seeds or schemes differ in {' and '.join(inside)}: add it to `by`")


class Concentration(NamedTuple):
    """How much the weights favour the final exits; both measures are in [0, 1]."""

    last_quarter: float
    mean_position: float


def concentration(weights: ArrayLike) -> Concentration:
    """How much of the weight (K,), K > 1, lies on the final exits.

    last_quarter: the share on the last K/4 exits, an exit cut by that border counting in part;
    0.25 for equal weights. mean_position: the weighted mean of the exits' positions, from 0 for
    the first to 1 for the last; 0.5 for equal weights.
    """
    weights = np.asarray(weights, dtype=float)
    exits, share = len(weights), weights / weights.sum()
    inside = np.clip(np.arange(1, exits + 1) - 0.75 * exits, 0.0, 1.0)
    return Concentration(float(share @ inside), float(share @ np.linspace(0, 1, exits)))


def concentration_over_epochs(run: Run) -> pd.DataFrame:
    """Where a run's weights lie after each epoch: columns epoch, last_quarter, mean_position."""
    import pandas as pd

    data = pd.DataFrame([concentration(weights) for weights in run.values("weights")])
    data.insert(0, "epoch", [entry["epoch"] for entry in run.history])
    return data


def first_epoch_below(run: Run, level: float) -> int | None:
    """The first epoch in which the last exit's training loss is below a level; or None."""
    below = (entry["epoch"] for entry in run.history if entry["train_loss"][-1] < level)
    return next(below, None)


def epochs_at_loss(run: Run, levels: ArrayLike) -> np.ndarray:
    """The epochs (M,) in which the last exit's training loss first falls to each level (M,).

    Straight between the epochs before and after. It is nan where it never does, and where it was
    there at the end of the first epoch: nobody saw when.
    """
    levels, loss = np.atleast_1d(levels).astype(float), run.values("train_loss")[:, -1]
    after = np.argmax(loss <= levels[:, None], axis=1)
    before = np.maximum(after, 1) - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (loss[before] - levels) / (loss[before] - loss[after])
    return np.where(after > 0, before + 1 + between, np.nan)


def at_epochs(run: Run, column: str, epochs: np.ndarray) -> np.ndarray:
    """A per-exit column (M, K) at some epochs (M,), straight between whole ones; nan stays nan."""
    whole = np.arange(1, run.epochs + 1)
    return np.transpose([np.interp(epochs, whole, curve) for curve in run.values(column).T])


def floor(weighting: str) -> float:
    """The least weight that AdaLoss gives any exit, gamma, by its text; 0 of other weightings."""
    name, options = names.recorded_weighting(weighting)
    usual = names.parameters(adaloss_weights)["gamma"].default
    return float(options.get("gamma", usual)) if name == "adaloss" else 0.0  # type: ignore[arg-type]


def anytime_auc(
    error: ArrayLike,
    cost: ArrayLike,
    low: float | None = None,
    high: float | None = None,
    log: bool = False,
) -> float:
    """Mean error (K,) at a budget drawn uniformly between `low` and `high`, or log-uniformly.

    At any budget the latest exit within it answers. The range is from the first exit's cost to
    the full cost unless given. Raises ValueError where it is empty or starts before any answer.
    """
    error, cost = np.asarray(error, dtype=float), np.asarray(cost, dtype=float)
    low, high = cost[0] if low is None else low, cost[-1] if high is None else high
    if not cost[0] <= low < high:
        raise ValueError(f"budgets must range from {cost[0]:g}, the first exit's cost, upwards")
    borders = np.append(np.clip(cost, low, high), high)
    return float(np.average(error, weights=np.diff(np.log(borders) if log else borders)))


def chain_curve(
    members: Sequence[Curve], expected: Sequence[ArrayLike] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Error and cost (K,) of an EANN's answers after each exit of its networks in a row.

    members: (error, cost) of each network, shallow to deep. Costs add up, as each starts from the
    images. expected: for each network the errors by which the best exit so far is chosen to
    answer; without them it is the one that costs most in its own network.
    """
    errors, costs = ([np.asarray(part) for part in parts] for parts in zip(*members, strict=True))
    before = np.cumsum([0, *(cost[-1] for cost in costs[:-1])])
    spent = np.concatenate([b + cost for b, cost in zip(before, costs, strict=True)])
    badness = np.concatenate([-cost for cost in costs] if expected is None else expected)
    return np.concatenate(errors)[standing(badness)], spent


def crossings(error_a: ArrayLike, error_b: ArrayLike, cost: ArrayLike) -> np.ndarray:
    """The costs (K,) of the exits from which on the other of two error curves (K,) is lower."""
    sign = np.sign(np.asarray(error_a, dtype=float) - np.asarray(error_b, dtype=float))
    different = np.flatnonzero(sign)
    changes = np.flatnonzero(np.diff(sign[different])) + 1
    return np.asarray(cost)[different[changes]]


def cost_to_reach(error: ArrayLike, cost: ArrayLike, level: float) -> float:
    """The cost (K,) of the cheapest exit with an error (K,) of at most `level`; nan if none."""
    reached = np.asarray(cost, dtype=float)[np.asarray(error) <= level]
    return float(reached.min()) if len(reached) else float("nan")


def cost_ratio(small: Curve, large: Curve, levels: Iterable[float]) -> np.ndarray:
    """How many times more the large network costs than the small one at each error level.

    small, large: (error, cost) of each network. Above 1 the small network is cheaper; nan where
    one of them never reaches the level.
    """
    costs = np.array([(cost_to_reach(*large, x), cost_to_reach(*small, x)) for x in levels])
    return costs[:, 0] / costs[:, 1]


def binomial_std_error(error: ArrayLike, n: int) -> np.ndarray:
    """The standard error of an error measured on n images: sqrt(e (1 - e) / n)."""
    error = np.asarray(error, dtype=float)
    return np.sqrt(error * (1.0 - error) / n)


def as_floats(values: Any) -> np.ndarray:
    """An array in double precision of anything like one, tensors in bfloat16 included."""
    return np.asarray(values.float() if hasattr(values, "float") else values, dtype=float)


def probabilities(logits: ArrayLike) -> np.ndarray:
    """Softmax over the last axis, in double precision."""
    logits = as_floats(logits)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def calibration_error(logits: ArrayLike, labels: ArrayLike, bins: int = 15) -> np.ndarray:
    """Expected calibration error of each exit, in [0, 1]: (K, N, classes), (N,) -> (K,).

    The distance of mean confidence from accuracy in bins of equal width, weighted by their share.
    """
    after = probabilities(logits)
    gaps = after.max(-1) - (after.argmax(-1) == np.asarray(labels))
    places = np.minimum((after.max(-1) * bins).astype(int), bins - 1)
    sums = [np.bincount(p, g, bins) for p, g in zip(places, gaps, strict=True)]
    return np.abs(sums).sum(-1) / gaps.shape[1]


def failure_auroc(logits: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """How well each exit's confidence tells right from wrong: (K, N, classes), (N,) -> (K,).

    The chance that a right answer is more confident than a wrong one, ties counting half: 0.5 says
    nothing, 1 is perfect; nan where all answers are right or all wrong. This is what early exit
    needs, and what a small calibration error does not promise.
    """
    after = probabilities(logits)
    right = after.argmax(-1) == np.asarray(labels)
    return np.array([_auroc(*pair) for pair in zip(after.max(-1), right, strict=True)])


def _auroc(scores: np.ndarray, right: np.ndarray) -> float:
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # from 1; ties share their mean
    count = right.sum()
    pairs = count * (len(right) - count)
    return float((ranks[right].sum() - count * (count + 1) / 2) / pairs) if pairs else np.nan


def overthinking(logits: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """The share of samples right at some exit up to k, but wrong at the last: (K,), growing.

    This is the destructive kind of overthinking (Kaya, Hong and Dumitraș, 2019).
    """
    right = as_floats(logits).argmax(-1) == np.asarray(labels)
    return (np.logical_or.accumulate(right) & ~right[-1]).mean(-1)


def monotonicity(logits: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """The share of samples whose right class gets no less likely from exit to exit: (K - 1,)."""
    return (np.diff(_of_right(logits, labels), axis=0) >= 0).mean(-1)


def falls(logits: ArrayLike, labels: ArrayLike, tolerance: ArrayLike = 0.0) -> np.ndarray:
    """The share of samples whose right class gets less likely, by more than a tolerance, later.

    Between any two exits, not neighbours alone: (K, N, classes), (N,), (...) -> (...). An anytime
    answer is conditionally monotone where this is 0 (Jazbec et al., 2023).
    """
    right = _of_right(logits, labels)
    deepest = (np.maximum.accumulate(right) - right).max(0)
    return (deepest > np.asarray(tolerance, dtype=float)[..., None]).mean(-1)


def _of_right(logits: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """The probability of the right class: (K, N, classes), (N,) -> (K, N)."""
    labels = np.asarray(labels, dtype=int)
    return probabilities(logits)[:, np.arange(len(labels)), labels]
