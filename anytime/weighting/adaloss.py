"""AdaLoss: each loss is weighted by the inverse of its running mean (sections 3.2 and 3.3).

    paper   here           what it is
    l_i     losses         the losses of a step, one per exit
    m_i     mean_losses    their running means
    rho     momentum       the share of the old mean that is kept at each step
    T       every          steps between two updates of the weights
    gamma   gamma          the floor: the share of a uniform weight that is mixed in
    e       extra          what the last exit gets on top
    B_i     weights        the weights; the training loss is the sum of B_i l_i

The formula of the weights is in `theory.adaloss_weights`; notebook 03 derives it in three ways.
"""

import warnings
from typing import Self

import torch
from torch import Tensor, nn

from anytime import theory
from anytime.processes import all_mean
from anytime.weighting.base import Losses, Weighting, is_count


class AdaLoss(Weighting):
    """AdaLoss: weights inversely proportional to the running mean of each loss.

    The mean starts at the first batch's losses. Until the first update, after T steps, all weights
    are 1; with `look_first` they follow the losses of the first batch from the first step on.
    In evaluation mode nothing is updated. When training is spread over processes, the losses
    are averaged over them, so that all hold the same weights.

    A loss that is negative, infinite or not a number leaves its mean as it was. A mean starts at
    the first loss that is none of these, and until every exit has one, no weight changes. Such
    losses are counted in `refused` (K,), on their device; a warning says so once, when the state is
    stored or the module is switched to evaluation or back.

    >>> adaloss = AdaLoss(3, gamma=0.0, momentum=0.0, every=1)
    >>> adaloss(torch.tensor([2.0, 1.0, 0.5]))
    tensor(3.5000)
    >>> adaloss.weights
    tensor([0.2500, 0.5000, 1.0000])
    """

    known_as = "adaloss"
    _said = False

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
        whole = is_count(every) and look_first in (0, 1)
        if not (0 <= gamma <= 1 and 0 <= momentum < 1 and whole and 0 <= extra <= 1e6):
            raise ValueError(
                "AdaLoss needs 0 <= gamma <= 1, 0 <= momentum < 1, a whole every >= 1, "
                "0 <= extra <= 1e6 and look_first True or False, not "
                f"gamma={gamma}, momentum={momentum}, every={every}, extra={extra}, "
                f"look_first={look_first}"
            )
        super().__init__(torch.ones(num_exits), total)
        self.gamma, self.momentum, self.every, self.extra = gamma, momentum, int(every), extra
        self.look_first = look_first
        self.mean_losses: Tensor = nn.Buffer(torch.zeros(num_exits))
        self.refused: Tensor = nn.Buffer(torch.zeros(num_exits, dtype=torch.long))
        self.step: Tensor = nn.Buffer(torch.zeros((), dtype=torch.long))

    def forward(self, losses: Losses) -> Tensor:
        """One loss per exit -> the training loss, under the weights from before this step."""
        losses = self._vector(losses)
        return self._follow(losses, all_mean(losses.detach().float()) if self.training else None)

    def _follow(self, losses: Tensor, seen: Tensor | None) -> Tensor:
        """The training loss; the means follow what is seen (K,) of the losses, if it is given."""
        if seen is not None and self.look_first:
            first = (self.step == 0) & _good(seen).all()
            self.weights = torch.where(first, self._weights(seen), self.weights)

        loss = super().forward(losses)
        if seen is not None:
            self._observe(seen)
        return loss

    def _observe(self, losses: Tensor) -> None:
        # Selected with torch.where: a Python `if` on the step would wait for the device.
        step, refused, means = self.step, self.refused, self.mean_losses
        old = torch.where(step == refused, losses, means)
        new = self.momentum * old + (1.0 - self.momentum) * losses
        good = _good(losses)
        self.mean_losses = means = torch.where(good, new, means)
        self.refused = refused = refused + ~good
        self.step = step = step + 1

        due = (step % self.every == 0) & (step > refused).all()
        self.weights = torch.where(due, self._weights(means), self.weights)

    def _weights(self, mean_losses: Tensor) -> Tensor:
        # Doubles hold the floor of the smallest losses, and round a quotient to the same float.
        wide = torch.float32 if mean_losses.is_mps else torch.float64
        u = theory.inverse(mean_losses.to(wide), torch.finfo(wide).tiny).float()
        return self._rescaled(theory.mixed(u, self.gamma, self.extra))

    def train(self, mode: bool = True) -> Self:
        """See `torch.nn.Module.train`."""
        self._say_what_was_refused()
        return super().train(mode)

    def _save_to_state_dict(self, *arguments) -> None:
        self._say_what_was_refused()
        super()._save_to_state_dict(*arguments)

    def _say_what_was_refused(self) -> None:
        if self._said or self.refused.is_meta or not self.refused.any():
            return
        self._said = True
        warnings.warn(
            f"AdaLoss left out {self.refused.tolist()} losses of its exits in {int(self.step)} "
            "steps, as they were negative or not finite; losses that can be negative, such as "
            "those of densities, have to be shifted above 0, or weighted by their gradients: "
            "first-order",
            stacklevel=2,
        )


def _good(losses: Tensor) -> Tensor:
    """Which losses are at least 0 and below 1e38, where single precision ends."""
    return losses == losses.clamp(0.0, 1e38)
