"""What each exit costs: multiply-adds, parameters, measured time."""

from __future__ import annotations

import copy
import time

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from anytime.networks.base import AnytimeNetwork
from anytime.networks.eann import EANN


def multiply_adds(
    network: AnytimeNetwork | EANN,
    image_shape: tuple[int, int, int] = (3, 32, 32),
    convolutions_only: bool = False,
) -> np.ndarray:
    """Multiply-adds for one image to have the predictions of exits 1 ... k: (K,) integers.

    Counts convolutions and linear layers, or the convolutions alone, as the authors do.
    image_shape: (C, H, W). Nothing is computed: the count is taken on shapes.
    """
    network = copy.deepcopy(network).to("meta").eval()
    images = torch.empty(1, *image_shape, device="meta")
    counts = []
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        for _ in network.refine(images):
            by_operator = counter.get_flop_counts()["Global"]
            counts.append(
                sum(
                    flops
                    for operator, flops in by_operator.items()
                    if not convolutions_only or "convolution" in str(operator)
                )
            )
    return np.array(counts, dtype=np.int64) // 2


def parameters(network: AnytimeNetwork | EANN) -> np.ndarray:
    """Parameters that the predictions of exits 1 ... k depend on: (K,) integers.

    A chain's exits need the whole networks before their own, too.
    """
    if isinstance(network, EANN):
        members = [parameters(member) for member in network.members]
        before = np.cumsum([0, *(counts[-1] for counts in members[:-1])])
        return np.concatenate([b + counts for b, counts in zip(before, members, strict=True)])
    stem = _count(network.stem)
    per_exit = [
        _count(segment) + _count(head)
        for segment, head in zip(network.segments, network.heads, strict=True)
    ]
    return stem + np.cumsum(per_exit)


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@torch.inference_mode()
def latency(network: AnytimeNetwork | EANN, images: Tensor, repeats: int = 20) -> np.ndarray:
    """Seconds from the images to the prediction of each exit: (K,), the median of the repeats.

    Measured on the device of the images after two warm-up passes, with the network as it is
    (call eval() first). On a GPU each exit is waited for, as one who reads its answer would.
    """
    times = np.empty((repeats + 2, network.num_exits))
    wait = torch.cuda.synchronize if images.is_cuda else lambda: None
    for row in times:
        wait()
        start = time.perf_counter()
        for k, _ in enumerate(network.refine(images)):
            wait()
            row[k] = time.perf_counter() - start
    return np.median(times[2:], axis=0)
