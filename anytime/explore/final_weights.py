"""Explorer: the weights that training ends with, per data set (figure 5c of the paper)."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache, partial

import numpy as np
import pandas as pd
import seaborn as sns
from ipywidgets import Dropdown, IntSlider, Play, SelectMultiple, Widget, jslink
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from anytime import metrics, plots
from anytime.explore import recorded
from anytime.explore.frame import ABOVE, Explorer, NothingToShow, View
from anytime.explore.recorded import STATIC, Runs
from anytime.names import weighting_title
from anytime.runs import Run

WANTED = ["network", "weighting", "seed"]
MARKERS = "osD^vPXhd<>"
BARS = 4  # of more data sets, bars are too thin
RANGED = ["weight", "share", "loss"]
ALL_SEEDS = "mean of all"  # a choice of None would show as an empty box


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
    """The weights of each data set's runs at some moments (see `epochs_at`), the easiest set first.

    above_floor: weights are counted above the least that AdaLoss gives any exit. Columns: data_set,
    moment, exit (from 1); weight, share (of the total), loss (in training), each a mean over the
    runs, with the range in weight_low, weight_high and so on; last_quarter and mean_position
    (`metrics.concentration`), epoch, runs (those that were there), last_error (the last exit's test
    error after training: the order).
    """
    parts = []
    for name, runs in sets.items():
        rows = pd.concat([_rows(run, np.asarray(moments), by, above_floor) for run in runs])
        groups = rows.groupby(["moment", "exit"], sort=False)
        lows, highs = groups[RANGED].min(), groups[RANGED].max()
        part = groups.mean().join([lows.add_suffix("_low"), highs.add_suffix("_high")])
        error = np.mean([run.final("test_error")[-1] for run in runs])
        part = part.assign(runs=groups["epoch"].count(), last_error=error).reset_index()
        part.insert(0, "data_set", name)
        parts.append(part)
    return pd.concat(sorted(parts, key=lambda part: part["last_error"][0]), ignore_index=True)


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


def draw_final_weights(figure: Figure, data: pd.DataFrame, as_map: bool, static: str) -> None:
    """Weights per exit, as bars or a map, beside the losses behind them.

    static: a scheme of `STATIC` to compare with, or another word for none.
    """
    left, right = figure.subplots(1, 2)
    titles = list(data["data_set"].unique())
    weights, losses = (data[c].to_numpy().reshape(len(titles), -1) for c in ("weight", "loss"))
    exits = np.arange(1, weights.shape[1] + 1)
    line = [STATIC[static](len(exits))] if static in STATIC else []
    colors = sns.color_palette("viridis", len(titles)) if len(titles) > 1 else [plots.PALETTE[0]]
    if as_map:
        rows = [*weights, *line]
        extent = (0.5, len(exits) + 0.5, len(rows) - 0.5, -0.5)
        left.imshow(rows, vmin=0, vmax=1, aspect="auto", extent=extent, interpolation="nearest")
        left.set_yticks(range(len(rows)), [*range(1, len(titles) + 1), static][: len(rows)])
        left.grid(False)
        left.set(title="weight B: dark is 0, bright is 1", xlabel="exit")
        left.set_ylabel("data set, by its number at the right")
    else:
        plots.draw_weights(left, weights, titles)
        left.get_legend().remove()
        for bar in left.patches if len(titles) == 1 else ():
            bar.set_color(colors[0])
        if line:
            left.plot(exits, line[0], "--", label=static, **plots.scheme_style(static))
            left.legend(handles=left.lines, **ABOVE)
    for i, (loss, color) in enumerate(zip(losses, colors, strict=True)):
        look = {"color": color, "marker": MARKERS[i % len(MARKERS)]}
        right.plot(exits, loss, label=f"{i + 1}: {titles[i]}", **look)
    right.set(xlabel="exit", ylabel="training loss (nats)", yscale="log")
    right.legend(**plots.BESIDE)


def final_weights(runs: Runs = None) -> Explorer:
    """The weights per exit that training ends with, for each data set, and the way there.

    It starts where runs of AdaLoss cover most data sets with one network, recipe and number of
    training images. Runs of OPT are left out: they weigh one exit only.
    """
    known = [run for run in recorded.gather(runs) if not recorded.is_opt(run)]
    facts = pd.DataFrame([run.config for run in known], columns=WANTED)
    facts["data_set"] = recorded.data_sets(known)

    @cache  # a moving epoch names the same runs again and again
    def brief(chosen: tuple[int, ...]) -> list[str]:
        return recorded.data_sets([known[i] for i in chosen], brief=True)

    def look(sets, as_map, static, epoch, **wanted) -> View:
        recorded.require_runs(known)
        there = _matching(known, facts, sets, **wanted)
        chosen: dict[str, list[Run]] = {}
        for name, i in zip(brief(there), there, strict=True):
            chosen.setdefault(name, []).append(known[i])
        data = final_weights_data(chosen, [epoch], above_floor=False)
        words = _words(data, **wanted)
        if missing := set(sets).difference(facts["data_set"].iloc[list(there)]):
            words += f" No such run is of {'; '.join(sorted(missing))}."
        draw = partial(draw_final_weights, data=data, as_map=as_map, static=static)
        return View(data, words, draw)

    controls = _controls(known, facts)
    start, last = controls["epoch"].value, controls["epoch"].max  # linked, both start there
    play = Play(start, 1, last, step=max(1, last // 40), interval=400, repeat=True)
    jslink((play, "value"), (controls["epoch"], "value"))
    return Explorer("Final weights per data set", "08", look, controls, [play])


def _matching(
    known: Sequence[Run], facts: pd.DataFrame, sets: Collection[str], **wanted: str | int
) -> tuple[int, ...]:
    """The numbers of the runs of a choice; raises NothingToShow, with the nearest, without any."""
    wanted = {key: value for key, value in wanted.items() if value != ALL_SEEDS}
    fits = facts[list(wanted)].eq(pd.Series(wanted)).sum(axis=1) + facts["data_set"].isin(sets)
    there = np.flatnonzero(fits == len(wanted) + 1)
    if not len(there):
        near = np.unique(np.array(recorded.labels(known))[fits == fits.max()])
        more = f"; and {len(near) - 6} more" if len(near) > 6 else ""
        raise NothingToShow(
            f"No run is of this choice. Nearest to it: {'; '.join(near[:6])}{more}."
        )
    return tuple(there)


def _words(data: pd.DataFrame, network: str, weighting: str, seed: int | str) -> str:
    epochs = " or ".join(f"{epoch:.0f}" for epoch in sorted(data["epoch"].unique()))
    shares = "; ".join(
        f"{one.data_set} {one.last_quarter:.0%}, {one.mean_position:.2f}"
        for one in data.drop_duplicates("data_set").itertuples()
    )
    return (
        f"{network}, epoch {epochs}, with {weighting_title(weighting)}. "
        "Weight on the last quarter of the exits (25% if all are equal) and mean position of the "
        "weight (0 first, 1 last exit; 0.50 if all are equal), from the data set with the least "
        f"test error to that with the most: {shares}."
    )


def _controls(known: Sequence[Run], facts: pd.DataFrame) -> dict[str, Widget]:
    usual = recorded.usual_runs(known)
    # What the usual runs have comes first, and is what a control starts with.
    ordered = facts.iloc[[*usual, *facts.index]]
    network, weighting, seed = (ordered[key].unique().tolist() for key in WANTED)
    schemes = [(weighting_title(spec), spec) for spec in weighting]
    sets, alike = (rows["data_set"].unique().tolist() for rows in (facts, facts.iloc[usual]))
    epochs = [len(run.history) for run in known] or [1]
    start = max((epochs[i] for i in usual), default=1)
    rows, wide = min(8, max(3, len(sets))), {"width": "46em", "max_width": "100%"}
    look = {"value": len(alike) > BARS, "description": "Show as"}
    return {
        "sets": SelectMultiple(
            options=sets, value=alike, description="Data sets", rows=rows, layout=wide
        ),
        "network": Dropdown(options=network, description="Network"),
        "weighting": Dropdown(options=schemes, description="Weighting"),
        "seed": Dropdown(options=[ALL_SEEDS, *sorted(seed)], description="Seed"),
        "as_map": Dropdown(options=[("bars", False), ("heat map", True)], **look),
        "static": Dropdown(options=["nothing", *STATIC], description="Compare with"),
        "epoch": IntSlider(start, 1, max(epochs), description="Epoch"),
    }
