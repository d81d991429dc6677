"""A module's forward pass, written down by torch.fx and cut behind named layers."""

from __future__ import annotations

import random
import textwrap
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn


def traced(backbone: nn.Module, exits: Sequence[str], all_open: bool = False) -> fx.Graph:
    """The graph of a backbone's forward pass, in the mode that the backbone is in.

    Its names are those of a module that has the backbone as `backbone`; a node's meta["exit"] says
    that it is the output of this layer, one of the exits. Only the modules around an exit are
    opened: all others stay whole, and free to decide as they run.
    all_open: opens everything but torch.nn's own layers.
    Give a copy: a forward pass may keep what it meets, which here is no tensor.
    Raises ValueError, with the reason, for a forward pass that is not a fixed row of steps.
    """
    tracer = _Tracer(backbone, exits, all_open)
    drawn = random.getstate(), torch.get_rng_state()
    try:
        tracer.trace(nn.Sequential(OrderedDict(backbone=backbone)))
    except Exception as error:  # whatever a forward pass raises that meets no tensor
        raise tracer.refusal(str(error)) from error

    # Two things that the graph would silently keep as they were this once.
    if random.getstate() != drawn[0] or not torch.equal(torch.get_rng_state(), drawn[1]):
        raise tracer.refusal("it draws random numbers outside of its layers")
    if any(node.op == "get_attr" and node.target.startswith("_") for node in tracer.graph.nodes):
        raise tracer.refusal("it makes a tensor that depends on no input: keep that as a buffer")

    tracer.mark_exits()
    return tracer.graph


class Pieces:
    """A forward pass in pieces, one for each exit: functions that torch.fx writes.

    The first takes the input, each other one what the earlier ones have computed and it needs.
    exits: the layers behind which they are cut, in the order of the forward pass.
    """

    def __init__(self, graph: fx.Graph) -> None:
        self.graph, self.functions = graph, []
        self.exits = tuple(node.meta["exit"] for node in graph.nodes if "exit" in node.meta)
        piece, copies, seen = fx.Graph(), {}, set()
        for node in graph.nodes:
            seen.add(node)
            is_end = node.op == "output"
            if not is_end:
                copies[node] = piece.node_copy(node, copies.__getitem__)
            if is_end or "exit" in node.meta:
                result = copies[node.args[0] if is_end else node]
                needed = [value for value in copies if not seen.issuperset(value.users)]
                piece.output((result, [copies[value] for value in needed]))
                self.functions.append(_written(piece))
                piece = fx.Graph()
                copies = {value: piece.placeholder(value.name) for value in needed}

    def __reduce__(self) -> tuple:
        return Pieces, (self.graph,)  # a function made of text has no name to be copied by

    def run(self, root: nn.Module, given: Tensor) -> Iterator[Tensor]:
        """Yields what the exits' layers give, and then the answer, piece by piece.

        root: the module that has all layers and parameters under the names in the graph.
        """
        values = [given]
        for function in self.functions:
            result, values = function(root, *values)
            yield result


def _written(graph: fx.Graph) -> Callable:
    code = graph.python_code("self")
    names = dict(code.globals)
    exec(code.src, names)
    return names["forward"]


class _Tracer(fx.Tracer):
    proxy_buffer_attributes = True  # else what is computed from buffers alone would be frozen

    def __init__(self, backbone: nn.Module, exits: Sequence[str], all_open: bool) -> None:
        super().__init__()
        self.backbone, self.all_open = backbone, all_open
        self.exits, self.opened, self.outputs = exits, {backbone}, defaultdict(list)
        for name in exits:
            while name := name.rpartition(".")[0]:
                self.opened.add(backbone.get_submodule(name))

    def is_leaf_module(self, module: nn.Module, path: str) -> bool:
        if module in self.opened:
            if module._forward_hooks or module._forward_pre_hooks:
                raise ValueError(f"{type(module).__name__} has hooks, which would run only once")
            return False
        return not self.all_open or super().is_leaf_module(module, path)

    def call_module(self, module: nn.Module, forward: Callable, args: Any, kwargs: Any) -> Any:
        output = super().call_module(module, forward, args, kwargs)
        self.outputs[module].append(output)
        return output

    def mark_exits(self) -> None:
        """Marks the nodes of the exits, and refuses layers behind which no exit can be."""
        (answer,) = self.outputs[self.backbone]
        when = "in training" if self.backbone.training else "in evaluation mode"
        if not isinstance(answer, fx.Proxy):
            kind = type(answer).__name__
            raise self.refusal(f"{when} it answers with a {kind}, not with the logits alone")
        for name in self.exits:
            outputs = self.outputs[self.backbone.get_submodule(name)]
            node = getattr(outputs[0], "node", None) if outputs else None
            if len(outputs) != 1:
                problem = f"is called {len(outputs)} times {when}, not once: name one around it"
            elif node is None:
                problem = "gives no tensor: name one inside of it"
            elif node is answer.node:
                problem = "gives the backbone's answer, the last exit anyway: leave it out"
            elif "exit" in node.meta:
                problem = f"gives what {node.meta['exit']!r} gives: leave one out"
            else:
                node.meta["exit"] = name
                continue
            raise ValueError(f"layer {name!r} {problem}")

    def refusal(self, reason: str) -> ValueError:
        """What to raise where the forward pass, as far as it has come, cannot be traced."""
        path, kind = [("", type(self.backbone)), *self.module_stack.values()][-1]
        place = path.removeprefix("backbone").removeprefix(".")
        outside = f"name layers outside of {place!r}, " if place else ""
        return ValueError(
            f"the forward pass of {kind.__name__} cannot be cut: {textwrap.shorten(reason, 200)}. "
            f"Change that, {outside}or write a module with `num_exits` and `refine(images)`"
        )
