"""MSDNet: dense layers at several resolutions at once, with an exit after each block.

Huang et al., Multi-Scale Dense Networks for Resource Efficient Image Classification, ICLR 2018,
with the layers of its release for PyTorch.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from anytime.networks import layers
from anytime.networks.base import AnytimeNetwork, Head


class MSDNet(AnytimeNetwork):
    """Dense layers at scales from fine to coarse, in blocks; each exit reads the coarsest scale.

    The layers of a block are computed at all of their scales, as in the release, though its own
    exit would not need the finer ones of the last layer: the next block starts from them.

    blocks: the number of exits.
    channels: behind the first layer at a scale of factor 1.
    growth: the channels that a layer adds there.
    base, step, step_mode: layers of the first block, and of the others: "even", step each, or
    "lin_grow", step · i + 1 for i = 1, 2, ...
    scales: each scale's factor, for channels and growth; the text of (1, 2, 4) is 1x2x4.
    bottleneck: the widths of the 1x1 convolutions in front of the others, in numbers of channels
    that these give, by the scale that is read; False for no such convolutions.
    reduction: the part of the channels that is left where scales end; 0 leaves all.
    prune: "max", where one scale after the other ends in even parts of the network, or "min",
    where they do in the last layers.
    stem: "cifar" (3x3 convolution) or "imagenet" (7x7 convolution and max pooling, both with
    stride 2, and heads that keep their channels).
    Raises ValueError where these do not fit together.
    """

    known_as = "msdnet"

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        blocks: int = 7,
        channels: int = 16,
        growth: int = 6,
        base: int = 4,
        step: int = 2,
        step_mode: str = "even",
        scales: tuple[int, ...] = (1, 2, 4),
        bottleneck: tuple[int, ...] | bool = (1, 2, 4),
        reduction: float = 0.5,
        prune: str = "max",
        stem: str = "cifar",
    ) -> None:
        layers.check_whole(blocks=blocks, channels=channels, growth=growth, base=base, step=step)
        layers.check_choice(step_mode=(step_mode, "even", "lin_grow"))
        layers.check_choice(prune=(prune, "max", "min"), stem=(stem, "cifar", "imagenet"))
        factors = _factors(scales, bottleneck, growth)
        if not 0 <= reduction <= 1:
            raise ValueError(f"reduction={reduction} must be between 0 and 1")

        later = [step if step_mode == "even" else step * i + 1 for i in range(1, blocks)]
        ends = [*accumulate([base, *later])]
        made = _layers(ends[-1], channels, growth, factors, reduction, prune)
        rows, widths = zip(*made, strict=True)

        heads = [Coarsest(widths[end - 1] * scales[-1], stem, num_classes) for end in ends]
        first = FirstLayer(in_channels, [channels * factor for factor in scales], stem)
        super().__init__(first, layers.segments(rows, ends), heads)
        self.made_for = {"num_classes": num_classes, "in_channels": in_channels}
        layers.initialise(self)


class FirstLayer(nn.ModuleList):
    """(N, C, H, W) -> features (N, C_s, H_s, W_s) at each scale s, from the finer one."""

    def __init__(self, channels_in: int, channels: list[int], stem: str) -> None:
        finest = layers.stem(stem, channels_in, channels[0], bias=True)
        coarser = [layers.conv_norm_relu(a, b, 3, 2) for a, b in pairwise(channels)]
        super().__init__([finest, *coarser])

    def forward(self, features: Tensor) -> list[Tensor]:
        return [features := convolution(features) for convolution in self]


class DenseLayer(nn.ModuleList):
    """Adds channels at the scales that are kept, the `after` coarsest ones.

    It has a row of modules for each: the last reads the scale itself, one before it the finer one,
    if that was among the `before` coarsest ones, at which there were features.
    """

    def __init__(self, width: int, growth: int, factors: Any, before: int, after: int) -> None:
        super().__init__()
        scales, inner = factors
        for s in range(len(scales) - after, len(scales)):
            new, row = growth * scales[s], nn.ModuleList()
            if s > len(scales) - before:
                new //= 2
                row.append(_convolution(width * scales[s - 1], new, inner[s - 1], stride=2))
            self.append(row.append(_convolution(width * scales[s], new, inner[s])))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        outputs, rows = [], cast(Iterable[nn.ModuleList], self)
        for s, row in enumerate(rows, len(features) - len(self)):
            read = features[s + 1 - len(row) : s + 1]
            new = [module(scale) for module, scale in zip(row, read, strict=True)]
            outputs.append(torch.cat([features[s], *new], 1))
        return outputs


class Transition(nn.ModuleList):
    """Reduces the channels at each scale."""

    def __init__(self, width: int, narrow: int, scales: tuple[int, ...]) -> None:
        super().__init__(layers.conv_norm_relu(width * f, narrow * f, 1) for f in scales)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return [module(scale) for module, scale in zip(self, features, strict=True)]


class Coarsest(nn.Sequential):
    """An exit: two convolutions of the coarsest scale with stride 2, and a `Head`."""

    def __init__(self, channels_in: int, stem: str, num_classes: int) -> None:
        channels = 128 if stem == "cifar" else channels_in
        first = layers.conv_norm_relu(channels_in, channels, 3, stride=2)
        second = layers.conv_norm_relu(channels, channels, 3, stride=2)
        super().__init__(first, second, Head(channels, num_classes))

    def forward(self, features: list[Tensor]) -> Tensor:
        return super().forward(features[-1])


def _layers(
    count: int, width: int, growth: int, factors: Any, reduction: float, prune: str
) -> Iterator[tuple[nn.Module, int]]:
    """Layer after layer, with the channels behind it at a scale of factor 1."""
    scales, _ = factors
    kept = [_kept(layer, count, len(scales), prune) for layer in range(count + 1)]
    for layer, (before, after) in enumerate(pairwise(kept), 1):
        row = nn.Sequential(DenseLayer(width, growth, factors, before, after))
        width += growth

        reduced = after < before if prune == "max" else layer in (count // 3, 2 * count // 3)
        if reduced and reduction:
            narrow = max(1, int(reduction * width))
            row.append(Transition(width, narrow, scales[-after:]))
            width = narrow
        yield row, width


def _kept(layer: int, count: int, scales: int, prune: str) -> int:
    """At how many scales there are features behind a layer, counted from 1."""
    if prune == "min":
        return min(scales, count - layer + 1)
    return scales - max(0, layer - 1) // -(-count // scales)


def _convolution(channels_in: int, channels: int, inner: int, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution, behind a 1x1 convolution to at most `inner` times its channels."""
    narrow = min(channels_in, inner * channels) if inner else channels_in
    first = [layers.conv_norm_relu(channels_in, narrow, 1)] if inner else []
    return nn.Sequential(*first, layers.conv_norm_relu(narrow, channels, 3, stride))


def _factors(scales: Any, bottleneck: Any, growth: int) -> tuple[Any, Any]:
    """The factors of growth and of the inner width by scale, where these fit together."""
    inner = scales if bottleneck is False else bottleneck
    layers.check_factors(scales=scales, bottleneck=inner)
    if len(inner) != len(scales):
        raise ValueError(f"bottleneck={bottleneck} must have a factor for each of scales={scales}")
    # Half of what a coarser scale gets comes from the finer one.
    if odd := [factor for factor in scales[1:] if growth * factor % 2]:
        raise ValueError(f"growth={growth} cannot be halved at a factor {odd[0]}: take an even one")
    return scales, inner if bottleneck else (0,) * len(scales)
