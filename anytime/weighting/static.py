"""Weights that do not change during training; their closed forms are in `anytime.theory`."""

from anytime import theory
from anytime.weighting.base import Weighting


class Const(Weighting):
    """CONST: every exit counts the same, B_i = 1."""

    known_as = "const"

    def __init__(self, num_exits: int, total: float | None = None) -> None:
        super().__init__(theory.const(num_exits), total)


class Linear(Weighting):
    """LINEAR: weights that grow evenly from `first` to 1."""

    known_as = "linear"

    def __init__(self, num_exits: int, total: float | None = None, first: float = 0.25) -> None:
        super().__init__(theory.linear(num_exits, first), total)


class HalfEnd(Weighting):
    """HALF-END: the last exit has weight 1, the others share 1 evenly."""

    known_as = "half-end"

    def __init__(self, num_exits: int, total: float | None = None) -> None:
        super().__init__(theory.half_end(num_exits), total)


class Sieve(Weighting):
    """SIEVE, of the paper's first version: see `theory.sieve`."""

    known_as = "sieve"

    def __init__(self, num_exits: int, total: float | None = None) -> None:
        super().__init__(theory.sieve(num_exits), total)


class Exponential(Weighting):
    """Each exit weighs `base` times the one before, scaled so that the largest is 1."""

    known_as = "exponential"

    def __init__(self, num_exits: int, total: float | None = None, base: float = 2.0) -> None:
        if not 1e-3 <= base <= 1e3:
            raise ValueError(f"base must be between 0.001 and 1000, not {base}")
        super().__init__(theory.exponential(num_exits, base), total)


class Opt(Weighting):
    """OPT: all weight on one exit (counted from 1; the last unless given).

    The yardstick: a separate network is trained for each exit, see `AnytimeNetwork.up_to`.
    """

    known_as = "opt"

    def __init__(self, num_exits: int, total: float | None = None, exit: int | None = None) -> None:
        if exit is not None and exit not in range(1, num_exits + 1):
            raise ValueError(f"exit must be between 1 and {num_exits}, not {exit}")
        super().__init__(theory.opt(num_exits, exit and int(exit)), total)
        if exit == num_exits and self.arguments:
            self.arguments["exit"] = None  # the last one is meant without being named
