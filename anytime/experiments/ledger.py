"""The ledger: each claim of the paper, its figure, ours, and what came of it."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd

from anytime import metrics, names, paper, runs
from anytime.datasets import catalogue
from anytime.metrics import concentration, mean_std
from anytime.paths import DATA, RUNS, whole_file
from anytime.runs import Run

LEDGER = DATA / "ledger.csv"
# From easy to hard: in the place of the paper's SVHN, CIFAR-10, CIFAR-100, and by clutter alone.
DIFFICULTY_ORDERS = (
    ("gtsrb-half", "cifar10", "tiny-imagenet-100"),
    ("glyphs-10-0", "glyphs-10-0.5", "glyphs-10-1"),
)
COPIES = {name: catalogue.copy_title(name) for name in DIFFICULTY_ORDERS[0]}  # in this order
EQUAL = runs.SETTING[2:]  # what runs on different data have to share, to be compared
GAMMA = 0.07  # the floor under the weights of AdaLoss, unless its text gives another
# The paper's figures are means over its networks and data sets; our rows are one network on one.
INCREASE = "{} makes more errors than OPT at 1/4, 1/2, 3/4 and all of the cost (%)"
GAIN = "{} makes fewer errors than CONST at the last exit (points)"
LINEAR = "{} makes fewer errors than LINEAR at the last exit (points)"
PRICE = "{} makes more errors than CONST at 1/4 of the cost (points)"
SMALL = "The smaller network with AdaLoss beats the larger with CONST at the last exit (points)"
MOVE = "The harder the data, the later the final weights' mean position (0 first, 1 last exit)"
ABOVE = "The harder the data, the later the mean position of the final weights above their floor"


def _above_opt(share: float, *schemes: str) -> str:
    facts = {names.weighting_title(s): paper.reported_increase(s, share).shown for s in schemes}
    return "above OPT: " + "; ".join(f"{title} {shown}" for title, shown in facts.items())


PAPER = {
    GAIN: _above_opt(1.0, "const", "adaloss"),
    LINEAR: _above_opt(1.0, "linear", "adaloss"),
    PRICE: _above_opt(0.25, "const", "adaloss"),
    SMALL: paper.FACTS["small_beats_large"].shown,
    MOVE: paper.FACTS["difficulty"].shown,
    ABOVE: paper.FACTS["difficulty"].shown,
}


def verdict(differences: Iterable[float]) -> str:
    """What paired differences over seeds say of a claim that they are positive.

    "shown" or "reversed" needs at least three seeds, and 0 outside the 95 % interval of Student's
    t around their mean; "undecided" is everything else, "not run" where there is none. Without
    any true difference one claim in twenty is decided.
    """
    values = list(differences)
    if not values:
        return "not run"
    mean, reach = metrics.interval(values)
    if len(values) < 3 or not abs(mean) > reach:  # nan, too
        return "undecided"
    return "shown" if mean > 0 else "reversed"


def ledger(folder: Path = RUNS) -> pd.DataFrame:
    """A row per claim, data set and network, from the records below a folder.

    Compared are only runs on the same training images by the same recipe, tested on the test set;
    a claim without such runs has one row that says so.
    """
    tested = [run for run in runs.find(folder) if not run.config.get("validation_images")]
    found = {json.dumps(run.config, sort_keys=True): run for run in tested}.values()
    adaloss = [run for run in found if run.config["weighting"] == "adaloss"]
    rows = []
    for setting in _grouped(found, *runs.SETTING).values():
        rows += _increase_rows(setting) + _gain_rows(setting)
    for group in _grouped(adaloss, "network", *EQUAL).values():
        rows += _difficulty_rows(group)

    kinds = [INCREASE, *PAPER]
    rows += [_row(kind, [], []) for kind in PAPER if kind not in {row["kind"] for row in rows}]
    rows.sort(key=lambda row: kinds.index(row["kind"]))
    return pd.DataFrame(rows).drop(columns="kind")


def _grouped(found: Iterable[Run], *keys: str) -> dict[tuple[str, ...], list[Run]]:
    """The runs by their values of these keys; a value that is no text is taken as JSON."""
    groups = defaultdict(list)
    for run in found:
        values = [run.config.get(key) for key in keys]
        texts = [v if isinstance(v, str) else json.dumps(v, sort_keys=True) for v in values]
        groups[tuple(texts)].append(run)
    return groups


def _wholes(setting: list[Run]) -> list[str]:
    """The networks that were not cut, from cheap to expensive."""
    networks = {run.config["network"]: run for run in setting}
    costs = {name: run.cost[-1] for name, run in networks.items() if names.whole(name) == name}
    return sorted(costs, key=costs.__getitem__)


def _increase_rows(setting: list[Run]) -> list[dict]:
    """The error increase over OPT at the quarters of the cost; the verdict is on the last.

    It is of the same seeds' differences, as the increases over a mean hide how OPT scatters.
    """
    rows, of = [], _grouped(setting, "network", "weighting")
    opts = [run for run in setting if run.config["weighting"] == "opt"]
    for network, scheme in product(_wholes(setting), ("const", "linear", "adaloss")):
        opt = [run for run in opts if names.whole(run.config["network"]) == network]
        group = of[network, scheme]
        if opt and group:
            facts = [paper.reported_increase(scheme, share).shown for share in metrics.QUARTERS]
            ours = [_increases(group, opt, share) for share in metrics.QUARTERS]
            shown = [_mean_std(values, 1) if values else "?" for values in ours]
            apart = _differences(of[network, "opt"], group, _last_error)
            row = _row(INCREASE, group + opt, [*apart.values()], scheme)
            row |= {"paper": " · ".join(facts), "ours": " · ".join(shown)}
            rows.append(row | {"seeds": len(group)})
    return rows


def _increases(group: list[Run], opt: list[Run], share: float) -> list[float]:
    """One per run; none where OPT of this exit has not been trained, or makes no error."""
    try:
        return list(metrics.relative_increase_table(group, opt, shares=[share]).increase)
    except ValueError:
        return []


def _gain_rows(setting: list[Run]) -> list[dict]:
    """What AdaLoss saves at the last exit and pays at a quarter of the cost, by whom it is held."""
    schemes = sorted({w for run in setting if (w := run.config["weighting"]).startswith("adaloss")})
    networks, of = _wholes(setting), _grouped(setting, "network", "weighting")
    rows = []
    for network, scheme in product(networks, schemes):
        ours, const, linear = (of[network, s] for s in (scheme, "const", "linear"))
        rows += _paired(GAIN, ours, const, _last_error, scheme)
        rows += _paired(LINEAR, ours, linear, _last_error, scheme)
        rows += _paired(PRICE, const, ours, _early_error, scheme)
    for small, large in pairwise(networks):
        rows += _paired(SMALL, of[small, "adaloss"], of[large, "const"], _last_error, "adaloss")
    return rows


def _last_error(run: Run) -> float:
    return 100 * float(run.final("test_error")[-1])


def _early_error(run: Run) -> float:
    return 100 * float(run.final("test_error")[metrics.exit_nearest(run.cost, 0.25)])


def _difficulty_rows(group: list[Run]) -> list[dict]:
    """Whether the final weights of AdaLoss lie later on harder data."""
    on, rows = _grouped(group, "dataset"), []
    for order in DIFFICULTY_ORDERS:
        for sides in pairwise(on[name,] for name in order if (name,) in on):
            rows += _paired(MOVE, *sides, _mean_position)
            rows += _paired(ABOVE, *sides, partial(_mean_position, floor=GAMMA))
    return rows


def _mean_position(run: Run, floor: float = 0.0) -> float:
    return concentration(run.final("weights") - floor).mean_position


def _paired(
    kind: str, low: list[Run], high: list[Run], measure: Callable[[Run], float], scheme: str = ""
) -> list[dict]:
    """A row on how much more is measured on `high` than on `low`, seed by seed; or none."""
    apart = _differences(low, high, measure)
    used = [run for run in low + high if run.config["seed"] in apart]
    return [_row(kind, used, [*apart.values()], scheme)] if apart else []


def _differences(
    low: list[Run], high: list[Run], measure: Callable[[Run], float]
) -> dict[int, float]:
    """How much more is measured on `high`, for each seed that both have."""
    first, second = ({run.config["seed"]: measure(run) for run in group} for group in (low, high))
    return {seed: second[seed] - first[seed] for seed in sorted(first.keys() & second.keys())}


def _row(kind: str, used: list[Run], differences: list[float], scheme: str = "adaloss") -> dict:
    return {
        "kind": kind,
        "claim": kind.format(_named(scheme)),
        "data": " < ".join(dict.fromkeys(map(_title, used))),
        "network": " < ".join(_wholes(used)),
        "paper": PAPER.get(kind, ""),
        "ours": _mean_std(differences, 3 if kind in (MOVE, ABOVE) else 2) if differences else "",
        "seeds": len(differences),
        "core_hours": round(sum(run.cpu_seconds for run in used) / 3600, 2),
        "deviations": _deviations(used[0].config) if used else "",
        "verdict": verdict(differences),
    }


def _named(scheme: str) -> str:
    """A weighting's name in words; its whole text where it has options that the name leaves out."""
    short = {*names.parse(scheme)[1]} <= {"extra"}
    return names.weighting_title(scheme) if short else scheme


def _title(run: Run) -> str:
    return run.title or catalogue.copy_title(run.config["dataset"])


def _deviations(config: dict) -> str:
    recipe, images = config["recipe"], config["train_images"]
    steps = ", ".join(recipe["augmentation"]) or "none"
    return f"{images:,} training images, {recipe['epochs']} epochs, augmentation: {steps}"


def _mean_std(values: Iterable[float], digits: int) -> str:
    mean, std = mean_std(list(values))
    return f"{mean:.{digits}f}" + ("" if np.isnan(std) else f" ± {std:.{digits}f}")


def write(table: pd.DataFrame, path: Path = LEDGER) -> None:
    """Writes a ledger as CSV, whole or not at all."""
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
