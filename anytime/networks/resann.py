"""ResANN: residual networks with an exit every few residual units (section 4)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from anytime.networks import layers
from anytime.networks.base import AnytimeNetwork, Head
from anytime.networks.layers import norm_relu

LAYERS = {"26": (2, 2, 2, 2), "50": (3, 4, 6, 3), "101": (3, 4, 23, 3)}
"""Units per block of the known bottleneck networks, by their number of layers."""

STEMS = {"basic": "cifar", "bottleneck": "imagenet", "preact": "imagenet"}
"""The kinds of units, and the stem that each usually has."""

PLAIN, PATHS = ("resann", 1, 64, "basic"), ("resnext", 32, 4, "bottleneck")
"""The families' names, and the groups, widths and units that they usually have."""


class BasicUnit(nn.Module):
    """BN-ReLU-3x3-BN-ReLU-3x3-BN plus the input.

    Where the resolution halves, the first convolution has stride 2, and the shortcut is a 2x2
    average pooling whose new channels are zeros, half of them on each side.
    """

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.channels, self.stride, self.new_channels = channels, stride, channels - channels_in
        self.residual = nn.Sequential(
            *norm_relu(channels_in),
            nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False),
            *norm_relu(channels),
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
    groups, width: the paths of the 3x3 convolution, and the channels of each where `channels` are
    64, as in ResNeXt (Xie et al., Aggregated Residual Transformations, CVPR 2017).
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        stride: int = 1,
        preactivation: bool = False,
        groups: int = 1,
        width: int = 64,
    ) -> None:
        super().__init__()
        width = channels * width // 64 * groups
        self.channels = channels = 4 * channels
        self.preactivation = preactivation
        self.residual = nn.Sequential(
            *(norm_relu(channels_in) if preactivation else []),
            nn.Conv2d(channels_in, width, 1, bias=False),
            *norm_relu(width),
            nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False),
            *norm_relu(width),
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
    unit: "basic" (two convolutions), torchvision's "bottleneck" (three), or "preact", the authors'
    bottleneck with pre-activation. every: an exit every so many units, aligned to the end. stem:
    "cifar" (a 3x3 convolution, followed by nothing) or "imagenet" (7x7 convolution and max pooling,
    both with stride 2); "" is that of `STEMS`. stride: of the CIFAR stem; more than 1 makes runs on
    a CPU cheap and is not the paper's. init: the side of a layer by whose size its first weights
    are scaled, "fanin" as the authors' or "fanout". groups, width: the paths of a bottleneck's 3x3
    convolution, and the channels of each where the block has 64; with several it is a ResNeXt.
    Raises ValueError where these do not fit together.
    """

    units: Sequence[int]
    channels: int
    unit: str = "basic"
    every: int = 1
    stem: str = ""
    stride: int = 1
    init: str = "fanin"
    groups: int = 1
    width: int = 64

    def __post_init__(self) -> None:
        if self.unit not in STEMS or self.init not in ("fanin", "fanout"):
            raise ValueError(f"no such unit or init: {self.unit!r}, {self.init!r}")
        object.__setattr__(self, "units", tuple(self.units))  # lists are not equal to tuples
        object.__setattr__(self, "stem", self.stem or STEMS[self.unit])
        numbers = self.channels, self.every, self.stride, self.groups, self.width, *self.units
        if len(self.units) < 2 or min(numbers) < 1:
            raise ValueError(f"{self.name}: two blocks or more, and all numbers must be at least 1")
        if self.stem not in STEMS.values() or (self.stem == "imagenet" and self.stride > 1):
            raise ValueError(f"{self.name}: -stride belongs to the CIFAR stem; ImageNet's is 2")
        if self.unit == "basic" and (self.groups, self.width) != (1, 64):
            raise ValueError(f"{self.name}: paths need units of three layers: add -bottleneck")
        if self.channels * self.width % 64:
            told = f"{self.name}: channels times width, {self.channels} · {self.width}, must be a"
            raise ValueError(f"{told} multiple of 64: change one of them")

    @property
    def name(self) -> str:
        """The shortest text of this shape, see `parse`."""
        family, groups, width, usual = PLAIN if self.groups == 1 else PATHS
        known = [layers for layers, units in LAYERS.items() if units == self.units]
        if known and self.channels == 64 and self.unit != "basic":
            words, usual = [f"{family}-{known[0]}"], "bottleneck"
        else:
            is_equal = len(self.units) == 3 and len({*self.units}) == 1
            blocks = ".".join(map(str, self.units[:1] if is_equal else self.units))
            words = [f"{family}-{blocks}-{self.channels}"]
        words.append(self.unit if self.unit != usual else "")
        words.append(f"groups{self.groups}" if self.groups != groups else "")
        words.append(f"width{self.width}" if self.width != width else "")
        words.append(f"s{self.every}" if self.every != 1 else "")
        words.append(f"stride{self.stride}" if self.stride != 1 else "")
        words.append(self.stem if self.stem != STEMS[self.unit] else "")
        words.append(self.init if self.init != "fanin" else "")
        return "-".join(filter(None, words))


NUMBERS = {"s": "every", "stride": "stride", "groups": "groups", "width": "width"}
OPTIONS = NUMBERS | {"fanout": "init"}
OPTIONS |= dict.fromkeys(STEMS, "unit") | dict.fromkeys(STEMS.values(), "stem")
"""The words of a name: the field of `Shape` that each sets, to itself or the number behind it."""

UNKNOWN = (
    "a ResANN is named resann-N-C (N units in each of three blocks, C channels), resann-1.2.3-C "
    "(units block by block), or resann-26, resann-50, resann-101, with options such as -s3, "
    "-stride2, -cifar, -imagenet, -bottleneck, -preact, -fanout, -to4; a ResNeXt resnext-50, or "
    "resnext-N-C, with -groups32 and -width4 as well"
)


def parse(name: str) -> Shape:
    """The shape that a name such as "resann-25-32-s3" or "resann-50" stands for.

    Two numbers: units per block and channels; the units of three equal blocks, or those of each
    block, as in resann-2.2.2.2-16. One number: layers of a known bottleneck ResANN. Options: -s3
    an exit every 3 units, -stride2 a strided stem, -cifar or -imagenet the stem (bottleneck
    networks have the latter), -bottleneck torchvision's bottleneck units, -preact the authors',
    -fanout another initialisation. A name that begins with resnext has 32 paths of width 4, unless
    -groups16 or -width8 say otherwise. Raises ValueError for any other name.

    >>> parse("resann-4-16-stride2").units
    (4, 4, 4)
    """
    unknown = ValueError(f"unknown network {name!r}; {UNKNOWN}")
    match = re.fullmatch(r"(resann|resnext)-(\d+(?:\.\d+)*)(?:-(\d+))?((?:-[a-z]+\d*)*)", name)
    if match is None or (match[3] is None and match[2] not in LAYERS):
        raise unknown

    given: dict[str, Any] = {}
    for word, number in re.findall(r"-([a-z]+)(\d*)", match[4]):
        field = OPTIONS.get(word)
        if field is None or bool(number) != (word in NUMBERS):
            raise unknown
        if field in given:
            raise ValueError(f"{name!r} gives {field} twice; keep one of them")
        given[field] = int(number) if number else word

    _, groups, width, unit = PLAIN if match[1] == "resann" else PATHS
    options: dict[str, Any] = {"groups": groups, "width": width, "unit": unit}
    if match[3] is None:
        return Shape(LAYERS[match[2]], 64, **options | {"unit": "bottleneck"} | given)
    units = [int(number) for number in match[2].split(".")]
    return Shape(units * 3 if len(units) == 1 else units, int(match[3]), **options | given)


def resann(shape: Shape, num_classes: int, in_channels: int = 3) -> AnytimeNetwork:
    """Builds a ResANN with He initialisation (section 4)."""
    unit: Any = BasicUnit
    if shape.unit != "basic":
        is_preact = shape.unit == "preact"
        unit = partial(
            BottleneckUnit, preactivation=is_preact, groups=shape.groups, width=shape.width
        )
    units: list[Any] = []
    channels = shape.channels
    for block, count in enumerate(shape.units):
        for i in range(count):
            stride = 2 if block > 0 and i == 0 else 1
            units.append(unit(channels, shape.channels * 2**block, stride))
            channels = units[-1].channels

    ends = layers.ends(len(units), shape.every)
    heads = [Head(units[end - 1].channels, num_classes) for end in ends]

    # A unit without pre-activation starts with a convolution, so the stem has to normalise.
    norm = shape.unit == "bottleneck"
    stem = layers.stem(shape.stem, in_channels, shape.channels, shape.stride, norm)
    network = AnytimeNetwork(stem, layers.segments(units, ends), heads)
    layers.initialise(network, shape.init)
    network.name = shape.name
    network.made_for = {"num_classes": num_classes, "in_channels": in_channels}
    return network
