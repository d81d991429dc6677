"""The tables of the explorers as plain lists, words and numbers, for the page that draws them."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from anytime import names, paper, theory
from anytime.explore import chain, curves, recorded, settings, totals
from anytime.explore.final_weights import COUNTED, MOMENTS, final_weights_data
from anytime.explore.page import live
from anytime.names import weighting_title
from anytime.plots import scheme_style
from anytime.runs import Run

ONCE = ["last_quarter", "mean_position", "epoch", "runs", "first_loss"]  # the same for all exits


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
    """The runs of one setting: tables by what is counted and by what is equal, set after set."""
    exits = setting.runs[0].num_exits
    content = {"words": setting.words, "exits": exits, "floor": setting.floor, "fit": []}
    content |= setting.moments
    content |= {"ids": [*setting.sets], "names": [*map(setting.titles.get, setting.sets)]}
    for above, table in ((True, "above"), (False, "all")):
        columns = [one["column"] for one in COUNTED.values() if one["table"] == table]
        content[table] = {
            by: _columns(final_weights_data(setting.sets, moments, by, above), exits, columns)
            for by, moments in setting.moments.items()
        }
    return content


def _columns(table: pd.DataFrame, exits: int, columns: Sequence[str]) -> dict[str, list]:
    """Columns of `final_weights_data`, with the ranges where a data set has several runs."""
    ends = ("", "_low", "_high") if table["runs"].max() > 1 else ("",)
    whole = {key + end: _short(table[key + end]) for key in columns for end in ends}
    return whole | {key: _short(table[key][::exits]) for key in ONCE}


def anytime_curves(known: Sequence[Run]) -> dict[str, Any]:
    """Per data set and recipe, and per network and weighting, errors at each exit's cost."""
    opt_runs = [run for run in known if recorded.is_opt(run)]
    labels, shown = pd.Series(recorded.titles(known), dtype=object), {}
    for name in labels.value_counts().index:
        data = curves.curves_data([known[i] for i in labels.index[labels == name]], opt_runs)
        shown[name] = [
            {"network": network, "weighting": weighting_title(spec), "opt": names.is_opt(spec)}
            | {measure: _curve(lines, measure) for measure in curves.MEASURES}
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
    """Colour and mark of a weighting, as in every figure."""
    style = scheme_style(spec)
    color = "#" + "".join(f"{round(255 * part):02x}" for part in style["color"])
    return {"color": color, "marker": style["marker"]}


def eann() -> dict[str, Any]:
    """What `chain_data` gives at many budgets, base by base, and the limits of C."""
    budgets, shown = np.geomspace(1, chain.LONGEST, 241), []
    for base in chain.BASES:
        table = chain.chain_data(budgets, base)
        limits = {"sup": theory.eann_sup(base), "bound": theory.eann_mean_bound(base)}
        shown.append(limits | {key: _short(table[key]) for key in table})
    return {"bases": chain.BASES, "tables": shown}


def totals_and_shares(known: Sequence[Run]) -> list[dict[str, Any]]:
    """Per data set and network the errors of each weighting, with its total and last share."""
    facts, shown = totals.by_network(known), []
    for (data_set, network), rows in facts.groupby(["data_set", "network"], sort=False):
        data = totals.totals_data([known[i] for i in rows.index])
        lines = []
        for spec, points in data.groupby("weighting", sort=False):
            place = points.iloc[0][["scheme", "total", "share"]].to_dict()
            content = {key: _short(points[key]) for key in ("exit", "error", "low", "high")}
            lines.append(place | content | _look(spec))
        exits = sorted(data["exit"].unique().tolist())
        words = [totals.totals_words(data[data["exit"] == exit]) for exit in exits]
        shown.append({"data_set": data_set, "network": network, "lines": lines, "words": words})
    return shown


def schemes(known: Sequence[Run]) -> dict[str, Any]:
    """The static weights for each number of exits, and what the recorded runs end with."""
    static = {
        name: [_short(make(exits)) for exits in range(2, 33)]
        for name, make in recorded.STATIC.items()
    }
    ends = []
    for name, run in zip(recorded.labels(known), known, strict=True):
        error = run.final("test_error")[-1]
        ends.append({"name": name, "weights": _short(run.final("weights")), "error": error})
    return {"static": static, "runs": ends}


def _short(values: Iterable[float]) -> list[float | None]:
    """Numbers with four digits; none for one that is missing."""
    return [None if math.isnan(value) else float(f"{value:.4g}") for value in values]
