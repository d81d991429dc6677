"""Networks with several exits, built by name."""

from __future__ import annotations

import re

import torch

from anytime.networks.base import AnytimeNetwork, Head
from anytime.networks.resann import Shape, parse, resann

__all__ = ["AnytimeNetwork", "Head", "Shape", "build", "parse", "resann"]


def build(
    name: str, num_classes: int = 10, in_channels: int = 3, seed: int | None = None
) -> AnytimeNetwork:
    """A network by name, for instance "resann-5-16", "resann-25-32-s3" or "resann-50".

    The ending -to4 keeps exits 1 to 4 only. seed: makes the initial weights reproducible and
    leaves torch's global generator as it was. Raises ValueError for an unknown name.
    """
    whole, last = re.fullmatch(r"(.*?)(?:-to(\d+))?", name).groups()
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        network = resann(parse(whole), num_classes, in_channels)
    network.name = whole
    return network.up_to(int(last)) if last else network
