"""What every anytime network is: a module that refines its answer, exit by exit.

The protocol is `num_exits` and `refine(images)`; any torch module with these two is trained,
evaluated, counted and predicted with. `AnytimeNetwork` is the usual way to get it.
"""

import copy
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Self

import torch
from torch import Tensor, nn

from anytime import names
from anytime.names import Named


class Standardise(nn.Module):
    """Pixels in 0 ... 255 -> (pixels - mean) / 128, the paper's input (section 4).

    mean: (C, H, W) per pixel, or (C, 1, 1) per channel; 0 until training sets it from the
    training images. It is part of the network's state, so a stored network takes raw pixels.
    Raises ValueError for images of another shape.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mean: Tensor = nn.Buffer(torch.zeros(1, 1, 1))
        self.spread: Tensor = nn.Buffer(torch.tensor(128.0), persistent=False)

    @property
    def is_set(self) -> bool:
        """Whether the mean is that of some images."""
        return bool(self.mean.any())

    def forward(self, pixels: Tensor) -> Tensor:
        pairs = zip(self.mean.shape, pixels.shape[1:], strict=False)
        # Without this, a gray image would silently be read as one of equal colours.
        if pixels.dim() != 4 or any(mean not in (1, size) for mean, size in pairs):
            raise ValueError(
                f"images of shape {tuple(pixels.shape)} do not fit the mean "
                f"{tuple(self.mean.shape)} of the training images; give (N, C, H, W) of that size"
            )
        return (pixels - self.mean) / self.spread

    def _load_from_state_dict(self, state_dict, prefix, *rest) -> None:
        # The mean's shape is that of the images a network was trained on.
        if prefix + "mean" in state_dict:
            self.mean = self.mean.new_empty(state_dict[prefix + "mean"].shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class ImageNet(Standardise):
    """Pixels in 0 ... 255 -> (pixels / 255 - mean) / std, as torchvision's weights expect them."""

    def __init__(self) -> None:
        super().__init__()
        mean, spread = 255 * torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
        self.mean, self.spread = mean[:, None, None], spread[:, None, None]


class Refining(Named, nn.Module):
    """A module that follows the protocol and has a name.

    name: the text that `networks.build` makes it from; unless it was given, that of the class and
    the arguments, or "" where these fit no text. made_for: what else `build` was told. made_with:
    the seed that it was built with, and a digest of what came out.
    """

    given = ("self", "num_classes", "in_channels")
    num_exits: int
    made_for: dict[str, Any]
    made_with: tuple[int | None, str | None] = (None, None)

    def refine(self, images: Tensor) -> Iterator[Tensor]:
        """Yields the logits (N, classes) of exit 1, 2, ..., K for images (N, C, H, W) in 0 ... 255.

        Work is done as the exits are asked for: nothing beyond the last one taken is computed.
        """
        raise NotImplementedError("a network with exits says in refine(images) what they answer")

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) images, pixels in 0 ... 255 -> (K, N, classes) logits of all exits."""
        return torch.stack(list(self.refine(images)))


class AnytimeNetwork(Refining):
    """A network with K exits: a stem, K segments in a row, and a head (an exit) after each.

    stem: standardised images (N, C, H, W) -> features. segments[k]: features -> features.
    heads[k]: features after segment k -> logits (N, classes).
    """

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
        self.num_exits = len(heads)

    def refine(self, images: Tensor) -> Iterator[Tensor]:
        """See `Refining.refine`."""
        features = self.stem(self.standardise(images))
        for segment, head in zip(self.segments, self.heads, strict=True):
            features = segment(features)
            yield head(features)

    def up_to(self, exit: int) -> Self:
        """The network that ends at an exit (counted from 1); it shares this one's modules."""
        check_exit(exit, self.num_exits)
        shorter = copy.copy(self)
        parts = {"segments": self.segments[:exit], "heads": self.heads[:exit]}
        shorter._modules = {**self._modules, **parts}
        shorter.name, shorter.num_exits = names.up_to(self.name, exit), exit
        return shorter.train(self.training)


class Exits(Refining):
    """The exits of a network of any kind, or the first ones alone; it shares its modules.

    exit: the last one, counted from 1.
    """

    network: Any

    def __init__(self, network: Any, exit: int | None = None) -> None:
        super().__init__()
        self.network, self.num_exits = network, exit or network.num_exits
        if exit is not None:
            check_exit(exit, network.num_exits)
            self.name = names.up_to(network.name, exit)

    def refine(self, images: Tensor) -> Iterator[Tensor]:
        """See `Refining.refine`."""
        return islice(self.network.refine(images), self.num_exits)


class Head(nn.Sequential):
    """An exit: ReLU, global average pooling, linear (section 4)."""

    def __init__(self, channels: int, num_classes: int) -> None:
        pool, linear = nn.AdaptiveAvgPool2d(1), nn.Linear(channels, num_classes)
        super().__init__(nn.ReLU(), pool, nn.Flatten(), linear)


class TokenHead(nn.Module):
    """An exit where channels come last, (N, ..., C): layer norm, mean over positions, linear.

    The mean, and not a class token: that has gathered little where exits are, and not every
    backbone has one.
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(channels), nn.Linear(channels, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        tokens = self.norm(features).reshape(features.shape[0], -1, features.shape[-1])
        return self.linear(tokens.mean(1))


def device_of(network: nn.Module) -> torch.device:
    """Where a network's parameters lie; the CPU where it has none."""
    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))


def state_digest(state: Mapping[str, Tensor]) -> str:
    """A short text that tells states apart, whatever device they lie on.

    The mean of the input is left out: it follows from the training images.
    """
    digest = hashlib.blake2b(digest_size=8)
    for key, value in state.items():
        if not key.endswith("standardise.mean"):
            digest.update(f"{key} {tuple(value.shape)} {value.dtype}".encode())
            flat = value.detach().cpu().contiguous().flatten()
            digest.update(flat.view(torch.uint8).numpy().tobytes())  # numpy has no bfloat16
    return digest.hexdigest()


def check_exits(network: Any) -> None:
    """Raises TypeError, with the fix, for what does not follow the protocol."""
    if lacking := {"num_exits", "refine"} - {*dir(network)}:
        told = f"{network!r:.60} is no network with exits: it lacks {', '.join(sorted(lacking))}"
        raise TypeError(f"{told}; networks.build makes one, networks.attach puts exits on another")


def check_exit(exit: int, num_exits: int) -> None:
    if exit not in range(1, num_exits + 1):
        raise ValueError(f"exit must be between 1 and {num_exits}, not {exit}")
