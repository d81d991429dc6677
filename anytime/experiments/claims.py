"""The plan's claims, and what is measured of runs to test each; see `data/plan.md`.

A finding holds comparisons that are positive where the claim has it so: points of error, logarithms
of ratios, or shares of the weight, as its claim's unit says.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np

from anytime import metrics, names, paper, runs
from anytime.datasets import catalogue
from anytime.experiments import lists, settings, statistics
from anytime.experiments.statistics import Comparison
from anytime.runs import Run

POINTS, PERCENT, TIMES, SHARE = "points", "%", "times", "of the weight"
"""Units. Comparisons in the second and third are of logarithms."""

NET = "resann-4-16-stride2"
CHAIN = lists.SMALL
# From easy to hard: the paper's three data sets first, then what tells difficulty from the number
# of classes, or is of the first edition.
ORDERS = (
    lists.THREE,
    ("cifar10-59904", "cifar100-10a"),
    ("cifar10-59904", "cifar100-10b"),
    ("glyphs-10-0", "glyphs-10-0.5", "glyphs-10-1"),
    ("gtsrb-half", "cifar10", "tiny-imagenet-100"),
)
LAST_EPOCHS = 10  # the weights' share is a mean over these
FIT = 0.6  # the last exit's training loss at which data sets are compared, too


class Claim(NamedTuple):
    """A sentence, how what is measured of it is given, and from which size on that matters."""

    text: str
    unit: str
    matters: float
    paper: str
    notebook: str


def _above_opt(share: float, *schemes: str) -> str:
    facts = {names.weighting_title(s): paper.reported_increase(s, share).shown for s in schemes}
    return "above OPT: " + "; ".join(f"{title} {shown}" for title, shown in facts.items())


_THREE_PERCENT, _TENTH, _POINTS = math.log(1.03), math.log(1.1), 0.6
_BATCHES = "AdaLoss at batch 64, the others mostly at 128 (the authors' released code)"
_SOONER = (
    "A small network with AdaLoss reaches its error at less cost than a large one with CONST does, "
    "and this saves more than with CONST on the small one"
)
CLAIMS = {
    "1": Claim(
        "CONST makes more errors than OPT at the last exit",
        *(PERCENT, _THREE_PERCENT, _above_opt(1.0, "const"), "05"),
    ),
    "2": Claim(
        "AdaLoss makes at most 3 % more errors than OPT at the last exit",
        *(PERCENT, _THREE_PERCENT, _above_opt(1.0, "adaloss"), "05"),
    ),
    "3a": Claim(
        "AdaLoss makes fewer errors than CONST at the last exit",
        *(POINTS, _POINTS, _above_opt(1.0, "const", "adaloss"), "05"),
    ),
    "3b": Claim(
        "AdaLoss makes more errors than CONST at a quarter of the cost",
        *(POINTS, _POINTS, _above_opt(0.25, "const", "adaloss"), "05"),
    ),
    "4": Claim(
        "AdaLoss makes fewer errors than LINEAR at the last exit",
        *(POINTS, _POINTS, _above_opt(1.0, "linear", "adaloss"), "05"),
    ),
    "5": Claim(_SOONER, TIMES, _TENTH, paper.FACTS["small_beats_large"].shown, "06"),
    "6": Claim(
        "The harder the data, the more of AdaLoss's weight lies on the last quarter of the exits",
        *(SHARE, 0.05, paper.FACTS["difficulty"].shown, "08"),
    ),
    "7": Claim(
        "A chain of networks makes fewer errors with AdaLoss than with CONST",
        *(POINTS, _POINTS, "no figure is known here", "07"),
    ),
    "8": Claim(
        "The authors' batches for CONST and OPT, and their sum of LINEAR's weights, change errors",
        *(POINTS, _POINTS, _BATCHES, "05"),
    ),
}


@dataclass(frozen=True)
class Finding:
    """What runs say of a claim.

    used: the runs compared. told: what is compared, where it is not as the claim says. parts: by
    name; empty where nothing can be compared, for the reason in `note`. p: of all parts together,
    corrected for their number.
    """

    claim: str
    used: list[Run]
    told: str = ""
    primary: bool = False
    parts: dict[str, Comparison] = field(default_factory=dict)
    p: float = math.nan
    note: str = ""

    @property
    def seeds(self) -> list[int]:
        """How many runs there are of each kind that is compared."""
        kinds = ("dataset", "network", "weighting", "recipe")
        return [len(group) for group in grouped(self.used, *kinds).values()]


class Tested(NamedTuple):
    """What a test gives to a finding."""

    parts: dict[str, Comparison]
    p: float
    note: str = ""


Groups = dict[str, list[Run]]
"""Runs that differ in their seeds alone, by what they are compared in."""
Measure = Callable[[Run], float]


def findings(found: Iterable[Run]) -> list[Finding]:
    """All that runs say of the claims, those by which the plan decides first.

    Compared are only runs tested on the test set, on the same images by the same recipe, and of
    different data those that share all else. A run that is there twice counts once. Raises
    ValueError where runs on other data than the plan's go by the same name.
    """
    once = [
        *{json.dumps(run.config, sort_keys=True): run for run in found if _counts(run)}.values()
    ]
    rows: list[Finding] = []
    for setting in grouped(once, *runs.SETTING).values():
        networks = by_network(setting)
        for schemes in networks.values():
            rows += [*_over_opt(schemes), *_between(schemes)]
        rows += [*_sooner(networks), *_chained(networks)]
    rows += [*_by_difficulty(once), *_as_authors(once)]
    # Of single runs beside the plan there is nothing to say.
    rows = [row for row in rows if row.primary or row.parts or max(row.seeds) > 1]
    for claim in CLAIMS:
        _one_version(
            [run for row in rows if row.primary and row.claim == claim for run in row.used]
        )
    order = [*CLAIMS]
    return sorted(rows, key=lambda row: (not row.primary, order.index(row.claim)))


def _counts(run: Run) -> bool:
    """Whether a run is finished, tested on the test set, and from first weights of its own."""
    config = run.config
    first = f"seed {config['seed']}"
    return (
        run.finished and not config.get("validation_images") and config.get("start", first) == first
    )


def grouped(found: Iterable[Run], *keys: str) -> dict[tuple[str, ...], list[Run]]:
    """Runs by values of their configuration, as texts or as JSON."""
    groups = defaultdict(list)
    for run in found:
        values = [run.config.get(key) for key in keys]
        texts = [v if isinstance(v, str) else json.dumps(v, sort_keys=True) for v in values]
        groups[tuple(texts)].append(run)
    return groups


def by_network(setting: list[Run]) -> dict[str, Groups]:
    """The runs of a setting by whole network, cheap ones first, and by weighting.

    OPT stands for the one total that the plan has for these data; of a network cut to 3 exits it
    goes by "opt-to3".
    """
    networks: dict[str, Groups] = defaultdict(lambda: defaultdict(list))
    for run in sorted(setting, key=lambda run: run.cost[-1]):
        dataset, network, scheme = (run.config[key] for key in names.IDENTITY[:3])
        if names.is_opt(scheme):
            total = lists.OPT_TOTALS.get((dataset, network))
            if scheme != (f"opt:total={total}" if total else "opt"):
                continue
            scheme = "opt" + network.removeprefix(names.whole(network))
        networks[names.whole(network)][scheme].append(run)
    return networks


def error_at(run: Run, share: float = 1.0) -> float:
    """Of the exit nearest to a share of the cost, the last unless told, in points."""
    return 100 * float(run.final("test_error")[metrics.exit_nearest(run.cost, share)])


def share_late(run: Run, floor: bool = False) -> float:
    """What share of the weight lies on the last quarter of the exits, over the last ten epochs.

    Counted above AdaLoss's floor, unless `floor`.
    """
    below = 0 if floor else metrics.floor(run.config["weighting"])
    weights = run.values("weights")[-LAST_EPOCHS:] - below
    return float(np.mean([metrics.concentration(one).last_quarter for one in weights]))


def share_at_fit(run: Run) -> float:
    """The same when the last exit's training loss first falls to 0.6; nan where it never does."""
    (weights,) = metrics.at_epochs(run, "weights", metrics.epochs_at_loss(run, FIT))
    return metrics.concentration(weights - metrics.floor(run.config["weighting"])).last_quarter


def _planned(run: Run, network: str = NET, images: int = 50_000, **changes: Any) -> bool:
    """Whether a run is of the plan's network and recipe on CIFAR-100, but for these changes."""
    recipe = settings.find("laptop", "cifar100").by(**changes).recipe.to_dict()
    wanted = {"dataset": "cifar100", "train_images": images, "network": network, "recipe": recipe}
    return all(run.config[key] == value for key, value in wanted.items())


def measured(groups: Groups, measure: Measure) -> dict[str, np.ndarray]:
    """A number for each seed, by group; a group without runs is left out."""
    values = {name: np.array([measure(run) for run in group]) for name, group in groups.items()}
    return {name: of[np.isfinite(of)] for name, of in values.items() if len(of)}


def _find(
    claim: str,
    used: list[Run],
    test: Callable[..., Tested],
    *given: Any,
    told: str = "",
    primary: bool = False,
) -> Finding:
    """What a test finds of what it is given, or why it cannot be made."""
    about: dict[str, Any] = {"told": "" if primary else told, "primary": primary}
    try:
        _one_version(used)
        tested = test(*given)
    except ValueError as error:
        return Finding(claim, used, note=str(error), **about)
    return Finding(claim, used, **tested._asdict(), **about)


def _one_version(used: list[Run]) -> None:
    """Raises ValueError for runs on different images that go by one name."""
    versions = Counter(dataset for dataset, _ in grouped(used, "dataset", "fingerprint"))
    if several := [name for name, count in versions.items() if count > 1]:
        raise ValueError(f"there are runs on different data by the name of {several[0]!r}")


def _over_opt(schemes: Groups) -> Iterator[Finding]:
    """Claims 1 and 2: a scheme over OPT at the last exit; beside it LINEAR, and earlier exits."""
    for claim, scheme in (("1", "const"), ("2", "adaloss"), ("1", "linear")):
        for share in reversed(metrics.QUARTERS):
            group = schemes.get(scheme, [])
            exit = metrics.exit_nearest(group[0].cost, share) + 1 if group else 0
            whole = share == 1
            opt = schemes.get("opt" if whole else f"opt-to{exit}", [])
            if not group or not opt:
                continue
            errors = measured({"ours": group}, partial(error_at, share=share))
            errors |= measured({"opt": opt}, error_at)
            told = f"{names.weighting_title(scheme)} over OPT at {share:g} of the cost"
            primary = whole and scheme != "linear" and _planned(group[0], epochs=settings.LONG)
            used = group + opt
            yield _find(claim, used, _ratio, errors, claim, told=told, primary=primary)


def _ratio(errors: dict[str, np.ndarray], claim: str) -> Tested:
    found = statistics.log_ratio(errors, "ours")
    near = claim == "2"
    return Tested({"": found}, found.equivalence(CLAIMS["2"].matters) if near else found.p)


def _between(schemes: Groups) -> Iterator[Finding]:
    """Claims 3 and 4: kinds of AdaLoss against CONST and LINEAR, also of equal totals."""
    main = {name: schemes[name] for name in lists.MAIN if schemes.get(name)}
    for ours, theirs in product(schemes, schemes):
        base, options = names.recorded_weighting(theirs)
        if names.recorded_weighting(ours)[0] != "adaloss" or base not in ("const", "linear"):
            continue
        if options and (ours != "adaloss" or [*options] != ["total"]):
            continue
        groups = main | {ours: schemes[ours], theirs: schemes[theirs]}
        plain = (ours, theirs) in (("adaloss", "const"), ("adaloss", "linear"))
        primary = plain and _planned(schemes[ours][0], epochs=settings.LONG)
        told = (
            "" if plain else f"{names.weighting_title(ours)}, not {names.weighting_title(theirs)}"
        )
        used, late = schemes[ours] + schemes[theirs], measured(groups, error_at)
        number = "3a" if base == "const" else "4"
        yield _find(number, used, _fewer, late, theirs, ours, told=told, primary=primary)
        if base == "const":
            groups.pop("opt", None)  # its early exits are not trained
            early = measured(groups, partial(error_at, share=0.25))
            yield _find("3b", used, _fewer, early, ours, theirs, told=told, primary=primary)


def _fewer(errors: dict[str, np.ndarray], more: str, less: str) -> Tested:
    """How many more errors one makes; against CONST p is Dunnett's, of all but OPT."""
    found = statistics.difference(errors, more, less)
    p, note = found.p, _scatter(errors, more, less)
    if "const" in (more, less):
        # One seed of a third weighting says nothing, and keeps no two others from being compared.
        against = {n: of for n, of in errors.items() if n != "opt" and len(of) > 1}
        p = statistics.dunnett(against)[more if less == "const" else less]
    return Tested({"": found}, p, note)


def _scatter(errors: dict[str, np.ndarray], one: str, other: str) -> str:
    """Where two groups scatter too differently to be pooled, what Welch's test says."""
    spreads = sorted(errors[name].std(ddof=1) for name in (one, other))
    if spreads[1] <= 3 * spreads[0]:
        return ""
    p = statistics.welch(errors[one], errors[other]).p
    return f"one scatters {spreads[1] / spreads[0]:.1f} times as much; p of Welch's test: {p:.3f}"


def _sooner(networks: dict[str, Groups]) -> Iterator[Finding]:
    """Claim 5 for neighbours in cost."""
    for small, large in pairwise(name for name in CHAIN if name in networks):
        ours, control = (networks[small].get(name, []) for name in ("adaloss", "const"))
        theirs = networks[large].get("const", [])
        if ours and control and theirs:
            primary = large == CHAIN[-1] and _planned(ours[0])
            told, used = f"{small} and {large}", ours + control + theirs
            given = ours, control, theirs
            yield _find("5", used, _factors, *given, told=told, primary=primary)


def _factors(ours: list[Run], control: list[Run], theirs: list[Run]) -> Tested:
    curves = [run.final("test_error") for run in theirs]
    last, plain = ([run.final("test_error")[-1] for run in group] for group in (ours, control))
    cost, paid = theirs[0].cost, ours[0].cost[-1]
    parts = {
        "the large one's cost": statistics.cost_factor(last, paid, curves, cost),
        "more than with CONST": statistics.cost_saving(last, plain, curves, cost),
    }
    return Tested(parts, max(part.p for part in parts.values()))


def _chained(networks: dict[str, Groups]) -> Iterator[Finding]:
    """Claim 7, of all members that the plan's chain has here; it takes two."""
    members = [networks[name] for name in CHAIN if name in networks]
    used = [group for one in members for scheme in ("adaloss", "const") for group in one[scheme]]
    if len(members) > 1 and all(one["adaloss"] and one["const"] for one in members):
        primary = len(members) == len(CHAIN) and _planned(used[0], CHAIN[0])
        told = f"a chain of {len(members)}"
        yield _find("7", used, _chains, members, told=told, primary=primary)


def _chains(members: list[Groups]) -> Tested:
    errors = {scheme: _chain_errors(members, scheme) for scheme in ("adaloss", "const")}
    found = statistics.difference(errors, "const", "adaloss")
    return Tested({"": found}, found.p, _scatter(errors, "const", "adaloss"))


def _chain_errors(members: list[Groups], scheme: str) -> np.ndarray:
    """For each seed that all members have, the mean error over budgets even in the logarithm."""
    by_seed = [{run.config["seed"]: run for run in one[scheme]} for one in members]
    errors = []
    for seed in sorted(set.intersection(*map(set, by_seed))):
        curves = [(one[seed].final("test_error"), one[seed].cost) for one in by_seed]
        errors.append(100 * metrics.anytime_auc(*metrics.chain_curve(curves), log=True))
    return np.array(errors)


ALIKE = ("network", "weighting", *runs.SETTING[2:])
MEASURES: dict[str, Measure] = {
    "": share_late,
    f"at a training loss of {FIT}": share_at_fit,
    "with the floor": partial(share_late, floor=True),
}
"""Of claim 6; the first decides."""


def _by_difficulty(found: list[Run]) -> Iterator[Finding]:
    """Claim 6 for each order of data sets, from runs that share all but the data."""
    texts = {run.config["weighting"] for run in found}
    kinds = [text for text in texts if names.recorded_weighting(text)[0] == "adaloss"]
    adaloss = [run for run in found if run.config["weighting"] in kinds]
    for (_, weighting, *_), group in grouped(adaloss, *ALIKE).items():
        on = {name: runs for (name,), runs in grouped(group, "dataset").items()}
        for order, (words, measure) in product(ORDERS, MEASURES.items()):
            there = {name: on[name] for name in order if name in on}
            if len(there) < 2:
                continue
            hardest = there[[*there][-1]][0]
            plan = partial(_planned, images=5_000, epochs=settings.LONG, augmentation=("crop",))
            primary = (*there, weighting, words) == (*lists.THREE, "adaloss", "")
            primary = primary and plan(hardest)
            told = ", ".join(filter(None, (names.weighting_title(weighting), words)))
            used = [run for group in there.values() for run in group]
            yield _find("6", used, _later, there, measure, told=told, primary=primary)


def _later(there: Groups, measure: Measure) -> Tested:
    """Neighbours in an order; data sets may scatter differently, and so Welch's test is made."""
    values = measured(there, measure)
    if few := [name for name in there if len(values.get(name, ())) < 3]:
        raise ValueError(f"fewer than three runs of {few[0]} have this measure")
    parts = {
        f"{catalogue.copy_title(hard)}, not {catalogue.copy_title(easy)}": statistics.welch(
            values[hard], values[easy]
        )
        for easy, hard in pairwise(there)
    }
    return Tested(parts, max(part.p for part in parts.values()))


def _as_authors(found: list[Run]) -> Iterator[Finding]:
    """Claim 8: the authors' settings against ours, in the plan's comparison alone."""
    ours, theirs = (
        by_network([run for run in found if _planned(run, batch_size=batch)])[NET]
        for batch in (64, 128)
    )
    pairs = {
        "CONST at batch 128": (theirs["const"], ours["const"]),
        "OPT at batch 128": (theirs["opt"], ours["opt"]),
        "LINEAR with log2 K": (ours[lists.logarithmic(NET)], ours["linear"]),
    }
    there = {told: pair for told, pair in pairs.items() if all(pair)}
    if there:
        used = [run for pair in there.values() for group in pair for run in group]
        yield _find("8", used, _changes, there, primary=True)


def _changes(pairs: dict[str, tuple[list[Run], list[Run]]]) -> Tested:
    parts, notes = {}, []
    for told, (theirs, ours) in pairs.items():
        errors = measured({"theirs": theirs, "ours": ours}, error_at)
        parts[told] = statistics.difference(errors, "theirs", "ours")
        notes.append(_scatter(errors, "theirs", "ours"))
    # Any of the three is enough, and so they count as three.
    p = min(1.0, 3 * min(part.p for part in parts.values()))
    return Tested(parts, p, "; ".join(filter(None, notes)))
