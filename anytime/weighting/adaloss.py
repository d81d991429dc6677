"""AdaLoss: each loss is weighted by the inverse of its running mean."""

from __future__ import annotations

import torch
from torch import Tensor

from anytime.processes import all_mean
from anytime.weighting.base import Weighting


def adaloss_weights(mean_losses: Tensor, gamma: float = 0.07, extra: float = 0.0) -> Tensor:
    """The weights B that AdaLoss gives to exits with these running mean losses.

    mean_losses: (K,) the running means m_i. gamma: share of a uniform weight that is mixed in,
    in [0, 1]. extra: e, added to the last exit's weight after scaling the largest to 1.
    Returns (K,) weights whose largest is 1: B = (1 - gamma) u + gamma, with u proportional
    to 1 / m.
    """
    u = 1.0 / mean_losses
    u = u / u.max()
    u = torch.cat([u[:-1], u[-1:] + extra])
    u = u / u.max()
    return (1.0 - gamma) * u + gamma


class AdaLoss(Weighting):
    """AdaLoss: weights inversely proportional to the running mean of each loss.

    gamma, extra: see `adaloss_weights`. momentum: rho, the share of the old running mean that
    is kept at each step; the mean starts at the first batch's losses. every: T, the number of
    steps between two updates of the weights. Until the first update all weights are 1.
    In evaluation mode nothing is updated. When training is spread over processes, the losses
    are averaged over them, so that all hold the same weights.
    """

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
    ) -> None:
        whole = every >= 1 and float(every).is_integer()
        if not (0 <= gamma <= 1 and 0 <= momentum < 1 and whole and extra >= 0):
            raise ValueError(
                "AdaLoss needs 0 <= gamma <= 1, 0 <= momentum < 1, a whole every >= 1 and "
                f"extra >= 0, not gamma={gamma}, momentum={momentum}, every={every}, extra={extra}"
            )
        super().__init__(torch.ones(num_exits), total)
        self.gamma, self.momentum, self.every, self.extra = gamma, momentum, int(every), extra
        self.register_buffer("mean_losses", torch.zeros(num_exits))
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def forward(self, losses: Tensor) -> Tensor:
        """(K,) losses -> the scalar training loss, under the weights from before this step."""
        loss = super().forward(losses)
        if self.training:
            self._observe(losses.detach().float())
        return loss

    def _observe(self, losses: Tensor) -> None:
        # Selected with torch.where: a Python `if` on the step would wait for the device.
        losses = all_mean(losses)
        old = torch.where(self.step == 0, losses, self.mean_losses)
        self.mean_losses = self.momentum * old + (1.0 - self.momentum) * losses
        self.step = self.step + 1
        due = self.step % self.every == 0
        weights = self._rescaled(adaloss_weights(self.mean_losses, self.gamma, self.extra))
        self.weights = torch.where(due, weights, self.weights)
