"""A trained ResANN and some images, as numbers for the page, which runs it by itself."""

import base64
import math
from typing import Any

import numpy as np

from anytime.explore import predicted

IMAGES = 24  # so many are on the page


def live() -> dict[str, Any]:
    """The stored network that the page runs, with images that ship; empty without torch."""
    if not predicted.can_run():
        return {}
    from anytime import datasets, networks

    for run, file, digest in predicted.stored():
        name = run.config["dataset"]
        if not name.startswith("glyphs"):
            continue
        data = datasets.load(name)
        test = data.test[:IMAGES]
        return network_numbers(networks.load(file, digest)) | {
            "network": run.config["network"],
            "title": run.title or name,
            "classes": list(data.classes),
            "cost": run.cost,
            "images": [_packed(image.numpy().astype(np.uint8)) for image in test.pixels],
            "labels": test.labels.tolist(),
        }
    return {}


def network_numbers(network: Any) -> dict[str, Any]:
    """A ResANN of basic units behind a 3x3 stem, folded: its shape, and its numbers in base64.

    Each tensor is told by where it begins among the numbers and how many it has. Raises ValueError
    for a network of other parts.
    """
    from anytime.networks.resann import BasicUnit

    stem, mean = network.stem[0], network.standardise.mean
    every = [unit for segment in network.segments for unit in segment]
    if other := [unit for unit in every if not isinstance(unit, BasicUnit)]:
        raise ValueError(f"the page has no {type(other[0]).__name__}")
    if len(network.stem) > 1 or stem.kernel_size != (3, 3):
        raise ValueError("the page has no stem but a 3x3 convolution")
    least = stem.stride[0] * math.prod(unit.stride for unit in every)
    if mean.shape != (stem.in_channels, *mean.shape[-1:] * 2) or mean.shape[-1] % least:
        raise ValueError(
            f"the page reads square images with a mean of their own and a side in steps of {least}"
        )
    numbers, units = _Numbers(), list[dict[str, Any]]()
    for segment, head in zip(network.segments, network.heads, strict=True):
        units += map(numbers.unit, segment)
        units[-1]["head"] = numbers.layer(head[-1].weight, head[-1].bias)
    return {
        "channels": stem.in_channels,
        "side": mean.shape[-1],
        "mean": numbers.add(mean),
        "spread": float(network.standardise.spread),
        "stem": numbers.convolution(stem),
        "units": units,
        "base64": _packed(np.concatenate(numbers.parts)),
    }


class _Numbers:
    """Tensors one behind another, each told by its place."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []
        self.size = 0

    def add(self, tensor: Any) -> list[int]:
        flat = tensor.detach().numpy().astype("<f4").ravel()
        place = [self.size, len(flat)]
        self.parts.append(flat)
        self.size += len(flat)
        return place

    def layer(self, weight: Any, bias: Any = None) -> dict[str, Any]:
        return {"weights": self.add(weight), "bias": None if bias is None else self.add(bias)}

    def convolution(self, conv: Any) -> dict[str, Any]:
        shape = {"outputs": conv.out_channels, "stride": conv.stride[0]}
        return self.layer(conv.weight, conv.bias) | shape

    def unit(self, unit: Any) -> dict[str, Any]:
        """The norm in front as a factor and a shift; the others within the convolutions."""
        from torch.nn.utils.fusion import fuse_conv_bn_eval

        norm, _, conv, inner, _, last, outer = unit.residual
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        return {
            "scale": self.add(scale),
            "shift": self.add(norm.bias - norm.running_mean * scale),
            "first": self.convolution(fuse_conv_bn_eval(conv, inner)),
            "second": self.convolution(fuse_conv_bn_eval(last, outer)),
        }


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()
