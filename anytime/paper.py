"""What the paper says, each fact with a mark of how it is known here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MARKS = {
    "text": "the paper's text",
    "code": "the authors' released code",
    "derived": "derived and checked numerically in this kit",
    "recalled": "from memory, checked against no source",
}
NOT_CONFIRMED = "not confirmed"
THIRD_PARTY = "confirmed by a third party's notes only"


@dataclass(frozen=True)
class Fact:
    """A claim of the paper or about it; as text it always carries its mark.

    mark: a key of `MARKS`. where: section or figure. third_party: whether somebody else's notes
    on the paper give the same; without that, a recalled fact is not confirmed.
    """

    claim: str
    value: str
    mark: str
    where: str = ""
    third_party: bool = False

    def __post_init__(self) -> None:
        if self.mark not in MARKS:
            raise ValueError(f"unknown mark {self.mark!r}; there are {', '.join(MARKS)}")

    @property
    def confirmed(self) -> bool:
        return self.mark != "recalled" or self.third_party

    @property
    def shown(self) -> str:
        """The value with its mark, for anything that is printed."""
        recalled = THIRD_PARTY if self.third_party else NOT_CONFIRMED
        source = recalled if self.mark == "recalled" else MARKS[self.mark]
        return f"{self.value} ({source}{', ' if self.where else ''}{self.where})"

    def __str__(self) -> str:
        return f"{self.claim}: {self.shown}"


FACTS = {
    "eann_limits": Fact(
        "A chain is not the best choice",
        "where a small network does not saturate, or a constant factor of cost is critical",
        "text",
    ),
    "small_beats_large": Fact(
        "Small networks with adaptive weights",
        "reach the same accuracy sooner than large ones with static constant weights",
        "text",
        "abstract",
    ),
    "difficulty": Fact(
        "The final weights, from the easiest data set (SVHN) to the hardest (CIFAR-100)",
        "concentrate more on the final layers",
        "text",
        "figure 5c",
    ),
    "cost": Fact("Cost of an exit", "multiply-adds of the convolutions up to it", "code"),
    "const_range": Fact(
        "CONST makes more errors than OPT by", "15 to 18 %", "recalled", third_party=True
    ),
}

NETWORKS = tuple((n, c) for c in (16, 32) for n in (7, 9, 13, 17, 25)) + ((9, 64), (9, 128))
"""ResANN(n, c): 3 n units, c channels at first; exits after all, or each third if n = 25 (code)."""

ADALOSS_GRID = {
    "gamma": (0.0, 0.07, 0.14),
    "momentum": (0.9, 0.99),
    "extra": (0.0, 0.5, 1.0),
    "every": (1, 100),
}
"""The options that the authors' scripts search; gamma is 0.07 nearly everywhere (code)."""

_SHARES = (0.25, 0.5, 0.75, 1.0)
_INCREASE = {
    "const": (15.07, 16.40, 18.76, 18.90),
    "linear": (25.67, 13.02, 12.97, 12.65),
    "adaloss": (32.99, 9.97, 3.96, 2.73),
}


def reported_increase(weighting: str, share: float) -> Fact:
    """The paper's error increase over OPT at a share of the full cost, as far as remembered.

    weighting: "const", "linear" or "adaloss". share: 0.25, 0.5, 0.75 or 1.
    Raises KeyError for any other: no figure is known here.
    """
    if weighting not in _INCREASE or share not in _SHARES:
        raise KeyError(f"no figure is known for {weighting!r} at {share} of the cost")
    value = f"{_INCREASE[weighting][_SHARES.index(share)]:.2f} %"
    claim = f"{weighting} makes more errors than OPT at {share:g} of the full cost by"
    return Fact(claim, value, "recalled", third_party=(weighting, share) == ("const", 1.0))


def relative_increase_table() -> pd.DataFrame:
    """The paper's comparison, one row per scheme and share of the full cost.

    Columns: weighting, share, increase (percent, for drawing), confirmed, and shown, which is
    what to print.
    """
    import pandas as pd

    rows = []
    for weighting, increases in _INCREASE.items():
        for share, increase in zip(_SHARES, increases, strict=True):
            fact = reported_increase(weighting, share)
            rows.append((weighting, share, increase, fact.confirmed, fact.shown))
    return pd.DataFrame(rows, columns=["weighting", "share", "increase", "confirmed", "shown"])
