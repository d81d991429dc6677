"""How a network is trained: one frozen record, without any of the machinery."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SCHEDULES = ("milestones", "one-cycle")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    epochs: passes over the training set. batch_size: images per step, over all processes.
    schedule: "milestones" starts at lr and sets it to each milestone's value from its epoch on;
        "one-cycle" rises evenly to lr over the first quarter and falls evenly to 0.
    milestones: (epoch, learning rate) pairs, in any order. momentum: of SGD.
    weight_decay: on the weights of convolutions and, times the exit's weight B_i, of the heads.
    augmentation: names of steps, see `anytime.datasets.augment`; None takes the data set's own.
    autocast: None or a floating-point type such as "bfloat16". channels_last, compile: ways to
        compute the same thing faster.
    """

    epochs: int = 10
    batch_size: int = 128
    lr: float = 0.1
    schedule: str = "one-cycle"
    milestones: tuple[tuple[int, float], ...] = ()
    momentum: float = 0.9
    weight_decay: float = 2e-4
    augmentation: tuple[str, ...] | None = None
    head_decay: str = "sieve"
    autocast: str | None = None
    channels_last: bool = True
    compile: bool = False

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or not self.lr > 0:
            raise ValueError(
                "a recipe needs epochs >= 1, batch_size >= 1 and lr > 0, not "
                f"{self.epochs}, {self.batch_size} and {self.lr}"
            )
        if self.schedule not in SCHEDULES:
            raise ValueError(f"unknown schedule {self.schedule!r}; there are {SCHEDULES}")
        if self.milestones and self.schedule != "milestones":
            raise ValueError("milestones belong to schedule='milestones'")
        late = [epoch for epoch, _ in self.milestones if epoch >= self.epochs]
        if late:
            raise ValueError(f"milestone {late[0]} is never reached in {self.epochs} epochs")

    def learning_rate(self, epoch: float) -> float:
        """The learning rate after so many epochs, fractions counted."""
        if self.schedule == "milestones":
            return ([self.lr] + [lr for start, lr in sorted(self.milestones) if epoch >= start])[-1]
        share = epoch / self.epochs
        return self.lr * min(4 * share, (1 - share) * 4 / 3)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it: tuples become lists."""
        return {
            key: [list(item) if isinstance(item, tuple) else item for item in value]
            if isinstance(value, tuple)
            else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Recipe:
        """The recipe of a run's record."""
        content = dict(content)
        content["milestones"] = tuple(tuple(pair) for pair in content.get("milestones", ()))
        if content.get("augmentation") is not None:
            content["augmentation"] = tuple(content["augmentation"])
        return cls(**content)


CIFAR_PAPER = Recipe(
    epochs=300,
    batch_size=64,
    schedule="milestones",
    milestones=((140, 0.01), (210, 0.001), (250, 0.0002)),
)
"""The paper's recipe for CIFAR-10 and CIFAR-100 (section 4)."""
