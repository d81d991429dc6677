"""A network's copy for prediction alone: the same answers, sooner on a CPU."""

import copy
from typing import Any

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from anytime.networks.attach import Attached
from anytime.networks.tracing import traced


def folded(module: nn.Module) -> nn.Module:
    """A module that predicts the same, up to rounding, in evaluation mode.

    Where an nn.Sequential, or the backbone of a network made by `attach`, has a batch norm right
    behind a convolution, the two are run as one convolution. This is done for exactly these
    layers, and not in a network with hooks. All other parameters are shared with the original;
    what is changed keeps the weights of now, where they are now. Raises ValueError for a module in
    training.
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
    if type(part) is Attached and not part.backbone.training:
        return _fold_graph(part)
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


def _fold_graph(network: Attached) -> bool:
    """The same in the graph of a backbone, opened so far that torch.nn's layers are its nodes."""
    try:
        graph = traced(copy.deepcopy(network.backbone), network.exits, all_open=True)
    except ValueError:
        return False  # some part cannot be opened; the nn.Sequentials in it are folded all the same

    layers = dict(network.backbone.named_modules())
    convolutions = nn.ModuleList()
    for node in graph.find_nodes(op="call_module"):
        source = node.args[0]
        # Neither an exit nor another layer may read what the convolution alone gives.
        if not isinstance(source, fx.Node) or len(source.users) > 1 or "exit" in source.meta:
            continue
        conv = layers.get(source.target) if source.op == "call_module" else None
        fused = _fused(conv, layers[node.target])
        if fused is not None:
            source.target, source.meta = f"folded.{len(convolutions)}", node.meta
            convolutions.append(fused)
            node.replace_all_uses_with(source)
            graph.erase_node(node)

    network.backbone.add_module("folded", convolutions.eval())
    network.graphs[False] = graph
    return len(convolutions) > 0


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
