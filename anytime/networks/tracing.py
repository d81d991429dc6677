"""A backbone's forward pass in steps, as torch.fx writes it down."""

import random
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn


def traced(backbone: nn.Module, exits: Sequence[str], all_open: bool = False) -> fx.Graph:
    """The graph of a backbone's forward pass, in the mode that the backbone is in.

    A node's meta["exit"] says that it is the output of this layer, one of the exits. Only the
    modules around an exit are opened: all others stay whole, and free to decide as they run.
    all_open: opens everything but torch.nn's own layers.
    Give a copy: a forward pass may keep what it meets, which here is no tensor.
    Raises ValueError, with the reason, for a forward pass that is not a fixed row of steps, and for
    a layer behind which no exit can be.
    """
    tracer = _Tracer(exits, all_open)
    before = _generators()
    try:
        graph = tracer.trace(backbone)
    except Exception as error:  # whatever a forward pass raises that meets no tensor
        raise tracer.refusal(str(error)) from error

    # Two things that the graph would silently keep as they were this once.
    if _generators() != before:
        raise tracer.refusal("it draws random numbers outside of its layers")
    if any(node.op == "get_attr" and str(node.target).startswith("_") for node in graph.nodes):
        raise tracer.refusal("it makes a tensor that depends on no input: keep that as a buffer")

    *_, output = graph.nodes
    tracer.mark_exits(output.args[0])
    return graph


def exits_of(graph: fx.Graph) -> tuple[str, ...]:
    """The layers of the exits, in the order of the forward pass."""
    return tuple(node.meta["exit"] for node in graph.nodes if "exit" in node.meta)


def steps(graph: fx.Graph, root: nn.Module, images: Tensor) -> Iterator[Any]:
    """Yields what the exits' layers give for images, and then the answer, and runs nothing beyond.

    root: the module that has all layers and parameters under the names in the graph.
    """
    interpreter = fx.Interpreter(root, graph=graph)
    interpreter.args_iter = iter([images])
    for node in graph.nodes:
        interpreter.env[node] = interpreter.run_node(node)
        if "exit" in node.meta or node.op == "output":
            yield interpreter.env[node]
        for past in interpreter.user_to_last_uses.get(node, ()):
            del interpreter.env[past]  # nothing needs it any more


def _generators() -> tuple:
    return random.getstate(), torch.get_rng_state().tolist()


class _Tracer(fx.Tracer):
    proxy_buffer_attributes = True  # else what is computed from buffers alone would be frozen

    def __init__(self, exits: Sequence[str], all_open: bool) -> None:
        super().__init__()
        self.exits, self.all_open = exits, all_open
        self.outputs: dict[str, list[Any]] = defaultdict(list)

    def is_leaf_module(self, module: nn.Module, path: str) -> bool:
        if any(exit.startswith(f"{path}.") for exit in self.exits):
            return False
        return not self.all_open or super().is_leaf_module(module, path)

    def call_module(self, module: nn.Module, forward: Callable, args: Any, kwargs: Any) -> Any:
        output = super().call_module(module, forward, args, kwargs)
        self.outputs[self.path_of_module(module)].append(output)
        return output

    def mark_exits(self, answer: Any) -> None:
        """Marks the nodes of the exits, and refuses layers behind which no exit can be."""
        when = "in training" if self.root.training else "in evaluation mode"
        if not isinstance(answer, fx.Node):
            kind = type(answer).__name__
            raise self.refusal(f"{when} it answers with a {kind}, not with the logits alone")

        for name in self.exits:
            nodes = [output.node for output in self.outputs[name] if isinstance(output, fx.Proxy)]
            if len(nodes) != 1:
                problem = f"gives a tensor {len(nodes)} times {when}, not once: name another layer"
            elif nodes[0] is answer:
                problem = "gives the backbone's answer, the last exit anyway: leave it out"
            elif "exit" in nodes[0].meta:
                problem = f"gives what {nodes[0].meta['exit']!r} gives: leave one out"
            else:
                nodes[0].meta["exit"] = name
                continue
            raise ValueError(f"layer {name!r} {problem}")

    def refusal(self, reason: str) -> ValueError:
        """What to raise where the forward pass, as far as it has come, cannot be traced."""
        opened = [f"layer {name!r}" for name, _ in self.module_stack.values()]
        place = [type(self.root).__name__, *opened][-1]
        outside = f"name layers outside of {place}, " if opened else ""
        return ValueError(
            f"the forward pass of {place} cannot be cut: {textwrap.shorten(reason, 200)}. "
            f"Change that, {outside}or write a module with `num_exits` and `refine(images)`"
        )
