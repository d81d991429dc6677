"""Training: the recipe, the loop that follows it, its checkpoints, and what comes out."""

from typing import TYPE_CHECKING

from anytime import lazily
from anytime.training.recipe import CIFAR_PAPER, Recipe

if TYPE_CHECKING:
    from anytime.training.evaluation import evaluate, exit_losses, exit_mistakes, predict
    from anytime.training.loop import train
    from anytime.training.session import Session
    from anytime.training.sums import NotFinite

LATE = {"evaluation": "evaluate exit_losses exit_mistakes predict", "loop": "train"}
LATE |= {"session": "Session", "sums": "NotFinite"}
__getattr__ = lazily(__name__, LATE)  # a recipe does without torch
