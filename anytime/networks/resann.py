"""ResANN: residual networks with an exit every few residual units (section 4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from anytime.networks.base import AnytimeNetwork, Head

LAYERS: dict[Sequence[int], int] = {(2, 2, 2, 2): 26, (3, 4, 6, 3): 50, (3, 4, 23, 3): 101}
"""Numbers of layers of the known bottleneck networks, by their units per block."""


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
    preactivation: the authors' unit, with BN-ReLU in front and no ReLU after the sum.
    """

    expansion = 4

    def __init__(
        self, channels_in: int, width: int, stride: int = 1, preactivation: bool = False
    ) -> None:
        super().__init__()
        channels = width * self.expansion
        self.preactivation = preactivation
        before = [nn.BatchNorm2d(channels_in), nn.ReLU()] if preactivation else []
        self.residual = nn.Sequential(
            *before,
            nn.Conv2d(channels_in, width, 1, bias=False),
            *_norm_relu(width),
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            *_norm_relu(width),
            nn.Conv2d(width, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.shortcut = nn.Sequential()
        if stride > 1 or channels_in != channels:
            self.shortcut.append(nn.Conv2d(channels_in, channels, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(channels))

    def forward(self, features: Tensor) -> Tensor:
        features = self.residual(features) + self.shortcut(features)
        return features if self.preactivation else F.relu(features)


@dataclass(frozen=True)
class Shape:
    """The shape of a ResANN; `name` is its text, from which `parse` makes it again.

    units: residual units per block. channels: of the first block, doubled from block to block.
    bottleneck: units of three convolutions; with preactivation the authors', without it
    torchvision's. every: an exit every so many units, aligned to the end. stem: "cifar" (a 3x3
    convolution, followed by nothing) or "imagenet" (7x7 convolution and max pooling, both with
    stride 2). stride: of the CIFAR stem; more than 1 makes runs on a CPU cheap and is not the
    paper's. init: the side of a layer by whose size its first weights are scaled, "fan-in" as the
    authors' or "fan-out".
    Raises ValueError where these do not fit together.
    """

    units: Sequence[int]
    channels: int
    bottleneck: bool = False
    every: int = 1
    stem: str = "cifar"
    stride: int = 1
    preactivation: bool = False
    init: str = "fan-in"

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", tuple(self.units))  # lists are not equal to tuples
        if len(self.units) < 2:
            raise ValueError(f"a ResANN has two blocks or more, not {len(self.units)}")
        if min(self.channels, self.every, self.stride, *self.units) < 1:
            raise ValueError(f"all numbers of a ResANN must be at least 1: {self}")
        if self.stem == "imagenet" and self.stride > 1:
            raise ValueError("-stride belongs to the CIFAR stem; the ImageNet stem has its own")
        if self.preactivation and not self.bottleneck:
            raise ValueError("basic units always are of the pre-activation kind")
        if self.stem not in ("cifar", "imagenet") or self.init not in ("fan-in", "fan-out"):
            raise ValueError(f"no such stem or init: {self.stem!r}, {self.init!r}")

    @property
    def name(self) -> str:
        """The shortest text of this shape, see `parse`."""
        layers = LAYERS.get(self.units) if self.bottleneck and self.channels == 64 else None
        equal = self.units == (self.units[0],) * 3
        blocks = str(self.units[0]) if equal else ".".join(map(str, self.units))
        usual = {"every": 1, "stride": 1, "init": "fan-in", "preactivation": False}
        usual["bottleneck"] = layers is not None or self.preactivation
        usual["stem"] = "imagenet" if self.bottleneck else "cifar"

        words = [f"resann-{layers}" if layers else f"resann-{blocks}-{self.channels}"]
        for word, (field, kind) in OPTIONS.items():
            value = getattr(self, field)
            if value != usual[field] and kind in (int, value):
                words.append(f"{word}{value}" if kind is int else word)
        return "-".join(words)


OPTIONS: dict[str, tuple[str, Any]] = {
    "bottleneck": ("bottleneck", True),
    "preact": ("preactivation", True),
    "s": ("every", int),
    "stride": ("stride", int),
    "cifar": ("stem", "cifar"),
    "imagenet": ("stem", "imagenet"),
    "fanout": ("init", "fan-out"),
}
"""The words of a name: the field of `Shape` that each sets, and to what; int: a number follows."""

UNKNOWN = (
    "a ResANN is named resann-N-C (N units in each of three blocks, C channels), resann-1.2.3-C "
    "(units block by block), or resann-26, resann-50, resann-101, with options such as -s3, "
    "-stride2, -cifar, -imagenet, -bottleneck, -preact, -fanout, -to4"
)


def parse(name: str) -> Shape:
    """The shape that a name such as "resann-25-32-s3" or "resann-50" stands for.

    Two numbers: units per block and channels; the units of three equal blocks, or those of each
    block, as in resann-2.2.2.2-16. One number: layers of a known bottleneck ResANN. Options: -s3
    an exit every 3 units, -stride2 a strided stem, -cifar or -imagenet the stem (bottleneck
    networks have the latter), -bottleneck torchvision's bottleneck units, -preact the authors',
    -fanout another initialisation. Raises ValueError for any other name.

    >>> parse("resann-4-16-stride2").units
    (4, 4, 4)
    """
    match = re.fullmatch(r"resann-(\d+(?:\.\d+)*)(?:-(\d+))?((?:-[a-z]+\d*)*)", name)
    known = {str(layers): units for units, layers in LAYERS.items()}
    if match is None or (match[2] is None and match[1] not in known):
        raise ValueError(f"unknown network {name!r}; {UNKNOWN}")

    options: dict[str, Any] = {}
    for word in match[3].split("-")[1:]:
        letters, digits = word.rstrip("0123456789"), word.lstrip("abcdefghijklmnopqrstuvwxyz")
        field, kind = OPTIONS.get(letters, ("", None))
        if not field or bool(digits) != (kind is int):
            raise ValueError(f"unknown network {name!r}; {UNKNOWN}")
        if field in options:
            raise ValueError(f"{name!r} gives {field} twice; keep one of them")
        options[field] = int(digits) if digits else kind

    if match[2] is None or "preactivation" in options:
        options["bottleneck"] = True
    if "bottleneck" in options:
        options.setdefault("stem", "imagenet")
    units: Sequence[int] = [int(number) for number in match[1].split(".")]
    if match[2] is None:
        units = known[match[1]]
    elif len(units) == 1:
        units = [*units] * 3
    try:
        return Shape(units, int(match[2] or 64), **options)
    except ValueError as error:
        raise ValueError(f"{name!r}: {error}") from error


def resann(shape: Shape, num_classes: int, in_channels: int = 3) -> AnytimeNetwork:
    """Builds a ResANN with He initialisation (section 4)."""
    units, widths = [], []
    channels = shape.channels
    for block, count in enumerate(shape.units):
        for i in range(count):
            stride = 2 if block > 0 and i == 0 else 1
            width = shape.channels * 2**block
            units.append(_unit(shape, channels, width, stride))
            channels = width * (BottleneckUnit.expansion if shape.bottleneck else 1)
            widths.append(channels)

    ends = range(len(units), 0, -shape.every)[::-1]
    starts = [0, *ends[:-1]]
    segments = [nn.Sequential(*units[a:b]) for a, b in zip(starts, ends, strict=True)]
    heads = [Head(widths[end - 1], num_classes) for end in ends]

    network = AnytimeNetwork(_stem(shape, in_channels), segments, heads)
    network.apply(partial(_initialise, init=shape.init))
    network.name = shape.name
    network.made_for = {"num_classes": num_classes, "in_channels": in_channels}
    return network


def _unit(shape: Shape, channels: int, width: int, stride: int) -> nn.Module:
    if shape.bottleneck:
        return BottleneckUnit(channels, width, stride, shape.preactivation)
    return BasicUnit(channels, width, stride)


def _stem(shape: Shape, in_channels: int) -> nn.Module:
    if shape.stem == "cifar":
        stem = nn.Sequential(nn.Conv2d(in_channels, shape.channels, 3, shape.stride, 1, bias=False))
        # A unit without pre-activation starts with a convolution, so the stem has to normalise.
        normalises = shape.bottleneck and not shape.preactivation
        return stem.extend(_norm_relu(shape.channels)) if normalises else stem
    return nn.Sequential(
        nn.Conv2d(in_channels, shape.channels, 7, 2, 3, bias=False),
        *_norm_relu(shape.channels),
        nn.MaxPool2d(3, 2, 1),
    )


def _norm_relu(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def _initialise(module: nn.Module, init: str) -> None:
    """He's: a variance of 2 over the inputs of a unit, in convolutions and heads, as the authors.

    "fan-out" takes the outputs of a convolution, and a variance of 1 over the inputs of a head.
    """
    if isinstance(module, nn.Conv2d):
        outputs, inputs = module.weight.shape[:2]
        fan = (inputs if init == "fan-in" else outputs) * module.weight[0, 0].numel()
        nn.init.normal_(module.weight, std=(2 / fan) ** 0.5)
    elif isinstance(module, nn.Linear):
        variance = 2 if init == "fan-in" else 1
        nn.init.normal_(module.weight, std=(variance / module.in_features) ** 0.5)
        nn.init.zeros_(module.bias)
