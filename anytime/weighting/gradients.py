"""Weightings that look at the gradient of each loss: first-order AdaLoss and GradNorm.

Besides the losses they are given the gradients, which takes a backward pass for each loss:
`scheme(losses, gradients(losses, parameters)).backward()`.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from anytime.processes import all_mean
from anytime.weighting.adaloss import AdaLoss
from anytime.weighting.base import Losses, Weighting


def gradients(losses: Iterable[Tensor], parameters: Sequence[Sequence[Tensor]]) -> Iterator[Tensor]:
    """Yields the gradient of each loss in its parameters as one vector, one at a time.

    losses: K scalars. Where each comes from its own exit, and not out of one tensor of them, a
    backward pass goes no further than that exit.
    parameters: for each loss those to look at; any that it does not depend on are left out.
    Of several processes it is the mean, which is the gradient of the mean loss.
    """
    for loss, reached in zip(losses, parameters, strict=True):
        found = torch.autograd.grad(loss, reached, retain_graph=True, allow_unused=True)
        parts = [part.flatten() for part in found if part is not None]
        if not parts:
            raise ValueError(
                "a loss depends on none of the parameters that its gradient is taken in; GradNorm "
                "needs some that all losses share: train without stopping gradients between them"
            )
        yield all_mean(torch.cat(parts).float())


def _measured(found: Iterable[Tensor], measure: Callable[[Tensor], Tensor], count: int) -> Tensor:
    """A number of each gradient: (K,)."""
    numbers = [measure(gradient) for gradient in found]
    if len(numbers) != count:
        raise TypeError(
            f"this weighting takes {count} gradients besides the losses, not {len(numbers)}: call "
            "scheme(losses, gradients(losses, parameters)), with anytime.weighting.gradients"
        )
    return torch.stack(numbers)


class FirstOrder(AdaLoss):
    """First-order AdaLoss: in place of each loss, how much a step against its gradient lowers it.

    By Taylor's formula that is, to first order, the squared norm of the gradient. The authors'
    code takes half of it over the number of parameters that the loss depends on, heads included;
    with `root` it is the square root of that. Running means and weights are those of `AdaLoss`.
    A constant that is added to a loss, which may be unknown as its scale is, changes nothing.
    """

    known_as = "first-order"
    gradients_in = "all"

    def __init__(
        self,
        num_exits: int,
        total: float | None = None,
        gamma: float = 0.07,
        momentum: float = 0.9,
        every: int = 100,
        extra: float = 0.0,
        look_first: bool = False,
        root: bool = False,
    ) -> None:
        super().__init__(num_exits, total, gamma, momentum, every, extra, look_first)
        if root not in (0, 1):
            raise ValueError(f"root must be True or False, not {root}")
        self.root = root

    def forward(self, losses: Losses, gradients: Iterable[Tensor] = ()) -> Tensor:
        """Losses, and the gradient of each in all that it depends on -> the training loss."""
        seen = None
        if self.training:
            seen = _measured(gradients, lambda g: g.square().mean() / 2, self.num_exits)
            seen = seen.sqrt() if self.root else seen
        return self._follow(self._vector(losses), seen)


class GradNorm(Weighting):
    """GradNorm: weights K softmax(p), learned so that losses that fall slowly pull more.

    G_i is the norm of the gradient of B_i l_i in the parameters that all losses share, and r_i
    the loss over its first value, divided by the mean of these ratios. p descends the sum of
    |G_i - mean(G) r_i^alpha|, whose second term is taken as given, at `rate`.
    Chen et al., "GradNorm" (2018), with the softmax of LibMTL in place of a division after each
    step; the authors take the last shared layer alone.
    """

    known_as = "gradnorm"
    gradients_in = "shared"

    def __init__(
        self,
        num_exits: int,
        total: float | None = None,
        alpha: float = 1.5,
        rate: float = 0.01,
    ) -> None:
        if not (0 <= alpha < math.inf and 0 < rate < math.inf):
            raise ValueError(f"GradNorm needs alpha >= 0 and rate > 0, not {alpha} and {rate}")
        super().__init__(torch.ones(num_exits), total)
        self.alpha, self.learning_rate = alpha, rate
        self.p = nn.Parameter(torch.zeros(num_exits))
        self.first_losses: Tensor = nn.Buffer(torch.zeros(num_exits))

    def forward(self, losses: Losses, gradients: Iterable[Tensor] = ()) -> Tensor:
        """Losses, and the gradient of each in what all share -> the training loss."""
        losses = self._vector(losses)
        weights = self._rescaled(self.num_exits * self.p.softmax(0))
        self.weights = weights.detach()
        if not self.training:
            return super().forward(losses)

        seen = all_mean(losses.detach().float())
        self.first_losses = torch.where(self.first_losses == 0, seen, self.first_losses)
        ratios = seen / self.first_losses.clamp_min(torch.finfo().tiny)

        pulls = weights * _measured(gradients, torch.linalg.vector_norm, self.num_exits)
        wanted = pulls.detach().mean() * (ratios / ratios.mean()) ** self.alpha
        apart = (pulls - wanted).abs().sum()
        # Its slope is p's alone; its value is no part of the training loss.
        return super().forward(losses) + apart - apart.detach()
