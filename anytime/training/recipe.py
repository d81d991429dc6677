"""How a network is trained: one frozen record, without any of the machinery."""

from __future__ import annotations  # the command line reads the fields' types as texts

import json
import math
from dataclasses import dataclass, field, fields
from typing import Any, Self


def _option(default: Any, help: str, choices: tuple[str, ...] = (), late: bool = False) -> Any:
    """A field with the words that are said of it wherever it is offered.

    late: records from before there was such a field were made with its default, and say nothing.
    """
    return field(default=default, metadata={"help": help, "choices": choices, "late": late})


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    What each field means stands beside it; `python -m anytime train --help` prints it all.
    Raises ValueError for values that no training can follow.

    >>> Recipe(epochs=20, lr=0.4).learning_rate(2.5)
    0.2
    """

    epochs: int = _option(10, "passes over the training set")
    batch_size: int = _option(128, "images a step, over all processes")
    lr: float = _option(0.1, "the largest learning rate")
    schedule: str = _option(
        "one-cycle",
        "one-cycle: rise evenly to lr over the first quarter and fall evenly to 0; "
        "milestones: start at lr and take each milestone's rate from its epoch on",
        choices=("one-cycle", "milestones"),
    )
    milestones: tuple[tuple[int, float], ...] = _option(
        (), "epochs, and the learning rate from each on, in any order"
    )
    momentum: float = _option(0.9, "of SGD, from 0 to below 1")
    weight_decay: float = _option(2e-4, "on the weights of convolutions and of the heads")
    head_decay: str = _option(
        "sieve",
        "weight decay of the heads: times the static SIEVE weight of their exit, as the authors', "
        "or even as everywhere",
        choices=("sieve", "even"),
    )
    augmentation: tuple[str, ...] | None = _option(
        None, "steps such as crop and flip, see `anytime.datasets.augment` (the data set's own)"
    )
    backward: str = _option(
        "whole",
        "gradients of later exits: whole; scaled, so that each segment gets the mean of those of "
        "all exits behind it (gradient equilibrium); or stopped, so that it learns from its own",
        choices=("whole", "scaled", "stopped"),
        late=True,
    )
    distil: float = _option(
        0.0, "share of the earlier exits' losses that is distilled from the last exit", late=True
    )
    temperature: float = _option(3.0, "by which logits are divided to be distilled", late=True)
    backbone_epochs: int = _option(
        0, "epochs at first that train the last exit alone, in a cycle of their own", late=True
    )
    after_backbone: str = _option(
        "joint",
        "what learns after these: joint, all of the network; or heads, the earlier exits' alone",
        choices=("joint", "heads"),
        late=True,
    )
    # No float16: it would need a loss scaler.
    autocast: str | None = _option(None, "type to compute in (float32)", choices=("bfloat16",))
    channels_last: bool = _option(True, "order pixels in memory so that convolutions are faster")
    compile: bool = _option(
        False, "torch.compile the network, unless the weighting looks at gradients"
    )

    def __post_init__(self) -> None:
        steps = self.augmentation
        texts = isinstance(steps, tuple) and all(isinstance(step, str) for step in steps)
        for name, good, what in (
            ("epochs", _counts(self.epochs), "a whole number from 1 on"),
            ("batch_size", _counts(self.batch_size), "a whole number from 1 on"),
            ("lr", _from_0(self.lr) and self.lr > 0, "above 0 and finite"),
            ("momentum", _from_0(self.momentum, below=1), "from 0 to below 1"),
            ("weight_decay", _from_0(self.weight_decay), "from 0 on and finite"),
            ("backbone_epochs", self._fits(self.backbone_epochs), "whole and below epochs"),
            ("distil", _from_0(self.distil) and self.distil <= 1, "from 0 to 1"),
            ("temperature", _from_0(self.temperature) and self.temperature > 0, "above 0"),
            ("augmentation", steps is None or texts, "a tuple of texts, or None"),
            ("milestones", _pairs(self.milestones), "a tuple of (epoch, rate), each epoch once"),
            ("channels_last", type(self.channels_last) is bool, "True or False"),
            ("compile", type(self.compile) is bool, "True or False"),
        ):
            if not good:
                raise ValueError(f"{name} must be {what}, not {getattr(self, name)!r}")
        for one in fields(self):
            value, choices = getattr(self, one.name), one.metadata["choices"]
            if choices and value != one.default and value not in choices:
                raise ValueError(f"unknown {one.name} {value!r}; there is {' or '.join(choices)}")
        if self.after_backbone == "heads" and not self.backbone_epochs:
            raise ValueError("after_backbone='heads' needs backbone_epochs of 1 or more")
        self._check_milestones()

    def _fits(self, first: Any) -> bool:
        return type(first) is int and _counts(self.epochs) and 0 <= first < self.epochs

    def _check_milestones(self) -> None:
        if self.milestones and self.schedule != "milestones":
            raise ValueError("milestones belong to schedule='milestones'")
        for epoch, rate in self.milestones:
            if not _counts(epoch) or not _from_0(rate) or rate == 0:
                raise ValueError(f"milestone {epoch}:{rate} needs an epoch >= 1 and a rate > 0")
            if epoch >= self.epochs:
                raise ValueError(f"milestone {epoch} is never reached in {self.epochs} epochs")

    def learning_rate(self, epoch: float) -> float:
        """The learning rate after so many epochs, fractions counted."""
        if self.schedule == "milestones":
            return ([self.lr] + [lr for start, lr in sorted(self.milestones) if epoch >= start])[-1]
        first = self.backbone_epochs
        share = epoch / first if epoch < first else (epoch - first) / (self.epochs - first)
        return self.lr * min(4 * share, (1 - share) * 4 / 3)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it: tuples become lists."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        for one in fields(self):
            if one.metadata["late"] and told[one.name] == one.default:
                del told[one.name]
        return json.loads(json.dumps(told))

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """The recipe of a run's record, which may be older than some fields and refusals.

        Raises ValueError for a field that is newer than this version of the kit.
        """
        if unknown := content.keys() - {one.name for one in fields(cls)}:
            raise ValueError(f"a recipe has no {min(unknown)!r}; a newer kit knows this record")
        recipe = cls()
        # What was done was done: it is read as it is, not checked as a plan would be.
        vars(recipe).update({name: _tuples(value) for name, value in content.items()})
        return recipe


def _counts(value: Any) -> bool:
    return type(value) is int and value >= 1  # True is an int as well


def _from_0(value: Any, below: float = math.inf) -> bool:
    # A number of numpy's or torch's is no JSON.
    return type(value) in (int, float) and 0 <= value < below


def _pairs(value: Any) -> bool:
    """Whether it is a tuple of pairs whose first halves differ."""
    pairs = isinstance(value, tuple) and all(isinstance(p, tuple) and len(p) == 2 for p in value)
    return pairs and len({first for first, _ in value}) == len(value)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


_RATES = (140, 0.01), (210, 0.001), (250, 0.0002)
CIFAR_PAPER = Recipe(epochs=300, batch_size=64, schedule="milestones", milestones=_RATES)
"""The paper's recipe for CIFAR-10 and CIFAR-100 (section 4)."""
