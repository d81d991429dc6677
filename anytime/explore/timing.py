"""Milliseconds per exit on this machine, for explorers; torch is imported only to measure."""

from __future__ import annotations

import functools
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from anytime import names
from anytime.runs import Run

if TYPE_CHECKING:
    from torch import Tensor, nn


def can_measure() -> bool:
    """Whether torch is there; it is not imported to find out."""
    return find_spec("torch") is not None


def milliseconds(run: Run) -> np.ndarray:
    """Measured time from one image to each exit's prediction: (K,), with fresh weights.

    Each network is measured once; one cut from it has the same first exits. It is nan for a
    network that cannot be built by its name.
    """
    whole = names.whole(run.config["network"])
    try:
        side = _side(run.config["network"], run.cost[-1])
        return _measured(whole, side)[: run.num_exits]
    except (ValueError, LookupError):
        return np.full(run.num_exits, np.nan)


def measure(network: nn.Module, image: Tensor) -> np.ndarray:
    """Milliseconds from an image (1, C, H, W) to each exit's prediction: (K,), medians."""
    from anytime.prediction.predictor import AnytimePredictor

    return 1000 * AnytimePredictor(network).calibrate(image, quantile=0.5).cumsum()


@functools.cache
def _side(network: str, cost: int) -> int:
    """The side in pixels of the images for which a network has a cost: it grows with the square."""
    from anytime import networks
    from anytime.networks.cost import multiply_adds

    return round(32 * float(np.sqrt(cost / multiply_adds(networks.build(network))[-1])))


@functools.cache
def _measured(network: str, side: int) -> np.ndarray:
    import torch

    from anytime import networks

    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    return measure(networks.build(network, seed=0), 255 * image)
