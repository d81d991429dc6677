"""AdaLoss: each loss is weighted by the inverse of its running mean (sections 3.2 and 3.3).

    paper   here           what it is
    l_i     losses         the losses of a step, one per exit
    m_i     mean_losses    their running means
    rho     momentum       the share of the old mean that is kept at each step
    T       every          steps between two updates of the weights
    gamma   gamma          the floor: the share of a uniform weight that is mixed in
    e       extra          what the last exit gets on top
    B_i     weights        the weights; the training loss is the sum of B_i l_i

The formula of the weights is `theory.adaloss_weights`; notebook 03 derives it in three ways.
"""

from __future__ import annotations

import torch
from torch import Tensor

from anytime.processes import all_mean
from anytime.theory import adaloss_weights
from anytime.weighting.base import Losses, Weighting


class AdaLoss(Weighting):
    """AdaLoss: weights inversely proportional to the running mean of each loss.

    The mean starts at the first batch's losses. Until the first update, after T steps, all weights
    are 1; with `look_first` they follow the losses of the first batch from the first step on.
    In evaluation mode nothing is updated. When training is spread over processes, the losses
    are averaged over them, so that all hold the same weights.

    >>> adaloss = AdaLoss(3, gamma=0.0, momentum=0.0, every=1)
    >>> adaloss(torch.tensor([2.0, 1.0, 0.5]))
    tensor(3.5000)
    >>> adaloss.weights
    tensor([0.2500, 0.5000, 1.0000])
    """

    known_as = "adaloss"
    mean_losses: Tensor
    step: Tensor

    def __init__(
        self,
        num_exits: int,
        total: float | None = None,
        gamma: float = 0.07,
        momentum: float = 0.9,
        every: int = 100,
        extra: float = 0.0,
        look_first: bool = False,
    ) -> None:
        whole = every >= 1 and float(every).is_integer()
        if not (0 <= gamma <= 1 and 0 <= momentum < 1 and whole and 0 <= extra < float("inf")):
            raise ValueError(
                "AdaLoss needs 0 <= gamma <= 1, 0 <= momentum < 1, a whole every >= 1 and a finite "
                f"extra >= 0, not gamma={gamma}, momentum={momentum}, every={every}, extra={extra}"
            )
        super().__init__(torch.ones(num_exits), total)
        self.gamma, self.momentum, self.every, self.extra = gamma, momentum, int(every), extra
        self.look_first = look_first
        self.register_buffer("mean_losses", torch.zeros(num_exits))
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def forward(self, losses: Losses) -> Tensor:
        """One loss per exit -> the training loss, under the weights from before this step."""
        losses = self._vector(losses)
        seen = all_mean(losses.detach().float()) if self.training else None
        if seen is not None and self.look_first:
            self.weights = torch.where(self.step == 0, self._weights(seen), self.weights)

        loss = super().forward(losses)
        if seen is not None:
            self._observe(seen)
        return loss

    def _observe(self, losses: Tensor) -> None:
        # Selected with torch.where: a Python `if` on the step would wait for the device.
        old = torch.where(self.step == 0, losses, self.mean_losses)
        self.mean_losses = self.momentum * old + (1.0 - self.momentum) * losses
        self.step = self.step + 1
        due = self.step % self.every == 0
        self.weights = torch.where(due, self._weights(self.mean_losses), self.weights)

    def _weights(self, mean_losses: Tensor) -> Tensor:
        return self._rescaled(adaloss_weights(mean_losses, self.gamma, self.extra))
