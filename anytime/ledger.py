"""The ledger: each claim of the paper, its figure, ours, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from anytime import metrics, paper, runs
from anytime.paths import DATA, RUNS, whole_file
from anytime.runs import Run

COLUMNS = ["claim", "data", "paper", "ours", "seeds", "core_hours", "deviations", "verdict"]
LEDGER = DATA / "ledger.csv"
DIFFICULTY_ORDER = ("gtsrb", "cifar10", "tiny-imagenet-100")
"""The data sets from easy to hard, in the place of the paper's SVHN, CIFAR-10, CIFAR-100."""


def verdict(differences: Iterable[float]) -> str:
    """What paired differences over seeds say of a claim that they are positive.

    "shown" or "reversed" needs at least three seeds that all agree and a mean more than two
    standard errors from 0; "undecided" is everything else, "not run" where there is none.
    """
    values = np.asarray(list(differences), dtype=float)
    if len(values) == 0:
        return "not run"
    mean, std = metrics.mean_std(values)
    clear = len(values) >= 3 and abs(mean) > 2 * std / np.sqrt(len(values))
    if clear and (np.sign(values) == np.sign(mean)).all():
        return "shown" if mean > 0 else "reversed"
    return "undecided"


def ledger(folder: Path = RUNS) -> pd.DataFrame:
    """A row per claim and data set, from the records in a folder."""
    compared = runs.find(folder / "schemes")
    rows = []
    for setting in _settings(compared):
        rows += _increase_rows(setting) + [_beats_const_row(setting)]
    rows += _small_rows(runs.find(folder / "small-beats-large") + compared)
    rows.append(_difficulty_row(runs.find(folder / "difficulty")))
    return pd.DataFrame(rows, columns=COLUMNS)


def _settings(compared: list[Run]) -> list[list[Run]]:
    groups: dict[tuple, list[Run]] = {}
    for run in compared:
        groups.setdefault((run.config["dataset"], run.config["train_images"]), []).append(run)
    return [groups[key] for key in sorted(groups)]


def _increase_rows(setting: list[Run]) -> list[dict]:
    """The error increase over OPT at the quarters of the cost, scheme by scheme."""
    opt = [run for run in setting if run.config["weighting"] == "opt"]
    rows = []
    for scheme in ("const", "linear", "adaloss"):
        group = [run for run in setting if run.config["weighting"] == scheme]
        for share in metrics.QUARTERS if group and opt else ():
            try:
                table = metrics.relative_increase_table(group, opt, shares=[share])
            except ValueError:
                continue
            fact = paper.relative_increase(scheme, share)
            rows.append(
                _row(fact.claim, group, fact.shown, _plus_minus(table.increase, "%"), opt)
                | {"verdict": "a figure to compare"}
            )
    return rows


def _beats_const_row(setting: list[Run]) -> dict:
    """Whether AdaLoss's last exit makes fewer errors than CONST's, seed by seed."""
    const, ada = ([r for r in setting if r.config["weighting"] == w] for w in ("const", "adaloss"))
    pairs = _by_seed(const, ada)
    gains = [100 * float(a.final("test_error")[-1] - b.final("test_error")[-1]) for a, b in pairs]
    claim = "AdaLoss makes fewer errors than CONST at the last exit (points)"
    shown = "const 18.90 %, adaloss 2.73 % above OPT (adaloss " + paper.NOT_CONFIRMED + ")"
    return _row(claim, const + ada, shown, _plus_minus(gains, "points")) | {
        "verdict": verdict(gains)
    }


def _small_rows(all_runs: list[Run]) -> list[dict]:
    """Whether the last exit of a smaller network with AdaLoss beats a larger one with CONST."""
    fact = paper.FACTS["small_beats_large"]
    rows = []
    for setting in _settings(all_runs):
        names = {
            r.config["network"]: r.cost[-1] for r in setting if "-to" not in r.config["network"]
        }
        ordered = sorted(names, key=names.get)
        for small, large in pairwise(ordered):
            ada = [r for r in setting if _is(r, small, "adaloss")]
            const = [r for r in setting if _is(r, large, "const")]
            gains = [
                100 * float(b.final("test_error")[-1] - a.final("test_error")[-1])
                for a, b in _by_seed(ada, const)
            ]
            if gains:
                claim = f"{small} with AdaLoss beats {large} with CONST at the last exit (points)"
                ours = _plus_minus(gains, "points")
                rows.append(
                    _row(claim, ada + const, fact.shown, ours) | {"verdict": verdict(gains)}
                )
    return rows


def _difficulty_row(group: list[Run]) -> dict:
    """Whether harder data moves AdaLoss's final weights to the last exits."""
    fact = paper.FACTS["difficulty"]
    position = {
        (run.config["dataset"], run.config["seed"]): metrics.concentration(
            run.final("weights")
        ).mean_position
        for run in group
    }
    seeds = [
        seed
        for seed in sorted({seed for _, seed in position})
        if all((name, seed) in position for name in DIFFICULTY_ORDER)
    ]
    easy, hard = DIFFICULTY_ORDER[0], DIFFICULTY_ORDER[-1]
    moves = [position[hard, seed] - position[easy, seed] for seed in seeds]
    used = [run for run in group if run.config["dataset"] in DIFFICULTY_ORDER]
    claim = "Harder data: the final weights' mean position (0 first, 1 last exit), hard minus easy"
    row = _row(claim, used, fact.shown, _plus_minus(moves, "", 3)) | {"verdict": verdict(moves)}
    return row | {"data": " < ".join(DIFFICULTY_ORDER)}


def _is(run: Run, network: str, weighting: str) -> bool:
    return run.config["network"] == network and run.config["weighting"] == weighting


def _by_seed(first: list[Run], second: list[Run]) -> list[tuple[Run, Run]]:
    others = {run.config["seed"]: run for run in second}
    return [(a, others[a.config["seed"]]) for a in first if a.config["seed"] in others]


def _row(claim: str, used: list[Run], shown: str, ours: str, opt: Iterable[Run] = ()) -> dict:
    everything = [*used, *opt]
    recipe = used[0].config["recipe"] if used else {}
    names = sorted({run.config["network"] for run in used})
    deviations = (
        f"{', '.join(names)}; {used[0].config['train_images']} training images, "
        f"{recipe['epochs']} epochs, augmentation {recipe['augmentation'] or 'none'}, "
        f"{recipe['schedule']}"
        if used
        else ""
    )
    return {
        "claim": claim,
        "data": used[0].config["dataset"] if used else "",
        "paper": shown,
        "ours": ours,
        "seeds": len({run.config["seed"] for run in used}),
        "core_hours": round(sum(run.cpu_seconds for run in everything) / 3600, 2),
        "deviations": deviations,
    }


def _plus_minus(values: Iterable[float], unit: str, digits: int = 2) -> str:
    values = list(values)
    if not values:
        return ""
    mean, std = metrics.mean_std(values)
    spread = f" ± {std:.{digits}f}" if len(values) > 1 else " (one seed)"
    return f"{mean:.{digits}f}{spread} {unit}".strip()


def write(folder: Path = RUNS, path: Path = LEDGER) -> pd.DataFrame:
    """Writes the ledger as CSV and returns it."""
    table = ledger(folder)
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False)
    return table


def to_markdown(table: pd.DataFrame) -> str:
    """The ledger as a Markdown table."""
    lines = [table.columns, ["---"] * len(table.columns), *table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
