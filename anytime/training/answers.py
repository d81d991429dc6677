"""A network as training calls it: the exits' answers, each by itself."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from anytime.networks import cost
from anytime.networks.base import AnytimeNetwork


class Answers(nn.Module):
    """The logits (N, classes) of all exits in a tuple, so that each loss can be followed alone.

    backward: what becomes of gradients between segments, see `Recipe`.
    """

    def __init__(self, network: Any, backward: str = "whole") -> None:
        super().__init__()
        in_a_row = isinstance(network, AnytimeNetwork)
        if backward != "whole" and not (in_a_row and type(network).refine is AnytimeNetwork.refine):
            raise ValueError(
                f"backward={backward!r} needs an AnytimeNetwork, a row of segments; train this "
                "network with backward='whole'"
            )
        self.network, self.backward_pass = network, backward

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images (N, C, H, W), pixels in 0 ... 255 -> K logits (N, classes)."""
        if self.backward_pass == "whole":
            return tuple(self.network.refine(images))
        return tuple(self._apart(images))

    def _apart(self, images: Tensor) -> Iterator[Tensor]:
        """What `AnytimeNetwork.refine` yields.

        scaled: as Li et al. do, "Improved techniques for training adaptive deep networks" (2019):
        by 1/(K - k + 1) before head k, and by K - k behind it.
        """
        network, left = self.network, self.network.num_exits
        features = network.stem(network.standardise(images))
        for segment, head in zip(network.segments, network.heads, strict=True):
            features = segment(features)
            if self.backward_pass == "stopped":
                yield head(features)
                features = _slowed(features, 0.0)
                continue
            features = _slowed(features, 1.0 / left)
            yield head(features)
            left -= 1
            features = _slowed(features, float(left))


def _slowed(features: Any, factor: float) -> Any:
    """Features as they are, whose gradient is multiplied; those of several scales are in lists."""
    if not isinstance(features, Tensor):
        return type(features)(_slowed(part, factor) for part in features)
    return features.detach() if factor == 0 else _Slowed.apply(features, factor)


class _Slowed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return gradient * ctx.factor, None


def followed(network: Any, where: str, image_shape: tuple[int, ...]) -> list[list[Tensor]]:
    """The parameters in which the gradient of each exit's loss is looked at, exit by exit.

    where: a weighting's `gradients_in`, "all" that the exit depends on or those "shared" by all
    exits; or "", which gives an empty list.
    """
    if not where:
        return []
    reach = cost.reach(network, image_shape)
    if where == "shared":
        reach = [set.intersection(*reach)] * len(reach)
    trained = [pair for pair in network.named_parameters() if pair[1].requires_grad]
    return [[parameter for name, parameter in trained if name in names] for names in reach]
