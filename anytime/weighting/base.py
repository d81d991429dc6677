"""What every weighting scheme is: K losses in, one number to differentiate out."""

from __future__ import annotations

from torch import Tensor, nn


class Weighting(nn.Module):
    """Joins the exits' losses into the training loss, the sum of B_i l_i over the exits.

    weights: (K,) the weights B before any rescaling.
    total: if given, the weights are rescaled so that they sum to it. Schemes differ in their
        totals and so in their effective learning rates; the same total makes them comparable.
    """

    spec: str = ""

    def __init__(self, weights: Tensor, total: float | None = None) -> None:
        super().__init__()
        if total is not None and not total > 0:
            raise ValueError(f"the total weight must be positive, not {total}")
        self.total = total
        self.register_buffer("weights", self._rescaled(weights.detach().float()))

    @property
    def num_exits(self) -> int:
        return len(self.weights)

    def forward(self, losses: Tensor) -> Tensor:
        """(K,) losses, one per exit -> the scalar training loss."""
        self._expect_one_per_exit(losses)
        return (self.weights * losses).sum()

    def _rescaled(self, weights: Tensor) -> Tensor:
        return weights if self.total is None else weights * (self.total / weights.sum())

    def _expect_one_per_exit(self, losses: Tensor) -> None:
        if losses.shape != self.weights.shape:
            raise ValueError(
                f"expected {self.num_exits} losses, one per exit, but got shape "
                f"{tuple(losses.shape)}; build the weighting with the network's num_exits"
            )
