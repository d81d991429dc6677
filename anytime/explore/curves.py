"""Explorer: error curves of recorded runs, and which weighting is best at a budget."""

from collections.abc import Iterable, Sequence
from functools import lru_cache, partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from anytime import metrics, names, plots
from anytime.explore import recorded
from anytime.explore.frame import Asking, Explorer, NothingToShow, View, ask_budget, million, steps
from anytime.explore.recorded import ALL, Runs, is_opt
from anytime.runs import Run, table

MEASURES = {"error": "test error", "increase": "error increase over OPT"}


def curves_data(runs: Sequence[Run], opt_runs: Sequence[Run] = ()) -> pd.DataFrame:
    """Errors of the runs on one data set: a row per network, weighting and exit (from 1).

    Columns network (in words), weighting, exit, cost (multiply-adds), error and increase (a share)
    as means over seeds, with error_low, error_high and so on. opt_runs: see
    `metrics.relative_increase_table`; the increase is nan where OPT is missing. Of a run of OPT
    there is only the exit it was trained for; networks cut from one at several exits share its
    name.
    """
    wholes = [recorded.whole(run) for run in runs]
    exits = table(wholes)
    data = exits[["weighting", "exit", "cost"]].assign(error=exits["test_error"])
    networks = recorded.network_titles(wholes)
    data["network"] = np.repeat(networks, [run.num_exits for run in runs])
    optimal = np.concatenate([metrics.optimal_error(run, opt_runs) for run in runs])
    # Nothing is a share of an error of 0.
    optimal = np.where(optimal > 0, optimal, np.nan)
    data["increase"] = metrics.relative_increase(data["error"], optimal) / 100
    data = data[~_of_opt(data) | (exits["weights"] > 0)]

    groups = data.groupby(["network", "weighting", "exit"])
    ends = {"_low": groups[list(MEASURES)].min(), "_high": groups[list(MEASURES)].max()}
    return groups.mean().join([part.add_suffix(end) for end, part in ends.items()]).reset_index()


def _of_opt(data: pd.DataFrame) -> pd.Series:
    return data["weighting"].map(names.is_opt)


def _lines(data: pd.DataFrame, measure: str) -> Iterable[tuple[tuple, pd.DataFrame]]:
    return data.dropna(subset=measure).groupby(["network", "weighting"])


def _name(row: pd.Series, several: bool) -> str:
    weighting = names.weighting_title(row["weighting"])
    return f"{weighting}, {row['network']}" if several else weighting


def best_at(data: pd.DataFrame, budget: float, measure: str) -> pd.Series | None:
    """The row of the best among the latest answers within the budget; None without any.

    OPT doesn't count: it is another network for each exit, and no anytime predictor.
    """
    latest = []
    for _, rows in _lines(data[~_of_opt(data)], measure):
        if paid := metrics.exits_within(rows["cost"], budget):
            latest.append(rows.iloc[paid - 1])
    return min(latest, key=lambda row: row[measure], default=None)


def draw_curves(
    figure: Figure, data: pd.DataFrame, measure: str, budget: float, room: pd.DataFrame
) -> None:
    """What the latest answer within a budget is worth, line by line, and one budget.

    room: lines for which the axes have room, whichever are drawn.
    """
    ax = figure.subplots()
    networks = list(room["network"].unique())
    for (network, spec), rows in _lines(data, measure):
        style = plots.scheme_style(spec)
        dash = "none" if names.is_opt(spec) else plots.LINES[networks.index(network) % 4]
        label = _name(rows.iloc[0], len(networks) > 1)
        costs, ends = rows["cost"] / 1e6, (rows[f"{measure}_low"], rows[f"{measure}_high"])
        ax.step(costs, rows[measure], where="post", ls=dash, label=label, **style)
        ax.vlines(costs, *ends, color=style["color"])
    ax.axvline(budget / 1e6, color="black", linewidth=1, label="budget")

    low, high = room[f"{measure}_low"].min(), room[f"{measure}_high"].max()
    ax.set_yscale("log" if low > 0 else "linear")
    ax.set(xlim=(0, 1.03e-6 * room["cost"].max()), ylim=(low - 0.05 * abs(low), 1.05 * high))
    ax.set(xlabel="budget: million multiply-adds", ylabel=MEASURES[measure])
    ax.yaxis.set_major_formatter(plots.PERCENT)
    ax.legend(**plots.BESIDE)


def anytime_curves(runs: Runs = None) -> Explorer:
    """Error against multiply-adds for the weightings of a data set, with a budget to move."""
    known = recorded.gather(runs)
    opt_runs = [run for run in known if is_opt(run)]
    facts = recorded.facts([recorded.whole(run) for run in known])
    # What most runs are of comes first.
    for column in ("network", "data_set"):
        often = facts.groupby(column)[column].transform("size")
        facts = facts.iloc[np.argsort(-often.to_numpy(), kind="stable")]

    @lru_cache(maxsize=8)  # a budget that moves changes no data
    def lines(*numbers: int) -> pd.DataFrame:
        return curves_data([known[i] for i in numbers], opt_runs)

    def look(ask: Asking) -> View:
        recorded.require_runs(known)
        rows = recorded.narrow(ask, facts, "data_set")
        rows = recorded.one_or_all(ask, rows, "network")
        rows = recorded.one_or_all(ask, rows, "seed", start=ALL)
        weightings = rows["weighting"].unique().tolist()
        chosen = ask.several("weightings", "Weightings", weightings, start=weightings)
        if not chosen:
            raise NothingToShow("Choose one weighting or more in the list.")

        room = lines(*rows.index)
        there = {words: key for key, words in MEASURES.items() if room[key].notna().any()}
        measure = ask.select("measure", "Show", there)
        budget = ask_budget(ask, steps(room["cost"].min(), room["cost"].max()))
        data = room[room["weighting"].map(names.weighting_title).isin(chosen)]
        draw = partial(draw_curves, data=data, measure=measure, budget=budget, room=room)
        return View(data, _words(data, measure, budget), draw)

    return Explorer("Anytime curves", "05", look)


def _words(data: pd.DataFrame, measure: str, budget: float) -> str:
    best = best_at(data, budget, measure)
    words = f"Within {million(budget)} nothing chosen here has an answer."
    if best is not None:
        name = _name(best, data["network"].nunique() > 1)
        words = (
            f"Within {million(budget)} the best answer is exit {best['exit']} of {name}, with "
            f"{best[measure]:.1%} {MEASURES[measure]}."
        )
    if _of_opt(data).any():
        words += " OPT, another network for each exit, is not counted."
    return f"{words} Means over seeds; thin lines: from the lowest to the highest."
