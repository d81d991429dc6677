"""Explorer: the weights that training ends with, per data set (figure 5c of the paper)."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import ArrayLike

from anytime import metrics, paper
from anytime.explore import recorded, settings
from anytime.explore.frame import Asking, Explorer, NothingToShow, View
from anytime.explore.recorded import ALL, Runs
from anytime.runs import Run

RANGED = ["weight", "share", "loss"]

COUNTED: dict[str, dict[str, Any]] = {
    "above": {"words": "weight above the floor", "above": True, "column": "weight"},
    "all": {"words": "all weight", "above": False, "column": "weight"},
    "share": {"words": "share of all weight", "above": False, "column": "share"},
    "loss": {"words": "training loss (nats)", "above": True, "column": "loss"},
}
"""What a bar may be: its words, whether weights count above the floor, and which column it is."""

MOMENTS = {"epoch": "at one epoch", "fit": "at equal fit"}
OWN = "a choice of my own"
EARLY, LATE, TINT = "#7ab8a3", "#02795a", "#e3e7ee"


def epochs_at(run: Run, moments: ArrayLike, by: str) -> np.ndarray:
    """When a run was at each of the moments (M,), in epochs; nan where it never was.

    by: "epoch" takes moments as epochs, the last being the end; "fit" as training losses of the
    last exit, see `metrics.epochs_at_loss`.
    """
    if by == "fit":
        return metrics.epochs_at_loss(run, moments)
    return np.clip(np.asarray(moments, dtype=float), 1, run.epochs)


def final_weights_data(
    sets: Mapping[str, Sequence[Run]],
    moments: ArrayLike = (np.inf,),
    by: str = "epoch",
    above_floor: bool = True,
) -> pd.DataFrame:
    """The weights of each data set's runs at some moments (see `epochs_at`), in the sets' order.

    above_floor: weights are counted above the least that AdaLoss gives any exit. Columns: data_set,
    moment, exit (from 1); weight, share (of the total), loss (in training), each a mean over the
    runs, with the range in weight_low, weight_high and so on; last_quarter and mean_position
    (`metrics.concentration`), epoch, runs (those that were there), first_loss (of the last exit,
    after an epoch).
    """
    parts = []
    for name, runs in sets.items():
        rows = pd.concat([_rows(run, np.asarray(moments), by, above_floor) for run in runs])
        groups = rows.groupby(["moment", "exit"], sort=False)
        lows, highs = groups[RANGED].min(), groups[RANGED].max()
        part = groups.mean().join([lows.add_suffix("_low"), highs.add_suffix("_high")])
        first = np.mean([run.values("train_loss")[0, -1] for run in runs])
        part = part.assign(runs=groups["epoch"].count(), first_loss=first).reset_index()
        part.insert(0, "data_set", name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _rows(run: Run, moments: np.ndarray, by: str, above_floor: bool) -> pd.DataFrame:
    """One run's part in `final_weights_data`."""
    epochs = epochs_at(run, moments, by)
    weights, losses = (metrics.at_epochs(run, key, epochs) for key in ("weights", "train_loss"))
    if above_floor:
        weights = np.maximum(weights - metrics.floor(run.config["weighting"]), 0.0)
    with np.errstate(invalid="ignore"):  # 0 / 0, where all weights are the floor
        shares = weights / weights.sum(axis=1, keepdims=True)
        where = np.transpose([metrics.concentration(row) for row in weights])

    exits = run.num_exits
    places = {"moment": np.repeat(moments, exits), "exit": [*range(1, exits + 1)] * len(moments)}
    values = {"weight": weights.ravel(), "share": shares.ravel(), "loss": losses.ravel()}
    data = pd.DataFrame(places | values)
    data["last_quarter"], data["mean_position"] = np.repeat(where, exits, axis=1)
    return data.assign(epoch=np.repeat(epochs, exits))


@lru_cache(maxsize=32)  # whatever the moment
def weights_table(
    setting: settings.Setting, by: str, above_floor: bool, seed: int | str = ALL
) -> pd.DataFrame:
    """What `final_weights_data` gives of the runs of a setting, or those of one seed."""
    of_seed = {
        name: [run for run in runs if seed in (ALL, run.config["seed"])]
        for name, runs in setting.sets.items()
    }
    there = {name: runs for name, runs in of_seed.items() if runs}
    return final_weights_data(there, setting.moments[by], by, above_floor)


def span_of(data: pd.DataFrame, column: str) -> tuple[float, float]:
    """From where to where the axis of a column goes, whatever the moment."""
    high = data[f"{column}_high"].max()
    if column == "loss":
        return max(1e-4, data[f"{column}_low"].min()), high
    return 0.0, max(1.0, high) if column == "weight" else high


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
