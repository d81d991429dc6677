"""Networks without weights: enough to tell their names, their exits and their multiply-adds."""

import functools
from typing import Any

import torch
from torch import nn

from anytime import names
from anytime.networks.build import build, up_to


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
        built = build(network).eval()
    # What has no products counts for nothing, and takes most of the time to count.
    nothing = nn.Identity()
    for chain in (part for part in built.modules() if isinstance(part, nn.Sequential)):
        for index, layer in enumerate(chain):
            if isinstance(layer, nn.BatchNorm2d | nn.ReLU):
                chain[index] = nothing
    return built
