"""Settings: the runs whose final weights may stand side by side, and when to look at them."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from anytime import metrics
from anytime.explore import recorded
from anytime.names import weighting_title
from anytime.runs import Run

# Losses at which trainings are compared, ten a decade.
LEVELS = [4, 3.2, 2.5, 2, 1.6, 1.25, 1, 0.8, 0.6, 0.5, 0.4, 0.32, 0.25, 0.2, 0.16, 0.125, 0.1]
LEVELS += [0.08, 0.06, 0.05, 0.04, 0.032, 0.025, 0.02, 0.016, 0.0125, 0.01]
USUAL_LEVEL = 0.6
EPOCHS = 60  # of a longer training not all are shown

CIFAR10 = "cifar10 cifar10-59904"
PRESETS = {
    "SVHN, CIFAR-10, CIFAR-100: the paper's figure 5c": ("svhn svhn-10k", CIFAR10, "cifar100"),
    "traffic signs, CIFAR-10, Tiny-ImageNet": ("gtsrb-half", CIFAR10, "tiny-imagenet-100"),
    "clutter 0, 0.5, 1": ("glyphs-10-0", "glyphs-10-0.5", "glyphs-10-1"),
}
"""Data sets to begin with, each by any of its names."""


@dataclass(frozen=True, eq=False)
class Setting:
    """Runs that may stand side by side, and in words what is the same for them.

    whole: whether of each data set as many images were trained on as ever were.
    """

    weighting: str
    network: str
    training: str
    runs: list[Run]
    whole: bool

    @property
    def words(self) -> str:
        return f"{self.weighting}, {self.network}, {self.training}"

    @cached_property
    def sets(self) -> dict[str, list[Run]]:
        """The runs by their data set's name, from the least test error to the most."""
        found: dict[str, list[Run]] = defaultdict(list)
        for name, run in zip(recorded.data_sets(self.runs), self.runs, strict=True):
            found[name].append(run)
        return dict(sorted(found.items(), key=lambda item: _last_error(item[1])))

    @cached_property
    def titles(self) -> dict[str, str]:
        """The data sets' names in words, no two alike, by their names."""
        ids, words = recorded.data_sets(self.runs), recorded.titles(self.runs)
        titles = dict(zip(ids, words, strict=True))
        once = Counter(titles.values())
        return {name: title if once[title] == 1 else name for name, title in titles.items()}

    @property
    def floor(self) -> float:
        return metrics.floor(self.runs[0].config["weighting"])

    @cached_property
    def moments(self) -> dict[str, list[float]]:
        """The epochs, and the losses of the last exit, at which there is something to see."""
        losses = [run.values("train_loss")[:, -1] for run in self.runs]
        last = max(map(len, losses))
        epochs = [*range(last, 0, -math.ceil(last / EPOCHS))][::-1]
        crossed = [one for one in LEVELS if any(loss.min() <= one < loss[0] for loss in losses)]
        return {"epoch": epochs, "fit": crossed} if crossed else {"epoch": epochs}


def left_out(known: Sequence[Run]) -> str:
    """Which weightings are in no setting; or that there is no run at all."""
    fixed = {weighting_title(run.config["weighting"]) for run in known if not moves(run)}
    words = "Not among the final weights, as theirs do not change in training: "
    return f"{words}{', '.join(sorted(fixed))}." if fixed else "" if known else recorded.NO_RUNS


def _last_error(runs: Sequence[Run]) -> float:
    return float(np.mean([run.final("test_error")[-1] for run in runs]))


def moves(run: Run) -> bool:
    """Whether a run's weights change in training, and are all there."""
    weights, losses = run.values("weights"), run.values("train_loss")
    return len(weights) == len(losses) == run.epochs and bool(np.ptp(weights, axis=0).any())


def settings(known: Sequence[Run]) -> list[Setting]:
    """The runs whose weights move, by what must be the same for runs side by side.

    That is the network, the weighting, the recipe, and the number of training images, or "all" that
    were ever used of each data set. How images are augmented is a matter of the data; whether they
    are is not. AdaLoss comes first, as it is alone in choosing its weights; then the settings of
    most data sets, of most images.
    """
    moving = [run for run in known if moves(run)]
    most: dict[str, int] = defaultdict(int)
    for run in moving:
        most[run.config["dataset"]] = max(_images(run), most[run.config["dataset"]])
    largest = [run for run in moving if _images(run) == most[run.config["dataset"]]]

    words = recorded.facts(moving)[["weighting", "network"]].itertuples(index=False)
    named = {id(run): names for run, names in zip(moving, words, strict=True)}
    wholes, parts = _grouped(largest, named, whole=True), _grouped(moving, named, whole=False)
    # The same runs twice are no choice; where there are as many of each, "all" says less.
    wholes = [one for one in wholes if not any(_within(one, part) for part in parts)]
    parts = [one for one in parts if not any(_within(one, whole) for whole in wholes)]
    return sorted(wholes + parts, key=_rank, reverse=True)


def _grouped(runs: Sequence[Run], named: dict[int, tuple[str, str]], whole: bool) -> list[Setting]:
    """The runs by the words for their settings; whole: however many images they were trained on.

    named: weighting and network of each run, by its id.
    """
    plain = []
    for run in runs:
        recipe = {"epochs": run.epochs} | run.config.get("recipe", {})
        recipe["augmentation"] = "on" if recipe.get("augmentation") else "none"
        config = {"dataset": "", "train_images": None if whole else _images(run)}
        plain.append(Run(config | {"recipe": recipe}, run.cost))

    groups: dict[tuple[str, str, str], list[Run]] = defaultdict(list)
    for run, training in zip(runs, recorded.labels(plain, ["images", "epochs"]), strict=True):
        groups[*named[id(run)], training].append(run)
    return [Setting(*key, runs, whole) for key, runs in groups.items()]


def _within(one: Setting, other: Setting) -> bool:
    return {id(run) for run in one.runs} <= {id(run) for run in other.runs}


def _rank(setting: Setting) -> tuple:
    runs, weighting = setting.runs, setting.weighting
    scheme = weighting == "AdaLoss", weighting.startswith("AdaLoss")
    covered = len({run.config["dataset"] for run in runs})
    return *scheme, covered, np.mean([_images(run) for run in runs]), len(runs), runs[0].epochs


def _images(run: Run) -> int:
    return run.config.get("train_images") or 0


class Preset(NamedTuple):
    """A choice to begin with: data sets of a setting."""

    title: str
    setting: Setting
    sets: tuple[str, ...]


def presets(shown: Sequence[Setting]) -> list[Preset]:
    """Of each of `PRESETS` the first setting that has all its data sets; and the whole sets."""
    found = []
    for title, wanted in PRESETS.items():
        names = " ".join(wanted).split()
        for setting in shown:
            sets = tuple(name for name in setting.sets if name in names)
            if len(sets) == len(wanted):
                found.append(Preset(title, setting, sets))
                break
    whole = [Preset("whole sets", one, tuple(one.sets)) for one in shown if one.whole]
    return found + whole[:1]
