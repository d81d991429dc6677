"""EANN: a chain of anytime networks, each several times deeper than the one before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from anytime.networks.base import AnytimeNetwork


class EANN(nn.Module):
    """Anytime networks that run one after another, each from scratch on the images.

    members: the networks, shallow to deep; their exits in a row are the chain's K exits.
    combine: which finished exits answer. "best": the one with the lowest expected error.
    "average": the mean probability of those that were best at the end of each finished member
    and of the one that is best now.
    Until `expect` is told errors, the deeper exit counts as the better one: a member's exits
    replace the last answer of the member before from that one's depth on.
    """

    expected_errors: Tensor

    def __init__(self, members: Sequence[AnytimeNetwork], combine: str = "best") -> None:
        super().__init__()
        if not members:
            raise ValueError("a chain needs at least one network")
        if combine not in ("best", "average"):
            raise ValueError(f"combine must be 'best' or 'average', not {combine!r}")
        self.members, self.combine = nn.ModuleList(members), combine
        self.name = "+".join(member.name for member in members)
        depths = np.concatenate([exit_depths(member) for member in members])
        self.register_buffer("expected_errors", torch.tensor(-depths, dtype=torch.float64))

    @property
    def num_exits(self) -> int:
        return sum(member.num_exits for member in self.members)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) images -> (K, N, classes) logits of each exit by itself; see `answers`."""
        return torch.stack(list(self.refine(images)))

    def refine(self, images: Tensor) -> Iterator[Tensor]:
        """Yields each exit's own logits (N, classes), member after member, and nothing beyond."""
        for member in self.members:
            yield from member.refine(images)

    def expect(self, errors: ArrayLike) -> None:
        """Sets the exits' expected errors (K,), for instance those on images set aside."""
        errors = torch.as_tensor(np.array(errors), dtype=torch.float64)
        if errors.shape != (self.num_exits,) or errors.isnan().any():
            raise ValueError(f"expected errors must be {self.num_exits} numbers, one per exit")
        self.expected_errors.copy_(errors)

    @property
    def standing(self) -> np.ndarray:
        """The best exit, from 0, once exits 1 ... k are finished: (K,); of equals the latest."""
        errors = self.expected_errors.cpu().numpy()
        best = errors == np.minimum.accumulate(errors)
        return np.maximum.accumulate(np.where(best, np.arange(len(errors)), 0))

    def answer(self, finished: Sequence[Tensor]) -> Tensor:
        """The chain's logits (..., classes), given those of all finished exits in their order."""
        standing, last = self.standing, len(finished) - 1
        if self.combine == "best":
            return finished[standing[last]]
        ends = np.cumsum([member.num_exits for member in self.members]) - 1
        exits = np.unique(standing[[*ends[ends < last], last]])
        logs = torch.stack([F.log_softmax(finished[exit], -1) for exit in exits])
        return logs.logsumexp(0)  # those of the sum, of which softmax makes the mean

    def answers(self, logits: Tensor) -> Tensor:
        """The chain's answer after each exit: (K, ..., classes) of `forward` -> the same shape."""
        return torch.stack([self.answer(logits[: k + 1]) for k in range(len(logits))])


def exit_depths(network: AnytimeNetwork) -> np.ndarray:
    """Layers with weights, convolutions and linear ones, before each exit's head: (K,)."""
    parts = [[*part.modules()] for part in (network.stem, *network.segments)]
    return np.cumsum([sum(isinstance(m, nn.Conv2d | nn.Linear) for m in p) for p in parts])[1:]


def eann(
    names: Sequence[str], num_classes: int = 10, in_channels: int = 3, seed: int | None = None
) -> EANN:
    """A chain of networks by name: eann([f"resann-{n}-16" for n in member_depths(2, 3)]).

    seed: the first network is the one that `build` makes with this seed, the next with seed + 1.
    """
    from anytime.networks import build  # here, so that `build` can make chains, too

    seeds = [None if seed is None else seed + j for j in range(len(names))]
    made = [build(name, num_classes, in_channels, s) for name, s in zip(names, seeds, strict=True)]
    return EANN(made)


def member_depths(base: float, count: int) -> tuple[int, ...]:
    """The depths 1, b, b^2, ... of so many members, rounded; each must be new."""
    depths = tuple(round(base**j) for j in range(count))
    if base <= 1 or len(set(depths)) < count:
        raise ValueError(f"base {base} gives depths {depths}, which do not grow: take 2 or more")
    return depths
