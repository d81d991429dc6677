"""Ways to weigh the exits' losses, and how to build them from a short text."""

from __future__ import annotations

import inspect

from anytime.weighting.adaloss import AdaLoss, adaloss_weights
from anytime.weighting.base import Weighting
from anytime.weighting.static import Const, Exponential, HalfEnd, Linear, Opt, Sieve

SCHEMES: dict[str, type[Weighting]] = {
    "const": Const,
    "linear": Linear,
    "half-end": HalfEnd,
    "sieve": Sieve,
    "exponential": Exponential,
    "opt": Opt,
    "adaloss": AdaLoss,
}

__all__ = [
    "SCHEMES",
    "AdaLoss",
    "Const",
    "Exponential",
    "HalfEnd",
    "Linear",
    "Opt",
    "Sieve",
    "Weighting",
    "adaloss_weights",
    "build",
]


def build(spec: str, num_exits: int) -> Weighting:
    """A weighting from a text: a scheme's name, then its options.

    spec: "const", "linear:first=0.1", "adaloss:gamma=0.07,momentum=0.99,every=1,extra=1", ...
    Every scheme takes `total`. Raises ValueError for an unknown scheme or option.
    """
    name, _, options = spec.partition(":")
    if name not in SCHEMES:
        raise ValueError(f"unknown weighting {name!r}; there are {', '.join(SCHEMES)}")
    pairs = dict(item.partition("=")[::2] for item in options.split(",") if item)
    _, *known = inspect.signature(SCHEMES[name]).parameters
    try:
        if unknown := pairs.keys() - known:
            raise ValueError(f"no option {min(unknown)!r}; {name} has {', '.join(known)}")
        keywords = {key: _number(value) for key, value in pairs.items()}
        weighting = SCHEMES[name](num_exits, **keywords)
    except ValueError as error:
        raise ValueError(f"weighting {spec!r}: {error}") from error
    weighting.spec = spec
    return weighting


def _number(text: str) -> float | int:
    return int(text) if text.lstrip("-").isdigit() else float(text)
