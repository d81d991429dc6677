"""A backbone with exits at its layers, and what such exits are made of; `attach` makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, fx, nn

from anytime.networks.base import Refining, Standardise
from anytime.networks.tracing import exits_of, steps


class Attached(Refining):
    """A backbone with K exits: K - 1 heads behind layers of it, and its own answer; see `attach`.

    graphs: the backbone's forward pass in training (True) and in evaluation mode (False).
    exits: the layers' names, in the order in which the backbone comes to them.
    heads[k]: the output of layer exits[k] -> logits (N, classes).
    frozen: whether only the heads learn, and the backbone stays in evaluation mode.
    """

    def __init__(
        self,
        backbone: nn.Module,
        graphs: dict[bool, fx.Graph],
        heads: Sequence[nn.Module],
        standardise: nn.Module,
        frozen: bool,
    ) -> None:
        super().__init__()
        self.standardise, self.backbone = standardise, backbone
        self.heads = nn.ModuleList(heads)
        self.graphs, self.frozen = graphs, frozen
        self.exits = exits_of(graphs[False])
        self.num_exits = len(self.exits) + 1
        if frozen:
            backbone.requires_grad_(False)
        self.train(backbone.training)

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
        graph = self.graphs[self.backbone.training]
        outputs = steps(graph, self.backbone, self.standardise(images))
        for head, features in zip(self.heads, outputs, strict=False):
            yield head(features.clone())  # the next layer, or the head, may work in place
        yield next(outputs)


class ImageNet(Standardise):
    """Pixels in 0 ... 255 -> (pixels / 255 - mean) / std, as torchvision's weights expect them."""

    def __init__(self) -> None:
        super().__init__()
        mean, spread = 255 * torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
        self.mean, self.spread = mean[:, None, None], spread[:, None, None]


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
