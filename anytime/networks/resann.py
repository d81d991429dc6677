"""ResANN: residual networks with an exit every few residual units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from anytime.networks.base import AnytimeNetwork, Head

BOTTLENECK_UNITS = {26: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Units per block of the bottleneck networks, by number of layers."""


class BasicUnit(nn.Module):
    """BN-ReLU-3x3-BN-ReLU-3x3-BN plus the input.

    Where the resolution halves, the first convolution has stride 2, and the shortcut is a 2x2
    average pooling whose new channels are zeros, half of them on each side.
    """

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.stride, self.new_channels = stride, channels - channels_in
        self.residual = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.ReLU(),
            nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        residual = self.residual(features)
        if self.stride > 1:
            features = F.avg_pool2d(features, self.stride, ceil_mode=True)
        if self.new_channels:
            left = self.new_channels // 2
            features = F.pad(features, (0, 0, 0, 0, left, self.new_channels - left))
        return residual + features


class BottleneckUnit(nn.Module):
    """1x1, 3x3, 1x1 convolutions with a fourfold expansion, as in torchvision's ResNet-50.

    The 3x3 convolution carries the stride; a 1x1 convolution on the shortcut where shapes differ.
    """

    expansion = 4

    def __init__(self, channels_in: int, width: int, stride: int = 1) -> None:
        super().__init__()
        channels = width * self.expansion
        self.residual = nn.Sequential(
            nn.Conv2d(channels_in, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.shortcut = nn.Sequential()
        if stride > 1 or channels_in != channels:
            self.shortcut.append(nn.Conv2d(channels_in, channels, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(channels))

    def forward(self, features: Tensor) -> Tensor:
        return F.relu(self.residual(features) + self.shortcut(features))


@dataclass(frozen=True)
class Shape:
    """The shape of a ResANN.

    units: residual units per block. channels: of the first block, doubled from block to block.
    every: an exit every so many units, aligned to the end. stem: "cifar" (a 3x3 convolution,
    followed by nothing) or "imagenet" (7x7 convolution and max pooling, both with stride 2).
    stride: of the CIFAR stem; more than 1 makes runs on a CPU cheap and is not the paper's.
    """

    units: Sequence[int]
    channels: int
    bottleneck: bool = False
    every: int = 1
    stem: str = "cifar"
    stride: int = 1


def resann(shape: Shape, num_classes: int, in_channels: int = 3) -> AnytimeNetwork:
    """Builds a ResANN with He initialisation (section 4)."""
    units, widths = [], []
    channels = shape.channels
    for block, count in enumerate(shape.units):
        for i in range(count):
            stride = 2 if block > 0 and i == 0 else 1
            width = shape.channels * 2**block
            unit = BottleneckUnit if shape.bottleneck else BasicUnit
            units.append(unit(channels, width, stride))
            channels = width * getattr(unit, "expansion", 1)
            widths.append(channels)
    ends = range(len(units), 0, -shape.every)[::-1]
    starts = [0, *ends[:-1]]
    segments = [nn.Sequential(*units[a:b]) for a, b in zip(starts, ends, strict=True)]
    heads = [Head(widths[end - 1], num_classes) for end in ends]
    network = AnytimeNetwork(_stem(shape, in_channels), segments, heads)
    network.apply(_initialise)
    return network


def _stem(shape: Shape, in_channels: int) -> nn.Module:
    if shape.stem == "cifar":
        stem = nn.Sequential(nn.Conv2d(in_channels, shape.channels, 3, shape.stride, 1, bias=False))
        # A bottleneck unit starts with a convolution, so the stem has to normalise.
        return stem.extend(_norm_relu(shape.channels)) if shape.bottleneck else stem
    return nn.Sequential(
        nn.Conv2d(in_channels, shape.channels, 7, 2, 3, bias=False),
        *_norm_relu(shape.channels),
        nn.MaxPool2d(3, 2, 1),
    )


def _norm_relu(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
        nn.init.zeros_(module.bias)


NAME = re.compile(
    r"resann-(?P<first>\d+)(?:-(?P<channels>\d+))?(?P<options>(?:-(?:s\d+|stride\d+|cifar|imagenet))*)"
)


def parse(name: str) -> Shape:
    """The shape that a name such as "resann-25-32-s3" or "resann-50" stands for.

    Two numbers: units per block and channels of a basic ResANN with three blocks. One number:
    layers of a bottleneck ResANN with four. Options: -s3 an exit every 3 units, -stride2 a
    strided stem, -cifar or -imagenet the stem. Raises ValueError for any other name.
    """
    match = NAME.fullmatch(name)
    bottleneck = bool(match) and match["channels"] is None
    if not match or (bottleneck and int(match["first"]) not in BOTTLENECK_UNITS):
        raise ValueError(
            f"unknown network {name!r}; a ResANN is named resann-N-C (N units a block, C channels) "
            f"or resann-{{{'|'.join(map(str, BOTTLENECK_UNITS))}}}, with options such as "
            "-s3, -stride2, -cifar, -imagenet, -to4"
        )
    options = match["options"].split("-")[1:]
    numbers = {
        key: int(option.removeprefix(prefix))
        for option in options
        for key, prefix in (("stride", "stride"), ("every", "s"))
        if re.fullmatch(rf"{prefix}\d+", option)
    }
    stems = [option for option in options if option in ("cifar", "imagenet")]
    default = "imagenet" if bottleneck else "cifar"
    units = BOTTLENECK_UNITS[int(match["first"])] if bottleneck else (int(match["first"]),) * 3
    shape = Shape(
        units=units,
        channels=64 if bottleneck else int(match["channels"]),
        bottleneck=bottleneck,
        stem=(stems or [default])[-1],
        **numbers,
    )
    if min(shape.channels, shape.every, shape.stride, *units) < 1:
        raise ValueError(f"all numbers in {name!r} must be at least 1")
    if shape.stem == "imagenet" and shape.stride > 1:
        raise ValueError(f"{name!r}: -stride belongs to the CIFAR stem")
    return shape
