"""Networks without weights: enough to tell their names, their exits and their multiply-adds."""

import copy
import functools
from typing import Any

import torch
from torch import Tensor, nn

from anytime import names
from anytime.networks import build, cost, up_to


@functools.cache
def skeleton(network: str) -> Any:
    """A network by its name on the meta device, in evaluation mode.

    One that is cut shares the modules of the whole one. Raises ValueError where there is no such
    network.
    """
    whole, last = names.cut(network)
    if last is not None and "+" not in network:  # the last member of a chain may be cut
        return up_to(skeleton(whole), last)
    with torch.device("meta"):
        return build(network).eval()


def multiply_adds(network: str) -> list[int]:
    """The same as `cost.multiply_adds`, for whose counter torch imports the compiler, in seconds.

    All products of a ResANN are in its convolutions and linear layers, where a value of the output
    takes as many as there are weights to it. A batch of no images shows how many values there are.
    """
    if not all(member.startswith("resann-") for member in network.split("+")):
        return cost.multiply_adds(skeleton(network)).tolist()

    products: list[int] = []

    def count(layer: Any, images: Any, output: Tensor) -> None:
        products.append(output.shape[1:].numel() * layer.weight[0].numel())

    built = copy.deepcopy(skeleton(network)).to_empty(device="cpu")
    for layer in built.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        return [sum(products) for _ in built.refine(torch.zeros(0, *cost.CIFAR))]
