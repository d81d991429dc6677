"""EANN: a chain of anytime networks, each several times deeper than the one before."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from anytime.networks import cost
from anytime.networks.base import Refining
from anytime.theory import standing


class EANN(Refining):
    """Anytime networks that run one after another, each from scratch on the images.

    members: networks of any kind, shallow to deep; their exits in a row are the chain's K exits.
    combine: which finished exits answer. "best": the one with the lowest expected error.
    "average": the mean probability of those that were best at the end of each finished member
    and of the one that is best now.
    Until `expect` is told errors, the exit that costs more in its own network counts as the better
    one: a member's exits replace the last answer of the member before from that one's cost on.
    image_shape: (C, H, W) of the images for which this cost is counted; unless given, the size that
    the first member is made for, if it is for one alone, or 32×32 pixels.
    """

    members: Any

    def __init__(
        self,
        members: Sequence[Refining],
        combine: str = "best",
        image_shape: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        if not members:
            raise ValueError("a chain needs at least one network")
        if combine not in ("best", "average"):
            raise ValueError(f"combine must be 'best' or 'average', not {combine!r}")
        self.members, self.combine = nn.ModuleList(members), combine
        self.num_exits = sum(member.num_exits for member in members)
        names = [getattr(member, "name", "") for member in members]
        self.name = "+".join(names) if all(names) else ""
        self.made_for = getattr(members[0], "made_for", {})
        side = getattr(members[0], "image_size", cost.CIFAR[1])
        shape = image_shape or (self.made_for.get("in_channels", 3), side, side)
        errors = -torch.from_numpy(_costs(members, shape)).double()
        self.expected_errors: Tensor = nn.Buffer(errors)

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
        return standing(self.expected_errors.cpu().double().numpy())

    def answer(self, finished: Sequence[Tensor] | Tensor) -> Tensor:
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


def _costs(members: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Multiply-adds of all exits, each in its own network alone: (K,)."""
    try:
        return np.concatenate([cost.multiply_adds(member, shape) for member in members])
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"the members' cost cannot be counted on images of shape {shape}; give the shape of "
            f"yours with image_shape=(C, H, W) ({error})"
        ) from error


def member_depths(base: float, count: int) -> tuple[int, ...]:
    """The depths 1, b, b^2, ... of so many members, rounded; each must be new."""
    depths = tuple(round(base**j) for j in range(count))
    if base <= 1 or len(set(depths)) < count:
        raise ValueError(f"base {base} gives depths {depths}, which do not grow: take 2 or more")
    return depths
