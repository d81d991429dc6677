"""The ledger: each claim, what the records say of it, and what that decides by `data/plan.md`."""

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from anytime import names, runs
from anytime.datasets import catalogue
from anytime.experiments import power, statistics
from anytime.experiments.claims import CLAIMS, PERCENT, SHARE, TIMES, Claim, Finding, findings
from anytime.experiments.statistics import Comparison
from anytime.paths import DATA, RUNS, whole_file
from anytime.runs import Run

LEDGER = DATA / "ledger.csv"
STANDINGS = PRIMARY, SECONDARY, FIRST = "primary", "secondary", "first edition"
"""Only the first decides anything."""
ALPHA = 0.05


def ledger(folder: Path = RUNS) -> pd.DataFrame:
    """A row per claim that the plan decides by, then one per comparison that stands beside it.

    folder: of the records. Columns: standing (primary, secondary or first edition), number, claim,
    paper, compared, data, network, setting, ours (with 95 % intervals), seeds, p (of no difference;
    of claim 2 that of a difference that matters), corrected (for the number of claims), verdict,
    could_show, core_hours, note, where. What does not decide has no verdict.
    """
    found = findings(runs.find(folder))
    primary = {row.claim: row for row in found if row.primary}
    corrected = statistics.holm({n: row.p for n, row in primary.items() if row.parts})
    first = [primary.get(number, Finding(number, [], primary=True)) for number in CLAIMS]
    beside = [row for row in found if not row.primary]
    beside.sort(key=lambda row: _standing(row) == FIRST)
    return pd.DataFrame([_row(row, corrected) for row in first + beside])


def verdict(number: str, parts: Mapping[str, Comparison], p: float) -> str:
    """What comparisons, positive as a claim has it, decide of it; p is corrected.

    All parts have to agree, but those of claim 8, of which any is enough.
    """
    matters = CLAIMS[number].matters
    if number == "2":
        return _near(parts[""], matters, p)
    within = [part.interval(0.9) for part in parts.values()]
    if p < ALPHA:
        signs = {math.copysign(1, part.difference) for part in parts.values()}
        if len(signs) == 1 or number == "8":
            small = all(-matters < low and high < matters for low, high in within)
            shown = "shown" if signs != {-1} or number == "8" else "reversed"
            return shown + (", but too small to matter" if small else "")
    if all(part.equivalence(matters) < ALPHA for part in parts.values()):
        return "no difference that matters"
    return "undecided"


def _near(part: Comparison, matters: float, p: float) -> str:
    """Of the claim that there is no difference that matters; p is that of equivalence."""
    if p < ALPHA:
        return "shown"
    return "reversed" if part.interval(0.9)[0] > matters else "undecided"


def _row(found: Finding, corrected: Mapping[str, float]) -> dict:
    claim, used, parts = CLAIMS[found.claim], found.used, found.parts
    holm = corrected.get(found.claim, math.nan) if found.primary else math.nan
    said = verdict(found.claim, parts, holm) if parts else "undecided" if used else "not run"
    return {
        "standing": _standing(found),
        "number": found.claim,
        "claim": claim.text,
        "paper": claim.paper,
        "compared": found.told,
        "data": " < ".join(dict.fromkeys(map(_title, used))),
        "network": ", ".join(dict.fromkeys(names.whole(run.config["network"]) for run in used)),
        "setting": _setting(used[0].config) if used else "",
        "ours": "; ".join(_shown(name, part, claim) for name, part in parts.items()),
        "seeds": ", ".join(map(str, found.seeds)),
        "p": _number(found.p),
        "corrected": _number(holm),
        "verdict": said if found.primary else "",
        "could_show": _could_show(found.claim, parts) if parts and found.primary else "",
        "core_hours": round(sum(run.cpu_seconds for run in used) / 3600, 2),
        "note": found.note,
        "where": f"notebook {claim.notebook}",
    }


def _standing(found: Finding) -> str:
    if found.primary:
        return PRIMARY
    return SECONDARY if all(run.config.get("fingerprint") for run in found.used) else FIRST


def _shown(name: str, part: Comparison, claim: Claim) -> str:
    """A comparison and its interval in the claim's unit."""
    low, high = part.interval()
    values = [_in_unit(value, claim.unit) for value in (part.difference, low, high)]
    middle, low_text, high_text = (f"{v:.{3 if claim.unit == SHARE else 2}f}" for v in values)
    return f"{name}{': ' if name else ''}{middle} [{low_text}, {high_text}] {claim.unit}"


def _in_unit(value: float, unit: str) -> float:
    if unit == PERCENT:
        return statistics.percent(value)
    return math.exp(value) if unit == TIMES else value


def _could_show(number: str, parts: Mapping[str, Comparison]) -> str:
    """What these seeds had a chance to see, at 5 % and for one claim alone."""
    claim = CLAIMS[number]
    if number == "2":
        part = parts[""]
        chance = power.equivalence_power(claim.matters, part.error, part.freedom)
        return f"{chance:.0%} chance to find it, were there no difference"
    least = max(power.smallest_difference(part.error, part.freedom) for part in parts.values())
    return f"{_in_unit(least, claim.unit):.{3 if claim.unit == SHARE else 2}f} {claim.unit}"


def _number(p: float) -> str:
    return "" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _title(run: Run) -> str:
    return run.title or catalogue.copy_title(run.config["dataset"])


def _setting(config: dict) -> str:
    recipe = config["recipe"]
    steps = ", ".join(recipe["augmentation"]) or "none"
    return f"{config['train_images']:,} images, {recipe['epochs']} epochs, augmentation: {steps}"


def write(table: pd.DataFrame, path: Path = LEDGER) -> None:
    """Writes a ledger as CSV, whole or not at all."""
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
