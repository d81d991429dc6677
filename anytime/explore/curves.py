"""Explorer: error curves of recorded runs, and which run is best at a budget."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from ipywidgets import Dropdown, FloatLogSlider, SelectMultiple
from matplotlib.figure import Figure

from anytime import metrics, plots
from anytime.explore.frame import BESIDE, Explorer, Nothing, View
from anytime.explore.recorded import Runs, gather, labels, some
from anytime.runs import Run

MEASURES = {"error": "test error", "increase": "error increase over OPT"}


def curves_data(runs: Sequence[Run], opt_runs: Sequence[Run] = ()) -> pd.DataFrame:
    """Columns run, weighting, exit (from 1), cost (multiply-adds), error, increase (a share).

    opt_runs: see `metrics.relative_increase_table`; the increase is nan where OPT is missing.
    """
    rows = []
    for name, run in zip(labels(runs, ()), runs, strict=True):
        opt = [opt for opt in opt_runs if opt.config["dataset"] == run.config["dataset"]]
        for exit, (cost, error) in enumerate(zip(run.cost, run.final("test_error"), strict=True)):
            rows.append((name, run.config["weighting"], exit + 1, cost, error))
            rows[-1] += (_increase(run, opt, cost / run.cost[-1]),)
    return pd.DataFrame(rows, columns=["run", "weighting", "exit", "cost", "error", "increase"])


def _increase(run: Run, opt_runs: Sequence[Run], share: float) -> float:
    try:
        return metrics.relative_increase_table([run], opt_runs, [share])["increase"][0] / 100
    except ValueError:
        return float("nan")


def best_at(data: pd.DataFrame, budget: float, measure: str) -> pd.Series | None:
    """The row of the best among the runs' latest answers within the budget; None without any."""
    paid = data[data["cost"] <= budget].dropna(subset=[measure])
    latest = paid.groupby("run").tail(1)
    return None if latest.empty else latest.loc[latest[measure].idxmin()]


def draw_curves(figure: Figure, data: pd.DataFrame, measure: str, budget: float) -> None:
    """What the latest answer within a budget is worth, for each run, and a line at one budget."""
    ax, looks = figure.subplots(), []
    for name, rows in data.dropna(subset=[measure]).groupby("run", sort=False):
        style = plots.scheme_style(rows["weighting"].iloc[0])
        looks.append(style["marker"])
        dash = plots.LINES[looks.count(style["marker"]) % 4 - 1]
        ax.step(rows["cost"] / 1e6, rows[measure], dash, where="post", label=name, **style)
    ax.axvline(budget / 1e6, color="black", linewidth=1)
    ax.set(xlabel="budget: multiply-adds (millions)", ylabel=MEASURES[measure])
    ax.yaxis.set_major_formatter(plots.PERCENT)
    ax.legend(**BESIDE)


def anytime_curves(runs: Runs = None) -> Explorer:
    """Error against multiply-adds for any set of runs, with a budget to move."""
    known = gather(runs)
    opt_runs = [run for run in known if run.config["weighting"].startswith("opt")]
    costs = np.log10([cost for run in known for cost in run.cost] or [1e6])
    like = {key: known[0].config[key] for key in ("dataset", "network", "seed")} if known else {}
    alike = [i for i, run in enumerate(known) if like.items() <= run.config.items()]
    options, wide = [(name, i) for i, name in enumerate(labels(known))], {"width": "46em"}
    measures = [(words, key) for key, words in MEASURES.items()]
    span = {"min": costs.min(), "max": costs.max(), "step": 0.01, "readout_format": ".3s"}
    controls = {
        "chosen": SelectMultiple(options=options, value=alike, description="Runs", layout=wide),
        "measure": Dropdown(options=measures, description="Show"),
        "budget": FloatLogSlider(10 ** costs.mean(), **span, description="Budget"),
    }
    return Explorer("Anytime curves", "05", partial(_look, known, opt_runs), controls)


def _look(known, opt_runs, chosen, measure, budget) -> View:
    some(known)
    if not chosen:
        raise Nothing("Choose one run or more in the list.")
    data = curves_data([known[i] for i in chosen], opt_runs if measure == "increase" else ())
    if data[measure].isna().all():
        raise Nothing("There is no run of OPT to compare these with. Show the test error.")
    best, words = best_at(data, budget, measure), "no run chosen here has an answer"
    if best is not None:
        words = f"the best answer is exit {best['exit']} of {best['run']}, with "
        words += f"{best[measure]:.1%} {MEASURES[measure]}"
    draw = partial(draw_curves, data=data, measure=measure, budget=budget)
    return View(data, f"Within {budget / 1e6:.2f} million multiply-adds {words}.", draw)
