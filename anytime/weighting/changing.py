"""Weightings of several tasks that follow how fast losses fall, or nothing: DWA and RLW."""

import math

import torch
from torch import Tensor, nn

from anytime.processes import all_mean, of_first
from anytime.weighting.base import Losses, Weighting, is_count


class DWA(Weighting):
    """DWA, dynamic weight averaging: a loss that falls more slowly than others weighs more.

    With q_i the mean loss of the last period over that of the one before, the weights are
    K softmax(q / temperature); they are 1 for the first two periods.
    every: steps of a period; the authors' is an epoch.
    Liu, Johns and Davison, "End-to-end multi-task learning with attention" (2019), equation 7.
    """

    known_as = "dwa"

    def __init__(
        self,
        num_exits: int,
        total: float | None = None,
        every: int = 100,
        temperature: float = 2.0,
    ) -> None:
        if not (is_count(every) and 0 < temperature < math.inf):
            raise ValueError(
                "DWA needs a whole every >= 1 and a temperature above 0, not "
                f"every={every}, temperature={temperature}"
            )
        super().__init__(torch.ones(num_exits), total)
        self.every, self.temperature = int(every), temperature
        self.step: Tensor = nn.Buffer(torch.zeros((), dtype=torch.long))
        self.sums: Tensor = nn.Buffer(torch.zeros(num_exits))
        self.means: Tensor = nn.Buffer(torch.ones(num_exits))

    def forward(self, losses: Losses) -> Tensor:
        """See `Weighting.forward`."""
        losses = self._vector(losses)
        loss = super().forward(losses)
        if self.training:
            self._observe(all_mean(losses.detach().float()))
        return loss

    def _observe(self, losses: Tensor) -> None:
        # Selected with torch.where: a Python `if` on the step would wait for the device.
        self.step = step = self.step + 1
        sums = self.sums + losses
        due = step % self.every == 0

        now = sums / self.every
        falling = now / self.means.clamp_min(torch.finfo().tiny)
        weights = self._rescaled(self.num_exits * (falling / self.temperature).softmax(0))
        self.weights = torch.where(due & (step >= 2 * self.every), weights, self.weights)
        self.means = torch.where(due, now, self.means)
        self.sums = torch.where(due, torch.zeros_like(sums), sums)


class RLW(Weighting):
    """RLW, random weights: softmax(z), with z drawn from a normal distribution at each step.

    The control of the others: a weighting that is no better than this has not helped. The weights
    sum to 1; `total=K`, the number of exits, has them sum to what CONST's do. In training they
    follow from the run's seed; elsewhere from torch's own generator, as dropout does.
    Lin et al., "Reasonable effectiveness of random weighting" (2022).
    """

    known_as = "rlw"

    def __init__(self, num_exits: int, total: float | None = None) -> None:
        super().__init__(torch.full((num_exits,), 1.0 / num_exits), total)

    def forward(self, losses: Losses) -> Tensor:
        """See `Weighting.forward`."""
        if self.training:
            drawn = of_first(torch.randn_like(self.weights))
            self.weights = self._rescaled(drawn.softmax(0))
        return super().forward(losses)
