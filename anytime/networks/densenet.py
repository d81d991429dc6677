"""DenseNet: each layer reads what all layers before it in its block gave, with exits behind layers.

Huang et al., Densely Connected Convolutional Networks, CVPR 2017: the variant BC, with
bottlenecks and compression.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from anytime.networks import layers
from anytime.networks.base import AnytimeNetwork, Head


class DenseNet(AnytimeNetwork):
    """Blocks of dense layers, and transitions between them that halve the resolution.

    By default it is DenseNet-121 with an exit behind each of its 58 dense layers.

    blocks: dense layers by block; the text of (6, 12, 24, 16) is 6x12x24x16.
    growth: the channels that a dense layer adds.
    channels: those of the stem.
    bottleneck: the width of a layer's 1x1 convolution, in numbers of its new channels.
    compression: the part of the channels that a transition leaves.
    every: an exit every so many dense layers, counted from the last.
    stem: "imagenet" (7x7 convolution and max pooling, both with stride 2) or "cifar" (3x3
    convolution).
    Raises ValueError where these do not fit together.
    """

    known_as = "densenet"

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        blocks: tuple[int, ...] = (6, 12, 24, 16),
        growth: int = 32,
        channels: int = 64,
        bottleneck: int = 4,
        compression: float = 0.5,
        every: int = 1,
        stem: str = "imagenet",
    ) -> None:
        layers.check_factors(blocks=blocks)
        layers.check_whole(growth=growth, channels=channels, bottleneck=bottleneck, every=every)
        layers.check_choice(stem=(stem, "imagenet", "cifar"))
        if not 0 < compression <= 1:
            raise ValueError(f"compression={compression} must be above 0, and at most 1")

        made = _units(blocks, channels, growth, bottleneck, compression)
        units, widths = zip(*made, strict=True)
        ends = layers.ends(len(units), every)
        read = [widths[end - 1] for end in ends]
        heads = [nn.Sequential(nn.BatchNorm2d(w), Head(w, num_classes)) for w in read]
        first = layers.stem(stem, in_channels, channels, norm=False)
        super().__init__(first, layers.segments(units, ends), heads)
        self.made_for = {"num_classes": num_classes, "in_channels": in_channels}
        layers.initialise(self)


class DenseUnit(nn.Module):
    """BN-ReLU-1x1-BN-ReLU-3x3, whose output is put behind the channels of its input."""

    def __init__(self, channels_in: int, growth: int, bottleneck: int) -> None:
        super().__init__()
        width = bottleneck * growth
        self.new = nn.Sequential(
            *layers.norm_relu(channels_in),
            nn.Conv2d(channels_in, width, 1, bias=False),
            *layers.norm_relu(width),
            nn.Conv2d(width, growth, 3, padding=1, bias=False),
        )

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([features, self.new(features)], 1)


class Transition(nn.Sequential):
    """BN-ReLU-1x1 to fewer channels, and 2x2 average pooling."""

    def __init__(self, channels_in: int, channels: int) -> None:
        conv = nn.Conv2d(channels_in, channels, 1, bias=False)
        super().__init__(*layers.norm_relu(channels_in), conv, nn.AvgPool2d(2))

    def forward(self, features: Tensor) -> Tensor:
        if min(features.shape[2:]) < 2:
            raise ValueError(
                "the images are too small for so many blocks of a densenet: take larger ones, "
                "fewer blocks, such as blocks=6x12, or stem=cifar"
            )
        return super().forward(features)


def _units(
    blocks: tuple[int, ...], width: int, growth: int, bottleneck: int, compression: float
) -> Iterator[tuple[nn.Module, int]]:
    """Dense layer after dense layer, a transition in front of it where there is one, its width."""
    for block, count in enumerate(blocks):
        for i in range(count):
            unit = nn.Sequential()
            if block > 0 and i == 0:
                narrow = max(1, int(compression * width))
                unit.append(Transition(width, narrow))
                width = narrow
            unit.append(DenseUnit(width, growth, bottleneck))
            width += growth
            yield unit, width
