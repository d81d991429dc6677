"""Training in stages: the backbone first, with the last exit alone, then heads or everything."""

from typing import Any

from torch import Tensor, nn

from anytime.networks import cost
from anytime.training.recipe import Recipe


class Stages:
    """Which part of a network rests in which epochs.

    The backbone is all that the last exit depends on, its head included. Where the other heads
    learn alone, it is frozen with the statistics of its norms. Kubaty et al., "How to train your
    multi-exit model?" (2024), call the three ways disjoint, joint and mixed.
    """

    def __init__(self, network: Any, recipe: Recipe, image_shape: tuple[int, ...]) -> None:
        self.network, self.recipe = network, recipe
        last = cost.reach(network, image_shape)[-1] if recipe.backbone_epochs else set()
        self.backbone = [p for name, p in network.named_parameters() if name in last]
        self.heads = [p for name, p in network.named_parameters() if name not in last]
        self.frozen = self._outside_heads() if recipe.after_backbone == "heads" else []

    def is_first(self, epoch: int) -> bool:
        """Whether the last exit learns alone, once so many epochs are finished."""
        return epoch < self.recipe.backbone_epochs

    def _outside_heads(self) -> list[nn.Module]:
        """The modules that are neither a head nor a part of one."""
        heads, inside = set(self.heads), set[nn.Module]()
        for module in self.network.modules():
            if (
                heads.issuperset(module.parameters())
                and next(module.parameters(), None) is not None
            ):
                inside.update(module.modules())
        return [module for module in self.network.modules() if module not in inside]

    def set_mode(self, epoch: int) -> None:
        """Freezes what is frozen; a look at the test set thaws it."""
        if not self.is_first(epoch):
            for module in self.frozen:
                module.training = False

    def resting(self, epoch: int) -> list[Tensor]:
        """The parameters that no step changes, neither by decay nor by momentum."""
        if self.is_first(epoch):
            return self.heads
        return self.backbone if self.recipe.after_backbone == "heads" else []
