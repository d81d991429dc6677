"""Networks without weights: enough to tell their names, their exits and their multiply-adds."""

import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from anytime import names
from anytime.networks import build, cost, up_to


@functools.cache
def skeleton(network: str) -> Any:
    """A network by its name in evaluation mode, its weights whatever the memory holds.

    One that is cut shares the modules of the whole one. Raises ValueError where there is no such
    network.
    """
    whole, last = names.cut(network)
    if last is not None and "+" not in network:  # the last member of a chain may be cut
        return up_to(skeleton(whole), last)
    with torch.device("meta"):  # to draw the weights takes the most time
        built = build(network)
    return built.to_empty(device="cpu").eval()


def multiply_adds(network: str) -> list[int]:
    """The same as `cost.multiply_adds`, for whose counter torch imports the compiler, in seconds.

    All products of a ResANN are in its convolutions and linear layers, where a value of the output
    takes as many as there are weights to it. A batch of no images shows how many values there are.
    """
    built, products = skeleton(network), list[int]()
    if not all(member.startswith("resann-") for member in network.split("+")):
        return cost.multiply_adds(built).tolist()

    def count(layer: nn.Module, images: Any, output: Tensor) -> None:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            products.append(output.shape[1:].numel() * layer.weight[0].numel())

    with torch.no_grad(), register_module_forward_hook(count):
        return [sum(products) for _ in built.refine(torch.zeros(0, *cost.CIFAR))]
