"""Recorded runs for the explorers: gathered from folders and named by what tells them apart."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ipywidgets import FloatLogSlider

from anytime import theory
from anytime.explore.frame import NothingToShow
from anytime.names import weighting_title
from anytime.paths import RUNS
from anytime.runs import Run, record_files

Runs = str | os.PathLike | Iterable[str | os.PathLike | Run] | None
NAMED = ("dataset", "network", "weighting", "seed")
STATIC = tuple(name.upper() for name in theory.STATIC if name != "opt")


def gather(given: Runs = None, beside: Sequence[Path] = ()) -> list[Run]:
    """The finished runs to show: the shipped ones, those and the runs of folders, or just some.

    given: None; a folder, or several, beside the shipped runs; or a list of runs, shown alone.
    beside: further folders of what ships.
    Raises FileNotFoundError for a folder that is not there.
    """
    if given is not None:
        given = [given] if isinstance(given, str | os.PathLike) else list(given)
    runs = [run for run in given or () if isinstance(run, Run)]
    folders = [Path(item) for item in given or () if not isinstance(item, Run)]
    if missing := [folder for folder in folders if not folder.is_dir()]:
        raise FileNotFoundError(f"There is no folder {missing[0]}: give one that holds runs.")
    if given is None or folders:
        files = dict.fromkeys(path.resolve() for path in record_files([RUNS, *beside, *folders]))
        runs += [run for run in map(Run.load, files) if run.finished]
    return [run for run in runs if any("test_error" in entry for entry in run.history)]


def require_runs(runs: Sequence[Run]) -> None:
    """Raises NothingToShow, with the way to make runs, where there are none."""
    if not runs:
        make = "python -m anytime run schemes --profile quick"
        raise NothingToShow(
            f"There are no recorded runs yet. This makes some within minutes: {make}"
        )


def labels(runs: Sequence[Run], always: Sequence[str] = NAMED, brief: bool = False) -> list[str]:
    """A name for each run: its facts in `always`, and those in which runs alike in these differ.

    Facts: those of `NAMED`, the images, the recipe's options; the folder of runs there twice.
    brief: no more of them than it takes to tell all apart, as in a legend.
    """
    names = Counter(run.name for run in runs)
    facts = pd.DataFrame([_facts(run, names[run.name] > 1) for run in runs]).fillna("")
    if facts.empty:
        return []
    groups = facts.groupby([facts[key] for key in always] or np.zeros(len(facts)))
    shown = (groups.transform("nunique") > 1).assign(**dict.fromkeys(always, True))
    if brief:
        shown[list(set(facts) - set(_telling(facts, always)))] = False
    said = facts.where(shown[facts.columns], "").apply(lambda row: ", ".join(filter(None, row)), 1)
    return list(said.where(said != "", facts["weighting"]))


def _telling(facts: pd.DataFrame, always: Sequence[str]) -> list[str]:
    """The columns in `always`, and each further one that tells rows apart that were alike."""
    kept = list(always)
    told_apart = facts.groupby(kept).ngroups if kept else 1
    for column in facts.columns.difference(kept, sort=False):
        groups = facts.groupby([*kept, column]).ngroups
        kept, told_apart = ([*kept, column], groups) if groups > told_apart else (kept, told_apart)
    return kept


def data_sets(runs: Sequence[Run], brief: bool = False) -> list[str]:
    """The data set of each run; with images and recipe where the runs on it differ in these."""
    plain = [Run({**run.config, **dict.fromkeys(NAMED[1:], "")}, run.cost) for run in runs]
    return labels(plain, ["dataset"], brief)


def usual_runs(known: Sequence[Run]) -> list[Run]:
    """The runs of one network, weighting, recipe and number of training images on most data sets.

    AdaLoss comes before others, as it is alone in choosing its weights. The number is the same
    for all, or it is all that was ever used of each data set; more are preferred. Augmentation may
    differ, as it is a matter of the data.
    """
    most: dict[str, int] = {}
    for run in known:
        name, images = run.config["dataset"], run.config.get("train_images") or 0
        most[name] = max(images, most.get(name, 0))
    groups: dict[tuple, list[Run]] = {}
    for run in known:
        images, recipe = run.config.get("train_images") or 0, dict(run.config.get("recipe", {}))
        recipe.pop("augmentation", None)
        setting = (run.config["network"], run.config["weighting"], json.dumps(recipe))
        whole = ["all"] if images == most[run.config["dataset"]] else []
        for size in (*whole, images):
            groups.setdefault((*setting, size), []).append(run)

    def rank(setting: tuple) -> tuple:
        there = groups[setting]
        covered = len({run.config["dataset"] for run in there})
        images = np.mean([run.config.get("train_images") or 0 for run in there])
        adaloss = setting[1] == "adaloss", setting[1].startswith("adaloss")
        return *adaloss, covered, images, len(there), len(there[0].history)

    return groups[max(groups, key=rank)] if groups else []


def _facts(run: Run, twice: bool) -> dict[str, str]:
    config = {"seed": 0, "train_images": None, "recipe": {}} | run.config
    facts = {"dataset": config["dataset"], "network": config["network"]}
    facts |= {"weighting": weighting_title(config["weighting"]), "seed": f"seed {config['seed']}"}
    facts["images"] = (
        f"{config['train_images']:,} images" if config["train_images"] else "all images"
    )
    for key, value in config["recipe"].items():
        value = " and ".join(map(str, value)) or "none" if isinstance(value, list) else value
        facts[key] = f"{key.replace('_', ' ')} {value}"
    return facts | ({"folder": f"in {run.path.parent.name}"} if twice and run.path else {})


def budget_slider(runs: Sequence[Run], middle: Sequence[Run]) -> FloatLogSlider:
    """A budget in multiply-adds between the least and the largest cost of an exit of some runs.

    middle: the runs in whose middle it starts.
    """
    costs, start = (
        np.log10([cost for run in of for cost in run.cost] or [1e6]) for of in (runs, middle)
    )
    span = {"min": costs.min(), "max": costs.max(), "step": 0.01, "readout_format": ".3s"}
    words = {"description": "Budget, multiply-adds", "layout": {"width": "32em"}}
    return FloatLogSlider(10 ** start.mean(), **span, **words)


def static_weights(scheme: str, exits: int) -> np.ndarray:
    """The weights (K,) of a scheme of `STATIC`; the largest is 1."""
    return theory.STATIC[scheme.lower()](exits)
