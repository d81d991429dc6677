"""A backbone with exits at its layers, and what such exits are made of; `attach` makes them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from anytime.networks.base import Refining, Standardise
from anytime.networks.tracing import Pieces


class Attached(Refining):
    """A backbone with K exits: K - 1 heads behind layers of it, and its own answer; see `attach`.

    exits: the layers' names, in the order in which the backbone comes to them.
    heads[k]: the output of layer exits[k] -> logits (N, classes).
    overwritten[k]: whether a later layer of the backbone may work in place on that output.
    frozen: whether the backbone stays in evaluation mode.
    """

    def __init__(
        self, backbone: nn.Module, pieces: dict[bool, Pieces], standardise: nn.Module
    ) -> None:
        super().__init__()
        self.standardise, self.backbone, self.heads = standardise, backbone, nn.ModuleList()
        self.pieces, self.frozen = pieces, False
        self.overwritten: list[bool] = []
        self.exits = pieces[False].exits
        self.num_exits = len(self.exits) + 1

    def train(self, mode: bool = True) -> Attached:
        """Goes into training or evaluation mode; a frozen backbone stays in the latter."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def refine(self, images: Tensor) -> Iterator[Tensor]:
        """See `Refining.refine`.

        The backbone's forward pass goes as far as the layer of the last exit taken.
        """
        features = self.features(self.standardise(images))
        for head, overwritten, output in zip(self.heads, self.overwritten, features, strict=False):
            yield head(output.clone() if overwritten else output)
        yield next(features)

    def features(self, images: Tensor) -> Iterator[Tensor]:
        """Yields the outputs of the exits' layers for standardised images, and then the answer."""
        return self.pieces[self.backbone.training].run(self, images)


class ImageNet(nn.Module):
    """Pixels in 0 ... 255 -> (pixels / 255 - mean) / std, as torchvision's weights expect them."""

    def __init__(self) -> None:
        super().__init__()
        centre, spread = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
        # Not named mean: that is what training sets, from its own images.
        self.register_buffer("centre", centre[:, None, None], persistent=False)
        self.register_buffer("spread", spread[:, None, None], persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        if pixels.ndim != 4 or pixels.shape[1] != 3:
            raise ValueError(f"images must be (N, 3, H, W) here, not {(*pixels.shape,)}")
        return (pixels / 255 - self.centre) / self.spread


def standardiser(choice: nn.Module | str | None) -> nn.Module:
    """The module that `attach` means by its argument `standardise`."""
    if isinstance(choice, nn.Module):
        return choice
    if choice not in (None, "imagenet"):
        raise ValueError(f"standardise must be 'imagenet' or a module, not {choice!r}")
    return ImageNet() if choice else Standardise()


class TokenHead(nn.Module):
    """An exit where channels come last, (N, ..., C): layer norm, mean over positions, linear.

    The mean, and not a class token: that has gathered little where exits are, and not every
    backbone has one.
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(channels), nn.Linear(channels, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        tokens = self.norm(features).reshape(len(features), -1, features.shape[-1])
        return self.linear(tokens.mean(1))
