"""Explorer: the weights that training ends with, per data set (figure 5c of the paper)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache, partial

import numpy as np
import pandas as pd
import seaborn as sns
from ipywidgets import Dropdown, IntSlider, Play, SelectMultiple, Widget, jslink
from matplotlib.figure import Figure

from anytime import metrics, plots
from anytime.explore.frame import ABOVE, BESIDE, Explorer, NothingToShow, View
from anytime.explore.recorded import (
    STATIC,
    Runs,
    data_sets,
    gather,
    labels,
    require_runs,
    static_weights,
    usual_runs,
)
from anytime.names import weighting_title
from anytime.runs import Run

MARKERS = "osD^vPXhd<>"
BARS = 4  # of more data sets, bars are too thin
ALL_SEEDS = "mean of all"  # a choice of None would show as an empty box


def final_weights_data(sets: Mapping[str, Sequence[Run]], epoch: int | None = None) -> pd.DataFrame:
    """Mean weights and losses of each data set's runs, the easiest data set first.

    epoch: the last unless given. Columns: data_set, exit (from 1), weight, share, train_loss; and
    for a data set as a whole last_quarter and mean_position (`metrics.concentration`),
    last_error (the last exit's test error after training: the order), runs, epoch.
    """
    parts = []
    for name, runs in sets.items():
        entries = [run.history[: epoch or None][-1] for run in runs]
        weights = np.mean([entry["weights"] for entry in entries], axis=0)
        part = pd.DataFrame({"data_set": name, "exit": range(1, len(weights) + 1)})
        part["weight"], part["share"] = weights, weights / weights.sum()
        part["train_loss"] = np.mean([entry["train_loss"] for entry in entries], axis=0)
        part = part.assign(**metrics.concentration(weights)._asdict(), runs=len(runs))
        part["last_error"] = np.mean([run.final("test_error")[-1] for run in runs])
        parts.append(part.assign(epoch=entries[0]["epoch"]))
    return pd.concat(sorted(parts, key=lambda part: part["last_error"][0]), ignore_index=True)


def draw_final_weights(figure: Figure, data: pd.DataFrame, as_map: bool, static: str) -> None:
    """Weights per exit, as bars or a map, beside the losses behind them.

    static: a scheme of `STATIC` to compare with, or another word for none.
    """
    left, right = figure.subplots(1, 2)
    names = list(data["data_set"].unique())
    weights, losses = (data[c].to_numpy().reshape(len(names), -1) for c in ("weight", "train_loss"))
    exits = np.arange(1, weights.shape[1] + 1)
    line = [static_weights(static, len(exits))] if static in STATIC else []
    if as_map:
        rows = np.arange(len(names) + len(line))
        edges = np.arange(len(exits) + 1) + 0.5, np.arange(len(rows) + 1) - 0.5
        left.pcolormesh(*edges, [*weights, *line], vmin=0, vmax=1)
        left.set_yticks(rows, [*range(1, len(names) + 1), static][: len(rows)])
        left.invert_yaxis()
        left.grid(False)
        left.set(title="weight B: dark is 0, bright is 1", xlabel="exit")
        left.set_ylabel("data set, by its number at the right")
    else:
        plots.draw_weights(left, weights, names)
        left.get_legend().remove()
        for bar in left.patches if len(names) == 1 else ():
            bar.set_color(plots.PALETTE[0])
        if line:
            left.plot(exits, line[0], "--", label=static, **plots.scheme_style(static))
            left.legend(handles=left.lines, **ABOVE)
    colors = sns.color_palette("viridis", len(names)) if len(names) > 1 else [plots.PALETTE[0]]
    for i, (loss, color) in enumerate(zip(losses, colors, strict=True)):
        look = {"color": color, "marker": MARKERS[i % len(MARKERS)]}
        right.plot(exits, loss, label=f"{i + 1}: {names[i]}", **look)
    right.set(xlabel="exit", ylabel="training loss (nats)", yscale="log")
    right.legend(**BESIDE)


def final_weights(runs: Runs = None) -> Explorer:
    """The weights per exit that training ends with, for each data set, and the way there.

    It starts where runs of AdaLoss cover most data sets with one network, recipe and number of
    training images. Runs of OPT are left out: they weigh one exit only.
    """
    known = [run for run in gather(runs) if not run.config["weighting"].startswith("opt")]

    @cache  # a moving epoch names the same runs again and again
    def brief(chosen: tuple[int, ...]) -> list[str]:
        return data_sets([known[i] for i in chosen], brief=True)

    look = partial(_look, known, data_sets(known), brief)
    controls = _controls(known)
    start, last = controls["epoch"].value, controls["epoch"].max  # linked, both start there
    play = Play(start, 1, last, step=max(1, last // 40), interval=400, repeat=True)
    jslink((play, "value"), (controls["epoch"], "value"))
    return Explorer("Final weights per data set", "08", look, controls, [play])


def _look(known, names, brief, sets, network, weighting, seed, as_map, static, epoch) -> View:
    require_runs(known)
    wanted = {"network": network, "weighting": weighting}
    wanted |= {} if seed == ALL_SEEDS else {"seed": seed}
    fits = [
        (name in sets) + sum(run.config.get(key) == wanted[key] for key in wanted)
        for name, run in zip(names, known, strict=True)
    ]
    there = [i for i, fit in enumerate(fits) if fit == 1 + len(wanted)]
    if not there:
        raise NothingToShow(f"No run is of this choice. {_nearest(known, fits)}")
    chosen: dict[str, list[Run]] = {}
    for name, i in zip(brief(tuple(there)), there, strict=True):
        chosen.setdefault(name, []).append(known[i])
    data = final_weights_data(chosen, epoch)
    missing = set(sets) - {names[i] for i in there}
    seen = " or ".join(str(one) for one in sorted(data["epoch"].unique()))
    words = f"{network}, epoch {seen}, with {weighting_title(weighting)}. {_words(data, missing)}"
    draw = partial(draw_final_weights, data=data, as_map=as_map, static=static)
    return View(data, words, draw)


def _words(data: pd.DataFrame, missing: Collection[str]) -> str:
    each = data.drop_duplicates("data_set").itertuples()
    shares = "; ".join(
        f"{one.data_set} {one.last_quarter:.0%}, {one.mean_position:.2f}" for one in each
    )
    words = (
        "Weight on the last quarter of the exits (25% if all are equal) and mean position of the "
        "weight (0 first, 1 last exit; 0.50 if all are equal), from the data set with the least "
        f"test error to that with the most: {shares}."
    )
    return words + (f" No such run is of {'; '.join(sorted(missing))}." if missing else "")


def _nearest(known: Sequence[Run], fits: Sequence[float]) -> str:
    """The runs that share most with a choice, in words; never more than six."""
    names = sorted(
        {name for name, fit in zip(labels(known), fits, strict=True) if fit == max(fits)}
    )
    more = f"; and {len(names) - 6} more" if len(names) > 6 else ""
    return f"Nearest to it: {'; '.join(names[:6])}{more}."


def _controls(known: Sequence[Run]) -> dict[str, Widget]:
    usual, wide = usual_runs(known), {"width": "46em", "max_width": "100%"}
    names = data_sets(known)
    sets = list(dict.fromkeys(names))
    chosen = {id(run) for run in usual}
    alike = {name for name, run in zip(names, known, strict=True) if id(run) in chosen}
    ordered = [*usual, *known]
    network, weighting, seed = (
        list(dict.fromkeys(run.config[key] for run in ordered))
        for key in ("network", "weighting", "seed")
    )
    schemes = [(weighting_title(spec), spec) for spec in weighting]
    epochs = max((len(run.history) for run in known), default=1)
    start = max((len(run.history) for run in usual), default=1)
    return {
        "sets": SelectMultiple(
            options=sets,
            value=[name for name in sets if name in alike],
            description="Data sets",
            rows=min(8, max(3, len(sets))),
            layout=wide,
        ),
        "network": Dropdown(options=network, description="Network"),
        "weighting": Dropdown(options=schemes, description="Weighting"),
        "seed": Dropdown(options=[ALL_SEEDS, *sorted(seed)], description="Seed"),
        "as_map": Dropdown(
            options=[("bars", False), ("heat map", True)],
            value=len(alike) > BARS,
            description="Show as",
        ),
        "static": Dropdown(options=["nothing", *STATIC], description="Compare with"),
        "epoch": IntSlider(start, 1, epochs, description="Epoch"),
    }
