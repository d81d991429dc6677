"""The tables of the explorers as plain lists, words and numbers, for the page that draws them."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from anytime import metrics, names, paper, theory
from anytime.explore import chain, curves, recorded
from anytime.explore.final_weights import final_weights_data
from anytime.explore.page import live
from anytime.names import weighting_title
from anytime.plots import scheme_style
from anytime.runs import Run

# Losses at which trainings are compared, ten a decade.
LEVELS = [4, 3.2, 2.5, 2, 1.6, 1.25, 1, 0.8, 0.6, 0.5, 0.4, 0.32, 0.25, 0.2, 0.16, 0.125, 0.1]
LEVELS += [0.08, 0.06, 0.05, 0.04, 0.032, 0.025, 0.02, 0.016, 0.0125, 0.01]
EPOCHS = 60  # of a longer training not all are kept
SHOWN = {"above": ("weight", "loss"), "all": ("weight", "share")}
ONCE = ["last_quarter", "mean_position", "epoch", "runs"]  # the same for all exits

CIFAR10 = "cifar10 cifar10-59904"
PRESETS = {
    "SVHN, CIFAR-10, CIFAR-100: the paper's figure 5c": ("svhn svhn-10k", CIFAR10, "cifar100"),
    "traffic signs, CIFAR-10, Tiny-ImageNet": ("gtsrb-half", CIFAR10, "tiny-imagenet-100"),
    "clutter 0, 0.5, 1": ("glyphs-10-0", "glyphs-10-0.5", "glyphs-10-1"),
}
"""Data sets to begin with, each by any of its names."""


def all_tables(known: Sequence[Run]) -> dict[str, Any]:
    """What the page shows of these runs, explorer by explorer."""
    return {
        "weights": final_weights(known),
        "curves": anytime_curves(known),
        "chain": eann(),
        "schemes": schemes(known),
        "live": live.live(),
    }


def final_weights(known: Sequence[Run]) -> dict[str, Any]:
    """Per setting the weights at each epoch and at equal fit; presets; what is left out."""
    moving = [run for run in known if _moves(run)]
    groups = recorded.settings(moving)
    titles = recorded.setting_titles(moving, groups)
    shown = [_setting([moving[i] for i in numbers]) for numbers in groups.values()]
    for setting, title, key in zip(shown, titles, groups, strict=True):
        setting |= {"words": title, "whole": key[-1] == "all"}

    fixed = {weighting_title(run.config["weighting"]) for run in known if not _moves(run)}
    note = "Not among the final weights, as theirs do not change in training: "
    note = f"{note}{', '.join(sorted(fixed))}." if fixed else "" if known else recorded.NO_RUNS
    fact = f"The paper: {paper.FACTS['difficulty']}."
    return {"settings": shown, "presets": _presets(shown), "note": note, "paper": fact}


def _moves(run: Run) -> bool:
    """Whether a run's weights change in training, and are all there."""
    weights, losses = run.values("weights"), run.values("train_loss")
    return len(weights) == len(losses) == run.epochs and bool(np.ptp(weights, axis=0).any())


def _setting(runs: Sequence[Run]) -> dict[str, Any]:
    """The runs of one setting: tables by what is counted and by what is equal, set after set."""
    ids = recorded.data_sets(runs, brief=True)
    title = dict(zip(ids, _titles(runs), strict=True))
    sets = {name: [run for run, own in zip(runs, ids, strict=True) if own == name] for name in ids}

    losses = [run.values("train_loss")[:, -1] for run in runs]
    last, exits = max(run.epochs for run in runs), runs[0].num_exits
    moments = {
        "epoch": [*range(last, 0, -math.ceil(last / EPOCHS))][::-1],
        "fit": [one for one in LEVELS if any(loss.min() <= one < loss[0] for loss in losses)],
    }
    content: dict[str, Any] = {"exits": exits, "floor": metrics.floor(runs[0].config["weighting"])}
    for counted, kept in SHOWN.items():
        content[counted] = {}
        for by in [by for by in moments if moments[by]]:
            table = final_weights_data(sets, moments[by], by, counted == "above")
            content[counted][by] = _columns(table, exits, kept)
    easiest_first = [*table["data_set"].unique()]
    return content | moments | {"ids": easiest_first, "names": [*map(title.get, easiest_first)]}


def _titles(runs: Sequence[Run]) -> list[str]:
    """The data set of each run in words."""
    titled = [Run(run.config | {"dataset": run.title or run.config["dataset"]}, []) for run in runs]
    return recorded.data_sets(titled, brief=True)


def _columns(table: pd.DataFrame, exits: int, kept: Sequence[str]) -> dict[str, list]:
    """Columns of `final_weights_data`, with the ranges where a data set has several runs."""
    ends = ("", "_low", "_high") if table["runs"].max() > 1 else ("",)
    whole = {key + end: _short(table[key + end]) for key in kept for end in ends}
    return whole | {key: _short(table[key][::exits]) for key in ONCE}


def _presets(shown: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Choices to begin with: of each the first setting that has all its data sets."""
    found = []
    for title, wanted in PRESETS.items():
        for setting in shown:
            sets = [one for one in setting["ids"] if any(one in names.split() for names in wanted)]
            if len(sets) == len(wanted):
                found.append({"title": title, "runs": setting["words"], "sets": sets})
                break
    for setting in [one for one in shown if one["whole"]][:1]:
        found.append({"title": "whole sets", "runs": setting["words"], "sets": setting["ids"]})
    return found


def anytime_curves(known: Sequence[Run]) -> dict[str, Any]:
    """Per data set and recipe, and per network and weighting, errors at each exit's cost."""
    opt_runs = [run for run in known if recorded.is_opt(run)]
    labels, shown = _titles(known), {}
    for name in sorted(dict.fromkeys(labels), key=labels.count, reverse=True):
        runs = [run for run, label in zip(known, labels, strict=True) if label == name]
        data = curves.curves_data(runs, opt_runs)
        whole = [names.whole(run.config["network"]) for run in runs]
        data["network"] = np.repeat(whole, [run.num_exits for run in runs])[data.index]
        shown[name] = [
            {"network": network, "weighting": weighting_title(spec), "opt": names.is_opt(spec)}
            | {measure: _curve(rows, measure) for measure in curves.MEASURES}
            | _look(spec)
            for (network, spec), rows in data.groupby(["network", "weighting"])
        ]
    return shown


def _curve(rows: pd.DataFrame, measure: str) -> dict[str, list]:
    """Mean and range over seeds at each cost (millions of multiply-adds) where they are known."""
    points = rows.dropna(subset=[measure]).groupby("cost")[measure].agg(["mean", "min", "max"])
    points = points.rename(columns={"min": "low", "max": "high"}).reset_index()
    return {key: _short(points[key] / (1e6 if key == "cost" else 1)) for key in points}


def _look(spec: str) -> dict[str, str]:
    """Colour and mark of a weighting, as in every figure."""
    style = scheme_style(spec)
    color = "#" + "".join(f"{round(255 * part):02x}" for part in style["color"])
    return {"color": color, "marker": style["marker"]}


def eann() -> dict[str, Any]:
    """What `chain_data` gives at many budgets, base by base, and the limits of C."""
    budgets, shown = np.geomspace(1, 1000, 241), []
    bases = [base / 10 for base in range(12, 62, 2)]
    for base in bases:
        table = chain.chain_data(budgets, base).assign(mean=theory.eann_mean(budgets, base))
        limits = {"sup": theory.eann_sup(base), "bound": theory.eann_mean_bound(base)}
        shown.append(limits | {key: _short(table[key]) for key in table})
    return {"bases": bases, "tables": shown}


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
