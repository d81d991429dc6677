"""Weights that do not change during training."""

from __future__ import annotations

import torch

from anytime.weighting.base import Weighting


class Const(Weighting):
    """CONST: every exit counts the same, B_i = 1."""

    def __init__(self, num_exits: int, total: float | None = None) -> None:
        super().__init__(torch.ones(num_exits), total)


class Linear(Weighting):
    """LINEAR: weights that grow evenly from `first` to 1."""

    def __init__(self, num_exits: int, total: float | None = None, first: float = 0.25) -> None:
        if not first >= 0:
            raise ValueError(f"first must be at least 0, not {first}")
        weights = torch.linspace(first, 1.0, num_exits) if num_exits > 1 else torch.ones(1)
        super().__init__(weights, total)


class HalfEnd(Weighting):
    """HALF-END: the last exit has weight 1, the others share 1 evenly."""

    def __init__(self, num_exits: int, total: float | None = None) -> None:
        weights = torch.full((num_exits,), 1.0 / max(num_exits - 1, 1))
        weights[-1] = 1.0
        super().__init__(weights, total)


class Sieve(Weighting):
    """SIEVE: an exit d before the end weighs 1 + v2(d), the number of times that 2 divides d.

    The exits are visited like the marks of a ruler. The last weighs as much as all others
    together; scaled so that it is 1. The authors' limit, v2(d) <= ceil(log2 K) - 1, holds for
    every d < K.
    """

    def __init__(self, num_exits: int, total: float | None = None) -> None:
        early = [1.0 + _times_divisible_by_two(d) for d in range(num_exits - 1, 0, -1)]
        last = sum(early) if early else 1.0
        super().__init__(torch.tensor([*early, last]) / last, total)


class Exponential(Weighting):
    """Each exit weighs `base` times the one before, scaled so that the largest is 1."""

    def __init__(self, num_exits: int, total: float | None = None, base: float = 2.0) -> None:
        if not base > 0:
            raise ValueError(f"base must be positive, not {base}")
        weights = base ** torch.arange(num_exits, dtype=torch.float64)
        super().__init__(weights / weights.max(), total)


class Opt(Weighting):
    """OPT: all weight on one exit (counted from 1; the last unless given).

    The yardstick: a separate network is trained for each exit, see `AnytimeNetwork.up_to`.
    """

    def __init__(self, num_exits: int, total: float | None = None, exit: int | None = None) -> None:
        exit = num_exits if exit is None else exit
        if exit not in range(1, num_exits + 1):
            raise ValueError(f"exit must be between 1 and {num_exits}, not {exit}")
        weights = torch.zeros(num_exits)
        weights[int(exit) - 1] = 1.0
        super().__init__(weights, total)


def _times_divisible_by_two(number: int) -> int:
    return (number & -number).bit_length() - 1
