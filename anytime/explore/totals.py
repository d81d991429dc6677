"""Explorer: what the total of the weights and the last exit's share of them do to the errors."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from anytime import names, plots
from anytime.explore import recorded
from anytime.explore.frame import Asking, Explorer, View
from anytime.explore.recorded import Runs
from anytime.runs import Run

AXES = {"total": "total of the weights", "share": "share of the last exit"}


def totals_data(runs: Sequence[Run]) -> pd.DataFrame:
    """Columns scheme (a weighting but for its total), total, share, exit, error, low, high, runs.

    A row per weighting and exit (from 1), of runs on one data set with one network. total: the sum
    of the weights, and share: that of the last exit, both as means over the training. The errors
    are means over the runs, with their range. Of OPT there is only the exit it was trained for.
    """
    parts = []
    for run in runs:
        weights, errors = run.values("weights"), run.final("test_error")
        total = weights.sum(axis=1)
        part = pd.DataFrame({"exit": range(1, run.num_exits + 1), "error": errors})
        part = part.assign(weighting=run.config["weighting"], total=total.mean())
        part["share"] = (weights[:, -1] / total).mean()
        parts.append(part[weights[-1] > 0] if recorded.is_opt(run) else part)

    groups = pd.concat(parts).groupby(["weighting", "exit"], sort=False)
    ends = groups["error"].agg(low="min", high="max", runs="count")
    data = groups.mean().join(ends).reset_index()
    data.insert(0, "scheme", data["weighting"].map(_scheme))
    return data.sort_values(["scheme", "total"], ignore_index=True)


def _scheme(weighting: str) -> str:
    """A weighting but for its total, in words."""
    name, options = names.recorded_weighting(weighting)
    rest = {key: value for key, value in options.items() if key != "total"}
    return names.weighting_title(names.spell(name, rest))


def draw_totals(figure: Figure, data: pd.DataFrame) -> None:
    """The error over the total and over the last exit's share, a line for each scheme."""
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (column, words) in zip(axes, AXES.items(), strict=True):
        ax.set_xlabel(words)
        for scheme, rows in data.groupby("scheme", sort=False):
            style = plots.scheme_style(rows["weighting"].iloc[0])
            ax.plot(rows[column], rows["error"], label=scheme, **style)
            ax.vlines(rows[column], rows["low"], rows["high"], color=style["color"])
    axes[0].set(xscale="log", ylabel="test error")
    axes[0].yaxis.set_major_formatter(plots.PERCENT)
    axes[1].xaxis.set_major_formatter(plots.PERCENT)
    axes[1].legend(**plots.BESIDE)


def totals_words(data: pd.DataFrame) -> str:
    """Which of the weightings errs least at one exit, and what one scheme's total alone does."""
    best = data.loc[data["error"].idxmin()]
    words = (
        f"Exit {best['exit']} errs least with {best['scheme']}, {best['error']:.1%}: its weights "
        f"sum to {best['total']:.3g}, and {best['share']:.0%} of that is the last exit's. "
    )
    several = [rows for _, rows in data.groupby("scheme", sort=False) if len(rows) > 1]
    for rows in several:
        way = ", ".join(f"{row.error:.1%} at {row.total:.3g}" for row in rows.itertuples())
        words += f"The total alone, with {rows['scheme'].iloc[0]}: {way}. "
    if not several:
        words += (
            "No weighting was recorded here with several totals, so what the total does and what "
            "its distribution does cannot be told apart. What is missing are runs like those "
            "here of, say, const:total=2 and const:total=5."
        )
    return words.strip()


def by_network(known: Sequence[Run]) -> pd.DataFrame:
    """Data set and network of the runs (see `recorded.facts`), those of most weightings first.

    Those of one weighting are left out where there are others.
    """
    facts = recorded.facts(known)
    if facts.empty:
        return facts
    specs = facts.assign(spec=[run.config["weighting"] for run in known])
    several = specs.groupby(["data_set", "network"])["spec"].transform("nunique")
    order = (-several).argsort(kind="stable")
    return facts.iloc[order][several.iloc[order] >= min(2, several.max())]


def totals_and_shares(runs: Runs = None) -> Explorer:
    """Errors of recorded runs over the total of their weights and the last exit's share of it."""
    known = recorded.gather(runs)
    facts = by_network(known)

    def look(ask: Asking) -> View:
        recorded.require_runs(known)
        rows = recorded.narrow(ask, facts, "data_set", "network")
        data = totals_data([known[i] for i in rows.index])
        exits = sorted(data["exit"].unique().tolist())
        exit = ask.range("exit", "Error of exit", exits, start=exits[-1])
        shown = data[data["exit"] == exit]
        return View(shown, totals_words(shown), partial(draw_totals, data=shown))

    return Explorer("Totals and shares", "05", look)
