"""What each exit costs: multiply-adds, parameters, measured time."""

import copy
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CIFAR = (3, 32, 32)


def multiply_adds(
    network: nn.Module, image_shape: tuple[int, ...] = CIFAR, convolutions_only: bool = False
) -> np.ndarray:
    """Multiply-adds for one image to have the predictions of exits 1 ... k: (K,) integers.

    Counts convolutions, linear layers and products of matrices, or the convolutions alone.
    image_shape: (C, H, W). Nothing is computed, as the count is taken on shapes, unless the network
    looks at values on its way.
    """
    return _on_shapes(network, image_shape, lambda net, x: counted(net, x, convolutions_only))


@torch.no_grad()
def counted(network: Any, images: Tensor, convolutions_only: bool = False) -> np.ndarray:
    """The same for images (N, C, H, W), by running the network itself as it stands."""
    from torch.utils.flop_counter import FlopCounterMode  # it imports the compiler

    with FlopCounterMode(display=False) as counter:
        flops = [_flops(counter, convolutions_only) for _ in network.refine(images)]
    return np.array(flops, dtype=np.int64) // 2


def _flops(counter: Any, convolutions_only: bool) -> int:
    kind = "convolution" if convolutions_only else ""
    by_operator = counter.flop_counts["Global"]
    return sum(flops for name, flops in by_operator.items() if kind in str(name))


def parameters(network: nn.Module, image_shape: tuple[int, ...] = CIFAR) -> np.ndarray:
    """Parameters that are computed with to have the predictions of exits 1 ... k: (K,) integers.

    A chain's exits need the whole networks before their own, too.
    """
    sizes = {name: parameter.numel() for name, parameter in network.named_parameters()}

    def count(twin: Any, images: Tensor) -> list[int]:
        with torch.no_grad(), _Taken(_first_names(network, twin)) as taken:
            return [sum(sizes[name] for name in taken.names) for _ in twin.refine(images)]

    return np.array(_on_shapes(network, image_shape, count), dtype=np.int64)


class _Taken(TorchDispatchMode):
    """Collects the names of the parameters that operators take."""

    def __init__(self, known: dict[Tensor, str]) -> None:
        super().__init__()
        self.known, self.names = known, set[str]()

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        taken = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        self.names.update(self.known[tensor] for tensor in taken if tensor in self.known)
        return operator(*args, **(kwargs or {}))


def reach(network: nn.Module, image_shape: tuple[int, ...] = CIFAR) -> list[set[str]]:
    """The names of the parameters that each exit's own prediction depends on, exit by exit.

    A parameter of two modules goes by its first name. image_shape: (C, H, W).
    """

    @torch.enable_grad()
    def follow(twin: Any, images: Tensor) -> list[set[str]]:
        for parameter in twin.parameters():
            parameter.requires_grad_(parameter.is_floating_point())
        known = _first_names(network, twin)
        leaves = [_leaves(logits.grad_fn) for logits in twin.refine(images)]
        return [{known[leaf] for leaf in found if leaf in known} for found in leaves]

    return _on_shapes(network, image_shape, follow)


def _first_names(network: nn.Module, twin: nn.Module) -> dict[Tensor, str]:
    """Each parameter of a copy by its first name in the network."""
    # By the original, as two modules of the copy on shapes share no parameter.
    firsts = {parameter: name for name, parameter in network.named_parameters()}
    every = network.named_parameters(remove_duplicate=False)
    first = {name: firsts[parameter] for name, parameter in every}
    return {parameter: first[name] for name, parameter in twin.named_parameters()}


def _leaves(start: Any) -> set[Tensor]:
    """The tensors that a node of the backward graph leads to."""
    seen, waiting = set(), [start]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [following for following, _ in node.next_functions]
    return {node.variable for node in seen if hasattr(node, "variable")}


def _on_shapes(network: nn.Module, image_shape: tuple[int, ...], look: Callable) -> Any:
    """What a look at a copy of the network and one image finds, on shapes alone if possible."""
    try:
        twin = copy.deepcopy(network).to("meta").eval()
        return look(twin, torch.zeros(1, *image_shape, device="meta"))
    except RuntimeError:  # it reads a value, or keeps a tensor of its own
        twin = copy.deepcopy(network).cpu().eval()
        return look(twin, torch.zeros(1, *image_shape))


@torch.inference_mode()
def latency(network: Any, images: Tensor, repeats: int = 20) -> np.ndarray:
    """Seconds from the images to the prediction of each exit: (K,), the median of the repeats.

    Measured on the device of the images after two warm-up passes, in evaluation mode; the network
    is left in the mode it was in. On a GPU each exit is waited for, as one who reads its answer
    would.
    """
    training = network.training
    network.eval()
    times = np.empty((repeats + 2, network.num_exits))
    wait = torch.cuda.synchronize if images.is_cuda else lambda: None
    for row in times:
        wait()
        start = time.perf_counter()
        for k, _ in enumerate(network.refine(images)):
            wait()
            row[k] = time.perf_counter() - start
    network.train(training)
    return np.median(times[2:], axis=0)
