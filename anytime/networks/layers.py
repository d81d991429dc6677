"""What the families of networks are made of: rows of layers, stems, first weights, exits."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import nn

from anytime.networks.base import device_of


def norm_relu(channels: int) -> list[nn.Module]:
    """Batch norm and ReLU."""
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def conv_norm_relu(channels_in: int, channels: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution that keeps the size, or divides it by the stride; batch norm and ReLU."""
    conv = nn.Conv2d(channels_in, channels, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, *norm_relu(channels))


def stem(
    kind: str,
    channels_in: int,
    channels: int,
    stride: int = 1,
    norm: bool = True,
    bias: bool = False,
) -> nn.Sequential:
    """The layers in front of all others.

    kind: "cifar", a 3x3 convolution, or "imagenet", a 7x7 convolution and max pooling, both with
    stride 2.
    stride: of the 3x3 convolution.
    norm: whether batch norm and ReLU follow that one.
    bias: whether the 7x7 convolution has one.
    """
    if kind == "imagenet":
        conv = nn.Conv2d(channels_in, channels, 7, 2, 3, bias=bias)
        return nn.Sequential(conv, *norm_relu(channels), nn.MaxPool2d(3, 2, 1))
    conv = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
    return nn.Sequential(conv, *(norm_relu(channels) if norm else []))


def ends(count: int, every: int) -> list[int]:
    """After which of so many units an exit is: every few, counted from the last."""
    return [*range(count, 0, -every)][::-1]


def segments(units: Sequence[nn.Module], ends: Sequence[int]) -> list[nn.Sequential]:
    """Units in a row, cut after each of the ends; the last end is that of the row."""
    return [nn.Sequential(*units[start:end]) for start, end in pairwise([0, *ends])]


def initialise(network: nn.Module, init: str = "fanin") -> None:
    """Draws He's first weights: a variance of 2 over the inputs of a unit, as the authors.

    It is that of convolutions and linear layers. init: "fanin", or "fanout", which takes the
    outputs of a convolution, and a variance of 1 over the inputs of a linear layer.
    """
    if device_of(network).type == "meta":
        return  # there it would take long to draw nothing
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            outputs, inputs = module.weight.shape[:2]
            fan = (inputs if init == "fanin" else outputs) * module.weight[0, 0].numel()
            nn.init.normal_(module.weight, std=(2 / fan) ** 0.5)
        elif isinstance(module, nn.Linear):
            variance = 2 if init == "fanin" else 1
            nn.init.normal_(module.weight, std=(variance / module.in_features) ** 0.5)
            nn.init.zeros_(module.bias)


def check_whole(**numbers: int) -> None:
    """Raises ValueError for what is no whole number from 1 on."""
    for name, number in numbers.items():
        if type(number) is not int or number < 1:
            raise ValueError(f"{name}={number} must be a whole number from 1 on")


def check_factors(**factors: Any) -> None:
    """Raises ValueError for what are not two whole numbers from 1 on, or more."""
    for name, chosen in factors.items():
        whole = isinstance(chosen, tuple) and all(type(n) is int and n >= 1 for n in chosen)
        if not whole or len(chosen) < 2:
            raise ValueError(f"{name}={chosen} must be whole numbers from 1 on, such as 1x2x4")


def check_choice(**choices: tuple[str, ...]) -> None:
    """Raises ValueError for what is none of those known: name=(chosen, known, known, ...)."""
    for name, (chosen, *known) in choices.items():
        if chosen not in known:
            raise ValueError(f"{name}={chosen} must be {' or '.join(known)}")
