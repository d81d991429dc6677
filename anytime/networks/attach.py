"""Exits at named layers of any torch module, whose own answer is the last exit."""

import copy
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import torch
from torch import Tensor, fx, nn

from anytime.names import nearest
from anytime.networks.base import Head, ImageNet, Refining, Standardise, TokenHead
from anytime.networks.tracing import exits_of, steps, traced


class Attached(Refining):
    """A backbone, as it is, with exits behind layers of it; its own answer is the last exit.

    backbone: standardised images (N, C, H, W) -> logits (N, classes), those of the last exit.
    exits: names of layers, as in `backbone.named_modules()`, in any order; then, as an attribute,
    in the order in which the backbone comes to them.
    head: makes an exit of a number of channels. By default features (N, C, H, W) get a `Head`,
    and (N, H, W, C), tokens (N, T, C), and (N, C) a `TokenHead`.
    standardise: by default (pixels - mean) / 128, as in every network of the kit; "imagenet" for
    torchvision's weights; or a module of one's own.
    freeze: only the added heads learn, and the backbone stays in evaluation mode.
    image_shape: (C, H, W) of images that the backbone takes: it is tried on one.
    Raises ValueError, with the fix, where the layers or the backbone do not allow for exits.

    >>> import torchvision
    >>> backbone = torchvision.models.resnet18(num_classes=10)
    >>> attach(backbone, ["layer3", "layer2"], num_classes=10).exits
    ('layer2', 'layer3')
    """

    def __init__(
        self,
        backbone: nn.Module,
        exits: Sequence[str],
        num_classes: int,
        *,
        head: Callable[[int], nn.Module] | None = None,
        standardise: nn.Module | str | None = None,
        freeze: bool = False,
        image_shape: tuple[int, int, int] = (3, 224, 224),
    ) -> None:
        super().__init__()
        self.arguments = None  # a backbone fits no text
        if standardise in (None, "imagenet"):
            standardise = ImageNet() if standardise else Standardise()
        if not isinstance(standardise, nn.Module):
            raise ValueError(f"standardise must be 'imagenet' or a module, not {standardise!r}")
        _check_names(backbone, exits)

        twin = copy.deepcopy(backbone)  # to try things on
        like = next(twin.parameters(), torch.empty(0))
        image = torch.linspace(-1, 1, math.prod(image_shape)).reshape(1, *image_shape).to(like)
        answer = _answer(twin, image, num_classes)
        # A forward pass may ask which mode it is in.
        self.graphs = {mode: traced(twin.train(mode), exits) for mode in (True, False)}
        self.exits, self.num_exits = exits_of(self.graphs[False]), len(exits) + 1
        self.standardise, self.backbone = standardise.to(like.device), backbone
        self.heads, self.frozen = nn.ModuleList(), freeze

        for features in _features(self.graphs, twin, image, answer):
            first = _channels_first(features.shape, image_shape)
            channels = features.shape[1 if first else -1]
            made = head(channels) if head else (Head if first else TokenHead)(channels, num_classes)
            self.heads.append(made.to(features))
        if freeze:
            backbone.requires_grad_(False)
        self.train(backbone.training)

    def train(self, mode: bool = True) -> Self:
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


attach = Attached


def from_text(text: str, num_classes: int, in_channels: int = 3) -> Attached:
    """A model of torchvision with exits, such as "torchvision:resnet18@layer2,layer3".

    Its weights are random. Raises ValueError for an unknown model or layer, with the nearest ones,
    and for images of other than three channels.
    """
    from torchvision import models  # here, as no other network needs torchvision

    match = re.fullmatch(r"torchvision:(\w+)@([\w.]+(?:,[\w.]+)*)", text)
    if not match:
        raise ValueError(f"{text!r} is not of the kind torchvision:resnet18@layer2,layer3")
    model, exits = match[1], match[2].split(",")
    known = models.list_models(module=models)
    if model not in known:
        raise ValueError(f"torchvision has no model {model!r}{nearest(model, known)}")
    if in_channels != 3:
        raise ValueError(
            f"{model} takes images of 3 channels, not {in_channels}: change its first layer, and "
            "use networks.attach"
        )

    backbone = models.get_model(model, weights=None, num_classes=num_classes)
    network = attach(backbone, exits, num_classes)
    network.name = f"torchvision:{model}@{','.join(network.exits)}"
    return network


def _check_names(backbone: nn.Module, exits: Sequence[str]) -> None:
    if isinstance(exits, str) or not exits or len({*exits}) < len(exits):
        raise ValueError('exits are layers, each named once, for instance ["layer2", "layer3"]')
    layers = [name for name, _ in backbone.named_modules() if name]
    for exit in exits:
        if exit not in layers:
            kind = type(backbone).__name__
            raise ValueError(f"{kind} has no layer {exit!r}{nearest(str(exit), layers)}")


@torch.no_grad()
def _answer(backbone: nn.Module, image: Tensor, num_classes: int) -> Tensor:
    """The backbone's own logits (1, classes) for a standardised image (1, C, H, W)."""
    kind = type(backbone).__name__
    try:
        answer = backbone.eval()(image)
    except Exception as error:
        raise ValueError(
            f"{kind} fails on an image of shape {(*image.shape[1:],)}: {error}; say which shape it "
            "takes, image_shape=(C, H, W)"
        ) from error
    if _shape(answer) != (1, num_classes):
        raise ValueError(
            f"{kind} answers with {_shape(answer)}, not with logits {(1, num_classes)}: replace "
            "its last layer first, or wrap it in a module whose forward returns the logits alone"
        )
    return answer


def _shape(output: Any) -> tuple[Any, ...]:
    """The shape of a tensor, and the kind of anything else."""
    return (*output.shape,) if isinstance(output, Tensor) else (type(output).__name__,)


@torch.no_grad()
def _features(
    graphs: dict[bool, fx.Graph], twin: nn.Module, image: Tensor, answer: Tensor
) -> list[Tensor]:
    """What the exits' layers give for an image, if the graphs do what the backbone does."""
    exits = exits_of(graphs[False])
    *outputs, last = steps(graphs[False], twin, image)
    same = last.is_meta or torch.allclose(last, answer, 1e-3, 1e-4, equal_nan=True)
    if exits != exits_of(graphs[True]) or not same:
        raise ValueError(
            f"{type(twin).__name__} gives another answer step by step than as a whole, or has "
            "another order in training: write a module with `num_exits` and `refine(images)`"
        )
    for exit, output in zip(exits, outputs, strict=True):
        shape = _shape(output)
        if len(shape) not in (2, 3, 4) or shape[0] != 1:
            raise ValueError(
                f"layer {exit!r} gives {shape} for one image, where an exit takes (1, C, H, W), "
                "(1, H, W, C), (1, T, C) or (1, C): name another layer"
            )
    return outputs


def _channels_first(shape: Sequence[int], image_shape: tuple[int, int, int]) -> bool:
    """Whether features are (N, C, H, W): not so if only the first two sizes are like an image's."""
    if len(shape) != 4:
        return False
    _, height, width = image_shape
    _, a, b, c = shape
    return b * width == c * height or a * width != b * height
