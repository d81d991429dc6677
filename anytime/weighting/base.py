"""What every weighting scheme is: K losses in, one number to differentiate out."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from anytime.names import Named

Losses = Tensor | Sequence[Tensor] | Mapping[str, Tensor]


class Weighting(Named, nn.Module):
    """Joins the exits' losses into the training loss, the sum of B_i l_i over the exits.

    weights: (K,) the weights B before any rescaling.
    total: if given, the weights are rescaled so that they sum to it. Schemes differ in their
        totals and so in their effective learning rates; the same total makes them comparable.
    A weighting that learns parameters of its own does so at its `learning_rate`.
    gradients_in: "all" or "shared" where `forward` takes, besides the losses, the gradient of each
        in all parameters that it depends on, or in those that all of them share.
    Raises ValueError for weights or a total that are negative or not finite.
    """

    given = ("self", "num_exits")
    learning_rate: float = 0.01
    gradients_in: str = ""

    def __init__(self, weights: ArrayLike, total: float | None = None) -> None:
        super().__init__()
        if total is not None and not 0 < total < math.inf:
            raise ValueError(f"the total weight must be positive and finite, not {total}")
        self.total = total
        start = self._rescaled(torch.as_tensor(weights).detach().float())
        if not (start.isfinite().all() and (start >= 0).all() and start.any() and start.dim() == 1):
            raise ValueError(
                f"weights must be finite numbers from 0 on, not all 0, but are {start.tolist()}"
            )
        self.weights: Tensor = nn.Buffer(start)
        self.num_exits = len(start)

    def forward(self, losses: Losses) -> Tensor:
        """One loss per exit, as a tensor (K,), a list or a dict -> the scalar training loss.

        The losses of several tasks are so many more: K T of them, in any fixed order.
        """
        return (self.weights * self._vector(losses)).sum()

    def extra_repr(self) -> str:
        return self.spec

    def _rescaled(self, weights: Tensor) -> Tensor:
        return weights if self.total is None else weights * (self.total / weights.sum())

    def _vector(self, losses: Losses) -> Tensor:
        if not isinstance(losses, Tensor):
            losses = torch.stack(_parts(losses))
        if losses.shape != self.weights.shape:
            raise ValueError(
                f"expected {self.num_exits} losses, one per exit, but got shape "
                f"{tuple(losses.shape)}; build the weighting with the network's num_exits"
            )
        return losses


def is_count(value: float) -> bool:
    """Whether it is a whole number from 1 on that a counter of steps can hold."""
    return 1 <= value < 2**63 and float(value).is_integer()


def _parts(losses: Any) -> list[Tensor]:
    parts = losses.values() if isinstance(losses, Mapping) else losses
    parts = list(parts) if isinstance(parts, Iterable) else []
    if not parts or not all(isinstance(part, Tensor) and part.dim() == 0 for part in parts):
        raise TypeError(
            "losses must be a tensor (K,), or a list, tuple or dict of K tensors of one number "
            f"each, not {losses!r:.80}; torch.as_tensor makes a tensor of numbers"
        )
    return parts
