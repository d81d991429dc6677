"""Weightings of several tasks whose weights follow from what they make small: UW, IMTL-L, GLS."""

import math

import torch
from torch import Tensor, nn

from anytime import theory
from anytime.processes import all_mean
from anytime.weighting.base import Losses, Weighting


class Learned(Weighting):
    """Weights that follow from one number s_i per exit, learned at `rate` and at first 0.

    The training loss is the sum of B_i(s_i) l_i + price_i(s_i). With a total, the whole of it is
    multiplied at each step by what makes the weights sum to it: the best s stay what they are.
    """

    def __init__(self, num_exits: int, total: float | None = None, rate: float = 0.01) -> None:
        if not 0 < rate < math.inf:
            raise ValueError(f"the rate to learn with must be positive and finite, not {rate}")
        s = torch.zeros(num_exits)
        super().__init__(self.terms(s)[0], total)
        self.s, self.learning_rate = nn.Parameter(s), rate

    def terms(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """The weights B (K,), and the price (K,) of having them, for s (K,)."""
        raise NotImplementedError("a learned weighting says in terms(s) what its weights are")

    def forward(self, losses: Losses) -> Tensor:
        """See `Weighting.forward`."""
        weights, price = self.terms(self.s)
        loss = (weights * self._vector(losses) + price).sum()
        plain = weights.detach()
        self.weights = self._rescaled(plain)
        return loss * (self.weights.sum() / plain.sum())


class UW(Learned):
    """Uncertainty weighting: sum of 1/2 e^(-s_i) l_i + 1/2 s_i, where s_i is learned.

    s_i stands for the logarithm of a noise's variance; at its best value, ln l_i, the weight is
    1 / (2 l_i). The training loss turns negative where losses are small, as s_i does. That is no
    fault: it is a log likelihood but for a constant, and only its slope counts.
    Kendall, Gal and Cipolla, "Multi-task learning using uncertainty to weigh losses" (2018),
    with the factor 1/2 for every loss.
    """

    known_as = "uw"

    def terms(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """See `Learned.terms`."""
        return 0.5 * (-s).exp(), 0.5 * s


class IMTLL(Learned):
    """IMTL-L: sum of e^(s_i) l_i - s_i, where s_i is learned; at its best, the weight is 1 / l_i.

    The training loss turns negative where losses are small, as that of `UW` does.
    Liu et al., "Towards impartial multi-task learning" (2021), section 3.2.
    """

    known_as = "imtl-l"

    def terms(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """See `Learned.terms`."""
        return s.exp(), -s


class GLS(Weighting):
    """GLS: the geometric mean of the losses, G = (l_1 ... l_K)^(1/K), by logarithms.

    The weights are its slopes, G / (K l_i), and with them the sum of B_i l_i is G. A loss of 0
    counts as a tiny share of the largest. A negative loss has no logarithm: the training loss is
    then not a number.
    Chennupati et al., "MultiNet++" (2019).
    """

    known_as = "gls"

    def __init__(self, num_exits: int, total: float | None = None) -> None:
        super().__init__(torch.full((num_exits,), 1.0 / num_exits), total)

    def forward(self, losses: Losses) -> Tensor:
        """See `Weighting.forward`."""
        losses = self._vector(losses)
        if self.training:
            seen = all_mean(losses.detach().float())
            least = theory.SMALLEST * seen.max() + torch.finfo().tiny
            seen = torch.where(seen == 0, least, seen)
            # The losses over their geometric mean, whose product over the exits is 1.
            logs = seen.log()
            self.weights = self._rescaled((logs.mean() - logs).exp() / self.num_exits)
        return super().forward(losses)
