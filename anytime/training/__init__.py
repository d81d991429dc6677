"""Training: the recipe, the loop that follows it, its checkpoints, and what comes out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from anytime.training.recipe import CIFAR_PAPER, Recipe

if TYPE_CHECKING:
    from anytime.training.evaluation import evaluate, exit_losses, exit_mistakes, predict
    from anytime.training.loop import train
    from anytime.training.session import Session
    from anytime.training.sums import NotFinite

__all__ = [
    "CIFAR_PAPER",
    "NotFinite",
    "Recipe",
    "Session",
    "evaluate",
    "exit_losses",
    "exit_mistakes",
    "predict",
    "train",
]

# What needs torch is imported when it is first asked for: a recipe does without.
_MODULES = {
    "NotFinite": "sums",
    "Session": "session",
    "evaluate": "evaluation",
    "exit_losses": "evaluation",
    "exit_mistakes": "evaluation",
    "predict": "evaluation",
    "train": "loop",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
