"""A network's copy for prediction alone: the same answers, sooner on a CPU."""

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def folded(module: nn.Module) -> nn.Module:
    """A module that predicts the same, up to rounding, in evaluation mode.

    Where an nn.Sequential has a batch norm right behind a convolution, the two are run as one
    convolution. This is done for exactly these layers, and not in a network with hooks: a backbone
    with its layers in other places, as a ResNet's blocks have them, runs as it is. All other
    parameters are shared with the original; what is changed keeps the weights of now, where they
    are now. Raises ValueError for a module in training.
    """
    if module.training:
        raise ValueError("a network can be folded in evaluation mode only: call eval() first")
    if any(part._forward_hooks or part._forward_pre_hooks for part in module.modules()):
        return module  # a hook may read, or change, what would not be there

    tensors = [*module.parameters(), *module.buffers()]
    twin = copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})
    changes = [_change(part) for part in [*twin.modules()]]
    return twin if any(changes) else module


def _change(part: nn.Module) -> bool:
    """Folds what lies in this part itself, and says whether there was anything."""
    has_own = type(part).forward is not nn.Sequential.forward or "forward" in vars(part)
    if not isinstance(part, nn.Sequential) or has_own:
        return False

    row: list[nn.Module] = []
    for child in part:
        fused = _fused(row[-1], child) if row else None
        if fused is None:
            row.append(child)
        else:
            row[-1] = fused
    # The children stay what they were, for whoever calls one of them alone.
    vars(part)["forward"] = nn.Sequential(*row).forward
    return len(row) < len(part)


def _fused(conv: Any, norm: Any) -> nn.Conv2d | None:
    """A convolution and a batch norm in one, if it is exactly these, in evaluation mode."""
    kinds = type(conv), type(norm)
    # A subclass, or another `forward`, may compute more.
    if kinds != (nn.Conv2d, nn.BatchNorm2d) or "forward" in vars(conv) | vars(norm):
        return None
    fit = norm.running_mean is not None and conv.out_channels == norm.num_features
    if not fit or conv.training or norm.training:
        return None
    return fuse_conv_bn_eval(conv, norm).to(memory_format=torch.channels_last)
