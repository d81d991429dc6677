"""Weightings by name."""

from collections.abc import Callable

from anytime import names
from anytime.weighting.adaloss import AdaLoss
from anytime.weighting.base import Weighting
from anytime.weighting.changing import DWA, RLW
from anytime.weighting.gradients import FirstOrder, GradNorm
from anytime.weighting.objectives import GLS, IMTLL, UW
from anytime.weighting.static import Const, Exponential, HalfEnd, Linear, Opt, Sieve

PAPER = Const, Linear, HalfEnd, Sieve, Exponential, Opt, AdaLoss
KIN = FirstOrder, UW, IMTLL, GLS, DWA, RLW, GradNorm
SCHEMES: dict[str, type[Weighting]] = {scheme.known_as: scheme for scheme in PAPER + KIN}


def register(name: str) -> Callable[[type[Weighting]], type[Weighting]]:
    """Gives a weighting of one's own a name for texts: `@register("mine")` above its class."""

    def add(scheme: type[Weighting]) -> type[Weighting]:
        scheme.known_as, SCHEMES[name] = name, scheme
        return scheme

    return add


def build(spec: str, num_exits: int) -> Weighting:
    """A weighting from a text: a scheme's name, then its options.

    spec: "const", "linear:first=0.1", "adaloss:gamma=0.07,momentum=0.99,every=1,extra=1", ...; or
    `module:Class` of one's own. Every scheme takes `total`.
    Raises ValueError for an unknown scheme or option.

    >>> build("adaloss:every=100,gamma=7e-2,extra=1", 3).spec
    'adaloss:extra=1'
    """
    try:
        name, options = names.parse(spec)
        scheme = names.find(name, SCHEMES, "weighting")
        known = isinstance(scheme, type) and issubclass(scheme, Weighting)
        if not known:
            raise ValueError(f"{name} is no class of weightings, a subclass of Weighting")
        names.check_options(scheme, options, scheme.given)
        return scheme(num_exits, **options)
    except (ValueError, TypeError) as error:
        raise ValueError(f"weighting {spec!r}: {error}") from error
