"""Recorded runs for the explorers: gathered from folders and named by what tells them apart."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from anytime import names, theory
from anytime.explore.frame import Asking, NothingToShow
from anytime.paths import RUNS
from anytime.runs import Run, find

Runs = str | os.PathLike | Iterable[str | os.PathLike | Run] | None
STATIC = {name.upper(): make for name, make in theory.STATIC.items() if name != "opt"}
"""Weights (K,) that do not change in training, by the words for them: a function of K each."""

NO_RUNS = (
    "There are no recorded runs yet. This makes some within minutes: "
    "python -m anytime run schemes --profile quick"
)
ALL = "all"


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


def require_runs(runs: Sequence) -> None:
    """Raises NothingToShow, with the way to make runs, where there are none."""
    if not runs:
        raise NothingToShow(NO_RUNS)


def is_opt(run: Run) -> bool:
    """Whether a run is of OPT, which trains one exit alone."""
    return names.is_opt(run.config["weighting"])


def facts(runs: Sequence[Run]) -> pd.DataFrame:
    """Columns data_set, network, weighting (in words), seed: together they name each run."""
    columns = {"data_set": titles(runs), "network": network_titles(runs)}
    columns["weighting"] = [names.weighting_title(run.config["weighting"]) for run in runs]
    return pd.DataFrame(columns | {"seed": [run.config["seed"] for run in runs]})


def narrow(ask: Asking, rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The rows that are chosen by a control for each of these columns.

    Each offers what is there by the choices before, and begins with what comes first.
    """
    for column in columns:
        label = column.replace("_", " ").capitalize()
        there = rows[column].unique().tolist()
        rows = rows[rows[column] == ask.select(column, label, there)]
    return rows


def one_or_all(
    ask: Asking, rows: pd.DataFrame, column: str, start: str | None = None
) -> pd.DataFrame:
    """The rows of one value of a column, or all of them, by a control."""
    offered = [*rows[column].unique().tolist(), ALL]
    chosen = ask.select(column, column.capitalize(), offered, start=start)
    return rows if chosen == ALL else rows[rows[column] == chosen]


def run_titles(runs: Sequence[Run]) -> list[str]:
    """A name in words for each run."""
    return [", ".join([*map(str, one[:3]), f"seed {one[3]}"]) for one in facts(runs).to_numpy()]


def data_sets(runs: Sequence[Run]) -> list[str]:
    """The data set of each run; with images and recipe where the runs on it differ in these."""
    return labels(runs, ["dataset"])


def labels(runs: Sequence[Run], always: Sequence[str]) -> list[str]:
    """A name for what each run was trained on and how: `always`, and what else tells them apart.

    Facts: data set, images, the recipe's options; the fingerprint, where equally many images of one
    name are others; the folder of runs there twice. No more of them than it takes.
    """
    times = Counter(run.name for run in runs)
    known = pd.DataFrame([_facts(run, times[run.name] > 1) for run in runs]).fillna("")
    if known.empty:
        return []
    if (known.groupby(["dataset", "images"])["fingerprint"].nunique() < 2).all():
        del known["fingerprint"]

    kept = list(always)
    for column in known.columns.difference(kept, sort=False):
        if known.groupby([*kept, column]).ngroups > known.groupby(kept).ngroups:
            kept.append(column)
    alike = known[kept].groupby([known[key] for key in always])
    shown = (alike.transform("nunique") > 1).assign(**dict.fromkeys(always, True))
    said = known[kept].where(shown[kept], "")
    return [", ".join(filter(None, row)) for row in said.to_numpy()]


def titles(runs: Sequence[Run]) -> list[str]:
    """The data set of each run in words, likewise."""
    titled = [Run(run.config | {"dataset": run.title or run.config["dataset"]}, []) for run in runs]
    return data_sets(titled)


def network_titles(runs: Sequence[Run]) -> list[str]:
    """The network of each run in words; with its name where they would be those of several."""
    largest_last = sorted(runs, key=lambda run: run.num_exits)
    words = {run.config["network"]: _network_words(run) for run in largest_last}
    times = Counter(words.values())
    texts = {name: said if times[said] == 1 else f"{said}: {name}" for name, said in words.items()}
    return [texts[run.config["network"]] for run in runs]


def _network_words(run: Run) -> str:
    network, last = names.cut(run.config["network"])
    if made := re.fullmatch(r"resann-[\d.]+-(\d+)(-.*)?", network):
        return f"{run.num_exits} exits, {made[1]} channels{', cut' if last else ''}"
    return f"{run.config['network']} ({run.num_exits} exits)"


def whole(run: Run) -> Run:
    """A run of OPT as one of the network from which its own was cut; others as they are."""
    network = run.config["network"]
    config = run.config | {"network": names.whole(network) if is_opt(run) else network}
    return Run(config, run.cost, history=run.history, title=run.title, path=run.path)


def _facts(run: Run, twice: bool) -> dict[str, str]:
    config = {"train_images": None, "recipe": {}, "fingerprint": ""} | run.config
    images = config["train_images"]
    known = {"dataset": config["dataset"]}
    known["images"] = f"{images:,} images" if images else "all images"
    for key, value in config["recipe"].items():
        value = " and ".join(map(str, value)) or "none" if isinstance(value, list) else value
        words = key.replace("_", " ")
        known[key] = f"{value} {words}" if key == "epochs" else f"{words} {value}"
    known["fingerprint"] = f"data {config['fingerprint'][:8]}" if config["fingerprint"] else ""
    if twice and run.path:
        known["folder"] = f"in {run.path.parent.name}"
    return known
