"""Explorer: the weights that training ends with, per data set (figure 5c of the paper)."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache, partial

import numpy as np
import pandas as pd
import seaborn as sns
from ipywidgets import Dropdown, IntSlider, Play, SelectMultiple, Widget, jslink
from matplotlib.figure import Figure

from anytime import metrics, plots
from anytime.explore import recorded
from anytime.explore.frame import ABOVE, Explorer, NothingToShow, View
from anytime.explore.recorded import STATIC, Runs
from anytime.names import weighting_title
from anytime.runs import Run

WANTED = ["network", "weighting", "seed"]
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
    line = [STATIC[static](len(exits))] if static in STATIC else []
    colors = sns.color_palette("viridis", len(names)) if len(names) > 1 else [plots.PALETTE[0]]
    if as_map:
        rows = [*weights, *line]
        extent = (0.5, len(exits) + 0.5, len(rows) - 0.5, -0.5)
        left.imshow(rows, vmin=0, vmax=1, aspect="auto", extent=extent, interpolation="nearest")
        left.set_yticks(range(len(rows)), [*range(1, len(names) + 1), static][: len(rows)])
        left.grid(False)
        left.set(title="weight B: dark is 0, bright is 1", xlabel="exit")
        left.set_ylabel("data set, by its number at the right")
    else:
        plots.draw_weights(left, weights, names)
        left.get_legend().remove()
        for bar in left.patches if len(names) == 1 else ():
            bar.set_color(colors[0])
        if line:
            left.plot(exits, line[0], "--", label=static, **plots.scheme_style(static))
            left.legend(handles=left.lines, **ABOVE)
    for i, (loss, color) in enumerate(zip(losses, colors, strict=True)):
        look = {"color": color, "marker": MARKERS[i % len(MARKERS)]}
        right.plot(exits, loss, label=f"{i + 1}: {names[i]}", **look)
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
        data = final_weights_data(chosen, epoch)
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
        names = np.unique(np.array(recorded.labels(known))[fits == fits.max()])
        more = f"; and {len(names) - 6} more" if len(names) > 6 else ""
        raise NothingToShow(
            f"No run is of this choice. Nearest to it: {'; '.join(names[:6])}{more}."
        )
    return tuple(there)


def _words(data: pd.DataFrame, network: str, weighting: str, seed: int | str) -> str:
    epochs = " or ".join(map(str, sorted(data["epoch"].unique())))
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
