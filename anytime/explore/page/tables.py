"""The tables of the explorers as plain lists, words and numbers, for the page that draws them."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from anytime import names, paper, theory
from anytime.explore import chain, curves, recorded, settings, totals
from anytime.explore.page import live
from anytime.explore.weight_tables import COUNTED, MOMENTS, span_of, weights_table
from anytime.names import weighting_title
from anytime.plots import scheme_style
from anytime.runs import Run

LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}
POINT = ["scheme", "total", "share", "error", "low", "high"]
ONCE = ["last_quarter", "mean_position", "epoch", "runs", "first_loss"]


def all_tables(known: Sequence[Run]) -> dict[str, Any]:
    """What the page shows of these runs, explorer by explorer."""
    return {
        "weights": weights(known),
        "curves": anytime_curves(known),
        "chain": eann(),
        "totals": totals_and_shares(known),
        "schemes": schemes(known),
        "live": live.live(),
    }


def weights(known: Sequence[Run]) -> dict[str, Any]:
    """Per setting the weights at each epoch and at equal fit; presets; what is left out."""
    shown = settings.settings(known)
    presets = [
        {"title": one.title, "runs": one.setting.words, "sets": list(one.sets)}
        for one in settings.presets(shown)
    ]
    return {
        "settings": [_setting(one) for one in shown],
        "presets": presets,
        "counted": COUNTED,
        "moments": MOMENTS,
        "note": settings.left_out(known),
        "paper": f"The paper: {paper.FACTS['difficulty']}.",
    }


def _setting(setting: settings.Setting) -> dict[str, Any]:
    """The runs of one setting: tables by what is counted and by what is equal."""
    content: dict[str, Any] = {"words": setting.words, "floor": setting.floor, "fit": []}
    content |= setting.moments
    content |= {"ids": [*setting.sets], "names": [*map(setting.titles.get, setting.sets)]}
    for key, counted in COUNTED.items():
        above, column = counted["above"], counted["column"]
        content[key] = {"span": _short(span_of(weights_table(setting, "epoch", above), column))}
        for by, moments in setting.moments.items():
            table = weights_table(setting, by, above)
            shape = len(setting.sets), len(moments), setting.runs[0].num_exits
            content[key][by] = _columns(table, column, shape)
    return content


def _columns(table: pd.DataFrame, column: str, shape: tuple[int, int, int]) -> dict[str, list]:
    """A column of `weights_table`, by set and moment; with the range if of several runs."""
    ends = {"value": column, "low": f"{column}_low", "high": f"{column}_high"}
    kept = list(ends) if table["runs"].max() > 1 else ["value"]
    cubes = {key: table[ends[key]].to_numpy().reshape(shape) for key in kept}
    found: dict[str, list] = {}
    for key, cube in cubes.items():
        found[key] = [[_short(exits) for exits in part] for part in cube]
    for key in ONCE:  # the same for all exits
        found[key] = [_short(part) for part in table[key].to_numpy().reshape(shape)[:, :, 0]]
    return found


def anytime_curves(known: Sequence[Run]) -> dict[str, Any]:
    """Per data set and recipe lines of errors at each exit's cost, network by network."""
    opt_runs = [run for run in known if recorded.is_opt(run)]
    labels, shown = pd.Series(recorded.titles(known), dtype=object), {}
    for name in labels.value_counts().index:
        data = curves.curves_data([known[i] for i in labels.index[labels == name]], opt_runs)
        shown[name] = [
            {"network": network, "weighting": weighting_title(spec), "opt": names.is_opt(spec)}
            | {words: _curve(lines, key) for key, words in curves.MEASURES.items()}
            | _look(spec)
            for (network, spec), lines in data.groupby(["network", "weighting"])
        ]
    return shown


def _curve(rows: pd.DataFrame, measure: str) -> dict[str, list]:
    """Mean and range over seeds at each cost (millions of multiply-adds) where they are known."""
    rows = rows.dropna(subset=[measure])
    ends = {"mean": measure, "low": f"{measure}_low", "high": f"{measure}_high"}
    return {"cost": _short(rows["cost"] / 1e6)} | {key: _short(rows[ends[key]]) for key in ends}


def _look(spec: str) -> dict[str, str]:
    """Colour and mark of a weighting, as in every figure; the mark as an SVG path."""
    style = scheme_style(spec)
    mark = MarkerStyle(style["marker"])
    # Of one across, upwards.
    path = (mark.get_transform() + Affine2D().scale(2, -2)).transform_path(mark.get_path())
    steps = [
        LETTERS[code] + " ".join(f"{one:.2f}" for one in ends if code != Path.CLOSEPOLY)
        for ends, code in path.iter_segments()
    ]
    return {"color": to_hex(style["color"]), "mark": "".join(steps)}


def eann() -> dict[str, Any]:
    """What `chain_data` gives at many budgets, base by base, and the limits of C."""
    budgets, shown = np.geomspace(1, chain.LONGEST, 241), []
    for base in chain.BASES:
        table = chain.chain_data(budgets, base)
        limits = {"sup": theory.eann_sup(base), "bound": theory.eann_mean_bound(base)}
        shown.append(limits | {key: _short(table[key]) for key in table})
    return {"bases": chain.BASES, "tables": shown}


def totals_and_shares(known: Sequence[Run]) -> list[dict[str, Any]]:
    """Per data set and network, exit by exit, a sentence and a point for each weighting."""
    facts, shown = totals.by_network(known), []
    for (data_set, network), rows in facts.groupby(["data_set", "network"], sort=False):
        data = totals.totals_data([known[i] for i in rows.index]).round(4)
        exits = []
        for _, part in data.groupby("exit"):
            lines = {name: own[POINT].to_dict("records") for name, own in part.groupby("scheme")}
            exits.append({"words": totals.totals_words(part), "lines": lines})
        looks = {one.scheme: _look(one.weighting) for one in data.itertuples()}
        shown.append({"data_set": data_set, "network": network, "exits": exits, "looks": looks})
    return shown


def schemes(known: Sequence[Run]) -> dict[str, Any]:
    """The static weights for each number of exits, and what the recorded runs end with."""
    static = {
        name: [_short(make(exits)) for exits in range(2, 33)]
        for name, make in recorded.STATIC.items()
    }
    ends = []
    for name, run in zip(recorded.run_titles(known), known, strict=True):
        error = run.final("test_error")[-1]
        ends.append({"name": name, "weights": _short(run.final("weights")), "error": error})
    return {"static": static, "runs": ends}


def _short(values: Iterable[float]) -> list[float | None]:
    """Numbers with four digits; none for one that is missing."""
    return [None if math.isnan(value) else float(f"{value:.4g}") for value in values]
