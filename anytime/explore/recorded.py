"""Recorded runs for the explorers: gathered from folders and named by what tells them apart."""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ipywidgets import FloatLogSlider

from anytime import names, theory
from anytime.explore.frame import SLIDER, NothingToShow
from anytime.paths import RUNS
from anytime.runs import IDENTITY, Run, find

Runs = str | os.PathLike | Iterable[str | os.PathLike | Run] | None
STATIC = {name.upper(): make for name, make in theory.STATIC.items() if name != "opt"}
"""Weights (K,) that do not change in training, by the words for them: a function of K each."""

NO_RUNS = (
    "There are no recorded runs yet. This makes some within minutes: "
    "python -m anytime run schemes --profile quick"
)


def gather(given: Runs = None, beside: Sequence[Path] = ()) -> list[Run]:
    """The finished runs to show: the shipped ones, those and the runs of folders, or just some.

    given: None; a folder, or several, beside the shipped runs; or a list of runs, shown alone.
    beside: further folders of what ships.
    Raises FileNotFoundError for a folder that is not there.
    """
    items = [given] if isinstance(given, str | os.PathLike) else list(given or ())
    runs = [item for item in items if isinstance(item, Run)]
    folders = [Path(item) for item in items if not isinstance(item, Run)]
    if missing := [folder for folder in folders if not folder.is_dir()]:
        raise FileNotFoundError(f"There is no folder {missing[0]}: give one that holds runs.")
    if given is None or folders:
        found = find([RUNS, *beside, *folders])
        runs += {run.path.resolve(): run for run in found if run.path}.values()
    return [run for run in runs if any("test_error" in entry for entry in run.history)]


def require_runs(runs: Sequence[Run]) -> None:
    """Raises NothingToShow, with the way to make runs, where there are none."""
    if not runs:
        raise NothingToShow(NO_RUNS)


def choices(runs: Sequence[Run], width: str = "60em") -> dict[str, Any]:
    """What a control needs to offer runs by their names; its value is a run's number."""
    options = [(name, i) for i, name in enumerate(labels(runs))]
    return {"options": options, "layout": {"width": width, "max_width": "100%"}}


def is_opt(run: Run) -> bool:
    """Whether a run is of OPT, which trains one exit alone."""
    return names.is_opt(run.config["weighting"])


def labels(runs: Sequence[Run], always: Sequence[str] = IDENTITY, brief: bool = False) -> list[str]:
    """A name for each run: its facts in `always`, and those in which runs alike in these differ.

    Facts: those of `IDENTITY`, the images, the recipe's options; the fingerprint, where equally
    many images of one name are others; the folder of runs there twice.
    brief: no more of them than it takes to tell all apart, as in a legend.
    """
    times = Counter(run.name for run in runs)
    facts = pd.DataFrame([_facts(run, times[run.name] > 1) for run in runs]).fillna("")
    if facts.empty:
        return []
    if (facts.groupby(["dataset", "images"])["fingerprint"].nunique() < 2).all():
        del facts["fingerprint"]
    groups = facts.groupby([facts[key] for key in always] or np.zeros(len(facts)))
    shown = (groups.transform("nunique") > 1).assign(**dict.fromkeys(always, True))
    if brief:
        shown[list(set(facts) - set(_telling(facts, always)))] = False
    said = facts.where(shown[facts.columns], "").apply(lambda row: ", ".join(filter(None, row)), 1)
    return list(said.where(said != "", facts["weighting"]))


def _telling(facts: pd.DataFrame, always: Sequence[str]) -> list[str]:
    """The columns in `always`, and each further one that tells rows apart that were alike."""
    kept = list(always)
    for column in facts.columns.difference(kept, sort=False):
        told_apart = facts.groupby(kept).ngroups if kept else 1
        if facts.groupby([*kept, column]).ngroups > told_apart:
            kept.append(column)
    return kept


def data_sets(runs: Sequence[Run], brief: bool = False) -> list[str]:
    """The data set of each run; with images and recipe where the runs on it differ in these."""
    plain = [Run({**run.config, **dict.fromkeys(IDENTITY[1:], "")}, run.cost) for run in runs]
    return labels(plain, ["dataset"], brief)


def settings(known: Sequence[Run]) -> dict[tuple, list[int]]:
    """The numbers of the runs that may stand side by side, by what is the same for them.

    That is the network, the weighting, the recipe, and the number of training images, or "all" that
    were ever used of each data set. How images are augmented is a matter of the data; whether they
    are is not. AdaLoss comes first, as it is alone in choosing its weights; then the settings of
    most data sets, of most images.
    """
    most: dict[str, int] = defaultdict(int)
    for run in known:
        most[run.config["dataset"]] = max(_images(run), most[run.config["dataset"]])

    groups: dict[tuple, list[int]] = defaultdict(list)
    for number, run in enumerate(known):
        recipe = dict(run.config.get("recipe", {}))
        recipe["augmentation"] = bool(recipe.get("augmentation"))
        made = run.config["network"], run.config["weighting"], json.dumps([recipe, run.num_exits])
        if _images(run) == most[run.config["dataset"]]:
            groups[*made, "all"].append(number)
        groups[*made, _images(run)].append(number)
    for *setting, images in [key for key in groups if key[-1] != "all"]:
        part, whole = set(groups[*setting, images]), set(groups.get((*setting, "all"), ()))
        # The same runs twice are no choice; where there are as many of each, "all" says less.
        if whole and whole <= part:
            del groups[*setting, "all"]
        elif part < whole:
            del groups[*setting, images]

    def rank(setting: tuple) -> tuple:
        there = [known[i] for i in groups[setting]]
        covered = len({run.config["dataset"] for run in there})
        extent = covered, np.mean([_images(run) for run in there]), len(there)
        scheme = setting[1] == "adaloss", setting[1].startswith("adaloss")
        return *scheme, *extent, len(there[0].history)

    return {setting: groups[setting] for setting in sorted(groups, key=rank, reverse=True)}


def setting_titles(known: Sequence[Run], groups: dict[tuple, list[int]]) -> list[str]:
    """The `settings` of some runs in words, by all that tells them apart."""
    plain = []
    for (*_, images), (first, *_) in groups.items():
        run = known[first]
        recipe = {"epochs": run.epochs} | run.config.get("recipe", {})
        recipe["augmentation"] = "on" if recipe.get("augmentation") else "none"
        config = run.config | {"dataset": "", "seed": "", "fingerprint": "", "recipe": recipe}
        config["train_images"] = None if images == "all" else images
        config["network"] = f"{run.config['network']} ({run.num_exits} exits)"
        plain.append(Run(config, run.cost))
    return labels(plain, ["weighting", "network", "images", "epochs"])


def usual_runs(known: Sequence[Run]) -> list[int]:
    """The numbers of the runs of the first of the `settings`."""
    return next(iter(settings(known).values()), [])


def _images(run: Run) -> int:
    return run.config.get("train_images") or 0


def _facts(run: Run, twice: bool) -> dict[str, str]:
    config = {"seed": 0, "train_images": None, "recipe": {}, "fingerprint": ""} | run.config
    facts = {"dataset": config["dataset"], "network": config["network"]}
    facts["weighting"] = names.weighting_title(config["weighting"])
    facts["seed"] = f"seed {config['seed']}"
    images = config["train_images"]
    facts["images"] = f"{images:,} images" if images else "all images"
    for key, value in config["recipe"].items():
        value = " and ".join(map(str, value)) or "none" if isinstance(value, list) else value
        facts[key] = f"{key.replace('_', ' ')} {value}"
    facts["fingerprint"] = f"data {config['fingerprint'][:8]}" if config["fingerprint"] else ""
    if twice and run.path:
        facts["folder"] = f"in {run.path.parent.name}"
    return facts


def budget_slider(runs: Sequence[Run], middle: Sequence[Run]) -> FloatLogSlider:
    """A budget in multiply-adds between the least and the largest cost of an exit of some runs.

    middle: the runs in whose middle it starts.
    """
    costs, start = (
        np.log10([cost for run in of for cost in run.cost] or [10**6]) for of in (runs, middle)
    )
    span = {"min": costs.min(), "max": costs.max(), "step": 0.01, "readout_format": ".3s"}
    words = {"description": "Budget, multiply-adds", "layout": SLIDER}
    return FloatLogSlider(10 ** start.mean(), **span, **words)
