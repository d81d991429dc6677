"""What every anytime network is: a chain of segments with an exit after each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """Pixels in 0 ... 255 -> (pixels - mean) / 128, the paper's input (section 4).

    mean: (C, H, W) per pixel, or (C, 1, 1) per channel; 0 until training sets it from the
    training images. It is part of the network's state, so a stored network takes raw pixels.
    Raises ValueError for images of another shape.
    """

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        pairs = zip(self.mean.shape, pixels.shape[1:], strict=False)
        # Without this, a gray image would silently be read as one of equal colours.
        if pixels.dim() != 4 or any(mean not in (1, size) for mean, size in pairs):
            raise ValueError(
                f"images of shape {tuple(pixels.shape)} do not fit the mean "
                f"{tuple(self.mean.shape)} of the training images; give (N, C, H, W) of that size"
            )
        return (pixels - self.mean) / 128.0

    def _load_from_state_dict(self, state_dict, prefix, *rest) -> None:
        # The mean's shape is that of the images a network was trained on.
        if prefix + "mean" in state_dict:
            self.mean = self.mean.new_empty(state_dict[prefix + "mean"].shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class AnytimeNetwork(nn.Module):
    """A network with K exits: a stem, K segments in a row, and a head (an exit) after each.

    stem: standardised images (N, C, H, W) -> features. segments[k]: features -> features.
    heads[k]: features after segment k -> logits (N, classes).
    """

    name: str = ""

    def __init__(
        self, stem: nn.Module, segments: Sequence[nn.Module], heads: Sequence[nn.Module]
    ) -> None:
        super().__init__()
        self.standardise = Standardise()
        if not segments or len(segments) != len(heads):
            raise ValueError(f"{len(segments)} segments need as many heads, not {len(heads)}")
        self.stem = stem
        self.segments = nn.ModuleList(segments)
        self.heads = nn.ModuleList(heads)

    @property
    def num_exits(self) -> int:
        return len(self.heads)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) images, pixels in 0 ... 255 -> (K, N, classes) logits of all exits."""
        return torch.stack(list(self.refine(images)))

    def refine(self, images: Tensor) -> Iterator[Tensor]:
        """Yields the logits (N, classes) of exit 1, 2, ..., K.

        Work is done as the exits are asked for: nothing beyond the last one taken is computed.
        """
        features = self.stem(self.standardise(images))
        for segment, head in zip(self.segments, self.heads, strict=True):
            features = segment(features)
            yield head(features)

    def up_to(self, exit: int) -> AnytimeNetwork:
        """The network that ends at an exit (counted from 1); it shares this one's modules."""
        if not 1 <= exit <= self.num_exits:
            raise ValueError(f"exit must be between 1 and {self.num_exits}, not {exit}")
        shorter = AnytimeNetwork(self.stem, self.segments[:exit], self.heads[:exit])
        shorter.standardise = self.standardise
        whole = self.name.partition("-to")[0]
        shorter.name = f"{whole}-to{exit}" if whole else ""
        return shorter.train(self.training)


class Head(nn.Sequential):
    """An exit: ReLU, global average pooling, linear (section 4)."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__(
            nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes)
        )
