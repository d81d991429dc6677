"""Exits at named layers of any torch module, whose own answer is the last exit."""

from __future__ import annotations

import copy
import difflib
import math
import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from anytime.networks.attached import Attached, TokenHead, standardiser
from anytime.networks.base import Head
from anytime.networks.tracing import Pieces, traced


@torch.inference_mode(False)
def attach(
    backbone: nn.Module,
    exits: Sequence[str],
    num_classes: int,
    *,
    head: Callable[[int], nn.Module] | None = None,
    standardise: nn.Module | str | None = None,
    freeze: bool = False,
    image_shape: tuple[int, int, int] = (3, 224, 224),
) -> Attached:
    """Puts exits behind layers of a backbone, which becomes part of the network as it is.

    backbone: standardised images (N, C, H, W) -> logits (N, classes), those of the last exit.
    exits: names of layers, as in `backbone.named_modules()`, in any order.
    head: makes an exit of a number of channels. By default features (N, C, H, W) get a `Head`,
    and (N, H, W, C), tokens (N, T, C), and (N, C) a `TokenHead`.
    standardise: by default (pixels - mean) / 128, as in every network of the kit; "imagenet" for
    torchvision's weights; or a module of one's own.
    freeze: only the added heads learn, and the backbone's batch norms keep their statistics.
    image_shape: (C, H, W) of images that the backbone takes: it is tried on one.
    Raises ValueError, with the fix, where the layers or the backbone do not allow for exits.

    >>> import torchvision
    >>> backbone = torchvision.models.resnet18(num_classes=10)
    >>> attach(backbone, ["layer3", "layer2"], num_classes=10).exits
    ('layer2', 'layer3')
    """
    _check_names(backbone, exits)
    twin = copy.deepcopy(backbone)  # to try things on
    like = next(twin.parameters(), torch.empty(0))
    pixels = torch.linspace(-1, 1, math.prod(image_shape), dtype=like.dtype, device=like.device)
    image = pixels.reshape(1, *image_shape)
    answer = _answer(twin, image, num_classes)

    pieces = _pieces(twin, exits)
    network = Attached(backbone, pieces, standardiser(standardise))
    outputs = _outputs(Attached(twin, pieces, network.standardise), image, answer)

    for exit, (features, overwritten) in zip(network.exits, outputs, strict=True):
        first = _channels_first(features.shape, image_shape)
        channels = features.shape[1 if first else -1]
        made = head(channels) if head else (Head if first else TokenHead)(channels, num_classes)
        network.heads.append(_fitting(made, exit, features, num_classes))
        network.overwritten.append(overwritten)

    network.standardise.to(like.device)
    network.heads.train(backbone.training)
    network.training, network.frozen = backbone.training, freeze
    if freeze:
        backbone.requires_grad_(False).eval()
    return network


def from_text(text: str, num_classes: int, in_channels: int = 3) -> Attached:
    """A model of torchvision with exits, such as "torchvision:resnet18@layer2,layer3".

    Its weights are random. Raises ValueError for an unknown model or layer, with the nearest ones.
    """
    from torchvision import models  # here, as no other network needs torchvision

    match = re.fullmatch(r"torchvision:(\w+)@([\w.]+(?:,[\w.]+)*)", text)
    if not match:
        raise ValueError(f"{text!r} is not of the kind torchvision:resnet18@layer2,layer3")
    known = models.list_models(module=models)
    if match[1] not in known:
        raise ValueError(f"torchvision has no model {match[1]!r}{_nearest(match[1], known)}")

    backbone = models.get_model(match[1], weights=None, num_classes=num_classes)
    if in_channels != 3:
        first = next(layer for layer in backbone.modules() if isinstance(layer, nn.Conv2d))
        first.in_channels = in_channels
        weight = first.weight.new_empty(first.out_channels, in_channels, *first.kernel_size)
        first.weight = nn.Parameter(weight)
        first.reset_parameters()
    network = attach(
        backbone, match[2].split(","), num_classes, image_shape=(in_channels, 224, 224)
    )
    network.name = f"torchvision:{match[1]}@{','.join(network.exits)}"
    return network


def _check_names(backbone: nn.Module, exits: Sequence[str]) -> None:
    if isinstance(exits, str) or not exits:
        raise ValueError('exits are a list of layers, for instance ["layer2", "layer3"]')
    layers = dict(backbone.named_modules(remove_duplicate=False))
    del layers[""]
    names: dict[nn.Module, str] = {}
    for exit in exits:
        if exit not in layers:
            kind = type(backbone).__name__
            raise ValueError(f"{kind} has no layer {exit!r}{_nearest(exit, [*layers])}")
        if layers[exit] in names:
            raise ValueError(f"{names[layers[exit]]!r} and {exit!r} are one layer: name it once")
        names[layers[exit]] = exit


def _nearest(name: str, known: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(str(name), known, 4, 0.4)
    return f"; the nearest are {', '.join(nearest)}" if nearest else ""


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
    if not isinstance(answer, Tensor):
        raise ValueError(
            f"{kind} answers with a {type(answer).__name__}: wrap it in a module whose forward "
            "returns the logits alone"
        )
    if answer.shape != (1, num_classes):
        raise ValueError(
            f"{kind} answers with {(*answer.shape[1:],)}, not with {num_classes} classes: replace "
            f"its last layer first{_replacement(backbone, answer.shape[-1], num_classes)}"
        )
    return answer


def _replacement(backbone: nn.Module, width: int, num_classes: int) -> str:
    """What to type for another last layer, where that is a linear one of this width."""
    text = ""
    for name, layer in backbone.named_modules():
        if name and isinstance(layer, nn.Linear) and layer.out_features == width:
            place = re.sub(r"\.(\d+)", r"[\1]", f"backbone.{name}")
            text = f", {place} = nn.Linear({layer.in_features}, {num_classes})"
    return text


def _pieces(twin: nn.Module, exits: Sequence[str]) -> dict[bool, Pieces]:
    pieces = {}
    for training in (True, False):  # a forward pass may ask which one it is
        twin.train(training)
        pieces[training] = Pieces(traced(twin, exits))
    if pieces[True].exits != pieces[False].exits:
        kind, order = type(twin).__name__, ", ".join(pieces[True].exits)
        raise ValueError(f"{kind} has another order of its layers in training: {order}; name fewer")
    return pieces


@torch.no_grad()
def _outputs(trial: Attached, image: Tensor, answer: Tensor) -> list[tuple[Tensor, bool]]:
    """What the exits' layers give for an image, and whether a later layer may overwrite it."""
    outputs = []
    for exit, output in zip((*trial.exits, ""), trial.features(image), strict=True):
        if not isinstance(output, Tensor) or output.ndim not in (2, 3, 4) or len(output) != 1:
            what = (*output.shape,) if isinstance(output, Tensor) else type(output).__name__
            raise ValueError(
                f"layer {exit!r} gives {what} for one image, where an exit takes (1, C, H, W), "
                "(1, H, W, C), (1, T, C) or (1, C): name another layer"
            )
        outputs.append((output, output._version))

    last, _ = outputs.pop()
    if not last.is_meta and not torch.allclose(last, answer, 1e-3, 1e-4, equal_nan=True):
        raise ValueError(
            f"{type(trial.backbone).__name__} gives another answer step by step than as a whole: "
            "write a module with `num_exits` and `refine(images)`"
        )
    # A dropout in place does so in training only.
    drops = any(isinstance(m, nn.Dropout) and m.inplace for m in trial.backbone.modules())
    return [(output, drops or output._version > version) for output, version in outputs]


def _channels_first(shape: Sequence[int], image_shape: tuple[int, int, int]) -> bool:
    """Whether features are (N, C, H, W): not so if only the first two sizes are like an image's."""
    if len(shape) != 4:
        return False
    _, height, width = image_shape
    _, a, b, c = shape
    return b * width == c * height or a * width != b * height


@torch.no_grad()
def _fitting(head: nn.Module, exit: str, features: Tensor, num_classes: int) -> nn.Module:
    """The head, on the features' device, if it makes logits of them."""
    head.to(features).eval()
    shape = (*head(features).shape,)
    if shape != (1, num_classes):
        raise ValueError(
            f"the head of {exit!r} gives {shape} for one image, not {num_classes} logits"
        )
    return head
