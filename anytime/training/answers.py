"""A network as training calls it: the exits' answers, each by itself."""

from typing import Any

from torch import Tensor, nn

from anytime.networks import cost


class Answers(nn.Module):
    """The logits (N, classes) of all exits in a tuple, so that each loss can be followed alone."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images (N, C, H, W), pixels in 0 ... 255 -> K logits (N, classes)."""
        return tuple(self.network.refine(images))


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
