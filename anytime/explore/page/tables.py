"""The tables of the explorers as plain lists, words and numbers, for the page that draws them."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from anytime import paper
from anytime.explore import recorded
from anytime.explore.final_weights import RANGED, final_weights_data, floor
from anytime.names import weighting_title
from anytime.runs import Run

# Losses at which trainings are compared, ten a decade.
LEVELS = [4, 3.2, 2.5, 2, 1.6, 1.25, 1, 0.8, 0.6, 0.5, 0.4, 0.32, 0.25, 0.2, 0.16, 0.125, 0.1]
LEVELS += [0.08, 0.06, 0.05, 0.04, 0.032, 0.025, 0.02, 0.016, 0.0125, 0.01]
EPOCHS = 60  # of a longer training not all are kept

CIFAR10 = ("cifar10", "cifar10-59904")
PRESETS = {
    "SVHN, CIFAR-10, CIFAR-100: the paper's figure 5c": (
        ("svhn", "svhn-10k"),
        CIFAR10,
        ("cifar100",),
    ),
    "traffic signs, CIFAR-10, Tiny-ImageNet": (("gtsrb-half",), CIFAR10, ("tiny-imagenet-100",)),
    "clutter 0, 0.5, 1": (("glyphs-10-0",), ("glyphs-10-0.5",), ("glyphs-10-1",)),
}
"""Data sets to begin with, each by any of its names."""


def all_tables(known: Sequence[Run]) -> dict[str, Any]:
    """What the page shows of these runs."""
    words = f"The paper: {paper.FACTS['difficulty']}."
    return {"paper": words, "final_weights": final_weights(known)}


def final_weights(known: Sequence[Run]) -> dict[str, Any]:
    """Per setting and data set the weights at each epoch and at equal fit; what is left out."""
    moving = [run for run in known if _moves(run)]
    groups = recorded.settings(moving)
    titles = _titles([moving[numbers[0]] for numbers in groups.values()], list(groups))
    shown = [
        _setting(title, [moving[i] for i in numbers])
        for title, numbers in zip(titles, groups.values(), strict=True)
    ]
    left = {weighting_title(run.config["weighting"]) for run in known if not _moves(run)}
    note = recorded.NO_RUNS
    if left:
        words = "Not among the final weights, as theirs do not change in training"
        note = f"{words}: {', '.join(sorted(left))}."
    whole = [title for title, key in zip(titles, groups, strict=True) if key[-1] == "all"]
    return {"settings": shown, "presets": _presets(shown, whole), "note": note}


def _moves(run: Run) -> bool:
    """Whether a run's weights change in training, and are all there."""
    weights, losses = run.values("weights"), run.values("train_loss")
    return len(weights) == len(losses) == len(run.history) and bool(np.ptp(weights, axis=0).any())


def _titles(first: Sequence[Run], keys: Sequence[tuple]) -> list[str]:
    """Each setting in words, by one of its runs."""
    plain = []
    for run, (*_, images) in zip(first, keys, strict=True):
        augmented = "on" if run.config["recipe"].get("augmentation") else "none"
        recipe = {"epochs": run.epochs} | run.config["recipe"] | {"augmentation": augmented}
        config = run.config | {"dataset": "", "seed": "", "fingerprint": "", "recipe": recipe}
        config["train_images"] = None if images == "all" else images
        config["network"] = f"{run.config['network']} ({run.num_exits} exits)"
        plain.append(Run(config, run.cost))
    return recorded.labels(plain, ["weighting", "network", "images", "epochs"])


def _setting(title: str, runs: Sequence[Run]) -> dict[str, Any]:
    """The runs of one setting, the easiest data set first."""
    named = [Run(run.config | {"dataset": _title(run)}, run.cost) for run in runs]
    ids, names = recorded.data_sets(runs, brief=True), recorded.data_sets(named, brief=True)
    sets: dict[str, list[Run]] = {}
    for name, run in zip(ids, runs, strict=True):
        sets.setdefault(name, []).append(run)

    last = max(run.epochs for run in runs)
    every = math.ceil(last / EPOCHS)
    moments = {"epoch": [*range(last, 0, -every)][::-1], "fit": _levels(runs)}
    tables = {
        (counted, by): final_weights_data(sets, moments[by], by, counted == "above")
        for counted in ("above", "all")
        for by in moments
        if moments[by]
    }
    titles = dict(zip(ids, names, strict=True))
    easiest_first = tables["all", "epoch"]["data_set"].unique()
    parts = [_data_set(name, titles[name], tables) for name in easiest_first]
    return {
        "words": title,
        "floor": floor(runs[0].config["weighting"]),
        **moments,
        "span": _span(tables),
        "sets": parts,
    }


def _title(run: Run) -> str:
    return run.title or run.config["dataset"]


def _levels(runs: Sequence[Run]) -> list[float]:
    """The levels of fit that some run came down to."""
    losses = [run.values("train_loss")[:, -1] for run in runs]
    return [one for one in LEVELS if any(loss.min() <= one < loss[0] for loss in losses)]


def _span(tables: dict[tuple[str, str], pd.DataFrame]) -> dict[str, list[float | None]]:
    """The axis that holds what is shown at any moment."""
    above, all_weight = tables["above", "epoch"], tables["all", "epoch"]
    loss = above["loss_low"].clip(lower=1e-4).min(), above["loss_high"].max()
    largest = max(1.0, all_weight["weight_high"].max())
    share = all_weight["share_high"].max()
    span = {"above": (0, largest), "all": (0, largest), "share": (0, share), "loss": loss}
    return {key: _short(ends) for key, ends in span.items()}


def _data_set(name: str, title: str, tables: dict[tuple[str, str], pd.DataFrame]) -> dict[str, Any]:
    """One data set's part of the tables, as columns."""
    content: dict[str, Any] = {"id": name, "name": title, "above": {}, "all": {}}
    for (counted, by), table in tables.items():
        rows = table[table["data_set"] == name]
        exits = int(rows["exit"].max())
        ranged = [f"{key}_{end}" for key in RANGED for end in ("low", "high")]
        kept = RANGED + (ranged if rows["runs"].max() > 1 else [])
        columns = {key: _short(rows[key]) for key in kept}
        once = ("last_quarter", "mean_position", "epoch", "runs")
        columns |= {key: _short(rows[key][::exits]) for key in once}
        content[counted][by] = columns
        content["exits"] = exits
    return content


def _presets(shown: Sequence[dict[str, Any]], whole: Sequence[str]) -> list[dict[str, Any]]:
    """Choices to begin with: of each the first setting that has all its data sets."""
    found = []
    for title, wanted in PRESETS.items():
        for setting in shown:
            ids = [one["id"] for one in setting["sets"]]
            sets = [name for name in ids if any(name in any_of for any_of in wanted)]
            if len(sets) == len(wanted):
                found.append({"title": title, "runs": setting["words"], "sets": sets})
                break
    for setting in shown:
        if setting["words"] == next(iter(whole), None):
            ids = [one["id"] for one in setting["sets"]]
            found.append({"title": "whole sets", "runs": setting["words"], "sets": ids})
    return found


def _short(values: Iterable[float]) -> list[float | None]:
    """Numbers with four digits; none for one that is missing."""
    return [None if math.isnan(value) else float(f"{value:.4g}") for value in values]
