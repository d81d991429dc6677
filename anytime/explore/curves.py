"""Explorer: error curves of recorded runs, and which run is best at a budget."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence

import pandas as pd
from ipywidgets import Dropdown, FloatLogSlider, SelectMultiple, Widget
from matplotlib.figure import Figure

from anytime import metrics, names, plots
from anytime.explore import timing
from anytime.explore.frame import BESIDE, Explorer, NothingToShow, View
from anytime.explore.recorded import Runs, budget_slider, data_sets, gather, labels, require_runs
from anytime.runs import Run

MEASURES = {"error": "test error", "increase": "error increase over OPT"}
AXES = {"cost": ("multiply-adds (millions)", 1e6), "milliseconds": ("milliseconds", 1.0)}


def curves_data(
    runs: Sequence[Run], opt_runs: Sequence[Run] = (), timed: bool = False
) -> pd.DataFrame:
    """Columns run, weighting, exit (from 1), cost (multiply-adds), error, increase (a share).

    opt_runs: see `metrics.relative_increase_table`; the increase is nan where OPT is missing.
    timed: with a column milliseconds, see `timing.milliseconds`. Of a run of OPT there is only the
    exit it was trained for; networks cut from one at several exits share a name.
    """
    parts = []
    whole = [Run(_uncut(run), run.cost) if is_opt(run) else run for run in runs]
    for name, run in zip(labels(whole, (), brief=True), runs, strict=True):
        opt = [opt for opt in opt_runs if opt.config["dataset"] == run.config["dataset"]]
        part = pd.DataFrame({"run": name, "weighting": run.config["weighting"], "cost": run.cost})
        part.insert(2, "exit", range(1, run.num_exits + 1))
        part["error"] = run.final("test_error")
        part["increase"] = [_increase(run, opt, cost / run.cost[-1]) for cost in run.cost]
        if timed:
            part["milliseconds"] = timing.milliseconds(run)
        parts.append(part[run.final("weights") > 0] if is_opt(run) else part)
    data = pd.concat(parts, ignore_index=True)
    order = {name: i for i, name in enumerate(data["run"].unique())}
    return data.sort_values(["run", "cost"], key=lambda c: c.map(order) if c.name == "run" else c)


def is_opt(run: Run) -> bool:
    """Whether a run is of OPT, which trains one exit alone."""
    return names.is_opt(run.config["weighting"])


def _uncut(run: Run) -> dict:
    return run.config | {"network": names.whole(run.config["network"])}


def _increase(run: Run, opt_runs: Sequence[Run], share: float) -> float:
    if not opt_runs:
        return float("nan")
    try:
        return metrics.relative_increase_table([run], opt_runs, [share])["increase"][0] / 100
    except ValueError:
        return float("nan")


def best_at(
    data: pd.DataFrame, budget: float, measure: str, axis: str = "cost"
) -> pd.Series | None:
    """The row of the best among the runs' latest answers within the budget; None without any.

    OPT doesn't count: it is another network for each exit, and no anytime predictor.
    """
    paid = data[(data[axis] <= budget) & ~data["weighting"].str.startswith("opt")]
    paid = paid.dropna(subset=[measure])
    latest = paid.groupby("run").tail(1)
    return None if latest.empty else latest.loc[latest[measure].idxmin()]


def draw_curves(
    figure: Figure, data: pd.DataFrame, measure: str, budget: float, axis: str = "cost"
) -> None:
    """What the latest answer within a budget is worth, for each run, and a line at one budget."""
    ax, looks, (unit, scale) = figure.subplots(), [], AXES[axis]
    for name, rows in data.dropna(subset=[measure, axis]).groupby("run", sort=False):
        style = plots.scheme_style(rows["weighting"].iloc[0])
        looks.append(style["marker"])
        dash = plots.LINES[looks.count(style["marker"]) % 4 - 1]
        dash = "none" if rows["weighting"].iloc[0].startswith("opt") else dash
        steps = {"where": "post", "linestyle": dash, "label": name}
        ax.step(rows[axis] / scale, rows[measure], **steps, **style)
    ax.axvline(budget / scale, color="black", linewidth=1)
    ax.set(xlabel=f"budget: {unit}", ylabel=MEASURES[measure])
    ax.yaxis.set_major_formatter(plots.PERCENT)
    if looks:
        ax.legend(**BESIDE)


def anytime_curves(runs: Runs = None) -> Explorer:
    """Error against multiply-adds or measured time for any set of runs, with a budget to move."""
    known = gather(runs)
    controls = _controls(known)

    def show(change=None) -> None:
        timed = controls["axis"].value == "milliseconds"
        controls["budget"].layout.display = "none" if timed else None
        controls["deadline"].layout.display = None if timed else "none"

    controls["axis"].observe(show, "value")
    show()
    opt_runs = [run for run in known if is_opt(run)]

    @functools.lru_cache(maxsize=8)  # a budget that moves changes no data
    def chosen_data(chosen: tuple[int, ...], measure: str, timed: bool) -> pd.DataFrame:
        against = opt_runs if measure == "increase" else ()
        return curves_data([known[i] for i in chosen], against, timed)

    def look(chosen, measure, axis, budget, deadline) -> View:
        require_runs(known)
        if not chosen:
            raise NothingToShow("Choose one run or more in the list.")
        data = chosen_data(tuple(chosen), measure, axis == "milliseconds")
        if data[measure].isna().all():
            there = sorted(set(data_sets(opt_runs))) or ["no data set"]
            raise NothingToShow(
                "There is no run of OPT to compare these with; OPT was recorded on "
                f"{'; '.join(there)}. Show the test error."
            )
        return _view(data, measure, axis, deadline if axis == "milliseconds" else budget)

    return Explorer("Anytime curves", "05", look, controls)


def _view(data: pd.DataFrame, measure: str, axis: str, budget: float) -> View:
    best, timed = best_at(data, budget, measure, axis), axis == "milliseconds"
    words = (
        f"Within {budget:.3g} ms" if timed else f"Within {budget / 1e6:.3g} million multiply-adds"
    )
    if best is None:
        words += " no run chosen here has an answer."
    else:
        words += f" the best answer is exit {best['exit']} of {best['run']}, with "
        words += f"{best[measure]:.1%} {MEASURES[measure]}."
    if data["weighting"].str.startswith("opt").any():
        words += " OPT, another network for each exit, is not counted."
    if timed:
        words += " Milliseconds are measured on this machine, for one image at a time."
        if data["milliseconds"].isna().any():
            words += " Runs whose network cannot be built by its name are left out."
    draw = functools.partial(draw_curves, data=data, measure=measure, budget=budget, axis=axis)
    return View(data, words, draw)


def _controls(known: Sequence[Run]) -> dict[str, Widget]:
    options = [(name, i) for i, name in enumerate(labels(known))]
    wide = {"width": "60em", "max_width": "100%"}
    measures = [(words, key) for key, words in MEASURES.items()]
    axes = [("multiply-adds", "cost")]
    if timing.can_measure():
        axes.append(("milliseconds on this machine", "milliseconds"))
    wait = {"min": -1.5, "max": 2, "readout_format": ".2f", "description": "Budget, milliseconds"}
    return {
        "chosen": SelectMultiple(
            options=options, value=_alike(known), description="Runs", rows=8, layout=wide
        ),
        "measure": Dropdown(options=measures, description="Show"),
        "axis": Dropdown(options=axes, description="Against"),
        "budget": budget_slider(known, known),
        "deadline": FloatLogSlider(1, step=0.01, layout={"width": "32em"}, **wait),
    }


def _alike(known: Sequence[Run]) -> list[int]:
    """The numbers of the runs that differ in their weighting only, where most are."""
    uncut = (_uncut(run)["network"] if is_opt(run) else run.config["network"] for run in known)
    seeds = (run.config["seed"] for run in known)
    keys = list(zip(data_sets(known), uncut, seeds, strict=True))
    most = Counter(keys).most_common(1)
    return [i for i, key in enumerate(keys) if key == most[0][0]]
