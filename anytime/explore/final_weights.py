"""Explorer: the weights that training ends with, per data set (figure 5c of the paper)."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from anytime import paper
from anytime.explore import recorded, settings
from anytime.explore.frame import Asking, Explorer, NothingToShow, View
from anytime.explore.recorded import ALL, Runs
from anytime.explore.weight_tables import COUNTED, MOMENTS, span_of, weights_table

OWN = "a choice of my own"
EARLY, LATE, TINT = "#7ab8a3", "#02795a", "#e3e7ee"


def draw_final_weights(
    figure: Figure,
    data: pd.DataFrame,
    titles: Mapping[str, str],
    column: str,
    span: tuple[float, float],
    by: str,
) -> None:
    """A small picture of a column for each data set, all on the axes from span[0] to span[1]."""
    sets = [rows for _, rows in data.groupby("data_set", sort=False)]
    across = len(sets) if len(sets) < 4 else 3 if len(sets) in (5, 6, 9) else 4
    down = math.ceil(len(sets) / across)
    height = max(4.2, 2.9 * down)
    figure.set_figheight(height)
    figure.subplots_adjust(0.055, 0.4 / height, 0.99, 1 - 0.85 / height, 0.2, 0.6)
    for i, rows in enumerate(sets, 1):
        ax = figure.add_subplot(down, across, i)
        ax.set_axis_off()
        ax.set_yscale("log" if column == "loss" else "linear")
        ax.set(xlim=(0.5, len(rows) + 0.5), ylim=span)
        note = _draw_bars(ax, rows, column, by)
        name = textwrap.fill(titles[rows["data_set"].iloc[0]], 88 // across, max_lines=2)
        ax.text(0, 1.03, f"{name}\n{note}", transform=ax.transAxes, parse_math=False)
        _label(ax, column)


def _draw_bars(ax: Axes, rows: pd.DataFrame, column: str, by: str) -> str:
    """Bars, their ranges and the mean position of one data set; the latter in words."""
    exits, base = len(rows), ax.get_ylim()[0]
    border = 0.75 * exits
    ax.axvspan(border + 0.5, exits + 0.5, color=TINT, zorder=0)
    if rows["runs"].iloc[0] == 0:
        ax.axvspan(0.5, exits + 0.5, color=TINT, zorder=0)
        return "not seen there"
    late = rows["exit"] > border
    for part, color in ((~late, EARLY), (late, LATE)):
        edges = np.arange(exits + 1) + 0.5
        ax.stairs(rows[column].where(part, base), edges, baseline=base, fill=True, color=color)
    values = rows[column].to_numpy()
    ax.vlines(edges[1:-1], base, np.maximum(values[1:], values[:-1]), color="white", linewidth=2)
    ranges = rows[f"{column}_low"].clip(lower=base), rows[f"{column}_high"]
    ax.vlines(rows["exit"], *ranges, color="black", linewidth=2)

    position = rows["mean_position"].iloc[0]
    ax.plot(1 + position * (exits - 1), base, "k^", markersize=9, clip_on=False)
    when = f"epoch {rows['epoch'].iloc[0]:.1f}, " if by == "fit" else ""
    return f"{when}mean position {position:.2f}"


def _label(ax: Axes, column: str) -> None:
    """Numbers at the axes, as texts: ticks would take ten times as long."""
    (low, high), exits = ax.get_ylim(), round(ax.get_xlim()[1])
    locator = LogLocator(subs=(1, 3)) if column == "loss" else MaxNLocator(4)
    marks = [mark for mark in locator.tick_values(low, high) if low <= mark <= high]
    ax.hlines(marks, 0.5, exits + 0.5, color="0.85", linewidth=1, zorder=0)
    for mark in marks:
        words = f"{mark:.0%}" if column == "share" else f"{mark:g}"
        ax.text(0.3, mark, words, ha="right", va="center", fontsize=11)

    room = ax.get_window_extent().width / 21
    every = next((step for step in (1, 2, 5, 10, 20, 50) if exits <= step * room), 100)
    below = ax.get_xaxis_transform()
    for exit in range(exits, 0, -every):
        ax.text(exit, -0.03, str(exit), transform=below, ha="center", va="top", fontsize=11)
    ax.text(0.3, -0.03, "exit", transform=below, ha="right", va="top", fontsize=11)


def final_weights(runs: Runs = None) -> Explorer:
    """The weights per exit that training ends with, for each data set, and the way there.

    Runs are left out whose weights do not move.
    """
    known = recorded.gather(runs)
    shown = settings.settings(known)
    columns = ["weighting", "network", "training"]
    facts = pd.DataFrame([[getattr(one, key) for key in columns] for one in shown], columns=columns)
    presets = {
        one.title: {key: getattr(one.setting, key) for key in columns} | {"sets": one.sets}
        for one in settings.presets(shown)
    }

    def look(ask: Asking) -> View:
        if not shown:
            raise NothingToShow(settings.left_out(known))
        same = [title for title, wanted in presets.items() if wanted.items() <= ask.state.items()]
        chosen = {"value": (same or [OWN])[0], "sets": lambda title: presets.get(title, {})}
        ask.select("preset", "Show", [*presets, OWN], **chosen)
        setting = shown[recorded.narrow(ask, facts, *columns).index[0]]
        sets, seed = _ask_sets(ask, setting)

        words = {one["words"]: key for key, one in COUNTED.items()}
        counted = COUNTED[ask.select("counted", "Bars", words)]
        by = ask.select("by", "Compare", {MOMENTS[key]: key for key in setting.moments})
        moment = _ask_moment(ask, setting.moments, by)

        above, column = counted["above"], counted["column"]
        data = weights_table(setting, by, above, seed)
        data = data[(data["moment"] == moment) & data["data_set"].isin(sets)]
        span = span_of(weights_table(setting, "epoch", above, seed), column)
        parts = {"data": data, "titles": setting.titles, "by": by}
        floor = setting.floor if above else 0.0
        draw = partial(draw_final_weights, **parts, column=column, span=span)
        return View(data, _words(**parts, floor=floor, moment=moment), draw)

    return Explorer("Final weights per data set", "08", look, next(iter(presets.values()), {}))


def _ask_sets(ask: Asking, setting: settings.Setting) -> tuple[tuple[str, ...], int | str]:
    """Some data sets, and a seed of which each has a run."""
    options = {setting.titles[name]: name for name in setting.sets}
    sets = ask.several("sets", "Data sets", options, start=[*setting.sets])
    if not sets:
        raise NothingToShow("Choose one data set or more.")
    seeds = [{run.config["seed"] for run in setting.sets[name]} for name in sets]
    return sets, ask.select("seed", "Seed", [ALL, *sorted(set.intersection(*seeds))])


def _ask_moment(ask: Asking, moments: Mapping[str, Sequence[float]], by: str) -> float:
    if by == "epoch":
        return ask.range("epoch", "Epoch", moments["epoch"], play=True)
    falling = {str(level): -level for level in moments["fit"]}  # a training goes to the right
    label, start = "Loss of the last exit", -settings.USUAL_LEVEL
    return -ask.range("fit", label, falling, start=start, play=True)


def _words(
    data: pd.DataFrame, titles: Mapping[str, str], by: str, floor: float, moment: float
) -> str:
    when = f"At epoch {moment:g}" if by == "epoch" else f"When the last exit's loss was {moment:g}"
    counted = f", counted above the floor of {floor:g}," if floor else ""
    sets = data.drop_duplicates("data_set")
    there = sets[sets["runs"] > 0]
    places = "; ".join(
        f"{titles[one.data_set]}: {one.mean_position:.2f}, {one.last_quarter:.0%}"
        for one in there.itertuples()
    )
    words = (
        f"{when}{counted} mean position of the weight (0 first, 1 last exit) and its share on the "
        f"last quarter of the exits, from the least test error to the most: {places}. "
    )
    if len(there) > 1:
        words += f"The mean position {_trend(there['mean_position'])}. "
    for one in sets[sets["runs"] == 0].itertuples():
        seen = one.first_loss <= moment
        why = "was below this loss within its first epoch" if seen else "never came to this loss"
        words += f"Grey: {titles[one.data_set]} {why}. "
    return f"{words}The paper: {paper.FACTS['difficulty']}."


def _trend(positions: pd.Series) -> str:
    positions = positions.round(2)
    if positions.is_monotonic_increasing:
        return "grows"
    return "falls" if positions.is_monotonic_decreasing else "neither grows nor falls steadily"
