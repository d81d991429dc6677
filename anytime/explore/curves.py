"""Explorer: error curves of recorded runs, and which run is best at a budget."""

from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np
import pandas as pd
from ipywidgets import Dropdown, FloatLogSlider, SelectMultiple, Widget
from matplotlib.figure import Figure

from anytime import metrics, names, plots
from anytime.explore import predicted, recorded
from anytime.explore.frame import SLIDER, Explorer, NothingToShow, View
from anytime.explore.recorded import Runs, is_opt
from anytime.runs import Run, table

MEASURES = {"error": "test error", "increase": "error increase over OPT"}
AXES = {"cost": ("multiply-adds (millions)", 1e6), "milliseconds": ("milliseconds", 1.0)}


def curves_data(
    runs: Sequence[Run], opt_runs: Sequence[Run] = (), timed: bool = False
) -> pd.DataFrame:
    """Columns run, weighting, exit (from 1), cost (multiply-adds), error, increase (a share).

    opt_runs: see `metrics.relative_increase_table`; the increase is nan where OPT is missing.
    timed: with a column milliseconds, see `predicted.milliseconds`. Of a run of OPT there is only
    the exit it was trained for; networks cut from one at several exits share a name.
    """
    names_of_runs = recorded.labels([_whole(run) for run in runs], (), brief=True)
    exits = table(runs)
    data = exits[["weighting", "exit", "cost"]].assign(error=exits["test_error"])
    data.insert(0, "run", np.repeat(names_of_runs, [run.num_exits for run in runs]))
    optimal = np.concatenate([metrics.optimal_error(run, opt_runs) for run in runs])
    # Nothing is a share of an error of 0.
    optimal = np.where(optimal > 0, optimal, np.nan)
    data["increase"] = metrics.relative_increase(data["error"], optimal) / 100
    if timed:
        data["milliseconds"] = np.concatenate([predicted.milliseconds(run) for run in runs])
    data = data[~_of_opt(data) | (exits["weights"] > 0)]
    return data.iloc[np.lexsort((data["cost"], pd.factorize(data["run"])[0]))]


def _whole(run: Run) -> Run:
    """A run of OPT as one of the network from which its own was cut; others as they are."""
    network = run.config["network"]
    network = names.whole(network) if is_opt(run) else network
    return Run(run.config | {"network": network}, run.cost)


def _of_opt(data: pd.DataFrame) -> pd.Series:
    return data["weighting"].map(names.is_opt)


def best_at(
    data: pd.DataFrame, budget: float, measure: str, axis: str = "cost"
) -> pd.Series | None:
    """The row of the best among the runs' latest answers within the budget; None without any.

    OPT doesn't count: it is another network for each exit, and no anytime predictor.
    """
    paid = data[(data[axis] <= budget) & ~_of_opt(data)].dropna(subset=[measure])
    latest = paid.groupby("run").tail(1)
    return None if latest.empty else latest.loc[latest[measure].idxmin()]


def draw_curves(
    figure: Figure, data: pd.DataFrame, measure: str, budget: float, axis: str = "cost"
) -> None:
    """What the latest answer within a budget is worth, for each run, and a line at one budget."""
    ax, looks, (unit, scale) = figure.subplots(), [], AXES[axis]
    for name, rows in data.dropna(subset=[measure, axis]).groupby("run", sort=False):
        spec = rows["weighting"].iloc[0]
        style = plots.scheme_style(spec)
        looks.append(style["marker"])
        dash = plots.LINES[looks.count(style["marker"]) % 4 - 1]
        dash = "none" if names.is_opt(spec) else dash
        ax.step(rows[axis] / scale, rows[measure], where="post", ls=dash, label=name, **style)
    ax.axvline(budget / scale, color="black", linewidth=1)
    ax.set(xlabel=f"budget: {unit}", ylabel=MEASURES[measure])
    ax.yaxis.set_major_formatter(plots.PERCENT)
    if looks:
        ax.legend(**plots.BESIDE)


def anytime_curves(runs: Runs = None) -> Explorer:
    """Error against multiply-adds or measured time for any set of runs, with a budget to move."""
    known = recorded.gather(runs)
    opt_runs = [run for run in known if is_opt(run)]
    controls = _controls(known)

    def show(change=None) -> None:
        for axis, name in zip(AXES, ("budget", "deadline"), strict=True):
            controls[name].layout.display = None if controls["axis"].value == axis else "none"

    @lru_cache(maxsize=8)  # a budget that moves changes no data
    def chosen_data(chosen: tuple[int, ...], timed: bool) -> pd.DataFrame:
        return curves_data([known[i] for i in chosen], opt_runs, timed)

    def look(chosen, measure, axis, budget, deadline) -> View:
        recorded.require_runs(known)
        if not chosen:
            raise NothingToShow("Choose one run or more in the list.")
        timed = axis == "milliseconds"
        data = chosen_data(tuple(chosen), timed)
        if data[measure].isna().all():
            there = sorted(set(recorded.data_sets(opt_runs))) or ["no data set"]
            raise NothingToShow(
                "There is no run of OPT to compare these with; OPT was recorded on "
                f"{'; '.join(there)}. Show the test error."
            )
        parts = {"data": data, "measure": measure, "budget": deadline if timed else budget}
        return View(data, _words(**parts, timed=timed), partial(draw_curves, **parts, axis=axis))

    controls["axis"].observe(show, "value")
    show()
    return Explorer("Anytime curves", "05", look, controls)


def _words(data: pd.DataFrame, measure: str, budget: float, timed: bool) -> str:
    best = best_at(data, budget, measure, "milliseconds" if timed else "cost")
    within = f"{budget:.3g} ms" if timed else f"{budget / 1e6:.3g} million multiply-adds"
    words = f"Within {within} no run chosen here has an answer."
    if best is not None:
        words = (
            f"Within {within} the best answer is exit {best['exit']} of {best['run']}, with "
            f"{best[measure]:.1%} {MEASURES[measure]}."
        )
    if _of_opt(data).any():
        words += " OPT, another network for each exit, is not counted."
    if timed:
        words += " Milliseconds are measured on this machine, for one image at a time."
        if data["milliseconds"].isna().any():
            words += " Runs whose network cannot be built by its name are left out."
    return words


def _controls(known: Sequence[Run]) -> dict[str, Widget]:
    measures = [(words, key) for key, words in MEASURES.items()]
    axes = [("multiply-adds", "cost")]
    if predicted.can_run():
        axes.append(("milliseconds on this machine", "milliseconds"))
    wait = {"min": -1.5, "max": 2, "step": 0.01, "readout_format": ".2f", "layout": SLIDER}
    chosen = SelectMultiple(
        **recorded.choices(known), value=_alike(known), description="Runs", rows=8
    )
    return {
        "chosen": chosen,
        "measure": Dropdown(options=measures, description="Show"),
        "axis": Dropdown(options=axes, description="Against"),
        "budget": recorded.budget_slider(known, known),
        "deadline": FloatLogSlider(1, description="Budget, milliseconds", **wait),
    }


def _alike(known: Sequence[Run]) -> list[int]:
    """The numbers of the runs that differ in their weighting only, where most are."""
    whole = [_whole(run).config for run in known]
    networks, seeds = ([config[key] for config in whole] for key in ("network", "seed"))
    keys = list(zip(recorded.data_sets(known), networks, seeds, strict=True))
    most = max(keys, key=keys.count, default=None)
    return [i for i, key in enumerate(keys) if key == most]
