"""Explorer: the weights that training ends with, per data set (figure 5c of the paper)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
import seaborn as sns
from ipywidgets import Dropdown, IntSlider, Play, SelectMultiple, Widget, jslink
from matplotlib.figure import Figure

from anytime import metrics, plots
from anytime.explore.frame import ABOVE, BESIDE, Explorer, Nothing, View
from anytime.explore.recorded import (
    STATIC,
    Runs,
    data_sets,
    gather,
    labels,
    some,
    static_weights,
    weighting_words,
)
from anytime.runs import Run

MARKERS = "osD^vPXhd<>"


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
        left.pcolormesh(exits, rows, [*weights, *line], shading="nearest", vmin=0, vmax=1)
        left.set_yticks(rows, [*range(1, len(names) + 1), static][: len(rows)])
        left.invert_yaxis()
        left.grid(False)
        left.set(title="weight B: dark is 0, bright is 1", xlabel="exit")
    else:
        plots.draw_weights(left, weights, names)
        left.get_legend().remove()
        if line:
            left.plot(exits, line[0], "--", label=static, **plots.scheme_style(static))
            left.legend(handles=left.lines, **ABOVE)
    colors = sns.color_palette("viridis", len(names)) if len(names) > 1 else [plots.PALETTE[6]]
    for i, (loss, color) in enumerate(zip(losses, colors, strict=True)):
        look = {"color": color, "marker": MARKERS[i % len(MARKERS)]}
        right.plot(exits, loss, label=f"{i + 1}: {names[i]}", **look)
    right.set(xlabel="exit", ylabel="training loss (nats)", yscale="log")
    right.legend(**BESIDE)


def final_weights(runs: Runs = None) -> Explorer:
    """The weights per exit that training ends with, for each data set, and the way there."""
    known = gather(runs)
    look = partial(_look, known, data_sets(known))
    controls = _controls(known)
    last = controls["epoch"].max
    play = Play(last, 1, last, step=max(1, last // 40), interval=400, repeat=True)
    jslink((play, "value"), (controls["epoch"], "value"))
    return Explorer("Final weights per data set", "08", look, controls, [play])


def _look(known, names, sets, network, weighting, seed, as_map, static, epoch) -> View:
    some(known)
    wanted = {"network": network, "weighting": weighting}
    wanted |= {} if seed is None else {"seed": seed}
    chosen: dict[str, list[Run]] = {}
    for name, run in zip(names, known, strict=True):
        if name in sets and wanted.items() <= run.config.items():
            chosen.setdefault(name, []).append(run)
    if not chosen:
        there = "; ".join(sorted(labels(known)))
        raise Nothing(f"No run is of this choice. There are: {there}.")
    data = final_weights_data(chosen, epoch)
    each = data.drop_duplicates("data_set").itertuples()
    shares = "; ".join(f"{one.data_set} {one.last_quarter:.0%}" for one in each)
    words = (
        f"{network}, epoch {epoch}, with {weighting_words(weighting)}. Weight on the last quarter "
        "of the exits (25% if all are equal), from the data set with the least test error to that "
        f"with the most: {shares}."
    )
    draw = partial(draw_final_weights, data=data, as_map=as_map, static=static)
    return View(data, words, draw)


def _controls(known: Sequence[Run]) -> dict[str, Widget]:
    names = data_sets(known)
    size = {name: run.config.get("train_images") for name, run in zip(names, known, strict=True)}
    sets, runs = Counter(size.values()), Counter(run.config.get("train_images") for run in known)
    usual = max(sets, key=lambda images: (sets[images], runs[images]), default=None)
    alike, wide = [name for name in size if size[name] == usual], {"width": "34em"}
    network, weighting, seed = (
        list(dict.fromkeys(run.config[key] for run in known))
        for key in ("network", "weighting", "seed")
    )
    weighting.sort(key=lambda spec: not spec.startswith("adaloss"))
    schemes = [(weighting_words(spec), spec) for spec in weighting]
    seeds = [("mean of all", None), *((str(one), one) for one in sorted(seed))]
    epochs = max((len(run.history) for run in known), default=1)
    return {
        "sets": SelectMultiple(options=[*size], value=alike, description="Data sets", layout=wide),
        "network": Dropdown(options=network, description="Network"),
        "weighting": Dropdown(options=schemes, description="Weighting"),
        "seed": Dropdown(options=seeds, description="Seed"),
        "as_map": Dropdown(options=[("bars", False), ("heat map", True)], description="Show as"),
        "static": Dropdown(options=["nothing", *STATIC], description="Compare with"),
        "epoch": IntSlider(epochs, 1, epochs, description="Epoch"),
    }
