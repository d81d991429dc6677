"""What the steps of an epoch add up to, kept on the device so that no step waits for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from anytime.processes import all_mean

NEVER = torch.iinfo(torch.long).max


class NotFinite(RuntimeError):
    """A loss became infinite or not a number; the message says when, where and what to do."""


@dataclass
class EpochSums:
    """Sums over the batches so far, per exit, and the first step whose loss was not finite.

    losses, mistakes: (K,). broken_at: (K,) steps, NEVER where all is well; broken_weights: (K,)
    the weights B under which it happened first.
    """

    losses: Tensor
    mistakes: Tensor
    broken_at: Tensor
    broken_weights: Tensor
    images: int = 0

    @classmethod
    def zero(cls, exits: int, device: torch.device) -> EpochSums:
        losses, mistakes, weights = torch.zeros(3, exits, device=device).unbind()
        return cls(losses, mistakes, torch.full((exits,), NEVER, device=device), weights)

    def add(
        self, losses: Tensor, mistakes: Tensor, images: int, weights: Tensor, step: int
    ) -> None:
        """Adds a batch: its mean losses (K,) and mistakes (K,), the weights (K,) it was under."""
        self.losses = self.losses + losses * images
        self.mistakes = self.mistakes + mistakes
        self.images += images
        well = self.broken_at.amin() == NEVER
        self.broken_weights = torch.where(well, weights, self.broken_weights)
        breaks = ~losses.isfinite() & (self.broken_at == NEVER)
        self.broken_at = torch.where(breaks, step, self.broken_at)

    def check(self) -> None:
        """Raises NotFinite where a loss was not finite; waits for the device."""
        step = int(self.broken_at.min())
        if step == NEVER:
            return
        exits = ", ".join(str(k + 1) for k in (self.broken_at == step).nonzero().flatten().tolist())
        weights = ", ".join(f"{weight:.3g}" for weight in self.broken_weights.tolist())
        raise NotFinite(
            f"the loss of exit {exits} was not finite at step {step}, under weights B = ({weights})"
        )

    def shared(self) -> EpochSums:
        """The same with the means over all processes, from which each of them can go on."""
        return replace(self, losses=all_mean(self.losses), mistakes=all_mean(self.mistakes))

    def means(self) -> tuple[list[float], list[float]]:
        """Mean losses (nats) and errors (in [0, 1]) over the batches and all processes."""
        losses, errors = all_mean(torch.stack([self.losses, self.mistakes]) / self.images).tolist()
        return losses, errors
